/* SPDX-License-Identifier: Apache-2.0 */
/* Keywords of JMAP to flags of IMAP (RFC 8621 section 4.1.1). */
#include "services/api/keyword_patch.h"

static const struct {
    const char *keyword;
    unsigned flag;
} system_flags[] = {
    { "$seen", STORE_SEEN },
    { "$flagged", STORE_FLAGGED },
    { "$answered", STORE_ANSWERED },
    { "$draft", STORE_DRAFT },
};

static unsigned flag_of(str keyword)
{
    for (size_t i = 0; i < COUNT_OF(system_flags); i++) {
        if (str_ieq(keyword, str_from_cstr(system_flags[i].keyword)))
            return system_flags[i].flag;
    }
    return 0;
}

bool keyword_patch_read(struct api_call *call, const json_t *patch,
                        struct store_mail_change *change)
{
    size_t n = json_object_size(patch);
    str *set = ARENA_ARRAY(call->arena, str, n + 1);
    str *clear = ARENA_ARRAY(call->arena, str, n + 1);
    const char *key;
    json_t *value;
    change->act = STORE_MAIL_FLAGS;
    /* The macro needs a pointer that is not const; nothing is written. */
    json_t *object = json_deep_copy(patch);
    json_object_foreach(object, key, value)
    {
        unsigned flag = flag_of(str_from_cstr(key));
        bool wanted = json_is_true(value);
        if (flag) {
            *(wanted ? &change->set_flags : &change->clear_flags) |= flag;
        } else if (wanted) {
            set[change->n_set_keywords++] = arena_str(call->arena, str_from_cstr(key));
        } else {
            clear[change->n_clear_keywords++] = arena_str(call->arena, str_from_cstr(key));
        }
    }
    json_decref(object);
    change->set_keywords = set;
    change->clear_keywords = clear;
    return true;
}

bool move_read(struct api_call *call, const json_t *move, struct store_mail_change *change)
{
    int64_t from = api_get_id(move, "from");
    int64_t to = api_get_id(move, "to");
    change->act = STORE_MAIL_MOVE;
    if (to > INT32_MAX || to == 0)
        return call_field_problem(call, "invalid-fields", "/move/to", "is no mailbox");
    if (from > INT32_MAX)
        return call_field_problem(call, "invalid-fields", "/move/from", "is no mailbox");
    change->from_mailbox_id = (int)from;
    change->to_mailbox_id = (int)to;
    return true;
}
