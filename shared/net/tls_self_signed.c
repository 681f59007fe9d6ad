/* SPDX-License-Identifier: Apache-2.0 */
/* Makes self-signed certificates: for the time before real ones are there, and for tests. */
#include "net/address.h"
#include "net/tls_private.h"

#include "crypto/random.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

static bool add_names(X509 *certificate, const char *const *names, size_t n)
{
    GENERAL_NAMES *list = sk_GENERAL_NAME_new_null();
    for (size_t i = 0; i < n; i++) {
        int type =
            net_address_parse_ip(str_from_cstr(names[i]), &(struct net_address){ .len = 0 }, NULL)
                ? GEN_IPADD
                : GEN_DNS;
        GENERAL_NAME *name = a2i_GENERAL_NAME(NULL, NULL, NULL, type, names[i], 0);
        if (!name || !sk_GENERAL_NAME_push(list, name)) {
            GENERAL_NAME_free(name);
            sk_GENERAL_NAME_pop_free(list, GENERAL_NAME_free);
            return false;
        }
    }
    bool ok = X509_add1_ext_i2d(certificate, NID_subject_alt_name, list, 0, 0) == 1;
    sk_GENERAL_NAME_pop_free(list, GENERAL_NAME_free);
    return ok;
}

static bool fill_certificate(X509 *certificate, EVP_PKEY *key, const char *const *names, size_t n,
                             unsigned days)
{
    X509_NAME *subject = X509_get_subject_name(certificate);
    uint64_t serial = crypto_random_u64() >> 1; /* positive */
    const unsigned char *common_name = (const unsigned char *)names[0];
    /* A common name has at most 64 octets; the alternative names are what counts. */
    bool named = strlen(names[0]) > 64 ||
                 X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, common_name, -1, -1, 0);
    return named && X509_set_version(certificate, X509_VERSION_3) == 1 &&
           ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial) == 1 &&
           X509_gmtime_adj(X509_getm_notBefore(certificate), -3600) &&
           X509_gmtime_adj(X509_getm_notAfter(certificate), 86400L * (long)days) &&
           X509_set_issuer_name(certificate, subject) == 1 &&
           X509_set_pubkey(certificate, key) == 1 && add_names(certificate, names, n) &&
           X509_sign(certificate, key, EVP_sha256()) > 0;
}

/* A file beside the wanted one, moved there when complete, so that nobody reads half of it. */
static bool write_pem(const char *path, mode_t mode, X509 *certificate, EVP_PKEY *key,
                      struct err *e)
{
    struct buf temporary;
    buf_init(&temporary, 4096);
    if (!buf_addf(&temporary, "%s.%016llx", path, (unsigned long long)crypto_random_u64()))
        return ERR(e, ERR_LIMIT, "the path is too long: %s", path);
    const char *name = buf_cstr(&temporary);
    int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    bool ok = file &&
              (certificate ? PEM_write_X509(file, certificate)
                           : PEM_write_PKCS8PrivateKey(file, key, NULL, NULL, 0, NULL, NULL)) == 1;
    int sys = errno;
    if (file && (fflush(file) != 0 || fsync(fd) != 0 || fclose(file) != 0))
        ok = false;
    if (ok && rename(name, path) != 0) {
        sys = errno;
        ok = false;
    }
    if (!ok && fd >= 0)
        (void)unlink(name);
    buf_fini(&temporary);
    return ok || err_set(e, ERR_INTERNAL, sys, __FILE__, __LINE__, "%s cannot be written", path);
}

bool tls_make_self_signed(const char *const *names, size_t n, unsigned days, const char *cert_path,
                          const char *key_path, struct err *e)
{
    INVARIANT(n > 0);
    ERR_clear_error();
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    bool ok = key && certificate && fill_certificate(certificate, key, names, n, days);
    if (ok) {
        ok = write_pem(key_path, 0600, NULL, key, e) &&
             write_pem(cert_path, 0644, certificate, NULL, e);
    } else {
        char reason[160];
        tls_error_text(reason, sizeof(reason));
        (void)ERR(e, ERR_SYNTAX, "no certificate for %s: %s", names[0], reason);
    }
    X509_free(certificate);
    EVP_PKEY_free(key);
    return ok;
}
