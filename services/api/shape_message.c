/* SPDX-License-Identifier: Apache-2.0 */
/* People and attachments from ENVELOPE and BODYSTRUCTURE (RFC 9051 section 7.5.2). */
#include "services/api/shape_message.h"

#include "mime/charset.h"
#include "mime/content_type.h"
#include "mime/encoded_word.h"
#include "services/api/imap_tree.h"
#include "services/api/shape_mail.h"

/* Places in an ENVELOPE. */
enum {
    ENVELOPE_FROM = 2,
    ENVELOPE_SENDER,
    ENVELOPE_REPLY_TO,
    ENVELOPE_TO,
    ENVELOPE_CC,
    ENVELOPE_BCC
};

/* Places in the body of one part. */
enum {
    PART_TYPE,
    PART_SUBTYPE,
    PART_PARAMS,
    PART_ID,
    PART_DESCRIPTION,
    PART_ENCODING,
    PART_SIZE,
    PART_TEXT_DISPOSITION = 9, /* behind lines and MD5 */
    PART_MESSAGE_BODY = 8,
    PART_MESSAGE_DISPOSITION = 11,
    PART_DISPOSITION = 8
};

/* ---- people ---- */

/* (name route local domain) */
static json_t *shape_address(const struct imap_node *node, struct arena *a)
{
    json_t *o = json_object();
    str local = imap_node_text_at(node, 2);
    str domain = imap_node_text_at(node, 3);
    str address = domain.n ? arena_printf(a, "%.*s@%.*s", STR_FMT(local), STR_FMT(domain)) : local;
    api_set(o, "name", api_text(mime_phrase_decode(a, imap_node_text_at(node, 0))));
    api_set(o, "address", api_text(mime_text_clean(a, address)));
    return o;
}

/* A group begins with an address without domain and ends with one without local part. */
static json_t *shape_people(const struct imap_node *envelope, size_t at, struct arena *a)
{
    json_t *list = json_array();
    const struct imap_node *people = imap_node_at(envelope, at);
    const struct imap_node *one = imap_node_at(people, 0);
    for (; one; one = one->next) {
        const struct imap_node *domain = imap_node_at(one, 3);
        if (domain && domain->kind != IMAP_NODE_NIL)
            api_add(list, shape_address(one, a));
    }
    return list;
}

static void set_people(json_t *o, const struct imap_node *envelope, struct arena *a)
{
    static const struct {
        const char *name;
        size_t at;
    } fields[] = {
        { "from", ENVELOPE_FROM }, { "sender", ENVELOPE_SENDER }, { "to", ENVELOPE_TO },
        { "cc", ENVELOPE_CC },     { "bcc", ENVELOPE_BCC },       { "replyTo", ENVELOPE_REPLY_TO },
    };
    for (size_t i = 0; i < COUNT_OF(fields); i++)
        api_set(o, fields[i].name, shape_people(envelope, fields[i].at, a));
}

/* ---- attachments ---- */

str shape_file_name(struct arena *a, str name)
{
    for (size_t i = name.n; i > 0; i--) {
        if (name.p[i - 1] == '/' || name.p[i - 1] == '\\') {
            name = str_skip(name, i);
            break;
        }
    }
    name = mime_text_clean(a, name);
    bool only_dots = true;
    for (size_t i = 0; i < name.n; i++)
        only_dots = only_dots && name.p[i] == '.';
    return only_dots ? STR("attachment") : name;
}

