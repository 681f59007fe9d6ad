/* SPDX-License-Identifier: Apache-2.0 */
/* What tools/bench dkim measures DKIM with, on one core: `dkimbench OCTETS ROUNDS` verifies a
 * message with a body of so many octets, whose signature is ours by RSA of 2048 bits, and beside it
 * does by OpenSSL alone what cannot be spared: the hashes of body and fields, and the signature.
 * Prints one line of JSON. */
#include "base/base64.h"
#include "mailauth/mailauth.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    BITS = 2048,
    BATCHES = 9 /* of each kind, in turn */
};

static _Noreturn void give_up(const char *what)
{
    (void)fprintf(stderr, "dkimbench: %s\n", what);
    exit(1);
}

static double now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- a signed message, and the key in the DNS ---- */

struct world {
    struct arena a;
    struct mailauth_keys *keys; /* as a server has them */
    str record;                 /* RDATA of the TXT record */
    struct buf raw;             /* the signed message */
};

static bool answer(void *arg, str name, enum dns_type type, struct arena *a, int64_t deadline_ms,
                   struct dns_answer *out, struct err *e)
{
    const struct world *w = arg;
    (void)name;
    (void)deadline_ms;
    (void)e;
    *out = (struct dns_answer){ .ttl = 300, .status = type == DNS_TXT ? DNS_OK : DNS_NXDOMAIN };
    out->rdata = ARENA_ARRAY(a, str, 1);
    if (type == DNS_TXT)
        out->rdata[out->n++] = w->record;
    return true;
}

/* One TXT record: strings of at most 255 octets, each behind its length. */
static str txt_record(struct arena *a, str text)
{
    struct buf b;
    buf_init(&b, 4096);
    while (text.n) {
        str piece = str_slice(text, 0, 255);
        (void)buf_add_byte(&b, (char)(unsigned char)piece.n);
        (void)buf_add(&b, piece);
        text = str_skip(text, piece.n);
    }
    str record = arena_str(a, buf_str(&b));
    buf_fini(&b);
    return record;
}

static void write_letter(struct buf *out, size_t octets)
{
    (void)buf_add(out, STR("From: Ada <ada@mail.example>\r\nTo: bo@mail.example\r\n"
                           "Subject: Boats for the spring\r\nMessage-ID: <1@mail.example>\r\n"
                           "Date: Sat, 21 Nov 2026 10:00:00 +0000\r\n\r\n"));
    while (out->n < octets) {
        (void)buf_add(out,
                      STR("The boats  are on the north bank, and the herons do not mind.\r\n"));
    }
}

static void publish(struct world *w, const struct crypto_key *key)
{
    struct buf der;
    struct buf record;
    buf_init(&der, CRYPTO_KEY_MAX);
    buf_init(&record, CRYPTO_KEY_MAX);
    (void)buf_add(&record, STR("v=DKIM1; k=rsa; p="));
    if (!crypto_key_format_public(key, &der) ||
        !base64_encode(BASE64_STANDARD, buf_str(&der), &record))
        give_up("the key has no text");
    w->record = txt_record(&w->a, buf_str(&record));
    buf_fini(&der);
    buf_fini(&record);
}

static void make_world(struct world *w, size_t octets)
{
    struct crypto_key *key;
    struct mailauth_message message;
    struct buf letter;
    struct err e = ERR_CLEAR;
    arena_init(&w->a);
    w->keys = mailauth_keys_new();
    buf_init(&letter, octets + 65536);
    buf_init(&w->raw, octets + 131072);
    write_letter(&letter, octets);
    mailauth_message_init(&w->a, buf_str(&letter), &message);
    if (!crypto_key_generate(CRYPTO_RSA, BITS, &key, &e))
        give_up(e.msg);
    publish(w, key);
    const struct mailauth_signer signer = { STR("mail.example"), STR("s1"), key };
    const struct mailauth_signing signing = { .signers = &signer, .n = 1, .now_s = time(NULL) };
    if (!mailauth_dkim_sign(&message, &signing, &w->raw, &e))
        give_up(e.msg);
    (void)buf_add(&w->raw, buf_str(&letter));
    crypto_key_free(&key);
    buf_fini(&letter);
}

/* ---- what is measured ---- */

static void verify(struct world *w)
{
    struct arena a;
    struct mailauth_message message;
    struct mailauth_dkim_results results;
    struct err e = ERR_CLEAR;
    const struct mailauth_resolver resolver = { .query = answer, .arg = w, .keys = w->keys };
    arena_init(&a);
    mailauth_message_init(&a, buf_str(&w->raw), &message);
    if (!mailauth_dkim_verify(&resolver, &message, time(NULL), &a, DEADLINE_NONE, &results, &e) ||
        results.n != 1 || results.list[0].result != MAILAUTH_PASS)
        give_up("the signature does not pass");
    arena_fini(&a);
}

/* OpenSSL alone: both hashes over the octets as they stand, and the signature of a hash. */
struct bare {
    EVP_PKEY *key;
    unsigned char signature[BITS / 8];
    size_t n;
};

static void bare_make(struct bare *b)
{
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    b->key = EVP_RSA_gen(BITS);
    b->n = sizeof(b->signature);
    if (!c || !b->key || EVP_DigestSignInit(c, NULL, EVP_sha256(), NULL, b->key) != 1 ||
        EVP_DigestSign(c, b->signature, &b->n, (const unsigned char *)"head", 4) != 1)
        give_up("OpenSSL cannot sign");
    EVP_MD_CTX_free(c);
}

static void bare_verify(const struct bare *b, str raw)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned n;
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    if (!c || EVP_Digest(raw.p, raw.n, hash, &n, EVP_sha256(), NULL) != 1 ||
        EVP_DigestVerifyInit(c, NULL, EVP_sha256(), NULL, b->key) != 1 ||
        EVP_DigestVerify(c, b->signature, b->n, (const unsigned char *)"head", 4) != 1)
        give_up("OpenSSL does not verify what it signed");
    EVP_MD_CTX_free(c);
}

static int compare(const void *a, const void *b)
{
    const double *x = a;
    const double *y = b;
    return (*x > *y) - (*x < *y);
}

static double median(double *list)
{
    qsort(list, BATCHES, sizeof(*list), compare);
    return list[BATCHES / 2];
}

int main(int argc, char **argv)
{
    static struct world w;
    struct bare bare;
    double ours[BATCHES];
    double theirs[BATCHES];
    size_t octets = argc > 2 ? strtoul(argv[1], NULL, 10) : 0;
    size_t rounds = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
    if (octets == 0 || octets > 64 << 20 || rounds == 0)
        give_up("usage: dkimbench OCTETS ROUNDS");
    make_world(&w, octets);
    bare_make(&bare);
    for (size_t batch = 0; batch < BATCHES; batch++) {
        double began = now();
        for (size_t i = 0; i < rounds; i++)
            verify(&w);
        double between = now();
        for (size_t i = 0; i < rounds; i++)
            bare_verify(&bare, buf_str(&w.raw));
        ours[batch] = (double)rounds / (between - began);
        theirs[batch] = (double)rounds / (now() - between);
    }
    printf("{\"octets\": %zu, \"per_s\": %.1f, \"bare_per_s\": %.1f}\n", w.raw.n, median(ours),
           median(theirs));
    EVP_PKEY_free(bare.key);
    mailauth_keys_free(&w.keys);
    buf_fini(&w.raw);
    arena_fini(&w.a);
    return 0;
}
