/* SPDX-License-Identifier: Apache-2.0 */
/* TLSA records (RFC 6698) as DANE for SMTP reads them (RFC 7671, RFC 7672). Pure: whether they were
 * validated by DNSSEC is the asker's to know. */
#ifndef TRANSPORT_POLICY_TLSA_H
#define TRANSPORT_POLICY_TLSA_H

#include "net/tls.h"

enum {
    TLSA_MAX = 32 /* records of one host that are used */
};

/* Those that SMTP uses (RFC 7672 section 3.1). */
enum tlsa_usage {
    TLSA_TRUST_ANCHOR = 2, /* DANE-TA: an issuer in the chain; names and dates count */
    TLSA_END_ENTITY = 3    /* DANE-EE: the server's own; names and dates do not count */
};

/* Reads one record; its data borrow the RDATA. False: it is malformed, or of a kind that SMTP
 * cannot use (PKIX-TA, PKIX-EE, unknown numbers, a hash of the wrong length). */
bool tlsa_parse(str rdata, struct tls_dane_record *out);

/* What the records of a host demand. */
enum tlsa_demand {
    TLSA_NOTHING,     /* there are none */
    TLSA_ENCRYPT,     /* there are some, but none that can be used: TLS with anybody */
    TLSA_AUTHENTICATE /* TLS, and the certificate must match one of them */
};

/* Keeps the usable ones, at most TLSA_MAX, in *n (RFC 7672 section 2.2). */
enum tlsa_demand tlsa_select(const str *rdata, size_t n_rdata, struct tls_dane_record out[TLSA_MAX],
                             size_t *n);

/* Appends "_25._tcp.mx.example.com. IN TLSA 3 1 1 <hex>" for a public key (its SHA-256): the line
 * for the zone. False when `out` is full. */
bool tlsa_format(str host, unsigned port, const uint8_t key_sha256[32], struct buf *out);

#endif
