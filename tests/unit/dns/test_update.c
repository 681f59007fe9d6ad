/* SPDX-License-Identifier: Apache-2.0 */
/* What an update looks like, and which answers to it count. The other side is libldns by hand. */
#include "dns/update_packet.h"

#include <ldns/ldns.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define SECRET "c2l4dGVlbiBvciBtb3JlIG9jdGV0cyBvZiBhIHNlY3JldA=="

static struct dns_update_zone zone(void)
{
    return (struct dns_update_zone){ .name = STR("example.org"),
                                     .key_name = "key.example.org",
                                     .algorithm = "hmac-sha256",
                                     .secret = SECRET };
}

static void test_algorithms(void **state)
{
    (void)state;
    assert_true(dns_update_algorithm("hmac-sha256") && dns_update_algorithm("hmac-sha512"));
    assert_false(dns_update_algorithm("hmac-md5") || dns_update_algorithm(""));
}

/* "conditions / changes", as libldns shows them. */
static str show(const struct dns_update_packet *p, struct arena *a)
{
    ldns_pkt *packet = NULL;
    str wire = dns_update_packet_wire(p);
    assert_int_equal(ldns_wire2pkt(&packet, (const uint8_t *)wire.p, wire.n), LDNS_STATUS_OK);
    assert_int_equal(ldns_pkt_get_opcode(packet), LDNS_PACKET_UPDATE);
    assert_non_null(ldns_pkt_tsig(packet));
    char *conditions = ldns_rr_list2str(ldns_pkt_answer(packet));
    char *changes = ldns_rr_list2str(ldns_pkt_authority(packet));
    str shown = arena_printf(a, "%s/%s", conditions, changes);
    for (size_t i = 0; i < shown.n; i++) {
        if (shown.p[i] == '\t' || shown.p[i] == '\n')
            shown = arena_printf(a, "%.*s %.*s", (int)i, shown.p, STR_FMT(str_skip(shown, i + 1)));
    }
    free(conditions);
    free(changes);
    ldns_pkt_free(packet);
    return shown;
}

static void test_questions(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        struct dns_update_record record;
        bool is_removal;
        enum dns_update_condition condition;
        const char *shown; /* NULL: there is no such record */
    } cases[] = {
        { "beside others",
          { STR_INIT("example.org"), STR_INIT("TXT"), STR_INIT("v=spf1 \"\\ -all") },
          false,
          DNS_UPDATE_ALWAYS,
          "/example.org. 3600 IN TXT \"v=spf1 \\\"\\\\ -all\" " },
        { "the first",
          { STR_INIT("example.org"), STR_INIT("MX"), STR_INIT("10 mx.example.org.") },
          false,
          DNS_UPDATE_IF_NONE,
          "example.org. 0 NONE MX \\# 0 /example.org. 3600 IN MX 10 mx.example.org. " },
        { "an alias",
          { STR_INIT("a.example.org"), STR_INIT("CNAME"), STR_INIT("b.example.org.") },
          false,
          DNS_UPDATE_IF_NONE,
          "a.example.org. 0 NONE ANY \\# 0 /a.example.org. 3600 IN CNAME b.example.org. " },
        { "is it there",
          { STR_INIT("example.org"), STR_INIT("TXT"), STR_INIT("x") },
          false,
          DNS_UPDATE_IF_SAME,
          "example.org. 0 IN TXT \"x\" /" },
        { "removal",
          { STR_INIT("_a._tcp.example.org"), STR_INIT("SRV"), STR_INIT("0 1 993 m.") },
          true,
          DNS_UPDATE_ALWAYS,
          "/_a._tcp.example.org. 0 NONE SRV 0 1 993 m. " },
        { "an empty text",
          { STR_INIT("example.org"), STR_INIT("TXT"), STR_INIT("") },
          false,
          DNS_UPDATE_ALWAYS,
          "/example.org. 3600 IN TXT \"\" " },
        { "no name",
          { STR_INIT("a b"), STR_INIT("TXT"), STR_INIT("x") },
          false,
          DNS_UPDATE_ALWAYS,
          NULL },
        { "no data",
          { STR_INIT("example.org"), STR_INIT("MX"), STR_INIT("mx") },
          false,
          DNS_UPDATE_ALWAYS,
          NULL },
        { "two lines",
          { STR_INIT("example.org"), STR_INIT("MX"), STR_INIT("1 a.\nb. MX 1 c.") },
          false,
          DNS_UPDATE_ALWAYS,
          NULL },
    };
    const struct dns_update_zone ours = zone();
    struct arena a;
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err e = ERR_CLEAR;
        struct dns_update_packet *p = dns_update_packet_new(
            &ours, &cases[i].record, cases[i].is_removal, cases[i].condition, &e);
        if (!p && (cases[i].shown || e.kind != ERR_SYNTAX))
            fail_msg("%s: %s", cases[i].what, e.msg);
        if (p && (!cases[i].shown || !str_eq(show(p, &a), str_from_cstr(cases[i].shown))))
            fail_msg("%s: %.*s", cases[i].what, STR_FMT(show(p, &a)));
        dns_update_packet_free(&p);
    }
    arena_fini(&a);
}

