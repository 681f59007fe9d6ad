/* SPDX-License-Identifier: Apache-2.0 */
/* Packets of the milter protocol (version 6 of sendmail's libmilter: mfdef.h): writing what a mail
 * server says, reading what a filter answers. Pure. Not for when what is said. */
#ifndef MILTER_CODEC_H
#define MILTER_CODEC_H

#include "wire/smtp_path.h"

enum {
    MILTER_VERSION = 6,
    MILTER_VERSION_MIN = 2,
    MILTER_CHUNK = 65535,       /* octets of a body in one packet */
    MILTER_PACKET_MAX = 1 << 20 /* octets of a packet of a filter, without its length */
};

/* What a filter wants to change (SMFIF_). */
enum {
    MILTER_ADDS_HEADERS = 0x01,
    MILTER_CHANGES_BODY = 0x02,
    MILTER_ADDS_RECIPIENTS = 0x04,
    MILTER_REMOVES_RECIPIENTS = 0x08,
    MILTER_CHANGES_HEADERS = 0x10,
    MILTER_QUARANTINES = 0x20,
    MILTER_CHANGES_SENDER = 0x40,
    MILTER_ADDS_WITH_PARAMETERS = 0x80, /* recipients with NOTIFY= and ORCPT= */
    MILTER_ACTIONS = 0xff               /* those that we let it */
};

/* What a filter does not want to hear (SMFIP_NO...), and after what it does not answer (NR_). */
enum {
    MILTER_NO_CONNECT = 0x01,
    MILTER_NO_HELO = 0x02,
    MILTER_NO_MAIL = 0x04,
    MILTER_NO_RCPT = 0x08,
    MILTER_NO_BODY = 0x10,
    MILTER_NO_HEADERS = 0x20,
    MILTER_NO_EOH = 0x40,
    MILTER_QUIET_HEADER = 0x80,
    MILTER_NO_DATA = 0x200,
    MILTER_SKIP = 0x400, /* it may want no more of the body */
    MILTER_QUIET_CONNECT = 0x1000,
    MILTER_QUIET_HELO = 0x2000,
    MILTER_QUIET_MAIL = 0x4000,
    MILTER_QUIET_RCPT = 0x8000,
    MILTER_QUIET_DATA = 0x10000,
    MILTER_QUIET_EOH = 0x40000,
    MILTER_QUIET_BODY = 0x80000,
    MILTER_STEPS = 0xff7ff /* those that we offer */
};

struct milter_options {
    uint32_t version;
    uint32_t actions; /* MILTER_ADDS_HEADERS ... */
    uint32_t steps;   /* MILTER_NO_CONNECT ... */
};

/* Appends a packet: its length, the command, the data. False when `out` is full. */
bool milter_add_packet(struct buf *out, char command, str data);
/* Appends a number of four octets, the most significant first; a text and the NUL behind it: what
 * the data of packets is made of. A NUL within the text is left out. */
bool milter_add_number(struct buf *out, uint32_t number);
bool milter_add_text(struct buf *out, str text);

/* The length that the first four octets of a packet tell. ERR_LIMIT: it is 0 or too much. */
bool milter_length_parse(const uint8_t octets[4], size_t *length, struct err *e);

/* The answer to the offer of options. What was not offered is taken out: some filters name more
 * than they may have. ERR_SYNTAX; ERR_UNSUPPORTED: a version that we do not speak. */
bool milter_options_parse(str data, struct milter_options *out, struct err *e);

/* The reply that a filter chose ("550 5.7.1 text", perhaps of several lines): class 4 or 5, the
 * text behind the codes, harmless and on one line, in arena. ERR_SYNTAX. */
bool milter_reply_parse(struct arena *a, str data, unsigned *class, str *text, struct err *e);

/* What may be said to a client: at most 400 octets of printable ASCII on one line, in arena. Other
 * octets become spaces. Pure. */
str milter_clean_text(struct arena *a, str text);
/* Whether a field of the header can have this name (RFC 5322 section 3.6.8). Pure. */
bool milter_is_field_name(str name);

enum milter_change_kind {
    MILTER_ADD,    /* a field behind all others */
    MILTER_INSERT, /* a field before the one at `index`, counted from 0 */
    MILTER_CHANGE  /* the field that is the `index`th of its name, from 1; no value: it goes */
};

struct milter_change {
    enum milter_change_kind kind;
    uint32_t index;
    str name;  /* borrowed */
    str value; /* as sent, borrowed */
};

/* Whether a command of a filter changes the header; then its data in *out. ERR_SYNTAX: data that is
 * none, or a name that no field can have. */
bool milter_is_change(char command);
bool milter_change_parse(char command, str data, struct milter_change *out, struct err *e);

/* An address as a filter writes it, with < and > or without, or empty where `kind` allows that. In
 * arena. ERR_SYNTAX. */
bool milter_path_parse(struct arena *a, str text, enum smtp_path_kind kind, struct smtp_path *out,
                       struct err *e);

enum milter_envelope_kind {
    MILTER_ADD_RECIPIENT,
    MILTER_REMOVE_RECIPIENT,
    MILTER_SET_SENDER
};

struct milter_envelope_change {
    enum milter_envelope_kind kind;
    str address;     /* as smtp_path_text has it; empty: the null sender */
    bool has_notify; /* of who is added: as of struct smtp_recipient */
    unsigned notify;
    str orcpt;
};

/* The action (MILTER_ADDS_RECIPIENTS ...) that a command of a filter is; 0: it does not change the
 * envelope. */
uint32_t milter_envelope_action(char command);
/* The data of such a command; in arena. What a new sender is given of parameters is not read, of a
 * recipient there are NOTIFY= and ORCPT= (RFC 3461). ERR_SYNTAX: no address, or another parameter.
 */
bool milter_envelope_parse(struct arena *a, char command, str data,
                           struct milter_envelope_change *out, struct err *e);

#endif
