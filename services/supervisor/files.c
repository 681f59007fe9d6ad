/* SPDX-License-Identifier: Apache-2.0 */
/* Small files, whole. */
#include "services/supervisor/files.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

/* Reads and closes. */
static bool read_all(int fd, const char *path, struct buf *out, struct err *e)
{
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

static bool cannot_open(const char *path, struct err *e)
{
    return ERR_SYS(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_INTERNAL, "open %s", path);
}

bool files_read(const char *path, struct buf *out, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? cannot_open(path, e) : read_all(fd, path, out, e);
}

bool files_read_own(const struct identity *id, const char *path, struct buf *out, struct err *e)
{
    struct stat facts;
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 && errno == ELOOP)
        return ERR(e, ERR_DENIED, "%s is a link, which is not followed", path);
    if (fd < 0)
        return cannot_open(path, e);
    if (fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode) && facts.st_uid == id->uid)
        return read_all(fd, path, out, e);
    (void)close(fd);
    return ERR(e, ERR_DENIED, "%s is no file of %s's own", path, id->name);
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

/* The directory, or -1. A link may lead there (a bigger disk), but only to one that the identity
 * could write to by itself: root is not lent to it. */
static int open_own_dir(const struct identity *id, const char *dir, struct err *e)
{
    struct stat facts;
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        (void)ERR_SYS(e, ERR_INTERNAL, "open %s", dir);
        return -1;
    }
    if (fstat(fd, &facts) == 0 && facts.st_uid == id->uid)
        return fd;
    (void)close(fd);
    (void)ERR(e, ERR_DENIED, "%s does not belong to %s", dir, id->name);
    return -1;
}

/* A link that stands there is removed, never followed. */
static bool write_in(const struct identity *id, int dir_fd, const char *name, const char *fresh,
                     str content, struct err *e)
{
    (void)unlinkat(dir_fd, fresh, 0);
    int fd = openat(dir_fd, fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return ERR_SYS(e, ERR_INTERNAL, "make %s", fresh);
    bool ok = files_write_fd(fd, content, e);
    if (ok && id->must_drop && fchown(fd, id->uid, id->gid) != 0)
        ok = ERR_SYS(e, ERR_INTERNAL, "give %s to %s", fresh, id->name);
    (void)close(fd);
    if (ok && renameat(dir_fd, fresh, dir_fd, name) != 0)
        ok = ERR_SYS(e, ERR_INTERNAL, "rename %s", fresh);
    return ok;
}

bool files_write(const struct identity *id, const char *dir, const char *name, str content,
                 struct arena *a, struct err *e)
{
    const char *fresh = arena_cstr(a, arena_printf(a, "%s.new", name));
    int dir_fd = open_own_dir(id, dir, e);
    if (dir_fd < 0)
        return false;
    bool ok = write_in(id, dir_fd, name, fresh, content, e) || err_wrap(e, "write in %s", dir);
    (void)close(dir_fd);
    return ok;
}

bool files_remove(const struct identity *id, const char *dir, const char *name, struct err *e)
{
    int dir_fd = open_own_dir(id, dir, e);
    if (dir_fd < 0)
        return false;
    bool ok = unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT;
    if (!ok)
        (void)ERR_SYS(e, ERR_INTERNAL, "remove %s/%s", dir, name);
    (void)close(dir_fd);
    return ok;
}
