/* SPDX-License-Identifier: Apache-2.0 */
/* What a hook answers: whatever it is, it stays within its limits and names fields and addresses.
 */
#include "hook/answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_addresses(const str *list, size_t n)
{
    INVARIANT(n <= HOOK_CHANGES_MAX);
    for (size_t i = 0; i < n; i++) {
        INVARIANT(str_find_byte(list[i], '@') >= 0 && list[i].n <= HOOK_ADDRESS_MAX);
        INVARIANT(str_find_byte(list[i], '\n') < 0 && str_find_byte(list[i], '\0') < 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct err e = ERR_CLEAR;
    struct hook_answer answer;
    struct arena a;
    arena_init(&a);
    if (hook_answer_parse(&a, str_of((const char *)data, n), &answer, &e)) {
        INVARIANT(answer.n_changes <= HOOK_CHANGES_MAX);
        for (size_t i = 0; i < answer.n_changes; i++)
            INVARIANT(milter_is_field_name(answer.changes[i].name));
        check_addresses(answer.added, answer.n_added);
        check_addresses(answer.removed, answer.n_removed);
        for (size_t i = 0; i < answer.text.n; i++)
            INVARIANT(answer.text.p[i] >= ' ' && answer.text.p[i] <= '~');
    }
    arena_fini(&a);
    return 0;
}
