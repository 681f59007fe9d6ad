/* SPDX-License-Identifier: Apache-2.0 */
/* Anonymous files in memory. */
#include "services/supervisor/material.h"

#include "services/supervisor/files.h"

#include <sys/mman.h>
#include <sys/stat.h>

bool material_new(struct material *m, const char *name, const struct identity *id, struct err *e)
{
    m->fd = memfd_create(name, 0);
    if (m->fd < 0)
        return ERR_SYS(e, ERR_INTERNAL, "memory for %s", name);
    (void)snprintf(m->path, sizeof(m->path), "/proc/self/fd/%d", m->fd);
    /* It is born with all rights for everybody. */
    if (fchmod(m->fd, 0600) != 0 || (id->must_drop && fchown(m->fd, id->uid, id->gid) != 0))
        return ERR_SYS(e, ERR_INTERNAL, "give %s away", name);
    return true;
}

bool material_fill(const struct material *m, const char *path, const struct identity *owner,
                   struct err *e)
{
    struct buf text;
    buf_init(&text, MATERIAL_MAX);
    bool ok = owner ? files_read_own(owner, path, &text, e) : files_read(path, &text, e);
    if (ok && (ftruncate(m->fd, 0) != 0 || lseek(m->fd, 0, SEEK_SET) != 0))
        ok = ERR_SYS(e, ERR_INTERNAL, "empty the copy of %s", path);
    ok = ok && files_write_fd(m->fd, buf_str(&text), e);
    if (text.n > 0)
        explicit_bzero(text.p, text.n); /* it may be a key */
    buf_fini(&text);
    return ok;
}
