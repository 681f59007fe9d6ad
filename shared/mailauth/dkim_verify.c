/* SPDX-License-Identifier: Apache-2.0 */
/* Verifying: which signatures, their keys, their hashes. */
#include "mailauth/dkim.h"

#include "base/address.h"
#include "runtime/crew.h"

/* ---- names of results ---- */

const char *mailauth_result_name(enum mailauth_result result)
{
    static const char *const names[] = {
        [MAILAUTH_NONE] = "none",           [MAILAUTH_PASS] = "pass",
        [MAILAUTH_FAIL] = "fail",           [MAILAUTH_SOFTFAIL] = "softfail",
        [MAILAUTH_POLICY] = "policy",       [MAILAUTH_NEUTRAL] = "neutral",
        [MAILAUTH_TEMPERROR] = "temperror", [MAILAUTH_PERMERROR] = "permerror",
    };
    return names[result];
}

/* ---- the key ---- */

static bool answer_key(struct mailauth_key_answer *out, enum mailauth_result result,
                       const char *problem)
{
    out->result = result;
    out->problem = problem;
    return true;
}

/* The first record that is a key for this signature. */
static bool pick_key(const struct dns_answer *answer, const struct mailauth_signature *signature,
                     struct mailauth_keys *keys, struct arena *a, struct mailauth_key_answer *out)
{
    struct err why = ERR_CLEAR;
    for (size_t i = 0; i < answer->n; i++) {
        str record = dns_join_txt(a, answer->rdata[i]);
        if (!mailauth_key_parse(record, signature, keys, &out->key, &why))
            continue;
        return out->key.key ? answer_key(out, MAILAUTH_PASS, NULL)
                            : answer_key(out, MAILAUTH_PERMERROR, "key revoked");
    }
    return answer_key(out, MAILAUTH_PERMERROR,
                      why.kind ? arena_cstr(a, str_from_cstr(why.msg)) : "no key for signature");
}

bool mailauth_key_load(const struct mailauth_resolver *resolver,
                       const struct mailauth_signature *signature, struct arena *a,
                       int64_t deadline_ms, struct mailauth_key_answer *out, struct err *e)
{
    struct dns_answer answer;
    struct err why = ERR_CLEAR;
    str domain;
    *out = (struct mailauth_key_answer){ 0 };
    if (!dns_domain_to_ascii(a, signature->domain, &domain, NULL))
        return answer_key(out, MAILAUTH_PERMERROR, "no valid name of a key");
    str name =
        arena_printf(a, "%.*s._domainkey.%.*s", STR_FMT(signature->selector), STR_FMT(domain));
    if (!resolver->query(resolver->arg, name, DNS_TXT, a, deadline_ms, &answer, &why)) {
        if (why.kind == ERR_SYNTAX)
            return answer_key(out, MAILAUTH_PERMERROR, "no valid name of a key");
        if (why.kind == ERR_TIMEOUT)
            return answer_key(out, MAILAUTH_TEMPERROR, "key unavailable");
        *e = why;
        return false;
    }
    if (answer.status == DNS_TEMPFAIL || answer.status == DNS_BOGUS)
        return answer_key(out, MAILAUTH_TEMPERROR, "key unavailable");
    return pick_key(&answer, signature, resolver->keys, a, out);
}

/* ---- the hashes ---- */

/* `h` begins anew behind it. */
static bool body_is_right(struct crypto_hash *h, const struct mailauth_signature *signature,
                          const struct mailauth_message *message, const char **problem)
{
    uint8_t hash[CRYPTO_HASH_MAX];
    uint64_t limit = signature->has_length ? signature->length : UINT64_MAX;
    const struct mailauth_body body = { message->body, message->turn };
    uint64_t n = mailauth_canon_add_body(h, signature->body_canon, &body, limit);
    crypto_hash_finish(h, hash);
    str made = str_of((const char *)hash, crypto_hash_size(signature->hash_kind));
    *problem = "body hash did not verify";
    if (signature->has_length && signature->length > n)
        *problem = "l= is longer than the body";
    return str_eq(made, signature->body_hash) && (!signature->has_length || signature->length <= n);
}

