/* SPDX-License-Identifier: Apache-2.0 */
/* The slots of the workers: their sockets, and the fork. */
#include "obs/obs.h"
#include "services/supervisor/child.h"
#include "services/supervisor/private.h"

#include <fcntl.h>
#include <signal.h>

static const char *const group_names[] = { [GROUP_FRONT] = "front", [GROUP_BACK] = "back" };

static enum group group_of(const struct app_service *service)
{
    return service->n_listeners > 0 ? GROUP_FRONT : GROUP_BACK;
}

/* Workers of a group: what the configuration says, none without a role of the group. */
static size_t count_workers(const struct supervisor *s, enum group group)
{
    static const enum config_param params[] = {
        [GROUP_FRONT] = CONFIG_WORKERS_FRONT, [GROUP_BACK] = CONFIG_WORKERS_BACK
    };
    const struct app_services *services = &s->options->services;
    bool wanted = false;
    for (size_t i = 0; i < services->n; i++) {
        wanted = wanted || (group_of(services->list[i]) == group &&
                            app_has_role(s->options->roles, services->list[i]->role));
    }
    if (!wanted)
        return 0;
    int64_t n = config_int(s->config, params[group]);
    if (n == 0 && group == GROUP_FRONT) {
        long cores = sysconf(_SC_NPROCESSORS_ONLN);
        n = cores > 0 ? cores : 1;
    }
    return (size_t)n;
}

/* Workers have sockets of their own at one port, but a path has one socket: it is shared. */
static bool open_socket(struct supervisor *s, struct slot *slot, size_t i, struct err *e)
{
    const struct net_address *at = &s->listeners.list[i].address;
    for (size_t k = 0; at->sa.ss_family == AF_UNIX && &s->slots[k] != slot; k++) {
        if (s->slots[k].fds && s->slots[k].fds[i] >= 0) {
            slot->fds[i] = fcntl(s->slots[k].fds[i], F_DUPFD_CLOEXEC, 0);
            return slot->fds[i] >= 0 || ERR_SYS(e, ERR_UNAVAILABLE, "share a unix socket");
        }
    }
    return net_listen_open(at, &slot->fds[i], e);
}

static bool open_sockets(struct supervisor *s, struct slot *slot, struct err *e)
{
    slot->fds = ARENA_ARRAY(&s->arena, int, s->listeners.n);
    for (size_t i = 0; i < s->listeners.n; i++) {
        const struct app_listener *l = &s->listeners.list[i];
        char text[NET_ADDRESS_TEXT];
        slot->fds[i] = -1;
        if (group_of(l->service) != slot->group)
            continue;
        if (!open_socket(s, slot, i, e)) {
            str at = net_address_text(&l->address, text);
            return err_wrap(e, "listener %s at %.*s", l->kind->name, STR_FMT(at));
        }
    }
    return true;
}

/* Room for every connection that may be open, by its address and by its network, and for who sends
 * requests. */
static bool open_tally(struct supervisor *s, struct err *e)
{
    enum {
        REQUESTERS = 100000 /* tokens, sessions and addresses within a minute */
    };
    size_t connections = (size_t)config_int(s->config, CONFIG_LIMITS_CONNECTIONS);
    s->tally = net_tally_new(s->n_slots, 2 * connections * s->n_slots + REQUESTERS, e);
    return s->tally != NULL;
}

bool workers_open(struct supervisor *s, struct err *e)
{
    size_t counts[] = { count_workers(s, GROUP_FRONT), count_workers(s, GROUP_BACK) };
    s->slots = ARENA_ARRAY(&s->arena, struct slot, counts[GROUP_FRONT] + counts[GROUP_BACK]);
    for (size_t group = 0; group < COUNT_OF(counts); group++) {
        for (size_t i = 1; i <= counts[group]; i++) {
            struct slot *slot = &s->slots[s->n_slots++];
            slot->group = (enum group)group;
            slot->ready_fd = -1;
            slot->watched.name =
                arena_cstr(&s->arena, arena_printf(&s->arena, "%s.%zu", group_names[group], i));
            if (!open_sockets(s, slot, e))
                return false;
        }
    }
    if (s->n_slots == 0)
        return ERR(e, ERR_SYNTAX, "there is nothing to do: these roles have no workers");
    return open_tally(s, e) && obs_metrics_share(s->n_slots + 1, e);
}

void workers_forget(struct supervisor *s, const struct watched *ended)
{
    for (size_t i = 0; i < s->n_slots; i++) {
        if (&s->slots[i].watched == ended) {
            net_tally_clear(s->tally, i);
            obs_metrics_forget(i + 1);
        }
    }
}

/* The child keeps its own sockets and what it needs of the supervisor. */
static void close_others(const struct supervisor *s, const struct slot *own)
{
    for (size_t i = 0; i < s->n_slots; i++) {
        const struct slot *slot = &s->slots[i];
        if (slot->ready_fd >= 0)
            (void)close(slot->ready_fd);
        for (size_t k = 0; slot != own && k < s->listeners.n; k++) {
            if (slot->fds[k] >= 0)
                (void)close(slot->fds[k]);
        }
    }
    (void)close(s->signals.fd);
    (void)close(s->lock_fd);
}

bool workers_start(struct supervisor *s, struct slot *slot, struct err *e)
{
    int ends[2];
    pid_t parent = getpid();
    if (pipe2(ends, O_CLOEXEC) != 0)
        return ERR_SYS(e, ERR_INTERNAL, "pipe for %s", slot->watched.name);
    pid_t pid = fork();
    if (pid < 0) {
        (void)ERR_SYS(e, ERR_INTERNAL, "fork %s", slot->watched.name);
        (void)close(ends[0]);
        (void)close(ends[1]);
        return false;
    }
    if (pid == 0) {
        struct err failed = ERR_CLEAR;
        (void)close(ends[0]);
        close_others(s, slot);
        if (!identity_drop(&s->identity, &failed)) {
            obs_log(EV_PROCESS_FAILED, STR_EMPTY, OBS_ERR(&failed));
            _exit(1);
        }
        child_follow_parent(parent, SIGTERM);
        worker_main(s, slot, ends[1]);
    }
    (void)close(ends[1]);
    if (slot->ready_fd >= 0)
        (void)close(slot->ready_fd);
    slot->ready_fd = ends[0];
    slot->watched.pid = pid;
    slot->watched.started_ms = clock_monotonic_ms();
    slot->watched.restart_ms = 0;
    obs_log(EV_CHILD_STARTED, STR_EMPTY, OBS_CSTR("name", slot->watched.name), OBS_INT("pid", pid));
    return true;
}

void workers_close_sockets(struct supervisor *s)
{
    for (size_t i = 0; i < s->n_slots; i++) {
        for (size_t k = 0; k < s->listeners.n; k++) {
            int *fds = s->slots[i].fds;
            if (!fds || fds[k] < 0)
                continue;
            (void)close(fds[k]);
            fds[k] = -1;
        }
    }
}

void workers_signal(struct supervisor *s, int signo)
{
    for (size_t i = 0; i < s->n_slots; i++) {
        if (s->slots[i].watched.pid > 0)
            (void)kill(s->slots[i].watched.pid, signo);
    }
}
