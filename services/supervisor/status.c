/* SPDX-License-Identifier: Apache-2.0 */
/* What the supervisor tells the outside: status.json and sd_notify. */
#include "services/supervisor/files.h"
#include "services/supervisor/private.h"

#include <jansson.h>
#include <sys/socket.h>
#include <sys/un.h>

static void add_pid(json_t *pids, const struct watched *w)
{
    if (w->pid > 0)
        (void)json_object_set_new(pids, w->name, json_integer(w->pid));
}

void status_write(const struct supervisor *s)
{
    struct err ignored = ERR_CLEAR;
    struct arena a;
    json_t *pids = json_object();
    json_t *root = json_object();
    (void)json_object_set_new(pids, "supervisor", json_integer(getpid()));
    add_pid(pids, &s->pg_watch);
    add_pid(pids, &s->redis_watch);
    for (size_t i = 0; i < s->n_slots; i++)
        add_pid(pids, &s->slots[i].watched);
    (void)json_object_set_new(root, "ready", json_boolean(s->is_ready));
    (void)json_object_set_new(root, "pids", pids);
    /* Outside ones are left out: their URLs hold passwords. */
    if (s->endpoints.embedded_database)
        (void)json_object_set_new(root, "database", json_string(s->endpoints.owner));
    if (s->endpoints.embedded_redis)
        (void)json_object_set_new(root, "redis", json_string(s->endpoints.redis));
    char *text = json_dumps(root, JSON_INDENT(2));
    arena_init(&a);
    if (text) {
        (void)files_write(&s->identity, config_text(s->config, CONFIG_DATA_DIR), "status.json",
                          str_from_cstr(text), &a, &ignored);
    }
    arena_fini(&a);
    free(text);
    json_decref(root);
}

void status_remove(const struct supervisor *s)
{
    struct arena a;
    arena_init(&a);
    (void)unlink(app_data_path(s->config, "status.json", &a));
    arena_fini(&a);
}

void status_notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    size_t n = path ? strlen(path) : 0;
    if (n < 2 || n >= sizeof(to.sun_path) || (path[0] != '/' && path[0] != '@'))
        return;
    memcpy(to.sun_path, path, n);
    if (path[0] == '@')
        to.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
    (void)sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&to, len);
    (void)close(fd);
}
