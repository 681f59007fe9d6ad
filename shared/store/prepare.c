/* SPDX-License-Identifier: Apache-2.0 */
/* Making a message ready: packing its bytes and deriving what is kept beside them. Derived data
 * never fails a delivery: what cannot be had is left empty and logged. */
#include "base/failpoint.h"
#include "base/utf8.h"
#include "crypto/hash.h"
#include "mime/header.h"
#include "mime/summary.h"
#include "obs/obs.h"
#include "runtime/runtime.h"
#include "store/internal.h"

#include <stdlib.h>

enum {
    KEY_SEED = 0x6d736769,   /* of hashes of message ids; stored, so it never changes */
    POOL_RETRY_MS = 20,      /* between two tries for a place in the offload pool's line */
    MICROSECONDS = 1000000,  /* in a second */
    YEAR_SECONDS = 31556952, /* on average */
    MAX_YEAR = 10000,
};

/* A text column takes valid UTF-8 without NUL, or nothing. */
static str clean(str text, bool *lost)
{
    if (utf8_is_valid(text) && (text.n == 0 || !memchr(text.p, 0, text.n)))
        return text;
    *lost = true;
    return STR_EMPTY;
}

static int64_t id_key(str message_id)
{
    uint64_t hash = str_hash(message_id, KEY_SEED);
    int64_t key;
    memcpy(&key, &hash, sizeof(key));
    return key;
}

static bool take_summary(struct arena *a, const struct mime_summary *from, struct store_derived *to)
{
    bool lost = false;
    to->from_addr = clean(from->from_addr, &lost);
    to->from_name = clean(from->from_name, &lost);
    to->to_text = clean(from->to_text, &lost);
    to->subject = clean(from->subject, &lost);
    to->message_id = clean(from->message_id, &lost);
    to->preview = clean(from->preview, &lost);
    to->has_attachment = from->has_attachment;
    to->message_id_key = id_key(from->message_id);
    int64_t *refs = ARENA_ARRAY(a, int64_t, from->n_references);
    for (size_t i = 0; i < from->n_references; i++)
        refs[i] = id_key(from->references[i]);
    to->refs = refs;
    to->n_refs = from->n_references;
    to->has_sent_at = from->has_date && from->sent_at > -(int64_t)MAX_YEAR * YEAR_SECONDS &&
                      from->sent_at < (int64_t)MAX_YEAR * YEAR_SECONDS;
    if (to->has_sent_at)
        to->sent_at_us = from->sent_at * MICROSECONDS;
    return !lost;
}

/* Everything about one message. Pure; gives whether all could be derived. */
static bool derive(struct arena *a, str raw, struct store_derived *d)
{
    struct mime_derived derived = { 0 };
    size_t header = mime_header_end(raw);
    *d = (struct store_derived){ 0 };
    blob_pack(a, raw, header, &d->packed);
    crypto_sha256(raw, d->hash);
    if (FAILPOINT_FAILS("store-derive"))
        return false;
    mime_derive(a, raw, &derived);
    d->envelope = derived.envelope;
    d->bodystructure = derived.bodystructure;
    bool whole = take_summary(a, &derived.summary, d);
    return whole && d->envelope.n && d->bodystructure.n;
}

/* ---- in the offload pool ---- */

struct derive_job {
    struct work work;
    struct arena arena;
    str raw; /* the job's own copy */
    struct store_derived *derived;
    bool whole;
};

static void run_derive(struct work *work)
{
    struct derive_job *job = CONTAINER_OF(work, struct derive_job, work);
    job->whole = derive(&job->arena, job->raw, job->derived);
}

static void end_derive(struct work *work)
{
    struct derive_job *job = CONTAINER_OF(work, struct derive_job, work);
    arena_fini(&job->arena);
    free(job);
}

static void finish_derive(void *ptr)
{
    struct derive_job *job = ptr;
    work_finish(&job->work);
}

static struct derive_job *job_new(str raw)
{
    struct derive_job *job = HEAP_NEW(struct derive_job);
    arena_init(&job->arena);
    job->work = (struct work){ .run = run_derive, .done = end_derive };
    job->raw = arena_str(&job->arena, raw);
    job->derived = ARENA_NEW(&job->arena, struct store_derived);
    return job;
}

/* A full line of the pool is waited for: big messages come one after another then. */
static YIELDS bool derive_offloaded(struct arena *a, str raw, int64_t deadline_ms,
                                    struct store_derived **out, bool *whole, struct err *e)
{
    for (;;) {
        struct derive_job *job = job_new(raw);
        struct err why = ERR_CLEAR;
        if (work_run(&job->work, deadline_ms, &why)) {
            /* The results live in the job, which ends with the caller's arena. */
            arena_defer(a, finish_derive, job);
            *out = job->derived;
            *whole = job->whole;
            return true;
        }
        if (why.kind != ERR_LIMIT) {
            *e = why;
            return false;
        }
        if (clock_monotonic_ms() >= deadline_ms)
            return ERR(e, ERR_TIMEOUT, "no place in the offload pool");
        if (!fiber_sleep_until(clock_deadline_in(POOL_RETRY_MS), e))
            return false;
    }
}

bool store_prepare_message(struct store *s, struct arena *a, str raw, int64_t deadline_ms,
                           struct store_message *out, struct err *e)
{
    bool whole = false;
    struct store_derived *derived = ARENA_NEW(a, struct store_derived);
    if (raw.n > BLOB_MAX_BYTES)
        return ERR(e, ERR_LIMIT, "a message of %zu octets", raw.n);
    if (raw.n > BLOB_OFFLOAD_ABOVE) {
        if (!derive_offloaded(a, raw, deadline_ms, &derived, &whole, e))
            return false;
    } else {
        whole = derive(a, raw, derived);
    }
    *out = (struct store_message){ .msg_id = store_new_id(s),
                                   .size = raw.n,
                                   .header = derived->packed.header,
                                   .derived = derived };
    if (!whole) {
        obs_log(EV_STORE_NOT_DERIVED, STR_EMPTY, OBS_INT("message", out->msg_id),
                OBS_INT("size", raw.n), OBS_BOOL("envelope", derived->envelope.n > 0),
                OBS_BOOL("structure", derived->bodystructure.n > 0));
    }
    return true;
}
