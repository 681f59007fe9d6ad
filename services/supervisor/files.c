/* SPDX-License-Identifier: Apache-2.0 */
/* Small files, whole. */
#include "services/supervisor/files.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

bool files_read(const char *path, struct buf *out, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return ERR_SYS(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_INTERNAL, "open %s", path);
    bool ok = true;
    for (;;) {
        char chunk[2048];
        ssize_t n = read(fd, chunk, sizeof(chunk));
        if (n < 0) {
            ok = ERR_SYS(e, ERR_INTERNAL, "read %s", path);
        } else if (n > 0 && !buf_add(out, str_of(chunk, (size_t)n))) {
            ok = ERR(e, ERR_LIMIT, "%s is longer than %zu bytes", path, out->max);
        }
        if (n <= 0 || !ok)
            break;
    }
    (void)close(fd);
    return ok;
}

const char *files_resolve(const char *path, struct arena *a, struct err *e)
{
    char *resolved = realpath(path, NULL);
    if (!resolved) {
        (void)ERR_SYS(e, ERR_INTERNAL, "find %s", path);
        return NULL;
    }
    const char *out = arena_cstr(a, str_from_cstr(resolved));
    free(resolved);
    return out;
}

bool files_write_fd(int fd, str content, struct err *e)
{
    while (content.n > 0) {
        ssize_t n = write(fd, content.p, content.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return ERR_SYS(e, ERR_INTERNAL, "write");
        content = str_skip(content, (size_t)n);
    }
    return true;
}

bool files_write(const struct identity *id, const char *dir, const char *name, str content,
                 struct arena *a, struct err *e)
{
    const char *path = arena_cstr(a, arena_printf(a, "%s/%s", dir, name));
    const char *fresh = arena_cstr(a, arena_printf(a, "%s.new", path));
    /* The directory belongs to the unprivileged user, we may be root: a link that stands there is
     * removed, never followed. */
    (void)unlink(fresh);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return ERR_SYS(e, ERR_INTERNAL, "make %s", fresh);
    bool ok = files_write_fd(fd, content, e);
    if (ok && id->must_drop && fchown(fd, id->uid, id->gid) != 0)
        ok = ERR_SYS(e, ERR_INTERNAL, "give %s to %s", fresh, id->name);
    (void)close(fd);
    if (ok && rename(fresh, path) != 0)
        ok = ERR_SYS(e, ERR_INTERNAL, "rename %s", fresh);
    return ok;
}
