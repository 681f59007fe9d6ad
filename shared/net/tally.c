/* SPDX-License-Identifier: Apache-2.0 */
/* A table of sets in shared memory. The name's hash chooses the set, in which its row is found by
 * looking at all of them. A robust mutex guards each set; a process that is killed while it holds
 * one leaves a set that is in order, because each step below does (a row is named last).
 *
 * The counts of open connections are changed by their own process alone and need no lock to be
 * lowered. Only a row without any is given to another name, so a count's place never moves. */
#include "net/tally_private.h"

#include "crypto/hmac.h"
#include "crypto/random.h"

#include <errno.h>
#include <sys/mman.h>

struct row *tally_row(const struct net_tally *t, size_t set, size_t i)
{
    return (struct row *)(void *)(t->rows + (set * ROWS_A_SET + i) * t->row_size);
}

/* ---- making ---- */

static size_t count_sets(size_t names)
{
    size_t sets = 16;
    while (sets < SETS_MAX && sets * ROWS_A_SET < names * SPARE)
        sets *= 2;
    return sets;
}

static void init_locks(const struct net_tally *t)
{
    pthread_mutexattr_t shared;
    (void)pthread_mutexattr_init(&shared);
    (void)pthread_mutexattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
    (void)pthread_mutexattr_setrobust(&shared, PTHREAD_MUTEX_ROBUST);
    for (size_t i = 0; i < t->n_sets; i++)
        (void)pthread_mutex_init(&t->sets[i].lock, &shared);
    (void)pthread_mutexattr_destroy(&shared);
}

struct net_tally *net_tally_new(size_t columns, size_t names, struct err *e)
{
    INVARIANT(columns > 0 && columns <= NET_TALLY_COLUMNS_MAX);
    size_t align = _Alignof(struct row);
    size_t row_size = sizeof(struct row) + columns * sizeof(struct net_count);
    struct net_tally made = { .columns = columns, .n_sets = count_sets(names) };
    made.row_size = (row_size + align - 1) / align * align;
    size_t of_sets = made.n_sets * sizeof(struct set);
    of_sets = (of_sets + align - 1) / align * align;
    of_sets = (of_sets + sizeof(struct leading) + align - 1) / align * align;
    made.size = of_sets + made.n_sets * ROWS_A_SET * made.row_size;
    made.memory = mmap(NULL, made.size, PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (made.memory == MAP_FAILED) {
        (void)ERR_SYS(e, ERR_UNAVAILABLE, "%zu bytes of shared memory for counting", made.size);
        return NULL;
    }
    made.leading = made.memory;
    made.sets = (void *)((char *)made.memory + sizeof(struct leading));
    made.rows = (char *)made.memory + of_sets;
    crypto_random_fill(made.key, sizeof(made.key));
    crypto_random_fill(&made.leading->machine, sizeof(made.leading->machine));
    init_locks(&made);
    struct net_tally *t = HEAP_NEW(struct net_tally);
    *t = made;
    return t;
}

void net_tally_free(struct net_tally **t_ptr)
{
    struct net_tally *t = *t_ptr;
    *t_ptr = NULL;
    if (!t)
        return;
    (void)munmap(t->memory, t->size);
    free(t);
}

void net_tally_use(struct net_tally *t, size_t column)
{
    INVARIANT(column < t->columns);
    t->column = column;
}

void net_tally_clear(struct net_tally *t, size_t column)
{
    INVARIANT(column < t->columns);
    if (atomic_load(&t->leading->leader) == column + 1)
        atomic_store(&t->leading->leader, 0);
    for (size_t set = 0; set < t->n_sets; set++) {
        if (!atomic_load(&t->sets[set].is_used))
            continue;
        for (size_t i = 0; i < ROWS_A_SET; i++)
            atomic_store(&tally_row(t, set, i)->open[column].n, 0);
    }
}

/* ---- counting ---- */

/* Never 0, which is the name of unused rows. */
uint64_t tally_name(const struct net_tally *t, str name)
{
    uint8_t digest[CRYPTO_HMAC_SIZE];
    uint64_t out;
    crypto_hmac_sha256(str_of((const char *)t->key, sizeof(t->key)), name, digest);
    memcpy(&out, digest, sizeof(out));
    return out ? out : 1;
}

bool tally_lock(struct set *set)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long)LOCK_MS * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    int result = pthread_mutex_clocklock(&set->lock, CLOCK_MONOTONIC, &until);
    if (result == EOWNERDEAD)
        result = pthread_mutex_consistent(&set->lock);
    return result == 0;
}

unsigned tally_own(const struct net_tally *t, const struct row *row)
{
    unsigned n = 0;
    for (size_t i = 0; i < t->columns; i++)
        n += atomic_load(&row->open[i].n);
    return n;
}

/* Those of other machines, too. */
static unsigned sum(const struct net_tally *t, const struct row *row)
{
    return tally_own(t, row) + row->elsewhere;
}

