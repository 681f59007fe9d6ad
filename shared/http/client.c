/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP client: libcurl's multi interface driven by our loop. Names are resolved here, addresses
 * checked, and libcurl is told exactly where to connect, so that it never asks a resolver. A fiber
 * is woken only from outside libcurl's callbacks. */
#include "http/http_client.h"

#include "dns/dns.h"
#include "http/transfer.h"
#include "net/resolve.h"

enum {
    MAX_PARALLEL = 64,
    ADDRESSES_MAX = 8, /* of a host that are looked at */
    TRIES_MAX = 3,     /* of them that are tried */
    REDIRECTS_MAX = 10,
    HOST_TEXT = 300,
    URL_MAX = 8192
};

/* ---- libcurl and the loop ---- */

static void read_results(struct http_client *c)
{
    int left;
    CURLMsg *message;
    while ((message = curl_multi_info_read(c->multi, &left))) {
        if (message->msg == CURLMSG_DONE)
            transfer_done(message->easy_handle, message->data.result);
    }
}

struct client_socket {
    struct http_client *client;
    curl_socket_t fd;
    struct watch *watch;
};

static void on_ready(unsigned ready, void *arg)
{
    const struct client_socket *s = arg;
    struct http_client *c = s->client;
    int running;
    int events = 0;
    if (ready & FIBER_READ)
        events |= CURL_CSELECT_IN;
    if (ready & FIBER_WRITE)
        events |= CURL_CSELECT_OUT;
    (void)curl_multi_socket_action(c->multi, s->fd, events, &running); /* may free `s` */
    read_results(c);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket)
{
    (void)easy;
    struct http_client *c = arg;
    struct client_socket *s = socket;
    if (what == CURL_POLL_REMOVE) {
        if (s) {
            (void)curl_multi_assign(c->multi, fd, NULL);
            watch_free(&s->watch);
            free(s);
        }
        return 0;
    }
    if (!s) {
        s = HEAP_NEW(struct client_socket);
        s->client = c;
        s->fd = fd;
        s->watch = watch_new(c->rt, on_ready, s);
        watch_set_counted(s->watch, false); /* kept connections are no reason to go on */
        (void)curl_multi_assign(c->multi, fd, s);
    }
    unsigned events = 0;
    if (what & CURL_POLL_IN)
        events |= FIBER_READ;
    if (what & CURL_POLL_OUT)
        events |= FIBER_WRITE;
    watch_set(s->watch, fd, events);
    return 0;
}

static void on_time(void *arg)
{
    struct http_client *c = arg;
    int running;
    (void)curl_multi_socket_action(c->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    read_results(c);
}

static int on_timer(CURLM *multi, long ms, void *arg)
{
    (void)multi;
    struct http_client *c = arg;
    if (ms < 0) {
        timer_stop(c->rt, &c->timer);
    } else {
        timer_start(c->rt, &c->timer, clock_deadline_in(ms));
    }
    return 0;
}

struct http_client *http_client_new(struct runtime *rt, const struct http_client_options *options,
                                    struct err *e)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        (void)ERR(e, ERR_INTERNAL, "libcurl cannot be used");
        return NULL;
    }
    struct http_client *c = HEAP_NEW(struct http_client);
    c->rt = rt;
    c->options = *options;
    c->multi = curl_multi_init();
    INVARIANT(c->multi);
    timer_init(&c->timer, on_time, c);
    unsigned parallel = options->max_parallel ? options->max_parallel : MAX_PARALLEL;
    semaphore_init(&c->gate, parallel);
    (void)curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    (void)curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
    (void)curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    (void)curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
    (void)curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, (long)parallel);
    return c;
}

void http_client_free(struct http_client **client)
{
    struct http_client *c = *client;
    if (!c)
        return;
    *client = NULL;
    (void)curl_multi_cleanup(c->multi);
    timer_stop(c->rt, &c->timer);
    free(c);
    curl_global_cleanup();
}

/* ---- where to ---- */

static void target_fini(struct target *t)
{
    curl_free(t->whole);
    curl_free(t->scheme);
    curl_free(t->host);
    curl_url_cleanup(t->url);
}

