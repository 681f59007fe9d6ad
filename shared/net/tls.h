/* SPDX-License-Identifier: Apache-2.0 */
/* TLS contexts of servers (certificates by SNI, reload) and clients (verification), and the facts
 * of a handshake. The SSL types stay inside net. */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "base/base.h"

struct tls_server;
struct tls_client;

struct tls_cert_files {
    const char *cert_path; /* PEM chain, leaf first */
    const char *key_path;  /* PEM key; refused when others may read it */
};

/* TLS 1.2 and 1.3 with the cipher list of PROMISES. The certificate of each SNI name is found in
 * the leafs' subjectAltNames (wildcards too); the first file pair answers other names. Refuses to
 * start with material that does not work: ERR_SYNTAX (unreadable PEM), ERR_DENIED (mode of the
 * key), ERR_CONFLICT (key and certificate do not match, expired). Gives. */
struct tls_server *tls_server_new(const struct tls_cert_files *files, size_t n, struct err *e);
/* Reads the same files again and swaps; open connections keep what they have. On failure the old
 * certificates stay in use. */
bool tls_server_reload(struct tls_server *s, struct err *e);
/* Reads other files instead (also swaps only on success). */
bool tls_server_set_files(struct tls_server *s, const struct tls_cert_files *files, size_t n,
                          struct err *e);
void tls_server_free(struct tls_server **s);

/* When the first of the certificates in use expires, in seconds UTC. */
int64_t tls_server_expires_at(const struct tls_server *s);

enum {
    TLS_KEY_SHA256 = 32 /* octets */
};

/* The SHA-256 of the public key (its SubjectPublicKeyInfo) of the certificate that a client gets
 * for the host: what a TLSA record 3 1 1 holds (RFC 7671 section 5.1). False: it cannot be made. */
bool tls_server_key_sha256(const struct tls_server *s, const char *host,
                           uint8_t out[TLS_KEY_SHA256]);

/* The same of the first certificate in a PEM file. Blocks for as long as the disk does.
 * ERR_NOT_FOUND, ERR_SYNTAX. */
bool tls_file_key_sha256(const char *path, uint8_t out[TLS_KEY_SHA256], struct err *e);

/* Calls fn(arg) after each exchange of the certificates, in the thread that did it. off takes the
 * registration with the same fn and arg back; harmless when there is none. */
void tls_server_on_change(struct tls_server *s, void (*fn)(void *arg), void *arg);
void tls_server_off_change(struct tls_server *s, void (*fn)(void *arg), void *arg);

/* The certificates as they are now, for a library that does TLS by itself in another thread
 * (http/http_server.h): contexts with keys of their own for tickets, which nobody changes any more.
 * They agree to the one ALPN protocol `alpn` (static), or to none. Made in the thread that owns
 * `s`, used and freed in the other one, after its last handshake. Gives. */
struct tls_copy;
struct ssl_ctx_st; /* OpenSSL's SSL_CTX */
struct tls_copy *tls_server_copy(const struct tls_server *s, const char *alpn);
/* The context to accept with; it finds the certificate of the name by itself. */
struct ssl_ctx_st *tls_copy_context(const struct tls_copy *c);
void tls_copy_free(struct tls_copy **c);
/* Whether one of the certificates is for this host name (NUL-terminated, no port). */
bool tls_copy_covers(const struct tls_copy *c, const char *host);

enum tls_verify {
    TLS_VERIFY_NONE,   /* handshake with anyone; facts tell whether it would have verified */
    TLS_VERIFY_REQUIRE /* a certificate that does not verify for the host is ERR_DENIED */
};

/* `ca_file` NULL: the system's anchors. Gives. ERR_SYNTAX when the anchors cannot be read. */
struct tls_client *tls_client_new(enum tls_verify verify, const char *ca_file, struct err *e);
void tls_client_free(struct tls_client **c);

/* A TLSA record (RFC 6698 section 2.1). */
struct tls_dane_record {
    unsigned usage;    /* 2: an issuer in the chain, 3: the server's own certificate */
    unsigned selector; /* 0: whole certificate, 1: its public key */
    unsigned matching; /* 0: the octets themselves, 1: SHA-256, 2: SHA-512 */
    str data;
};

/* By what a server proves who it is, when DNS says so (DANE for SMTP, RFC 7672). */
struct tls_dane {
    const char *base;     /* TLSA base domain: what is asked for by SNI, and a name that an issuer's
                             record accepts in the certificate */
    const char *next_hop; /* another such name (RFC 7672 section 3.2.2), or NULL */
    const struct tls_dane_record *records;
    size_t n;
};

/* What is wrong with a server's certificate. */
enum tls_fault {
    TLS_FAULT_NONE,
    TLS_FAULT_NAME, /* it is for other names */
    TLS_FAULT_EXPIRED,
    TLS_FAULT_TRUST, /* nobody known vouches for it */
    TLS_FAULT_OTHER
};

struct tls_facts {
    const char *version;      /* "TLSv1.3"; static */
    const char *cipher;       /* "TLS_AES_128_GCM_SHA256"; static */
    const char *sni;          /* name asked for, empty when none; lives as long as the connection */
    bool verified;            /* client side: chain and host name are good */
    const char *verify_error; /* why not, empty when verified; static */
    enum tls_fault fault;     /* the same as a kind */
    bool by_dane;             /* all of it was found out by TLSA records, not by trust anchors */
};

/* The certificate that a peer showed, whatever it is worth. */
struct tls_certificate {
    uint8_t key[32];  /* SHA-256 of its public key (SubjectPublicKeyInfo) */
    str subject;      /* as in RFC 2253, printable ASCII; the peer's own words */
    str issuer;       /* likewise */
    int64_t until_us; /* when it expires, UTC */
};

/* Channel bindings: octets that both ends of this TLS connection know and no other connection has.
 */
enum tls_binding {
    TLS_BINDING_EXPORTER, /* "tls-exporter" of RFC 9266, for TLS 1.3 */
    TLS_BINDING_ENDPOINT  /* "tls-server-end-point" of RFC 5929: the hash of our certificate */
};

enum {
    TLS_BINDING_MAX = 64 /* octets of the longest */
};

/* Writes a self-signed ECDSA P-256 certificate for the names (NUL-terminated, n >= 1) and its key
 * (0600): for a first start before real certificates are there, and for tests. */
bool tls_make_self_signed(const char *const *names, size_t n, unsigned days, const char *cert_path,
                          const char *key_path, struct err *e);

#endif
