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
