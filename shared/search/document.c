/* SPDX-License-Identifier: Apache-2.0 */
/* Gathers the words of a message with their places, and writes them as a tsvector. The limits are
 * PostgreSQL's (src/include/tsearch/ts_type.h): a document that passes one is marked, so that
 * searches know what it cannot say. */
#include "search/document.h"

#include "base/map.h"
#include "base/utf8.h"
#include "mime/mime.h"
#include "search/lexeme.h"
#include "search/query.h"
#include "search/tokens.h"

struct place {
    uint16_t position;
    char weight;
};

struct entry {
    str word;             /* with FOLD_MARK when it is folded */
    struct entry *next;   /* in the order of their first places */
    struct entry *folded; /* the same word, folded; NULL: that is no other one */
    struct place *places;
    size_t n;
    size_t room;
    unsigned weights; /* bit set of SEARCH_FIELD_* that have a place */
    bool in_headers;
};

struct builder {
    struct arena *a;
    struct map words; /* str -> struct entry */
    struct entry *first;
    struct entry **last;
    unsigned position;
    size_t bytes; /* of lexemes and positions, as PostgreSQL counts */
    bool cut;
    bool positions_cut;
};

static char weight_of(unsigned field)
{
    return (char)(field == SEARCH_FIELD_SUBJECT ? 'A'
                  : field == SEARCH_FIELD_FROM  ? 'B'
                  : field == SEARCH_FIELD_TO    ? 'C'
                                                : 'D');
}

static struct entry *find_entry(struct builder *b, str word)
{
    struct entry *entry = map_find(&b->words, word);
    if (entry)
        return entry;
    if (b->words.n >= SEARCH_MAX_WORDS_PER_DOCUMENT ||
        b->bytes + word.n + 8 > SEARCH_MAX_DOCUMENT_BYTES) {
        b->cut = true;
        return NULL;
    }
    entry = ARENA_NEW(b->a, struct entry);
    entry->word = arena_str(b->a, word);
    (void)map_put(&b->words, entry->word, entry, NULL);
    b->bytes += word.n + 8;
    *b->last = entry;
    b->last = &entry->next;
    return entry;
}

static struct entry *find_folded(struct builder *b, str word)
{
    struct arena scratch;
    struct entry *entry = NULL;
    arena_init(&scratch);
    str folded = utf8_cut(search_fold(&scratch, word), SEARCH_MAX_TOKEN_BYTES);
    if (folded.n && !str_eq(folded, word)) {
        entry = find_entry(b, arena_printf(&scratch, "%s%.*s", SEARCH_FOLD_MARK, STR_FMT(folded)));
    }
    arena_fini(&scratch);
    return entry;
}

/* The entry of a word of a text; NULL when there is no room. */
static struct entry *find_word(struct builder *b, str word)
{
    size_t known = b->words.n;
    struct entry *entry = find_entry(b, word);
    if (entry && b->words.n > known)
        entry->folded = find_folded(b, word);
    return entry;
}

static bool grow(struct builder *b, struct entry *entry)
{
    if (entry->n < entry->room)
        return true;
    size_t room = entry->room ? entry->room * 2 : 2;
    if (room > SEARCH_MAX_POSITIONS)
        room = SEARCH_MAX_POSITIONS;
    if (entry->n >= room || b->bytes + 2 * (room - entry->n) > SEARCH_MAX_DOCUMENT_BYTES)
        return false;
    b->bytes += 2 * (room - entry->n);
    struct place *places = ARENA_ARRAY(b->a, struct place, room);
    if (entry->n)
        memcpy(places, entry->places, entry->n * sizeof(*places));
    entry->places = places;
    entry->room = room;
    return true;
}

/* A word that has no room for a place of a field it was not seen in yet gives up its last place:
 * that it stands in the field matters more than where. */
static void add_place(struct builder *b, struct entry *entry, unsigned field, unsigned position)
{
    uint16_t kept = (uint16_t)(position < SEARCH_MAX_POSITION ? position : SEARCH_MAX_POSITION);
    struct place place = { kept, weight_of(field) };
    b->positions_cut = b->positions_cut || position >= SEARCH_MAX_POSITION;
    bool last_place = kept == SEARCH_MAX_POSITION && (entry->weights & field);
    if (last_place)
        return;
    if (grow(b, entry)) {
        entry->places[entry->n++] = place;
    } else {
        b->positions_cut = true;
        if (entry->weights & field)
            return;
        if (entry->n == 0) {
            b->cut = true;
            return;
        }
        entry->places[entry->n - 1] = place;
    }
    entry->weights |= field;
}

