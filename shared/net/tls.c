/* SPDX-License-Identifier: Apache-2.0 */
/* What servers and clients have in common in TLS: versions, ciphers, facts, error texts. */
#include "net/tls.h"

#include "net/tls_private.h"

#include <openssl/err.h>

/* Mozilla "Intermediate" without DHE: forward secrecy and AEAD only (PROMISES, "TLS server"). The
 * suites of TLS 1.3 are OpenSSL's three, which are of that kind. */
static const char ciphers[] = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
                              "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
                              "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
static const char groups[] = "X25519:P-256:P-384";

void tls_error_text(char *out, size_t size)
{
    unsigned long code = ERR_peek_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    if (code && ERR_SYSTEM_ERROR(code)) /* a number of errno, which OpenSSL has no words for */
        reason = strerrordesc_np(ERR_GET_REASON(code));
    (void)snprintf(out, size, "%s", reason ? reason : "no reason given");
}

SSL_CTX *tls_make_context(const SSL_METHOD *method, struct err *e)
{
    char reason[160];
    ERR_clear_error();
    SSL_CTX *context = SSL_CTX_new(method);
    if (context && SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
        SSL_CTX_set_cipher_list(context, ciphers) == 1 &&
        SSL_CTX_set1_groups_list(context, groups) == 1) {
        /* Buffers of idle connections are given back: 14 KB instead of 27 KB each. */
        SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
        /* The protocols above end by words of their own, so a missing close_notify is no attack. */
        SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                         SSL_OP_IGNORE_UNEXPECTED_EOF);
        return context;
    }
    tls_error_text(reason, sizeof(reason));
    (void)ERR(e, ERR_INTERNAL, "TLS cannot be set up: %s", reason);
    SSL_CTX_free(context);
    return NULL;
}

/* Without a name to expect, a good chain says nothing. */
static bool expects_a_name(SSL *ssl)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    char *ip = X509_VERIFY_PARAM_get1_ip_asc(param);
    bool expects = ip || X509_VERIFY_PARAM_get0_host(param, 0);
    OPENSSL_free(ip);
    return expects;
}

static enum tls_fault kind_of(long verified)
{
    static const struct {
        long code;
        enum tls_fault fault;
    } kinds[] = {
        { X509_V_ERR_HOSTNAME_MISMATCH, TLS_FAULT_NAME },
        { X509_V_ERR_IP_ADDRESS_MISMATCH, TLS_FAULT_NAME },
        { X509_V_ERR_CERT_HAS_EXPIRED, TLS_FAULT_EXPIRED },
        { X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, TLS_FAULT_TRUST },
        { X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, TLS_FAULT_TRUST },
        { X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, TLS_FAULT_TRUST },
        { X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, TLS_FAULT_TRUST },
        { X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, TLS_FAULT_TRUST },
    };
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (kinds[i].code == verified)
            return kinds[i].fault;
    }
    return TLS_FAULT_OTHER;
}

void tls_facts_read(SSL *ssl, struct tls_facts *out)
{
    const char *sni = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    *out = (struct tls_facts){ .version = SSL_get_version(ssl),
                               .cipher = SSL_get_cipher_name(ssl),
                               .sni = sni ? sni : "",
                               .verify_error = "" };
    if (SSL_is_server(ssl))
        return;
    long verified = SSL_get_verify_result(ssl);
    const char *fault = verified == X509_V_OK ? NULL : X509_verify_cert_error_string(verified);
    if (!fault && !expects_a_name(ssl))
        fault = "no name was asked for";
    out->verified = !fault;
    out->verify_error = fault ? fault : "";
    out->fault = fault ? kind_of(verified) : TLS_FAULT_NONE;
}
