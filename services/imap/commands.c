/* SPDX-License-Identifier: Apache-2.0 */
/* The table, in the order of RFC 9051 section 6. */
#include "services/imap/commands.h"

enum {
    ANY = IMAP_NOT_AUTHENTICATED | IMAP_AUTHENTICATED | IMAP_SELECTED,
    LOGGED_IN = IMAP_AUTHENTICATED | IMAP_SELECTED,
    NUMBERED = IMAP_HAS_UID_FORM | IMAP_USES_NUMBERS
};

static const struct imap_command_entry commands[] = {
    { STR_INIT("CAPABILITY"), imap_cmd_capability, ANY, 0, .rfc = 9051 },
    { STR_INIT("NOOP"), imap_cmd_noop, ANY, IMAP_LOOKS, .rfc = 9051 },
    { STR_INIT("LOGOUT"), imap_cmd_logout, ANY, 0, .rfc = 9051 },
    { STR_INIT("ID"), imap_cmd_id, ANY, 0, .rfc = 2971, .words = { { "ID", .rfc = 2971 } } },
    { STR_INIT("STARTTLS"), imap_cmd_starttls, IMAP_NOT_AUTHENTICATED, 0, .rfc = 9051,
      .words = { { "STARTTLS", .rfc = 9051, .when = IMAP_BEFORE_WITHOUT_TLS } } },
    { STR_INIT("LOGIN"), imap_cmd_login, IMAP_NOT_AUTHENTICATED, IMAP_WIPES, .rfc = 9051,
      .words = { { "LOGINDISABLED", .rfc = 9051, .when = IMAP_BEFORE_WITHOUT_TLS } } },
    { STR_INIT("AUTHENTICATE"), imap_cmd_authenticate, IMAP_NOT_AUTHENTICATED, IMAP_WIPES,
      .rfc = 9051,
      .words = { { "SASL-IR", .rfc = 4959, .when = IMAP_ALWAYS },
                 { "AUTH=SCRAM-SHA-256-PLUS", .rfc = 7677, .when = IMAP_BEFORE_WITH_TLS },
                 { "AUTH=SCRAM-SHA-256", .rfc = 7677, .when = IMAP_BEFORE_WITH_TLS },
                 { "AUTH=PLAIN", .rfc = 4616, .when = IMAP_BEFORE_WITH_TLS },
                 { "AUTH=OAUTHBEARER", .rfc = 7628, .when = IMAP_BEFORE_WITH_TLS },
                 { "AUTH=XOAUTH2", .rfc = 0, .when = IMAP_BEFORE_WITH_TLS },
                 { "AUTH=LOGIN", .rfc = 0, .when = IMAP_BEFORE_WITH_TLS } } },
    { STR_INIT("ENABLE"), imap_cmd_enable, LOGGED_IN, 0, .rfc = 5161,
      .words = { { "ENABLE", .rfc = 5161 }, { "UIDONLY", .rfc = 9586 } } },
    { STR_INIT("UNAUTHENTICATE"), imap_cmd_unauthenticate, LOGGED_IN, 0, .rfc = 8437,
      .words = { { "UNAUTHENTICATE", .rfc = 8437 } } },
    { STR_INIT("NOTIFY"), imap_cmd_notify, LOGGED_IN, IMAP_LOOKS, .rfc = 5465,
      .words = { { "NOTIFY", .rfc = 5465 } } },
    { STR_INIT("COMPRESS"), imap_cmd_compress, LOGGED_IN, 0, .rfc = 4978,
      .words = { { "COMPRESS=DEFLATE", .rfc = 4978 } } },
    { STR_INIT("SELECT"), imap_cmd_select, LOGGED_IN, 0, .rfc = 9051,
      .words = { { "CONDSTORE", .rfc = 7162 },
                 { "QRESYNC", .rfc = 7162 },
                 { "OBJECTID", .rfc = 8474 } } },
    { STR_INIT("EXAMINE"), imap_cmd_select, LOGGED_IN, 0, .rfc = 9051 },
    { STR_INIT("CREATE"), imap_cmd_create, LOGGED_IN, IMAP_NAMES_MAILBOXES, .rfc = 9051,
      .words = { { "CREATE-SPECIAL-USE", .rfc = 6154 } } },
    { STR_INIT("DELETE"), imap_cmd_delete, LOGGED_IN, IMAP_NAMES_MAILBOXES, .rfc = 9051 },
    { STR_INIT("RENAME"), imap_cmd_rename, LOGGED_IN, IMAP_NAMES_MAILBOXES, .rfc = 9051 },
    { STR_INIT("SUBSCRIBE"), imap_cmd_subscribe, LOGGED_IN, IMAP_NAMES_MAILBOXES, .rfc = 9051 },
    { STR_INIT("UNSUBSCRIBE"), imap_cmd_subscribe, LOGGED_IN, IMAP_NAMES_MAILBOXES, .rfc = 9051 },
    { STR_INIT("LIST"), imap_cmd_list, LOGGED_IN, 0, .rfc = 9051,
      .words = { { "CHILDREN", .rfc = 3348 },
                 { "LIST-EXTENDED", .rfc = 5258 },
                 { "LIST-STATUS", .rfc = 5819 },
                 { "LIST-MYRIGHTS", .rfc = 8440 },
                 { "LIST-METADATA", .rfc = 9590 },
                 { "SPECIAL-USE", .rfc = 6154 } } },
    { STR_INIT("LSUB"), imap_cmd_list, LOGGED_IN, 0, .rfc = 3501 },
    { STR_INIT("NAMESPACE"), imap_cmd_namespace, LOGGED_IN, 0, .rfc = 2342,
      .words = { { "NAMESPACE", .rfc = 2342 } } },
    { STR_INIT("SETACL"), imap_cmd_setacl, LOGGED_IN, 0, .rfc = 4314,
      .words = { { "ACL", .rfc = 4314 }, { "RIGHTS=kxte", .rfc = 4314 } } },
    { STR_INIT("DELETEACL"), imap_cmd_deleteacl, LOGGED_IN, 0, .rfc = 4314 },
    { STR_INIT("GETACL"), imap_cmd_getacl, LOGGED_IN, 0, .rfc = 4314 },
    { STR_INIT("LISTRIGHTS"), imap_cmd_listrights, LOGGED_IN, 0, .rfc = 4314 },
    { STR_INIT("MYRIGHTS"), imap_cmd_myrights, LOGGED_IN, 0, .rfc = 4314 },
    { STR_INIT("GETQUOTA"), imap_cmd_getquota, LOGGED_IN, 0, .rfc = 9208,
      .words = { { "QUOTA", .rfc = 9208 },
                 { "QUOTA=RES-STORAGE", .rfc = 9208 },
                 { "QUOTA=RES-MESSAGE", .rfc = 9208 },
                 { "QUOTA=RES-MAILBOX", .rfc = 9208 } } },
    { STR_INIT("GETQUOTAROOT"), imap_cmd_getquotaroot, LOGGED_IN, 0, .rfc = 9208 },
    { STR_INIT("SETQUOTA"), imap_cmd_setquota, LOGGED_IN, 0, .rfc = 9208,
      .words = { { "QUOTASET", .rfc = 9208 } } },
    { STR_INIT("GETMETADATA"), imap_cmd_getmetadata, LOGGED_IN, 0, .rfc = 5464,
      .words = { { "METADATA", .rfc = 5464 } } },
    { STR_INIT("SETMETADATA"), imap_cmd_setmetadata, LOGGED_IN, 0, .rfc = 5464 },
    { STR_INIT("STATUS"), imap_cmd_status, LOGGED_IN, 0, .rfc = 9051,
      .words = { { "STATUS=SIZE", .rfc = 8438 } } },
    { STR_INIT("APPEND"), imap_cmd_append, LOGGED_IN, IMAP_LOOKS, .rfc = 9051,
      .words = { { "UIDPLUS", .rfc = 4315 },
                 { "APPENDLIMIT=", .rfc = 7889, .value = CONFIG_LIMITS_MESSAGE_SIZE } } },
    { STR_INIT("IDLE"), imap_cmd_idle, LOGGED_IN, 0, .rfc = 2177,
      .words = { { "IDLE", .rfc = 2177 } } },
    { STR_INIT("CHECK"), imap_cmd_noop, IMAP_SELECTED, IMAP_LOOKS, .rfc = 3501 },
    { STR_INIT("CLOSE"), imap_cmd_close, IMAP_SELECTED, 0, .rfc = 9051 },
    { STR_INIT("UNSELECT"), imap_cmd_unselect, IMAP_SELECTED, 0, .rfc = 3691,
      .words = { { "UNSELECT", .rfc = 3691 } } },
    { STR_INIT("EXPUNGE"), imap_cmd_expunge, IMAP_SELECTED, IMAP_HAS_UID_FORM, .rfc = 9051 },
    { STR_INIT("SEARCH"), imap_cmd_search, IMAP_SELECTED, NUMBERED | IMAP_KEEPS_NUMBERS,
      .rfc = 9051,
      .words = { { "ESEARCH", .rfc = 4731 },
                 { "SEARCHRES", .rfc = 5182 },
                 { "WITHIN", .rfc = 5032 },
                 { "SEARCH=FUZZY", .rfc = 6203 },
                 { "I18NLEVEL=1", .rfc = 5255 } } },
    { STR_INIT("SORT"), imap_cmd_sort, IMAP_SELECTED, NUMBERED | IMAP_KEEPS_NUMBERS, .rfc = 5256,
      .words = { { "SORT", .rfc = 5256 },
                 { "SORT=DISPLAY", .rfc = 5957 },
                 { "ESORT", .rfc = 5267 } } },
    { STR_INIT("THREAD"), imap_cmd_thread, IMAP_SELECTED, NUMBERED | IMAP_KEEPS_NUMBERS,
      .rfc = 5256,
      .words = { { "THREAD=ORDEREDSUBJECT", .rfc = 5256 },
                 { "THREAD=REFERENCES", .rfc = 5256 },
                 { "THREAD=REFS", .rfc = 0 } } },
    { STR_INIT("FETCH"), imap_cmd_fetch, IMAP_SELECTED, NUMBERED | IMAP_KEEPS_NUMBERS, .rfc = 9051,
      .words = { { "PREVIEW", .rfc = 8970 }, { "SAVEDATE", .rfc = 8514 } } },
    { STR_INIT("STORE"), imap_cmd_store, IMAP_SELECTED, NUMBERED | IMAP_KEEPS_NUMBERS,
      .rfc = 9051 },
    { STR_INIT("COPY"), imap_cmd_copy, IMAP_SELECTED, NUMBERED, .rfc = 9051 },
    { STR_INIT("MOVE"), imap_cmd_copy, IMAP_SELECTED, NUMBERED, .rfc = 6851,
      .words = { { "MOVE", .rfc = 6851 } } },
};

const struct imap_command_entry *imap_command_find(str name, bool is_uid)
{
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        if (str_eq(name, commands[i].name))
            return !is_uid || (commands[i].flags & IMAP_HAS_UID_FORM) ? &commands[i] : NULL;
    }
    return NULL;
}

const struct imap_command_entry *imap_command_at(size_t i)
{
    return i < COUNT_OF(commands) ? &commands[i] : NULL;
}
