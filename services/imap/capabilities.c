/* SPDX-License-Identifier: Apache-2.0 */
/* CAPABILITY: words of the table of commands, and those that belong to no command. */
#include "services/imap/commands.h"

/* In front of all others. */
static const struct imap_capability general[] = {
    { "IMAP4rev1", .rfc = 3501, .when = IMAP_ALWAYS },
    { "IMAP4rev2", .rfc = 9051, .when = IMAP_ALWAYS },
    { "LITERAL+", .rfc = 7888, .when = IMAP_ALWAYS },
};

/* ---- all words, one after the other ---- */

struct cursor {
    size_t general;
    size_t row;
    size_t word;
    const struct imap_command_entry *entry; /* of the word just read; NULL: of none */
};

/* The next word, NULL after the last one. */
static const struct imap_capability *next_word(struct cursor *at)
{
    at->entry = NULL;
    if (at->general < COUNT_OF(general))
        return &general[at->general++];
    for (; (at->entry = imap_command_at(at->row)); at->row++, at->word = 0) {
        bool is_there = at->word < IMAP_ROW_WORDS_MAX && at->entry->words[at->word].word;
        if (is_there)
            return &at->entry->words[at->word++];
    }
    return NULL;
}

/* When the word is listed, as bits. */
static unsigned times_of(const struct imap_capability *c, const struct imap_command_entry *entry)
{
    if (c->when || !entry)
        return c->when;
    unsigned when = entry->states & IMAP_NOT_AUTHENTICATED ? IMAP_BEFORE_LOGIN : 0;
    return entry->states & (IMAP_AUTHENTICATED | IMAP_SELECTED) ? when | IMAP_AFTER_LOGIN : when;
}

static unsigned time_of(const struct imap_session *s)
{
    if (s->state != IMAP_NOT_AUTHENTICATED)
        return IMAP_AFTER_LOGIN;
    return net_conn_tls(s->conn) ? IMAP_BEFORE_WITH_TLS : IMAP_BEFORE_WITHOUT_TLS;
}

/* STARTTLS needs a certificate. */
static bool is_possible(const struct imap_session *s, const struct imap_command_entry *entry)
{
    return !entry || entry->run != imap_cmd_starttls || s->app->tls;
}

static bool is_set_up(const struct imap_session *s, const struct imap_capability *c)
{
    const struct config *config = s->app->config;
    return (!c->only_with || config_int(config, c->only_with) != 0) &&
           (!c->only_without || config_int(config, c->only_without) == 0);
}

bool imap_capabilities_format(const struct imap_session *s, struct buf *out)
{
    struct cursor at = { .row = 0 };
    const struct imap_capability *c;
    unsigned now = time_of(s);
    bool ok = true;
    for (bool is_first = true; (c = next_word(&at));) {
        if (!(times_of(c, at.entry) & now) || !is_possible(s, at.entry) || !is_set_up(s, c))
            continue;
        ok = ok && buf_addf(out, is_first ? "%s" : " %s", c->word);
        if (c->value)
            ok = ok && buf_addf(out, "%lld", (long long)config_int(s->app->config, c->value));
        is_first = false;
    }
    return ok;
}

/* ---- for the operator ---- */

bool imap_capability_describe(size_t n, struct app_capability *out)
{
    struct cursor at = { .row = 0 };
    const struct imap_capability *c = next_word(&at);
    for (size_t i = 0; c && i < n; i++)
        c = next_word(&at);
    if (!c)
        return false;
    unsigned when = times_of(c, at.entry);
    *out = (struct app_capability){ .word = c->word,
                                    .rfc = c->rfc,
                                    .command = at.entry ? at.entry->name : STR_EMPTY,
                                    .before_tls = when & IMAP_BEFORE_WITHOUT_TLS,
                                    .before_login = when & IMAP_BEFORE_WITH_TLS,
                                    .after_login = when & IMAP_AFTER_LOGIN,
                                    .is_optional = c->only_with || c->only_without };
    return true;
}

bool imap_command_describe(size_t n, struct app_command *out)
{
    static const struct {
        enum imap_state state;
        const char *name;
    } states[] = {
        { IMAP_NOT_AUTHENTICATED, "not-authenticated" },
        { IMAP_AUTHENTICATED, "authenticated" },
        { IMAP_SELECTED, "selected" },
    };
    const struct imap_command_entry *entry = imap_command_at(n);
    if (!entry)
        return false;
    *out = (struct app_command){ .name = entry->name,
                                 .rfc = entry->rfc,
                                 .has_uid_form = entry->flags & IMAP_HAS_UID_FORM };
    for (size_t i = 0; i < COUNT_OF(states); i++) {
        if (entry->states & states[i].state)
            out->states[i] = states[i].name;
    }
    return true;
}