static void test_long_texts_are_cut(void **state)
{
    (void)state;
    const struct dns_update_zone ours = zone();
    struct arena a;
    struct err e = ERR_CLEAR;
    char text[600];
    memset(text, 'x', sizeof(text));
    const struct dns_update_record record = { STR("example.org"), STR("TXT"),
                                              str_of(text, sizeof(text)) };
    arena_init(&a);
    struct dns_update_packet *p =
        dns_update_packet_new(&ours, &record, false, DNS_UPDATE_ALWAYS, &e);
    assert_non_null(p);
    str shown = show(p, &a);
    size_t strings = 0;
    for (size_t i = 0; i < shown.n; i++)
        strings += shown.p[i] == '"';
    assert_int_equal(strings, 6);
    dns_update_packet_free(&p);
    arena_fini(&a);
}

static void test_a_key_that_is_none(void **state)
{
    (void)state;
    struct dns_update_zone ours = zone();
    struct err e = ERR_CLEAR;
    const struct dns_update_record record = { STR("example.org"), STR("TXT"), STR("x") };
    ours.secret = "?";
    assert_null(dns_update_packet_new(&ours, &record, false, DNS_UPDATE_ALWAYS, &e));
    assert_int_equal(e.kind, ERR_UNSUPPORTED);
    ours = zone();
    ours.key_name = "a..b";
    assert_null(dns_update_packet_new(&ours, &record, false, DNS_UPDATE_ALWAYS, &e));
}

/* ---- answers ---- */

struct answer {
    const char *what;
    unsigned code;
    const char *secret;    /* NULL: nobody signs it */
    const char *algorithm; /* of the signature */
    bool is_other;         /* it belongs to another question */
    bool is_question;      /* the flag of answers is not set */
    enum err_kind kind;    /* when it is no good */
    const char *text;      /* NULL: it is good */
    bool holds;
};

/* Gives its octets; free them. */
static uint8_t *make_answer(const struct answer *c, str question, size_t *n)
{
    ldns_pkt *asked = NULL;
    ldns_pkt *answer = ldns_pkt_new();
    uint8_t *wire = NULL;
    assert_int_equal(ldns_wire2pkt(&asked, (const uint8_t *)question.p, question.n),
                     LDNS_STATUS_OK);
    ldns_pkt_set_id(answer, (uint16_t)(ldns_pkt_id(asked) ^ c->is_other));
    ldns_pkt_set_qr(answer, !c->is_question);
    ldns_pkt_set_opcode(answer, LDNS_PACKET_UPDATE);
    ldns_pkt_set_rcode(answer, (uint8_t)c->code);
    if (c->secret) {
        assert_int_equal(ldns_pkt_tsig_sign(answer, "key.example.org", c->secret, 300, c->algorithm,
                                            ldns_rr_rdf(ldns_pkt_tsig(asked), 3)),
                         LDNS_STATUS_OK);
    }
    assert_int_equal(ldns_pkt2wire(&wire, answer, n), LDNS_STATUS_OK);
    ldns_pkt_free(asked);
    ldns_pkt_free(answer);
    return wire;
}

