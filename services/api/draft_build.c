/* SPDX-License-Identifier: Apache-2.0 */
/* Gathers people, files and the answered message, and has the message made in the offload pool. */
#include "services/api/draft_build.h"

#include "account/profile.h"
#include "config/config.h"
#include "crypto/random.h"
#include "mime/header.h"
#include "mime/message_id.h"
#include "services/api/api.h"
#include "services/api/download.h"
#include "store/mail.h"
#include "wire/smtp_path.h"

#include <stdlib.h>

enum {
    RECIPIENTS_MAX = 1000,
    FILES_MAX = 200,
    REFERENCES_MAX = 100
};

struct build {
    struct api_call *call;
    const json_t *input;
    struct draft_built *out;
    struct compose_content content;
    str *recipients;
    struct compose_file *files;
    str *uploads;
    json_t *kept_files; /* of the document; borrowed from it */
};

/* ---- people ---- */

static bool fail_field(struct api_call *call, const char *field, size_t i, const char *detail)
{
    str pointer = arena_printf(call->arena, "/%s/%zu/address", field, i);
    return call_field_problem(call, "invalid-fields", arena_cstr(call->arena, pointer), detail);
}

static bool add_recipient(struct build *b, str address)
{
    for (size_t i = 0; i < b->out->n_recipients; i++) {
        if (str_ieq(b->recipients[i], address))
            return true;
    }
    if (b->out->n_recipients == RECIPIENTS_MAX)
        return false;
    b->recipients[b->out->n_recipients++] = address;
    return true;
}

static bool is_ascii(str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if ((unsigned char)s.p[i] > 126 || (unsigned char)s.p[i] < 33)
            return false;
    }
    return true;
}

/* A domain beyond ASCII goes as A-labels, which every server takes; a local part as it is. */
static bool make_address(const struct build *b, str *address)
{
    struct smtp_path path;
    if (is_ascii(*address))
        return true;
    if (smtp_mailbox_parse(*address, b->call->arena, &path) != SMTP_GOOD)
        return false;
    *address = smtp_path_text(&path, b->call->arena);
    return true;
}

static bool read_people(struct build *b, const char *field, struct compose_people *out)
{
    const json_t *list = json_object_get(b->input, field);
    size_t n = json_array_size(list);
    struct compose_person *people = ARENA_ARRAY(b->call->arena, struct compose_person, n + 1);
    for (size_t i = 0; i < n; i++) {
        const json_t *one = json_array_get(list, i);
        people[i] = (struct compose_person){ .name = api_get_text(one, "name"),
                                             .address = api_get_text(one, "address") };
        if (!make_address(b, &people[i].address))
            return fail_field(b->call, field, i, "is no address");
        if (!add_recipient(b, people[i].address))
            return call_field_problem(b->call, "limit", "/to", "are more than 1000 in all");
    }
    *out = (struct compose_people){ people, n };
    return true;
}

YIELDS static bool read_identity(struct build *b)
{
    struct account_identities all;
    struct err e = ERR_CLEAR;
    struct api_call *call = b->call;
    int64_t id = api_get_id(b->input, "identityId");
    if (!account_identity_list(call->app->accounts, call->who.account_id, call->arena,
                               call->deadline_ms, &all, &e))
        return call_fail(call, &e);
    const struct account_identity *identity = &all.list[0];
    for (size_t i = 0; i < all.n && id; i++) {
        if (all.list[i].identity_id == id)
            identity = &all.list[i];
    }
    if (id && identity->identity_id != id)
        return call_field_problem(call, "invalid-fields", "/identityId", "is no identity");
    b->content.from = (struct compose_person){ identity->name, identity->address };
    b->content.reply_to = identity->reply_to;
    b->out->from = identity->address;
    return true;
}

/* ---- what it answers ---- */

