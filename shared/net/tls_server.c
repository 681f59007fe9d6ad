/* SPDX-License-Identifier: Apache-2.0 */
/* TLS of servers: one context a certificate, chosen by the name the client asks for, exchanged as a
 * whole on reload. Connections keep the context they began with. */
#include "net/tls_private.h"

#include "base/clock.h"
#include "base/list.h"
#include "crypto/random.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    TICKET_KEY_MS = 12 * 3600 * 1000, /* then new keys; older tickets mean a full handshake */
    TICKET_KEY_BYTES = 80
};

struct certificate {
    SSL_CTX *context;
    X509 *leaf; /* of the context */
};

struct certificates {
    struct certificate *list; /* [0] answers unknown names */
    size_t n;
};

struct tls_server {
    struct certificates current;
    struct tls_cert_files *files; /* own copies of the paths */
    size_t n_files;
    int64_t ticket_keys_until_ms;
    unsigned char service_id[16]; /* random: tickets of one service are no good at another */
    struct list watchers;         /* struct watcher */
};

struct watcher {
    struct list link;
    void (*fn)(void *arg);
    void *arg;
};

struct tls_copy {
    struct certificates set;
    const char *alpn;
    unsigned char service_id[16];
};

static void free_certificates(struct certificates *set)
{
    for (size_t i = 0; i < set->n; i++)
        SSL_CTX_free(set->list[i].context);
    free(set->list);
    *set = (struct certificates){ .n = 0 };
}

static void free_files(struct tls_cert_files *files, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free((void *)(uintptr_t)files[i].cert_path);
        free((void *)(uintptr_t)files[i].key_path);
    }
    free(files);
}

static char *copy_text(const char *text)
{
    size_t n = strlen(text) + 1;
    return memcpy(heap_alloc(n), text, n);
}

static struct tls_cert_files *copy_files(const struct tls_cert_files *files, size_t n)
{
    struct tls_cert_files *copy = heap_zalloc(n * sizeof(*copy));
    for (size_t i = 0; i < n; i++) {
        copy[i].cert_path = copy_text(files[i].cert_path);
        copy[i].key_path = copy_text(files[i].key_path);
    }
    return copy;
}

/* `what` is what the file should have had, in words; OpenSSL's for a file without it are riddles.
 */
static bool fail_ssl(struct err *e, const char *path, const char *what)
{
    char reason[160];
    unsigned long code = ERR_peek_error();
    bool has_none =
        (ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE) ||
        ERR_GET_REASON(code) == ERR_R_UNSUPPORTED;
    tls_error_text(reason, sizeof(reason));
    ERR_clear_error();
    return has_none ? ERR(e, ERR_SYNTAX, "%s has no %s in PEM", path, what)
                    : ERR(e, ERR_SYNTAX, "%s: %s", path, reason);
}

/* OpenSSL would ask on the terminal. *arg, a bool, tells that it wanted to; may be NULL. */
static int no_password(char *out, int size, int rwflag, void *arg)
{
    (void)rwflag;
    if (arg)
        *(bool *)arg = true;
    if (size > 0)
        out[0] = '\0';
    return 0;
}

/* Opens the key once, and judges the same file that it reads. Gives. */
static EVP_PKEY *read_key(const char *path, struct err *e)
{
    struct stat facts;
    bool is_encrypted = false;
    FILE *file = fopen(path, "re");
    if (!file) {
        (void)ERR_SYS(e, ERR_SYNTAX, "key %s cannot be read", path);
        return NULL;
    }
    EVP_PKEY *key = NULL;
    if (fstat(fileno(file), &facts) != 0) {
        (void)ERR_SYS(e, ERR_SYNTAX, "key %s", path);
    } else if (facts.st_mode & (S_IRWXG | S_IRWXO)) {
        (void)ERR(e, ERR_DENIED, "key %s can be read by others (mode %04o): \"chmod 600 %s\"", path,
                  (unsigned)facts.st_mode & 07777, path);
    } else {
        key = PEM_read_PrivateKey(file, NULL, no_password, &is_encrypted);
        if (!key && is_encrypted) {
            ERR_clear_error();
            (void)ERR(e, ERR_SYNTAX,
                      "key %s is encrypted, and nobody is there to type its password: store it "
                      "without (openssl pkey -in KEY -out NEW)",
                      path);
        } else if (!key) {
            (void)fail_ssl(e, path, "private key");
        }
    }
    (void)fclose(file);
    return key;
}

