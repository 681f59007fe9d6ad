/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes what machines tell each other of their counts; what is read and written again reads the
 * same. */
#include "cluster/counts_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_again(const struct net_tally_told *told)
{
    struct err e = ERR_CLEAR;
    struct net_tally_told again;
    struct buf out;
    buf_init(&out, COUNTS_TEXT_MAX);
    INVARIANT(counts_add_name(&out, told));
    str rest = buf_str(&out);
    INVARIANT(counts_read_name(&rest, &again, &e) == STEP_ROW);
    INVARIANT(str_eq(again.name, told->name) && again.open == told->open);
    INVARIANT(again.fresh == told->fresh && again.cost_us == told->cost_us && rest.n == 0);
    buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct err e = ERR_CLEAR;
    struct counts_head head;
    struct net_tally_told told;
    str rest;
    if (!counts_read_head(str_of((const char *)data, n), &head, &rest, &e))
        return 0;
    INVARIANT(head.kind < COUNTS_KINDS);
    while (counts_read_name(&rest, &told, &e) == STEP_ROW)
        check_again(&told);
    return 0;
}