static void check_answer(const struct dns_update_packet *p, const struct answer *c)
{
    struct err e = ERR_CLEAR;
    bool holds = !c->holds;
    size_t n;
    uint8_t *wire = make_answer(c, dns_update_packet_wire(p), &n);
    bool ok = dns_update_packet_answer(p, str_of((const char *)wire, n), &holds, &e);
    free(wire);
    if (ok != !c->text || (ok && holds != c->holds))
        fail_msg("%s: %d, %d %s", c->what, ok, holds, e.msg);
    if (!ok && c->text && (e.kind != c->kind || !strstr(e.msg, c->text)))
        fail_msg("%s: %s", c->what, e.msg);
}

static void test_answers(void **state)
{
    (void)state;
    static const char good[] = SECRET;
    static const char sha[] = "hmac-sha256.";
    static const struct answer cases[] = {
        { .what = "done", .secret = good, .algorithm = sha, .holds = true },
        { .what = "YXRRSET", .code = 7, .secret = good, .algorithm = sha },
        { .what = "NXRRSET", .code = 8, .secret = good, .algorithm = sha },
        { "unsigned", 0, NULL, NULL, false, false, ERR_DENIED, "not signed", false },
        { "unsigned YXRRSET", 7, NULL, NULL, false, false, ERR_UNAVAILABLE, "code 7", false },
        { "another secret", 0, "b3RoZXI=", sha, false, false, ERR_DENIED, "not signed", false },
        { "another algorithm", 0, good, "hmac-sha512.", false, false, ERR_DENIED, "not signed",
          false },
        { "another question", 0, good, sha, true, false, ERR_UNAVAILABLE, "not asked", false },
        { "no answer", 0, good, sha, false, true, ERR_UNAVAILABLE, "not asked", false },
        { "refused", 5, good, sha, false, false, ERR_DENIED, "refuses", false },
        { "refused, unsigned", 5, NULL, NULL, false, false, ERR_DENIED, "refuses", false },
        { "SERVFAIL", 2, NULL, NULL, false, false, ERR_UNAVAILABLE, "SERVFAIL", false },
        { "NOTIMP", 4, NULL, NULL, false, false, ERR_UNSUPPORTED, "takes no updates", false },
        { "NOTAUTH", 9, NULL, NULL, false, false, ERR_DENIED, "primary", false },
    };
    const struct dns_update_zone ours = zone();
    const struct dns_update_record record = { STR("example.org"), STR("TXT"), STR("x") };
    struct err e = ERR_CLEAR;
    struct dns_update_packet *p =
        dns_update_packet_new(&ours, &record, false, DNS_UPDATE_IF_NONE, &e);
    assert_non_null(p);
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_answer(p, &cases[i]);
    dns_update_packet_free(&p);
}

static void test_the_longer_algorithm(void **state)
{
    static const struct answer cases[] = {
        { .what = "done", .secret = SECRET, .algorithm = "hmac-sha512.", .holds = true },
        { "the shorter one", 0, SECRET, "hmac-sha256.", false, false, ERR_DENIED, "not signed",
          false },
    };
    struct dns_update_zone ours = zone();
    const struct dns_update_record record = { STR("example.org"), STR("TXT"), STR("x") };
    struct err e = ERR_CLEAR;
    (void)state;
    ours.algorithm = "hmac-sha512";
    struct dns_update_packet *p =
        dns_update_packet_new(&ours, &record, false, DNS_UPDATE_ALWAYS, &e);
    assert_non_null(p);
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_answer(p, &cases[i]);
    dns_update_packet_free(&p);
}

