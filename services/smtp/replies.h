/* SPDX-License-Identifier: Apache-2.0 */
/* Every reply of the service in one table, and which of them a failure becomes. Peers see these
 * texts only, never the sentence of an error. */
#ifndef SMTP_REPLIES_H
#define SMTP_REPLIES_H

#include "base/base.h"
#include "wire/smtp_path.h"

enum smtp_answer {
    ANSWER_OK,
    ANSWER_SENDER_OK,
    ANSWER_RECIPIENT_OK,
    ANSWER_START_DATA,
    ANSWER_BYE,
    ANSWER_VRFY,
    ANSWER_READY_FOR_TLS,
    ANSWER_LOGGED_IN,
    /* of the connection */
    ANSWER_SHUTTING_DOWN,
    ANSWER_IDLE,
    ANSWER_TOO_SLOW,
    ANSWER_ACCOUNT_CHANGED,
    ANSWER_TOO_MANY_ERRORS,
    ANSWER_TOO_MUCH_JUNK,
    ANSWER_TOO_MANY_MAILS,
    ANSWER_TOO_MANY_CHUNKS,
    ANSWER_BAD_CHUNK,
    ANSWER_EARLY_TALKER,
    ANSWER_FOREIGN_PROTOCOL,
    ANSWER_UNKNOWN_FIRST,
    ANSWER_NOT_TRUSTED,
    ANSWER_INPUT_BEFORE_TLS,
    /* of a command */
    ANSWER_UNKNOWN_COMMAND,
    ANSWER_NOT_IMPLEMENTED,
    ANSWER_LINE_TOO_LONG,
    ANSWER_BAD_LINE_END,
    ANSWER_BAD_SYNTAX,
    ANSWER_NO_ARGUMENT,
    ANSWER_BAD_PARAMETER,
    ANSWER_UNKNOWN_PARAMETER,
    ANSWER_BAD_SENDER,
    ANSWER_BAD_RECIPIENT,
    ANSWER_NOT_ASCII,
    ANSWER_BAD_HELO,
    ANSWER_HELO_FIRST,
    ANSWER_MAIL_FIRST,
    ANSWER_RCPT_FIRST,
    ANSWER_RCPT_FIRST_LMTP,
    ANSWER_MAIL_TWICE,
    ANSWER_NOT_NOW,
    ANSWER_NOT_IN_CHUNKS,
    ANSWER_BINARY_BY_DATA,
    ANSWER_XCLIENT_DENIED,
    ANSWER_TLS_TWICE,
    ANSWER_TLS_NOT_OFFERED,
    ANSWER_STARTTLS_FIRST,
    ANSWER_AUTH_FIRST,
    ANSWER_AUTH_TWICE,
    ANSWER_AUTH_NEEDS_TLS,
    ANSWER_AUTH_NOT_OFFERED,
    ANSWER_AUTH_MECHANISM,
    ANSWER_AUTH_CANCELLED,
    ANSWER_AUTH_SYNTAX,
    ANSWER_AUTH_TOO_LONG,
    ANSWER_AUTH_FAILED,
    ANSWER_AUTH_LATER,
    /* of a transaction */
    ANSWER_RELAY_DENIED,
    ANSWER_NO_LITERALS,
    ANSWER_NO_SUCH_USER,
    ANSWER_SUPPRESSED,
    ANSWER_NEVER_SO_MANY,
    ANSWER_NOT_VERIFIED,
    ANSWER_TOO_MANY_UNKNOWN,
    ANSWER_BLACKLISTED,
    ANSWER_DNSBL,
    ANSWER_GREYLISTED,
    ANSWER_TOO_FAST,
    ANSWER_NO_POSTING,
    ANSWER_FOR_REPORTS_ONLY,
    ANSWER_MAILBOX_FULL,
    ANSWER_A_MAILBOX_FULL,
    ANSWER_TOO_MANY_RECIPIENTS,
    ANSWER_SENDER_NOT_OWN,
    ANSWER_FROM_MISSING,
    ANSWER_FROM_NOT_OWN,
    ANSWER_SENT_ENOUGH,
    ANSWER_HELD_ENOUGH,
    ANSWER_SENDING_STOPPED,
    ANSWER_SPF_FAIL,
    ANSWER_SPF_LATER,
    ANSWER_DMARC_FAIL,
    ANSWER_DMARC_LATER,
    ANSWER_TOLD_ENOUGH,
    ANSWER_FILTERED,
    ANSWER_FILTERED_NOW,
    ANSWER_TOO_LARGE,
    ANSWER_LINE_OF_MESSAGE,
    ANSWER_HEADER_TOO_LARGE,
    ANSWER_BARE_LINE_END,
    ANSWER_HEADER_TORN,
    ANSWER_NOT_TEXT,
    ANSWER_LOOP,
    ANSWER_NO_MEMORY,
    ANSWER_DISK_FULL,
    ANSWER_LOCAL_ERROR,
    ANSWER_COUNT
};

enum {
    ANSWER_IS_ERROR = 1, /* counts towards the limits of errors */
    ANSWER_CLOSES = 2,   /* the connection ends after it */
    ANSWER_REFUSES = 4   /* counts as a message or recipient refused */
};

struct smtp_answer_row {
    unsigned code;
    str status; /* enhanced status code; empty for none */
    str text;
    unsigned flags;
    const char *reason; /* label of the metric of refusals; NULL without ANSWER_REFUSES */
};

/* The row of an answer; static. */
const struct smtp_answer_row *smtp_answer_row(enum smtp_answer answer);

/* What a failure of ours (database, memory, time) is answered with: always temporary. */
enum smtp_answer smtp_answer_for_failure(enum err_kind kind);

/* What a fault in a command's argument is answered with; paths are of MAIL or of RCPT. */
enum smtp_answer smtp_answer_for_fault(enum smtp_fault fault, bool is_sender);

#endif
