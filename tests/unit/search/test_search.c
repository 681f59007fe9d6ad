/* SPDX-License-Identifier: Apache-2.0 */
/* Index and questions on a real PostgreSQL: what the index says must agree with reading every
 * message. */
#include "search/search.h"

#include "base/utf8.h"
#include "search/document.h"
#include "search/fixture.h"
#include "search/header_texts.h"
#include "search/vocabulary.h"

enum {
    ACCOUNT = 7,
    OTHER_ACCOUNT = 8
};

/* Messages 1 ... of the account. */
static const str messages[] = {
    STR_INIT("From: Ada Lovelace <ada@analytical.example.org>\r\nTo: bob@example.net\r\n"
             "Subject: Invoice for October\r\nX-Ticket: T-4711\r\n\r\n"
             "The invoices of the last quarter are attached.\r\n"),
    STR_INIT("From: bob@example.net\r\nTo: Ada <ada@analytical.example.org>\r\n"
             "Cc: carol@elsewhere.test\r\nSubject: Re: Invoice for October\r\n"
             "Received: from hidden.example by us; Sat, 21 Nov 2026 00:00:00 +0000\r\n\r\n"
             "Thank you, voicemail works again.\r\nno-reply follows\r\n"),
    STR_INIT(
        "From: =?utf-8?q?Fran=C3=A7oise?= <fr@example.fr>\r\nTo: ada@analytical.example.org\r\n"
        "Subject: =?utf-8?b?5p2x5Lqs6YO95bqB?=\r\n"
        "Content-Type: text/html; charset=utf-8\r\n\r\n"
        "<p>Le <b>caf\xc3\xa9</b> de la gare ouvre &agrave; l&rsquo;aube</p>"
        "<p>\xe6\x9d\xb1\xe4\xba\xac\xe3\x82\xbf\xe3\x83\xaf\xe3\x83\xbc</p>\r\n"),
    STR_INIT(
        "From: x@y.z\r\nSubject: a_b it's 100%\r\n\r\nC:\\path\\to 'quoted' text 50% o'clock\r\n"),
    STR_INIT("\r\nno header at all, only some text with invoice"),
    STR_INIT(
        "Subject: Stra\xc3\x9f"
        "e \xc4\xb0stanbul kap\xc4\xb1\r\nX-Word: \xce\xbb\xcf\x8c\xce\xb3\xce\xbf\xcf\x82\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n\r\n"
        "\xce\x9b\xce\x8c\xce\x93\xce\x9f\xce\xa3 \xe1\xba\x9e \xef\xac\x81n un\xc2\xad"
        "do Istanbul KAPI\r\n"
        "\xe3\x81\x8c\xe3\x81\x94 \xed\x95\x9c\xea\xb5\xad strasse cafe re\xcc\x81sume\xcc\x81\r\n"),
    STR_INIT(
        "DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=key1;\r\n bh=qTrBqs+Xyz/9=;\r\n"
        " b=dzdVyOfAKCdLXdJOc9G2q8LoXSlEniSb\r\n\tav+yuU4zGeeruD00lszZVoG4ZHRNiYzR\r\n"
        "Received: by mx7.example.org with ESMTPS id Q77xYz; Mon, 6 Jan 2020 10:00:00 +0000\r\n"
        "Subject: two parts\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/mixed; boundary=\"=_b1\"\r\n\r\n--=_b1\r\n"
        "Content-Type: text/plain; charset=iso-8859-1\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n\r\ncaf=E9 au=\r\nlait, na=EFve\r\n"
        "--=_b1\r\nContent-Type: text/plain; name=\"agenda-2020.txt\"\r\n"
        "Content-Transfer-Encoding: base64\r\nContent-Description: the minutes\r\n\r\n"
        "VGhlIHF1aWNrIGJyb3duIGZveA==\r\n--=_b1--\r\n"),
};

