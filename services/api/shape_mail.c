/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of lists. */
#include "services/api/shape_mail.h"

#include "base/map.h"
#include "mime/address.h"

/* Flags of the system as JMAP names them (RFC 8621 section 4.1.1). */
static const struct {
    unsigned flag;
    const char *keyword;
} system_flags[] = {
    { STORE_SEEN, "$seen" },
    { STORE_FLAGGED, "$flagged" },
    { STORE_ANSWERED, "$answered" },
    { STORE_DRAFT, "$draft" },
};

json_t *shape_state(int64_t modseq)
{
    return api_id(modseq);
}

/* ---- mailboxes ---- */

static const char *role_name(enum store_role role)
{
    static const char *const names[STORE_ROLE_COUNT] = {
        [STORE_ROLE_INBOX] = "inbox", [STORE_ROLE_DRAFTS] = "drafts",
        [STORE_ROLE_SENT] = "sent",   [STORE_ROLE_ARCHIVE] = "archive",
        [STORE_ROLE_JUNK] = "junk",   [STORE_ROLE_TRASH] = "trash",
    };
    return names[role];
}

bool shape_has_role(enum store_role role)
{
    return role_name(role) != NULL;
}

json_t *shape_role(enum store_role role)
{
    const char *name = role_name(role);
    return name ? json_string(name) : json_null();
}

json_t *shape_mailbox(const struct store_mailbox *box)
{
    json_t *o = json_object();
    ptrdiff_t slash = str_rfind_byte(box->name, '/');
    api_set(o, "id", api_id(box->mailbox_id));
    api_set(o, "name", api_text(str_skip(box->name, (size_t)(slash + 1))));
    api_set(o, "path", api_text(box->name));
    api_set(o, "parentId", api_id_or_null(box->parent_id));
    api_set(o, "role", shape_role(box->role));
    api_set(o, "totalMessages", json_integer(box->state.messages));
    api_set(o, "unreadMessages", json_integer(box->state.unseen));
    api_set(o, "isSubscribed", json_boolean(box->is_subscribed));
    return o;
}

json_t *shape_mailboxes(const struct store_mailboxes *boxes)
{
    json_t *list = json_array();
    for (size_t i = 0; i < boxes->n; i++)
        api_add(list, shape_mailbox(&boxes->list[i]));
    return list;
}

/* ---- messages ---- */

json_t *shape_keywords(const struct store_mail *mail)
{
    json_t *list = json_array();
    for (size_t i = 0; i < COUNT_OF(system_flags); i++) {
        if (mail->flags & system_flags[i].flag)
            api_add(list, json_string(system_flags[i].keyword));
    }
    for (size_t i = 0; i < mail->n_keywords; i++)
        api_add(list, api_text(mail->keywords[i]));
    return list;
}

static bool has_number(const int *list, size_t n, int number)
{
    for (size_t i = 0; i < n; i++) {
        if (list[i] == number)
            return true;
    }
    return false;
}

json_t *shape_mailbox_ids(const struct store_mail *mail)
{
    json_t *list = json_array();
    for (size_t i = 0; i < mail->n_places; i++) {
        if (i == 0 || mail->places[i].mailbox_id != mail->places[i - 1].mailbox_id)
            api_add(list, api_id(mail->places[i].mailbox_id));
    }
    return list;
}

static json_t *person(str name, str address)
{
    json_t *o = json_object();
    api_set(o, "name", api_text(name));
    api_set(o, "address", api_text(address));
    return o;
}

json_t *shape_message_row(const struct store_mail *mail)
{
    json_t *o = json_object();
    json_t *from = json_array();
    if (mail->from_addr.n || mail->from_name.n)
        api_add(from, person(mail->from_name, mail->from_addr));
    api_set(o, "id", api_id(mail->msg_id));
    api_set(o, "threadId", api_id(mail->thread_id));
    api_set(o, "mailboxIds", shape_mailbox_ids(mail));
    api_set(o, "keywords", shape_keywords(mail));
    api_set(o, "subject", api_text(mail->subject));
    api_set(o, "preview", api_text(mail->preview));
    api_set(o, "from", from);
    api_set(o, "receivedAt", api_time(mail->received_us));
    api_set(o, "size", json_integer((json_int_t)mail->size));
    api_set(o, "hasAttachment", json_boolean(mail->has_attachment));
    return o;
}

/* ---- conversations ---- */

static bool is_in(const struct store_mail *mail, int mailbox_id)
{
    for (size_t i = 0; i < mail->n_places; i++) {
        if (mail->places[i].mailbox_id == mailbox_id)
            return true;
    }
    return mailbox_id == 0;
}

/* The newest message in the mailbox; of all when none is there. */
static const struct store_mail *head_of(const struct store_thread *t, int mailbox_id)
{
    const struct store_mail *head = NULL;
    for (size_t i = 0; i < t->n; i++) {
        const struct store_mail *m = &t->mails[i];
        if (is_in(m, mailbox_id) && (!head || m->received_us >= head->received_us))
            head = m;
    }
    return head ? head : &t->mails[t->n - 1];
}

