/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the answers of hooks. */
#include "hook/answer.h"

#include <jansson.h>

struct reading {
    struct arena *a;
    struct hook_answer *out;
};

static str text_of(const struct reading *r, const json_t *o, const char *key)
{
    const json_t *value = json_object_get(o, key);
    if (!json_is_string(value))
        return STR_EMPTY;
    return arena_str(r->a, str_of(json_string_value(value), json_string_length(value)));
}

/* ---- modifications ---- */

static bool read_recipient(const struct reading *r, enum milter_envelope_kind kind, str address,
                           struct err *e)
{
    struct smtp_path path;
    if (!milter_path_parse(r->a, address, SMTP_FORWARD_PATH, &path, e))
        return false;
    address = smtp_path_text(&path, r->a);
    if (path.is_postmaster || address.n > HOOK_ADDRESS_MAX)
        return ERR(e, ERR_SYNTAX, "a recipient that is no address");
    r->out->moves[r->out->n_moves++] =
        (struct milter_envelope_change){ .kind = kind, .address = address };
    return true;
}

static bool read_change(const struct reading *r, const json_t *o, enum milter_change_kind kind,
                        bool has_value, struct err *e)
{
    const json_t *index = json_object_get(o, "index");
    json_int_t at = json_is_integer(index) ? json_integer_value(index) : kind == MILTER_CHANGE;
    const struct milter_change change = {
        .kind = kind,
        .index = (uint32_t)at,
        .name = text_of(r, o, "name"),
        .value = has_value ? text_of(r, o, "value") : STR_EMPTY,
    };
    if (at < 0 || at > INT32_MAX || !milter_is_field_name(change.name) ||
        (has_value && change.value.n == 0))
        return ERR(e, ERR_SYNTAX, "a change of the header that names no field, or no value");
    r->out->changes[r->out->n_changes++] = change;
    return true;
}

static bool read_modification(const struct reading *r, const json_t *o, struct err *e)
{
    static const struct {
        str type;
        enum milter_change_kind kind;
        bool has_value;
    } kinds[] = {
        { STR_INIT("addHeader"), MILTER_ADD, true },
        { STR_INIT("insertHeader"), MILTER_INSERT, true },
        { STR_INIT("changeHeader"), MILTER_CHANGE, true },
        { STR_INIT("deleteHeader"), MILTER_CHANGE, false },
    };
    str type = text_of(r, o, "type");
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (str_eq(type, kinds[i].type))
            return read_change(r, o, kinds[i].kind, kinds[i].has_value, e);
    }
    if (str_eq(type, STR("addRecipient")))
        return read_recipient(r, MILTER_ADD_RECIPIENT, text_of(r, o, "value"), e);
    if (str_eq(type, STR("deleteRecipient")))
        return read_recipient(r, MILTER_REMOVE_RECIPIENT, text_of(r, o, "value"), e);
    return ERR(e, ERR_SYNTAX, "a modification of a type that we do not know");
}

static bool read_modifications(const struct reading *r, const json_t *list, struct err *e)
{
    size_t n = json_array_size(list);
    if (list && !json_is_array(list) && !json_is_null(list))
        return ERR(e, ERR_SYNTAX, "modifications are no list");
    if (n > HOOK_CHANGES_MAX)
        return ERR(e, ERR_LIMIT, "more than %d modifications", HOOK_CHANGES_MAX);
    r->out->changes = ARENA_ARRAY(r->a, struct milter_change, n + 1);
    r->out->moves = ARENA_ARRAY(r->a, struct milter_envelope_change, n + 1);
    for (size_t i = 0; i < n; i++) {
        if (!read_modification(r, json_array_get(list, i), e))
            return false;
    }
    return true;
}

/* ---- the answer ---- */

static bool read_action(const struct reading *r, const json_t *o, struct err *e)
{
    static const str names[] = {
        [HOOK_ACCEPT] = STR_INIT("accept"),
        [HOOK_REJECT] = STR_INIT("reject"),
        [HOOK_QUARANTINE] = STR_INIT("quarantine"),
        [HOOK_DISCARD] = STR_INIT("discard"),
    };
    str action = text_of(r, o, "action");
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (str_eq(action, names[i])) {
            r->out->action = (enum hook_action)i;
            return true;
        }
    }
    return ERR(e, ERR_SYNTAX, "an action that we do not know");
}

static bool read_response(const struct reading *r, const json_t *o, struct err *e)
{
    const json_t *response = json_object_get(o, "response");
    const json_t *status = json_object_get(response, "status");
    r->out->text = milter_clean_text(r->a, text_of(r, response, "message"));
    if (r->out->action != HOOK_REJECT || !status)
        return true;
    json_int_t code = json_integer_value(status);
    if (code < 400 || code > 599)
        return ERR(e, ERR_SYNTAX, "a status that refuses nothing");
    r->out->is_later = code < 500;
    return true;
}

static bool is_too_deep(str json)
{
    size_t depth = 0;
    bool in_text = false;
    for (size_t i = 0; i < json.n; i++) {
        char c = json.p[i];
        if (in_text && c == '\\') {
            i++;
        } else if (c == '"') {
            in_text = !in_text;
        } else if (!in_text && (c == '{' || c == '[')) {
            if (++depth > HOOK_DEPTH_MAX)
                return true;
        } else if (!in_text && (c == '}' || c == ']')) {
            depth -= depth > 0;
        }
    }
    return false;
}

bool hook_answer_parse(struct arena *a, str json, struct hook_answer *out, struct err *e)
{
    const struct reading r = { a, out };
    *out = (struct hook_answer){ .action = HOOK_ACCEPT };
    if (json.n > HOOK_ANSWER_MAX || is_too_deep(json))
        return ERR(e, ERR_LIMIT, "an answer that is too long or too deep");
    json_t *o = json_loadb(json.p, json.n, JSON_REJECT_DUPLICATES, NULL);
    bool ok = json_is_object(o) || ERR(e, ERR_SYNTAX, "an answer that is no JSON object");
    ok = ok && read_action(&r, o, e) && read_response(&r, o, e) &&
         read_modifications(&r, json_object_get(o, "modifications"), e);
    json_decref(o);
    return ok;
}

bool hook_answer_is_of_recipient(const struct hook_answer *answer)
{
    return answer->action == HOOK_ACCEPT || answer->action == HOOK_REJECT;
}