static const char *const needles[] = {
    "invoice",
    "voice",
    "nvoic",
    "INVOICE",
    "invoices of",
    "voices of the l",
    "e for Oct",
    "october",
    "ada",
    "ada@",
    "ada@analytical.example.org",
    "ical.exam",
    "example.org",
    "example",
    "bob@example.net",
    "carol",
    "elsewhere.te",
    "t-4711",
    "4711",
    "ticket",
    "hidden",
    "hidden.example",
    "cafe",
    "caf\xc3\xa9",
    "gare ouvre",
    "l\xe2\x80\x99",
    ("l\xe2\x80\x99"
     "aube"),
    "aube",
    "\xe6\x9d\xb1\xe4\xba\xac",
    "\xe6\x9d\xb1",
    "\xe4\xba\xac\xe9\x83\xbd",
    "\xe4\xba\xac",
    "\xe3\x82\xbf\xe3\x83\xaf\xe3\x83\xbc",
    "\xe6\x9d\xb1\xe4\xba\xac\xe3\x82\xbf",
    "\xe3\x83\xaf\xe3\x83\xbc</p>",
    "fran\xc3\xa7oise",
    "francoise",
    "FRANC",
    "caf",
    "cafe\xcc\x81",
    "\xcc\x81 de la",
    "\xcc\xa7ois",
    ("stra\xc3\x9f"
     "e"),
    "strasse",
    "\xe1\xba\x9e",
    "istanbul",
    "\xc4\xb0stanbul",
    "\xc4\xb1stanbul",
    "i\xcc\x87stan",
    "kap\xc4\xb1",
    "kapi",
    "\xce\xbb\xcf\x8c\xce\xb3\xce\xbf\xcf\x82",
    "\xce\x9b\xce\x8c\xce\x93\xce\x9f\xce\xa3",
    "\xce\xbb\xce\xbf\xce\xb3\xce\xbf\xcf\x82",
    "\xce\xb3\xce\xbf\xcf\x83",
    "fin",
    "undo",
    "un\xc2\xad",
    ("\xc2\xad"
     "do"),
    "\xe3\x81\x8b\xe3\x81\x93",
    "\xe3\x81\x8c\xe3\x81\x93",
    "\xe3\x81\x8c\xe3\x81\x94",
    "\xe3\x81\x8c",
    "\xe3\x81\x8b",
    "\xe3\x82\x99",
    "\xed\x95\x98\xea\xb5\xad",
    "\xed\x95\x9c\xea\xb5\xac",
    "\xed\x95\x9c\xea\xb5\xad",
    "\xea\xb5\xad\xec",
    "o'clock",
    "path\\to",
    "100%",
    "50% o",
    "a_b",
    "it's",
    "no-reply",
    "reply follows\r\n",
    "zzz",
    "nothing like this",
    "the",
    "th",
    "t",
    " ",
    "",
    "...",
    "quarter are att",
    "works again.",
    "voicemail works",
    "again. no-reply",
    "%",
    "_",
    "'",
    "last quarter are attached and",
    " invoice",
    "invoice ",
    "for",
    "fo",
    "or Octob",
    "q",
    "subject: invoice",
    "ject: In",
    "from:",
    "X-Ticket: 47",
    "content-type",
    "boundary",
    "d=example",
    "dkim",
    "b=",
    "by mx",
};

static bool has(const int64_t *ids, size_t n, int64_t id)
{
    for (size_t i = 0; i < n; i++) {
        if (ids[i] == id)
            return true;
    }
    return false;
}

/* What the index says of one message must be what reading says. */
static void compare(const struct search_candidates *found, unsigned fields, const char *needle,
                    size_t i)
{
    int64_t id = (int64_t)i + 1;
    bool truth = search_message_contains(messages[i], fields, str_from_cstr(needle));
    bool sure = has(found->sure, found->n_sure, id);
    bool maybe = (found->all_maybe && !sure) || has(found->maybe, found->n_maybe, id);
    if (sure && !truth)
        fail_msg("'%s' in fields %u: message %zu is said to match", needle, fields, i + 1);
    if (truth && !sure && !maybe)
        fail_msg("'%s' in fields %u: message %zu is missed", needle, fields, i + 1);
    assert_false(sure && maybe);
}

static unsigned compare_all(struct fixture *f, const char *needle)
{
    static const unsigned masks[] = { SEARCH_FIELD_ANY,
                                      SEARCH_FIELD_SUBJECT,
                                      SEARCH_FIELD_FROM,
                                      SEARCH_FIELD_TO,
                                      SEARCH_FIELD_BODY,
                                      SEARCH_FIELD_HEADERS,
                                      SEARCH_FIELD_SUBJECT | SEARCH_FIELD_BODY };
    unsigned sure = 0;
    for (size_t m = 0; m < COUNT_OF(masks); m++) {
        struct err e = ERR_CLEAR;
        struct search_candidates found;
        MUST(search_find_substring(
                 f->db, ACCOUNT,
                 &(struct search_needle){ .fields = masks[m], .text = str_from_cstr(needle) },
                 &f->a, soon(), &found, &e),
             e);
        for (size_t i = 0; i < COUNT_OF(messages); i++)
            compare(&found, masks[m], needle, i);
        assert_false(has(found.sure, found.n_sure, 1000));
        assert_false(has(found.maybe, found.n_maybe, 1000));
        sure += (unsigned)found.n_sure;
    }
    return sure;
}

static void store_all(struct fixture *f)
{
    for (size_t i = 0; i < COUNT_OF(messages); i++)
        store(f, ACCOUNT, (int64_t)i + 1, messages[i]);
    store(f, OTHER_ACCOUNT, 1000, messages[0]);
}