bool mailauth_signature_check(const struct mailauth_signature *signature,
                              const struct mailauth_message *message, const struct crypto_key *key,
                              const char **problem)
{
    uint8_t hash[CRYPTO_HASH_MAX];
    struct crypto_hash *h = crypto_hash_new(signature->hash_kind);
    bool ok = body_is_right(h, signature, message, problem);
    if (ok) {
        mailauth_signature_add_fields(h, signature, &message->header);
        mailauth_canon_add_own_field(h, signature->header_canon, signature->field, signature->hole);
        crypto_hash_finish(h, hash);
        *problem = "signature did not verify";
        ok = crypto_signature_verify(key, signature->hash_kind, hash, signature->bytes);
    }
    crypto_hash_free(&h);
    return ok;
}

/* ---- one signature ---- */

struct verifying {
    const struct mailauth_resolver *resolver;
    const struct mailauth_message *message;
    struct arena *a;
    int64_t now_s;
    int64_t deadline_ms;
};

static void conclude(struct mailauth_dkim *d, enum mailauth_result result, const char *problem)
{
    d->result = result;
    d->problem = problem;
}

/* The octets behind what l= signs may be anybody's: such a signature is right, but proves nothing
 * about what a reader sees (RFC 6376 section 8.2). */
static bool has_unsigned_tail(const struct mailauth_signature *signature,
                              const struct mailauth_message *message)
{
    if (!signature->has_length)
        return false;
    struct crypto_hash *h = crypto_hash_new(signature->hash_kind);
    const struct mailauth_body body = { message->body, message->turn };
    uint64_t n = mailauth_canon_add_body(h, signature->body_canon, &body, 0);
    crypto_hash_free(&h);
    return signature->length < n;
}

static void judge(const struct verifying *v, struct mailauth_dkim *d,
                  const struct mailauth_key *key)
{
    const struct mailauth_signature *s = &d->signature;
    const char *problem = NULL;
    if (key->is_strict && !str_ieq(address_domain(s->identity), s->domain)) {
        conclude(d, MAILAUTH_PERMERROR, "the key forbids subdomains in i=");
        return;
    }
    if (!mailauth_signature_check(s, v->message, key->key, &problem)) {
        conclude(d, MAILAUTH_FAIL, problem);
    } else if (has_unsigned_tail(s, v->message)) {
        conclude(d, MAILAUTH_POLICY, "a part of the body is not signed (l=)");
    } else {
        conclude(d, MAILAUTH_PASS, NULL);
    }
}

/* A signature whose key is asked for. */
struct asking {
    const struct verifying *v;
    struct mailauth_dkim *d;
    struct mailauth_key_answer key;
};

static YIELDS bool ask_key(void *arg, struct err *e)
{
    struct asking *k = arg;
    return mailauth_key_load(k->v->resolver, &k->d->signature, k->v->a, k->v->deadline_ms, &k->key,
                             e);
}

/* Whether its key is needed at all. */
static bool is_open(const struct verifying *v, struct mailauth_dkim *d)
{
    if (d->result != MAILAUTH_NONE)
        return false; /* it could not even be read */
    if (v->message->header.cut) {
        conclude(d, MAILAUTH_PERMERROR, "more header fields than are looked at");
        return false;
    }
    if (d->signature.has_expiry && d->signature.expires_at < v->now_s) {
        conclude(d, MAILAUTH_FAIL, "signature expired");
        return false;
    }
    return true;
}

/* Yields when the message's `turn` does. */
static void verify_one(struct asking *k)
{
    if (k->key.result != MAILAUTH_PASS) {
        conclude(k->d, k->key.result, k->key.problem);
        return;
    }
    k->d->key_bits = crypto_key_bits(k->key.key.key);
    k->d->is_test = k->key.key.is_test;
    judge(k->v, k->d, &k->key.key);
}

