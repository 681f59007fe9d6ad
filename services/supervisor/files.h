/* SPDX-License-Identifier: Apache-2.0 */
/* Small files of the supervisor: read whole, written whole or not at all. */
#ifndef SUPERVISOR_FILES_H
#define SUPERVISOR_FILES_H

#include "services/supervisor/identity.h"

/* Appends the content, up to the buffer's maximum. ERR_NOT_FOUND, ERR_LIMIT, ERR_INTERNAL. */
bool files_read(const char *path, struct buf *out, struct err *e);
/* The same for a file in a directory that the identity may write to, where root must not believe
 * what stands there: only a regular file of the identity's own is read, never what a link or a pipe
 * leads to. ERR_DENIED. */
bool files_read_own(const struct identity *id, const char *path, struct buf *out, struct err *e);
/* The path without symbolic links, in the arena; NULL when it is not there (ERR_INTERNAL). */
const char *files_resolve(const char *path, struct arena *a, struct err *e);
/* Writes dir/name through a new file and a rename, mode 0600, owned by the identity. ERR_DENIED
 * when the directory, wherever its path leads, is not the identity's. */
bool files_write(const struct identity *id, const char *dir, const char *name, str content,
                 struct arena *a, struct err *e);
/* Takes dir/name away if it is there, under the same condition. */
bool files_remove(const struct identity *id, const char *dir, const char *name, struct err *e);
/* Writes all of it to a descriptor. */
bool files_write_fd(int fd, str content, struct err *e);

#endif
