/* SPDX-License-Identifier: Apache-2.0 */
/* SMTP replies (RFC 5321 4.2): formatting them for a server, reading them line by line for a
 * client, and the keywords of an EHLO reply. Pure; not for what a reply means to a delivery. */
#ifndef WIRE_SMTP_REPLY_H
#define WIRE_SMTP_REPLY_H

#include "base/base.h"

enum {
    SMTP_REPLY_LINE_MAX = 2048,  /* octets of one line read from a server, without CRLF (O3) */
    SMTP_REPLY_LINES_MAX = 100,  /* lines of one reply read from a server (O3) */
    SMTP_REPLY_TEXT_MAX = 16384, /* octets kept of one reply's text; the rest is dropped */
    SMTP_REPLY_OUT_MAX = 510     /* octets of one line we write, without CRLF */
};

/* ---- server side ---- */

/* Appends one reply: "250-2.1.0 first line CRLF 250 2.1.0 last line CRLF". `status` is the enhanced
 * status code ("2.1.0") and stands in every line; empty for none. Lines of `text` are separated by
 * LF. Bytes outside of printable ASCII become '?', long lines are cut at SMTP_REPLY_OUT_MAX: text
 * of a peer can break neither a line nor a reply. False when `out` is full. */
bool smtp_reply_format(struct buf *out, unsigned code, str status, str text);

/* ---- client side ---- */

/* A reply as read so far. Fields may be read when smtp_reply_add_line said SMTP_REPLY_DONE. */
struct smtp_reply {
    unsigned code;    /* 200-599 */
    char status[12];  /* enhanced status code of the last line ("5.1.1"), or empty */
    unsigned n_lines; /* lines read */
    struct buf text;  /* lines without code, separated by LF, control bytes as '?'; a status that
                         the line before has, too, is left away */
};

enum smtp_reply_step {
    SMTP_REPLY_MORE, /* read the next line */
    SMTP_REPLY_DONE, /* that was the last line */
    SMTP_REPLY_BAD   /* no reply of SMTP: treat the connection as broken */
};

/* An empty reply; end with smtp_reply_fini. smtp_reply_clear makes it ready for the next one. */
void smtp_reply_init(struct smtp_reply *r);
void smtp_reply_clear(struct smtp_reply *r);
void smtp_reply_fini(struct smtp_reply *r);

/* Takes the next line (without its line end; read with SMTP_REPLY_LINE_MAX). SMTP_REPLY_BAD fills
 * *e: ERR_SYNTAX (no code, code outside of 200-599, another code than the line before, NUL),
 * ERR_LIMIT (line or number of lines). */
enum smtp_reply_step smtp_reply_add_line(struct smtp_reply *r, str line, struct err *e);

/* Reads an enhanced status code "c.s.d" at the start of `text`, at most 1.3.3 digits, class 2, 4 or
 * 5. False when there is none; otherwise its length is in *length. */
bool smtp_status_parse(str text, size_t *length);

/* What a server offered in its EHLO reply. */
struct smtp_extensions {
    bool starttls;
    bool pipelining;
    bool eight_bit_mime;
    bool enhanced_status_codes;
    bool smtputf8;
    bool chunking;
    bool dsn;
    bool requiretls;
    bool has_size;
    uint64_t size;   /* octets, 0 = no fixed limit; only with has_size */
    bool auth_plain; /* AUTH PLAIN, also in the old form "AUTH=PLAIN" */
    bool auth_login;
    bool auth_scram;      /* SCRAM-SHA-256 (RFC 7677) */
    bool auth_scram_plus; /* the same, bound to the TLS connection */
    size_t rcpt_max;      /* recipients of one message (LIMITS, RFC 9422); 0: not told */
    size_t mail_max;      /* messages of one connection; 0: not told */
    size_t domain_max;    /* domains of recipients of one connection; 0: not told */
};

/* Reads the keywords of an EHLO reply (its first line is the server's name). Unknown or malformed
 * keywords are passed over. */
void smtp_extensions_parse(const struct smtp_reply *r, struct smtp_extensions *out);

#endif