static void agree(void *arg)
{
    struct fixture *f = arg;
    unsigned sure = 0;
    store_all(f);
    /* Nothing is indexed yet: all is maybe, whatever is asked for. */
    for (size_t i = 0; i < COUNT_OF(needles); i += 5)
        sure += compare_all(f, needles[i]);
    assert_int_equal(sure, 0);
    assert_int_equal(index_all(f), COUNT_OF(messages) + 1);
    assert_int_equal(index_all(f), 0);
    for (size_t i = 0; i < COUNT_OF(needles); i++)
        sure += compare_all(f, needles[i]);
    /* The index must answer most of it by itself. */
    assert_true(sure > 60);
}

/* Pieces of what the messages say: across separators, of any length, also of the raw octets. */
enum {
    PIECES = 100,
    PIECE_MAX = 24
};

static uint32_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)(*state >> 33);
}

/* A piece in whole characters, without NUL. */
static str random_piece(struct arena *a, uint64_t *state)
{
    str message = search_normalize(a, messages[next_random(state) % COUNT_OF(messages)]);
    size_t from = next_random(state) % message.n;
    size_t n = 1 + next_random(state) % PIECE_MAX;
    while (from < message.n && ((unsigned char)message.p[from] & 0xc0) == 0x80)
        from++;
    return utf8_cut(str_slice(message, from, message.n - from < n ? message.n - from : n), n);
}

static void agree_on_pieces(void *arg)
{
    struct fixture *f = arg;
    uint64_t state = 20261121;
    store_all(f);
    (void)index_all(f);
    for (unsigned i = 0; i < PIECES; i++) {
        struct arena a;
        arena_init(&a);
        str piece = random_piece(&a, &state);
        (void)compare_all(f, arena_cstr(&a, piece));
        arena_fini(&a);
    }
}

static void random_pieces_agree_with_reading(void **state)
{
    (void)state;
    with_db(agree_on_pieces);
}

static void substrings_agree_with_reading(void **state)
{
    (void)state;
    with_db(agree);
}

/* ---- sure answers where they are promised ---- */

static size_t count_sure(struct fixture *f, unsigned fields, const char *needle)
{
    struct err e = ERR_CLEAR;
    struct search_candidates found;
    MUST(search_find_substring(
             f->db, ACCOUNT,
             &(struct search_needle){ .fields = fields, .text = str_from_cstr(needle) }, &f->a,
             soon(), &found, &e),
         e);
    assert_false(found.all_maybe);
    assert_int_equal(found.n_maybe, 0);
    return found.n_sure;
}

static void be_sure(void *arg)
{
    struct fixture *f = arg;
    store_all(f);
    (void)index_all(f);
    assert_int_equal(count_sure(f, SEARCH_FIELD_ANY, "voice"), 3);
    assert_int_equal(count_sure(f, SEARCH_FIELD_SUBJECT, "nvoic"), 2);
    assert_int_equal(count_sure(f, SEARCH_FIELD_BODY, "voice"), 3);
    assert_int_equal(count_sure(f, SEARCH_FIELD_FROM, "lovelace"), 1);
    assert_int_equal(count_sure(f, SEARCH_FIELD_TO, "carol"), 1);
    assert_int_equal(count_sure(f, SEARCH_FIELD_HEADERS, "4711"), 1);
    assert_int_equal(count_sure(f, SEARCH_FIELD_ANY, "nosuchword"), 0);
    assert_int_equal(count_sure(f, SEARCH_FIELD_BODY, "\xe6\x9d\xb1\xe4\xba\xac"), 1);
}

/* Accents count, in what is asked for and in what is there; case does not. */
static void be_sure_of_accents(void *arg)
{
    static const struct {
        const char *needle;
        size_t sure;
    } cases[] = {
        { "caf\xc3\xa9", 2 },
        { "CAFE\xcc\x81", 2 },
        { "cafe", 3 }, /* its letters stand in the decomposed form, too */
        { "stra\xc3\x9f"
          "e",
          1 },
        { "strasse", 1 },
        { "\xce\x9b\xce\x8c\xce\x93\xce\x9f\xce\xa3", 1 },
        { "\xce\xbb\xce\xbf\xce\xb3\xce\xbf\xcf\x83", 0 },
        { "\xc4\xb0stanbul", 1 },
        { "kap\xc4\xb1", 1 },
        { "\xed\x95\x9c\xea\xb5\xad", 1 },
    };
    struct fixture *f = arg;
    store_all(f);
    (void)index_all(f);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        size_t sure = count_sure(f, SEARCH_FIELD_ANY, cases[i].needle);
        if (sure != cases[i].sure)
            fail_msg("'%s': %zu", cases[i].needle, sure);
    }
}

static void accents_are_sure(void **state)
{
    (void)state;
    with_db(be_sure_of_accents);
}

