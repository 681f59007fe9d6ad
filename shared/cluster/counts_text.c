/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers and names in lines. */
#include "cluster/counts_text.h"

enum {
    VERSION = 1,
    COUNT_MAX = 1000 * 1000
};

static const uint64_t cost_max_us = UINT64_C(3600) * 1000 * 1000;

bool counts_add_head(struct buf *out, const struct counts_head *head)
{
    return buf_addf(out, "%d %llu %llu %d\n", VERSION, (unsigned long long)head->machine,
                    (unsigned long long)head->picture, (int)head->kind);
}

bool counts_add_name(struct buf *out, const struct net_tally_told *told)
{
    return buf_addf(out, "%u %u %lld %.*s\n", told->open, told->fresh, (long long)told->cost_us,
                    STR_FMT(told->name));
}

static bool take_number(str *line, uint64_t max, uint64_t *out)
{
    str word;
    (void)str_cut(*line, ' ', &word, line);
    return str_to_uint(word, max, out);
}

bool counts_read_head(str text, struct counts_head *head, str *rest, struct err *e)
{
    uint64_t version;
    uint64_t kind;
    str line;
    bool is_whole = str_cut(text, '\n', &line, rest);
    if (!is_whole || !take_number(&line, VERSION, &version) || version != VERSION ||
        !take_number(&line, UINT64_MAX, &head->machine) ||
        !take_number(&line, UINT64_MAX, &head->picture) ||
        !take_number(&line, COUNTS_KINDS - 1, &kind) || line.n > 0)
        return ERR(e, ERR_SYNTAX, "not a message about counts");
    head->kind = (enum counts_kind)kind;
    return true;
}

static bool is_name(str name)
{
    for (size_t i = 0; i < name.n; i++) {
        if ((unsigned char)name.p[i] < 0x20 || (unsigned char)name.p[i] > 0x7e)
            return false;
    }
    return name.n > 0 && name.n < NET_TALLY_NAME_SIZE;
}

enum step counts_read_name(str *rest, struct net_tally_told *told, struct err *e)
{
    uint64_t open;
    uint64_t fresh;
    uint64_t cost_us;
    str line;
    if (rest->n == 0)
        return STEP_END;
    if (!str_cut(*rest, '\n', &line, rest) || !take_number(&line, COUNT_MAX, &open) ||
        !take_number(&line, COUNT_MAX, &fresh) || !take_number(&line, cost_max_us, &cost_us) ||
        !is_name(line)) {
        (void)ERR(e, ERR_SYNTAX, "not a count");
        return STEP_FAIL;
    }
    *told = (struct net_tally_told){
        .name = line, .open = (unsigned)open, .fresh = (unsigned)fresh, .cost_us = (int64_t)cost_us
    };
    return STEP_ROW;
}
