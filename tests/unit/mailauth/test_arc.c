/* SPDX-License-Identifier: Apache-2.0 */
/* ARC: the chains of the public suite (tests/vectors/arc), and our own seals. */
#include "base/base64.h"
#include "mailauth/signing.h"
#include "world.h"

/* An empty cv is a chain whose newest seal says that it failed: it must not pass. */
static bool is_wanted(str wanted, enum mailauth_result got)
{
    if (wanted.n == 0)
        return got != MAILAUTH_PASS;
    return str_ieq(wanted, str_from_cstr(mailauth_result_name(got)));
}

static enum mailauth_result verify(struct world *w, str text)
{
    struct mailauth_resolver resolver = world_resolver(w);
    struct mailauth_message message;
    struct mailauth_arc arc;
    struct err e = ERR_CLEAR;
    mailauth_message_init(&w->a, vectors_line_ends(&w->a, text, true), &message);
    if (!mailauth_arc_verify(&resolver, &message, &w->a, DEADLINE_NONE, &arc, &e))
        fail_msg("%s", e.msg);
    assert_int_equal(arc.result == MAILAUTH_PASS, arc.problem == NULL && arc.sets > 0);
    assert_int_equal(arc.result == MAILAUTH_PASS, arc.domain.n > 0);
    return arc.result;
}

static void the_public_suite(void **state)
{
    struct world *w = *state;
    json_t *root = vectors_load("arc/arc-validate-half.json");
    json_t *scenario, *value;
    const char *name;
    size_t i;
    size_t n = 0;
    size_t passes = 0;
    size_t wrong = 0;
    json_array_foreach(root, i, scenario)
    {
        w->n = 0;
        json_object_foreach(json_object_get(scenario, "txt-records"), name, value)
        {
            world_add_txt(w, str_from_cstr(name),
                          str_of(json_string_value(value), json_string_length(value)));
        }
        json_object_foreach(json_object_get(scenario, "tests"), name, value)
        {
            enum mailauth_result got = verify(w, vectors_str(value, "message"));
            str wanted = vectors_str(value, "cv");
            n++;
            passes += got == MAILAUTH_PASS && str_ieq(wanted, STR("pass"));
            if (!is_wanted(wanted, got)) {
                wrong++;
                print_error("%s: %s, wanted %.*s (%s)\n", name, mailauth_result_name(got),
                            STR_FMT(wanted), vectors_str(value, "description").p);
            }
        }
    }
    json_decref(root);
    print_message("arc: %zu cases, %zu right passes, %zu wrong\n", n, passes, wrong);
    assert_int_equal(n, 91);
    assert_int_equal(wrong, 0);
    assert_true(passes > 20);
}

/* ---- our own seals ---- */

static const char letter[] =
    "DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=x; h=from; bh=eA==; b=eA==\r\n"
    "From: Ann <ann@example.org>\r\nTo: list@example.net\r\nSubject: Hello\r\n\r\nDear all\r\n";

struct sealer {
    struct world *w;
    struct mailauth_signer signer;
    struct crypto_key *key;
};

static struct sealer make_sealer(struct world *w)
{
    struct sealer s = { .w = w };
    struct err e = ERR_CLEAR;
    struct buf der, text;
    buf_init(&der, 4096);
    buf_init(&text, 4096);
    assert_true(crypto_key_generate(CRYPTO_RSA, 2048, &s.key, &e));
    assert_true(crypto_key_format_public(s.key, &der));
    assert_true(buf_addf(&text, "v=DKIM1; k=rsa; p="));
    assert_true(base64_encode(BASE64_STANDARD, buf_str(&der), &text));
    world_add_txt(w, STR("s._domainkey.example.net"), buf_str(&text));
    buf_fini(&der);
    buf_fini(&text);
    s.signer = (struct mailauth_signer){ STR("example.net"), STR("s"), s.key };
    return s;
}

/* The message with one more set, or as it was. */
static str seal(const struct sealer *s, str raw, enum mailauth_result chain)
{
    const struct mailauth_sealing sealing = {
        .signer = &s->signer,
        .chain = chain,
        .results = STR(" mx.example.net;\r\n\tspf=pass smtp.mailfrom=ann@example.org\r\n"),
        .now_s = 1000000000,
    };
    struct mailauth_message message;
    struct buf out;
    struct err e = ERR_CLEAR;
    buf_init(&out, 1000000);
    mailauth_message_init(&s->w->a, raw, &message);
    if (!mailauth_arc_seal(&message, &sealing, &out, &e))
        fail_msg("%s", e.msg);
    assert_true(buf_add(&out, raw));
    str made = arena_str(&s->w->a, buf_str(&out));
    buf_fini(&out);
    return made;
}