/* A signature record without fields is not looked into; nor is an answer that was cut anywhere. */
static void test_broken_answers(void **state)
{
    (void)state;
    static const struct answer done = { .secret = SECRET, .algorithm = "hmac-sha256." };
    const struct dns_update_zone ours = zone();
    const struct dns_update_record record = { STR("example.org"), STR("TXT"), STR("x") };
    struct err e = ERR_CLEAR;
    bool holds;
    size_t n;
    char empty[] = "\0\0\xa8\0\0\0\0\0\0\0\0\1" /* header: an answer, one additional record */
                   "\3key\0\0\xfa\0\xff\0\0\0\0\0";
    struct dns_update_packet *p =
        dns_update_packet_new(&ours, &record, false, DNS_UPDATE_ALWAYS, &e);
    assert_non_null(p);
    str question = dns_update_packet_wire(p);
    memcpy(empty, question.p, 2);
    assert_false(dns_update_packet_answer(p, str_of(empty, sizeof(empty)), &holds, &e));
    char two[] = "\0\0\xa8\0\0\0\0\0\0\0\0\2"
                 "\3key\0\0\xfa\0\xff\0\0\0\0\0\0\3key\0\0\xfa\0\xff\0\0\0\0\0";
    memcpy(two, question.p, 2);
    assert_false(dns_update_packet_answer(p, str_of(two, sizeof(two)), &holds, &e));
    uint8_t *wire = make_answer(&done, question, &n);
    for (size_t i = 0; i < n; i++)
        assert_false(dns_update_packet_answer(p, str_of((const char *)wire, i), &holds, &e));
    assert_true(dns_update_packet_answer(p, str_of((const char *)wire, n), &holds, &e));
    wire[n - 1] ^= 1; /* length of other data */
    assert_false(dns_update_packet_answer(p, str_of((const char *)wire, n), &holds, &e));
    free(wire);
    dns_update_packet_free(&p);
}

/* ---- the texts of a name ---- */

static struct dns_update_texts *texts_of(const char *const *records, size_t n, unsigned code,
                                         unsigned id, struct err *e)
{
    ldns_pkt *answer = ldns_pkt_new();
    struct dns_update_texts *texts;
    uint8_t *wire = NULL;
    size_t size;
    ldns_pkt_set_qr(answer, true);
    ldns_pkt_set_id(answer, (uint16_t)id);
    ldns_pkt_set_rcode(answer, (uint8_t)code);
    for (size_t i = 0; i < n; i++) {
        ldns_rr *rr = NULL;
        assert_int_equal(ldns_rr_new_frm_str(&rr, records[i], 0, NULL, NULL), LDNS_STATUS_OK);
        ldns_pkt_push_rr(answer, LDNS_SECTION_ANSWER, rr);
    }
    assert_int_equal(ldns_pkt2wire(&wire, answer, &size), LDNS_STATUS_OK);
    texts = dns_update_texts_read(STR("example.org"), 7, str_of((const char *)wire, size), e);
    free(wire);
    ldns_pkt_free(answer);
    return texts;
}

static const char others[] = "example.org. 60 IN TXT \"of others\"";

