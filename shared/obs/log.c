/* SPDX-License-Identifier: Apache-2.0 */
/* The log sink: filters events and writes each as one line with one write(2). */
#include "obs/line.h"

#include "base/clock.h"
#include "obs/components.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>

enum {
    PROCESS_NAME_MAX = 32,
    STALL_MS = 20 /* a reader of the log that is slower than this loses the line */
};

/* Above all levels: of events that are never written. */
enum {
    NEVER = OBS_ERROR + 1
};

/* The one log sink of the process; every thread reads it, so each part is atomic. */
static struct {
    atomic_int fd;
    atomic_int format;
    atomic_uint_fast64_t seq;
    atomic_int least_more[EV_COUNT]; /* level that the event must have, less INFO: 0 at first */
    char process[PROCESS_NAME_MAX];  /* set before the process has threads */
} sink = { .fd = STDERR_FILENO, .format = OBS_TEXT };

/* True when the comma list holds the word; an empty list holds every word. */
static bool is_listed(str list, str word)
{
    bool is_empty = str_is_empty(str_trim(list));
    while (list.n) {
        str item;
        (void)str_cut(list, ',', &item, &list);
        if (str_ieq(str_trim(item), word))
            return true;
    }
    return is_empty;
}

/* The level of the component in a comma list of "component=level"; `otherwise` when it has none
 * there. The last one counts. */
static enum obs_level level_of(str list, str component, enum obs_level otherwise)
{
    while (list.n) {
        str item, name;
        enum obs_level level;
        (void)str_cut(list, ',', &item, &list);
        if (obs_component_level_parse(item, &name, &level) && str_ieq(name, component))
            otherwise = level;
    }
    return otherwise;
}

void obs_log_set_levels(const char *components, enum obs_level least, const char *levels)
{
    for (size_t i = 0; i < EV_COUNT; i++) {
        str component = str_from_cstr(obs_event_info((enum obs_event)i)->component);
        int wanted = (int)level_of(str_from_cstr(levels), component, least);
        if (!is_listed(str_from_cstr(components), component))
            wanted = NEVER;
        atomic_store(&sink.least_more[i], wanted - OBS_INFO);
    }
}

void obs_log_init(int fd, enum obs_level least, enum obs_format format, const char *process,
                  const char *components)
{
    atomic_store(&sink.fd, fd);
    atomic_store(&sink.format, (int)format);
    /* A reload brings the same name: no thread may see it half written. */
    if (strncmp(sink.process, process, sizeof(sink.process) - 1) != 0)
        (void)snprintf(sink.process, sizeof(sink.process), "%s", process);
    obs_log_set_levels(components, least, "");
}

bool obs_is_logged(enum obs_event event)
{
    return (int)obs_event_info(event)->level - OBS_INFO >= atomic_load(&sink.least_more[event]);
}

/* One write; the rest of a cut one follows when the reader makes room soon, because half a line
 * would swallow the next one. */
static bool write_line(int fd, str line)
{
    while (line.n) {
        ssize_t n = write(fd, line.p, line.n);
        if (n >= 0) {
            line = str_skip(line, (size_t)n);
            continue;
        }
        if (errno == EINTR)
            continue;
        struct pollfd ready = { .fd = fd, .events = POLLOUT };
        if (errno != EAGAIN || poll(&ready, 1, STALL_MS) <= 0)
            return false;
    }
    return true;
}

static void lower_case(const char *name, char *out, size_t size)
{
    size_t n = 0;
    for (; name[n] && n + 1 < size; n++)
        out[n] = ascii_lower(name[n]);
    out[n] = '\0';
}

void obs_log_fields(enum obs_event event, str session, const struct obs_field *fields, size_t n)
{
    if (!obs_is_logged(event))
        return;
    int saved = errno; /* a caller may log between a failed call and its own look at errno */
    char name[64];
    lower_case(obs_event_info(event)->name, name, sizeof(name));
    struct obs_line line = { .at_us = clock_utc_us(),
                             .seq = atomic_fetch_add(&sink.seq, 1) + 1,
                             .level = obs_event_info(event)->level,
                             .event = name,
                             .component = obs_event_info(event)->component,
                             .process = sink.process,
                             .session = session,
                             .fields = fields,
                             .n = n };
    struct buf out;
    buf_init(&out, OBS_LINE_MAX);
    obs_line_format(&line, (enum obs_format)atomic_load(&sink.format), &out);
    if (!write_line(atomic_load(&sink.fd), buf_str(&out)))
        obs_count(METRIC_LOG_LINES_LOST, NULL, 1);
    buf_fini(&out);
    errno = saved;
}