/* People of a row, each address once; one who comes again goes to the end. */
struct people {
    struct arena *arena;
    struct {
        str name;
        str address;
    } list[SHAPE_ROW_PEOPLE];
    size_t n;
};

static void add_person(struct people *p, str name, str address)
{
    size_t at = 0;
    if (address.n == 0 && name.n == 0)
        return;
    while (at < p->n && !str_ieq(p->list[at].address, address))
        at++;
    if (at == p->n && p->n == SHAPE_ROW_PEOPLE)
        at = 0;
    if (at < p->n) {
        memmove(&p->list[at], &p->list[at + 1], (p->n - at - 1) * sizeof(p->list[0]));
        p->n--;
    }
    p->list[p->n].name = name;
    p->list[p->n].address = address;
    p->n++;
}

/* "Ada <ada@example.org>, bob@example.org": the text that is kept of To and Cc. */
static void add_recipients(struct people *p, str to_text)
{
    struct mime_address_list list;
    mime_address_list_parse(p->arena, to_text, &list);
    for (size_t i = 0; i < list.n && i < SHAPE_ROW_PEOPLE; i++) {
        if (list.items[i].kind == MIME_ADDRESS_MAILBOX) {
            add_person(p, list.items[i].name, mime_address_spec(p->arena, &list.items[i]));
        }
    }
}

static json_t *row_people(const struct store_thread *t, const struct shape_view *view)
{
    struct people p = { .arena = view->arena };
    json_t *list = json_array();
    for (size_t i = 0; i < t->n; i++) {
        const struct store_mail *m = &t->mails[i];
        if (!view->is_outgoing) {
            add_person(&p, m->from_name, m->from_addr);
        } else if (is_in(m, view->mailbox_id)) {
            add_recipients(&p, m->to_text);
        }
    }
    for (size_t i = 0; i < p.n; i++)
        api_add(list, person(p.list[i].name, p.list[i].address));
    return list;
}

static json_t *row_message_ids(const struct store_thread *t)
{
    json_t *list = json_array();
    for (size_t i = t->n > SHAPE_ROW_IDS ? t->n - SHAPE_ROW_IDS : 0; i < t->n; i++)
        api_add(list, api_id(t->mails[i].msg_id));
    return list;
}

static json_t *row_mailbox_ids(const struct store_thread *t, struct arena *a)
{
    int *seen = ARENA_ARRAY(a, int, STORE_MAX_MAILBOXES);
    size_t n = 0;
    json_t *list = json_array();
    for (size_t i = 0; i < t->n; i++) {
        for (size_t k = 0; k < t->mails[i].n_places && n < STORE_MAX_MAILBOXES; k++) {
            int id = t->mails[i].places[k].mailbox_id;
            if (has_number(seen, n, id))
                continue;
            seen[n++] = id;
            api_add(list, api_id(id));
        }
    }
    return list;
}

static json_t *row_keywords(const struct store_thread *t)
{
    json_t *seen = json_object();
    json_t *list = json_array();
    for (size_t i = 0; i < t->n; i++) {
        for (size_t k = 0; k < t->mails[i].n_keywords; k++) {
            str name = t->mails[i].keywords[k];
            json_t *text = api_text(name);
            if (!json_object_get(seen, json_string_value(text))) {
                api_set(seen, json_string_value(text), json_true());
                json_array_append(list, text);
            }
            json_decref(text);
        }
    }
    json_decref(seen);
    return list;
}

json_t *shape_thread_row(const struct store_thread *t, const struct shape_view *view)
{
    const struct store_mail *head = head_of(t, view->mailbox_id);
    json_int_t unread = 0;
    json_int_t size = 0;
    unsigned flags = 0;
    bool has_attachment = false;
    json_t *o = json_object();
    for (size_t i = 0; i < t->n; i++) {
        const struct store_mail *m = &t->mails[i];
        unread += !(m->flags & (STORE_SEEN | STORE_DRAFT));
        flags |= m->flags;
        has_attachment = has_attachment || m->has_attachment;
        size += (json_int_t)m->size;
    }
    api_set(o, "id", api_id(t->thread_id));
    api_set(o, "subject", api_text(head->subject));
    api_set(o, "preview", api_text(head->preview));
    api_set(o, "from", row_people(t, view));
    api_set(o, "receivedAt", api_time(head->received_us));
    api_set(o, "messageIds", row_message_ids(t));
    api_set(o, "messageCount", json_integer((json_int_t)t->n));
    api_set(o, "unreadCount", json_integer(unread));
    api_set(o, "isFlagged", json_boolean(flags & STORE_FLAGGED));
    api_set(o, "isAnswered", json_boolean(t->mails[t->n - 1].flags & STORE_ANSWERED));
    api_set(o, "hasAttachment", json_boolean(has_attachment));
    api_set(o, "hasDraft", json_boolean(flags & STORE_DRAFT));
    api_set(o, "keywords", row_keywords(t));
    api_set(o, "mailboxIds", row_mailbox_ids(t, view->arena));
    api_set(o, "size", json_integer(size));
    return o;
}
