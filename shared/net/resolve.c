/* SPDX-License-Identifier: Apache-2.0 */
/* getaddrinfo in the offload pool. */
#include "net/resolve.h"

#include "runtime/runtime.h"

#include <netdb.h>

enum {
    HOST_MAX = 255
};

struct resolve_job {
    struct work work;
    char host[HOST_MAX + 1];
    struct addrinfo *found;
    int status; /* of getaddrinfo */
};

static const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };

static void run_job(struct work *work)
{
    struct resolve_job *job = CONTAINER_OF(work, struct resolve_job, work);
    job->status = getaddrinfo(job->host, NULL, &hints, &job->found);
}

static void end_job(struct work *work)
{
    struct resolve_job *job = CONTAINER_OF(work, struct resolve_job, work);
    if (job->found)
        freeaddrinfo(job->found);
    free(job);
}

static size_t copy_addresses(const struct addrinfo *found, uint16_t port, struct net_address *out,
                             size_t max)
{
    size_t n = 0;
    for (; found && n < max; found = found->ai_next) {
        if (found->ai_addrlen > sizeof(out[n].sa))
            continue;
        out[n] = (struct net_address){ .len = found->ai_addrlen };
        memcpy(&out[n].sa, found->ai_addr, found->ai_addrlen);
        net_address_set_port(&out[n], port);
        n++;
    }
    return n;
}

bool net_resolve(const char *host, uint16_t port, int64_t deadline_ms, struct net_address *out,
                 size_t max, size_t *n, struct err *e)
{
    size_t len = strlen(host);
    INVARIANT(max > 0);
    if (len == 0 || len > HOST_MAX)
        return ERR(e, ERR_SYNTAX, "a host name of %zu characters", len);
    if (net_address_parse_ip(str_from_cstr(host), out, NULL)) {
        net_address_set_port(out, port);
        *n = 1;
        return true;
    }
    struct resolve_job *job = HEAP_NEW(struct resolve_job);
    job->work = (struct work){ .run = run_job, .done = end_job };
    memcpy(job->host, host, len + 1);
    if (!work_run(&job->work, deadline_ms, e))
        return err_wrap(e, "resolve %s", host);
    int status = job->status;
    *n = status == 0 ? copy_addresses(job->found, port, out, max) : 0;
    work_finish(&job->work);
    if (*n > 0)
        return true;
    bool absent = status == 0 || status == EAI_NONAME;
    return ERR(e, absent ? ERR_NOT_FOUND : ERR_UNAVAILABLE, "resolve %s: %s", host,
               status ? gai_strerror(status) : "no address");
}