/* Its id and those that it refers to: the conversation (RFC 5322 section 3.6.4). */
YIELDS static bool read_answered(struct build *b)
{
    struct err e = ERR_CLEAR;
    struct api_call *call = b->call;
    const json_t *answered = json_object_get(b->input, "inReplyTo");
    int64_t id = api_get_id(answered, "messageId");
    struct store_mails mails;
    struct mime_header header;
    str raw = STR_EMPTY;
    str *references;
    const struct store_wanted wanted = { .account_id = call->who.account_id, .ids = &id, .n = 1 };
    if (!id)
        return true;
    if (!store_mail_get(call->app->store, &wanted, call->arena, call->deadline_ms, &mails, &e) ||
        !store_fetch_headers(call->app->store, call->who.account_id, &id, 1, call->arena,
                             call->deadline_ms, &raw, &e))
        return call_fail(call, &e);
    b->out->is_forward = str_eq(api_get_text(answered, "mode"), STR("forward"));
    if (mails.n == 0)
        return true; /* it was deleted meanwhile: that is no reason to lose the answer */
    b->out->answers = id;
    references = ARENA_ARRAY(call->arena, str, REFERENCES_MAX + 1);
    mime_header_parse(call->arena, raw, &header);
    const struct mime_field *field = mime_header_find(&header, STR("References"), 0);
    size_t n = 0;
    if (field) {
        const str *ids;
        size_t found = mime_message_ids_parse(call->arena, field->body, &ids);
        for (size_t i = found > REFERENCES_MAX ? found - REFERENCES_MAX : 0; i < found; i++)
            references[n++] = ids[i];
    }
    if (mails.list[0].message_id.n > 0 && is_ascii(mails.list[0].message_id)) {
        references[n++] = mails.list[0].message_id;
        b->content.in_reply_to = b->out->is_forward ? STR_EMPTY : mails.list[0].message_id;
    }
    b->content.references = references;
    b->content.n_references = n;
    return true;
}

/* ---- files ---- */

/* "m<message>.<part>" */
static bool parse_part_id(str blob, int64_t *msg_id, str *part)
{
    str number;
    return str_has_prefix(blob, STR("m")) && str_cut(str_skip(blob, 1), '.', &number, part) &&
           str_to_int(number, 1, INT64_MAX, msg_id);
}

YIELDS static bool load_upload(struct build *b, str blob, struct compose_file *f, struct err *e)
{
    struct compose_upload u;
    struct api_call *call = b->call;
    struct db *db = call->app->db;
    if (!compose_upload_get(db, call->who.account_id, blob, call->arena, call->deadline_ms, &u, e))
        return false;
    char *octets = arena_alloc(call->arena, (size_t)u.size + 1);
    size_t n = 0;
    b->uploads[b->out->n_uploads++] = u.id;
    b->out->is_complete = b->out->is_complete && u.received == u.size;
    while (n < (size_t)u.received) {
        str piece;
        if (!compose_upload_read(db, call->who.account_id, blob, n, (size_t)u.received - n,
                                 call->arena, call->deadline_ms, &piece, e))
            return false;
        if (piece.n == 0 || piece.n > (size_t)u.received - n)
            return ERR(e, ERR_INTERNAL, "an upload has a hole");
        memcpy(octets + n, piece.p, piece.n);
        n += piece.n;
    }
    *f = (struct compose_file){ .name = u.name, .type = u.type, .octets = str_of(octets, n) };
    return true;
}

YIELDS static bool load_part(struct build *b, int64_t msg_id, str part, struct compose_file *f,
                             struct err *e)
{
    struct part_loaded loaded = { .octets = STR_EMPTY };
    struct store_mails mails;
    struct api_call *call = b->call;
    const struct store_wanted wanted = { .account_id = call->who.account_id,
                                         .ids = &msg_id,
                                         .n = 1 };
    if (!store_mail_get(call->app->store, &wanted, call->arena, call->deadline_ms, &mails, e))
        return false;
    if (mails.n == 0)
        return ERR(e, ERR_NOT_FOUND, "the message is gone");
    if (!part_load(call, msg_id, part, &loaded, e))
        return false;
    *f = (struct compose_file){ .name = loaded.name, .type = loaded.type, .octets = loaded.octets };
    return true;
}