/* What documents that a server of the former version wrote say, and that they are indexed anew. */
static void replace_former(void *arg)
{
    static const struct {
        const char *needle;
        size_t maybe; /* of the two, 3 and 4 */
    } cases[] = {
        { "caf\xc3\xa9", 1 },
        { "af", 1 }, /* too short for the vocabulary, which has two words with it */
        { "afe", 1 },
        { "cafe terrace", 1 },
        { "nosuchword", 0 },
        { "word", 1 },
        { "kad\xc4\xb1n", 2 },             /* a dotless i: the words cannot say */
        { "\xce\xbb\xcf\x8c\xcf\x83", 2 }, /* a sigma */
        { "\xe3\x81\x8b", 2 },             /* kana */
    };
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    store_all(f);
    (void)index_all(f);
    test_pg_run("DELETE FROM fts WHERE msg_id IN (3, 4);"
                " INSERT INTO fts (account_id, msg_id, tsv)"
                " VALUES (7, 3, $$cafe:1D terrace:2D$$), (7, 4, $$word:1D$$)");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct search_candidates found;
        const struct search_needle needle = { .fields = SEARCH_FIELD_ANY,
                                              .text = str_from_cstr(cases[i].needle) };
        MUST(search_find_substring(f->db, ACCOUNT, &needle, &f->a, soon(), &found, &e), e);
        size_t maybe = 0;
        for (size_t k = 0; k < found.n_maybe; k++)
            maybe += found.maybe[k] == 3 || found.maybe[k] == 4;
        if (maybe != cases[i].maybe || found.all_maybe)
            fail_msg("%s: %zu, all %d", cases[i].needle, maybe, found.all_maybe);
    }
    /* Written again in the former form: pending again, and only once the others are. */
    assert_int_equal(index_all(f), 2);
    test_pg_run("UPDATE fts SET form = 0, tsv = $$cafe:1D$$ WHERE msg_id = 3");
    assert_int_equal(index_all(f), 1);
    assert_int_equal(count_sure(f, SEARCH_FIELD_ANY, "caf\xc3\xa9"), 2);
}

static void former_documents_are_replaced(void **state)
{
    (void)state;
    with_db(replace_former);
}

static void single_words_are_sure(void **state)
{
    (void)state;
    with_db(be_sure);
}

/* ---- word searches ---- */

static size_t find_words(struct fixture *f, const struct search_node *query, bool *complete)
{
    struct err e = ERR_CLEAR;
    struct search_found found;
    struct search_words wanted = { .query = query, .limit = 50 };
    MUST(search_find_words(f->db, ACCOUNT, &wanted, &f->a, soon(), &found, &e), e);
    for (size_t i = 1; i < found.n; i++)
        assert_true(found.ids[i - 1] > found.ids[i]);
    *complete = found.complete;
    return found.n;
}

#define WORDS(t, m, fields_)                                                                    \
    {                                                                                           \
        .op = SEARCH_WORDS, .text = STR_INIT(t), .match = SEARCH_MATCH_##m, .fields = (fields_) \
    }

static const struct word_case {
    const char *name;
    struct search_node node;
    size_t hits;
} word_cases[] = {
    { "a word", WORDS("invoice", ALL, 0), 3 },
    { "a word in a field", WORDS("invoice", ALL, SEARCH_FIELD_SUBJECT), 2 },
    { "all words", WORDS("october invoice", ALL, 0), 2 },
    { "a phrase", WORDS("invoice for october", PHRASE, SEARCH_FIELD_SUBJECT), 2 },
    { "not a phrase", WORDS("october invoice", PHRASE, SEARCH_FIELD_SUBJECT), 0 },
    { "a beginning", WORDS("attach", PREFIX, 0), 1 },
    { "a beginning with a word", WORDS("invoice oct", PREFIX, SEARCH_FIELD_SUBJECT), 2 },
    { "an address", WORDS("ada@analytical.example.org", ALL, SEARCH_FIELD_FROM), 1 },
    { "a domain in an address", WORDS("analytical.example.org", PHRASE, SEARCH_FIELD_TO), 2 },
    { "without spaces", WORDS("\xe4\xba\xac\xe9\x83\xbd\xe5\xba\x81", ALL, 0), 1 },
    { "one character", WORDS("\xe6\x9d\xb1", ALL, 0), 1 },
    { "a ticket in another header", WORDS("4711", ALL, SEARCH_FIELD_HEADERS), 1 },
    { "whatever the accents", WORDS("cafe", ALL, 0), 3 },
    { "with accents", WORDS("CAF\xc3\x89", ALL, SEARCH_FIELD_BODY), 3 },
    { "a phrase without accents", WORDS("le cafe de", PHRASE, 0), 1 },
    { "a beginning without accents", WORDS("resu", PREFIX, 0), 1 },
    { "another header without accents",
      WORDS("\xce\xbb\xce\xbf\xce\xb3\xce\xbf\xcf\x82", ALL, SEARCH_FIELD_HEADERS), 1 },
    { "soft hyphens", WORDS("undo", ALL, 0), 1 },
    { "no word", WORDS("...", ALL, 0), 0 },
};

