/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration files of the embedded PostgreSQL as text: STORAGE.md section 10, scaled to the
 * machine. Pure. */
#ifndef SUPERVISOR_PG_SETTINGS_H
#define SUPERVISOR_PG_SETTINGS_H

#include "base/base.h"

struct pg_machine {
    uint64_t memory;          /* bytes that may be used */
    uint64_t disk_free;       /* bytes on the file system of the data */
    unsigned max_connections; /* of all processes together */
    const char *socket_dir;
    const char *log_dir;
    const char *user; /* of the operating system who may connect, beside root */
};

/* postgresql.conf, pg_hba.conf and pg_ident.conf. False when `out` is full. */
bool pg_settings_format(const struct pg_machine *m, struct buf *out);
bool pg_settings_hba(struct buf *out);
bool pg_settings_ident(const struct pg_machine *m, struct buf *out);

#endif
