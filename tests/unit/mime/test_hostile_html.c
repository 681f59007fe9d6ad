/* SPDX-License-Identifier: Apache-2.0 */
/* The hostile mails of tests/web/hostile, read as the reader does: the HTML part found, decoded,
 * made safe. tests/web shows the same mails in a browser that is watched. */
#include "html/html.h"
#include "mime/mime.h"

#include "tests/unit/html/clean_check.h"

#include <glob.h>
#include <stdarg.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

enum {
    MAX_MAIL_BYTES = 1 << 20,
    WANTED_MAILS = 45
};

static str read_file(struct arena *a, const char *path)
{
    struct buf bytes;
    buf_init(&bytes, MAX_MAIL_BYTES);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    char *room = buf_reserve(&bytes, MAX_MAIL_BYTES);
    assert_non_null(room);
    buf_commit(&bytes, fread(room, 1, MAX_MAIL_BYTES, file));
    assert_int_equal(fclose(file), 0);
    str text = arena_str(a, buf_str(&bytes));
    buf_fini(&bytes);
    return text;
}

/* The value of a field that the corpus uses for itself. */
static str field(str mail, str name)
{
    ptrdiff_t at = str_find(mail, name);
    str value = STR_EMPTY;
    str rest = STR_EMPTY;
    if (at >= 0)
        (void)str_cut(str_skip(mail, (size_t)at + name.n), '\r', &value, &rest);
    return str_trim(value);
}

static const struct mime_part *html_part(const struct mime_structure *s)
{
    const struct mime_part *part = s->root;
    while (part && !str_eq(part->subtype, STR("html")))
        part = mime_part_next(part);
    return part;
}

static bool proxy(void *arg, str url, struct buf *out)
{
    (void)arg;
    return buf_addf(out, "/proxy/%zu", url.n);
}

/* What is wrong with the mail as it is shown, or NULL. */
static const char *judge(struct arena *a, str mail, enum html_images images)
{
    const struct html_part parts[] = {
        { STR_INIT("drawing@example.net"), STR_INIT("/part/2") },
        { STR_INIT("page@example.net"), STR_INIT("/part/3") },
    };
    const struct html_policy policy = {
        .images = images, .proxy = proxy, .parts = parts, .n_parts = COUNT_OF(parts)
    };
    struct html_clean clean;
    struct mime_structure *s = mime_structure_parse(a, mail);
    const struct mime_part *part = html_part(s);
    if (!part)
        return "no HTML part";
    html_sanitise(a, mime_part_text(s, part, a, MAX_MAIL_BYTES), &policy, &clean);
    str keeps = field(mail, STR("X-Keeps: "));
    if (!str_eq(keeps, STR("-")) && str_find(clean.document, keeps) < 0)
        return "the readable text is gone";
    if (images == HTML_IMAGES_BLOCK && clean.report.blocked != clean.report.remote)
        return "a picture elsewhere was let through";
    return clean_check(a, clean.document);
}

static void shows_hostile_mail_safely(void **state)
{
    (void)state;
    glob_t found;
    unsigned failed = 0;
    assert_int_equal(glob(TEST_DATA_DIR "/web/hostile/*.eml", 0, NULL, &found), 0);
    assert_true(found.gl_pathc >= WANTED_MAILS);
    for (size_t i = 0; i < 2 * found.gl_pathc; i++) {
        struct arena a;
        arena_init(&a);
        const char *path = found.gl_pathv[i / 2];
        str mail = read_file(&a, path);
        assert_true(field(mail, STR("X-Trick: ")).n > 0);
        const char *bad = judge(&a, mail, i % 2 ? HTML_IMAGES_PROXY : HTML_IMAGES_BLOCK);
        if (bad)
            print_error("%s: %s\n", strrchr(path, '/') + 1, bad);
        failed += bad != NULL;
        arena_fini(&a);
    }
    globfree(&found);
    assert_int_equal(failed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(shows_hostile_mail_safely) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
