/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the supervisor share: its state, its children, and what a worker inherits. */
#ifndef SUPERVISOR_PRIVATE_H
#define SUPERVISOR_PRIVATE_H

#include "services/app/endpoints.h"
#include "services/supervisor/backoff.h"
#include "services/supervisor/embedded_pg.h"
#include "services/supervisor/embedded_redis.h"
#include "services/supervisor/material.h"
#include "services/supervisor/supervisor.h"

enum {
    DRAIN_MS = 30000,      /* that a worker may take to end */
    KILL_AFTER_MS = 35000, /* SIGTERM to SIGKILL */
    START_LIMIT_MS = 60000,
    CERTIFICATES_MAX = 100
};

/* A child that is started again when it ends. */
struct watched {
    const char *name;
    pid_t pid; /* 0: not running */
    int64_t started_ms;
    int64_t restart_ms; /* when to start it again; 0: no need */
    struct backoff backoff;
};

enum group {
    GROUP_FRONT, /* services with listeners */
    GROUP_BACK
};

/* A place for one worker, with its own listening sockets, which outlive the worker. */
struct slot {
    struct watched watched;
    enum group group;
    int *fds;     /* one a listener of the plan */
    int ready_fd; /* becomes readable when the worker serves, or ended; -1: it serves */
};

struct supervisor {
    const struct supervisor_options *options;
    struct arena arena;
    struct config *config;
    struct identity identity;
    struct app_endpoints endpoints;
    struct app_listeners listeners;
    struct signals signals;
    int lock_fd;
    struct slot *slots;
    size_t n_slots;
    struct net_tally *tally; /* a column a slot */
    struct watched pg_watch;
    struct watched redis_watch;
    struct embedded_pg pg;
    struct embedded_redis redis;
    struct material config_copy;
    struct material (*certificates)[2]; /* certificate and key */
    struct tls_cert_files *certificate_paths;
    size_t n_certificates;
    bool is_ready;
};

/* ---- serve.c ---- */

/* Start an embedded server and note its process; do not wait for it. */
bool serve_start_pg(struct supervisor *s, struct err *e);
bool serve_start_redis(struct supervisor *s, struct err *e);

/* ---- watch.c ---- */

/* Watches and reloads until a signal to stop came. */
void watch_run(struct supervisor *s);

/* ---- workers.c ---- */

/* The worker slots for the roles, with their sockets opened. ERR_EXISTS, ERR_DENIED. */
bool workers_open(struct supervisor *s, struct err *e);
/* Forks the worker of the slot. */
bool workers_start(struct supervisor *s, struct slot *slot, struct err *e);
/* The slot's worker ended: what it counted is forgotten. */
void workers_forget(struct supervisor *s, const struct watched *ended);
/* Closes the listening sockets of this process: nobody is kept waiting in a queue any more. */
void workers_close_sockets(struct supervisor *s);
void workers_signal(struct supervisor *s, int signo);

/* ---- worker.c: the forked process ---- */

/* Serves the roles of the slot until it is drained; does not return. */
_Noreturn void worker_main(struct supervisor *s, const struct slot *slot, int ready_fd);

/* ---- prepare.c ---- */

/* In a child of its own: makes a self-signed certificate if one is wanted and not there, and
 * migrates the database. */
bool prepare_run(struct supervisor *s, struct err *e);
/* Whether the certificate is one that prepare_run makes. */
bool prepare_has_own_certificate(const struct supervisor *s);
/* Reads certificates and keys into memory for the workers. Also at a reload. */
bool prepare_certificates(struct supervisor *s, struct err *e);

/* ---- status.c ---- */

/* Writes data_dir/status.json: process ids by name, where the databases are. */
void status_write(const struct supervisor *s);
void status_remove(const struct supervisor *s);
/* Tells systemd, or whoever started us with NOTIFY_SOCKET (sd_notify(3)); harmless without it. */
void status_notify(const char *state);

#endif
