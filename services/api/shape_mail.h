/* SPDX-License-Identifier: Apache-2.0 */
/* Mailboxes, conversations and messages in the shapes of the contract (openapi/components/schemas/
 * mail.yaml). Pure; all give. */
#ifndef API_SHAPE_MAIL_H
#define API_SHAPE_MAIL_H

#include "services/api/json.h"
#include "store/mail.h"

enum {
    SHAPE_ROW_PEOPLE = 10, /* of a conversation's row */
    SHAPE_ROW_IDS = 200    /* ids of messages in it */
};

/* True for the roles that the API tells. A mailbox of another one (RFC 9979) is as any that people
 * made: they may rename and delete it. */
bool shape_has_role(enum store_role role);
/* The word for a role, null for none. */
json_t *shape_role(enum store_role role);
json_t *shape_mailbox(const struct store_mailbox *box);
/* All of them: for MailboxList and Bootstrap. */
json_t *shape_mailboxes(const struct store_mailboxes *boxes);
/* A modseq as a state. */
json_t *shape_state(int64_t modseq);

/* How the rows of a list are made. */
struct shape_view {
    struct arena *arena;
    int mailbox_id;   /* subject, preview and time are of the newest message in it; 0: of all */
    bool is_outgoing; /* Sent, Drafts: whom it goes to instead of who wrote */
};

json_t *shape_thread_row(const struct store_thread *thread, const struct shape_view *view);
json_t *shape_message_row(const struct store_mail *mail);
/* Flags and labels: "$seen" ... */
json_t *shape_keywords(const struct store_mail *mail);
/* Ids of the mailboxes that hold it, each once. */
json_t *shape_mailbox_ids(const struct store_mail *mail);

#endif