static void search_words(void *arg)
{
    struct fixture *f = arg;
    bool complete = false;
    store_all(f);
    assert_int_equal(find_words(f, &word_cases[0].node, &complete), 0);
    assert_false(complete);
    (void)index_all(f);
    for (size_t i = 0; i < COUNT_OF(word_cases); i++) {
        size_t hits = find_words(f, &word_cases[i].node, &complete);
        if (hits != word_cases[i].hits)
            fail_msg("%s: %zu hits", word_cases[i].name, hits);
        assert_true(complete);
    }
    /* invoice AND NOT (voicemail OR quarter) */
    const struct search_node quarter = WORDS("quarter", ALL, 0);
    struct search_node voicemail = WORDS("voicemail", ALL, 0);
    voicemail.next = &quarter;
    const struct search_node either = { .op = SEARCH_OR, .first = &voicemail };
    const struct search_node not = { .op = SEARCH_NOT, .first = &either };
    struct search_node invoice = WORDS("invoice", ALL, 0);
    invoice.next = &not ;
    const struct search_node root = { .op = SEARCH_AND, .first = &invoice };
    assert_int_equal(find_words(f, &root, &complete), 1);
}

static void word_searches(void **state)
{
    (void)state;
    with_db(search_words);
}

/* ---- bad and big mail ---- */

static str repeat(struct arena *a, const char *head, const char *piece, size_t times)
{
    struct buf text;
    buf_init(&text, 64UL * 1024 * 1024);
    (void)buf_add(&text, str_from_cstr(head));
    for (size_t i = 0; i < times; i++)
        (void)buf_add(&text, str_from_cstr(piece));
    str out = arena_str(a, buf_str(&text));
    buf_fini(&text);
    return out;
}

static str many_words(struct arena *a, unsigned n)
{
    struct buf text;
    buf_init(&text, 64UL * 1024 * 1024);
    (void)buf_add(&text, STR("Subject: many\r\n\r\n"));
    for (unsigned i = 0; i < n; i++)
        (void)buf_addf(&text, "w%xq%u ", i, i * 7919);
    str out = arena_str(a, buf_str(&text));
    buf_fini(&text);
    return out;
}

static void survive(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct search_candidates found;
    store(f, ACCOUNT, 1, repeat(&f->a, "Subject: long\r\n\r\n", "word after word ", 20000));
    store(f, ACCOUNT, 2, repeat(&f->a, "Subject: wide\r\n\r\n", "a'\\\x01\x7f\xff\xc3(", 30000));
    store(f, ACCOUNT, 3, many_words(&f->a, 60000));
    store(f, ACCOUNT, 4, repeat(&f->a, "Subject: one\r\n\r\n", "abcdefgh", 40000));
    store(f, ACCOUNT, 5, STR_EMPTY);
    store(f, ACCOUNT, 6, messages[0]);
    assert_int_equal(index_all(f), 6);
    /* Cut documents are never sure to miss. */
    MUST(search_find_substring(
             f->db, ACCOUNT,
             &(struct search_needle){ .fields = SEARCH_FIELD_BODY, .text = STR("quarter") }, &f->a,
             soon(), &found, &e),
         e);
    assert_int_equal(found.n_sure, 1);
    assert_int_equal(found.sure[0], 6);
    assert_true(has(found.maybe, found.n_maybe, 1) && has(found.maybe, found.n_maybe, 3) &&
                has(found.maybe, found.n_maybe, 4));
    assert_false(has(found.maybe, found.n_maybe, 5));
}

static void bad_mail_is_indexed_too(void **state)
{
    (void)state;
    with_db(survive);
}

/* A trigger that refuses one message stands for whatever PostgreSQL may dislike some day. */
static void poison(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct search_candidates found;
    store_all(f);
    test_pg_run("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN"
                " IF new.msg_id = 2 AND new.tsv @@ 'voicemail' THEN"
                "  RAISE program_limit_exceeded; END IF; RETURN new; END$$;"
                "CREATE TRIGGER refuse BEFORE INSERT ON fts FOR EACH ROW"
                " EXECUTE FUNCTION refuse()");
    size_t indexed = index_all(f);
    test_pg_run("DROP TRIGGER refuse ON fts; DROP FUNCTION refuse()");
    assert_int_equal(indexed, COUNT_OF(messages) + 1);
    /* What POP3 adds to it is not known. */
    assert_int_equal(test_pg_number("SELECT sum(msg_id) FROM header_text"
                                    " WHERE pop3_header_gain IS NULL AND pop3_end_gain IS NULL"),
                     2);
    MUST(search_find_substring(
             f->db, ACCOUNT,
             &(struct search_needle){ .fields = SEARCH_FIELD_ANY, .text = STR("voicemail") }, &f->a,
             soon(), &found, &e),
         e);
    assert_int_equal(found.n_sure, 0);
    assert_int_equal(found.n_maybe, 1);
    assert_int_equal(found.maybe[0], 2);
}

