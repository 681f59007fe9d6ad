/* SPDX-License-Identifier: Apache-2.0 */
/* A radix sort from the lowest digit on; it takes only as many passes as the values differ by. */
#include "services/imap/ranks.h"

enum {
    DIGIT_BITS = 9,
    DIGITS = 1 << DIGIT_BITS
};

struct digit {
    uint64_t lowest; /* of all values */
    unsigned shift;
};

static size_t digit_of(const struct imap_rank *rank, const struct digit *digit)
{
    return (rank->value - digit->lowest) >> digit->shift & (DIGITS - 1);
}

static void sort_by_digit(const struct imap_rank *ranks, size_t n, const struct digit *digit,
                          struct imap_rank *out)
{
    uint32_t counts[DIGITS] = { 0 };
    uint32_t at = 0;
    for (size_t i = 0; i < n; i++)
        counts[digit_of(&ranks[i], digit)]++;
    for (size_t i = 0; i < DIGITS; i++) {
        uint32_t count = counts[i];
        counts[i] = at;
        at += count;
    }
    for (size_t i = 0; i < n; i++)
        out[counts[digit_of(&ranks[i], digit)]++] = ranks[i];
}

void imap_ranks_sort(struct imap_rank *ranks, struct imap_rank *spare, size_t n)
{
    struct digit digit = { .lowest = UINT64_MAX };
    uint64_t highest = 0;
    struct imap_rank *from = ranks, *to = spare;
    for (size_t i = 0; i < n; i++) {
        uint64_t value = ranks[i].value;
        digit.lowest = value < digit.lowest ? value : digit.lowest;
        highest = value > highest ? value : highest;
    }
    while (n > 1 && digit.shift < 64 && (highest - digit.lowest) >> digit.shift) {
        sort_by_digit(from, n, &digit, to);
        struct imap_rank *sorted = to;
        to = from;
        from = sorted;
        digit.shift += DIGIT_BITS;
    }
    if (from != ranks)
        memcpy(ranks, from, n * sizeof(*ranks));
}