static bool check_dates(const X509 *leaf, const char *path, struct err *e)
{
    if (X509_cmp_current_time(X509_get0_notAfter(leaf)) <= 0)
        return ERR(e, ERR_CONFLICT, "certificate %s has expired", path);
    if (X509_cmp_current_time(X509_get0_notBefore(leaf)) > 0)
        return ERR(e, ERR_CONFLICT, "certificate %s is not valid yet", path);
    return true;
}

static bool load_pair(SSL_CTX *context, const struct tls_cert_files *files, struct err *e)
{
    SSL_CTX_set_default_passwd_cb(context, no_password);
    if (SSL_CTX_use_certificate_chain_file(context, files->cert_path) != 1)
        return fail_ssl(e, files->cert_path, "certificate");
    EVP_PKEY *key = read_key(files->key_path, e);
    if (!key)
        return false;
    bool fits =
        SSL_CTX_use_PrivateKey(context, key) == 1 && SSL_CTX_check_private_key(context) == 1;
    EVP_PKEY_free(key);
    if (!fits)
        return ERR(e, ERR_CONFLICT, "key %s is not of %s", files->key_path, files->cert_path);
    return check_dates(SSL_CTX_get0_certificate(context), files->cert_path, e);
}

/* The certificate whose leaf names the host: exactly if there is one, else by a wildcard. */
static const struct certificate *find(const struct certificates *set, const char *name)
{
    static const unsigned passes[] = { X509_CHECK_FLAG_NO_WILDCARDS,
                                       X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS };
    for (size_t pass = 0; pass < COUNT_OF(passes); pass++) {
        unsigned flags = passes[pass] | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT;
        for (size_t i = 0; i < set->n; i++) {
            if (X509_check_host(set->list[i].leaf, name, strlen(name), flags, NULL) == 1)
                return &set->list[i];
        }
    }
    return NULL;
}

static int on_server_name(SSL *ssl, int *alert, void *arg)
{
    *alert = SSL_AD_UNRECOGNIZED_NAME; /* looked at only for a failure, and there is none */
    const struct certificates *set = arg;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    const struct certificate *found = name ? find(set, name) : NULL;
    if (found)
        (void)SSL_set_SSL_CTX(ssl, found->context);
    return SSL_TLSEXT_ERR_OK; /* an unknown name gets the first certificate (RFC 6066 3) */
}

/* Tickets are only good with the listener's own contexts, and are not kept here: a cache of 20,000
 * sessions would cost more than the handshakes it saves. */
