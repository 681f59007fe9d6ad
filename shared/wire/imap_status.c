/* SPDX-License-Identifier: Apache-2.0 */
/* STATUS items, from one table. */
#include "wire/imap_status.h"

#include "wire/imap_objectid.h"

static const struct {
    str name;
    unsigned bit;
} items[] = {
    { STR_INIT("MESSAGES"), IMAP_STATUS_MESSAGES },
    { STR_INIT("UIDNEXT"), IMAP_STATUS_UIDNEXT },
    { STR_INIT("UIDVALIDITY"), IMAP_STATUS_UIDVALIDITY },
    { STR_INIT("UNSEEN"), IMAP_STATUS_UNSEEN },
    { STR_INIT("DELETED"), IMAP_STATUS_DELETED },
    { STR_INIT("DELETED-STORAGE"), IMAP_STATUS_DELETED_STORAGE },
    { STR_INIT("SIZE"), IMAP_STATUS_SIZE },
    { STR_INIT("HIGHESTMODSEQ"), IMAP_STATUS_HIGHESTMODSEQ },
    { STR_INIT("RECENT"), IMAP_STATUS_RECENT },
    { STR_INIT("MAILBOXID"), IMAP_STATUS_MAILBOXID },
    { STR_INIT("APPENDLIMIT"), IMAP_STATUS_APPENDLIMIT },
};

bool imap_status_items_parse(struct imap_lexer *l, unsigned *out, struct err *e)
{
    *out = 0;
    if (!imap_lexer_byte(l, '(', e))
        return false;
    do {
        str word;
        unsigned bit = 0;
        if (!imap_lexer_word(l, &word, e))
            return false;
        for (size_t i = 0; i < COUNT_OF(items); i++)
            bit |= str_ieq(word, items[i].name) ? items[i].bit : 0;
        if (bit == 0)
            return ERR(e, ERR_SYNTAX, "no such STATUS item");
        *out |= bit;
    } while (imap_lexer_try_byte(l, ' '));
    return imap_lexer_byte(l, ')', e);
}

static uint64_t value_of(const struct imap_status *values, unsigned bit)
{
    const struct {
        unsigned bit;
        uint64_t value;
    } table[] = {
        { IMAP_STATUS_MESSAGES, values->messages },
        { IMAP_STATUS_UIDNEXT, values->uidnext },
        { IMAP_STATUS_UIDVALIDITY, values->uidvalidity },
        { IMAP_STATUS_UNSEEN, values->unseen },
        { IMAP_STATUS_DELETED, values->deleted },
        { IMAP_STATUS_DELETED_STORAGE, values->deleted_size },
        { IMAP_STATUS_SIZE, values->size },
        { IMAP_STATUS_HIGHESTMODSEQ, values->highestmodseq },
        { IMAP_STATUS_APPENDLIMIT, values->append_limit },
    };
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        if (table[i].bit == bit)
            return table[i].value;
    }
    return 0;
}

static bool put_value(struct buf *out, const struct imap_status *values, unsigned bit)
{
    if (bit != IMAP_STATUS_MAILBOXID)
        return buf_add_uint(out, value_of(values, bit));
    return buf_add_byte(out, '(') &&
           imap_mailboxid_format(out, values->account_id, values->mailbox_id) &&
           buf_add_byte(out, ')');
}

bool imap_status_format(struct buf *out, unsigned wanted, const struct imap_status *values)
{
    bool ok = buf_add_byte(out, '(');
    const char *gap = "";
    for (size_t i = 0; i < COUNT_OF(items); i++) {
        if (!(wanted & items[i].bit))
            continue;
        ok = ok && buf_addf(out, "%s%s ", gap, items[i].name.p) &&
             put_value(out, values, items[i].bit);
        gap = " ";
    }
    return ok && buf_add_byte(out, ')');
}
