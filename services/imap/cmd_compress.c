/* SPDX-License-Identifier: Apache-2.0 */
/* COMPRESS (RFC 4978). What it does to the octets stands in net/deflate.h. */
#include "services/imap/commands.h"

bool imap_cmd_compress(struct imap_session *s, struct imap_command *c, struct err *e)
{
    str mechanism;
    struct imap_lexer *l = &c->args;
    if (!imap_lexer_space(l, e) || !imap_lexer_atom(l, &mechanism, e) || !imap_lexer_end(l, e))
        return false;
    if (!str_ieq(mechanism, STR("DEFLATE")))
        return imap_reply(s, IMAP_BAD, STR_EMPTY, "DEFLATE is the only mechanism");
    if (net_conn_is_compressed(s->conn)) {
        return imap_reply(s, IMAP_NO, STR("COMPRESSIONACTIVE"),
                          "COMPRESS was given before: DEFLATE is active");
    }
    struct err why = ERR_CLEAR;
    (void)imap_reply(s, IMAP_OK, STR_EMPTY, "DEFLATE is active from here on");
    (void)imap_send_reply(s, c->tag);
    if (!net_conn_compress(s->conn, &why))
        s->is_broken = true;
    return true;
}
