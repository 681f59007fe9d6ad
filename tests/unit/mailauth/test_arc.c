/* SPDX-License-Identifier: Apache-2.0 */
/* ARC: the chains of the public suite (tests/vectors/arc), and our own seals. */
#include "base/base64.h"
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_public_suite, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_chain_of_our_own, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_broken_chain_is_told_of_once, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(where_no_seal_is_made, world_setup, world_teardown),
    };
    return cmocka_run_group_tests_name("mailauth/arc", tests, NULL, NULL);
}
