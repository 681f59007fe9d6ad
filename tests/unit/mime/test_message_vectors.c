/* SPDX-License-Identifier: Apache-2.0 */
/* The public vectors of whole messages (tests/vectors/mime-messages): tree, offsets, decoded text,
 * and what holds for every message: ranges nest, outputs are clean, IMAP texts read back. */
#include "base/utf8.h"
#include "mime/mime.h"

#include "support/vectors.h"

#include <glob.h>

struct message_test {
    struct arena a;
    const char *name; /* "rfc/003" */
    str message;
    struct mime_structure *structure;
    json_t *json;
    size_t failed;
};

/* Where we answer otherwise than the author of the vectors: our tree, and the sentence. */
static const struct message_exception {
    const char *name;
    const char *shape;
    const char *reason;
} exceptions[] = {
    { "malformed/000", "mixed(plain plain plain html)",
      "RFC 2046 section 5.1.1: a part without header fields and body is a part (the vectors have it "
      "in one form and no part at all in the other)" },
    { "malformed/001", "mixed(plain plain)",
      "RFC 2046 section 5.1.2: outer level boundary markers are recognized at any level of inner "
      "nesting; --ab is the outer boundary, not the inner one and a b. The inner multipart, left "
      "without a part, is shown as text" },
    { "malformed/009", "mixed(mixed(plain plain) plain)",
      "the same: --1 ends the inner multipart" },
    { "malformed/016", "mixed(mixed(mixed(plain)) plain)",
      "the same: the first outer boundary ends all that is inside; the line that is equal to a "
      "boundary wins over one that begins with another" },
    { "rfc/000", "mixed(plain plain parallel(basic jpeg) enriched rfc822(plain))",
      "RFC 2045 section 6.8: characters outside the base64 alphabet are ignored in decoding; the "
      "sample's text in place of base64 is not shown as text" },
    { "rfc/008", "mixed(plain octet-stream)",
      "RFC 2046 section 5.2.1: no encoding other than 7bit, 8bit or binary is permitted for "
      "message/rfc822; a base64 one is opaque" },
    { "legacy/052", "plain",
      "RFC 2046 section 4.1.2: the charset is a sender's duty; 8-bit text without one is read as "
      "Windows-1252 (the vectors do so in one form and not in the other)" },
};

static const struct message_exception *find_exception(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(exceptions); i++) {
        if (strcmp(exceptions[i].name, name) == 0)
            return &exceptions[i];
    }
    return NULL;
}

static bool is_exception(const char *name)
{
    return find_exception(name) != NULL;
}

/* The tree as text: subtypes, children in brackets. */
static str shape_of(struct arena *a, const struct mime_part *root)
{
    struct buf text;
    buf_init(&text, 65536);
    const struct mime_part *part = root;
    while (part) {
        (void)buf_add(&text, part->subtype);
        if (part->first_child) {
            (void)buf_add_byte(&text, '(');
            part = part->first_child;
            continue;
        }
        while (part && !part->next) {
            part = part->parent;
            if (part)
                (void)buf_add_byte(&text, ')');
        }
        if (part)
            (void)buf_add_byte(&text, ' ');
        part = part ? part->next : NULL;
    }
    str out = arena_str(a, buf_str(&text));
    buf_fini(&text);
    return out;
}

static void differ(struct message_test *t, const char *what, size_t wanted, size_t got)
{
    if (wanted == got)
        return;
    t->failed++;
    if (!is_exception(t->name))
        print_error("%s: %s: wanted %zu, got %zu\n", t->name, what, wanted, got);
}

static size_t offset(const json_t *part, const char *key)
{
    return (size_t)json_integer_value(json_object_get(part, key));
}

static size_t count_children(const struct mime_part *part)
{
    size_t n = 0;
    for (const struct mime_part *child = part->first_child; child; child = child->next)
        n++;
    return n;
}

