/* SPDX-License-Identifier: Apache-2.0 */
/* Front door of obs: structured log events and metrics. The one module below the services that
 * writes outside (to the log's file descriptor, never blocking for long). It does not know what a
 * mail is; names of events and metrics stand in events.def and metrics.def. */
#ifndef OBS_OBS_H
#define OBS_OBS_H

#include "base/base.h"

enum obs_level {
    OBS_DEBUG,
    OBS_INFO,
    OBS_WARN,
    OBS_ERROR
};
enum obs_format {
    OBS_TEXT,
    OBS_JSON
};

/* One a row of events.def: OBS_EVENT(SMTP_SESSION_END, "smtp", INFO, "what it says"). The name in
 * the log is the lower-case enum: smtp_session_end. */
enum obs_event {
#define OBS_EVENT(name, component, level, doc) EV_##name,
#include "obs/events.def"
#undef OBS_EVENT
    EV_COUNT
};

enum obs_field_type {
    OBS_FIELD_STR,
    OBS_FIELD_INT,
    OBS_FIELD_BOOL
};

struct obs_field {
    const char *key; /* static, lower_case */
    enum obs_field_type type;
    str text;
    int64_t number; /* also the bool */
};

#define OBS_STR(k, s)  ((struct obs_field){ .key = (k), .type = OBS_FIELD_STR, .text = (s) })
#define OBS_CSTR(k, s) OBS_STR(k, str_from_cstr(s))
#define OBS_INT(k, i) \
    ((struct obs_field){ .key = (k), .type = OBS_FIELD_INT, .number = (int64_t)(i) })
#define OBS_BOOL(k, b) ((struct obs_field){ .key = (k), .type = OBS_FIELD_BOOL, .number = (b) })
/* Three fields of an error: its kind, sentence and place. */
#define OBS_ERR(e)                                                             \
    OBS_CSTR("error", err_kind_name((e)->kind)), OBS_CSTR("reason", (e)->msg), \
        OBS_CSTR("file", (e)->file), OBS_INT("line", (e)->line)

/* Writes one event as one line of at most 8 KiB: control bytes escaped, long values cut. `session`
 * is the id of the connection or job it belongs to (empty for none) and comes first. Never pass a
 * password, token, AUTH line or message text. Usable from any thread.
 * obs_log(EV_SMTP_SESSION_END, id, OBS_STR("peer", peer), OBS_INT("messages", 3)); */
/* NOLINTNEXTLINE(readability-identifier-naming): it reads as the call it is */
#define obs_log(event, session, ...)                                              \
    obs_log_fields((event), (session), (const struct obs_field[]){ __VA_ARGS__ }, \
                   sizeof((const struct obs_field[]){ __VA_ARGS__ }) / sizeof(struct obs_field))
void obs_log_fields(enum obs_event event, str session, const struct obs_field *fields, size_t n);

/* True when the event would be written: to spare the work of preparing a debug line. */
bool obs_is_logged(enum obs_event event);

/* Where and how: the file descriptor (kept open by the caller), least level, format, and the name
 * of this process ("front.1"). Until this is called, events of INFO and above go to standard
 * error as text. `components` is empty (all) or a comma list of those wanted. */
void obs_log_init(int fd, enum obs_level least, enum obs_format format, const char *process,
                  const char *components);
/* The same of what is written only: `components` as above, `least` for those that are not named in
 * `levels`, a comma list like "smtp=debug,delivery=warn" (components.h); what is none of that is
 * left out. Each event has the old level or the new one while it runs. */
void obs_log_set_levels(const char *components, enum obs_level least, const char *levels);

/* A new session id: 12 characters of base32, unique on this machine for years. Written to `out`. */
enum {
    OBS_SESSION_ID_SIZE = 13
};
void obs_session_id(char out[OBS_SESSION_ID_SIZE]);

/* One a row of metrics.def: OBS_METRIC(MESSAGES_RECEIVED, COUNTER,
 * "mailserver_messages_received_total", "label" or NULL, "help"). */
enum obs_metric {
#define OBS_METRIC(id, kind, name, label, help) METRIC_##id,
#include "obs/metrics.def"
#undef OBS_METRIC
    METRIC_COUNT
};

/* Adds to a counter; moves a gauge, or sets it for all processes; records seconds in a histogram.
 * `label` is the value of the metric's label (a short name from a table, never peer text;
 * "value,value" where the table has two), or NULL. A metric keeps 47 values; further ones are
 * counted together as "other", and each time in METRIC_METRICS_OVERFLOW; the first one on a machine
 * is logged. So all processes of a machine tell at most 10,000 series. Atomic. */
void obs_count(enum obs_metric metric, const char *label, uint64_t by);
void obs_gauge_add(enum obs_metric metric, const char *label, int64_t by);
void obs_gauge_set(enum obs_metric metric, const char *label, int64_t value);
void obs_observe(enum obs_metric metric, double seconds);

/* Appends all metrics in the Prometheus text format, summed up over the processes that share their
 * tables. False when `out` is full. */
bool obs_metrics_format(struct buf *out);

/* Makes tables for so many processes, in memory that children of this process share with it; it
 * counts in the first one itself, what it has counted so far included. Once, before the first fork.
 * ERR_UNAVAILABLE. */
bool obs_metrics_share(size_t processes, struct err *e);
/* This process counts in the table of that number from now on; harmless when there is none. */
void obs_metrics_use(size_t process);
/* The gauges of a process that has ended count no more; its counters stay, as sums must not fall.
 */
void obs_metrics_forget(size_t process);

#endif
