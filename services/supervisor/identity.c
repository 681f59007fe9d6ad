/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the unprivileged user, becomes it, and gives directories to it. */
#include "services/supervisor/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

static const char fallback_user[] = "postgres";

bool identity_find(const struct config *c, struct arena *a, struct identity *out, struct err *e)
{
    const struct passwd *user;
    *out = (struct identity){ .uid = geteuid(), .gid = getegid() };
    if (out->uid != 0) {
        user = getpwuid(out->uid);
        out->name = user ? arena_cstr(a, str_from_cstr(user->pw_name))
                         : arena_cstr(a, arena_printf(a, "%u", (unsigned)out->uid));
        return true;
    }
    const char *wanted = config_text(c, CONFIG_USER);
    user = getpwnam(wanted);
    if (!user && config_line(c, CONFIG_USER) == 0) {
        user = getpwnam(fallback_user);
        out->is_fallback = true;
    }
    if (!user) {
        return ERR(e, ERR_NOT_FOUND,
                   "root does not serve mail, and there is no user \"%s\"; make it with "
                   "\"useradd --system --user-group %s\" or set `user` in %s",
                   wanted, wanted, config_file(c));
    }
    if (user->pw_uid == 0)
        return ERR(e, ERR_DENIED, "user \"%s\" is root; name an unprivileged one", wanted);
    out->uid = user->pw_uid;
    out->gid = user->pw_gid;
    out->name = arena_cstr(a, str_from_cstr(user->pw_name));
    out->must_drop = true;
    return true;
}

bool identity_drop(const struct identity *id, struct err *e)
{
    const struct rlimit none = { 0, 0 };
    if (setrlimit(RLIMIT_CORE, &none) != 0)
        return ERR_SYS(e, ERR_INTERNAL, "forbid core dumps");
    if (id->must_drop) {
        if (initgroups(id->name, id->gid) != 0)
            return ERR_SYS(e, ERR_INTERNAL, "take the groups of %s", id->name);
        if (setresgid(id->gid, id->gid, id->gid) != 0)
            return ERR_SYS(e, ERR_INTERNAL, "take the group of %s", id->name);
        if (setresuid(id->uid, id->uid, id->uid) != 0)
            return ERR_SYS(e, ERR_INTERNAL, "become %s", id->name);
        if (setuid(0) == 0)
            return ERR(e, ERR_INTERNAL, "%s could become root again", id->name);
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return ERR_SYS(e, ERR_INTERNAL, "set no_new_privs");
    return true;
}

/* Whether the identity may search the directory: plain permission bits, without ACLs. */
static bool may_search(const struct identity *id, const struct stat *dir)
{
    if (dir->st_uid == id->uid)
        return dir->st_mode & S_IXUSR;
    if (dir->st_gid == id->gid)
        return dir->st_mode & S_IXGRP;
    return dir->st_mode & S_IXOTH;
}

/* The directory that becomes the identity's. It stands in one that the identity may write to, so a
 * link is never followed: root would give away what it points to. */
static bool take_over(const struct identity *id, const char *path, struct err *e)
{
    struct stat facts = { 0 };
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &facts) != 0) {
        (void)ERR_SYS(e, ERR_DENIED, "%s is no directory of its own", path);
        if (fd >= 0)
            (void)close(fd);
        return false;
    }
    bool ok = facts.st_uid == id->uid || fchown(fd, id->uid, id->gid) == 0;
    if (!ok)
        (void)ERR_SYS(e, ERR_INTERNAL, "give %s to %s", path, id->name);
    (void)close(fd);
    return ok;
}

/* Makes one directory of the way. `is_last` is the one that becomes the identity's. */
static bool make_one(const struct identity *id, const char *path, bool is_last, mode_t mode,
                     struct err *e)
{
    struct stat facts;
    bool made = mkdir(path, is_last ? mode : 0755) == 0;
    if (!made && errno != EEXIST)
        return ERR_SYS(e, ERR_INTERNAL, "make directory %s", path);
    if (stat(path, &facts) != 0)
        return ERR_SYS(e, ERR_INTERNAL, "look at %s", path);
    if (!S_ISDIR(facts.st_mode))
        return ERR(e, ERR_EXISTS, "%s is there already and is no directory", path);
    if (!id->must_drop)
        return true;
    if (is_last)
        return take_over(id, path, e);
    if (!may_search(id, &facts)) {
        return ERR(e, ERR_DENIED,
                   "user %s, who runs the server, may not enter %s (mode %04o): use a data_dir "
                   "elsewhere, or \"chmod o+x %s\"",
                   id->name, path, (unsigned)facts.st_mode & 07777, path);
    }
    return true;
}

bool identity_make_dir(const struct identity *id, const char *path, mode_t mode, struct err *e)
{
    char part[1024];
    size_t n = strlen(path);
    if (n == 0 || n >= sizeof(part) || path[0] != '/')
        return ERR(e, ERR_SYNTAX, "%s is no absolute path", path);
    for (size_t i = 1; i <= n; i++) {
        if (i < n && path[i] != '/')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (!make_one(id, part, i == n, mode, e))
            return false;
    }
    return true;
}
