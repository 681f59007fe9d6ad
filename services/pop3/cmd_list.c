/* SPDX-License-Identifier: Apache-2.0 */
/* STAT, LIST, UIDL, DELE and RSET: what the maildrop holds, without its texts. */
#include "services/pop3/commands.h"
#include "services/pop3/maildrop.h"

enum {
    CHUNK = 32 * 1024, /* octets of a list that are sent at a time */
    LINE_MAX_OCTETS = 64
};

/* Appends what a list says of a message behind its number. */
typedef void (*describe_fn)(const struct pop3_maildrop *d, const struct pop3_message *m,
                            struct buf *out);

static void describe_size(const struct pop3_maildrop *d, const struct pop3_message *m,
                          struct buf *out)
{
    (void)d;
    (void)buf_add_uint(out, m->octets);
}

/* The same on every frontend and in every session, until a restore gives the mailbox another
 * UIDVALIDITY (RFC 1939 section 7: 1 to 70 characters). */
static void describe_uid(const struct pop3_maildrop *d, const struct pop3_message *m,
                         struct buf *out)
{
    (void)buf_addf(out, "%08x%08x", (unsigned)m->uid, (unsigned)d->uidvalidity);
}

/* The message that an argument names; NULL: it was answered. Yields. */
static struct pop3_message *named(struct pop3_session *s, str argument)
{
    uint32_t number = 0;
    struct err e = ERR_CLEAR;
    if (!pop3_number_parse(argument, &number, &e)) {
        pop3_bad(s, "A message number is 1 or more");
        return NULL;
    }
    struct pop3_message *m = pop3_maildrop_find(s->maildrop, number);
    if (!m)
        pop3_err(s, "", "There is no such message");
    return m;
}

static void add_line(const struct pop3_maildrop *d, const struct pop3_message *m,
                     describe_fn describe, struct buf *out)
{
    (void)buf_add_uint(out, (uint64_t)(m - d->messages) + 1);
    (void)buf_add_byte(out, ' ');
    describe(d, m, out);
    (void)buf_add(out, STR("\r\n"));
}

static void list_all(struct pop3_session *s, describe_fn describe)
{
    const struct pop3_maildrop *d = s->maildrop;
    struct buf out;
    bool ok = true;
    pop3_ok(s, "%zu messages (%llu octets)", d->left, (unsigned long long)d->left_octets);
    buf_init(&out, CHUNK + LINE_MAX_OCTETS);
    for (size_t i = 0; ok && i < d->n; i++) {
        if (!d->messages[i].is_deleted)
            add_line(d, &d->messages[i], describe, &out);
        if (out.n < CHUNK)
            continue;
        ok = pop3_send(s, buf_str(&out));
        buf_clear(&out);
    }
    (void)buf_add(&out, STR(".\r\n"));
    (void)(ok && pop3_send(s, buf_str(&out)));
    buf_fini(&out);
}

static void list(struct pop3_session *s, str argument, describe_fn describe)
{
    struct buf out;
    if (str_trim(argument).n == 0) {
        list_all(s, describe);
        return;
    }
    const struct pop3_message *m = named(s, argument);
    if (!m)
        return;
    buf_init(&out, LINE_MAX_OCTETS);
    (void)buf_add(&out, STR("+OK "));
    add_line(s->maildrop, m, describe, &out);
    (void)pop3_send(s, buf_str(&out));
    buf_fini(&out);
}

void pop3_cmd_stat(struct pop3_session *s, str argument)
{
    (void)argument;
    pop3_ok(s, "%zu %llu", s->maildrop->left, (unsigned long long)s->maildrop->left_octets);
}

void pop3_cmd_list(struct pop3_session *s, str argument)
{
    list(s, argument, describe_size);
}

void pop3_cmd_uidl(struct pop3_session *s, str argument)
{
    list(s, argument, describe_uid);
}

void pop3_cmd_dele(struct pop3_session *s, str argument)
{
    struct pop3_message *m = named(s, argument);
    if (!m)
        return;
    m->is_deleted = true;
    s->maildrop->left--;
    s->maildrop->left_octets -= m->octets;
    pop3_ok(s, "It will be deleted at QUIT");
}

void pop3_cmd_rset(struct pop3_session *s, str argument)
{
    struct pop3_maildrop *d = s->maildrop;
    (void)argument;
    for (size_t i = 0; i < d->n; i++) {
        if (!d->messages[i].is_deleted)
            continue;
        d->messages[i].is_deleted = false;
        d->left++;
        d->left_octets += d->messages[i].octets;
    }
    pop3_ok(s, "%zu messages (%llu octets)", d->left, (unsigned long long)d->left_octets);
}