static struct row *find(const struct net_tally *t, size_t set, uint64_t name)
{
    for (size_t i = 0; i < ROWS_A_SET; i++) {
        struct row *row = tally_row(t, set, i);
        if (row->name == name)
            return row;
    }
    return NULL;
}

/* The row that is missed least: one never used, or else the one of those without open connections
 * whose moment is the earliest: a minute that began long ago, a bucket that is full again. NULL
 * when all count some. */
static struct row *find_place(const struct net_tally *t, size_t set)
{
    struct row *best = NULL;
    for (size_t i = 0; i < ROWS_A_SET; i++) {
        struct row *row = tally_row(t, set, i);
        if (row->name == 0)
            return row;
        if ((!best || row->moment_us < best->moment_us) && sum(t, row) == 0)
            best = row;
    }
    return best;
}

struct row *tally_find_or_add(const struct net_tally *t, size_t set, uint64_t name, int64_t now_us)
{
    struct row *row = find(t, set, name);
    if (row)
        return row;
    row = find_place(t, set);
    if (!row)
        return NULL;
    row->in_minute = row->elsewhere = row->fresh = row->told = 0;
    row->cost_us = 0;
    row->text[0] = '\0';
    row->moment_us = now_us;
    row->name = name;
    atomic_store(&t->sets[set].is_used, true);
    return row;
}

void tally_turn_minute(struct row *row, int64_t now_us)
{
    if (now_us - row->moment_us < MINUTE_US)
        return;
    row->moment_us = now_us;
    row->in_minute = 0;
}

void tally_share_row(const struct net_tally *t, size_t set, struct row *row, str name)
{
    if (name.n >= sizeof(row->text))
        return;
    memcpy(row->text, name.p, name.n);
    row->text[name.n] = '\0';
    size_t i = (size_t)((char *)row - (char *)tally_row(t, set, 0)) / t->row_size;
    atomic_fetch_or(&t->sets[set].news, UINT64_C(1) << i);
}

static struct net_count *enter(const struct net_tally *t, struct row *row,
                               const struct net_tally_limit *limit, int64_t now_us)
{
    tally_turn_minute(row, now_us);
    if (limit->max_per_minute && row->in_minute >= limit->max_per_minute)
        return NULL;
    row->in_minute++;
    row->fresh++;
    if (limit->max_open && sum(t, row) >= limit->max_open)
        return NULL;
    atomic_fetch_add(&row->open[t->column].n, 1);
    return &row->open[t->column];
}

struct net_count *net_tally_enter(struct net_tally *t, str name,
                                  const struct net_tally_limit *limit, int64_t now_ms)
{
    uint64_t id = tally_name(t, name);
    size_t set = id & (t->n_sets - 1);
    struct net_count *count = NULL;
    if (!tally_lock(&t->sets[set]))
        return NULL;
    struct row *row = tally_find_or_add(t, set, id, now_ms * 1000);
    if (row)
        count = enter(t, row, limit, now_ms * 1000);
    if (row && limit->is_shared)
        tally_share_row(t, set, row, name);
    (void)pthread_mutex_unlock(&t->sets[set].lock);
    return count;
}

void net_tally_leave(struct net_count **count)
{
    if (*count)
        atomic_fetch_sub(&(*count)->n, 1);
    *count = NULL;
}

/* A bucket as one number (GCRA): the time at which it will be full again. It needs no timer, and
 * one that is full says nothing and can be forgotten. */
static enum net_tally_result take(struct row *row, const struct net_tally_want *want,
                                  int64_t *full_us)
{
    int64_t from_us = row->moment_us > want->now_us ? row->moment_us : want->now_us;
    bool is_enough = from_us + want->cost_us - want->now_us <= want->window_us;
    if (is_enough) {
        row->moment_us = from_us + want->cost_us;
        row->cost_us += want->cost_us;
    }
    *full_us = row->moment_us;
    return is_enough ? NET_TALLY_TAKEN : NET_TALLY_TOO_LITTLE;
}

enum net_tally_result net_tally_take(struct net_tally *t, str name,
                                     const struct net_tally_want *want, int64_t *full_us)
{
    uint64_t id = tally_name(t, name);
    size_t set = id & (t->n_sets - 1);
    enum net_tally_result result = NET_TALLY_NO_PLACE;
    if (!tally_lock(&t->sets[set]))
        return result;
    struct row *row = tally_find_or_add(t, set, id, want->now_us);
    if (row)
        result = take(row, want, full_us);
    if (row && want->is_shared && result == NET_TALLY_TAKEN)
        tally_share_row(t, set, row, name);
    (void)pthread_mutex_unlock(&t->sets[set].lock);
    return result;
}

unsigned net_tally_open(struct net_tally *t, str name)
{
    uint64_t id = tally_name(t, name);
    size_t set = id & (t->n_sets - 1);
    if (!tally_lock(&t->sets[set]))
        return 0;
    const struct row *row = find(t, set, id);
    unsigned n = row ? sum(t, row) : 0;
    (void)pthread_mutex_unlock(&t->sets[set].lock);
    return n;
}
