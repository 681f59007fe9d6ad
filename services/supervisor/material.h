/* SPDX-License-Identifier: Apache-2.0 */
/* Files that only the supervisor may read (configuration, keys), handed to workers as anonymous
 * files in memory. A worker that has given up root opens them again by their path, which stays the
 * same, so a reload needs neither rights nor a restart. */
#ifndef SUPERVISOR_MATERIAL_H
#define SUPERVISOR_MATERIAL_H

#include "services/supervisor/identity.h"

enum {
    MATERIAL_MAX = 1 << 20 /* bytes of one file */
};

struct material {
    int fd;
    char path[32]; /* "/proc/self/fd/7", for this process and those it forks */
};

/* An empty file that the identity may read. Its descriptor is inherited. */
bool material_new(struct material *m, const char *name, const struct identity *id, struct err *e);
/* Replaces the content by that of the file. On failure the old content stays. With `owner`, only by
 * that of a file of its own (files_read_own): what the identity made for itself must not lead to
 * what only root may read. */
bool material_fill(const struct material *m, const char *path, const struct identity *owner,
                   struct err *e);

#endif
