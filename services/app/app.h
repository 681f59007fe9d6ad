/* SPDX-License-Identifier: Apache-2.0 */
/* struct app: what a worker process holds, made once in its main and handed to every service; and
 * the descriptor by which a service offers itself. Services know this and shared/, never each
 * other. Not for protocol matters. */
#ifndef APP_APP_H
#define APP_APP_H

#include "account/sending.h"
#include "config/config.h"
#include "net/net.h"

struct db;
struct redis;
struct dns;
struct account_directory;
struct auth;
struct store;
struct queue;
struct spam;
struct reports;
struct notify;
struct smtp_state;
struct imap_service;
struct pop3_service;
struct scheduler;
struct delivery;
struct api;
struct app_services;
struct app_trial;

/* What the process knows of its own state, so that services refuse work in time;
 * services/app/health.h says when. */
struct app_health {
    bool is_behind;    /* there is more to do than the loop can: stress mode */
    bool is_disk_full; /* nearly: new mail must be refused */
};

/* Every pointer lives as long as the process; NULL where the process's roles do not need it. */
struct app {
    const struct config *config; /* SIGHUP swaps it: read values when they are needed; texts
                                    borrowed from an older one stay valid */
    struct runtime *runtime;
    struct db *db;
    struct redis *redis;
    struct dns *dns;
    struct notify *notify;
    struct account_directory *accounts;
    struct auth *auth;
    struct store *store;
    struct queue *queue;
    struct spam *spam;
    struct reports *reports;             /* counts what other domains are told of; NULL in tools */
    struct app_health health;            /* as it was a moment ago */
    struct net_tally *tally;             /* counts that all workers of the machine share */
    struct tls_server *tls;              /* server certificates; NULL when TLS is off */
    const struct net_networks *proxies;  /* trusted senders of PROXY headers */
    const struct net_networks *local;    /* clients that need to prove nothing; NULL: none */
    const struct net_networks *monitors; /* who may read metrics without a token; NULL: nobody */
    const struct net_networks *xclients; /* who may speak for others; NULL: nobody */
    const struct net_networks *lmtp_clients; /* who may hand over mail by LMTP */
    struct account_sending_rules sending;    /* how much accounts may send */
    const char *hostname;                    /* our name in greetings, HELO and trace headers */
    unsigned node_id;                        /* 0-1023, of this process: part of new message ids */
    const struct app_services *services;     /* all of the program; NULL: not known */
    const char *process;                     /* "front.1": this process in the log */
    const char *owner;                       /* "host/pid/front.1": this process in leases */
    struct smtp_state *smtp;                 /* services/smtp's own, from its start to its stop */
    struct imap_service *imap;               /* services/imap's own, likewise */
    struct pop3_service *pop3;               /* services/pop3's own, likewise */
    struct scheduler *scheduler;             /* services/scheduler's own, likewise */
    struct delivery *delivery;               /* services/delivery's own, likewise */
    struct api *api;                         /* services/api's own, likewise */
};

struct app_listener;

/* A kind of listener that configuration can name (FEATURES 10). */
struct app_listener_kind {
    const char *name;      /* "smtp", "submission", "submissions", "imap", "imaps", "pop3" ... */
    uint16_t default_port; /* the port of the standard */
    bool implicit_tls;
    bool is_on_request; /* opened only where the configuration names it */
    bool may_be_unix;   /* its address may be the path of a unix socket */
    const struct net_protocol *protocol;
    /* The context that net gives to protocol->opened for this kind; kept by the service. */
    void *(*context)(struct app *app, const struct app_listener_kind *kind);
    /* Instead of `protocol`, for a service that accepts by itself: takes the descriptor. */
    bool (*listen)(struct app *app, const struct app_listener *listener, int fd, struct err *e);
    const char *limit_scope;     /* kinds of one scope are counted together, NULL = by protocol */
    unsigned max_per_ip;         /* of a /32 or /64, three times of a /24 or /48; 0 = no limit */
    unsigned max_new_per_minute; /* likewise */
    /* Parameters of the configuration that replace the two numbers above; 0 = none do. */
    enum config_param per_ip_param;
    enum config_param new_per_minute_param;
};

/* A request to the API in this process, and its answer. */
struct app_request {
    str method; /* "GET" */
    str path;   /* with its query */
    str body;   /* JSON, or empty */
};

struct app_response {
    unsigned status;
    str body; /* JSON, or empty */
};

/* A word by which a protocol tells its clients what it can do. */
struct app_capability {
    const char *word;  /* static; one with a value ends in '=' */
    unsigned rfc;      /* number of the one that defines it, 0 for none */
    str command;       /* that it belongs to; empty for none */
    bool before_tls;   /* told before login, without TLS */
    bool before_login; /* told before login, under TLS */
    bool after_login;
    bool is_optional; /* whether it is told depends on the configuration */
};

enum {
    APP_COMMAND_STATES_MAX = 4
};

/* A command of a protocol. */
struct app_command {
    str name;
    unsigned rfc; /* number of the one that defines it */
    bool has_uid_form;
    const char *states[APP_COMMAND_STATES_MAX]; /* in which it may be given; static, NULL: not */
};

struct app_service {
    const char *role; /* "smtp", "imap", "delivery" ... */
    const struct app_listener_kind *listeners;
    size_t n_listeners;
    /* Before listeners accept; starts fibers of its own when it has any. May be NULL. */
    bool (*start)(struct app *app, struct err *e);
    /* After the drain; frees what start made. May be NULL. */
    void (*stop)(struct app *app);
    /* Answers a request of the operator on this machine, for commands; the answer is in the arena.
     * NULL: the service has no API. Yields. */
    void (*dispatch)(struct app *app, const struct app_request *request, struct arena *a,
                     struct app_response *out);
    /* How far a message to the address would come (services/app/trial.h); in arena. NULL: the
     * service sends none. Yields. */
    bool (*trial)(struct app *app, str address, struct arena *a, struct app_trial *out,
                  struct err *e);
    /* The n-th word of what the protocol can do, and its n-th command, for the operator; false past
     * the last one. Both NULL: nothing is told. */
    bool (*capability)(size_t n, struct app_capability *out);
    bool (*command)(size_t n, struct app_command *out);
};

#endif
