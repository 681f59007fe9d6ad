/* SPDX-License-Identifier: Apache-2.0 */
/* One request to one address by libcurl: its options, its limits, its answer. */
#include "http/transfer.h"

#include <unistd.h>

enum {
    MAX_BYTES = 1024 * 1024,
    FIELDS_MAX = 200,            /* of an answer */
    FIELD_BYTES_MAX = 64 * 1024, /* of all its fields */
    CONNECT_MS = 10 * 1000
};

/* A request to one address. On the heap: libcurl writes into it from the loop. */
struct transfer {
    struct http_client *client;
    CURL *easy;
    struct curl_slist *fields;
    struct curl_slist *connect_to;
    struct net_address address; /* the one that may be connected to */
    bool is_forbidden;          /* libcurl wanted to connect elsewhere */
    struct buf body;
    bool is_too_big;
    struct arena arena; /* of the fields */
    struct http_field *answer_fields;
    size_t n_fields;
    size_t field_bytes;
    bool is_done;
    CURLcode result;
    char why[CURL_ERROR_SIZE];
    struct signal_point done;
};

static size_t on_body(char *octets, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;
    if (buf_add(&t->body, str_of(octets, size * n)))
        return size * n;
    t->is_too_big = true;
    return 0;
}

static size_t on_field(char *octets, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;
    str line = str_trim(str_of(octets, size * n));
    str name;
    str value;
    t->field_bytes += line.n;
    if (t->field_bytes > FIELD_BYTES_MAX || t->n_fields == FIELDS_MAX) {
        t->is_too_big = true;
        return 0;
    }
    if (str_has_prefix(line, STR("HTTP/"))) {
        t->n_fields = 0; /* what came before was "100 Continue" or like it */
    } else if (str_cut(line, ':', &name, &value)) {
        struct http_field *field = &t->answer_fields[t->n_fields++];
        field->name = arena_lower(&t->arena, str_trim(name));
        field->value = arena_str(&t->arena, str_trim(value));
    }
    return size * n;
}

/* The last word on where we connect: whatever libcurl thinks it should do. */
static curl_socket_t on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
    struct transfer *t = arg;
    struct net_address address = { .len = to->addrlen };
    if (purpose == CURLSOCKTYPE_IPCXN && to->addrlen <= sizeof(address.sa)) {
        memcpy(&address.sa, &to->addr, to->addrlen);
        if (net_address_is_same_ip(&address, &t->address) &&
            net_address_port(&address) == net_address_port(&t->address))
            return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
    }
    t->is_forbidden = true;
    return CURL_SOCKET_BAD;
}

static void transfer_free(struct transfer *t)
{
    (void)curl_multi_remove_handle(t->client->multi, t->easy);
    curl_easy_cleanup(t->easy);
    curl_slist_free_all(t->fields);
    curl_slist_free_all(t->connect_to);
    buf_fini(&t->body);
    arena_fini(&t->arena);
    free(t);
}

static void set_method(CURL *easy, const struct http_fetch *fetch)
{
    static const char *const names[] = {
        [HTTP_GET] = "GET",         [HTTP_HEAD] = "HEAD",   [HTTP_POST] = "POST",
        [HTTP_PUT] = "PUT",         [HTTP_PATCH] = "PATCH", [HTTP_DELETE] = "DELETE",
        [HTTP_OPTIONS] = "OPTIONS",
    };
    INVARIANT(fetch->method != HTTP_OTHER_METHOD);
    if (fetch->method == HTTP_HEAD) {
        (void)curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
        return;
    }
    if (fetch->method == HTTP_POST || fetch->method == HTTP_PUT || fetch->method == HTTP_PATCH) {
        (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)fetch->body.n);
        (void)curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, fetch->body.n ? fetch->body.p : "");
    }
    (void)curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, names[fetch->method]);
}

static void set_limits(struct transfer *t, const struct http_fetch *fetch)
{
    CURL *easy = t->easy;
    const struct http_client_options *o = &t->client->options;
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, fetch->https_only ? "https" : "http,https");
    (void)curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L); /* each hop is checked by us */
    (void)curl_easy_setopt(easy, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    (void)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    (void)curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0L);
    (void)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    (void)curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    (void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, fetch->no_verify ? 0L : 1L);
    (void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, fetch->no_verify ? 0L : 2L);
    (void)curl_easy_setopt(easy, CURLOPT_USERAGENT, o->user_agent ? o->user_agent : "Heronry");
    if (o->ca_file)
        (void)curl_easy_setopt(easy, CURLOPT_CAINFO, o->ca_file);
}

static void set_callbacks(struct transfer *t)
{
    CURL *easy = t->easy;
    (void)curl_easy_setopt(easy, CURLOPT_PRIVATE, t);
    (void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->why);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
    (void)curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_field);
    (void)curl_easy_setopt(easy, CURLOPT_HEADERDATA, t);
    (void)curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
    (void)curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, t);
}

static bool is_safe_field(const struct http_field *f)
{
    for (size_t i = 0; i < f->value.n; i++) {
        unsigned char c = (unsigned char)f->value.p[i];
        if (c == 0x7f || (c < 0x20 && c != '\t'))
            return false;
    }
    return f->name.n > 0 && str_find_byte(f->name, '\n') < 0 && str_find_byte(f->name, ':') < 0;
}

