/* SPDX-License-Identifier: Apache-2.0 */
/* What a peer's certificate says of itself, for people, and what it can be known again by. */
#include "net/conn.h"

#include <openssl/x509.h>

enum {
    NAME_MAX_SHOWN = 200
};

/* Everything that is not printable ASCII is escaped: the text goes into mails and logs. */
static str show_name(const X509_NAME *name, struct arena *a)
{
    char *text = NULL;
    const unsigned long how = XN_FLAG_RFC2253; /* with what is not ASCII, or a control, escaped */
    BIO *out = BIO_new(BIO_s_mem());
    INVARIANT(out);
    str shown = STR_EMPTY;
    if (X509_NAME_print_ex(out, name, 0, how) >= 0) {
        long n = BIO_get_mem_data(out, &text);
        shown = arena_str(a, str_slice(str_of(text, n > 0 ? (size_t)n : 0), 0, NAME_MAX_SHOWN));
    }
    BIO_free(out);
    return shown;
}

static int64_t time_us(const ASN1_TIME *time)
{
    struct tm tm;
    memset(&tm, 0, sizeof(tm));
    return ASN1_TIME_to_tm(time, &tm) == 1 ? (int64_t)timegm(&tm) * 1000000 : 0;
}

bool net_conn_certificate(const struct net_conn *c, struct arena *a, struct tls_certificate *out)
{
    X509 *certificate = c->ssl ? SSL_get1_peer_certificate(c->ssl) : NULL;
    unsigned char *der = NULL;
    unsigned n = 0;
    if (!certificate)
        return false;
    int length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
    bool ok = length > 0 &&
              EVP_Digest(der, (size_t)length, out->key, &n, EVP_sha256(), NULL) == 1 &&
              n == sizeof(out->key);
    OPENSSL_free(der);
    if (ok) {
        out->subject = show_name(X509_get_subject_name(certificate), a);
        out->issuer = show_name(X509_get_issuer_name(certificate), a);
        out->until_us = time_us(X509_get0_notAfter(certificate));
    }
    X509_free(certificate);
    return ok;
}
