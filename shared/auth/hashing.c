/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs of argon2id for the offload pool. */
#include "auth/hashing.h"

#include "auth/password.h"
#include "auth/scram.h"
#include "base/failpoint.h"
#include "crypto/secret.h"

enum {
    IN_FLIGHT = 8,
    IN_LINE = 64,
    WAIT_MS = 2000
};

struct hash_job {
    struct work work;
    struct hashing *owner; /* touched in the loop's thread only */
    bool is_verify;
    struct secret password;
    struct crypto_argon2id parameters;
    char phc[CRYPTO_PHC_SIZE];      /* in for verify, out for make */
    struct scram_verifier verifier; /* out for make */
    bool matches;
    bool ok;
    struct err err;
};

void hashing_init(struct hashing *h)
{
    semaphore_init(&h->gate, IN_FLIGHT);
}

bool hashing_enter(struct hashing *h, int64_t deadline_ms, struct err *e)
{
    int64_t patience = clock_deadline_in(FAILPOINT_PATIENCE("database-is-awaited", WAIT_MS));
    struct err why = ERR_CLEAR;
    if (h->gate.waiting >= IN_LINE)
        return ERR(e, ERR_UNAVAILABLE, "%d logins wait already", IN_LINE);
    if (semaphore_acquire(&h->gate, deadline_ms < patience ? deadline_ms : patience, &why))
        return true;
    if (why.kind == ERR_TIMEOUT)
        return ERR(e, ERR_UNAVAILABLE, "too many logins at a time");
    return ERR(e, why.kind, "%s", why.msg);
}

void hashing_leave(struct hashing *h)
{
    semaphore_release(&h->gate);
}

/* The verifier of the form of the password that clients of SCRAM use. */
static bool make_verifier(str password, struct scram_verifier *out, struct err *e)
{
    struct secret prepared = SECRET_EMPTY;
    out->iterations = SCRAM_ITERATIONS;
    bool ok = auth_password_saslprep(password, &prepared, e);
    if (ok)
        scram_verifier_derive(out, secret_str(&prepared));
    secret_wipe(&prepared);
    return ok;
}

/* In a thread of the pool. */
static void run(struct work *work)
{
    struct hash_job *job = CONTAINER_OF(work, struct hash_job, work);
    str password = secret_str(&job->password);
    if (job->is_verify) {
        job->ok =
            crypto_argon2id_verify(str_from_cstr(job->phc), password, &job->matches, &job->err);
    } else {
        job->ok = crypto_argon2id_hash(&job->parameters, password, job->phc, &job->err) &&
                  make_verifier(password, &job->verifier, &job->err);
    }
}

static void done(struct work *work)
{
    struct hash_job *job = CONTAINER_OF(work, struct hash_job, work);
    hashing_leave(job->owner);
    secret_wipe(&job->password);
    secret_wipe_memory(job->phc, sizeof(job->phc));
    secret_wipe_memory(&job->verifier, sizeof(job->verifier));
    free(job);
}

static struct hash_job *new_job(struct hashing *h, str password)
{
    struct hash_job *job = HEAP_NEW(struct hash_job);
    job->work = (struct work){ .run = run, .done = done };
    job->owner = h;
    secret_set(&job->password, password);
    return job;
}

/* Runs the job; when this fails it belongs to the pool. A full pool is no limit of the caller's. */
static bool run_job(struct hash_job *job, int64_t deadline_ms, struct err *e)
{
    struct err why = ERR_CLEAR;
    if (work_run(&job->work, deadline_ms, &why))
        return true;
    return ERR(e, why.kind == ERR_LIMIT ? ERR_UNAVAILABLE : why.kind, "%s", why.msg);
}

bool hashing_verify(struct hashing *h, str phc, str password, int64_t deadline_ms, bool *matches,
                    struct err *e)
{
    struct hash_job *job = new_job(h, password);
    job->is_verify = true;
    /* One that is too long is cut, and then refused as no PHC string. */
    (void)snprintf(job->phc, sizeof(job->phc), "%.*s", STR_FMT(phc));
    if (!run_job(job, deadline_ms, e))
        return false;
    bool ok = job->ok;
    *matches = job->matches;
    if (!ok)
        (void)ERR(e, job->err.kind, "%s", job->err.msg);
    work_finish(&job->work);
    return ok;
}

/* NOLINTNEXTLINE(readability-function-size): parameters, salt, password, and where it goes. */
bool hashing_make(struct hashing *h, const struct crypto_argon2id *parameters,
                  const uint8_t salt[SCRAM_SALT_SIZE], str password, int64_t deadline_ms,
                  struct arena *a, str *stored, struct err *e)
{
    struct hash_job *job = new_job(h, password);
    job->parameters = *parameters;
    memcpy(job->verifier.salt, salt, sizeof(job->verifier.salt));
    if (!run_job(job, deadline_ms, e))
        return false;
    bool ok = job->ok;
    if (ok) {
        struct buf text;
        buf_init(&text, CRYPTO_PHC_SIZE + SCRAM_TEXT_MAX);
        ok = buf_addf(&text, "%s ", job->phc) && scram_verifier_format(&job->verifier, &text);
        INVARIANT(ok);
        *stored = arena_str(a, buf_str(&text));
        buf_fini(&text);
    } else {
        (void)ERR(e, job->err.kind, "%s", job->err.msg);
    }
    work_finish(&job->work);
    return ok;
}
