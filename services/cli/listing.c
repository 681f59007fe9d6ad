/* SPDX-License-Identifier: Apache-2.0 */
/* Items to rows; as they are for programs. */
#include "services/cli/listing.h"

enum {
    WORDS_MAX = 64 * 1024 /* octets of one cell */
};

/* ---- cells ---- */

static str text_of(const json_t *value)
{
    return json_is_string(value) ? str_of(json_string_value(value), json_string_length(value))
                                 : STR_EMPTY;
}

void cli_cell_text(struct cli_table *t, const json_t *value)
{
    cli_table_text(t, text_of(value));
}

void cli_cell_number(struct cli_table *t, const json_t *value)
{
    cli_table_number(t, json_integer_value(value));
}

void cli_cell_size(struct cli_table *t, const json_t *value)
{
    cli_table_size(t, json_integer_value(value));
}

void cli_cell_time(struct cli_table *t, const json_t *value)
{
    cli_table_time(t, cli_time_of(value));
}

void cli_cell_words(struct cli_table *t, const json_t *words, str none)
{
    struct buf all;
    buf_init(&all, WORDS_MAX);
    for (size_t i = 0; i < json_array_size(words); i++) {
        (void)buf_addf(&all, "%s%s", i > 0 ? ", " : "",
                       json_string_value(json_array_get(words, i)));
    }
    cli_table_text(t, all.n ? buf_str(&all) : none);
    buf_fini(&all);
}

void cli_cell_sent(struct cli_table *t, const json_t *used)
{
    static const char *const windows[] = { "messagesPerHour", "recipientsPerHour", "messagesPerDay",
                                           "recipientsPerDay" };
    long long n[COUNT_OF(windows)];
    char text[128];
    for (size_t i = 0; i < COUNT_OF(windows); i++)
        n[i] = (long long)json_integer_value(json_object_get(used, windows[i]));
    (void)snprintf(text, sizeof(text), "%lld/%lld, %lld/%lld", n[0], n[1], n[2], n[3]);
    cli_table_text(t, str_from_cstr(text));
}

/* ---- items ---- */

/* Where the items of a list go. */
struct showing {
    const struct cli_listing *listing;
    struct cli_table table;
    json_t *list; /* NULL: a table is wanted */
};

static void begin(struct showing *show, struct cli_session *s, const struct cli_listing *l)
{
    const char **titles = ARENA_ARRAY(&s->arena, const char *, l->n);
    for (size_t i = 0; i < l->n; i++)
        titles[i] = l->columns[i].title;
    *show = (struct showing){ .listing = l, .list = s->cli->json ? json_array() : NULL };
    cli_table_init(&show->table, titles, l->n);
}

static void add(json_t *item, void *arg)
{
    struct showing *show = arg;
    const struct cli_listing *l = show->listing;
    if (show->list) {
        (void)json_array_append(show->list, item);
        return;
    }
    for (size_t i = 0; i < l->n; i++) {
        const struct cli_column *c = &l->columns[i];
        c->cell(&show->table, c->field ? json_object_get(item, c->field) : item);
    }
}

/* Prints what was added, unless it is not `good`. */
static void end(struct showing *show, bool good)
{
    if (good && show->list) {
        cli_print_items(show->list);
    } else if (good) {
        cli_table_print(&show->table);
    }
    buf_fini(&show->table.cells);
    json_decref(show->list);
}

static void add_all(struct showing *show, const json_t *items)
{
    for (size_t i = 0; i < json_array_size(items); i++)
        add(json_array_get(items, i), show);
}

void cli_show_items(struct cli_session *s, const struct cli_listing *listing, const json_t *items)
{
    struct showing show;
    begin(&show, s, listing);
    add_all(&show, items);
    end(&show, true);
}

void cli_show_item(struct cli_session *s, const struct cli_listing *listing, json_t *item)
{
    struct showing show;
    if (s->cli->json) {
        json_t *same = json_incref(item);
        cli_print_json(&same);
        return;
    }
    begin(&show, s, listing);
    add(item, &show);
    end(&show, true);
}

YIELDS static bool add_whole(struct cli_session *s, str path, struct showing *show, struct err *e)
{
    json_t *found = NULL;
    if (!cli_call(s, "GET", path, NULL, &found, e))
        return false;
    add_all(show, json_object_get(found, "items"));
    json_decref(found);
    return true;
}

bool cli_show_list(struct cli_session *s, str path, const struct cli_listing *listing,
                   struct err *e)
{
    struct showing show;
    begin(&show, s, listing);
    bool ok =
        listing->has_pages ? cli_call_list(s, path, add, &show, e) : add_whole(s, path, &show, e);
    end(&show, ok);
    return ok || (s->cli->n_words > 0 ? err_wrap(e, "%s", s->cli->words[0]) : false);
}

/* ---- secrets ---- */

void cli_show_secret(const struct cli_session *s, const struct cli_secret *secret,
                     const json_t *made)
{
    str id = cli_field_text(json_object_get(made, secret->object), "id");
    str text = cli_field_text(made, secret->field);
    if (s->cli->json) {
        json_t *done = json_pack("{s:b, s:o, s:o}", "ok", 1, "id", cli_json_text(id), secret->field,
                                 cli_json_text(text));
        cli_print_json(&done);
        return;
    }
    (void)printf("%.*s\n", STR_FMT(text));
    (void)fprintf(stderr, "%s %.*s of %s; it cannot be shown again.\n", secret->what, STR_FMT(id),
                  s->cli->words[0]);
}

bool cli_end_item(struct cli_session *s, str list_path, const char *what, const char *is_done,
                  struct err *e)
{
    const char *id = s->cli->words[1];
    json_t *nothing = NULL;
    str path = arena_printf(&s->arena, "%.*s/%s", STR_FMT(list_path), cli_encode(s, id));
    if (!cli_call(s, "DELETE", path, NULL, &nothing, e))
        return err_wrap(e, "%s", id);
    json_decref(nothing);
    cli_print_done(s->cli, "id", id, "%s %s %s", what, id, is_done);
    return true;
}