static void add_token(struct builder *b, struct entry *entry, unsigned field,
                      const struct search_token *token)
{
    if (field != SEARCH_FIELD_HEADERS) {
        add_place(b, entry, field, token->position);
        return;
    }
    b->bytes += entry->in_headers ? 0 : entry->word.n + 8;
    entry->in_headers = true;
}

static void add_text(unsigned field, str normal_text, void *arg)
{
    enum {
        GAP = 8 /* between texts, so that no phrase reaches from one into the next */
    };
    struct builder *b = arg;
    struct search_tokenizer t;
    struct search_token token;
    if (field == SEARCH_TEXT_WHOLE)
        return;
    search_tokenizer_init(&t, normal_text);
    t.position = b->position;
    while (search_tokenizer_next(&t, &token)) {
        struct entry *entry = find_word(b, token.text);
        b->cut = b->cut || token.cut;
        for (; entry; entry = entry->folded)
            add_token(b, entry, field, &token);
    }
    if (field != SEARCH_FIELD_HEADERS)
        b->position = t.position + GAP;
}

/* ---- writing ---- */

static void add_lexeme(struct buf *out, const char *mark, str word)
{
    if (out->n)
        (void)buf_add_byte(out, ' ');
    (void)search_lexeme_add(out, mark, word);
}

static void add_entry(struct buf *out, const struct entry *entry)
{
    if (entry->in_headers)
        add_lexeme(out, SEARCH_HEADER_MARK, entry->word);
    if (entry->n == 0)
        return;
    add_lexeme(out, "", entry->word);
    for (size_t i = 0; i < entry->n; i++) {
        (void)buf_add_byte(out, i ? ',' : ':');
        (void)buf_add_uint(out, entry->places[i].position);
        (void)buf_add_byte(out, entry->places[i].weight);
    }
}

static int by_bytes(const void *left, const void *right)
{
    const str *l = left, *r = right;
    return str_cmp(*l, *r);
}

/* The words without their marks, in byte order, each once. */
static void list_words(const struct builder *b, struct search_document *out)
{
    str *words = ARENA_ARRAY(b->a, str, b->words.n + 1);
    size_t n = 0;
    for (const struct entry *entry = b->first; entry; entry = entry->next) {
        bool is_folded = str_has_prefix(entry->word, STR(SEARCH_FOLD_MARK));
        words[n++] = str_skip(entry->word, is_folded ? sizeof(SEARCH_FOLD_MARK) - 1 : 0);
    }
    qsort(words, n, sizeof(*words), by_bytes);
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || !str_eq(words[i], words[out->n_words - 1]))
            words[out->n_words++] = words[i];
    }
    out->words = words;
}

static void write_document(const struct builder *b, struct search_document *out)
{
    struct buf text;
    /* A word takes at most twice its bytes and a few, a place at most 7 characters. */
    buf_init(&text, SEARCH_MAX_DOCUMENT_BYTES * 8UL);
    for (const struct entry *entry = b->first; entry; entry = entry->next)
        add_entry(&text, entry);
    if (b->cut)
        add_lexeme(&text, "", STR(SEARCH_CUT_MARK));
    if (b->cut || b->positions_cut)
        add_lexeme(&text, "", STR(SEARCH_POSITION_MARK));
    list_words(b, out);
    out->tsvector = arena_str(b->a, buf_str(&text));
    out->cut = b->cut;
    buf_fini(&text);
}

void search_document_make(struct arena *a, str message, struct search_document *out)
{
    struct builder b = { .a = a };
    b.last = &b.first;
    map_init(&b.words, SEARCH_MAX_WORDS_PER_DOCUMENT);
    b.cut = !search_message_texts(message, MIME_MAX_TEXT_BYTES, add_text, &b);
    *out = (struct search_document){ 0 };
    write_document(&b, out);
    map_fini(&b.words);
}
