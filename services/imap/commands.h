/* SPDX-License-Identifier: Apache-2.0 */
/* The table of IMAP commands: it feeds the dispatcher, the check of states and CAPABILITY. */
#ifndef IMAP_COMMANDS_H
#define IMAP_COMMANDS_H

#include "services/imap/session.h"

enum {
    IMAP_HAS_UID_FORM = 1,  /* may stand behind UID */
    IMAP_KEEPS_NUMBERS = 2, /* no EXPUNGE may be sent in it without UID (RFC 9051 section 7.5.1) */
    IMAP_LOOKS = 4,         /* always asks the database what is new */
    IMAP_WIPES = 8,         /* its arguments hold a password: overwritten afterwards */
    IMAP_NAMES_MAILBOXES = 16, /* its arguments begin with the mailboxes that it changes */
    IMAP_USES_NUMBERS = 32,    /* without UID: not after ENABLE UIDONLY (RFC 9586) */
    IMAP_MAY_BE_LONG = 64,     /* is watched over meanwhile (progress.h) */
    IMAP_ONLY_READS = 128      /* may be ended in the middle when nobody waits for the answer */
};

/* Runs one command. True: s->reply is the answer (OK unless it was set). False: *e is, by
 * replies.h. Yields. */
typedef bool (*imap_command_fn)(struct imap_session *s, struct imap_command *c, struct err *e);

/* When CAPABILITY lists a word; 0 in the table: whenever the command of the row can be given. */
enum {
    IMAP_BEFORE_WITHOUT_TLS = 1,
    IMAP_BEFORE_WITH_TLS = 2,
    IMAP_AFTER_LOGIN = 4, /* selected or not */
    IMAP_BEFORE_LOGIN = IMAP_BEFORE_WITHOUT_TLS | IMAP_BEFORE_WITH_TLS,
    IMAP_ALWAYS = IMAP_BEFORE_LOGIN | IMAP_AFTER_LOGIN
};

struct imap_capability {
    const char *word;        /* static; NULL ends a list of them */
    unsigned rfc;            /* number of the one that defines it; 0: vendors only */
    unsigned when;           /* bits as above */
    enum config_param value; /* a number that follows the word ("APPENDLIMIT="); 0: nothing does */
    enum config_param only_with;    /* listed only when this is not 0; 0: it does not depend */
    enum config_param only_without; /* listed only when this is 0 */
};

enum {
    IMAP_ROW_WORDS_MAX = 16
};

/* One command. What a new one needs: a row here, cmd_<name>.c, and dialogues in
 * tests/dialogue/imap that give the command and say "# Capability: WORD" for each word. */
struct imap_command_entry {
    str name;
    imap_command_fn run;
    unsigned states; /* enum imap_state bits */
    unsigned flags;
    unsigned rfc;                                     /* number of the one that defines it */
    struct imap_capability words[IMAP_ROW_WORDS_MAX]; /* that CAPABILITY lists for it */
};

/* The entry of the name, NULL when there is none. */
const struct imap_command_entry *imap_command_find(str name, bool is_uid);
/* The entry at the index, NULL past the last one. */
const struct imap_command_entry *imap_command_at(size_t i);

/* capabilities.c: appends the words of CAPABILITY for the session's state. False when `out` is
 * full. */
bool imap_capabilities_format(const struct imap_session *s, struct buf *out);
/* The n-th word, and the n-th command, as the operator is told of them; false past the last. */
bool imap_capability_describe(size_t n, struct app_capability *out);
bool imap_command_describe(size_t n, struct app_command *out);