static void set_session_options(SSL_CTX *context, const unsigned char service_id[16],
                                struct certificates *set)
{
    (void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    (void)SSL_CTX_set_session_id_context(context, service_id, 16);
    (void)SSL_CTX_set_num_tickets(context, 1);
    (void)SSL_CTX_set_max_early_data(context, 0);
    SSL_CTX_set_tlsext_servername_callback(context, on_server_name);
    SSL_CTX_set_tlsext_servername_arg(context, set);
}

static bool load_all(struct tls_server *s, const struct tls_cert_files *files, size_t n,
                     struct certificates *out, struct err *e)
{
    *out = (struct certificates){ .list = heap_zalloc(n * sizeof(*out->list)) };
    for (; out->n < n; out->n++) {
        SSL_CTX *context = tls_make_context(TLS_server_method(), e);
        if (context && load_pair(context, &files[out->n], e)) {
            set_session_options(context, s->service_id, &s->current);
            out->list[out->n] = (struct certificate){ context, SSL_CTX_get0_certificate(context) };
            continue;
        }
        SSL_CTX_free(context);
        free_certificates(out);
        return false;
    }
    return true;
}

bool tls_server_set_files(struct tls_server *s, const struct tls_cert_files *files, size_t n,
                          struct err *e)
{
    struct certificates fresh;
    if (n == 0)
        return ERR(e, ERR_SYNTAX, "TLS needs a certificate");
    if (!load_all(s, files, n, &fresh, e))
        return false;
    struct tls_cert_files *copy = copy_files(files, n); /* `files` may be s->files */
    free_files(s->files, s->n_files);
    free_certificates(&s->current);
    s->current = fresh;
    s->files = copy;
    s->n_files = n;
    s->ticket_keys_until_ms = clock_deadline_in(TICKET_KEY_MS);
    LIST_FOR_EACH (item, &s->watchers) {
        const struct watcher *watcher = CONTAINER_OF(item, struct watcher, link);
        watcher->fn(watcher->arg);
    }
    return true;
}

int64_t tls_server_expires_at(const struct tls_server *s)
{
    int64_t first = INT64_MAX;
    for (size_t i = 0; i < s->current.n; i++) {
        struct tm parts;
        int64_t at = ASN1_TIME_to_tm(X509_get0_notAfter(s->current.list[i].leaf), &parts)
                         ? (int64_t)timegm(&parts)
                         : 0;
        first = at < first ? at : first;
    }
    return first;
}

static bool hash_key(const X509 *leaf, uint8_t out[TLS_KEY_SHA256])
{
    unsigned char *info = NULL;
    unsigned n = 0;
    int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(leaf), &info);
    bool ok = size > 0 && EVP_Digest(info, (size_t)size, out, &n, EVP_sha256(), NULL) == 1;
    OPENSSL_free(info);
    return ok && n == TLS_KEY_SHA256;
}

bool tls_server_key_sha256(const struct tls_server *s, const char *host,
                           uint8_t out[TLS_KEY_SHA256])
{
    const struct certificate *found = find(&s->current, host);
    if (s->current.n == 0)
        return false;
    return hash_key(found ? found->leaf : s->current.list[0].leaf, out);
}

bool tls_file_key_sha256(const char *path, uint8_t out[TLS_KEY_SHA256], struct err *e)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return ERR_SYS(e, ERR_NOT_FOUND, "%s", path);
    X509 *leaf = PEM_read_X509(file, NULL, no_password, NULL);
    (void)fclose(file);
    bool ok = leaf && hash_key(leaf, out);
    X509_free(leaf);
    ERR_clear_error();
    return ok || ERR(e, ERR_SYNTAX, "%s has no certificate in PEM", path);
}

struct tls_server *tls_server_new(const struct tls_cert_files *files, size_t n, struct err *e)
{
    struct tls_server *s = HEAP_NEW(struct tls_server);
    list_init(&s->watchers);
    crypto_random_fill(s->service_id, sizeof(s->service_id));
    if (!tls_server_set_files(s, files, n, e))
        tls_server_free(&s);
    return s;
}

bool tls_server_reload(struct tls_server *s, struct err *e)
{
    return tls_server_set_files(s, s->files, s->n_files, e);
}

void tls_server_free(struct tls_server **s)
{
    if (!*s)
        return;
    free_certificates(&(*s)->current);
    free_files((*s)->files, (*s)->n_files);
    LIST_FOR_EACH (item, &(*s)->watchers)
        free(CONTAINER_OF(item, struct watcher, link));
    free(*s);
    *s = NULL;
}

void tls_server_on_change(struct tls_server *s, void (*fn)(void *arg), void *arg)
{
    struct watcher *watcher = HEAP_NEW(struct watcher);
    watcher->fn = fn;
    watcher->arg = arg;
    list_add_tail(&s->watchers, &watcher->link);
}