static str changed(struct world *w, str raw)
{
    return arena_printf(&w->a, "%.*sA footer\r\n", STR_FMT(raw));
}

static str replaced(struct world *w, str text, str from, str to)
{
    ptrdiff_t at = str_find(text, from);
    assert_true(at >= 0);
    return arena_printf(&w->a, "%.*s%.*s%.*s", STR_FMT(str_slice(text, 0, (size_t)at)), STR_FMT(to),
                        STR_FMT(str_skip(text, (size_t)at + from.n)));
}

static void a_chain_of_our_own(void **state)
{
    struct world *w = *state;
    struct sealer s = make_sealer(w);
    str raw = seal(&s, str_from_cstr(letter), MAILAUTH_NONE);
    assert_int_equal(verify(w, raw), MAILAUTH_PASS);
    assert_true(str_has_prefix(raw, STR("ARC-Seal: i=1; cv=none; a=rsa-sha256; d=example.net;")));
    assert_true(str_find(raw, STR("ARC-Authentication-Results: i=1; mx.example.net;\r\n\tspf=")) >
                0);
    assert_true(str_find(raw, STR("DKIM-Signature;")) > 0);

    /* What a list adds breaks the chain, unless it seals again. */
    str more = changed(w, raw);
    assert_int_equal(verify(w, more), MAILAUTH_FAIL);
    more = seal(&s, more, MAILAUTH_PASS);
    assert_int_equal(verify(w, more), MAILAUTH_PASS);
    assert_true(str_has_prefix(more, STR("ARC-Seal: i=2; cv=pass;")));

    /* A seal says nothing of fields behind those that are looked at. */
    struct buf flood;
    buf_init(&flood, 100000);
    for (size_t i = 0; i < MIME_MAX_FIELDS; i++)
        assert_true(buf_add(&flood, STR("X: a\r\n")));
    assert_int_equal(verify(w, arena_printf(&w->a, "%s%.*s", buf_cstr(&flood), STR_FMT(raw))),
                     MAILAUTH_NONE);
    assert_int_equal(verify(w, replaced(w, more, STR("\r\n\r\n"),
                                        arena_printf(&w->a, "\r\n%s\r\n", buf_cstr(&flood)))),
                     MAILAUTH_FAIL);
    buf_fini(&flood);

    /* Trace fields do no harm; another sealer's results cannot be changed. */
    assert_int_equal(verify(w, arena_printf(&w->a, "Received: by x\r\n%.*s", STR_FMT(more))),
                     MAILAUTH_PASS);
    ptrdiff_t at = str_find(more, STR("ARC-Authentication-Results: i=1;"));
    assert_true(at > 0);
    at += str_find(str_skip(more, (size_t)at), STR("spf=pass"));
    str forged = arena_printf(&w->a, "%.*sspf=fail%.*s", STR_FMT(str_slice(more, 0, (size_t)at)),
                              STR_FMT(str_skip(more, (size_t)at + 8)));
    assert_int_equal(verify(w, forged), MAILAUTH_FAIL);
    crypto_key_free(&s.key);
}

static void a_broken_chain_is_told_of_once(void **state)
{
    struct world *w = *state;
    struct sealer s = make_sealer(w);
    str broken = changed(w, seal(&s, str_from_cstr(letter), MAILAUTH_NONE));
    str told = seal(&s, broken, MAILAUTH_FAIL);
    assert_true(str_has_prefix(told, STR("ARC-Seal: i=2; cv=fail;")));
    assert_int_equal(verify(w, told), MAILAUTH_FAIL);
    assert_true(str_eq(seal(&s, told, MAILAUTH_FAIL), told));

    /* The seal of such a set is right by itself (section 5.1.2): as the only set it would verify,
     * but for its cv=. */
    struct mailauth_message message;
    struct mailauth_signature signature;
    struct err e = ERR_CLEAR;
    mailauth_message_init(&w->a, told, &message);
    const struct mime_field *fields = message.header.fields;
    assert_true(
        mailauth_signature_parse(&w->a, MAILAUTH_FORM_ARC_SEAL, &fields[0], &signature, &e));
    uint8_t hash[CRYPTO_HASH_MAX];
    struct crypto_hash *h = crypto_hash_new(CRYPTO_SHA256);
    mailauth_canon_add_field(h, MAILAUTH_RELAXED, &fields[2]);
    mailauth_canon_add_field(h, MAILAUTH_RELAXED, &fields[1]);
    mailauth_canon_add_own_field(h, MAILAUTH_RELAXED, &fields[0], signature.hole);
    crypto_hash_finish(h, hash);
    crypto_hash_free(&h);
    assert_true(crypto_signature_verify(s.key, CRYPTO_SHA256, hash, signature.bytes));
    crypto_key_free(&s.key);
}