static void compare_text(struct message_test *t, const struct mime_part *part, const json_t *body)
{
    const json_t *text = json_object_get(body, "Text");
    if (!text)
        text = json_object_get(body, "Html");
    if (!text)
        return;
    str wanted = str_of(json_string_value(text), json_string_length(text));
    str got = mime_part_text(t->structure, part, &t->a, 1000000);
    if (str_eq(wanted, got))
        return;
    t->failed++;
    if (!is_exception(t->name)) {
        print_error("%s: text: wanted '%.*s', got '%.*s'\n", t->name, STR_FMT(wanted),
                    STR_FMT(got));
    }
}

static void compare_message(struct message_test *t, const struct mime_part *root,
                            const json_t *parts);

/* Compares one part with part `index` of the message's flat list, and what is inside it. */
static void compare_part(struct message_test *t, const struct mime_part *part, const json_t *parts,
                         size_t index)
{
    const json_t *json = json_array_get(parts, index);
    const json_t *body = json_object_get(json, "body");
    const json_t *children = json_object_get(body, "Multipart");
    const json_t *message = json_object_get(body, "Message");
    differ(t, "header start", offset(json, "offset_header"), part->header_start);
    differ(t, "body start", offset(json, "offset_body"), part->body_start);
    if (part->kind == MIME_PART_LEAF)
        differ(t, "body end", offset(json, "offset_end"), part->body_end);
    differ(t, "children", message ? 1 : json_array_size(children), count_children(part));
    const struct mime_part *child = part->first_child;
    for (size_t i = 0; child && i < json_array_size(children); i++, child = child->next)
        compare_part(t, child, parts, (size_t)json_integer_value(json_array_get(children, i)));
    if (message && part->kind == MIME_PART_MESSAGE)
        compare_message(t, part->first_child, json_object_get(message, "parts"));
    if (part->kind == MIME_PART_LEAF)
        compare_text(t, part, body);
}

static void compare_message(struct message_test *t, const struct mime_part *root,
                            const json_t *parts)
{
    compare_part(t, root, parts, 0);
}

/* ---- what holds for every message ---- */

/* Ranges of children lie in their parent's body, in order; a header ends where its body begins. */
static void check_ranges(const struct message_test *t)
{
    assert_int_equal(t->structure->root->body_end, t->message.n);
    for (const struct mime_part *p = t->structure->root; p; p = mime_part_next(p)) {
        assert_true(p->header_start <= p->body_start && p->body_start <= p->body_end);
        assert_true(p->body_end <= t->message.n);
        if (p->parent) {
            assert_true(p->header_start >= p->parent->body_start &&
                        p->body_end <= p->parent->body_end);
        }
        if (p->next)
            assert_true(p->next->header_start >= p->body_end);
    }
}

static bool is_clean(str text)
{
    for (size_t i = 0; i < text.n; i++) {
        if ((unsigned char)text.p[i] < ' ')
            return false;
    }
    return utf8_is_valid(text);
}

static void check_summary(const struct message_test *t, const struct mime_derived *derived)
{
    const struct mime_summary *s = &derived->summary;
    const str texts[] = { s->from_addr,    s->from_name,  s->to_text, s->subject,
                          s->subject_base, s->message_id, s->preview };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        if (!is_clean(texts[i]))
            fail_msg("%s: text %zu is not clean", t->name, i);
        assert_true(texts[i].n <= MIME_MAX_SUMMARY_BYTES);
    }
}

/* Every part is found again by its number. */
static void check_numbers(struct message_test *t)
{
    for (const struct mime_part *p = t->structure->root; p; p = mime_part_next(p)) {
        uint32_t path[MIME_MAX_DEPTH + 2];
        size_t n = 0;
        str rest = mime_structure_path(p, &t->a);
        while (rest.n) {
            uint64_t number = 0;
            str word;
            (void)str_cut(rest, '.', &word, &rest);
            assert_true(str_to_uint(word, 100000, &number));
            path[n++] = (uint32_t)number;
        }
        const struct mime_part *found = mime_structure_find(t->structure, path, n);
        /* The multipart that is a whole message shares the number of what holds it. */
        bool is_root =
            p->kind == MIME_PART_MULTIPART && p->parent && p->parent->kind == MIME_PART_MESSAGE;
        assert_ptr_equal(found, is_root ? p->parent : p);
    }
}

