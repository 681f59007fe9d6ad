/* SPDX-License-Identifier: Apache-2.0 */
/* What is done periodically. A new job is a row here. */
#include "services/scheduler/jobs.h"

#include "account/relay_probe.h"
#include "account/sending.h"
#include "auth/app_password.h"
#include "auth/grant.h"
#include "compose/submission.h"
#include "compose/upload.h"
#include "obs/obs.h"
#include "queue/trace.h"
#include "search/vocabulary.h"
#include "services/app/policies.h"
#include "services/scheduler/failure_reporter.h"
#include "services/scheduler/reporter.h"
#include "services/scheduler/rotation.h"
#include "spam/greylist.h"
#include "store/expunged.h"

YIELDS static bool maintain_store(struct app *app, int64_t deadline_ms, struct err *e)
{
    struct store_maintained done;
    return store_maintain(app->store, deadline_ms, &done, e);
}

YIELDS static bool sweep_queue(struct app *app, int64_t deadline_ms, struct err *e)
{
    return queue_sweep(app->queue, deadline_ms, e);
}

YIELDS static bool sweep_history(struct app *app, int64_t deadline_ms, struct err *e)
{
    return queue_trace_sweep(app->queue, deadline_ms, e);
}

YIELDS static bool sweep_vocabulary(struct app *app, int64_t deadline_ms, struct err *e)
{
    struct search_swept done;
    return search_sweep_vocabulary(app->db, SEARCH_SWEEP_EVERY_S, deadline_ms, &done, e);
}

/* Mail that is older than its mailbox keeps. */
YIELDS static bool expunge_old(struct app *app, int64_t deadline_ms, struct err *e)
{
    int64_t expunged;
    return store_keep_apply(app->store, deadline_ms, &expunged, e);
}

/* Sessions, tokens, app passwords, uploads, submissions, exceptions from TLS, answers of other
 * servers about recipients, and what is known of senders, that have ended. */
YIELDS static bool sweep_ended(struct app *app, int64_t deadline_ms, struct err *e)
{
    return auth_grants_sweep(app->db, deadline_ms, e) &&
           auth_app_password_sweep(app->db, deadline_ms, e) &&
           compose_upload_sweep(app->db, deadline_ms, e) &&
           compose_submission_sweep(app->db, deadline_ms, e) &&
           tls_exception_sweep(app->db, deadline_ms, e) &&
           account_probe_sweep(app->accounts, deadline_ms, e) &&
           account_sending_sweep(app->accounts, deadline_ms, e);
}

/* MTA-STS policies of destinations, long before they end. Opened for the run: it is rare. */
YIELDS static bool refresh_policies(struct app *app, int64_t deadline_ms, struct err *e)
{
    struct mta_sts_store *policies;
    if (!app_open_policies(app, &policies, e))
        return false;
    bool ok = !policies || mta_sts_refresh(policies, deadline_ms, e);
    mta_sts_store_free(&policies);
    return ok;
}

YIELDS static bool sweep_greylist(struct app *app, int64_t deadline_ms, struct err *e)
{
    int64_t max_age_ms = config_int(app->config, CONFIG_GREYLISTING_MAX_AGE);
    return spam_greylist_sweep(app->spam, max_age_ms, deadline_ms, e);
}

static const struct scheduler_job jobs[] = {
    { .name = "store", .every_ms = 60000, .limit_ms = 50000, .run = maintain_store },
    { .name = "retention", .every_ms = 600000, .limit_ms = 60000, .run = expunge_old },
    { .name = "queue", .every_ms = 60000, .limit_ms = 30000, .run = sweep_queue },
    { .name = "history", .every_ms = 600000, .limit_ms = 60000, .run = sweep_history },
    { .name = "vocabulary", .every_ms = 300000, .limit_ms = 60000, .run = sweep_vocabulary },
    { .name = "policies", .every_ms = 600000, .limit_ms = 300000, .run = refresh_policies },
    { .name = "reports", .every_ms = 60000, .limit_ms = 600000, .run = reporter_run },
    { .name = "failures", .every_ms = 60000, .limit_ms = 300000, .run = failure_reporter_run },
    { .name = "dkim", .every_ms = 3600000, .limit_ms = 600000, .run = rotation_run },
    { .name = "greylist", .every_ms = 600000, .limit_ms = 60000, .run = sweep_greylist },
    { .name = "ended", .every_ms = 600000, .limit_ms = 30000, .run = sweep_ended },
};

const struct scheduler_job *scheduler_jobs(size_t *n)
{
    *n = COUNT_OF(jobs);
    return jobs;
}
