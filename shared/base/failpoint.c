/* SPDX-License-Identifier: Apache-2.0 */
/* Fault injection; empty in a release. */
#include "base/failpoint.h"

#ifdef HERONRY_FAILPOINTS

#include "base/base.h"

#include <signal.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

enum {
    MAX_RULES = 16, /* further ones in the variable are ignored */
    PATIENCE_MS = 20 * 1000
};

/* How often each rule's place was passed. Test builds only, so the rule against mutable variables
 * of a file has an exception here. */
static atomic_uint passed[MAX_RULES];

static void sleep_ms(uint64_t ms)
{
    struct timespec left = { .tv_sec = (time_t)(ms / 1000),
                             .tv_nsec = (long)(ms % 1000) * 1000000 };
    while (nanosleep(&left, &left) != 0)
        continue;
}

static bool is_there(str path)
{
    char text[1024];
    int n = snprintf(text, sizeof(text), "%.*s", STR_FMT(path));
    INVARIANT(n > 0 && (size_t)n < sizeof(text));
    return access(text, F_OK) == 0;
}

/* Does `action`; true for "error". An unknown one ends the process: a test with a wrong name must
 * not pass. */
static bool act(str action)
{
    uint64_t ms = 0;
    if (str_eq(action, STR("error")))
        return true;
    if (str_has_prefix(action, STR("while=")))
        return is_there(str_skip(action, 6));
    if (str_eq(action, STR("kill"))) {
        (void)raise(SIGKILL);
    } else {
        INVARIANT(str_has_prefix(action, STR("sleep=")) &&
                  str_to_uint(str_skip(action, 6), 3600000, &ms));
        sleep_ms(ms);
    }
    return false;
}

bool failpoint_pass(const char *name)
{
    str rules = str_from_cstr(getenv("HERONRY_FAILPOINT"));
    bool fails = false;
    for (size_t i = 0; rules.n && i < MAX_RULES; i++) {
        str rule, place, action, at;
        uint64_t wanted = 0;
        (void)str_cut(rules, ',', &rule, &rules);
        (void)str_cut(rule, ':', &place, &action);
        if (!str_eq(place, str_from_cstr(name)))
            continue;
        unsigned count = atomic_fetch_add(&passed[i], 1) + 1;
        bool has_count = str_cut(action, '@', &action, &at);
        INVARIANT(!has_count || str_to_uint(at, UINT32_MAX, &wanted));
        if (!has_count || count == wanted)
            fails = act(action) || fails;
    }
    return fails;
}

int64_t failpoint_patience(const char *name, int64_t ms)
{
    return ms < PATIENCE_MS && failpoint_pass(name) ? PATIENCE_MS : ms;
}

#endif
