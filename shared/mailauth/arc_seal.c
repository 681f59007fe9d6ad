/* SPDX-License-Identifier: Apache-2.0 */
/* Sealing: one more set for the chain. The order of its fields is that in which they are made,
 * bottom up, as with the sets of others: results, signature of the message, seal. */
#include "mailauth/arc_chain.h"
#include "mailauth/signing.h"

enum {
    START_MAX = 64 /* octets of a field's name and first tag */
};

struct sealing {
    const struct mailauth_message *message;
    const struct mailauth_sealing *s;
    struct arc_chain *chain;
    unsigned instance;
    struct buf results; /* the fields that are made */
    struct buf signature;
    struct buf seal;
};

/* cv= of the new seal; NULL: there is none to be made. */
static const char *chain_word(const struct mailauth_message *message, const struct arc_chain *chain,
                              enum mailauth_result result)
{
    const struct arc_set *newest = &chain->sets[chain->n];
    if (chain->n == MAILAUTH_MAX_ARC_SETS || message->header.cut ||
        (newest->has_seal && str_ieq(newest->seal.chain, STR("fail"))))
        return NULL;
    if (result == MAILAUTH_NONE)
        return chain->n == 0 ? "none" : NULL;
    if (result == MAILAUTH_PASS)
        return chain->n > 0 && !chain->problem ? "pass" : NULL;
    return result == MAILAUTH_FAIL && chain->n > 0 ? "fail" : NULL;
}

static bool make_results(struct sealing *w, struct err *e)
{
    return (buf_addf(&w->results, "ARC-Authentication-Results: i=%u;", w->instance) &&
            buf_add(&w->results, w->s->results) &&
            (str_has_suffix(w->s->results, STR("\r\n")) || buf_add(&w->results, STR("\r\n")))) ||
           ERR(e, ERR_LIMIT, "results too long to be sealed");
}

/* Over the message, and not over any field of ARC (RFC 8617 section 4.1.2). */
static bool make_signature(struct sealing *w, struct err *e)
{
    char start[START_MAX];
    uint8_t body_hash[CRYPTO_HASH_MAX];
    struct buf names;
    (void)snprintf(start, sizeof(start), "ARC-Message-Signature: i=%u;", w->instance);
    mailauth_signing_body(w->message, body_hash);
    buf_init(&names, MAILAUTH_SIGNING_NAMES_MAX);
    bool ok = mailauth_signing_names(&w->message->header, true, &names) ||
              ERR(e, ERR_LIMIT, "too many fields to sign");
    const struct mailauth_unsigned u = { .start = str_from_cstr(start),
                                         .signer = w->s->signer,
                                         .now_s = w->s->now_s,
                                         .names = buf_str(&names),
                                         .body_hash = body_hash };
    ok = ok && mailauth_signing_message(&w->message->header, &u, &w->signature, e);
    buf_fini(&names);
    return ok;
}

/* Over all sets; of a chain that failed, over the new one only (RFC 8617 section 5.1.2). */
static void hash_sets(struct sealing *w, bool with_chain, uint8_t hash[CRYPTO_HASH_MAX])
{
    const struct mime_field own = mailauth_signing_field(buf_str(&w->seal));
    const struct mime_field fields[] = { mailauth_signing_field(buf_str(&w->results)),
                                         mailauth_signing_field(buf_str(&w->signature)) };
    struct crypto_hash *h = crypto_hash_new(CRYPTO_SHA256);
    if (with_chain) {
        arc_chain_hash(w->chain, w->chain->n, h);
        mailauth_canon_add_field(h, MAILAUTH_RELAXED, w->chain->sets[w->chain->n].seal.field);
    }
    for (size_t i = 0; i < COUNT_OF(fields); i++)
        mailauth_canon_add_field(h, MAILAUTH_RELAXED, &fields[i]);
    mailauth_canon_add_own_field(h, MAILAUTH_RELAXED, &own, STR_EMPTY);
    crypto_hash_finish(h, hash);
    crypto_hash_free(&h);
}

static bool make_seal(struct sealing *w, const char *word, struct err *e)
{
    char start[START_MAX];
    uint8_t hash[CRYPTO_HASH_MAX];
    size_t line;
    (void)snprintf(start, sizeof(start), "ARC-Seal: i=%u; cv=%s;", w->instance, word);
    const struct mailauth_unsigned u = { .start = str_from_cstr(start),
                                         .signer = w->s->signer,
                                         .now_s = w->s->now_s };
    if (!mailauth_signing_begin(&u, &w->seal, &line))
        return ERR(e, ERR_LIMIT, "a seal too long");
    hash_sets(w, w->s->chain == MAILAUTH_PASS, hash);
    return mailauth_signing_end(w->s->signer, hash, &w->seal, &line, e);
}

bool mailauth_arc_seal(const struct mailauth_message *message,
                       const struct mailauth_sealing *sealing, struct buf *out, struct err *e)
{
    struct arena a;
    struct sealing w = { .message = message, .s = sealing };
    arena_init(&a);
    w.chain = arc_chain_gather(&a, &message->header);
    w.instance = w.chain->n + 1;
    const char *word = chain_word(message, w.chain, sealing->chain);
    buf_init(&w.results, MAILAUTH_SIGNING_FIELD_MAX);
    buf_init(&w.signature, MAILAUTH_SIGNING_FIELD_MAX);
    buf_init(&w.seal, MAILAUTH_SIGNING_FIELD_MAX);
    bool ok = !word || (make_results(&w, e) && make_signature(&w, e) && make_seal(&w, word, e) &&
                        ((buf_add(out, buf_str(&w.seal)) && buf_add(out, buf_str(&w.signature)) &&
                          buf_add(out, buf_str(&w.results))) ||
                         ERR(e, ERR_LIMIT, "no room for a seal")));
    buf_fini(&w.results);
    buf_fini(&w.signature);
    buf_fini(&w.seal);
    arena_fini(&a);
    return ok;
}
