/* SPDX-License-Identifier: Apache-2.0 */
/* DKIM: the vectors of others, what must not pass, and what we sign ourselves. */
#include "world.h"

#include "base/base64.h"

static struct mailauth_dkim_results verify(struct world *w, str raw, int64_t now_s)
{
    struct mailauth_resolver resolver = world_resolver(w);
    struct mailauth_message message;
    struct mailauth_dkim_results results;
    struct err e = ERR_CLEAR;
    mailauth_message_init(&w->a, raw, &message);
    if (!mailauth_dkim_verify(&resolver, &message, now_s, &w->a, DEADLINE_NONE, &results, &e))
        fail_msg("%s", e.msg);
    return results;
}

static const char *result_of(const struct mailauth_dkim_results *results, str selector)
{
    for (size_t i = 0; i < results->n; i++) {
        if (str_eq(results->list[i].signature.selector, selector))
            return mailauth_result_name(results->list[i].result);
    }
    return "absent";
}

static str file_txt(struct world *w, const char *path)
{
    return str_trim(vectors_read(&w->a, path));
}

static const char brisbane[] = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

/* The message of RFC 8463 appendix A.3, with each of the records of dkimpy. */
static void the_two_signatures_of_the_rfc(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *record;
        const char *rsa;
    } cases[] = {
        { "dkim-rfc/test.txt", "pass" },          { "dkim-rfc/test2.txt", "pass" },
        { "dkim-rfc/badk.txt", "permerror" },     { "dkim-rfc/badversion.txt", "permerror" },
        { "dkim-rfc/test_bad.txt", "permerror" }, { "dkim-rfc/test_tlsrpt.txt", "permerror" },
    };
    str raw = world_message(w, "dkim-rfc/rfc6376.signed.msg");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        w->n = 0;
        world_add_txt(w, STR("brisbane._domainkey.football.example.com"), str_from_cstr(brisbane));
        world_add_txt(w, STR("test._domainkey.football.example.com"), file_txt(w, cases[i].record));
        struct mailauth_dkim_results results = verify(w, raw, 1528637909);
        assert_int_equal(results.n, 2);
        assert_string_equal(result_of(&results, STR("brisbane")), "pass");
        if (strcmp(result_of(&results, STR("test")), cases[i].rsa) != 0)
            fail_msg("%s: %s", cases[i].record, result_of(&results, STR("test")));
    }
}

static void the_example_with_its_records(void **state)
{
    struct world *w = *state;
    str file = vectors_read(&w->a, "dkim-dmarc/dkim/001.txt");
    str line, name, record;
    while (str_cut(file, '\n', &line, &file) && line.n) {
        (void)str_cut(line, ' ', &name, &record);
        world_add_txt(w, name, record);
    }
    struct mailauth_dkim_results results =
        verify(w, vectors_line_ends(&w->a, file, true), 1528637909);
    assert_int_equal(results.n, 2);
    assert_string_equal(result_of(&results, STR("brisbane")), "pass");
    assert_string_equal(result_of(&results, STR("test")), "pass");
}

static void a_key_without_version_and_no_key(void **state)
{
    struct world *w = *state;
    str raw = world_message(w, "dkim-rfc/ed25519test2.msg");
    struct mailauth_dkim_results results = verify(w, raw, 0);
    assert_string_equal(result_of(&results, STR("sed")), "permerror");
    world_add_txt(w, STR("sed._domainkey.test.ex"), file_txt(w, "dkim-rfc/eximtest.dns"));
    results = verify(w, raw, 0);
    assert_string_equal(result_of(&results, STR("sed")), "pass");
    w->n = 0; /* a key of somebody else, in a record without v= (RFC 6376 section 3.6.1) */
    world_add_txt(w, STR("sed._domainkey.test.ex"), file_txt(w, "dkim-rfc/ed25519test.dns"));
    results = verify(w, raw, 0);
    assert_string_equal(result_of(&results, STR("sed")), "fail");
    assert_int_equal(results.list[0].key_bits, 256);
    w->failing[w->n_failing++] = STR("sed._domainkey.test.ex");
    results = verify(w, raw, 0);
    assert_string_equal(result_of(&results, STR("sed")), "temperror");
}

/* ---- what we sign ---- */

struct keys {
    struct crypto_key *rsa;
    struct crypto_key *ed25519;
};

static struct keys make_keys(struct world *w)
{
    struct keys keys;
    struct err e = ERR_CLEAR;
    assert_true(crypto_key_generate(CRYPTO_RSA, 2048, &keys.rsa, &e));
    assert_true(crypto_key_generate(CRYPTO_ED25519, 0, &keys.ed25519, &e));
    const struct crypto_key *both[] = { keys.rsa, keys.ed25519 };
    for (size_t i = 0; i < 2; i++) {
        struct buf der, text;
        buf_init(&der, 4096);
        buf_init(&text, 4096);
        assert_true(crypto_key_format_public(both[i], &der));
        assert_true(buf_addf(&text, "v=DKIM1; k=%s; p=", i ? "ed25519" : "rsa"));
        assert_true(base64_encode(BASE64_STANDARD, buf_str(&der), &text));
        world_add_txt(w, i ? STR("ed._domainkey.example.org") : STR("mail._domainkey.example.org"),
                      buf_str(&text));
        buf_fini(&der);
        buf_fini(&text);
    }
    return keys;
}