static void a_refused_message_is_read_instead(void **state)
{
    (void)state;
    with_db(poison);
}

/* ---- limits of questions ---- */

static void refuse_bombs(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct search_candidates found;
    str big = repeat(&f->a, "", "x", SEARCH_MAX_NEEDLE + 1);
    assert_false(search_find_substring(
        f->db, ACCOUNT, &(struct search_needle){ .fields = SEARCH_FIELD_ANY, .text = big }, &f->a,
        soon(), &found, &e));
    assert_int_equal(e.kind, ERR_LIMIT);
    store(f, ACCOUNT, 1, many_words(&f->a, SEARCH_MAX_EXPANSION + 1000));
    (void)index_all(f);
    MUST(search_find_substring(
             f->db, ACCOUNT,
             &(struct search_needle){ .fields = SEARCH_FIELD_ANY, .text = STR("q79") }, &f->a,
             soon(), &found, &e),
         e);
    assert_true(found.all_maybe || found.n_maybe + found.n_sure == 1);
    MUST(search_find_substring(
             f->db, ACCOUNT,
             &(struct search_needle){ .fields = SEARCH_FIELD_ANY, .text = STR("79") }, &f->a,
             soon(), &found, &e),
         e);
    assert_int_equal(found.n_maybe + found.n_sure, 1);
    /* More words than are asked for: who has some of them matches, the others may. */
    MUST(search_find_substring(
             f->db, ACCOUNT,
             &(struct search_needle){ .fields = SEARCH_FIELD_ANY, .text = STR("q") }, &f->a, soon(),
             &found, &e),
         e);
    assert_true(found.all_maybe);
    assert_int_equal(found.n_maybe + found.n_sure, 1);
    MUST(search_find_substring(
             f->db, ACCOUNT,
             &(struct search_needle){ .fields = SEARCH_FIELD_ANY, .text = STR("...") }, &f->a,
             soon(), &found, &e),
         e);
    assert_true(found.all_maybe);
    assert_int_equal(found.n_maybe + found.n_sure, 0);
}

/* Words of others are no reason to read every message. */
static void not_spoilt(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct search_candidates found;
    store(f, OTHER_ACCOUNT, 1, many_words(&f->a, SEARCH_MAX_EXPANSION + 1000));
    store(f, ACCOUNT, 2, STR("Subject: x\r\n\r\nnothing of it\r\n"));
    store(f, ACCOUNT, 3, STR("Subject: x\r\nX-It: acq\r\n\r\nthe last quarter, \xc3\xa9quus\r\n"));
    (void)index_all(f);
    MUST(search_find_substring(
             f->db, ACCOUNT,
             &(struct search_needle){ .fields = SEARCH_FIELD_ANY, .text = STR("q") }, &f->a, soon(),
             &found, &e),
         e);
    assert_false(found.all_maybe);
    assert_int_equal(found.n_sure, 1);
    assert_int_equal(found.sure[0], 3);
    assert_int_equal(found.n_maybe, 0);
    MUST(search_find_substring(
             f->db, ACCOUNT,
             &(struct search_needle){ .fields = SEARCH_FIELD_ANY, .text = STR("79") }, &f->a,
             soon(), &found, &e),
         e);
    assert_false(found.all_maybe);
    assert_int_equal(found.n_sure + found.n_maybe, 0);
}

static void others_spoil_no_word(void **state)
{
    (void)state;
    with_db(not_spoilt);
}

static void limits_of_questions(void **state)
{
    (void)state;
    with_db(refuse_bombs);
}

/* ---- the fiber ---- */

static void index_in_the_background(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct search_indexer *indexer = NULL;
    struct search_indexer_options options = { .runtime = f->rt, .db = f->db, .poll_ms = 50 };
    MUST(search_indexer_start(&options, &indexer, &e), e);
    store_all(f);
    search_indexer_wake(indexer);
    bool complete = false;
    for (int i = 0; i < 2000 && !complete; i++) {
        MUST(fiber_sleep_until(clock_deadline_in(20), &e), e);
        (void)find_words(f, &word_cases[0].node, &complete);
    }
    assert_true(complete);
    assert_int_equal(find_words(f, &word_cases[0].node, &complete), 3);
    search_indexer_stop(&indexer);
    assert_null(indexer);
    MUST(fiber_sleep_until(clock_deadline_in(100), &e), e);
}