/* ---- all of them ---- */

/* What is signed by SHA-1 has failed for good (RFC 8301 section 3.1, RFC 6376 section 3.9); whether
 * it was right is not looked at, so that it is no matter of "policy" (RFC 8601 section 2.7.1). */
static enum mailauth_result result_of_error(const struct err *e)
{
    return e->kind == ERR_UNSUPPORTED ? MAILAUTH_NEUTRAL : MAILAUTH_PERMERROR;
}

/* A signature of the message, read; *is_authors: its domain and the author's are related. */
static struct mailauth_dkim read_one(const struct verifying *v, const struct mime_field *field,
                                     str author, bool *is_authors)
{
    struct mailauth_dkim found = { 0 };
    struct err why = ERR_CLEAR;
    *is_authors = false;
    if (!mailauth_signature_parse(v->a, MAILAUTH_FORM_DKIM, field, &found.signature, &why)) {
        conclude(&found, result_of_error(&why), arena_cstr(v->a, str_from_cstr(why.msg)));
    } else if (author.n) {
        str signers = found.signature.domain;
        *is_authors = mailauth_domain_is_within(signers, author) ||
                      mailauth_domain_is_within(author, signers);
    }
    return found;
}

/* Reads the signatures; those of the author's domain come first, so that a flood of others cannot
 * crowd them out. */
static void collect(const struct verifying *v, struct mailauth_dkim_results *out)
{
    const struct mime_header *header = &v->message->header;
    struct mailauth_dkim *others = ARENA_ARRAY(v->a, struct mailauth_dkim, MAILAUTH_MAX_SIGNATURES);
    size_t n_others = 0;
    str author = mailauth_message_author(v->a, v->message);
    out->list = ARENA_ARRAY(v->a, struct mailauth_dkim, MAILAUTH_MAX_SIGNATURES);
    for (size_t i = 0; i < header->n; i++) {
        bool is_authors;
        if (!str_ieq(header->fields[i].name, STR("DKIM-Signature")))
            continue;
        struct mailauth_dkim found = read_one(v, &header->fields[i], author, &is_authors);
        if (is_authors && out->n < MAILAUTH_MAX_SIGNATURES) {
            out->list[out->n++] = found;
        } else if (!is_authors && n_others < MAILAUTH_MAX_SIGNATURES) {
            others[n_others++] = found;
        } else {
            out->skipped++;
        }
    }
    for (size_t i = 0; i < n_others; i++) {
        if (out->n == MAILAUTH_MAX_SIGNATURES) {
            out->skipped++;
        } else {
            out->list[out->n++] = others[i];
        }
    }
}

bool mailauth_dkim_verify(const struct mailauth_resolver *resolver,
                          const struct mailauth_message *message, int64_t now_s, struct arena *a,
                          int64_t deadline_ms, struct mailauth_dkim_results *out, struct err *e)
{
    const struct verifying v = {
        .resolver = resolver, .message = message, .a = a, .now_s = now_s, .deadline_ms = deadline_ms
    };
    *out = (struct mailauth_dkim_results){ 0 };
    collect(&v, out);
    struct asking *keys = ARENA_ARRAY(a, struct asking, out->n);
    struct crew_task tasks[MAILAUTH_MAX_SIGNATURES];
    size_t n = 0;
    for (size_t i = 0; i < out->n; i++) {
        if (!is_open(&v, &out->list[i]))
            continue;
        keys[n] = (struct asking){ .v = &v, .d = &out->list[i] };
        tasks[n] = (struct crew_task){ ask_key, &keys[n] };
        n++;
    }
    bool ok = crew_run(tasks, n, e);
    for (size_t i = 0; i < n; i++) {
        if (ok)
            verify_one(&keys[i]);
        crypto_key_free(&keys[i].key.key.key);
    }
    return ok;
}