static bool has_part(CURLU *url, CURLUPart part)
{
    char *text = NULL;
    bool is_there = curl_url_get(url, part, &text, 0) == CURLUE_OK;
    curl_free(text);
    return is_there;
}

static bool read_parts(struct target *t, const struct http_fetch *fetch, struct err *e)
{
    char *port = NULL;
    uint64_t number = 0;
    if (has_part(t->url, CURLUPART_USER) || has_part(t->url, CURLUPART_PASSWORD))
        return ERR(e, ERR_DENIED, "a URL with a user name is not asked");
    if (has_part(t->url, CURLUPART_ZONEID))
        return ERR(e, ERR_DENIED, "an address with a zone is not asked");
    if (curl_url_get(t->url, CURLUPART_URL, &t->whole, 0) != CURLUE_OK ||
        curl_url_get(t->url, CURLUPART_SCHEME, &t->scheme, 0) != CURLUE_OK ||
        curl_url_get(t->url, CURLUPART_HOST, &t->host, 0) != CURLUE_OK ||
        curl_url_get(t->url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK)
        return ERR(e, ERR_SYNTAX, "the URL has no scheme or host");
    bool is_port = str_to_uint(str_from_cstr(port), 65535, &number) && number > 0;
    curl_free(port);
    t->port = (uint16_t)number;
    bool is_https = str_ieq(str_from_cstr(t->scheme), STR("https"));
    if (!is_https && (fetch->https_only || !str_ieq(str_from_cstr(t->scheme), STR("http"))))
        return ERR(e, ERR_DENIED, "%s: is not asked here", t->scheme);
    if (!is_port || (!fetch->any_port && t->port != 80 && t->port != 443))
        return ERR(e, ERR_DENIED, "port %u is not asked; 80 and 443 are", (unsigned)t->port);
    if (strlen(t->host) >= HOST_TEXT)
        return ERR(e, ERR_SYNTAX, "the host name is too long");
    return true;
}

static bool is_text(str url)
{
    for (size_t i = 0; i < url.n; i++) {
        unsigned char c = (unsigned char)url.p[i];
        if (c <= 0x20 || c == 0x7f)
            return false;
    }
    return url.n > 0 && url.n <= URL_MAX;
}

/* Reads a URL; a relative one starts from what `t` holds. */
static bool target_set(struct target *t, str url, const struct http_fetch *fetch, struct arena *a,
                       struct err *e)
{
    if (!t->url)
        t->url = curl_url();
    INVARIANT(t->url);
    curl_free(t->whole);
    curl_free(t->scheme);
    curl_free(t->host);
    t->whole = t->scheme = t->host = NULL;
    if (!is_text(url) ||
        curl_url_set(t->url, CURLUPART_URL, arena_cstr(a, url), CURLU_NON_SUPPORT_SCHEME) != 0)
        return ERR(e, ERR_SYNTAX, "not a URL");
    (void)curl_url_set(t->url, CURLUPART_FRAGMENT, NULL, 0);
    return read_parts(t, fetch, e);
}

YIELDS static bool look_up(struct http_client *c, str host, struct arena *a, int64_t deadline_ms,
                           struct net_address *out, size_t *n, struct err *e)
{
    struct dns_addresses found;
    if (!c->options.dns)
        return net_resolve(arena_cstr(a, host), 0, deadline_ms, out, ADDRESSES_MAX, n, e);
    if (!dns_query_addresses(c->options.dns, host, a, deadline_ms, &found, e))
        return false;
    bool is_absent = found.status == DNS_NXDOMAIN || found.status == DNS_NODATA;
    if (found.status != DNS_OK || found.n == 0) {
        return ERR(e, is_absent ? ERR_NOT_FOUND : ERR_UNAVAILABLE, "%.*s has no address",
                   STR_FMT(host));
    }
    for (*n = 0; *n < found.n && *n < ADDRESSES_MAX; (*n)++)
        out[*n] = found.list[*n];
    return true;
}

/* The addresses of the target that may be asked; at least one. */
YIELDS static bool find_addresses(struct http_client *c, const struct hop *hop, struct arena *a,
                                  struct net_address *out, size_t *n, struct err *e)
{
    str host = str_from_cstr(hop->to->host);
    size_t found = 0;
    if (str_has_prefix(host, STR("[")))
        host = str_slice(host, 1, host.n - 2);
    if (net_address_parse_ip(host, &out[0], NULL)) {
        found = 1;
    } else if (!look_up(c, host, a, hop->deadline_ms, out, &found, e)) {
        return false;
    }
    bool may_be_special = hop->fetch->allow_special ||
                          str_ieq(hop->fetch->special_host, str_from_cstr(hop->to->host));
    *n = 0;
    for (size_t i = 0; i < found; i++) {
        if (net_address_is_special(&out[i]) && !may_be_special)
            continue;
        out[*n] = out[i];
        net_address_set_port(&out[*n], hop->to->port);
        (*n)++;
    }
    return *n > 0 || ERR(e, ERR_DENIED, "%s is no public address", hop->to->host);
}

/* One request, to the first of its addresses that can be reached. */
YIELDS static bool ask(struct http_client *c, const struct hop *hop, struct arena *a,
                       struct http_fetched *out, struct err *e)
{
    struct net_address addresses[ADDRESSES_MAX];
    size_t n;
    if (!find_addresses(c, hop, a, addresses, &n, e))
        return false;
    bool may_repeat = hop->fetch->method == HTTP_GET || hop->fetch->method == HTTP_HEAD;
    size_t tries = may_repeat && n > 1 ? (n < TRIES_MAX ? n : TRIES_MAX) : 1;
    for (size_t i = 0; i < tries; i++) {
        struct err why = ERR_CLEAR;
        if (transfer_perform(c, hop, &addresses[i], a, out, &why))
            return true;
        if (why.kind != ERR_UNAVAILABLE || i + 1 == tries)
            return ERR(e, why.kind, "%s", why.msg);
    }
    return false;
}

static bool is_redirect(const struct http_fetch *fetch, const struct http_fetched *answer)
{
    bool is_read = fetch->method == HTTP_GET || fetch->method == HTTP_HEAD;
    bool is_moved = answer->status == 301 || answer->status == 302 || answer->status == 303 ||
                    answer->status == 307 || answer->status == 308;
    return fetch->max_redirects > 0 && is_read && is_moved &&
           http_fetched_field(answer, STR("location")).n > 0;
}

YIELDS static bool follow(struct http_client *c, const struct http_fetch *fetch, struct target *to,
                          int64_t deadline_ms, struct arena *a, struct http_fetched *out,
                          struct err *e)
{
    struct hop hop = { .fetch = fetch, .to = to, .deadline_ms = deadline_ms };
    unsigned most = fetch->max_redirects < REDIRECTS_MAX ? fetch->max_redirects : REDIRECTS_MAX;
    if (!target_set(to, fetch->url, fetch, a, e))
        return false;
    str origin = arena_printf(a, "%s://%s:%u", to->scheme, to->host, (unsigned)to->port);
    for (unsigned i = 0;; i++) {
        if (!ask(c, &hop, a, out, e))
            return false;
        if (!is_redirect(fetch, out))
            return true;
        if (i == most)
            return ERR(e, ERR_LIMIT, "more than %u redirects", most);
        if (!target_set(to, http_fetched_field(out, STR("location")), fetch, a, e))
            return err_wrap(e, "redirect");
        str now = arena_printf(a, "%s://%s:%u", to->scheme, to->host, (unsigned)to->port);
        hop.is_elsewhere = !str_eq(origin, now);
    }
}

bool http_client_fetch(struct http_client *c, const struct http_fetch *fetch, struct arena *a,
                       int64_t deadline_ms, struct http_fetched *out, struct err *e)
{
    struct target to = { 0 };
    struct err local = ERR_CLEAR;
    if (!e)
        e = &local;
    if (!semaphore_acquire(&c->gate, deadline_ms, e))
        return false;
    bool is_good = follow(c, fetch, &to, deadline_ms, a, out, e);
    semaphore_release(&c->gate);
    target_fini(&to);
    return is_good;
}

str http_fetched_field(const struct http_fetched *f, str name)
{
    for (size_t i = 0; i < f->n_fields; i++) {
        if (str_eq(f->fields[i].name, name))
            return f->fields[i].value;
    }
    return STR_EMPTY;
}
