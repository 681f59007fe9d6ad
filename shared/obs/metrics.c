/* SPDX-License-Identifier: Apache-2.0 */
/* The metric table of the process: a fixed number of cells, so that no label can fill the memory.
 */
#include "obs/obs.h"

#include <stdatomic.h>

enum metric_kind {
    COUNTER,
    GAUGE,
    HISTOGRAM
};

enum {
    LABEL_SIZE = 48,
    CELLS = 48, /* label values of a metric; the last one gathers all further values */
    US_PER_SECOND = 1000000
};

struct metric_info {
    enum metric_kind kind;
    const char *name;
    const char *label; /* names, comma-separated, or NULL */
    const char *help;
};

static const struct metric_info infos[METRIC_COUNT] = {
#define OBS_METRIC(id, of, called, labels, text) \
    [METRIC_##id] = { .kind = (of), .name = (called), .label = (labels), .help = (text) },
#include "obs/metrics.def"
#undef OBS_METRIC
};

/* Upper bounds in microseconds: from a cached lookup to a stuck delivery. */
static const int64_t bounds_us[] = { 1000,   2500,   5000,    10000,   25000,   50000,   100000,
                                     250000, 500000, 1000000, 2500000, 5000000, 10000000 };

enum {
    BUCKETS = COUNT_OF(bounds_us) + 1 /* the last one has no bound */
};

enum cell_state {
    CELL_FREE,
    CELL_TAKEN, /* its label is being written */
    CELL_READY
};

struct cell {
    atomic_int state;
    char label[LABEL_SIZE];
    atomic_int_fast64_t value;
};

struct histogram {
    atomic_uint_fast64_t buckets[BUCKETS];
    atomic_uint_fast64_t sum_us;
};

/* The metric table of the process (STYLE 3.5). */
static struct cell cells[METRIC_COUNT][CELLS];
static struct histogram histograms[METRIC_COUNT];

/* Claims a free cell for the label, or tells whether the cell is the label's. */
static bool is_cell_of(struct cell *cell, const char *label)
{
    int state = CELL_FREE;
    if (atomic_compare_exchange_strong(&cell->state, &state, CELL_TAKEN)) {
        (void)snprintf(cell->label, sizeof(cell->label), "%s", label);
        atomic_store(&cell->state, CELL_READY);
        return true;
    }
    while (atomic_load(&cell->state) == CELL_TAKEN)
        continue; /* a few instructions of another thread */
    return strncmp(cell->label, label, sizeof(cell->label) - 1) == 0;
}

static struct cell *cell_for(enum obs_metric metric, const char *label)
{
    const char *wanted = label ? label : "";
    for (size_t i = 0; i + 1 < CELLS; i++) {
        if (is_cell_of(&cells[metric][i], wanted))
            return &cells[metric][i];
    }
    struct cell *last = &cells[metric][CELLS - 1];
    (void)is_cell_of(last, "other");
    return last;
}

void obs_count(enum obs_metric metric, const char *label, uint64_t by)
{
    INVARIANT(infos[metric].kind == COUNTER);
    atomic_fetch_add(&cell_for(metric, label)->value, (int_fast64_t)by);
}

void obs_gauge_add(enum obs_metric metric, const char *label, int64_t by)
{
    INVARIANT(infos[metric].kind == GAUGE);
    atomic_fetch_add(&cell_for(metric, label)->value, by);
}

void obs_gauge_set(enum obs_metric metric, const char *label, int64_t value)
{
    INVARIANT(infos[metric].kind == GAUGE);
    atomic_store(&cell_for(metric, label)->value, value);
}

void obs_observe(enum obs_metric metric, double seconds)
{
    INVARIANT(infos[metric].kind == HISTOGRAM);
    struct histogram *h = &histograms[metric];
    int64_t us = seconds > 0 ? (int64_t)(seconds * US_PER_SECOND) : 0;
    size_t i = 0;
    while (i < COUNT_OF(bounds_us) && us > bounds_us[i])
        i++;
    atomic_fetch_add(&h->buckets[i], 1);
    atomic_fetch_add(&h->sum_us, (uint_fast64_t)us);
}

/* ---- text format ---- */

static bool add_label_value(struct buf *out, str value)
{
    bool ok = true;
    for (size_t i = 0; ok && i < value.n; i++) {
        char c = value.p[i];
        if (c == '"' || c == '\\') {
            ok = buf_addf(out, "\\%c", c);
        } else {
            ok = buf_add_byte(out, (char)(c == '\n' ? ' ' : c));
        }
    }
    return ok;
}

/* {result="ok",protocol="imap"} from the names "result,protocol" and the values "ok,imap". */
static bool add_labels(struct buf *out, const char *label, const char *values)
{
    str names = str_from_cstr(label);
    str rest = str_from_cstr(values);
    bool ok = names.n == 0 || buf_add_byte(out, '{');
    while (ok && names.n) {
        str name, value;
        (void)str_cut(names, ',', &name, &names);
        (void)str_cut(rest, ',', &value, &rest);
        ok = buf_addf(out, "%.*s=\"", STR_FMT(name)) && add_label_value(out, value) &&
             buf_add(out, names.n ? STR("\",") : STR("\"}"));
    }
    return ok;
}

static bool format_cells(const struct metric_info *info, struct cell *of, struct buf *out)
{
    bool is_plain = !info->label;
    bool ok = true;
    for (size_t i = 0; ok && i < CELLS; i++) {
        bool is_shown = atomic_load(&of[i].state) == CELL_READY || (is_plain && i == 0);
        if (is_shown) {
            ok = buf_add(out, str_from_cstr(info->name)) &&
                 add_labels(out, info->label, of[i].label) &&
                 buf_addf(out, " %lld\n", (long long)atomic_load(&of[i].value));
        }
    }
    return ok;
}

static bool format_histogram(const struct metric_info *info, struct histogram *h, struct buf *out)
{
    unsigned long long count = 0;
    bool ok = true;
    for (size_t i = 0; ok && i < BUCKETS; i++) {
        count += (unsigned long long)atomic_load(&h->buckets[i]);
        ok = buf_addf(out, "%s_bucket{le=\"", info->name) &&
             (i < COUNT_OF(bounds_us)
                  ? buf_addf(out, "%g", (double)bounds_us[i] / (double)US_PER_SECOND)
                  : buf_add(out, STR("+Inf"))) &&
             buf_addf(out, "\"} %llu\n", count);
    }
    double sum = (double)atomic_load(&h->sum_us) / (double)US_PER_SECOND;
    return ok && buf_addf(out, "%s_sum %.6f\n%s_count %llu\n", info->name, sum, info->name, count);
}

bool obs_metrics_format(struct buf *out)
{
    static const char *const kinds[] = { "counter", "gauge", "histogram" };
    bool ok = true;
    for (size_t i = 0; ok && i < METRIC_COUNT; i++) {
        const struct metric_info *info = &infos[i];
        ok = buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", info->name, info->help, info->name,
                      kinds[info->kind]);
        if (ok && info->kind == HISTOGRAM) {
            ok = format_histogram(info, &histograms[i], out);
        } else if (ok) {
            ok = format_cells(info, cells[i], out);
        }
    }
    return ok;
}