/* A parameter as it was written, for the parser that knows its forms (RFC 2231, encoded words). */
static str param(const struct imap_node *params, str name, struct arena *a)
{
    struct mime_content_type parsed;
    struct buf text;
    const struct imap_node *node = imap_node_at(params, 0);
    buf_init(&text, 65536);
    (void)buf_add(&text, STR("x"));
    for (; node && node->next; node = node->next->next) {
        str key = imap_node_text(node);
        str value = imap_node_text(node->next);
        if (!str_has_iprefix(key, name))
            continue;
        bool is_extended = str_has_suffix(key, STR("*"));
        (void)buf_addf(&text, is_extended ? "; %.*s=" : "; %.*s=\"", STR_FMT(key));
        for (size_t i = 0; i < value.n; i++) {
            if (!is_extended && (value.p[i] == '"' || value.p[i] == '\\'))
                (void)buf_add_byte(&text, '\\');
            (void)buf_add_byte(&text, value.p[i]);
        }
        (void)buf_add(&text, is_extended ? STR_EMPTY : STR("\""));
    }
    mime_disposition_parse(a, buf_str(&text), &parsed);
    str value = arena_str(a, mime_content_type_param(&parsed, name));
    buf_fini(&text);
    return value;
}

static bool is_multipart(const struct imap_node *part)
{
    const struct imap_node *first = imap_node_at(part, 0);
    return first && first->kind == IMAP_NODE_LIST;
}

static bool is_message(const struct imap_node *part)
{
    return str_ieq(imap_node_text_at(part, PART_TYPE), STR("message")) &&
           str_ieq(imap_node_text_at(part, PART_SUBTYPE), STR("rfc822"));
}

static const struct imap_node *disposition_of(const struct imap_node *part)
{
    if (str_ieq(imap_node_text_at(part, PART_TYPE), STR("text")))
        return imap_node_at(part, PART_TEXT_DISPOSITION);
    return imap_node_at(part, is_message(part) ? PART_MESSAGE_DISPOSITION : PART_DISPOSITION);
}

/* Base64 in lines of 76 and CRLF: 57 octets of data in 78. */
static size_t decoded_size(const struct imap_node *part)
{
    uint64_t size = 0;
    (void)str_to_uint(imap_node_text_at(part, PART_SIZE), SIZE_MAX, &size);
    if (str_ieq(imap_node_text_at(part, PART_ENCODING), STR("base64")))
        size = size / 78U * 57U + size % 78U * 3U / 4U;
    return (size_t)size;
}

/* A name for a part that has none, by its type. */
static str preset_name(const struct imap_node *part, str number, struct arena *a)
{
    if (is_message(part))
        return arena_printf(a, "message-%.*s.eml", STR_FMT(number));
    return arena_printf(a, "attachment-%.*s", STR_FMT(number));
}

static str bare_id(str id)
{
    id = str_trim(id);
    if (str_has_prefix(id, STR("<")) && str_has_suffix(id, STR(">")))
        return str_slice(id, 1, id.n - 2);
    return id;
}

/* Fills *out when the part is no text of the message and no signature of it. */
static bool read_attachment(const struct imap_node *part, str number, struct arena *a,
                            struct shape_attachment *out)
{
    const struct imap_node *disposition = disposition_of(part);
    str type = imap_node_text_at(part, PART_TYPE);
    str subtype = imap_node_text_at(part, PART_SUBTYPE);
    bool is_attached = str_ieq(imap_node_text_at(disposition, 0), STR("attachment"));
    bool is_signature =
        str_ieq(type, STR("application")) &&
        (str_ieq(subtype, STR("pgp-signature")) || str_ieq(subtype, STR("pkcs7-signature")) ||
         str_ieq(subtype, STR("x-pkcs7-signature")));
    str name = param(imap_node_at(disposition, 1), STR("filename"), a);
    if (name.n == 0)
        name = param(imap_node_at(part, PART_PARAMS), STR("name"), a);
    if (!is_attached && (is_signature || (str_ieq(type, STR("text")) && name.n == 0)))
        return false;
    str id = mime_text_clean(a, bare_id(imap_node_text_at(part, PART_ID)));
    *out = (struct shape_attachment){
        .part = number,
        .name = name.n ? shape_file_name(a, name) : preset_name(part, number, a),
        .type = mime_text_clean(a, arena_printf(a, "%.*s/%.*s", STR_FMT(type), STR_FMT(subtype))),
        .content_id = id,
        .is_inline = !is_attached && id.n > 0 && str_ieq(type, STR("image")),
        .size = decoded_size(part),
    };
    return true;
}

