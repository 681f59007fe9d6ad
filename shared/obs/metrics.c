/* SPDX-License-Identifier: Apache-2.0 */
/* The metric tables: one a process, in memory that the processes of a machine share, so that any of
 * them can tell the sums. A fixed number of cells, so that no label can fill the memory, nor that
 * of who reads the sums: all processes together tell no more than SERIES_MAX series (ATTACKS A23).
 */
#include "obs/obs.h"

#include <stdatomic.h>
#include <sys/mman.h>

enum metric_kind {
    COUNTER,
    GAUGE,
    HISTOGRAM
};

enum {
    LABEL_SIZE = 48,
    CELLS = 48, /* label values of a metric; the last one gathers all further values */
    SERIES_MAX = 10000,
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

/* A sum may have one series more than the table of a process: "other". */
_Static_assert(METRIC_COUNT *(CELLS + 1) <= SERIES_MAX, "too many series for who gathers them");
_Static_assert(BUCKETS + 2 <= CELLS + 1, "a histogram has more series than a counter");

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

struct table {
    struct cell cells[METRIC_COUNT][CELLS];
    struct histogram histograms[METRIC_COUNT];
    atomic_bool is_full_told; /* in the first table, for all of them */
};

/* The metric tables (STYLE 3.5). */
static struct table alone;
static struct {
    struct table *list;
    size_t n;
    struct table *own; /* this process counts in it */
} tables = { &alone, 1, &alone };

bool obs_metrics_share(size_t processes, struct err *e)
{
    size_t size = processes * sizeof(struct table);
    struct table *made =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    INVARIANT(processes > 0 && tables.list == &alone);
    if (made == MAP_FAILED)
        return ERR_SYS(e, ERR_UNAVAILABLE, "%zu bytes of shared memory for metrics", size);
    memcpy(made, &alone, sizeof(alone));
    tables.list = made;
    tables.n = processes;
    tables.own = made;
    return true;
}

void obs_metrics_use(size_t process)
{
    if (process < tables.n)
        tables.own = &tables.list[process];
}

void obs_metrics_forget(size_t process)
{
    if (process >= tables.n)
        return;
    for (size_t metric = 0; metric < METRIC_COUNT; metric++) {
        for (size_t i = 0; infos[metric].kind == GAUGE && i < CELLS; i++)
            atomic_store(&tables.list[process].cells[metric][i].value, 0);
    }
}

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

static struct cell *cell_in(struct table *t, enum obs_metric metric, const char *label)
{
    const char *wanted = label ? label : "";
    struct cell *cells = t->cells[metric];
    for (size_t i = 0; i + 1 < CELLS; i++) {
        if (is_cell_of(&cells[i], wanted))
            return &cells[i];
    }
    struct cell *last = &cells[CELLS - 1];
    (void)is_cell_of(last, "other");
    return last;
}

/* A series more than there is room for is counted with others of its metric. The log tells the
 * first one on this machine: a label comes from where it should not. */
static void tell_overflow(enum obs_metric metric)
{
    obs_count(METRIC_METRICS_OVERFLOW, NULL, 1);
    if (!atomic_exchange(&tables.list[0].is_full_told, true))
        obs_log(EV_METRICS_FULL, STR_EMPTY, OBS_CSTR("metric", infos[metric].name));
}

static struct cell *cell_for(enum obs_metric metric, const char *label)
{
    struct cell *found = cell_in(tables.own, metric, label);
    if (found == &tables.own->cells[metric][CELLS - 1])
        tell_overflow(metric);
    return found;
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
    for (size_t i = 0; i < tables.n; i++) {
        if (&tables.list[i] != tables.own)
            atomic_store(&cell_in(&tables.list[i], metric, label)->value, 0);
    }
    atomic_store(&cell_for(metric, label)->value, value);
}

void obs_observe(enum obs_metric metric, double seconds)
{
    INVARIANT(infos[metric].kind == HISTOGRAM);
    struct histogram *h = &tables.own->histograms[metric];
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

/* One label value over all processes. */
struct sum {
    const char *label;
    long long value;
};

/* CELLS labels, and "other" beside them: of several processes there may be more than of one. */
static struct sum *sum_of(struct sum *sums, size_t *n, const char *label)
{
    for (size_t i = 0; i < *n; i++) {
        if (strcmp(sums[i].label, label) == 0)
            return &sums[i];
    }
    if (*n >= CELLS && strcmp(label, "other") != 0)
        return sum_of(sums, n, "other");
    sums[*n] = (struct sum){ label, 0 };
    return &sums[(*n)++];
}

/* Gives how many there are. */
static size_t add_up(size_t metric, struct sum sums[CELLS + 1])
{
    size_t n = 0;
    for (size_t t = 0; t < tables.n; t++) {
        const struct cell *cells = tables.list[t].cells[metric];
        for (size_t i = 0; i < CELLS && atomic_load(&cells[i].state) == CELL_READY; i++) {
            long long value = (long long)atomic_load(&cells[i].value);
            sum_of(sums, &n, cells[i].label)->value += value;
        }
    }
    return n;
}

static bool format_cells(const struct metric_info *info, size_t metric, struct buf *out)
{
    struct sum sums[CELLS + 1];
    size_t n = add_up(metric, sums);
    bool ok = true;
    if (n == 0 && !info->label)
        sums[n++] = (struct sum){ "", 0 };
    for (size_t i = 0; ok && i < n; i++) {
        ok = buf_add(out, str_from_cstr(info->name)) &&
             add_labels(out, info->label, sums[i].label) && buf_addf(out, " %lld\n", sums[i].value);
    }
    return ok;
}

static bool format_histogram(const struct metric_info *info, size_t metric, struct buf *out)
{
    unsigned long long count = 0;
    unsigned long long sum_us = 0;
    bool ok = true;
    for (size_t i = 0; ok && i < BUCKETS; i++) {
        for (size_t t = 0; t < tables.n; t++)
            count += atomic_load(&tables.list[t].histograms[metric].buckets[i]);
        ok = buf_addf(out, "%s_bucket{le=\"", info->name) &&
             (i < COUNT_OF(bounds_us)
                  ? buf_addf(out, "%g", (double)bounds_us[i] / (double)US_PER_SECOND)
                  : buf_add(out, STR("+Inf"))) &&
             buf_addf(out, "\"} %llu\n", count);
    }
    for (size_t t = 0; t < tables.n; t++)
        sum_us += atomic_load(&tables.list[t].histograms[metric].sum_us);
    double sum = (double)sum_us / (double)US_PER_SECOND;
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
            ok = format_histogram(info, i, out);
        } else if (ok) {
            ok = format_cells(info, i, out);
        }
    }
    return ok;
}
