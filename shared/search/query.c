/* SPDX-License-Identifier: Apache-2.0 */
/* Writes a tree of words as a tsquery. Recursive, at most SEARCH_MAX_DEPTH deep; every count is
 * checked before its text is made. */
#include "search/query.h"

#include "base/utf8.h"
#include "search/document.h"
#include "search/lexeme.h"
#include "search/tokens.h"

struct query_writer {
    struct arena *a;
    unsigned nodes;
    unsigned words;
    unsigned prefixes;
    struct err *e;
};

/* A word of a leaf. */
struct leaf_word {
    str text;        /* folded */
    const char *end; /* in the normal text */
    unsigned position;
    bool prefix;
    bool joined; /* follows the one before directly, whatever the match: bigrams of one run */
};

struct leaf {
    struct leaf_word words[SEARCH_MAX_WORDS];
    size_t n;
};

static bool add_word(struct query_writer *w, struct leaf *leaf, const struct search_token *token,
                     bool joined)
{
    if (++w->words > SEARCH_MAX_WORDS)
        return ERR(w->e, ERR_LIMIT, "search for more than %d words", SEARCH_MAX_WORDS);
    leaf->words[leaf->n++] = (struct leaf_word){ .text = utf8_cut(search_fold(w->a, token->text),
                                                                  SEARCH_MAX_TOKEN_BYTES),
                                                 .end = token->text.p + token->text.n,
                                                 .position = token->position,
                                                 .joined = joined };
    return true;
}

static bool set_prefix(struct query_writer *w, struct leaf_word *word)
{
    word->prefix = true;
    if (++w->prefixes > SEARCH_MAX_PREFIXES)
        return ERR(w->e, ERR_LIMIT, "search for more than %d beginnings", SEARCH_MAX_PREFIXES);
    return true;
}

static bool overlaps(const struct leaf *leaf, const struct search_token *token)
{
    const struct leaf_word *last = leaf->n ? &leaf->words[leaf->n - 1] : NULL;
    return last && token->text.p < last->end;
}

/* The words of a leaf: an address as a whole instead of its parts; bigrams without the single at
 * the end of their run; a single alone as the beginning of a bigram. */
static bool read_words(struct query_writer *w, str text, struct leaf *leaf)
{
    struct search_tokenizer t;
    struct search_token token;
    search_tokenizer_init(&t, text);
    while (search_tokenizer_next(&t, &token)) {
        bool within = overlaps(leaf, &token);
        if (within && token.kind != SEARCH_TOKEN_BIGRAM)
            continue;
        if (!add_word(w, leaf, &token, within))
            return false;
        if (token.kind == SEARCH_TOKEN_SINGLE && !set_prefix(w, &leaf->words[leaf->n - 1]))
            return false;
    }
    return true;
}

static void write_words(struct buf *out, const struct leaf *leaf, const char *mark,
                        const char *weights, bool phrase)
{
    for (size_t i = 0; i < leaf->n; i++) {
        const struct leaf_word *word = &leaf->words[i];
        if (i && (phrase || (word->joined && mark[0] == '\0'))) {
            (void)buf_addf(out, " <%u> ", word->position - leaf->words[i - 1].position);
        } else if (i) {
            (void)buf_add(out, STR(" & "));
        }
        (void)search_lexeme_add_folded(out, mark, word->text, word->prefix, weights);
    }
}

static bool write_leaf(struct query_writer *w, const struct search_node *node, struct buf *out)
{
    struct leaf *leaf = ARENA_NEW(w->a, struct leaf);
    unsigned fields = node->fields ? node->fields : SEARCH_FIELD_ANY;
    str text = search_normalize(w->a, str_slice(node->text, 0, SEARCH_MAX_QUERY_BYTES));
    if (!read_words(w, text, leaf))
        return false;
    struct leaf_word *last = leaf->n ? &leaf->words[leaf->n - 1] : NULL;
    bool wants_prefix = last && node->match == SEARCH_MATCH_PREFIX && !last->prefix &&
                        utf8_count(last->text) >= SEARCH_MIN_PREFIX_CHARS;
    if (wants_prefix && !set_prefix(w, last))
        return false;
    if (leaf->n == 0)
        return true;
    (void)buf_add_byte(out, '(');
    if (fields & 15) {
        write_words(out, leaf, "", search_lexeme_weights(fields),
                    node->match == SEARCH_MATCH_PHRASE);
    }
    if ((fields & 15) && (fields & SEARCH_FIELD_HEADERS))
        (void)buf_add(out, STR(" | "));
    if (fields & SEARCH_FIELD_HEADERS)
        write_words(out, leaf, SEARCH_HEADER_MARK, "", false);
    return buf_add_byte(out, ')') || ERR(w->e, ERR_LIMIT, "search text is too long");
}

static bool write_node(struct query_writer *w, const struct search_node *node, unsigned depth,
                       struct buf *out);

/* Children that hold no word are left out, as if they were not asked for. */
static bool write_children(struct query_writer *w, const struct search_node *node, unsigned depth,
                           struct buf *out)
{
    size_t start = out->n;
    for (const struct search_node *child = node->first; child; child = child->next) {
        size_t before = out->n;
        (void)buf_add(out, before == start         ? STR("(")
                           : node->op == SEARCH_OR ? STR(" | ")
                                                   : STR(" & "));
        size_t written = out->n;
        if (!write_node(w, child, depth + 1, out))
            return false;
        if (out->n == written)
            buf_truncate(out, before);
    }
    return out->n == start || buf_add_byte(out, ')') ||
           ERR(w->e, ERR_LIMIT, "search text is too long");
}

static bool write_not(struct query_writer *w, const struct search_node *node, unsigned depth,
                      struct buf *out)
{
    size_t start = out->n;
    (void)buf_add_byte(out, '!');
    size_t written = out->n;
    if (!write_children(w, node, depth, out))
        return false;
    if (out->n == written)
        buf_truncate(out, start);
    return true;
}

static bool write_node(struct query_writer *w, const struct search_node *node, unsigned depth,
                       struct buf *out)
{
    if (++w->nodes > SEARCH_MAX_NODES || depth > SEARCH_MAX_DEPTH)
        return ERR(w->e, ERR_LIMIT, "search has too many terms or is nested too deeply");
    switch (node->op) {
    case SEARCH_AND:
    case SEARCH_OR:
        return write_children(w, node, depth, out);
    case SEARCH_NOT:
        return write_not(w, node, depth, out);
    case SEARCH_WORDS:
        return write_leaf(w, node, out);
    }
    return false;
}

bool search_query_format(struct arena *a, const struct search_node *root, str *out, struct err *e)
{
    struct query_writer w = { .a = a, .e = e };
    struct buf text;
    buf_init(&text, SEARCH_MAX_QUERY_BYTES);
    bool ok = write_node(&w, root, 1, &text);
    if (ok && text.n == text.max)
        ok = ERR(e, ERR_LIMIT, "search text is too long");
    if (ok)
        *out = arena_str(a, buf_str(&text));
    buf_fini(&text);
    return ok;
}
