/* SPDX-License-Identifier: Apache-2.0 */
/* The chain: its sets are gathered, its form is checked, then each seal and the newest signature.
 */
#include "mailauth/arc_chain.h"

static void blame(struct arc_chain *chain, const char *problem)
{
    if (!chain->problem)
        chain->problem = problem;
}

/* The instance in a field that begins with it: "i=1; authserv-id ..." (RFC 8617 section 4.1.1); 0
 * for none. */
static unsigned first_instance(str body)
{
    if (!mailauth_skip_cfws(&body) || !str_has_prefix(body, STR("i")))
        return 0;
    body = str_skip(body, 1);
    if (!mailauth_skip_cfws(&body) || !str_has_prefix(body, STR("=")))
        return 0;
    body = str_skip(body, 1);
    unsigned instance = mailauth_instance_parse(&body);
    return str_has_prefix(body, STR(";")) ? instance : 0;
}

static unsigned results_instance(str body)
{
    unsigned instance = first_instance(body);
    return instance > MAILAUTH_MAX_ARC_SETS ? 0 : instance;
}

/* The set of an instance; a chain with one that cannot be is broken. */
static struct arc_set *set_of(struct arc_chain *chain, unsigned instance)
{
    if (instance == 0)
        return NULL;
    if (instance > chain->n)
        chain->n = instance;
    return &chain->sets[instance];
}

static void take_results(struct arc_chain *chain, const struct mime_field *field)
{
    struct arc_set *set = set_of(chain, results_instance(field->body));
    if (!set || set->results) {
        blame(chain, set ? "two results in one set" : "results without an instance");
        return;
    }
    set->results = field;
}

/* One that breaks the chain: there is one, and its next instance is above this one. */
static void take_broken(struct arc_chain *chain, const struct mime_field *field,
                        const char *problem)
{
    unsigned instance = first_instance(field->body);
    blame(chain, problem);
    (void)set_of(chain, instance > MAILAUTH_MAX_ARC_SETS ? MAILAUTH_MAX_ARC_SETS
                        : instance > 0                   ? instance
                                                         : 1);
}

static void take_signature(struct arc_chain *chain, struct arena *a, const struct mime_field *field,
                           enum mailauth_signature_form form)
{
    struct mailauth_signature signature;
    struct err why = ERR_CLEAR;
    const char *problem = NULL;
    bool is_seal = form == MAILAUTH_FORM_ARC_SEAL;
    if (!mailauth_signature_parse(a, form, field, &signature, &why)) {
        problem = arena_cstr(a, str_from_cstr(why.msg));
        if (is_seal || !signature.instance) {
            take_broken(chain, field, problem);
            return;
        }
    }
    struct arc_set *set = set_of(chain, signature.instance);
    bool *has = is_seal ? &set->has_seal : &set->has_message;
    if (*has) {
        blame(chain, "two signatures of a kind in one set");
        return;
    }
    *has = true;
    *(is_seal ? &set->seal : &set->message) = signature;
    set->message_problem = is_seal ? set->message_problem : problem;
}

static void gather(struct arc_chain *chain, struct arena *a, const struct mime_header *header)
{
    for (size_t i = 0; i < header->n; i++) {
        const struct mime_field *field = &header->fields[i];
        str name = str_trim(field->name);
        if (!str_has_iprefix(name, STR("ARC-")))
            continue;
        if (str_ieq(name, STR("ARC-Authentication-Results"))) {
            (void)set_of(chain, 1);
            take_results(chain, field);
        } else if (str_ieq(name, STR("ARC-Message-Signature"))) {
            take_signature(chain, a, field, MAILAUTH_FORM_ARC_MESSAGE);
        } else if (str_ieq(name, STR("ARC-Seal"))) {
            take_signature(chain, a, field, MAILAUTH_FORM_ARC_SEAL);
        }
    }
}

/* Each set whole, and cv= right all along (RFC 8617 section 5.2, steps 2 and 3). */
static void check_form(struct arc_chain *chain, bool is_cut)
{
    if (is_cut) /* what is sealed may be among the fields that are not listed */
        blame(chain, "more header fields than are looked at");
    for (unsigned i = 1; i <= chain->n; i++) {
        const struct arc_set *set = &chain->sets[i];
        if (!set->results || !set->has_message || !set->has_seal) {
            blame(chain, "a set is not whole");
            return;
        }
        if (!str_ieq(set->seal.chain, i == 1 ? STR("none") : STR("pass"))) {
            blame(chain, "cv= breaks the chain");
            return;
        }
    }
    if (chain->sets[chain->n].message_problem)
        blame(chain, chain->sets[chain->n].message_problem);
}

