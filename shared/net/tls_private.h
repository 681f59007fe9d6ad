/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of net share about OpenSSL. Private to net. */
#ifndef NET_TLS_PRIVATE_H
#define NET_TLS_PRIVATE_H

#include "net/tls.h"

#include <openssl/ssl.h>

/* A context with our versions, ciphers, groups and modes; `method` is TLS_server_method() or
 * TLS_client_method(). NULL fills *e. */
SSL_CTX *tls_make_context(const SSL_METHOD *method, struct err *e);

/* An SSL over the socket, ready for its handshake. Gives. */
SSL *tls_server_accept(struct tls_server *s, int fd);
/* `host`: whom we want to talk to, a name or an IP; may be NULL (no SNI, nothing to verify). */
SSL *tls_client_connect(struct tls_client *c, int fd, const char *host);

/* The same for a server that is known by TLSA records: names, dates and issuers count as RFC 7672
 * section 3.1 says. NULL: OpenSSL can use none of the records. */
SSL *tls_client_connect_dane(struct tls_client *c, int fd, const struct tls_dane *dane);

/* The facts of a finished handshake. */
void tls_facts_read(SSL *ssl, struct tls_facts *out);

/* The oldest error in OpenSSL's queue as a sentence, without emptying it. */
void tls_error_text(char *out, size_t size);

#endif
