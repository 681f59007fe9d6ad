/* SPDX-License-Identifier: Apache-2.0 */
/* Files in gzip and zip files, by libarchive. Only one layer is taken off, so that gzip in gzip in
 * gzip is work for nobody, and what comes out is counted while it does. */
#include "reports/received.h"

#include <archive.h>
#include <archive_entry.h>

enum {
    PIECE = 64 * 1024
};

enum packing {
    PLAIN,
    GZIP,
    ZIP
};

static enum packing packing_of(str file)
{
    if (str_has_prefix(file, STR("\x1f\x8b")))
        return GZIP;
    return str_has_prefix(file, STR("PK\x03\x04")) ? ZIP : PLAIN;
}

/* What is in the file is read as it is: a format of archives inside of gzip is not looked for. */
static bool set_up(struct archive *reader, enum packing packing)
{
    if (packing == ZIP)
        return archive_read_support_format_zip(reader) == ARCHIVE_OK;
    return archive_read_support_format_raw(reader) == ARCHIVE_OK &&
           archive_read_append_filter(reader, ARCHIVE_FILTER_GZIP) == ARCHIVE_OK;
}

/* To the first entry that is a file. */
static bool find_entry(struct archive *reader)
{
    struct archive_entry *entry;
    while (archive_read_next_header(reader, &entry) == ARCHIVE_OK) {
        if (archive_entry_filetype(entry) == AE_IFREG && !archive_entry_is_encrypted(entry))
            return true;
    }
    return false;
}

static bool read_all(struct archive *reader, struct buf *out, struct err *e)
{
    for (;;) {
        char *to = buf_reserve(out, PIECE);
        if (!to)
            return ERR(e, ERR_LIMIT, "the report is too long when it is unpacked");
        la_ssize_t n = archive_read_data(reader, to, PIECE);
        if (n < 0)
            return ERR(e, ERR_SYNTAX, "the file of the report is damaged");
        if (n == 0)
            return true;
        buf_commit(out, (size_t)n);
    }
}

bool reports_unpack(str file, struct buf *out, struct err *e)
{
    enum packing packing = packing_of(file);
    if (packing == PLAIN)
        return buf_add(out, file) || ERR(e, ERR_LIMIT, "the report is too long");
    struct archive *reader = archive_read_new();
    INVARIANT(reader);
    size_t before = out->n;
    bool ok =
        (set_up(reader, packing) &&
         archive_read_open_memory(reader, file.p, file.n) == ARCHIVE_OK && find_entry(reader)) ||
        ERR(e, ERR_SYNTAX, "there is no file that can be unpacked");
    ok = ok && read_all(reader, out, e) &&
         (out->n > before || ERR(e, ERR_SYNTAX, "the file of the report is empty"));
    (void)archive_read_free(reader);
    return ok;
}