static void the_indexer_runs_behind(void **state)
{
    (void)state;
    with_db(index_in_the_background);
}

/* ---- the vocabulary ---- */

static int64_t count_word(const char *word)
{
    char sql[200];
    (void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM vocab WHERE word = '%s'", word);
    return test_pg_number(sql);
}

static struct search_swept sweep(struct fixture *f, int64_t every_s)
{
    struct err e = ERR_CLEAR;
    struct search_swept done;
    MUST(search_sweep_vocabulary(f->db, every_s, soon(), &done, &e), e);
    return done;
}

/* Words of messages that are gone go too; those that any message still holds stay: in its text, in
 * another header field, with quotes and in other scripts. */
static void vocabulary_body(void *arg)
{
    struct fixture *f = arg;
    for (size_t i = 0; i < COUNT_OF(messages); i++)
        store(f, ACCOUNT, (int64_t)i + 1, messages[i]);
    store(f, OTHER_ACCOUNT, 1, STR("Subject: solitary invoice\r\n\r\nephemeral\r\n"));
    (void)index_all(f);
    int64_t kept = test_pg_number("SELECT count(*) FROM vocab");
    test_pg_run("INSERT INTO vocab SELECT 'filler' || i FROM generate_series(1, 1700) i");
    test_pg_run("INSERT INTO vocab VALUES ('o''brien'), ('back\\slash'), ('{a,\"b\"}')");
    test_pg_run("UPDATE vocab_sweep SET began = now(), is_running = false, removed = 0");
    assert_true(sweep(f, 3600).finished); /* it is not time yet */
    assert_int_equal(count_word("filler1"), 1);
    struct search_swept done = sweep(f, 0);
    assert_true(done.finished);
    assert_int_equal(done.removed, 1703);
    assert_int_equal(done.looked_at, (size_t)kept + 1703);
    assert_int_equal(test_pg_number("SELECT count(*) FROM vocab"), kept);
    assert_int_equal(count_word("solitary"), 1);
    assert_int_equal(count_word("4711"), 1); /* only in a field without a weight */
    test_pg_run("DELETE FROM fts WHERE account_id = 8");
    done = sweep(f, 0);
    assert_int_equal(count_word("solitary"), 0);
    assert_int_equal(count_word("ephemeral"), 0);
    assert_int_equal(count_word("invoice"), 1);
    assert_int_equal(test_pg_number("SELECT removed FROM vocab_sweep"),
                     1703 + (int64_t)done.removed);
}

static void test_vocabulary(void **state)
{
    (void)state;
    with_db(vocabulary_body);
}

/* A pass that ran out of time goes on where it was. */
static void resume_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct search_swept done;
    test_pg_run("INSERT INTO vocab SELECT 'filler' || i FROM generate_series(1, 100) i");
    test_pg_run("UPDATE vocab_sweep SET is_running = true, after_word = 'filler5'");
    MUST(search_sweep_vocabulary(f->db, 3600, clock_deadline_in(9000), &done, &e), e);
    assert_false(done.finished);
    assert_int_equal(done.looked_at, 0);
    done = sweep(f, 3600);
    assert_true(done.finished);
    assert_int_equal(done.removed, test_pg_number("SELECT 100 - count(*) FROM vocab"));
    assert_int_equal(count_word("filler5"), 1);
    assert_int_equal(count_word("filler51"), 0);
    assert_int_equal(count_word("filler4"), 1);
}

static void test_resume(void **state)
{
    (void)state;
    with_db(resume_body);
}

/* Between its words and its document an indexer's word is not taken away. */
struct race {
    struct fixture *f;
    bool has_ended;
    struct search_swept done;
};

static void sweep_meanwhile(void *arg)
{
    struct race *race = arg;
    race->done = sweep(race->f, 0);
    race->has_ended = true;
}

static void race_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct db_tx *tx = NULL;
    struct race race = { .f = f };
    static const struct db_stmt document = {
        "INSERT INTO fts (account_id, msg_id, tsv) VALUES (7, 99, to_tsvector('simple', 'precious'))"
    };
    MUST(db_begin(f->db, DB_DELIVER, DB_READ_COMMITTED, soon(), &tx, &e), e);
    MUST(search_hold_vocabulary(tx, &f->a, &e), e);
    test_pg_run("INSERT INTO vocab VALUES ('precious'), ('worthless')");
    test_pg_run("UPDATE vocab_sweep SET is_running = true, after_word = ''");
    MUST(fiber_spawn(f->rt, "sweep", sweep_meanwhile, &race, NULL, &e), e);
    MUST(fiber_sleep_until(clock_deadline_in(300), &e), e);
    assert_false(race.has_ended);
    MUST(db_tx_query(tx, &document, NULL, 0, &f->a, NULL, &e), e);
    MUST(db_commit(&tx, &f->a, NULL, 0, NULL, &e), e);
    while (!race.has_ended)
        MUST(fiber_sleep_until(clock_deadline_in(10), &e), e);
    assert_int_equal(race.done.removed, 1);
    assert_int_equal(count_word("precious"), 1);
    assert_int_equal(count_word("worthless"), 0);
}

