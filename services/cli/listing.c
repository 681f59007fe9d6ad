/* SPDX-License-Identifier: Apache-2.0 */
/* Items to rows or to JSON. */
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

/* ---- items ---- */

/* Where the items of a list go. */
struct showing {
    const struct cli_listing *listing;
    struct cli_table table;
    json_t *list; /* NULL: a table is wanted */
};

static json_t *json_of(const struct cli_listing *l, json_t *item)
{
    if (l->is_raw)
        return json_incref(item);
    json_t *one = json_object();
    for (size_t i = 0; i < l->n; i++) {
        const struct cli_column *c = &l->columns[i];
        json_t *value = json_object_get(item, c->field);
        if (c->name && c->cell == cli_cell_time) {
            (void)json_object_set_new(one, c->name, cli_json_time(cli_time_of(value)));
        } else if (c->name) {
            (void)json_object_set(one, c->name, value);
        }
    }
    return one;
}

static void begin(struct showing *show, struct cli_session *s, const struct cli_listing *l)
{
    const char **titles = ARENA_ARRAY(&s->arena, const char *, l->n);
    size_t n = 0;
    for (size_t i = 0; i < l->n; i++) {
        if (l->columns[i].title)
            titles[n++] = l->columns[i].title;
    }
    *show = (struct showing){ .listing = l, .list = s->cli->json ? json_array() : NULL };
    cli_table_init(&show->table, titles, n);
}

static void add(json_t *item, void *arg)
{
    struct showing *show = arg;
    const struct cli_listing *l = show->listing;
    if (show->list) {
        (void)json_array_append_new(show->list, json_of(l, item));
        return;
    }
    for (size_t i = 0; i < l->n; i++) {
        if (l->columns[i].title)
            l->columns[i].cell(&show->table, json_object_get(item, l->columns[i].field));
    }
}

/* Prints what was added, unless it is not `good`. */
static void end(struct showing *show, bool good)
{
    if (good && show->list) {
        json_t *root = json_pack("{s:O}", show->listing->name, show->list);
        cli_print_json(&root);
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
    begin(&show, s, listing);
    add(item, &show);
    if (show.list) {
        json_t *one = json_incref(json_array_get(show.list, 0));
        cli_print_json(&one);
    }
    end(&show, !show.list);
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