static str sign(struct world *w, const struct keys *keys, str raw, int64_t lifetime_s)
{
    const struct mailauth_signer signers[] = {
        { STR("example.org"), STR("mail"), keys->rsa },
        { STR("example.org"), STR("ed"), keys->ed25519 },
    };
    const struct mailauth_signing signing = {
        .signers = signers, .n = 2, .now_s = 1000000000, .lifetime_s = lifetime_s
    };
    struct mailauth_message message;
    struct buf out;
    struct err e = ERR_CLEAR;
    buf_init(&out, 1000000);
    mailauth_message_init(&w->a, raw, &message);
    if (!mailauth_dkim_sign(&message, &signing, &out, &e))
        fail_msg("%s", e.msg);
    assert_true(buf_add(&out, raw));
    str made = arena_str(&w->a, buf_str(&out));
    buf_fini(&out);
    return made;
}

static void expect_both(struct world *w, str raw, const char *wanted, const char *what)
{
    struct mailauth_dkim_results results = verify(w, raw, 1000000001);
    const str selectors[] = { STR("mail"), STR("ed") };
    assert_int_equal(results.n, 2);
    for (size_t i = 0; i < COUNT_OF(selectors); i++) {
        if (strcmp(result_of(&results, selectors[i]), wanted) != 0) {
            fail_msg("%s: %.*s: %s, wanted %s", what, STR_FMT(selectors[i]),
                     result_of(&results, selectors[i]), wanted);
        }
    }
}

static str replaced(struct world *w, str text, str from, str to)
{
    ptrdiff_t at = str_find(text, from);
    assert_true(at >= 0);
    return arena_printf(&w->a, "%.*s%.*s%.*s", STR_FMT(str_slice(text, 0, (size_t)at)), STR_FMT(to),
                        STR_FMT(str_skip(text, (size_t)at + from.n)));
}

static const char letter[] =
    "From: Ann <ann@example.org>\r\nTo: bob@example.net\r\n"
    "Subject: Hello   there\r\n folded\r\nDate: Fri, 11 Jul 2003 21:00:37 -0700\r\n"
    "X-Other: 1\r\n\r\nDear Bob,\r\n\r\n two  spaces \t and a tab\t\r\n.\r\nBye\r\n\r\n\r\n";

static void changes_that_matter_and_those_that_do_not(void **state)
{
    struct world *w = *state;
    struct keys keys = make_keys(w);
    str raw = sign(w, &keys, str_from_cstr(letter), 0);
    static const struct {
        str from;
        str to;
        const char *wanted;
    } cases[] = {
        { STR_INIT("X-Other"), STR_INIT("X-Other"), "pass" },
        { STR_INIT("Hello   there\r\n folded"), STR_INIT("Hello there folded"), "pass" },
        { STR_INIT("two  spaces \t and"), STR_INIT("two spaces and"), "pass" },
        { STR_INIT("Bye\r\n\r\n\r\n"), STR_INIT("Bye\r\n"), "pass" },
        { STR_INIT("Bye\r\n"), STR_INIT("Bye  \r\n"), "pass" },
        { STR_INIT("X-Other: 1\r\n"), STR_INIT("Received: by x\r\nX-Other: 2\r\n"), "pass" },
        { STR_INIT("Bye"), STR_INIT("bye"), "fail" },
        { STR_INIT("a tab"), STR_INIT("atab"), "fail" },
        { STR_INIT("Hello   there"), STR_INIT("Hellothere"), "fail" },
        { STR_INIT("X-Other"), STR_INIT("Subject: another\r\nX-Other"), "fail" },
        { STR_INIT("X-Other"), STR_INIT("Content-Type: text/html\r\nX-Other"), "fail" },
        { STR_INIT("X-Other"), STR_INIT("From: eve@example.org\r\nX-Other"), "fail" },
        { STR_INIT("Dear"), STR_INIT("\r\nDear"), "fail" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        expect_both(w, replaced(w, raw, cases[i].from, cases[i].to), cases[i].wanted,
                    cases[i].to.p);
    }
    crypto_key_free(&keys.rsa);
    crypto_key_free(&keys.ed25519);
}

/* Those of dkimpy that are there to be signed with a key of one's own. */
static void messages_of_others_signed_by_us(void **state)
{
    struct world *w = *state;
    struct keys keys = make_keys(w);
    static const char *const files[] = { "dkim-rfc/rfc6376.msg", "dkim-rfc/ed25519test.msg",
                                         "dkim-rfc/test.message" };
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        str raw = sign(w, &keys, world_message(w, files[i]), 0);
        expect_both(w, raw, "pass", files[i]);
        expect_both(w, replaced(w, raw, STR("\r\n\r\n"), STR("\r\n\r\nP.S.\r\n")), "fail",
                    files[i]);
        expect_both(w, replaced(w, raw, STR("\r\nFrom: "), STR("\r\nFrom: x@y.test\r\nFrom: ")),
                    "fail", files[i]);
    }
    crypto_key_free(&keys.rsa);
    crypto_key_free(&keys.ed25519);
}