static void test_race(void **state)
{
    (void)state;
    with_db(race_body);
}

/* ---- whose turn it is ---- */

enum question {
    QUESTION_SUBSTRING,
    QUESTION_FUZZY,
    QUESTION_HEADERS,
    QUESTIONS
};

struct asker {
    struct fixture *f;
    enum question question;
    int64_t holder;
    bool is_answered;
};

static void ask_as(void *arg)
{
    struct asker *asker = arg;
    struct db *db = asker->f->db;
    struct arena a;
    struct err e = ERR_CLEAR;
    struct search_candidates found;
    struct search_scored scored;
    const struct search_needle needle = { .fields = SEARCH_FIELD_ANY,
                                          .text = STR("word"),
                                          .holder = asker->holder };
    const struct search_header_query query = { .account_id = ACCOUNT,
                                               .holder = asker->holder,
                                               .asked = SEARCH_HEADER_HOLDS,
                                               .text = needle.text };
    bool ok = false;
    arena_init(&a);
    switch (asker->question) {
    case QUESTION_SUBSTRING:
        ok = search_find_substring(db, ACCOUNT, &needle, &a, DEADLINE_NONE, &found, &e);
        break;
    case QUESTION_FUZZY:
        ok = search_find_fuzzy(db, ACCOUNT, &needle, &a, DEADLINE_NONE, &scored, &e);
        break;
    case QUESTION_HEADERS:
        ok = search_find_in_headers(db, &query, &a, DEADLINE_NONE, &found, &e);
        break;
    case QUESTIONS:
        break;
    }
    MUST(ok, e);
    asker->is_answered = true;
    arena_fini(&a);
}

static int64_t count_waiting(struct fixture *f)
{
    static const struct db_stmt stmt = {
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation IN"
        " ('outbox'::regclass, 'vocab'::regclass)"
    };
    struct db_rows *rows = NULL;
    struct err e = ERR_CLEAR;
    MUST(db_query(f->db, DB_READ, &stmt, NULL, 0, &f->a, soon(), &rows, &e), e);
    return db_int(rows, 0, 0);
}

/* Two ask about the mail of one account, with two connections: neither waits for the other. */
static void ask_both(struct fixture *f, enum question question)
{
    static const struct db_stmt hold = { "LOCK outbox, vocab" };
    struct asker askers[] = { { f, question, ACCOUNT, false },
                              { f, question, OTHER_ACCOUNT, false } };
    const int64_t end = clock_deadline_in((int64_t)60 * 1000);
    struct db_tx *tx = NULL;
    struct err e = ERR_CLEAR;
    MUST(db_begin(f->db, DB_DELIVER, DB_READ_COMMITTED, DEADLINE_NONE, &tx, &e), e);
    MUST(db_tx_query(tx, &hold, NULL, 0, &f->a, NULL, &e), e);
    for (size_t i = 0; i < COUNT_OF(askers); i++)
        MUST(fiber_spawn(f->rt, "asker", ask_as, &askers[i], NULL, &e), e);
    while (count_waiting(f) != 2)
        assert_true(clock_monotonic_ms() < end);
    db_rollback(&tx);
    while (!askers[0].is_answered || !askers[1].is_answered)
        (void)fiber_sleep_until(clock_deadline_in(1), NULL);
}

static void ask_each(void *arg)
{
    for (int question = 0; question < QUESTIONS; question++)
        ask_both(arg, (enum question)question);
}

static void askers_have_turns_of_their_own(void **state)
{
    (void)state;
    with_searches(2, ask_each);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vocabulary),
        cmocka_unit_test(test_resume),
        cmocka_unit_test(test_race),
        cmocka_unit_test(substrings_agree_with_reading),
        cmocka_unit_test(random_pieces_agree_with_reading),
        cmocka_unit_test(single_words_are_sure),
        cmocka_unit_test(accents_are_sure),
        cmocka_unit_test(former_documents_are_replaced),
        cmocka_unit_test(word_searches),
        cmocka_unit_test(bad_mail_is_indexed_too),
        cmocka_unit_test(a_refused_message_is_read_instead),
        cmocka_unit_test(others_spoil_no_word),
        cmocka_unit_test(askers_have_turns_of_their_own),
        cmocka_unit_test(limits_of_questions),
        cmocka_unit_test(the_indexer_runs_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
