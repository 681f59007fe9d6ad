/* SPDX-License-Identifier: Apache-2.0 */
/* What a hook answers: whatever it is, it stays within its limits and names fields and addresses.
 */
#include "hook/answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_addresses(const struct milter_envelope_change *list, size_t n)
{
    INVARIANT(n <= HOOK_CHANGES_MAX);
    for (size_t i = 0; i < n; i++) {
        str address = list[i].address;
        INVARIANT(str_find_byte(address, '@') >= 0 && address.n <= HOOK_ADDRESS_MAX);
        INVARIANT(str_find_byte(address, '\n') < 0 && str_find_byte(address, '\0') < 0);
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
        check_addresses(answer.moves, answer.n_moves);
        for (size_t i = 0; i < answer.text.n; i++)
            INVARIANT(answer.text.p[i] >= ' ' && answer.text.p[i] <= '~');
    }
    arena_fini(&a);
    return 0;
}
