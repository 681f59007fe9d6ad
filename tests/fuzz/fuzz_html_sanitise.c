/* SPDX-License-Identifier: Apache-2.0 */
/* HTML made safe: whatever goes in, a strict reader finds nothing that runs or loads, and making
 * safe what is safe changes nothing about that. */
#include "html/html.h"

#include "tests/unit/html/clean_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static bool proxy(void *arg, str url, struct buf *out)
{
    (void)arg;
    return url.n % 2 && buf_addf(out, "/proxy/%zu", url.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const struct html_part parts[] = { { STR_INIT("a@b"), STR_INIT("/part/1?a=b&c='d'") } };
    struct html_policy policy = { .proxy = proxy, .parts = parts, .n_parts = COUNT_OF(parts) };
    struct html_clean once, twice;
    struct arena a;
    arena_init(&a);
    policy.images = n && data[n - 1] % 2 ? HTML_IMAGES_PROXY : HTML_IMAGES_BLOCK;
    html_sanitise(&a, str_of((const char *)data, n), &policy, &once);
    const char *bad = clean_check(&a, once.document);
    INVARIANT(bad == NULL);
    INVARIANT(once.report.blocked <= once.report.remote);
    html_sanitise(&a, once.document, &policy, &twice);
    bad = clean_check(&a, twice.document);
    INVARIANT(bad == NULL);
    INVARIANT(twice.report.scripts == 0 && twice.report.forms == 0 && twice.report.embedded == 0);
    arena_fini(&a);
    return 0;
}
