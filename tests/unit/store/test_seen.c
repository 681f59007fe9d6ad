/* SPDX-License-Identifier: Apache-2.0 */
/* \Seen of readers who do not own the mailbox, alone and while the owner changes flags. */
#include "store/seen.h"

#include "store_fixture.h"

enum {
    READER = 4711, /* an account id; only who owns the mailbox has to exist */
    MESSAGES = 3,
    CHANGES = 40 /* of each of those who race */
};

#define FLAGS_OF_ALL (STORE_ANSWERED | STORE_FLAGGED | STORE_DRAFT)

static const struct store_range all_range = { 1, MESSAGES };
static const struct store_ranges all = { &all_range, 1 };

static struct store_viewed read_by(const struct fixture *f, int64_t viewer)
{
    return (struct store_viewed){ viewer, f->account, STORE_INBOX };
}

static struct store_flag_result change(struct fixture *f, int64_t viewer, struct arena *a,
                                       const struct store_flag_change *wanted)
{
    struct err e = ERR_CLEAR;
    struct store_flag_result out;
    const struct store_viewed of = read_by(f, viewer);
    MUST(store_seen_change_flags(f->store, &of, &all, wanted, a, soon(), &out, &e), e);
    return out;
}

static struct store_snapshot seen_by(struct fixture *f, int64_t viewer)
{
    struct err e = ERR_CLEAR;
    struct store_snapshot out;
    const struct store_viewed of = read_by(f, viewer);
    MUST(store_snapshot_load(f->store, &of, &f->a, soon(), &out, &e), e);
    return out;
}

static void alone_body(void *arg)
{
    struct fixture *f = arg;
    const struct store_flag_change both = { .mode = STORE_FLAGS_ADD,
                                            .flags = STORE_SEEN | STORE_FLAGGED };
    for (int i = 0; i < MESSAGES; i++)
        (void)append_one(f, STORE_INBOX, i, i == 0 ? STORE_FLAGGED : 0);
    int64_t before = snapshot_of(f, STORE_INBOX).state.modseq;
    struct store_flag_result r = change(f, READER, &f->a, &both);
    assert_int_equal(r.n, MESSAGES);
    assert_int_equal(r.former, before);
    assert_int_equal(r.modseq, before + 2); /* the flags of all, then those of the reader */
    struct store_snapshot theirs = seen_by(f, READER);
    struct store_snapshot owners = snapshot_of(f, STORE_INBOX);
    for (size_t i = 0; i < MESSAGES; i++) {
        assert_int_equal(r.rows[i].flags, STORE_SEEN | STORE_FLAGGED);
        assert_int_equal(r.rows[i].modseq, r.modseq);
        assert_int_equal(theirs.rows[i].flags, r.rows[i].flags);
        assert_int_equal(theirs.rows[i].modseq, r.rows[i].modseq);
        assert_int_equal(owners.rows[i].flags, STORE_FLAGGED);
    }
    /* Nothing new: nothing changes; somebody else has read nothing. */
    assert_int_equal(change(f, READER, &f->a, &both).modseq, 0);
    assert_int_equal(seen_by(f, READER + 1).rows[0].flags, STORE_FLAGGED);
    /* Only what is there for all, and what the reader has read stays. */
    const struct store_flag_change less = { .mode = STORE_FLAGS_REMOVE, .flags = STORE_FLAGGED };
    r = change(f, READER, &f->a, &less);
    assert_int_equal(r.rows[2].flags, STORE_SEEN);
    assert_int_equal(r.modseq, before + 3);
    /* Only what is the reader's. */
    const struct store_flag_change unread = { .mode = STORE_FLAGS_REMOVE, .flags = STORE_SEEN };
    r = change(f, READER, &f->a, &unread);
    assert_int_equal(r.rows[2].flags, 0);
    assert_int_equal(r.former, before + 3);
    assert_int_equal(r.modseq, before + 4);
    assert_sound(f, f->account);
}

static void test_alone(void **state)
{
    (void)state;
    with_store(alone_body);
}

/* Who changes flags of all messages again and again, and what was answered. */
struct racer {
    struct fixture *f;
    int64_t viewer;
    unsigned flags; /* set one by one */
    struct store_row told[CHANGES * MESSAGES];
    size_t n;
    struct semaphore *done;
};

static void race(void *arg)
{
    struct racer *r = arg;
    struct arena a;
    arena_init(&a);
    for (unsigned i = 0; i < CHANGES; i++) {
        const struct store_flag_change wanted = { .mode = STORE_FLAGS_REPLACE,
                                                  .flags = i % 2 ? r->flags : 0 };
        struct store_flag_result result = change(r->f, r->viewer, &a, &wanted);
        for (size_t k = 0; k < result.n; k++)
            r->told[r->n++] = result.rows[k];
        arena_reset(&a);
    }
    arena_fini(&a);
    semaphore_release(r->done);
}

/* One state of a message has one modseq, and one modseq is one state: of each reader. */
static void race_body(void *arg)
{
    struct fixture *f = arg;
    struct semaphore done;
    struct err e = ERR_CLEAR;
    static struct racer racers[2];
    semaphore_init(&done, 0);
    for (int i = 0; i < MESSAGES; i++)
        (void)append_one(f, STORE_INBOX, i, 0);
    racers[0] = (struct racer){ f, READER, STORE_SEEN | STORE_ANSWERED, { { 0 } }, 0, &done };
    racers[1] = (struct racer){ f, f->account, STORE_DRAFT, { { 0 } }, 0, &done };
    for (size_t i = 0; i < COUNT_OF(racers); i++)
        MUST(fiber_spawn(f->rt, "racer", race, &racers[i], NULL, &e), e);
    for (size_t i = 0; i < COUNT_OF(racers); i++)
        MUST(semaphore_acquire(&done, soon(), &e), e);
    for (size_t i = 0; i < racers[0].n; i++) {
        const struct store_row *a = &racers[0].told[i];
        for (size_t k = 0; k < racers[1].n; k++) {
            const struct store_row *b = &racers[1].told[k];
            if (a->uid == b->uid && a->modseq == b->modseq)
                assert_int_equal(a->flags & FLAGS_OF_ALL, b->flags & FLAGS_OF_ALL);
        }
    }
    struct store_snapshot s = seen_by(f, READER);
    for (size_t i = 0; i < racers[0].n; i++) {
        const struct store_row *a = &racers[0].told[i];
        if (s.rows[a->uid - 1].modseq == a->modseq)
            assert_int_equal(s.rows[a->uid - 1].flags, a->flags);
    }
    assert_sound(f, f->account);
}

static void test_race(void **state)
{
    (void)state;
    with_store(race_body);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_alone), cmocka_unit_test(test_race) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