static void bodies_of_all_forms(void **state)
{
    struct world *w = *state;
    struct keys keys = make_keys(w);
    static const char *const bodies[] = {
        "",
        "\r\n",
        "\r\n\r\n",
        "x",
        "x\r\n",
        " \r\n",
        "\t",
        "  \r\n \t \r\n",
        "a \r\n\r\nb\t\t\r\n \r\n",
        "\r\nx",
        "line without end  ",
        "a\r\n b\r\n\tc\r\n",
    };
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        str raw = arena_printf(&w->a, "From: ann@example.org\r\n\r\n%s", bodies[i]);
        expect_both(w, sign(w, &keys, raw, 0), "pass", bodies[i]);
    }
    struct mailauth_message message;
    struct mailauth_signing none = { 0 };
    struct buf out;
    struct err e = ERR_CLEAR;
    buf_init(&out, 1000);
    mailauth_message_init(&w->a, world_message(w, "dkim-rfc/test_nofrom.message"), &message);
    assert_false(mailauth_dkim_sign(&message, &none, &out, &e));
    assert_int_equal(e.kind, ERR_SYNTAX);
    crypto_key_free(&keys.rsa);
    crypto_key_free(&keys.ed25519);
}

/* With `n` fields of its own between From and the others. */
static str letter_of(struct world *w, size_t n)
{
    struct buf text;
    buf_init(&text, 1U << 20);
    assert_true(buf_add(&text, STR("From: Ann <ann@example.org>\r\n")));
    for (size_t i = 0; i < n; i++)
        assert_true(buf_add(&text, STR("X: a\r\n")));
    assert_true(buf_add(&text, STR("Subject: Hello\r\n\r\nDear Bob\r\n")));
    str made = arena_str(&w->a, buf_str(&text));
    buf_fini(&text);
    return made;
}

/* A signature that leaves out what is not listed would be wrong for everybody else; and one that
 * comes with such a header says nothing of fields behind those that it was checked with. */
static void all_of_a_header_is_signed_or_nothing(void **state)
{
    struct world *w = *state;
    struct keys keys = make_keys(w);
    struct mailauth_signer signer = { STR("example.org"), STR("mail"), keys.rsa };
    const struct mailauth_signing signing = { .signers = &signer, .n = 1, .now_s = 1000000000 };
    struct mailauth_message message;
    struct buf out;
    struct err e = ERR_CLEAR;
    str raw = sign(w, &keys, letter_of(w, MIME_MAX_FIELDS - 4), 0);
    expect_both(w, raw, "pass", "as many fields as are listed");
    expect_both(w, replaced(w, raw, STR("X: a"), STR("Y: b\r\nX: a")), "permerror", "one more");
    str unsigned_one = STR("Hello\r\nContent-Type: text/html\r\n\r\n");
    expect_both(w, replaced(w, raw, STR("Hello\r\n\r\n"), unsigned_one), "permerror", "at the end");
    buf_init(&out, 1000000);
    mailauth_message_init(&w->a, letter_of(w, MIME_MAX_FIELDS - 2), &message);
    assert_true(mailauth_dkim_sign(&message, &signing, &out, &e));
    buf_clear(&out);
    mailauth_message_init(&w->a, letter_of(w, MIME_MAX_FIELDS - 1), &message);
    assert_false(mailauth_dkim_sign(&message, &signing, &out, &e));
    assert_int_equal(e.kind, ERR_LIMIT);
    assert_int_equal(out.n, 0);
    buf_fini(&out);
    crypto_key_free(&keys.rsa);
    crypto_key_free(&keys.ed25519);
}

static void lines_of_a_field_are_short_and_it_expires(void **state)
{
    struct world *w = *state;
    struct keys keys = make_keys(w);
    str raw = sign(w, &keys, str_from_cstr(letter), 1000);
    str rest = raw;
    str line;
    size_t n = 0;
    while (str_cut(rest, '\n', &line, &rest) && !str_has_prefix(line, STR("From:"))) {
        assert_true(line.n <= 78);
        n++;
    }
    assert_true(n > 10);
    struct mailauth_dkim_results results = verify(w, raw, 1000001000);
    assert_string_equal(result_of(&results, STR("mail")), "pass");
    results = verify(w, raw, 1000001001);
    assert_string_equal(result_of(&results, STR("mail")), "fail");
    crypto_key_free(&keys.rsa);
    crypto_key_free(&keys.ed25519);
}