static void where_no_seal_is_made(void **state)
{
    struct world *w = *state;
    struct sealer s = make_sealer(w);
    str plain = str_from_cstr(letter);
    str raw = plain;
    /* A result that is not known, or of another message. */
    assert_true(str_eq(seal(&s, plain, MAILAUTH_TEMPERROR), plain));
    assert_true(str_eq(seal(&s, plain, MAILAUTH_PASS), plain));
    assert_true(str_eq(seal(&s, plain, MAILAUTH_FAIL), plain));
    /* A chain is as long as it may be, and no longer. */
    for (unsigned i = 0; i < MAILAUTH_MAX_ARC_SETS; i++)
        raw = seal(&s, raw, i ? MAILAUTH_PASS : MAILAUTH_NONE);
    assert_int_equal(verify(w, raw), MAILAUTH_PASS);
    assert_true(str_has_prefix(raw, STR("ARC-Seal: i=50;")));
    assert_true(str_eq(seal(&s, raw, MAILAUTH_PASS), raw));
    assert_true(str_eq(seal(&s, raw, MAILAUTH_NONE), raw));
    /* The instances of what cannot be read are not taken again. */
    str odd = arena_printf(&w->a, "ARC-Seal: i=7; a=rsa-sha1; cv=pass; d=x.ex; s=s; b=eA==\r\n%s",
                           letter);
    assert_true(str_has_prefix(seal(&s, odd, MAILAUTH_FAIL), STR("ARC-Seal: i=8; cv=fail;")));
    odd = arena_printf(&w->a, "ARC-Seal: i=51; a=rsa-sha256; cv=pass; d=x.ex; s=s; b=eA==\r\n%s",
                       letter);
    assert_true(str_eq(seal(&s, odd, MAILAUTH_FAIL), odd));
    crypto_key_free(&s.key);
}

/* ---- chains that are written by hand ---- */

/* The beginnings of the fields of a set. */
struct written {
    const char *results;
    const char *message;
    const char *seal;
};

static str signature_by_hand(const struct sealer *s, str start, str names, str raw)
{
    struct mailauth_message message;
    struct buf out;
    uint8_t body[CRYPTO_HASH_MAX];
    struct err e = ERR_CLEAR;
    buf_init(&out, 100000);
    mailauth_message_init(&s->w->a, raw, &message);
    mailauth_signing_body(&message, body);
    const struct mailauth_unsigned u = {
        .start = start, .signer = &s->signer, .names = names, .body_hash = body
    };
    assert_true(mailauth_signing_message(&message.header, &u, &out, &e));
    str made = arena_str(&s->w->a, buf_str(&out));
    buf_fini(&out);
    return made;
}

static str seal_by_hand(const struct sealer *s, str start, const str *fields, size_t n)
{
    struct buf out;
    size_t line;
    uint8_t hash[CRYPTO_HASH_MAX];
    struct err e = ERR_CLEAR;
    const struct mailauth_unsigned u = { .start = start, .signer = &s->signer };
    buf_init(&out, 100000);
    assert_true(mailauth_signing_begin(&u, &out, &line));
    const struct mime_field own = mailauth_signing_field(buf_str(&out));
    struct crypto_hash *h = crypto_hash_new(CRYPTO_SHA256);
    for (size_t i = 0; i < n; i++) {
        const struct mime_field field = mailauth_signing_field(fields[i]);
        mailauth_canon_add_field(h, MAILAUTH_RELAXED, &field);
    }
    mailauth_canon_add_own_field(h, MAILAUTH_RELAXED, &own, STR_EMPTY);
    crypto_hash_finish(h, hash);
    crypto_hash_free(&h);
    assert_true(mailauth_signing_end(&s->signer, hash, &out, &line, &e));
    str made = arena_str(&s->w->a, buf_str(&out));
    buf_fini(&out);
    return made;
}