/* cmd_session.c */
YIELDS bool imap_cmd_capability(struct imap_session *s, struct imap_command *c, struct err *e);
YIELDS bool imap_cmd_noop(struct imap_session *s, struct imap_command *c, struct err *e);
YIELDS bool imap_cmd_logout(struct imap_session *s, struct imap_command *c, struct err *e);
YIELDS bool imap_cmd_id(struct imap_session *s, struct imap_command *c, struct err *e);
YIELDS bool imap_cmd_enable(struct imap_session *s, struct imap_command *c, struct err *e);
YIELDS bool imap_cmd_namespace(struct imap_session *s, struct imap_command *c, struct err *e);
/* cmd_login.c */
YIELDS bool imap_cmd_starttls(struct imap_session *s, struct imap_command *c, struct err *e);
YIELDS bool imap_cmd_login(struct imap_session *s, struct imap_command *c, struct err *e);
YIELDS bool imap_cmd_authenticate(struct imap_session *s, struct imap_command *c, struct err *e);
YIELDS bool imap_cmd_unauthenticate(struct imap_session *s, struct imap_command *c, struct err *e);
/* cmd_compress.c */
YIELDS bool imap_cmd_compress(struct imap_session *s, struct imap_command *c, struct err *e);
/* cmd_idle.c */
YIELDS bool imap_cmd_idle(struct imap_session *s, struct imap_command *c, struct err *e);
/* A line came inside IDLE: ends it. Yields. */
YIELDS void imap_idle_input(struct imap_session *s);
/* cmd_notify.c */
YIELDS bool imap_cmd_notify(struct imap_session *s, struct imap_command *c, struct err *e);
/* cmd_select.c */
YIELDS bool imap_cmd_select(struct imap_session *s, struct imap_command *c, struct err *e);
YIELDS bool imap_cmd_close(struct imap_session *s, struct imap_command *c, struct err *e);
YIELDS bool imap_cmd_unselect(struct imap_session *s, struct imap_command *c, struct err *e);
/* cmd_mailbox.c */
YIELDS bool imap_cmd_create(struct imap_session *s, struct imap_command *c, struct err *e);
YIELDS bool imap_cmd_delete(struct imap_session *s, struct imap_command *c, struct err *e);
YIELDS bool imap_cmd_rename(struct imap_session *s, struct imap_command *c, struct err *e);
YIELDS bool imap_cmd_subscribe(struct imap_session *s, struct imap_command *c, struct err *e);
YIELDS bool imap_cmd_status(struct imap_session *s, struct imap_command *c, struct err *e);
/* cmd_list.c */
YIELDS bool imap_cmd_list(struct imap_session *s, struct imap_command *c, struct err *e);
/* cmd_acl.c */
YIELDS bool imap_cmd_setacl(struct imap_session *s, struct imap_command *c, struct err *e);
YIELDS bool imap_cmd_deleteacl(struct imap_session *s, struct imap_command *c, struct err *e);
YIELDS bool imap_cmd_getacl(struct imap_session *s, struct imap_command *c, struct err *e);
YIELDS bool imap_cmd_listrights(struct imap_session *s, struct imap_command *c, struct err *e);
YIELDS bool imap_cmd_myrights(struct imap_session *s, struct imap_command *c, struct err *e);
/* cmd_quota.c */
YIELDS bool imap_cmd_getquota(struct imap_session *s, struct imap_command *c, struct err *e);
YIELDS bool imap_cmd_getquotaroot(struct imap_session *s, struct imap_command *c, struct err *e);
YIELDS bool imap_cmd_setquota(struct imap_session *s, struct imap_command *c, struct err *e);
/* cmd_metadata.c */
YIELDS bool imap_cmd_getmetadata(struct imap_session *s, struct imap_command *c, struct err *e);
YIELDS bool imap_cmd_setmetadata(struct imap_session *s, struct imap_command *c, struct err *e);
/* cmd_append.c */
YIELDS bool imap_cmd_append(struct imap_session *s, struct imap_command *c, struct err *e);
YIELDS bool imap_cmd_replace(struct imap_session *s, struct imap_command *c, struct err *e);
/* cmd_fetch.c */
YIELDS bool imap_cmd_fetch(struct imap_session *s, struct imap_command *c, struct err *e);
/* cmd_store.c */
YIELDS bool imap_cmd_store(struct imap_session *s, struct imap_command *c, struct err *e);
YIELDS bool imap_cmd_expunge(struct imap_session *s, struct imap_command *c, struct err *e);
/* cmd_copy.c */
YIELDS bool imap_cmd_copy(struct imap_session *s, struct imap_command *c, struct err *e);
/* cmd_uidbatches.c */
YIELDS bool imap_cmd_uidbatches(struct imap_session *s, struct imap_command *c, struct err *e);
/* cmd_search.c */
YIELDS bool imap_cmd_search(struct imap_session *s, struct imap_command *c, struct err *e);
YIELDS bool imap_cmd_sort(struct imap_session *s, struct imap_command *c, struct err *e);
YIELDS bool imap_cmd_thread(struct imap_session *s, struct imap_command *c, struct err *e);
bool imap_cmd_cancelupdate(struct imap_session *s, struct imap_command *c, struct err *e);
/* cmd_esearch.c */
YIELDS bool imap_cmd_esearch(struct imap_session *s, struct imap_command *c, struct err *e);

/* True when the disk has no room for more mail; the answer is set then. */
bool imap_disk_is_full(struct imap_session *s);

#endif
