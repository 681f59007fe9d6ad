/* SPDX-License-Identifier: Apache-2.0 */
/* A blocking line client over TCP or TLS for the load generator: one a thread. Not for the server:
 * it has no limits and gives up the whole run on any surprise. */
#ifndef LOADGEN_CLIENT_H
#define LOADGEN_CLIENT_H

#include "base/base.h"

#include <openssl/ssl.h>

struct client {
    int fd;
    SSL *ssl; /* NULL in plain text */
    struct buf in;
    size_t consumed; /* bytes of `in` already given as lines */
};

/* Connects to a numeric host; ends the process when that fails. */
void client_open(struct client *c, const char *host, const char *port);
/* Handshakes as a TLS client that trusts anyone: both sides of a comparison get the same. */
void client_start_tls(struct client *c, SSL_CTX *tls);
void client_close(struct client *c);
/* Sends all bytes. */
void client_send(struct client *c, str bytes);
void client_sendf(struct client *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The next line without CRLF, borrowed until the next read. */
str client_line(struct client *c);
/* Reads an SMTP reply (all its lines) and ends the process unless it begins with the digit. */
void client_expect_smtp(struct client *c, char digit);
/* Reads until the tagged line of IMAP and ends the process unless it says OK. Gives the number of
 * untagged lines that hold `needle` (empty: any). */
size_t client_expect_imap(struct client *c, const char *tag, str needle);

/* Prints and ends the process. */
_Noreturn void bench_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Seconds on the monotonic clock. */
double bench_now(void);
/* The value at quantile q (0-1) of n sorted or unsorted values; sorts them. 0 for none. */
double bench_quantile(double *values, size_t n, double q);

#endif