/* One more set for `raw`; `fields` keeps those of the sets so far in the order of the seals. A
 * message field that holds "b=" stands as it is. */
static str set_by_hand(const struct sealer *s, str raw, const struct written *set, str *fields,
                       size_t *n)
{
    str start = str_from_cstr(set->message);
    str results = arena_printf(&s->w->a, "%s\r\n", set->results);
    str message = str_find(start, STR("b=")) >= 0
                      ? arena_printf(&s->w->a, "%s\r\n", set->message)
                      : signature_by_hand(s, start, STR("from:subject"), raw);
    fields[(*n)++] = results;
    fields[(*n)++] = message;
    str made = seal_by_hand(s, str_from_cstr(set->seal), fields, *n);
    fields[(*n)++] = made;
    return arena_printf(&s->w->a, "%.*s%.*s%.*s%.*s", STR_FMT(made), STR_FMT(message),
                        STR_FMT(results), STR_FMT(raw));
}

/* RFC 8617 sections 3.9, 4 and 5.2. */
static void the_forms_of_a_set(void **state)
{
    struct world *w = *state;
    struct sealer s = make_sealer(w);
    static const struct {
        struct written set;
        enum mailauth_result wanted;
    } cases[] = {
#define AAR "ARC-Authentication-Results: i=1; x.test; none"
#define AMS "ARC-Message-Signature: i=1;"
#define AS  "ARC-Seal: i=1; cv=none;"
        { { AAR, AMS, AS }, MAILAUTH_PASS },
        { { AAR, AMS, "ARC-Seal: i=1; cv=None;" }, MAILAUTH_PASS },
        { { AAR, AMS, "ARC-Seal: i=1; cv=(of 0) none;" }, MAILAUTH_PASS },
        { { AAR, AMS, "ARC-Seal: i=1; cv=pass;" }, MAILAUTH_FAIL },
        { { AAR, AMS, "ARC-Seal: i=1; cv=fail;" }, MAILAUTH_FAIL },
        { { AAR, AMS, "ARC-Seal: i=1; cv=;" }, MAILAUTH_FAIL },
        { { AAR, AMS, "ARC-Seal: i=1; cv=none none;" }, MAILAUTH_FAIL },
        { { AAR, AMS, "ARC-Seal: i=1; CV=none;" }, MAILAUTH_FAIL },
        { { AAR, AMS, "ARC-Seal: i=1;" }, MAILAUTH_FAIL },
        { { AAR, AMS, "ARC-Seal: i=1; cv=none; cv=none;" }, MAILAUTH_FAIL },
        { { AAR, AMS, "ARC-Seal: i=1; cv=none; h=from;" }, MAILAUTH_FAIL },
        { { AAR, AMS, "ARC-Seal: i=1; cv=none; h=;" }, MAILAUTH_FAIL },
        { { AAR, AMS, "ARC-Seal: i=1; cv=none; c=simple; bh=x; v=1; x-y=1;" }, MAILAUTH_FAIL },
        { { AAR, AMS, "ARC-Seal: i=1; cv=none; c=simple; bh=x; v=1; x_y=1;" }, MAILAUTH_PASS },
        { { AAR, AMS, "ARC-Seal:\r\n (one) i = 01 (of \\) (1)) ;\tcv\r\n = none ;" },
          MAILAUTH_PASS },
        { { AAR, AMS, "ARC-Seal: i=001; cv=none;" }, MAILAUTH_FAIL },
        { { AAR, AMS, "ARC-Seal: i=+1; cv=none;" }, MAILAUTH_FAIL },
        { { AAR, AMS, "ARC-Seal: i=1 1; cv=none;" }, MAILAUTH_FAIL },
        { { AAR, AMS, "ARC-Seal: i=1 (; cv=none;" }, MAILAUTH_FAIL },
        { { AAR, AMS, "ARC-Seal: i=2; cv=none;" }, MAILAUTH_FAIL },
        { { AAR, AMS, "ARC-Seal: I=1; cv=none;" }, MAILAUTH_FAIL },
        { { AAR, AMS, "ARC-Seal: cv=none; i=1;" }, MAILAUTH_PASS },
        { { AAR, "ARC-Message-Signature: (a) i=1 (b) ;", AS }, MAILAUTH_PASS },
        { { AAR, "ARC-Message-Signature: v=2; i=1;", AS }, MAILAUTH_PASS },
        { { AAR, "ARC-Message-Signature: i=1; i=1;", AS }, MAILAUTH_FAIL },
        { { AAR, "ARC-Message-Signature: i=0;", AS }, MAILAUTH_FAIL },
        { { AAR, "ARC-Message-Signature: i=51;", AS }, MAILAUTH_FAIL },
        { { AAR, "ARC-Message-Signature: i=;", AS }, MAILAUTH_FAIL },
        { { AAR, "ARC-Message-Signature: v=1;", AS }, MAILAUTH_FAIL },
        { { AAR, "ARC-Message-Signature: i=1; l=1000;", AS }, MAILAUTH_FAIL },
        { { "ARC-Authentication-Results: (c) i (d) = (e) 1 (f) ; x.test; none", AMS, AS },
          MAILAUTH_PASS },
        { { "arc-authentication-results :\r\n\ti=01;x.test", "arc-message-signature : i=1;",
            "aRC-sEAL\t: i=1; cv=none;" },
          MAILAUTH_PASS },
        { { "ARC-Authentication-Results: I=1; x.test; none", AMS, AS }, MAILAUTH_FAIL },
        { { "ARC-Authentication-Results: i=1 x.test; none", AMS, AS }, MAILAUTH_FAIL },
        { { "ARC-Authentication-Results: x.test; i=1; none", AMS, AS }, MAILAUTH_FAIL },
        { { "ARC-Authentication-Results: i=0; x.test; none", AMS, AS }, MAILAUTH_FAIL },
        { { "ARC-Authentication-Results: i=001; x.test; none", AMS, AS }, MAILAUTH_FAIL },
        { { "ARC-Authentication-Results: i=51; x.test; none", AMS, AS }, MAILAUTH_FAIL },
        { { "ARC-Authentication-Results: i=2; x.test; none", AMS, AS }, MAILAUTH_FAIL },
        { { "ARC-Authentication-Results: (i=1; x.test; none", AMS, AS }, MAILAUTH_FAIL },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        str fields[3];
        size_t n = 0;
        str raw = set_by_hand(&s, str_from_cstr(letter), &cases[i].set, fields, &n);
        enum mailauth_result got = verify(w, raw);
        if (got != cases[i].wanted) {
            fail_msg("%zu: %s | %s | %s: %s", i, cases[i].set.results, cases[i].set.message,
                     cases[i].set.seal, mailauth_result_name(got));
        }
    }
    crypto_key_free(&s.key);
}