void tls_server_off_change(struct tls_server *s, void (*fn)(void *arg), void *arg)
{
    LIST_FOR_EACH (item, &s->watchers) {
        struct watcher *watcher = CONTAINER_OF(item, struct watcher, link);
        if (watcher->fn != fn || watcher->arg != arg)
            continue;
        list_remove(item);
        free(watcher);
        return;
    }
}

/* One protocol or none: a client that only speaks others (RFC 7301 3.2) is better told by an alert,
 * so that it cannot take us for a server of its own protocol. */
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_n,
                   const unsigned char *in, unsigned in_n, void *arg)
{
    (void)ssl;
    const char *wanted = arg;
    size_t n = strlen(wanted);
    for (unsigned at = 0; at < in_n; at += in[at] + 1U) {
        if (in[at] != n || in_n - at <= n || memcmp(in + at + 1, wanted, n) != 0)
            continue;
        *out = in + at + 1;
        *out_n = in[at];
        return SSL_TLSEXT_ERR_OK;
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static SSL_CTX *copy_context(SSL_CTX *from, struct tls_copy *copy)
{
    STACK_OF(X509) *chain = NULL;
    struct err e = ERR_CLEAR;
    SSL_CTX *context = tls_make_context(TLS_server_method(), &e);
    bool is_good = context && SSL_CTX_use_certificate(context, SSL_CTX_get0_certificate(from)) &&
                   SSL_CTX_use_PrivateKey(context, SSL_CTX_get0_privatekey(from)) &&
                   SSL_CTX_get0_chain_certs(from, &chain) && SSL_CTX_set1_chain(context, chain);
    INVARIANT(is_good); /* the same material was accepted before */
    set_session_options(context, copy->service_id, &copy->set);
    if (copy->alpn)
        SSL_CTX_set_alpn_select_cb(context, on_alpn, (void *)(uintptr_t)copy->alpn);
    return context;
}

struct tls_copy *tls_server_copy(const struct tls_server *s, const char *alpn)
{
    struct tls_copy *copy = HEAP_NEW(struct tls_copy);
    copy->alpn = alpn;
    memcpy(copy->service_id, s->service_id, sizeof(copy->service_id));
    copy->set.list = heap_zalloc(s->current.n * sizeof(*copy->set.list));
    for (; copy->set.n < s->current.n; copy->set.n++) {
        SSL_CTX *context = copy_context(s->current.list[copy->set.n].context, copy);
        copy->set.list[copy->set.n] =
            (struct certificate){ context, SSL_CTX_get0_certificate(context) };
    }
    return copy;
}

SSL_CTX *tls_copy_context(const struct tls_copy *c)
{
    return c->set.list[0].context;
}

bool tls_copy_covers(const struct tls_copy *c, const char *host)
{
    return find(&c->set, host) != NULL;
}

void tls_copy_free(struct tls_copy **c)
{
    if (!*c)
        return;
    free_certificates(&(*c)->set);
    free(*c);
    *c = NULL;
}

static void rotate_ticket_keys(struct tls_server *s)
{
    unsigned char keys[TICKET_KEY_BYTES];
    if (clock_monotonic_ms() < s->ticket_keys_until_ms)
        return;
    crypto_random_fill(keys, sizeof(keys));
    (void)SSL_CTX_set_tlsext_ticket_keys(s->current.list[0].context, keys, sizeof(keys));
    OPENSSL_cleanse(keys, sizeof(keys));
    s->ticket_keys_until_ms = clock_deadline_in(TICKET_KEY_MS);
}

SSL *tls_server_accept(struct tls_server *s, int fd)
{
    rotate_ticket_keys(s);
    SSL *ssl = SSL_new(s->current.list[0].context);
    INVARIANT(ssl && SSL_set_fd(ssl, fd) == 1);
    SSL_set_accept_state(ssl);
    return ssl;
}
