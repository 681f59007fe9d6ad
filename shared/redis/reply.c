/* SPDX-License-Identifier: Apache-2.0 */
/* hiredis' redisReader with functions of our own that build values in an arena and refuse what is
 * too big before anything is allocated for it. */
#include "redis/reply.h"

#include <hiredis/read.h>

struct reply_reader {
    redisReader *reader;
    struct arena arena;
    size_t nodes;
    bool is_given; /* the arena holds a reply that was given out */
};

/* Where the reader puts the value: into its parent's array, or a new root. */
static struct redis_value *place(const redisReadTask *task)
{
    struct reply_reader *r = task->privdata;
    if (++r->nodes > REPLY_NODES_MAX)
        return NULL;
    if (!task->parent)
        return ARENA_NEW(&r->arena, struct redis_value);
    struct redis_value *parent = task->parent->obj;
    INVARIANT(task->idx >= 0 && (size_t)task->idx < parent->n);
    return &parent->items[task->idx];
}

static void *create_string(const redisReadTask *task, char *text, size_t n)
{
    struct reply_reader *r = task->privdata;
    struct redis_value *v = place(task);
    if (!v)
        return NULL;
    v->type = REDIS_BULK;
    if (task->type == REDIS_REPLY_STATUS)
        v->type = REDIS_STATUS;
    if (task->type == REDIS_REPLY_ERROR)
        v->type = REDIS_ERROR;
    if (v->type != REDIS_BULK && n > REPLY_LINE_MAX)
        n = REPLY_LINE_MAX;
    v->text = arena_str(&r->arena, str_of(text, n));
    return v;
}

static void *create_array(const redisReadTask *task, int elements)
{
    struct reply_reader *r = task->privdata;
    if (elements < 0 || (size_t)elements > REPLY_NODES_MAX - r->nodes)
        return NULL;
    struct redis_value *v = place(task);
    if (!v)
        return NULL;
    v->type = REDIS_ARRAY;
    v->items = ARENA_ARRAY(&r->arena, struct redis_value, (size_t)elements);
    v->n = (size_t)elements;
    return v;
}

static void *create_integer(const redisReadTask *task, long long number)
{
    struct redis_value *v = place(task);
    if (!v)
        return NULL;
    v->type = REDIS_INT;
    v->number = number;
    return v;
}

static void *create_nil(const redisReadTask *task)
{
    struct redis_value *v = place(task);
    if (v)
        v->type = REDIS_NIL;
    return v;
}

/* Everything is in the arena. */
static void free_object(void *object)
{
    (void)object;
}

struct reply_reader *reply_reader_new(void)
{
    static redisReplyObjectFunctions functions = {
        .createString = create_string,
        .createArray = create_array,
        .createInteger = create_integer,
        .createNil = create_nil,
        .freeObject = free_object,
    };
    struct reply_reader *r = HEAP_NEW(struct reply_reader);
    r->reader = redisReaderCreateWithFunctions(&functions);
    INVARIANT(r->reader);
    r->reader->privdata = r;
    arena_init(&r->arena);
    return r;
}

void reply_reader_free(struct reply_reader **r)
{
    if (!*r)
        return;
    redisReaderFree((*r)->reader);
    arena_fini(&(*r)->arena);
    free(*r);
    *r = NULL;
}

bool reply_reader_feed(struct reply_reader *r, str bytes, struct err *e)
{
    /* A reply in the making is partly in the reader's buffer, partly in the arena. */
    size_t held = r->reader->len - r->reader->pos + (r->is_given ? 0 : r->arena.total);
    if (held + bytes.n > REPLY_BYTES_MAX)
        return ERR(e, ERR_LIMIT, "a Redis reply of more than %d bytes", REPLY_BYTES_MAX);
    if (redisReaderFeed(r->reader, bytes.p, bytes.n) != 0)
        return ERR(e, ERR_SYNTAX, "Redis reply: %s", r->reader->errstr);
    return true;
}

enum step reply_reader_next(struct reply_reader *r, struct redis_value *out, struct err *e)
{
    if (r->is_given) {
        arena_reset(&r->arena);
        r->nodes = 0;
        r->is_given = false;
    }
    void *found = NULL;
    if (redisReaderGetReply(r->reader, &found) != 0) {
        ERR(e, ERR_SYNTAX, "Redis reply: %s", r->reader->errstr);
        return STEP_FAIL;
    }
    if (!found)
        return STEP_END;
    r->is_given = true;
    *out = *(struct redis_value *)found;
    return STEP_ROW;
}

/* As deep as hiredis reads: 7 levels. */
static void copy_items(struct arena *a, struct redis_value *v) // NOLINT(misc-no-recursion)
{
    v->text = arena_str(a, v->text);
    struct redis_value *items = ARENA_ARRAY(a, struct redis_value, v->n);
    for (size_t i = 0; i < v->n; i++) {
        items[i] = v->items[i];
        copy_items(a, &items[i]);
    }
    v->items = items;
}

struct redis_value reply_copy(struct arena *a, const struct redis_value *v)
{
    struct redis_value copy = *v;
    copy_items(a, &copy);
    return copy;
}

enum err_kind reply_error_kind(str text)
{
    /* The server cannot serve now, or is the wrong one, or does not let us in. */
    static const str unavailable[] = {
        STR_INIT("LOADING"),     STR_INIT("READONLY"),   STR_INIT("OOM"),    STR_INIT("MOVED"),
        STR_INIT("ASK"),         STR_INIT("MASTERDOWN"), STR_INIT("NOAUTH"), STR_INIT("WRONGPASS"),
        STR_INIT("CLUSTERDOWN"), STR_INIT("MISCONF"),    STR_INIT("BUSY"),   STR_INIT("TRYAGAIN"),
        STR_INIT("NOREPLICAS"),
    };
    str word;
    str rest;
    str_cut(text, ' ', &word, &rest);
    for (size_t i = 0; i < COUNT_OF(unavailable); i++) {
        if (str_eq(word, unavailable[i]))
            return ERR_UNAVAILABLE;
    }
    return ERR_INTERNAL;
}
