/* SPDX-License-Identifier: Apache-2.0 */
/* The relaxed form of bodies, beside one that is made octet by octet as RFC 6376 section 3.4.4
 * says. */
#include "world.h"

enum {
    BODY_MAX = 400,
    BODIES = 40000
};

static bool is_wsp(char c)
{
    return c == ' ' || c == '\t';
}

static bool ends_with(const struct buf *b, str end)
{
    return str_has_suffix(buf_str(b), end);
}

/* Runs of white space become one space, none stays at the end of a line, no empty line at the end.
 */
static void relax_plainly(str body, struct buf *out)
{
    buf_clear(out);
    for (size_t i = 0; i < body.n; i++) {
        bool is_line_end = body.p[i] == '\r' && i + 1 < body.n && body.p[i + 1] == '\n';
        if (is_wsp(body.p[i]) && ends_with(out, STR(" ")))
            continue;
        if (is_line_end && ends_with(out, STR(" ")))
            buf_truncate(out, out->n - 1);
        (void)buf_add(out, is_wsp(body.p[i]) ? STR(" ") : str_of(body.p + i, 1));
    }
    if (ends_with(out, STR(" ")))
        buf_truncate(out, out->n - 1);
    while (ends_with(out, STR("\r\n")))
        buf_truncate(out, out->n - 2);
    if (out->n)
        (void)buf_add(out, STR("\r\n"));
}

static void bodies_are_relaxed_as_the_rfc_says(void **state)
{
    static const char letters[] = "   \t\r\nxxxxxxxxxxxxxxxxxxxxxxxxxxx";
    struct crypto_hash *h = crypto_hash_new(CRYPTO_SHA256);
    uint8_t made[CRYPTO_HASH_MAX];
    uint8_t wanted[CRYPTO_HASH_MAX];
    char text[BODY_MAX];
    struct buf plain;
    uint64_t chance = 7;
    (void)state;
    buf_init(&plain, BODY_MAX + 2);
    for (size_t round = 0; round < BODIES; round++) {
        size_t n = 0;
        size_t wish = round % (BODY_MAX - 2);
        while (n < wish) {
            chance = chance * 6364136223846793005U + 1442695040888963407U;
            char c = letters[(chance >> 33) % (sizeof(letters) - 1)];
            text[n++] = c;
            if (c == '\r' && (chance >> 60) != 0)
                text[n++] = '\n';
        }
        const struct mailauth_body body = { .text = str_of(text, n) };
        relax_plainly(body.text, &plain);
        uint64_t octets = mailauth_canon_add_body(h, MAILAUTH_RELAXED, &body, UINT64_MAX);
        crypto_hash_finish(h, made);
        crypto_sha256(buf_str(&plain), wanted);
        if (octets != plain.n || memcmp(made, wanted, CRYPTO_SHA256_SIZE) != 0)
            fail_msg("round %zu: %zu octets instead of %zu", round, (size_t)octets, plain.n);
    }
    crypto_hash_free(&h);
    buf_fini(&plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_are_relaxed_as_the_rfc_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