/* What is kept of a file in the document: what the app shows of it. */
static void keep_file(struct build *b, str blob, const struct compose_file *f)
{
    json_t *o = json_object();
    api_set(o, "blobId", api_text(blob));
    api_set(o, "name", api_text(f->name));
    api_set(o, "type", api_text(f->type));
    api_set(o, "size", json_integer((json_int_t)f->octets.n));
    api_set(o, "contentId", api_text_or_null(f->content_id));
    api_add(b->kept_files, o);
}

YIELDS static bool read_file(struct build *b, const json_t *input, size_t i)
{
    struct err e = ERR_CLEAR;
    int64_t msg_id;
    str part;
    str blob = api_get_text(input, "blobId");
    struct compose_file *f = &b->files[i];
    bool ok = parse_part_id(blob, &msg_id, &part) ? load_part(b, msg_id, part, f, &e)
                                                  : load_upload(b, blob, f, &e);
    if (!ok && e.kind == ERR_NOT_FOUND) {
        str pointer = arena_printf(b->call->arena, "/attachments/%zu/blobId", i);
        return call_field_problem(b->call, "invalid-fields", arena_cstr(b->call->arena, pointer),
                                  "is not there any more");
    }
    if (!ok)
        return call_fail(b->call, &e);
    if (api_has(input, "name"))
        f->name = api_get_text(input, "name");
    f->content_id = api_get_text(input, "contentId");
    keep_file(b, blob, f);
    return true;
}

YIELDS static bool read_files(struct build *b)
{
    const json_t *list = json_object_get(b->input, "attachments");
    size_t n = json_array_size(list);
    for (size_t i = 0; i < n; i++) {
        if (!read_file(b, json_array_get(list, i), i))
            return false;
    }
    b->content.files = b->files;
    b->content.n_files = n;
    return true;
}

/* ---- making ---- */

/* A job of the pool: everything it reads is a copy of its own, as the caller may give up. */
struct make_job {
    struct work work;
    struct arena a;
    struct compose_content content;
    size_t max;
    str message;
    bool ok;
    struct err err;
};

static void make(struct work *work)
{
    struct make_job *job = CONTAINER_OF(work, struct make_job, work);
    job->ok = compose_message(&job->a, &job->content, job->max, &job->message, &job->err);
}

static void free_job(struct work *work)
{
    struct make_job *job = CONTAINER_OF(work, struct make_job, work);
    arena_fini(&job->a);
    free(job);
}

static void copy_people(struct arena *a, struct compose_people *people)
{
    struct compose_person *copy = ARENA_ARRAY(a, struct compose_person, people->n + 1);
    for (size_t i = 0; i < people->n; i++) {
        copy[i] = (struct compose_person){ arena_str(a, people->list[i].name),
                                           arena_str(a, people->list[i].address) };
    }
    people->list = copy;
}

static void copy_files(struct arena *a, struct compose_content *c)
{
    struct compose_file *copy = ARENA_ARRAY(a, struct compose_file, c->n_files + 1);
    for (size_t i = 0; i < c->n_files; i++) {
        copy[i] = (struct compose_file){ .name = arena_str(a, c->files[i].name),
                                         .type = arena_str(a, c->files[i].type),
                                         .content_id = arena_str(a, c->files[i].content_id),
                                         .octets = arena_str(a, c->files[i].octets) };
    }
    c->files = copy;
}

static void copy_content(struct arena *a, struct compose_content *c)
{
    str *const texts[] = { &c->from.name, &c->from.address, &c->reply_to, &c->subject,
                           &c->html,      &c->text,         &c->hostname, &c->in_reply_to };
    str *references = ARENA_ARRAY(a, str, c->n_references + 1);
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        *texts[i] = arena_str(a, *texts[i]);
    for (size_t i = 0; i < c->n_references; i++)
        references[i] = arena_str(a, c->references[i]);
    c->references = references;
    copy_people(a, &c->to);
    copy_people(a, &c->cc);
    copy_people(a, &c->bcc);
    copy_files(a, c);
}

