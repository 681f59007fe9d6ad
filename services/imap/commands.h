/* SPDX-License-Identifier: Apache-2.0 */
/* The table of IMAP commands: it feeds the dispatcher, the check of states and CAPABILITY. */
#ifndef IMAP_COMMANDS_H
#define IMAP_COMMANDS_H

#include "services/imap/session.h"

enum {
    IMAP_HAS_UID_FORM = 1,  /* may stand behind UID */
    IMAP_KEEPS_NUMBERS = 2, /* no EXPUNGE may be sent in it without UID (RFC 9051 section 7.5.1) */
    IMAP_LOOKS = 4,         /* always asks the database what is new */
    IMAP_WIPES = 8          /* its arguments hold a password: overwritten afterwards */
};

/* Runs one command. True: s->reply is the answer (OK unless it was set). False: *e is, by
 * replies.h. Yields. */
typedef bool (*imap_command_fn)(struct imap_session *s, struct imap_command *c, struct err *e);

struct imap_command_entry {
    str name;
    imap_command_fn run;
    unsigned states; /* enum imap_state bits */
    unsigned flags;
    const char *capability; /* words that CAPABILITY lists for it, or NULL */
};

/* The entry of the name, NULL when there is none. */
const struct imap_command_entry *imap_command_find(str name, bool is_uid);

/* Appends the words of CAPABILITY for the session's state. False when `out` is full. */
bool imap_capabilities_format(const struct imap_session *s, struct buf *out);

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
/* cmd_idle.c */
YIELDS bool imap_cmd_idle(struct imap_session *s, struct imap_command *c, struct err *e);
/* A line came inside IDLE: ends it. Yields. */
YIELDS void imap_idle_input(struct imap_session *s);
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
/* cmd_append.c */
YIELDS bool imap_cmd_append(struct imap_session *s, struct imap_command *c, struct err *e);
/* cmd_fetch.c */
YIELDS bool imap_cmd_fetch(struct imap_session *s, struct imap_command *c, struct err *e);
/* cmd_store.c */
YIELDS bool imap_cmd_store(struct imap_session *s, struct imap_command *c, struct err *e);
YIELDS bool imap_cmd_expunge(struct imap_session *s, struct imap_command *c, struct err *e);
/* cmd_copy.c */
YIELDS bool imap_cmd_copy(struct imap_session *s, struct imap_command *c, struct err *e);
/* cmd_search.c */
YIELDS bool imap_cmd_search(struct imap_session *s, struct imap_command *c, struct err *e);

/* True when the disk has no room for more mail; the answer is set then. */
bool imap_disk_is_full(struct imap_session *s);

#endif
