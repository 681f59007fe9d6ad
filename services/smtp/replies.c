/* SPDX-License-Identifier: Apache-2.0 */
/* The one table of replies (RFC 5321 4.2, RFC 3463), and which of them a failure becomes. */
#include "services/smtp/replies.h"

#define ROW(code, status, text, flags, reason)                      \
    {                                                               \
        (code), STR_INIT(status), STR_INIT(text), (flags), (reason) \
    }

static const struct smtp_answer_row rows[ANSWER_COUNT] = {
    [ANSWER_OK] = ROW(250, "2.0.0", "OK", 0, NULL),
    [ANSWER_SENDER_OK] = ROW(250, "2.1.0", "Sender OK", 0, NULL),
    [ANSWER_RECIPIENT_OK] = ROW(250, "2.1.5", "Recipient OK", 0, NULL),
    [ANSWER_START_DATA] = ROW(354, "", "End the message with <CR><LF>.<CR><LF>", 0, NULL),
    [ANSWER_BYE] = ROW(221, "2.0.0", "Bye", ANSWER_CLOSES, NULL),
    [ANSWER_VRFY] = ROW(252, "2.5.2", "Send some mail, I will try my best", 0, NULL),
    [ANSWER_READY_FOR_TLS] = ROW(220, "2.0.0", "Ready to start TLS", 0, NULL),
    [ANSWER_LOGGED_IN] = ROW(235, "2.7.0", "Authentication succeeded", 0, NULL),

    [ANSWER_SHUTTING_DOWN] = ROW(421, "4.3.2", "Service is ending, try again", ANSWER_CLOSES, NULL),
    [ANSWER_IDLE] = ROW(421, "4.4.2", "Timeout, closing the connection", ANSWER_CLOSES, NULL),
    [ANSWER_TOO_SLOW] = ROW(421, "4.4.2", "The message comes too slowly", ANSWER_CLOSES, NULL),
    [ANSWER_ACCOUNT_CHANGED] =
        ROW(421, "4.7.0", "Your account was changed, log in again", ANSWER_CLOSES, NULL),
    [ANSWER_TOO_MANY_ERRORS] = ROW(421, "4.7.0", "Too many errors", ANSWER_CLOSES, NULL),
    [ANSWER_TOO_MUCH_JUNK] =
        ROW(421, "4.7.0", "Too many commands without a message", ANSWER_CLOSES, NULL),
    [ANSWER_TOO_MANY_MAILS] =
        ROW(421, "4.5.3", "Enough messages for one connection", ANSWER_CLOSES, NULL),
    [ANSWER_TOO_MANY_CHUNKS] =
        ROW(421, "4.7.0", "Too many small chunks", ANSWER_CLOSES | ANSWER_REFUSES, "chunks"),
    [ANSWER_BAD_CHUNK] = ROW(501, "5.5.4", "BDAT needs a size that can be taken",
                             ANSWER_CLOSES | ANSWER_REFUSES, "chunks"),
    [ANSWER_EARLY_TALKER] = ROW(554, "5.5.0", "You spoke before it was your turn",
                                ANSWER_CLOSES | ANSWER_REFUSES, "early_talker"),
    [ANSWER_FOREIGN_PROTOCOL] =
        ROW(521, "5.7.0", "This is SMTP", ANSWER_CLOSES | ANSWER_REFUSES, "foreign_protocol"),
    [ANSWER_UNKNOWN_FIRST] = ROW(500, "5.5.1", "This is SMTP: EHLO comes first",
                                 ANSWER_CLOSES | ANSWER_REFUSES, "foreign_protocol"),
    [ANSWER_NOT_TRUSTED] = ROW(554, "5.7.1", "You may not hand over mail here",
                               ANSWER_CLOSES | ANSWER_REFUSES, "not_trusted"),
    [ANSWER_INPUT_BEFORE_TLS] = ROW(501, "5.5.4", "No input may follow STARTTLS",
                                    ANSWER_CLOSES | ANSWER_REFUSES, "starttls_injection"),

    [ANSWER_UNKNOWN_COMMAND] = ROW(500, "5.5.1", "Command unknown", ANSWER_IS_ERROR, NULL),
    [ANSWER_NOT_IMPLEMENTED] = ROW(502, "5.5.1", "Command not implemented", ANSWER_IS_ERROR, NULL),
    [ANSWER_LINE_TOO_LONG] = ROW(500, "5.5.2", "Line too long", ANSWER_IS_ERROR, NULL),
    [ANSWER_BAD_LINE_END] = ROW(500, "5.5.2", "A line ends in CRLF and holds no CR, LF or NUL",
                                ANSWER_CLOSES | ANSWER_REFUSES, "bare_line_end"),
    [ANSWER_BAD_SYNTAX] = ROW(501, "5.5.4", "Syntax error", ANSWER_IS_ERROR, NULL),
    [ANSWER_NO_ARGUMENT] = ROW(501, "5.5.4", "No argument is allowed", ANSWER_IS_ERROR, NULL),
    [ANSWER_BAD_PARAMETER] =
        ROW(501, "5.5.4", "A parameter has an impossible value", ANSWER_IS_ERROR, NULL),
    [ANSWER_UNKNOWN_PARAMETER] =
        ROW(555, "5.5.4", "A parameter is not supported", ANSWER_IS_ERROR, NULL),
    [ANSWER_BAD_SENDER] = ROW(501, "5.1.7", "This is no sender address", ANSWER_IS_ERROR, NULL),
    [ANSWER_BAD_RECIPIENT] =
        ROW(501, "5.1.3", "This is no recipient address", ANSWER_IS_ERROR, NULL),
    [ANSWER_NOT_ASCII] = ROW(553, "5.6.7", "An address beyond ASCII needs SMTPUTF8 with MAIL",
                             ANSWER_IS_ERROR, NULL),
    [ANSWER_BAD_HELO] =
        ROW(501, "5.5.4", "This is no host name or address literal", ANSWER_IS_ERROR, NULL),
    [ANSWER_HELO_FIRST] = ROW(503, "5.5.1", "Send EHLO first", ANSWER_IS_ERROR, NULL),
    [ANSWER_MAIL_FIRST] = ROW(503, "5.5.1", "Send MAIL first", ANSWER_IS_ERROR, NULL),
    [ANSWER_RCPT_FIRST] = ROW(554, "5.5.1", "No valid recipients", ANSWER_IS_ERROR, NULL),
    [ANSWER_RCPT_FIRST_LMTP] = ROW(503, "5.5.1", "No valid recipients", ANSWER_IS_ERROR, NULL),
    [ANSWER_MAIL_TWICE] = ROW(503, "5.5.1", "A sender was given already", ANSWER_IS_ERROR, NULL),
    [ANSWER_NOT_NOW] = ROW(503, "5.5.1", "Not during a mail transaction", ANSWER_IS_ERROR, NULL),
    [ANSWER_NOT_IN_CHUNKS] =
        ROW(503, "5.5.1", "Not between the chunks of a message", ANSWER_IS_ERROR, NULL),
    [ANSWER_BINARY_BY_DATA] =
        ROW(503, "5.5.1", "A message of BINARYMIME comes by BDAT", ANSWER_IS_ERROR, NULL),
    [ANSWER_XCLIENT_DENIED] =
        ROW(550, "5.7.1", "You may not speak for others", ANSWER_IS_ERROR, NULL),
    [ANSWER_TLS_TWICE] = ROW(503, "5.5.1", "TLS is active already", ANSWER_IS_ERROR, NULL),
    [ANSWER_TLS_NOT_OFFERED] = ROW(502, "5.5.1", "TLS is not offered", ANSWER_IS_ERROR, NULL),
    [ANSWER_STARTTLS_FIRST] = ROW(530, "5.7.0", "Send STARTTLS first", ANSWER_IS_ERROR, NULL),
    [ANSWER_AUTH_FIRST] = ROW(530, "5.7.0", "Authentication required", ANSWER_IS_ERROR, NULL),
    [ANSWER_AUTH_TWICE] = ROW(503, "5.5.1", "You are logged in already", ANSWER_IS_ERROR, NULL),
    [ANSWER_AUTH_NEEDS_TLS] =
        ROW(538, "5.7.11", "Authentication needs TLS; change this password", ANSWER_IS_ERROR, NULL),
    [ANSWER_AUTH_NOT_OFFERED] =
        ROW(502, "5.5.1", "Authentication is not offered here", ANSWER_IS_ERROR, NULL),
    [ANSWER_AUTH_MECHANISM] =
        ROW(504, "5.5.4", "This mechanism is not offered", ANSWER_IS_ERROR, NULL),
    [ANSWER_AUTH_CANCELLED] = ROW(501, "5.7.0", "Authentication cancelled", ANSWER_IS_ERROR, NULL),
    [ANSWER_AUTH_SYNTAX] = ROW(501, "5.5.2", "Cannot decode the response", ANSWER_IS_ERROR, NULL),
    [ANSWER_AUTH_TOO_LONG] = ROW(500, "5.5.6", "The response is too long", ANSWER_IS_ERROR, NULL),
    [ANSWER_AUTH_FAILED] = ROW(535, "5.7.8", "Authentication failed", ANSWER_IS_ERROR, NULL),
    [ANSWER_AUTH_LATER] = ROW(454, "4.7.0", "Authentication is not possible now", 0, NULL),

    [ANSWER_RELAY_DENIED] =
        ROW(550, "5.7.1", "Relaying denied", ANSWER_IS_ERROR | ANSWER_REFUSES, "relay"),
    [ANSWER_NO_LITERALS] = ROW(550, "5.1.2", "Address literals are not taken",
                               ANSWER_IS_ERROR | ANSWER_REFUSES, "literal"),
    [ANSWER_NO_SUCH_USER] =
        ROW(550, "5.1.1", "No such user here", ANSWER_IS_ERROR | ANSWER_REFUSES, "unknown_user"),
    [ANSWER_SUPPRESSED] =
        ROW(550, "5.1.1", "You are not to write to this address", ANSWER_REFUSES, "suppressed"),
    [ANSWER_NEVER_SO_MANY] =
        ROW(550, "5.5.3", "The message has more recipients than you may ever send to at once",
            ANSWER_REFUSES, "sending_limit"),
    [ANSWER_NOT_VERIFIED] = ROW(450, "4.1.1", "It is not known yet whether there is such a user",
                                ANSWER_REFUSES, "not_verified"),
    [ANSWER_TOO_MANY_UNKNOWN] =
        ROW(450, "4.7.1", "Too many unknown recipients from your network: come again later",
            ANSWER_REFUSES, "not_verified"),
    [ANSWER_BLACKLISTED] =
        ROW(550, "5.7.1", "Mail from you is not received here", ANSWER_REFUSES, "blacklist"),
    [ANSWER_DNSBL] =
        ROW(550, "5.7.1", "You are on a list of senders of spam", ANSWER_REFUSES, "dnsbl"),
    [ANSWER_GREYLISTED] =
        ROW(451, "4.7.1", "Greylisted: try again later", ANSWER_REFUSES, "greylist"),
    [ANSWER_TOO_FAST] =
        ROW(450, "4.7.1", "Too much mail of your address within a minute: try again later",
            ANSWER_REFUSES, "rate"),
    [ANSWER_NO_POSTING] =
        ROW(550, "5.7.2", "You may not send to this group", ANSWER_REFUSES, "posting"),
    [ANSWER_FOR_REPORTS_ONLY] = ROW(550, "5.7.1", "This address takes reports only",
                                    ANSWER_IS_ERROR | ANSWER_REFUSES, "posting"),
    [ANSWER_MAILBOX_FULL] = ROW(552, "5.2.2", "The mailbox is full", ANSWER_REFUSES, "quota"),
    [ANSWER_A_MAILBOX_FULL] =
        ROW(452, "4.2.2", "One of the mailboxes is full", ANSWER_REFUSES, "quota"),
    [ANSWER_TOO_MANY_RECIPIENTS] =
        ROW(452, "4.5.3", "Too many recipients", ANSWER_REFUSES, "recipients"),
    [ANSWER_SENDER_NOT_OWN] = ROW(553, "5.7.1", "This is not one of your addresses",
                                  ANSWER_IS_ERROR | ANSWER_REFUSES, "sender_not_own"),
    [ANSWER_FROM_MISSING] =
        ROW(550, "5.7.1", "A message needs one From field with authors of one domain",
            ANSWER_IS_ERROR | ANSWER_REFUSES, "from_missing"),
    [ANSWER_FROM_NOT_OWN] =
        ROW(550, "5.7.1", "From, Sender, Resent-From or Resent-Sender is not one of your addresses",
            ANSWER_IS_ERROR | ANSWER_REFUSES, "from_not_own"),
    [ANSWER_SENT_ENOUGH] =
        ROW(450, "4.7.1", "You have sent as much as you may for now, try again later",
            ANSWER_REFUSES, "sending_limit"),
    [ANSWER_HELD_ENOUGH] = ROW(452, "4.5.3", "Too much of your mail waits for its time here",
                               ANSWER_REFUSES, "held_enough"),
    [ANSWER_SENDING_STOPPED] =
        ROW(550, "5.7.1", "Your account may not send mail for now; ask your administrator",
            ANSWER_REFUSES, "sending_stopped"),
    [ANSWER_SPF_FAIL] = ROW(550, "5.7.23", "SPF: this client may not send for the sender's domain",
                            ANSWER_REFUSES, "spf"),
    [ANSWER_SPF_LATER] =
        ROW(451, "4.7.24", "SPF of the sender cannot be asked now, try again later", ANSWER_REFUSES,
            "spf_later"),
    [ANSWER_DMARC_FAIL] = ROW(550, "5.7.1", "DMARC: the author's domain wants this to be refused",
                              ANSWER_REFUSES, "dmarc"),
    [ANSWER_DMARC_LATER] = ROW(451, "4.7.1", "DMARC: who sent this cannot be checked now",
                               ANSWER_REFUSES, "dmarc_later"),
    [ANSWER_TOLD_ENOUGH] =
        ROW(450, "4.7.1",
            "Your sender is not proven by SPF, and has had enough reports of success for now",
            ANSWER_REFUSES, "success_reports"),
    [ANSWER_FILTERED] =
        ROW(550, "5.7.1", "The message was refused by a filter", ANSWER_REFUSES, "filter"),
    [ANSWER_FILTERED_NOW] =
        ROW(451, "4.7.1", "A filter wants the message to come later", ANSWER_REFUSES, "filter"),
    [ANSWER_TOO_LARGE] = ROW(552, "5.3.4", "The message is too large", ANSWER_REFUSES, "size"),
    [ANSWER_LINE_OF_MESSAGE] =
        ROW(552, "5.3.4", "A line of the message is too long", ANSWER_REFUSES, "line"),
    [ANSWER_HEADER_TOO_LARGE] =
        ROW(552, "5.3.4", "The header is too large", ANSWER_REFUSES, "header"),
    [ANSWER_BARE_LINE_END] = ROW(550, "5.5.2", "The message has a bare CR, a bare LF or a NUL",
                                 ANSWER_CLOSES | ANSWER_REFUSES, "bare_line_end"),
    [ANSWER_HEADER_TORN] = ROW(550, "5.6.0", "The header does not begin with a field",
                               ANSWER_IS_ERROR | ANSWER_REFUSES, "header_torn"),
    [ANSWER_NOT_TEXT] =
        ROW(554, "5.6.3", "The binary parts cannot be re-encoded", ANSWER_REFUSES, "binary"),
    [ANSWER_LOOP] = ROW(554, "5.4.6", "The message goes in circles", ANSWER_REFUSES, "loop"),
    [ANSWER_NO_MEMORY] = ROW(452, "4.3.1", "No room now, try again", ANSWER_REFUSES, "memory"),
    [ANSWER_DISK_FULL] =
        ROW(452, "4.3.1", "Not enough room on the disk, try again later", ANSWER_REFUSES, "disk"),
    [ANSWER_LOCAL_ERROR] = ROW(451, "4.3.0", "Local error, try again", ANSWER_REFUSES, "temporary"),
};