YIELDS static bool make_message(struct build *b)
{
    struct err e = ERR_CLEAR;
    struct make_job *job = HEAP_NEW(struct make_job);
    job->work.run = make;
    job->work.done = free_job;
    arena_init(&job->a);
    job->content = b->content;
    job->max = (size_t)config_int(b->call->app->config, CONFIG_LIMITS_MESSAGE_SIZE);
    copy_content(&job->a, &job->content);
    if (!work_run(&job->work, b->call->deadline_ms, &e)) {
        if (e.kind == ERR_LIMIT)
            return call_problem(b->call, "unavailable", "Too many messages are being made.");
        return call_fail(b->call, &e);
    }
    bool ok = job->ok;
    if (ok) {
        b->out->message = arena_str(b->call->arena, job->message);
    } else {
        e = job->err;
    }
    work_finish(&job->work);
    if (!ok && e.kind == ERR_LIMIT)
        return call_field_problem(b->call, "limit", "/attachments", "make the message too large");
    return ok || call_fail(b->call, &e);
}

static void keep_document(struct build *b, json_t *document)
{
    char *text = json_dumps(document, JSON_COMPACT);
    b->out->document = arena_str(b->call->arena, str_from_cstr(text));
    free(text);
}

YIELDS static bool build(struct build *b)
{
    struct compose_content *c = &b->content;
    json_t *document = json_deep_copy(b->input);
    b->kept_files = json_array();
    api_set(document, "attachments", b->kept_files);
    c->subject = api_get_text(b->input, "subject");
    c->html = api_get_text(b->input, "html");
    c->text = api_get_text(b->input, "text");
    c->hostname = str_from_cstr(b->call->app->hostname);
    c->unique1 = (uint64_t)clock_utc_us();
    c->unique2 = crypto_random_u64();
    b->out->subject = c->subject;
    bool ok = read_identity(b) && read_people(b, "to", &c->to) && read_people(b, "cc", &c->cc) &&
              read_people(b, "bcc", &c->bcc) && read_answered(b) && read_files(b);
    if (ok)
        keep_document(b, document);
    json_decref(document);
    return ok && make_message(b);
}

bool draft_build(struct api_call *call, const json_t *input, int64_t date_utc,
                 struct draft_built *out)
{
    struct build b = {
        .call = call,
        .input = input,
        .out = out,
        .content = { .date_utc = date_utc },
        .recipients = ARENA_ARRAY(call->arena, str, RECIPIENTS_MAX + 1),
        .files = ARENA_ARRAY(call->arena, struct compose_file, FILES_MAX + 1),
        .uploads = ARENA_ARRAY(call->arena, str, FILES_MAX + 1),
    };
    *out = (struct draft_built){ .is_complete = true };
    out->recipients = b.recipients;
    out->uploads = b.uploads;
    return build(&b);
}

json_t *draft_shape(const struct compose_draft *draft)
{
    json_t *o = json_loadb(draft->document.p, draft->document.n, 0, NULL);
    if (!json_is_object(o)) {
        json_decref(o);
        o = json_object();
    }
    static const char *const or_null[] = { "identityId", "inReplyTo" };
    for (size_t i = 0; i < COUNT_OF(or_null); i++) {
        if (!api_has(o, or_null[i]))
            api_set(o, or_null[i], json_null());
    }
    api_set(o, "id", api_id(draft->draft_id));
    api_set(o, "messageId", draft->is_sending ? json_null() : api_id(draft->msg_id));
    api_set(o, "createdAt", api_time(draft->created_us));
    api_set(o, "updatedAt", api_time(draft->updated_us));
    return o;
}
