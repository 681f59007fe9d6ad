/* SPDX-License-Identifier: Apache-2.0 */
/* What the modes of the load generator share: the options of the command line and the threads. */
#ifndef LOADGEN_LOADGEN_H
#define LOADGEN_LOADGEN_H

#include "tools/loadgen/client.h"

struct load_user {
    const char *address;
    const char *password;
};

struct load_options {
    const char *host;
    const char *smtp_port;
    const char *imap_port; /* implicit TLS; with two ports by a comma, sessions alternate */
    const char *domain;    /* that the mails come from, and the client says it is */
    bool starttls;         /* of SMTP */
    size_t sessions;
    size_t count;      /* messages or rounds in all */
    size_t recipients; /* of one message */
    size_t domains;    /* that mails are submitted to */
    size_t first_user; /* users from here on are used */
    struct load_user *users;
    size_t n_users;
    str *mails; /* ready for DATA: dot-stuffed, with the final dot */
    size_t n_mails;
    SSL_CTX *tls;
};

/* Runs fn in `n` threads, each with its number, and waits for all. */
void load_threads(size_t n, void (*fn)(void *arg, size_t number), void *arg);
/* An IMAP client that is logged in (tag "a") as the user. */
void load_imap_login(struct client *c, const struct load_options *o, const char *port,
                     const struct load_user *user);

/* A session of SMTP after EHLO, over TLS where the options want that. */
void load_smtp_open(struct client *c, const struct load_options *o);
/* Sends a mail to n recipients; gives the milliseconds from its final dot to the reply. */
double load_smtp_send(struct client *c, const char *sender, const char *const *recipients, size_t n,
                      str mail);

/* The modes; each prints one line of JSON. */
int load_smtp(const struct load_options *o);
int load_submit(const struct load_options *o);
int load_imap(const struct load_options *o);
int load_idle(const struct load_options *o);
int load_hold(const struct load_options *o);

#endif