/* ---- hostile ones ---- */

static void broken_fields_are_permanent_errors(void **state)
{
    struct world *w = *state;
    str raw = world_message(w, "dkim-rfc/ed25519test2.msg");
    world_add_txt(w, STR("sed._domainkey.test.ex"), file_txt(w, "dkim-rfc/eximtest.dns"));
    ptrdiff_t at = str_find(raw, STR("DKIM-Signature:"));
    assert_true(at >= 0);
    static const struct {
        const char *tags;
        const char *wanted;
    } cases[] = {
        { "v=1", "permerror" },
        { "", "permerror" },
        { "v=1; v=1", "permerror" },
        { "v=2; a=rsa-sha256; d=a.b; s=c; h=from; b=eA==; "
          "bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
          "neutral" },
        { "v=1; a=rsa-sha1; d=a.b; s=c; h=from; bh=eA==; b=eA==", "permerror" },
        { "v=1; a=rsa-sha256; d=a..b; s=c; h=from; b=eA==", "permerror" },
        { "v=1; a=rsa-sha256; d=a.b; s=c; h=to; b=eA==; "
          "bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
          "permerror" },
        { "v=1; a=rsa-sha256; d=a.b; i=@b.a; s=c; h=from; b=eA==; "
          "bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
          "permerror" },
        { "v=1; a=rsa-sha256; d=a.b; s=c; h=from; b=eA==; t=20; x=10; "
          "bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
          "permerror" },
        { "v=1; a=rsa-sha256; d=a.b; s=c; h=from; b=eA==; q=http; "
          "bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
          "neutral" },
        { "v=1; a=rsa-sha256; d=a.b; s=c; h=from; b=eA==; c=nofws; "
          "bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
          "neutral" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        str message =
            arena_printf(&w->a, "DKIM-Signature: %s\r\nFrom: a@a.b\r\n\r\n", cases[i].tags);
        struct mailauth_dkim_results results = verify(w, message, 0);
        assert_int_equal(results.n, 1);
        const char *got = mailauth_result_name(results.list[0].result);
        if (strcmp(got, cases[i].wanted) != 0)
            fail_msg("%s: %s", cases[i].tags, got);
    }
}

/* ---- signatures that are written by hand ---- */

/* The tags with BH and SIG put where these words stand; what they say is what is signed, where it
 * can be read. */
static str signed_by_hand(struct world *w, const struct crypto_key *key, const char *tags)
{
    struct mailauth_message message;
    struct mailauth_signature signature;
    struct err e = ERR_CLEAR;
    struct buf text;
    uint8_t hash[CRYPTO_HASH_MAX];
    buf_init(&text, 4096);
    const str zeros = STR("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    str raw = arena_printf(&w->a, "DKIM-Signature: %s\r\n%s", tags, letter);
    ptrdiff_t at_hash = str_find(raw, STR("BH"));
    raw = at_hash >= 0 ? replaced(w, raw, STR("BH"), zeros) : raw;
    bool has_place = str_find(raw, STR("SIG")) >= 0;
    str trial = has_place ? replaced(w, raw, STR("SIG"), STR("eA==")) : raw;
    mailauth_message_init(&w->a, trial, &message);
    if (!has_place || !mailauth_signature_parse(&w->a, MAILAUTH_FORM_DKIM,
                                                &message.header.fields[0], &signature, &e))
        return trial;
    struct crypto_hash *h = crypto_hash_new(CRYPTO_SHA256);
    const struct mailauth_body body = { .text = message.body };
    (void)mailauth_canon_add_body(h, signature.body_canon, &body,
                                  signature.has_length ? signature.length : UINT64_MAX);
    crypto_hash_finish(h, hash);
    assert_true(base64_encode(BASE64_STANDARD, str_of((const char *)hash, 32), &text));
    raw = replaced(w, raw, zeros, buf_str(&text));
    mailauth_message_init(&w->a, replaced(w, raw, STR("SIG"), STR("eA==")), &message);
    assert_true(mailauth_signature_parse(&w->a, MAILAUTH_FORM_DKIM, &message.header.fields[0],
                                         &signature, &e));
    mailauth_signature_add_fields(h, &signature, &message.header);
    mailauth_canon_add_own_field(h, signature.header_canon, signature.field, signature.hole);
    crypto_hash_finish(h, hash);
    crypto_hash_free(&h);
    buf_clear(&text);
    str bytes;
    struct buf made;
    buf_init(&made, CRYPTO_SIGNATURE_MAX);
    assert_true(crypto_signature_make(key, CRYPTO_SHA256, hash, &made, &e));
    assert_true(base64_encode(BASE64_STANDARD, buf_str(&made), &text));
    bytes = arena_str(&w->a, buf_str(&text));
    buf_fini(&made);
    buf_fini(&text);
    return replaced(w, raw, STR("SIG"), bytes);
}

/* RFC 6376 sections 3.2 and 3.5. */
#define ED  "v=1; a=ed25519-sha256; d=example.org; s=ed;"
#define END " bh=BH; b=SIG"
static const struct {
    const char *tags;
    const char *wanted;
} tag_cases[] = {
    { ED " h=from;" END, "pass" },
    { ED " h=from;" END ";", "pass" },
    { ED " h=from;" END "; ", "pass" },
    { ED " h=from;" END ";;", "permerror" },
    { ED "; h=from;" END, "permerror" },
    { ";" ED " h=from;" END, "permerror" },
    { "b=SIG;" ED "bh=BH;h=from", "pass" },
    { "\r\n v\r\n\t=\r\n 1\r\n ;a = ed25519-sha256 ; d\t= example.org;s = ed\r\n ;\r\n "
      "h =\r\n From\r\n : \r\n\tTO ; bh = BH\r\n ; b =\r\n SIG\r\n ",
      "pass" },
    { ED " h=from; x_1=any=thing; Q=; _a=1;" END, "permerror" },
    { ED " h=from; x_1=any=thing; Q=;" END, "pass" },
    { ED " h=from; h=from;" END, "permerror" },
    { ED " h=from; z; " END, "permerror" },
    { ED " h=from; 1z=1;" END, "permerror" },
    { ED " h=from; H=to;" END, "pass" },
    { ED " h=from; z=From:a|To:b;" END, "pass" },
    { ED " H=from;" END, "permerror" },
    { "V=1; a=ed25519-sha256; d=example.org; s=ed; h=from;" END, "permerror" },
    { "v=1.0; a=ed25519-sha256; d=example.org; s=ed; h=from;" END, "neutral" },
    { "v=; a=ed25519-sha256; d=example.org; s=ed; h=from;" END, "permerror" },
    { "a=ed25519-sha256; d=example.org; s=ed; h=from;" END, "permerror" },
    { "v=1; a=ED25519-SHA256; d=EXAMPLE.org; s=ed; h=from;" END, "pass" },
    { "v=1; a=; d=example.org; s=ed; h=from;" END, "permerror" },
    { "v=1; a=ed25519; d=example.org; s=ed; h=from;" END, "neutral" },
    { "v=1; a=rsa-sha256; d=example.org; s=ed; h=from;" END, "permerror" },
    /* h= */
    { ED " h=;" END, "permerror" },
    { ED END, "permerror" },
    { ED " h=to;" END, "permerror" },
    { ED " h=fromm;" END, "permerror" },
    { ED " h=from:from:to:to:subject:x-none:date;" END, "pass" },
    { ED " h=dkim-signature:from;" END, "pass" },
    /* i=: below the domain of d= */
    { ED " i=@example.org; h=from;" END, "pass" },
    { ED " i=a@EXAMPLE.ORG; h=from;" END, "pass" },
    { ED " i=a=40b@sub.example.org; h=from;" END, "pass" },
    { ED " i=a@subexample.org; h=from;" END, "permerror" },
    { ED " i=a@org; h=from;" END, "permerror" },
    { ED " i=example.org; h=from;" END, "permerror" },
    { ED " i=; h=from;" END, "permerror" },
    /* c= */
    { ED " c=simple; h=from;" END, "pass" },
    { ED " c=relaxed; h=from;" END, "pass" },
    { ED " c=simple/simple; h=from;" END, "pass" },
    { ED " c=simple/relaxed; h=from;" END, "pass" },
    { ED " c=relaxed/simple; h=from;" END, "pass" },
    { ED " c=relaxed/relaxed; h=from;" END, "pass" },
    { ED " c=; h=from;" END, "neutral" },
    { ED " c=relaxed/; h=from;" END, "neutral" },
    { ED " c=/relaxed; h=from;" END, "neutral" },
    { ED " c=relaxed/relaxed/relaxed; h=from;" END, "neutral" },
    /* q= */
    { ED " q=dns/txt; h=from;" END, "pass" },
    { ED " q=x/y : dns/txt; h=from;" END, "pass" },
    { ED " q=; h=from;" END, "neutral" },
    { ED " q=x/y; h=from;" END, "neutral" },
    /* t=, x= */
    { ED " t=1; h=from;" END, "pass" },
    { ED " t=999999999999; h=from;" END, "pass" },
    { ED " t=; h=from;" END, "permerror" },
    { ED " t=1 2; h=from;" END, "permerror" },
    { ED " t=-1; h=from;" END, "permerror" },
    { ED " t=1.5; h=from;" END, "permerror" },
    { ED " t=1234567890123; h=from;" END, "permerror" },
    { ED " x=1000000001; h=from;" END, "pass" },
    { ED " x=1000000000; h=from;" END, "fail" },
    { ED " x=999999999999; h=from;" END, "pass" },
    { ED " x=; h=from;" END, "permerror" },
    { ED " t=5; x=5; h=from;" END, "permerror" },
    /* l= */
    { ED " l=1000; h=from;" END, "fail" },
    { ED " l=0; h=from;" END, "policy" },
    { ED " c=relaxed; l=4; h=from;" END, "policy" },
    { ED " l=; h=from;" END, "permerror" },
    { ED " l=-1; h=from;" END, "permerror" },
    { ED " l=4x; h=from;" END, "permerror" },
    /* bh=, b= */
    { ED " h=from; bh=; b=SIG", "permerror" },
    { ED " h=from; b=SIG", "permerror" },
    { ED " h=from; bh=AAAA; b=SIG", "permerror" },
    { ED " h=from; bh=BHAA; b=SIG", "permerror" },
    { ED " h=from; bh=BH; b=", "permerror" },
    { ED " h=from; bh=BH", "permerror" },
    { ED " h=from; bh=BH; b=!", "permerror" },
    { ED " h=from; bh=BH; b=eA==", "fail" },
    /* d=, s= */
    { "v=1; a=ed25519-sha256; d=; s=ed; h=from;" END, "permerror" },
    { "v=1; a=ed25519-sha256; s=ed; h=from;" END, "permerror" },
    { "v=1; a=ed25519-sha256; d=.example.org; s=ed; h=from;" END, "permerror" },
    { "v=1; a=ed25519-sha256; d=example.org.; s=ed; h=from;" END, "permerror" },
    { "v=1; a=ed25519-sha256; d=exa mple.org; s=ed; h=from;" END, "permerror" },
    { "v=1; a=ed25519-sha256; d=example.org; s=; h=from;" END, "permerror" },
    { "v=1; a=ed25519-sha256; d=example.org; h=from;" END, "permerror" },
    { "v=1; a=ed25519-sha256; d=example.org; s=none; h=from;" END, "permerror" },
    { "v=1; a=ed25519-sha256; d=example.org; s=sub.ed; h=from;" END, "pass" },
    /* RFC 8616: names beyond ASCII in both */
    { "v=1; a=ed25519-sha256; d=b\xc3\xbc.test; s=ed; h=from;" END, "pass" },
    { "v=1; a=ed25519-sha256; d=b\xc3\xbc.test; i=@a.b\xc3\xbc.test; s=ed; h=from;" END, "pass" },
    { "v=1; a=ed25519-sha256; d=xn--b-eha.test; s=ed; h=from;" END, "pass" },
};

static void tags_of_all_forms(void **state)
{
    struct world *w = *state;
    struct keys keys = make_keys(w);
    str record = w->records[w->n - 1].rdata;
    world_add(w, STR("sub.ed._domainkey.example.org"), DNS_TXT, record);
    world_add(w, STR("ed._domainkey.xn--b-eha.test"), DNS_TXT, record);
    size_t wrong = 0;
    for (size_t i = 0; i < COUNT_OF(tag_cases); i++) {
        str raw = signed_by_hand(w, keys.ed25519, tag_cases[i].tags);
        struct mailauth_dkim_results results = verify(w, raw, 1000000001);
        assert_int_equal(results.n, 1);
        const char *got = mailauth_result_name(results.list[0].result);
        if (strcmp(got, tag_cases[i].wanted) == 0)
            continue;
        wrong++;
        print_error("%s: %s (%s), wanted %s\n", tag_cases[i].tags, got,
                    results.list[0].problem ? results.list[0].problem : "", tag_cases[i].wanted);
    }
    assert_int_equal(wrong, 0);
    crypto_key_free(&keys.rsa);
    crypto_key_free(&keys.ed25519);
}

/* Section 3.6.1: key records, of which `%s` is the key. */
static void key_records_of_all_forms(void **state)
{
    struct world *w = *state;
    struct keys keys = make_keys(w);
    static const struct {
        const char *before;
        const char *after;
        const char *wanted;
    } cases[] = {
        { "v=DKIM1; k=ed25519; p=", "", "pass" },
        { "k=ed25519;p=", ";", "pass" },
        { "p=", "; k=ed25519; x=y; n=some words; t=; ", "pass" },
        { " v = DKIM1 ; k = ed25519 ; p = ", " ", "pass" },
        { "v=DKIM1; k=ED25519; p=", "", "pass" },
        { "v=DKIM1; k=ed25519; h=sha1:sha256; s=tlsrpt : email; t=y:s; p=", "", "pass" },
        { "v=DKIM1; k=ed25519; h=sha256; s=*; t=z; p=", "", "pass" },
        { "v=DKIM1; k=ed25519; g=; p=", "", "pass" },
        { "v=dkim1; k=ed25519; p=", "", "permerror" },
        { "v=; k=ed25519; p=", "", "permerror" },
        { "k=ed25519; v=DKIM1; p=", "", "permerror" },
        { "v=DKIM1; p=", "", "permerror" },
        { "v=DKIM1; k=; p=", "", "permerror" },
        { "v=DKIM1; k=ed25519; h=; p=", "", "permerror" },
        { "v=DKIM1; k=ed25519; h=sha1; p=", "", "permerror" },
        { "v=DKIM1; k=ed25519; s=other; p=", "", "permerror" },
        { "v=DKIM1; k=ed25519; k=ed25519; p=", "", "permerror" },
        { "v=DKIM1; k=ed25519; P=", "", "permerror" },
        { "v=DKIM1; k=ed25519; p=; x=", "", "permerror" },
        { "v=DKIM1; k=ed25519; p=AA", "", "permerror" },
        { "v=DKIM1 k=ed25519; p=", "", "permerror" },
        { "k=ed25519; p=", ";;", "pass" },
        { "", "", "permerror" },
    };
    str raw = signed_by_hand(w, keys.ed25519, ED " h=from;" END);
    str wire = w->records[w->n - 1].rdata;
    str base = str_skip(wire, (size_t)str_find(wire, STR("p=")) + 2);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        w->n = 0;
        world_add_txt(
            w, STR("ed._domainkey.example.org"),
            arena_printf(&w->a, "%s%.*s%s", cases[i].before, STR_FMT(base), cases[i].after));
        struct mailauth_dkim_results results = verify(w, raw, 1000000001);
        const char *got = mailauth_result_name(results.list[0].result);
        if (strcmp(got, cases[i].wanted) != 0)
            fail_msg("%s: %s, wanted %s", cases[i].before, got, cases[i].wanted);
    }
    /* t=s: the identity is of just the domain. */
    raw = signed_by_hand(w, keys.ed25519, ED " i=a@sub.example.org; h=from;" END);
    w->n = 0;
    world_add_txt(w, STR("ed._domainkey.example.org"),
                  arena_printf(&w->a, "k=ed25519; t=y:s; p=%.*s", STR_FMT(base)));
    struct mailauth_dkim_results results = verify(w, raw, 1000000001);
    assert_string_equal(mailauth_result_name(results.list[0].result), "permerror");
    crypto_key_free(&keys.rsa);
    crypto_key_free(&keys.ed25519);
}

/* ATTACKS X9: a flood of signatures does not hide the author's, nor is it all verified. */
static void only_ten_are_verified_the_authors_first(void **state)
{
    struct world *w = *state;
    struct keys keys = make_keys(w);
    str raw = sign(w, &keys, str_from_cstr(letter), 0);
    struct buf flood;
    buf_init(&flood, 1000000);
    for (int i = 0; i < 900; i++) {
        assert_true(buf_addf(&flood,
                             "DKIM-Signature: v=1; a=rsa-sha256; d=x%d.test; s=s; h=from; b=eA==; "
                             "bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\r\n",
                             i));
    }
    assert_true(buf_add(&flood, raw));
    w->questions = 0;
    struct mailauth_dkim_results results = verify(w, buf_str(&flood), 0);
    assert_int_equal(results.n, MAILAUTH_MAX_SIGNATURES);
    assert_int_equal(results.skipped, 892);
    assert_int_equal(results.list[0].result, MAILAUTH_PASS);
    assert_int_equal(results.list[1].result, MAILAUTH_PASS);
    assert_true(w->questions <= MAILAUTH_MAX_SIGNATURES);
    buf_fini(&flood);
    crypto_key_free(&keys.rsa);
    crypto_key_free(&keys.ed25519);
}

/* ATTACKS X10: text behind what l= signs is nobody's. */
static void a_signed_length_is_not_a_pass(void **state)
{
    struct world *w = *state;
    struct mailauth_signature signature = { .body_canon = MAILAUTH_SIMPLE, .has_length = true };
    struct mailauth_message message = { .body = STR("one\r\ntwo\r\n") };
    uint8_t hash[CRYPTO_HASH_MAX];
    (void)w;
    struct crypto_hash *h = crypto_hash_new(CRYPTO_SHA256);
    const struct mailauth_body body = { .text = message.body };
    assert_int_equal(mailauth_canon_add_body(h, MAILAUTH_SIMPLE, &body, 5), 10);
    crypto_hash_finish(h, hash);
    crypto_hash_free(&h);
    uint8_t wanted[CRYPTO_HASH_MAX];
    crypto_sha256(STR("one\r\n"), wanted);
    assert_memory_equal(hash, wanted, CRYPTO_SHA256_SIZE);
    signature.length = 11;
    signature.body_hash = str_of((const char *)hash, CRYPTO_SHA256_SIZE);
    const char *problem = NULL;
    assert_false(mailauth_signature_check(&signature, &message, NULL, &problem));
    assert_string_equal(problem, "l= is longer than the body");
}

/* ATTACKS X12. */
static void keys_that_are_none(void **state)
{
    struct world *w = *state;
    (void)w;
    static const struct {
        const char *record;
        enum err_kind wanted;
    } cases[] = {
        { "v=DKIM1; p=", ERR_NONE },
        { "v=DKIM1", ERR_SYNTAX },
        { "p=AAAA", ERR_SYNTAX },
        { "p=!!!!", ERR_SYNTAX },
        { "k=rsa; v=DKIM1; p=AAAA", ERR_SYNTAX },
        { "k=ed25519; p=AAAA", ERR_UNSUPPORTED },
        { "h=sha1; p=AAAA", ERR_UNSUPPORTED },
        { "s=tlsrpt; p=AAAA", ERR_UNSUPPORTED },
        /* 512 bits */
        { "p=MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAJpsaMbOAlPvl4e5yh+0G8oKSHE1smrLEsRxCNGaOm2o9hWwJ8gqgy"
          "F3nVdXxZzjNYcu7k9lf8cQzW1h1Z2O9NECAwEAAQ==",
          ERR_LIMIT },
    };
    const struct mailauth_signature signature = { .key_kind = CRYPTO_RSA };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct mailauth_key key;
        struct err e = ERR_CLEAR;
        bool ok = mailauth_key_parse(str_from_cstr(cases[i].record), &signature, NULL, &key, &e);
        if (ok != (cases[i].wanted == ERR_NONE) || e.kind != cases[i].wanted)
            fail_msg("%s: %s", cases[i].record, e.msg);
        assert_null(key.key);
    }
}