static bool is_credential(str name)
{
    return str_ieq(name, STR("authorization")) || str_ieq(name, STR("cookie"));
}

static bool set_fields(struct transfer *t, const struct http_fetch *fetch, bool is_elsewhere,
                       struct arena *a, struct err *e)
{
    t->fields = curl_slist_append(NULL, "Expect:");
    for (size_t i = 0; i < fetch->n_fields; i++) {
        const struct http_field *f = &fetch->fields[i];
        if (!is_safe_field(f))
            return ERR(e, ERR_SYNTAX, "a header field holds control characters");
        if (is_elsewhere && is_credential(f->name))
            continue; /* a redirect must not carry them to others */
        /* "Name;" is libcurl's way to say "Name:" without a value. */
        str line = f->value.n == 0
                       ? arena_printf(a, "%.*s;", STR_FMT(f->name))
                       : arena_printf(a, "%.*s: %.*s", STR_FMT(f->name), STR_FMT(f->value));
        t->fields = curl_slist_append(t->fields, arena_cstr(a, line));
    }
    (void)curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->fields);
    return true;
}

static void set_target(struct transfer *t, const struct target *to, struct arena *a)
{
    char text[NET_ADDRESS_TEXT];
    str at = net_address_text(&t->address, text);
    str line = arena_printf(a, "%s:%u:%.*s", to->host, (unsigned)to->port, STR_FMT(at));
    t->connect_to = curl_slist_append(NULL, arena_cstr(a, line));
    (void)curl_easy_setopt(t->easy, CURLOPT_CONNECT_TO, t->connect_to);
    (void)curl_easy_setopt(t->easy, CURLOPT_CURLU, to->url);
}

static bool transfer_failed(const struct transfer *t, const struct target *to, struct err *e)
{
    const char *why = t->why[0] ? t->why : curl_easy_strerror(t->result);
    enum err_kind kind = ERR_UNAVAILABLE;
    if (t->is_forbidden)
        return ERR(e, ERR_DENIED, "%s leads to an address that is not allowed", to->host);
    if (t->is_too_big)
        return ERR(e, ERR_LIMIT, "the answer of %s is too big", to->host);
    if (t->result == CURLE_OPERATION_TIMEDOUT)
        kind = ERR_TIMEOUT;
    if (t->result == CURLE_PEER_FAILED_VERIFICATION)
        kind = ERR_DENIED;
    return ERR(e, kind, "%s: %s", to->host, why);
}

static void keep_answer(const struct transfer *t, const struct target *to, struct arena *a,
                        struct http_fetched *out)
{
    long status = 0;
    (void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    struct http_field *fields = ARENA_ARRAY(a, struct http_field, t->n_fields);
    for (size_t i = 0; i < t->n_fields; i++) {
        fields[i].name = arena_str(a, t->answer_fields[i].name);
        fields[i].value = arena_str(a, t->answer_fields[i].value);
    }
    *out = (struct http_fetched){ .status = (unsigned)status,
                                  .fields = fields,
                                  .n_fields = t->n_fields,
                                  .body = arena_str(a, buf_str(&t->body)),
                                  .url = arena_str(a, str_from_cstr(to->whole)) };
}

static struct transfer *transfer_new(struct http_client *c, const struct http_fetch *fetch,
                                     const struct net_address *at)
{
    struct transfer *t = HEAP_NEW(struct transfer);
    t->client = c;
    t->address = *at;
    t->easy = curl_easy_init();
    INVARIANT(t->easy);
    buf_init(&t->body, fetch->max_bytes ? fetch->max_bytes : MAX_BYTES);
    arena_init(&t->arena);
    t->answer_fields = ARENA_ARRAY(&t->arena, struct http_field, FIELDS_MAX);
    signal_point_init(&t->done);
    set_limits(t, fetch);
    set_callbacks(t);
    set_method(t->easy, fetch);
    return t;
}

bool transfer_perform(struct http_client *c, const struct hop *hop, const struct net_address *at,
                      struct arena *a, struct http_fetched *out, struct err *e)
{
    struct transfer *t = transfer_new(c, hop->fetch, at);
    set_target(t, hop->to, a);
    bool is_good = set_fields(t, hop->fetch, hop->is_elsewhere, a, e);
    if (is_good)
        (void)curl_multi_add_handle(c->multi, t->easy);
    while (is_good && !t->is_done)
        is_good = signal_point_wait(&t->done, hop->deadline_ms, e);
    out->is_untrusted = is_good && t->result == CURLE_PEER_FAILED_VERIFICATION;
    if (is_good && (t->result != CURLE_OK || t->is_too_big))
        is_good = transfer_failed(t, hop->to, e);
    if (is_good)
        keep_answer(t, hop->to, a, out);
    transfer_free(t);
    return is_good;
}

void transfer_done(CURL *easy, CURLcode result)
{
    struct transfer *t = NULL;
    (void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, &t);
    t->is_done = true;
    t->result = result;
    signal_point_all(&t->done);
}