struct arc_chain *arc_chain_gather(struct arena *a, const struct mime_header *header)
{
    struct arc_chain *chain = ARENA_NEW(a, struct arc_chain);
    gather(chain, a, header);
    check_form(chain, header->cut);
    return chain;
}

void arc_chain_hash(const struct arc_chain *chain, unsigned last, struct crypto_hash *h)
{
    for (unsigned i = 1; i <= last; i++) {
        const struct arc_set *set = &chain->sets[i];
        mailauth_canon_add_field(h, MAILAUTH_RELAXED, set->results);
        mailauth_canon_add_field(h, MAILAUTH_RELAXED, set->message.field);
        if (i < last)
            mailauth_canon_add_field(h, MAILAUTH_RELAXED, set->seal.field);
    }
}

/* The hash under the seal of set `last`: all fields of the sets before it, in order, then its own.
 */
static bool seal_is_right(const struct arc_chain *chain, unsigned last,
                          const struct crypto_key *key)
{
    uint8_t hash[CRYPTO_HASH_MAX];
    const struct mailauth_signature *seal = &chain->sets[last].seal;
    struct crypto_hash *h = crypto_hash_new(seal->hash_kind);
    arc_chain_hash(chain, last, h);
    mailauth_canon_add_own_field(h, MAILAUTH_RELAXED, seal->field, seal->hole);
    crypto_hash_finish(h, hash);
    crypto_hash_free(&h);
    return crypto_signature_verify(key, seal->hash_kind, hash, seal->bytes);
}

struct checking {
    const struct mailauth_resolver *resolver;
    const struct mailauth_message *message;
    struct arena *a;
    int64_t deadline_ms;
    struct arc_chain *chain;
    struct mailauth_arc *out;
};

/* Checks the message signature of set `i` (NULL: its seal). False only for an error; what is wrong
 * stands in c->out. */
static YIELDS bool check_signature(const struct checking *c, unsigned i, bool is_seal,
                                   struct err *e)
{
    const struct arc_set *set = &c->chain->sets[i];
    const struct mailauth_signature *signature = is_seal ? &set->seal : &set->message;
    struct mailauth_key_answer key;
    const char *problem = NULL;
    if (!mailauth_key_load(c->resolver, signature, c->a, c->deadline_ms, &key, e))
        return false;
    if (key.result != MAILAUTH_PASS) {
        c->out->result = key.result == MAILAUTH_TEMPERROR ? MAILAUTH_TEMPERROR : MAILAUTH_FAIL;
        c->out->problem = key.problem;
        return true;
    }
    bool is_right = is_seal
                        ? seal_is_right(c->chain, i, key.key.key)
                        : mailauth_signature_check(signature, c->message, key.key.key, &problem);
    crypto_key_free(&key.key.key);
    if (!is_right) {
        c->out->result = MAILAUTH_FAIL;
        c->out->problem = is_seal ? "a seal did not verify" : problem;
    }
    return true;
}

/* The newest message signature, then the seals from the newest to the first. */
static YIELDS bool check_signatures(const struct checking *c, struct err *e)
{
    c->out->result = MAILAUTH_PASS;
    if (!check_signature(c, c->chain->n, false, e))
        return false;
    for (unsigned i = c->chain->n; i >= 1 && c->out->result == MAILAUTH_PASS; i--) {
        if (!check_signature(c, i, true, e))
            return false;
    }
    return true;
}

bool mailauth_arc_verify(const struct mailauth_resolver *resolver,
                         const struct mailauth_message *message, struct arena *a,
                         int64_t deadline_ms, struct mailauth_arc *out, struct err *e)
{
    struct arc_chain *chain = arc_chain_gather(a, &message->header);
    const struct checking c = { .resolver = resolver,
                                .message = message,
                                .a = a,
                                .deadline_ms = deadline_ms,
                                .chain = chain,
                                .out = out };
    *out = (struct mailauth_arc){ .result = MAILAUTH_NONE };
    if (chain->n == 0)
        return true;
    out->sets = chain->n;
    if (chain->problem) {
        out->result = MAILAUTH_FAIL;
        out->problem = chain->problem;
        return true;
    }
    if (!check_signatures(&c, e))
        return false;
    if (out->result == MAILAUTH_PASS) {
        out->domain = chain->sets[chain->n].seal.domain;
        out->results = chain->sets[chain->n].results->body;
    }
    return true;
}
