/* SPDX-License-Identifier: Apache-2.0 */
/* Channel bindings of a server's connection. */
#include "net/conn.h"

#include <openssl/x509.h>

static const char exporter_label[] = "EXPORTER-Channel-Binding";

enum {
    EXPORTER_SIZE = 32
};

/* In TLS 1.2 it would only be safe with the extended master secret (RFC 9266 section 2); those
 * clients have the other one. */
static size_t read_exporter(SSL *ssl, uint8_t out[TLS_BINDING_MAX])
{
    if (SSL_version(ssl) != TLS1_3_VERSION)
        return 0;
    int ok = SSL_export_keying_material(ssl, out, EXPORTER_SIZE, exporter_label,
                                        sizeof(exporter_label) - 1, NULL, 0, 0);
    return ok == 1 ? EXPORTER_SIZE : 0;
}

/* The hash of the certificate's signature, but SHA-256 instead of MD5 and SHA-1 (RFC 5929
 * section 4.1). A signature without one of its own (Ed25519) gives no binding. */
static size_t read_endpoint(SSL *ssl, uint8_t out[TLS_BINDING_MAX])
{
    const X509 *certificate = SSL_get_certificate(ssl);
    int hash = NID_undef;
    unsigned n = 0;
    if (!certificate ||
        OBJ_find_sigid_algs(X509_get_signature_nid(certificate), &hash, NULL) != 1 ||
        hash == NID_undef)
        return 0;
    const EVP_MD *md =
        hash == NID_md5 || hash == NID_sha1 ? EVP_sha256() : EVP_get_digestbynid(hash);
    if (!md || EVP_MD_get_size(md) > TLS_BINDING_MAX || X509_digest(certificate, md, out, &n) != 1)
        return 0;
    return n;
}

size_t net_conn_binding(const struct net_conn *c, enum tls_binding kind,
                        uint8_t out[TLS_BINDING_MAX])
{
    if (!c->ssl || !c->facts.version)
        return 0;
    return kind == TLS_BINDING_EXPORTER ? read_exporter(c->ssl, out) : read_endpoint(c->ssl, out);
}