/* Section 5.2, steps 4 and 5: only the newest signature of the message has to be right; what the
 * older ones are worth is not asked. */
static void older_signatures_are_not_asked(void **state)
{
    struct world *w = *state;
    struct sealer s = make_sealer(w);
    static const struct {
        const char *message;
        enum mailauth_result wanted;
    } cases[] = {
        { AMS, MAILAUTH_PASS },
        { AMS " a=rsa-sha1; d=x.ex; s=s; h=from; bh=eA==; b=eA==", MAILAUTH_PASS },
        { AMS " a=rsa-sha256; d=x.ex; s=s; c=odd; h=from; bh=eA==; b=eA==", MAILAUTH_PASS },
        { AMS " b=", MAILAUTH_PASS },
        { AMS " b=; b=", MAILAUTH_FAIL },
        { "ARC-Message-Signature: i=2; b=", MAILAUTH_FAIL },
    };
    const struct written second = { "ARC-Authentication-Results: i=2; y.test; none",
                                    "ARC-Message-Signature: i=2;", "ARC-Seal: i=2; cv=pass;" };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct written first = { AAR, cases[i].message, AS };
        str fields[6];
        size_t n = 0;
        str raw = set_by_hand(&s, str_from_cstr(letter), &first, fields, &n);
        raw = set_by_hand(&s, changed(w, raw), &second, fields, &n);
        if (verify(w, raw) != cases[i].wanted)
            fail_msg("%s: %s", cases[i].message, mailauth_result_name(verify(w, raw)));
    }
    crypto_key_free(&s.key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_public_suite, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_chain_of_our_own, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_broken_chain_is_told_of_once, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(where_no_seal_is_made, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(the_forms_of_a_set, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(older_signatures_are_not_asked, world_setup,
                                        world_teardown),
    };
    return cmocka_run_group_tests_name("mailauth/arc", tests, NULL, NULL);
}