/* A key is read once, and again when it was not needed for long; one that does not count is never
 * kept. */
static void keys_are_kept(void **state)
{
    struct world *w = *state;
    struct mailauth_keys *keys = mailauth_keys_new();
    struct err e = ERR_CLEAR;
    str texts[MAILAUTH_KEYS + 1];
    struct crypto_key *key;
    if (!crypto_key_generate(CRYPTO_ED25519, 0, &key, &e))
        fail_msg("%s", e.msg);
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        texts[i] = arena_printf(&w->a, "text %zu", i);
        assert_null(mailauth_keys_find(keys, CRYPTO_ED25519, texts[i]));
        mailauth_keys_keep(keys, CRYPTO_ED25519, texts[i], key);
        struct crypto_key *first = mailauth_keys_find(keys, CRYPTO_ED25519, texts[0]);
        assert_non_null(first); /* it is needed all the time */
        crypto_key_free(&first);
    }
    crypto_key_free(&key);
    assert_null(mailauth_keys_find(keys, CRYPTO_ED25519, texts[1]));
    assert_null(mailauth_keys_find(keys, CRYPTO_RSA, texts[0]));
    key = mailauth_keys_find(keys, CRYPTO_ED25519, texts[MAILAUTH_KEYS]);
    mailauth_keys_free(&keys);
    assert_int_equal(crypto_key_bits(key), 256); /* a share outlives the table */
    mailauth_keys_keep(
        keys = mailauth_keys_new(), CRYPTO_ED25519,
        str_of(arena_alloc(&w->a, MAILAUTH_KEY_TEXT_MAX + 1), MAILAUTH_KEY_TEXT_MAX + 1), key);
    crypto_key_free(&key);
    mailauth_keys_free(&keys);
}