/* A part on the way through the tree; parts of one multipart follow each other. */
struct walk {
    const struct imap_node *part;
    str prefix; /* number of the multipart it is in; empty at the top */
    size_t index;
};

static str number_of(const struct walk *w, struct arena *a)
{
    if (w->prefix.n == 0)
        return arena_printf(a, "%zu", w->index);
    return arena_printf(a, "%.*s.%zu", STR_FMT(w->prefix), w->index);
}

size_t shape_attachments(str bodystructure, struct arena *a, struct shape_attachment **out)
{
    const struct imap_node *root = NULL;
    struct walk *stack = ARENA_ARRAY(a, struct walk, IMAP_TREE_DEPTH_MAX + 1);
    size_t depth = 0;
    size_t n = 0;
    *out = ARENA_ARRAY(a, struct shape_attachment, SHAPE_ATTACHMENTS_MAX);
    if (!imap_tree_parse(a, bodystructure, &root))
        return 0;
    stack[depth++] =
        (struct walk){ is_multipart(root) ? imap_node_at(root, 0) : root, STR_EMPTY, 1 };
    while (depth > 0 && n < SHAPE_ATTACHMENTS_MAX) {
        struct walk *w = &stack[depth - 1];
        const struct imap_node *part = w->part;
        /* Behind the parts of a multipart stands its subtype. */
        if (!part || part->kind != IMAP_NODE_LIST) {
            depth--;
            continue;
        }
        str number = number_of(w, a);
        w->part = part == root ? NULL : part->next;
        w->index++;
        if (is_multipart(part)) {
            if (depth <= IMAP_TREE_DEPTH_MAX)
                stack[depth++] = (struct walk){ imap_node_at(part, 0), number, 1 };
        } else if (read_attachment(part, number, a, &(*out)[n])) {
            n++;
        }
    }
    return n;
}

static json_t *shape_attachment(const struct shape_attachment *at, int64_t msg_id, struct arena *a)
{
    json_t *o = json_object();
    str blob = arena_printf(a, "m%lld.%.*s", (long long)msg_id, STR_FMT(at->part));
    api_set(o, "partId", api_text(at->part));
    api_set(o, "blobId", api_text(blob));
    api_set(o, "name", api_text(at->name));
    api_set(o, "type", api_text(at->type));
    api_set(o, "size", json_integer((json_int_t)at->size));
    api_set(o, "contentId", api_text_or_null(at->content_id));
    api_set(o, "isInline", json_boolean(at->is_inline));
    return o;
}

json_t *shape_message(const struct store_mail *mail, struct arena *a)
{
    const struct imap_node *envelope = NULL;
    struct shape_attachment *list;
    json_t *attachments = json_array();
    json_t *o = shape_message_row(mail);
    (void)json_object_del(o, "hasAttachment");
    if (imap_tree_parse(a, mail->envelope, &envelope)) {
        set_people(o, envelope, a);
    } else {
        static const char *const empty[] = { "sender", "to", "cc", "bcc", "replyTo" };
        for (size_t i = 0; i < COUNT_OF(empty); i++)
            api_set(o, empty[i], json_array());
    }
    size_t n = shape_attachments(mail->bodystructure, a, &list);
    for (size_t i = 0; i < n; i++)
        api_add(attachments, shape_attachment(&list[i], mail->msg_id, a));
    api_set(o, "messageIdHeader", api_text_or_null(mail->message_id));
    api_set(o, "sentAt", mail->has_sent_at ? api_time(mail->sent_at_us) : json_null());
    api_set(o, "attachments", attachments);
    api_set(o, "draftId", api_id_or_null(mail->draft_id));
    return o;
}
