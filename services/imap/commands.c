/* SPDX-License-Identifier: Apache-2.0 */
/* The table, in the order of RFC 9051 section 6. */
#include "services/imap/commands.h"

enum {
    ANY = IMAP_NOT_AUTHENTICATED | IMAP_AUTHENTICATED | IMAP_SELECTED,
    LOGGED_IN = IMAP_AUTHENTICATED | IMAP_SELECTED
};

static const struct imap_command_entry commands[] = {
    { STR_INIT("CAPABILITY"), imap_cmd_capability, ANY, 0, NULL },
    { STR_INIT("NOOP"), imap_cmd_noop, ANY, IMAP_LOOKS, NULL },
    { STR_INIT("LOGOUT"), imap_cmd_logout, ANY, 0, NULL },
    { STR_INIT("ID"), imap_cmd_id, ANY, 0, "ID" },
    { STR_INIT("STARTTLS"), imap_cmd_starttls, IMAP_NOT_AUTHENTICATED, 0, NULL },
    { STR_INIT("LOGIN"), imap_cmd_login, IMAP_NOT_AUTHENTICATED, IMAP_WIPES, NULL },
    { STR_INIT("AUTHENTICATE"), imap_cmd_authenticate, IMAP_NOT_AUTHENTICATED, IMAP_WIPES, NULL },
    { STR_INIT("ENABLE"), imap_cmd_enable, LOGGED_IN, 0, "ENABLE" },
    { STR_INIT("SELECT"), imap_cmd_select, LOGGED_IN, 0, "CONDSTORE" },
    { STR_INIT("EXAMINE"), imap_cmd_select, LOGGED_IN, 0, NULL },
    { STR_INIT("CREATE"), imap_cmd_create, LOGGED_IN, 0, "CREATE-SPECIAL-USE" },
    { STR_INIT("DELETE"), imap_cmd_delete, LOGGED_IN, 0, NULL },
    { STR_INIT("RENAME"), imap_cmd_rename, LOGGED_IN, 0, NULL },
    { STR_INIT("SUBSCRIBE"), imap_cmd_subscribe, LOGGED_IN, 0, NULL },
    { STR_INIT("UNSUBSCRIBE"), imap_cmd_subscribe, LOGGED_IN, 0, NULL },
    { STR_INIT("LIST"), imap_cmd_list, LOGGED_IN, 0,
      "CHILDREN LIST-EXTENDED LIST-STATUS SPECIAL-USE" },
    { STR_INIT("LSUB"), imap_cmd_list, LOGGED_IN, 0, NULL },
    { STR_INIT("NAMESPACE"), imap_cmd_namespace, LOGGED_IN, 0, "NAMESPACE" },
    { STR_INIT("STATUS"), imap_cmd_status, LOGGED_IN, 0, "STATUS=SIZE" },
    { STR_INIT("APPEND"), imap_cmd_append, LOGGED_IN, IMAP_LOOKS, "UIDPLUS" },
    { STR_INIT("IDLE"), imap_cmd_idle, LOGGED_IN, 0, "IDLE" },
    { STR_INIT("CHECK"), imap_cmd_noop, IMAP_SELECTED, IMAP_LOOKS, NULL },
    { STR_INIT("CLOSE"), imap_cmd_close, IMAP_SELECTED, 0, NULL },
    { STR_INIT("UNSELECT"), imap_cmd_unselect, IMAP_SELECTED, 0, "UNSELECT" },
    { STR_INIT("EXPUNGE"), imap_cmd_expunge, IMAP_SELECTED, IMAP_HAS_UID_FORM | IMAP_LOOKS, NULL },
    { STR_INIT("SEARCH"), imap_cmd_search, IMAP_SELECTED, IMAP_HAS_UID_FORM | IMAP_KEEPS_NUMBERS,
      "ESEARCH SEARCHRES" },
    { STR_INIT("FETCH"), imap_cmd_fetch, IMAP_SELECTED, IMAP_HAS_UID_FORM | IMAP_KEEPS_NUMBERS,
      NULL },
    { STR_INIT("STORE"), imap_cmd_store, IMAP_SELECTED, IMAP_HAS_UID_FORM | IMAP_KEEPS_NUMBERS,
      NULL },
    { STR_INIT("COPY"), imap_cmd_copy, IMAP_SELECTED, IMAP_HAS_UID_FORM, NULL },
    { STR_INIT("MOVE"), imap_cmd_copy, IMAP_SELECTED, IMAP_HAS_UID_FORM | IMAP_LOOKS, "MOVE" },
};

const struct imap_command_entry *imap_command_find(str name, bool is_uid)
{
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        if (str_eq(name, commands[i].name))
            return !is_uid || (commands[i].flags & IMAP_HAS_UID_FORM) ? &commands[i] : NULL;
    }
    return NULL;
}

bool imap_capabilities_format(const struct imap_session *s, struct buf *out)
{
    bool is_tls = net_conn_tls(s->conn) != NULL;
    /* After login all that can be reached from there, selected or not. */
    unsigned states = s->state == IMAP_NOT_AUTHENTICATED ? IMAP_NOT_AUTHENTICATED : LOGGED_IN;
    bool ok = buf_add(out, STR("IMAP4rev1 IMAP4rev2 LITERAL+ SASL-IR"));
    if (s->state == IMAP_NOT_AUTHENTICATED) {
        if (!is_tls && s->app->tls)
            ok = ok && buf_add(out, STR(" STARTTLS"));
        ok = ok && buf_add(out, is_tls ? STR(" AUTH=PLAIN AUTH=LOGIN") : STR(" LOGINDISABLED"));
    }
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        if ((commands[i].states & states) == 0 || !commands[i].capability)
            continue;
        ok = ok && buf_addf(out, " %s", commands[i].capability);
    }
    return ok;
}
