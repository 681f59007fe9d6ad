/* SPDX-License-Identifier: Apache-2.0 */
/* TLS towards other servers: whom to trust, which name to expect. */
#include "net/tls_private.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

struct tls_client {
    SSL_CTX *context;
};

struct tls_client *tls_client_new(enum tls_verify verify, const char *ca_file, struct err *e)
{
    SSL_CTX *context = tls_make_context(TLS_client_method(), e);
    if (!context)
        return NULL;
    /* Even without enforcing it OpenSSL verifies, and the facts tell the result. */
    SSL_CTX_set_verify(context, verify == TLS_VERIFY_REQUIRE ? SSL_VERIFY_PEER : SSL_VERIFY_NONE,
                       NULL);
    int ok = ca_file ? SSL_CTX_load_verify_file(context, ca_file)
                     : SSL_CTX_set_default_verify_paths(context);
    if (ok != 1) {
        char reason[160];
        tls_error_text(reason, sizeof(reason));
        (void)ERR(e, ERR_SYNTAX, "trust anchors %s: %s", ca_file ? ca_file : "of the system",
                  reason);
        SSL_CTX_free(context);
        return NULL;
    }
    INVARIANT(SSL_CTX_dane_enable(context) == 1);
    struct tls_client *c = HEAP_NEW(struct tls_client);
    c->context = context;
    return c;
}

void tls_client_free(struct tls_client **c)
{
    if (!*c)
        return;
    SSL_CTX_free((*c)->context);
    free(*c);
    *c = NULL;
}

static bool is_ip(const char *host)
{
    unsigned char octets[16];
    return inet_pton(AF_INET, host, octets) == 1 || inet_pton(AF_INET6, host, octets) == 1;
}

SSL *tls_client_connect(struct tls_client *c, int fd, const char *host)
{
    SSL *ssl = SSL_new(c->context);
    INVARIANT(ssl && SSL_set_fd(ssl, fd) == 1);
    SSL_set_connect_state(ssl);
    if (!host)
        return ssl;
    if (is_ip(host)) {
        INVARIANT(X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1);
        return ssl;
    }
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    INVARIANT(SSL_set1_host(ssl, host) == 1);
    /* A name too long for SNI is still the name that must match. */
    (void)SSL_set_tlsext_host_name(ssl, host);
    return ssl;
}

SSL *tls_client_connect_dane(struct tls_client *c, int fd, const struct tls_dane *dane)
{
    size_t usable = 0;
    SSL *ssl = SSL_new(c->context);
    INVARIANT(ssl && SSL_set_fd(ssl, fd) == 1);
    SSL_set_connect_state(ssl);
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    bool ok = SSL_dane_enable(ssl, dane->base) == 1; /* with SNI and the name to expect */
    if (ok && dane->next_hop)
        INVARIANT(SSL_add1_host(ssl, dane->next_hop) == 1);
    /* The record of the certificate itself says whose it is (RFC 7672 section 3.1.1). */
    (void)SSL_dane_set_flags(ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
    for (size_t i = 0; i < dane->n && ok; i++) {
        const struct tls_dane_record *r = &dane->records[i];
        usable +=
            SSL_dane_tlsa_add(ssl, (uint8_t)r->usage, (uint8_t)r->selector, (uint8_t)r->matching,
                              (const unsigned char *)r->data.p, r->data.n) > 0;
    }
    if (usable)
        return ssl;
    SSL_free(ssl);
    return NULL;
}