/* The same verdicts with keys that are kept, also when the record changes. */
static void a_kept_key_does_not_outlive_its_record(void **state)
{
    struct world *w = *state;
    str raw = world_message(w, "dkim-rfc/rfc6376.signed.msg");
    static const char *const records[] = { "dkim-rfc/test.txt", "dkim-rfc/test.txt",
                                           "dkim-rfc/badk.txt", "dkim-rfc/test_bad.txt",
                                           "dkim-rfc/test2.txt" };
    static const char *const wanted[] = { "pass", "pass", "permerror", "permerror", "pass" };
    w->keys = mailauth_keys_new();
    for (size_t i = 0; i < COUNT_OF(records); i++) {
        w->n = 0;
        world_add_txt(w, STR("test._domainkey.football.example.com"), file_txt(w, records[i]));
        struct mailauth_dkim_results results = verify(w, raw, 1528637909);
        assert_string_equal(result_of(&results, STR("test")), wanted[i]);
    }
    mailauth_keys_free(&w->keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_two_signatures_of_the_rfc, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(keys_are_kept, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_kept_key_does_not_outlive_its_record, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(the_example_with_its_records, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_key_without_version_and_no_key, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(changes_that_matter_and_those_that_do_not, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(messages_of_others_signed_by_us, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(bodies_of_all_forms, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(all_of_a_header_is_signed_or_nothing, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(lines_of_a_field_are_short_and_it_expires, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(broken_fields_are_permanent_errors, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(only_ten_are_verified_the_authors_first, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(a_signed_length_is_not_a_pass, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(keys_that_are_none, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(tags_of_all_forms, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(key_records_of_all_forms, world_setup, world_teardown),
    };
    return cmocka_run_group_tests_name("mailauth/dkim", tests, NULL, NULL);
}