const struct smtp_answer_row *smtp_answer_row(enum smtp_answer answer)
{
    return &rows[answer];
}

enum smtp_answer smtp_answer_for_failure(enum err_kind kind)
{
    switch (kind) {
    case ERR_CANCELLED:
        return ANSWER_SHUTTING_DOWN;
    case ERR_LIMIT:
        return ANSWER_NO_MEMORY;
    case ERR_NONE:
    case ERR_SYNTAX:
    case ERR_NOT_FOUND:
    case ERR_EXISTS:
    case ERR_DENIED:
    case ERR_CONFLICT:
    case ERR_UNAVAILABLE:
    case ERR_TIMEOUT:
    case ERR_CLOSED:
    case ERR_UNKNOWN_OUTCOME:
    case ERR_UNSUPPORTED:
    case ERR_DAMAGED:
    case ERR_INTERNAL:
        break;
    }
    return ANSWER_LOCAL_ERROR;
}

enum smtp_answer smtp_answer_for_fault(enum smtp_fault fault, bool is_sender)
{
    switch (fault) {
    case SMTP_FAULT_PATH:
        return is_sender ? ANSWER_BAD_SENDER : ANSWER_BAD_RECIPIENT;
    case SMTP_FAULT_NOT_ASCII:
        return ANSWER_NOT_ASCII;
    case SMTP_FAULT_PARAMETER:
        return ANSWER_BAD_PARAMETER;
    case SMTP_FAULT_UNKNOWN_PARAMETER:
        return ANSWER_UNKNOWN_PARAMETER;
    case SMTP_FAULT_SIZE:
        return ANSWER_TOO_LARGE;
    case SMTP_GOOD:
    case SMTP_FAULT_SYNTAX:
        break;
    }
    return ANSWER_BAD_SYNTAX;
}