static void test_kinds(void **state)
{
    static const struct {
        const char *records[3];
        enum dns_update_kind kind;
    } cases[] = {
        { { NULL }, DNS_UPDATE_KIND_NONE },
        { { others, "example.org. IN TXT \"v=spf10 a\"" }, DNS_UPDATE_KIND_NONE },
        { { others, "www.example.org. IN TXT \"v=spf1 a\"" }, DNS_UPDATE_KIND_NONE },
        { { "example.org. IN TXT \"v=spf1 mx -all\"" }, DNS_UPDATE_KIND_SAME },
        { { others, "Example.ORG. IN TXT \"v=spf1 m\" \"x -all\"" }, DNS_UPDATE_KIND_SAME },
        { { others, "example.org. IN TXT \"V=SPF1 a\"" }, DNS_UPDATE_KIND_OTHER },
        { { "example.org. IN TXT \"v=spf1\"" }, DNS_UPDATE_KIND_OTHER },
        { { "example.org. IN TXT \"v=spf1 mx -all\"", "example.org. IN TXT \"v=spf1 a\"" },
          DNS_UPDATE_KIND_OTHER },
        { { "example.org. IN TXT \"v=spf1 a\"", "example.org. IN TXT \"v=spf1 mx -all\"" },
          DNS_UPDATE_KIND_OTHER },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err e = ERR_CLEAR;
        size_t n = 0;
        while (n < COUNT_OF(cases[i].records) && cases[i].records[n])
            n++;
        struct dns_update_texts *texts = texts_of(cases[i].records, n, n == 0 ? 3 : 0, 7, &e);
        assert_non_null(texts);
        if (dns_update_texts_find(texts, STR("v=spf1 mx -all")) != cases[i].kind)
            fail_msg("case %zu", i);
        dns_update_texts_free(&texts);
    }
}

/* The change holds only where just these texts are. */
static void test_among(void **state)
{
    static const char *const twice[] = { others, others, "example.org. 9 IN TXT \"b\"" };
    static const struct dns_update_record record = { STR_INIT("example.org"), STR_INIT("TXT"),
                                                     STR_INIT("v=spf1 -all") };
    const struct dns_update_zone ours = zone();
    struct err e = ERR_CLEAR;
    struct arena a;
    (void)state;
    arena_init(&a);
    for (size_t n = 0; n <= COUNT_OF(twice); n += COUNT_OF(twice)) {
        struct dns_update_texts *texts = texts_of(twice, n, 0, 7, &e);
        struct dns_update_packet *p = dns_update_packet_among(&ours, &record, texts, &e);
        assert_non_null(p);
        str wanted = n == 0
                         ? STR("example.org. 0 NONE TXT \\# 0 /"
                               "example.org. 3600 IN TXT \"v=spf1 -all\" ")
                         : STR("example.org. 0 IN TXT \"of others\" example.org. 0 IN TXT \"b\" /"
                               "example.org. 3600 IN TXT \"v=spf1 -all\" ");
        if (!str_eq(show(p, &a), wanted))
            fail_msg("%.*s", STR_FMT(show(p, &a)));
        dns_update_packet_free(&p);
        dns_update_texts_free(&texts);
    }
    arena_fini(&a);
}

static void test_texts_that_are_none(void **state)
{
    struct buf question;
    struct err e = ERR_CLEAR;
    (void)state;
    assert_null(texts_of(NULL, 0, 5, 7, &e));
    assert_int_equal(e.kind, ERR_DENIED);
    assert_null(texts_of(NULL, 0, 2, 7, &e));
    assert_int_equal(e.kind, ERR_UNAVAILABLE);
    assert_null(texts_of(NULL, 0, 0, 8, &e)); /* of another question */
    assert_null(dns_update_texts_read(STR("example.org"), 7, STR("\0\7"), &e));
    buf_init(&question, 512);
    assert_false(dns_update_texts_ask(STR("a..b"), 7, &question, &e));
    assert_true(dns_update_texts_ask(STR("example.org"), 7, &question, &e));
    assert_true(
        str_eq(buf_str(&question), STR("\0\7\0\0\0\1\0\0\0\0\0\0\7example\3org\0\0\x10\0\1")));
    buf_fini(&question);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_algorithms),
        cmocka_unit_test(test_questions),
        cmocka_unit_test(test_long_texts_are_cut),
        cmocka_unit_test(test_a_key_that_is_none),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_broken_answers),
        cmocka_unit_test(test_the_longer_algorithm),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_among),
        cmocka_unit_test(test_texts_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