static void check_imap_texts(struct message_test *t, const struct mime_derived *derived)
{
    struct buf body, direct;
    buf_init(&body, MIME_MAX_STRUCTURE_BYTES);
    buf_init(&direct, MIME_MAX_STRUCTURE_BYTES);
    assert_true(derived->envelope.n > 0 && derived->bodystructure.n > 0);
    assert_true(mime_bodystructure_to_body(derived->bodystructure, &body));
    assert_true(mime_bodystructure_format(&t->a, t->structure, false, &direct));
    if (!str_eq(buf_str(&body), buf_str(&direct))) {
        fail_msg("%s: BODY is\n%.*s\nand not\n%.*s", t->name, STR_FMT(buf_str(&body)),
                 STR_FMT(buf_str(&direct)));
    }
    buf_fini(&body);
    buf_fini(&direct);
}

static void check_header(const struct message_test *t, const struct mime_derived *derived)
{
    size_t at = 0;
    for (size_t i = 0; i < derived->header.n; i++) {
        assert_int_equal(derived->header.fields[i].offset, at);
        at += derived->header.fields[i].raw.n;
    }
    assert_int_equal(derived->header.raw.n, at);
    assert_int_equal(derived->header.body_offset, mime_header_end(t->message));
    assert_int_equal(derived->header.body_offset, t->structure->root->body_start);
}

static void run_message(const char *name, bool crlf, size_t *failed)
{
    struct message_test t = { .name = name };
    struct mime_derived derived;
    char path[64];
    arena_init(&t.a);
    (void)snprintf(path, sizeof(path), "mime-messages/%s.eml", name);
    t.message = vectors_read(&t.a, path);
    t.message = vectors_line_ends(&t.a, t.message, crlf);
    (void)snprintf(path, sizeof(path), "mime-messages/%s%s.json", name, crlf ? ".crlf" : "");
    t.json = vectors_load(path);
    mime_derive(&t.a, t.message, &derived);
    t.structure = mime_structure_parse(&t.a, t.message);
    compare_message(&t, t.structure->root, json_object_get(t.json, "parts"));
    check_ranges(&t);
    check_header(&t, &derived);
    check_summary(&t, &derived);
    check_numbers(&t);
    check_imap_texts(&t, &derived);
    const struct message_exception *exception = find_exception(name);
    str shape = shape_of(&t.a, t.structure->root);
    if (exception && !str_eq(shape, str_from_cstr(exception->shape)))
        fail_msg("%s has the shape %.*s", name, STR_FMT(shape));
    *failed += exception ? 0 : t.failed;
    json_decref(t.json);
    arena_fini(&t.a);
}

static void run_all(bool crlf)
{
    glob_t found;
    size_t failed = 0;
    assert_int_equal(glob(SHARED_VECTORS_DIR "/mime-messages/*/*.eml", 0, NULL, &found), 0);
    assert_int_equal(found.gl_pathc, 49);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        str path = str_from_cstr(found.gl_pathv[i]);
        char name[32];
        ptrdiff_t folder = str_find(path, STR("mime-messages/"));
        str shown = str_skip(path, (size_t)folder + 14);
        (void)snprintf(name, sizeof(name), "%.*s", (int)shown.n - 4, shown.p);
        run_message(name, crlf, &failed);
    }
    globfree(&found);
    assert_int_equal(failed, 0);
}

static void messages_with_bare_line_feeds(void **state)
{
    (void)state;
    run_all(false);
}

static void messages_as_stored(void **state)
{
    (void)state;
    run_all(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_with_bare_line_feeds),
        cmocka_unit_test(messages_as_stored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
