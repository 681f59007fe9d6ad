/* SPDX-License-Identifier: Apache-2.0 */
/* The keys that outgoing mail of our domains is signed with. A key here is a pair, RSA and Ed25519,
 * under one selector: <selector>._domainkey has the RSA key (RFC 6376), <selector>-ed._domainkey
 * the Ed25519 key (RFC 8463). One that was brought along is RSA or Ed25519 alone, and its record
 * stands at <selector>._domainkey, where it did before. The private keys are sealed in the database
 * under the server's key. */
#ifndef ACCOUNT_DKIM_H
#define ACCOUNT_DKIM_H

#include "account/account.h"
#include "crypto/signature.h"

enum {
    ACCOUNT_DKIM_SELECTOR_MAX = 52, /* octets; "-ed" and the rules of labels leave no more */
    ACCOUNT_DKIM_RSA_BITS = 2048
};

enum account_dkim_state {
    ACCOUNT_DKIM_WAITING, /* for its records to be published */
    ACCOUNT_DKIM_SIGNING, /* one a domain at most */
    ACCOUNT_DKIM_RETIRED  /* its records must stay for a while: mail travels for days */
};

struct account_dkim_key {
    str selector;
    enum account_dkim_state state;
    str rsa_record; /* text of the TXT record at <selector>._domainkey; empty: no RSA key */
    str ed_record;  /* at <selector>-ed._domainkey, alone at <selector>._domainkey; likewise */
    int64_t created_at_us;
    int64_t signing_at_us; /* 0: it never did */
    int64_t retired_at_us; /* 0: it is not */
};

struct account_dkim_list {
    struct account_dkim_key *list; /* the newest first; in the arena */
    size_t n;
};

/* All keys of a domain. ERR_NOT_FOUND: the domain is not ours. Yields. */
YIELDS bool account_dkim_list(struct account_directory *d, str domain, struct arena *a,
                              int64_t deadline_ms, struct account_dkim_list *out, struct err *e);

struct account_dkim_name {
    str domain;
    str selector;
};

/* Makes a key; the first of a domain signs at once, a later one waits. `selector` empty: "mail", or
 * the first of "mail2", "mail3" ... that is free; *made is the one that was taken. About 0.1 s of a
 * core, in the offload pool. ERR_SYNTAX (selector), ERR_NOT_FOUND (no such domain), ERR_EXISTS (the
 * selector is taken), ERR_UNSUPPORTED (the server has no key to seal with). Yields. */
YIELDS bool account_dkim_make(struct account_directory *d, const struct account_actor *actor,
                              const struct account_dkim_name *name, struct arena *a,
                              int64_t deadline_ms, str *made, struct err *e);
/* A key from elsewhere (crypto_key_file_parse), under the selector that its record is published
 * with. Borrowed. */
struct account_dkim_import {
    struct account_dkim_name name;
    const struct crypto_key *key;
    bool is_rehearsal; /* everything is looked at, nothing is kept */
};

/* Keeps it as account_dkim_make does one of ours: the first of a domain signs at once, a later one
 * waits; no other key is touched. Capital letters of a selector become small ones. *out is the key
 * as it is now, or would be. ERR_LIMIT: an RSA key that receivers need not take (RFC 8301 section
 * 3.2); ERR_SYNTAX, ERR_NOT_FOUND, ERR_EXISTS, ERR_UNSUPPORTED as above. Yields. */
YIELDS bool account_dkim_import(struct account_directory *d, const struct account_actor *actor,
                                const struct account_dkim_import *what, struct arena *a,
                                int64_t deadline_ms, struct account_dkim_key *out, struct err *e);
/* Signs with this key from now on; the one that did is retired. ERR_NOT_FOUND. Yields. */
YIELDS bool account_dkim_activate(struct account_directory *d, const struct account_actor *actor,
                                  const struct account_dkim_name *name, struct arena *a,
                                  int64_t deadline_ms, struct err *e);
/* Forgets a key that is still in the state that was seen; a domain whose signing key is gone signs
 * nothing. ERR_NOT_FOUND; ERR_CONFLICT: it is in another state by now. Yields. */
YIELDS bool account_dkim_remove(struct account_directory *d, const struct account_actor *actor,
                                const struct account_dkim_name *name, enum account_dkim_state seen,
                                struct arena *a, int64_t deadline_ms, struct err *e);

enum {
    ACCOUNT_DKIM_ROTATE_DEFAULT = -1 /* as the configuration says */
};

/* A domain whose keys want something done. */
struct account_dkim_due {
    str domain;
    int64_t rotate_ms; /* how old its keys become */
};

struct account_dkim_dues {
    struct account_dkim_due *list; /* in arena */
    size_t n;
};

/* The domains whose keys want something done: the one that signs does so for longer than
 * the domain's own time, or without one `rotate_ms`, one waits, or one was retired more than
 * `overlap_ms` ago. None whose time is 0. A thousand at most, those first that account_dkim_look
 * was called for longest ago, or never. Yields. */
YIELDS bool account_dkim_due_list(struct account_directory *d, int64_t rotate_ms,
                                  int64_t overlap_ms, struct arena *a, int64_t deadline_ms,
                                  struct account_dkim_dues *out, struct err *e);

/* How old the keys of a domain become before they are changed over; 0: they are not;
 * ACCOUNT_DKIM_ROTATE_DEFAULT. ERR_NOT_FOUND. Yields. */
YIELDS bool account_dkim_set_rotation(struct account_directory *d,
                                      const struct account_actor *actor, str domain,
                                      int64_t rotate_ms, struct arena *a, int64_t deadline_ms,
                                      struct err *e);

/* Notes that the domain's keys are looked at, so that others come before it the next time; `domain`
 * as account_dkim_due_list gave it. Errors: those of db_query. Yields. */
YIELDS bool account_dkim_look(struct account_directory *d, str domain, struct arena *a,
                              int64_t deadline_ms, struct err *e);

/* ---- signing ---- */

/* The opened key that a domain signs with. Shared by who asks for it, and counted. */
struct account_dkim_signer {
    str domain;
    str rsa_selector;
    str ed_selector;
    struct crypto_key *rsa; /* one of both may be NULL */
    struct crypto_key *ed;
    unsigned references; /* private */
    int64_t until_ms;    /* private */
};

/* The signer of a domain, NULL when it has none. Remembered for a short time. ERR_DENIED: the key
 * in the database was sealed under another server key. Release what is got. Yields. */
YIELDS bool account_dkim_signer(struct account_directory *d, str domain, int64_t deadline_ms,
                                struct account_dkim_signer **out, struct err *e);
/* Harmless for NULL; sets it to NULL. */
void account_dkim_release(struct account_dkim_signer **signer);

#endif
