/* SPDX-License-Identifier: Apache-2.0 */
/* libldns makes, signs and reads the messages. What comes from the network is checked for its shape
 * before libldns looks at the signature: it takes the fields of a TSIG record to be there. */
#include "dns/update_packet.h"

#include "base/base64.h"
#include "crypto/random.h"
#include "dns/name.h"

#include <ldns/ldns.h>

enum {
    FUDGE_S = 300,         /* that clocks may differ by (RFC 8945 section 10) */
    STRING_MAX = 255,      /* octets of a string of TXT */
    RECORD_MAX = 8 * 1024, /* of a record as text */
    TSIG_FIELDS = 7,
    TSIG_MAC = 3,
    TSIG_ERROR = 5,
    HEADER = 12,    /* octets */
    ADDITIONAL = 10 /* where the header counts additional records */
};

struct dns_update_packet {
    ldns_pkt *question;
    uint8_t *wire;
    size_t n;
    const struct dns_update_zone *zone; /* borrowed */
};

static const struct {
    const char *name;
    const char *ldns; /* as libldns wants it */
} algorithms[] = { { "hmac-sha256", "hmac-sha256." }, { "hmac-sha512", "hmac-sha512." } };

static const char *find_algorithm(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(algorithms); i++) {
        if (strcmp(algorithms[i].name, name) == 0)
            return algorithms[i].ldns;
    }
    return NULL;
}

bool dns_update_algorithm(const char *name)
{
    return find_algorithm(name) != NULL;
}

/* ---- records ---- */

static bool add_strings(struct buf *line, str text)
{
    bool ok = true;
    do {
        str piece = str_slice(text, 0, STRING_MAX);
        ok = buf_add(line, STR(" \""));
        for (size_t i = 0; ok && i < piece.n; i++) {
            unsigned char c = (unsigned char)piece.p[i];
            bool is_plain = c >= ' ' && c < 0x7f && c != '"' && c != '\\';
            ok = is_plain ? buf_add_byte(line, (char)c) : buf_addf(line, "\\%03u", (unsigned)c);
        }
        ok = ok && buf_add(line, STR("\""));
        text = str_skip(text, piece.n);
    } while (ok && text.n > 0);
    return ok;
}

/* In class IN. Gives; NULL: there is no such record. */
static ldns_rr *read_record(const struct dns_update_record *r, struct err *e)
{
    struct buf line;
    ldns_rr *rr = NULL;
    buf_init(&line, RECORD_MAX);
    bool ok =
        dns_name_is_valid(r->name) && str_find_byte(r->value, '\n') < 0 &&
        buf_addf(&line, "%.*s. %d IN %.*s", STR_FMT(r->name), DNS_UPDATE_TTL_S, STR_FMT(r->type)) &&
        (str_eq(r->type, STR("TXT")) ? add_strings(&line, r->value)
                                     : buf_addf(&line, " %.*s", STR_FMT(r->value))) &&
        ldns_rr_new_frm_str(&rr, buf_cstr(&line), 0, NULL, NULL) == LDNS_STATUS_OK;
    buf_fini(&line);
    if (!ok) {
        (void)ERR(e, ERR_SYNTAX, "%.*s %.*s is no record that the DNS can have", STR_FMT(r->name),
                  STR_FMT(r->type));
    }
    return rr;
}

/* "No such records are there" (RFC 2136 sections 2.4.3 and 2.4.5); an alias stands alone. */
static ldns_rr *make_absence(const ldns_rr *of)
{
    bool is_alias = ldns_rr_get_type(of) == LDNS_RR_TYPE_CNAME;
    ldns_rr *rr = ldns_rr_new();
    ldns_rr_set_owner(rr, ldns_rdf_clone(ldns_rr_owner(of)));
    ldns_rr_set_class(rr, LDNS_RR_CLASS_NONE);
    ldns_rr_set_type(rr, is_alias ? LDNS_RR_TYPE_ANY : ldns_rr_get_type(of));
    ldns_rr_set_ttl(rr, 0);
    return rr;
}

/* ---- the question ---- */

/* Takes `rr`, and puts it, or what it becomes, into the sections. */
static void fill(ldns_rr **rr, bool is_removal, enum dns_update_condition condition,
                 ldns_rr_list *conditions, ldns_rr_list *changes)
{
    if (condition == DNS_UPDATE_IF_NONE)
        ldns_rr_list_push_rr(conditions, make_absence(*rr));
    if (condition == DNS_UPDATE_IF_SAME || is_removal)
        ldns_rr_set_ttl(*rr, 0);
    if (is_removal)
        ldns_rr_set_class(*rr, LDNS_RR_CLASS_NONE);
    ldns_rr_list_push_rr(condition == DNS_UPDATE_IF_SAME ? conditions : changes, *rr);
    *rr = NULL;
}

/* libldns leaks when it fails to sign. */
static bool is_key(const struct dns_update_zone *zone)
{
    struct buf octets;
    str secret = str_from_cstr(zone->secret);
    buf_init(&octets, secret.n + 1);
    bool ok = secret.n > 0 && base64_decode(BASE64_STANDARD, secret, &octets, NULL) &&
              dns_name_is_valid(str_from_cstr(zone->key_name));
    if (octets.p)
        explicit_bzero(octets.p, octets.n);
    buf_fini(&octets);
    return ok;
}

static bool sign(struct dns_update_packet *p, struct err *e)
{
    const struct dns_update_zone *zone = p->zone;
    if (!is_key(zone))
        return ERR(e, ERR_UNSUPPORTED, "the key %s cannot be used", zone->key_name);
    ldns_status status = ldns_pkt_tsig_sign(p->question, zone->key_name, zone->secret, FUDGE_S,
                                            find_algorithm(zone->algorithm), NULL);
    if (status == LDNS_STATUS_OK)
        status = ldns_pkt2wire(&p->wire, p->question, &p->n);
    return status == LDNS_STATUS_OK || ERR(e, ERR_UNSUPPORTED, "the key %s cannot be used: %s",
                                           zone->key_name, ldns_get_errorstr_by_id(status));
}

/* Takes the lists. */
static struct dns_update_packet *make(const struct dns_update_zone *zone, ldns_rr_list *conditions,
                                      ldns_rr_list *changes, struct err *e)
{
    char name[DNS_NAME_MAX + 2];
    struct dns_update_packet *p = HEAP_NEW(struct dns_update_packet);
    (void)snprintf(name, sizeof(name), "%.*s", STR_FMT(zone->name));
    p->zone = zone;
    p->question = ldns_update_pkt_new(ldns_dname_new_frm_str(name), LDNS_RR_CLASS_IN, conditions,
                                      changes, NULL);
    ldns_rr_list_deep_free(conditions);
    ldns_rr_list_deep_free(changes);
    if (p->question) {
        ldns_pkt_set_id(p->question, (uint16_t)crypto_random_below(UINT16_MAX + 1));
        ldns_pkt_set_rd(p->question, false);
    } else {
        (void)ERR(e, ERR_SYNTAX, "%s is no zone", name);
    }
    if (!p->question || !sign(p, e))
        dns_update_packet_free(&p);
    return p;
}

struct dns_update_packet *dns_update_packet_new(const struct dns_update_zone *zone,
                                                const struct dns_update_record *record,
                                                bool is_removal,
                                                enum dns_update_condition condition, struct err *e)
{
    INVARIANT(find_algorithm(zone->algorithm) && zone->name.n <= DNS_NAME_MAX);
    ldns_rr *rr = read_record(record, e);
    if (!rr)
        return NULL;
    ldns_rr_list *conditions = ldns_rr_list_new();
    ldns_rr_list *changes = ldns_rr_list_new();
    fill(&rr, is_removal, condition, conditions, changes);
    return make(zone, conditions, changes, e);
}

str dns_update_packet_wire(const struct dns_update_packet *p)
{
    return str_of((const char *)p->wire, p->n);
}

void dns_update_packet_free(struct dns_update_packet **p)
{
    if (!*p)
        return;
    ldns_pkt_free((*p)->question);
    free((*p)->wire);
    free(*p);
    *p = NULL;
}

/* ---- the answer ---- */

static const ldns_rr *tsig_of(const ldns_pkt *answer)
{
    const ldns_rr *tsig = ldns_pkt_tsig(answer);
    if (!tsig || ldns_rr_rd_count(tsig) != TSIG_FIELDS)
        return NULL;
    for (size_t i = 0; i < TSIG_FIELDS; i++) {
        if (!ldns_rr_rdf(tsig, i))
            return NULL;
    }
    return tsig;
}

/* Of two signatures in a message libldns forgets to free one; nobody has a reason to send more than
 * one additional record to whom speaks no EDNS. */
static bool has_one_signature(str wire)
{
    return wire.n >= HEADER && wire.p[ADDITIONAL] == 0 &&
           (unsigned char)wire.p[ADDITIONAL + 1] <= 1;
}

/* Bound to the question by its signature, so that no answer of another time will do. */
static bool is_proven(const struct dns_update_packet *p, ldns_pkt *answer, str wire)
{
    const struct dns_update_zone *zone = p->zone;
    const ldns_rr *tsig = tsig_of(answer);
    if (!tsig)
        return false;
    ldns_rdf *wanted = ldns_dname_new_frm_str(find_algorithm(zone->algorithm));
    bool is_same = wanted && ldns_dname_compare(wanted, ldns_rr_rdf(tsig, 0)) == 0;
    ldns_rdf_deep_free(wanted);
    return is_same &&
           ldns_pkt_tsig_verify(answer, (const uint8_t *)wire.p, wire.n, zone->key_name,
                                zone->secret, ldns_rr_rdf(ldns_pkt_tsig(p->question), TSIG_MAC));
}

/* What a refusal says, and what to do about it. Also of answers that nobody signed: a server that
 * does not know the key can sign nothing. */
static bool refused(const struct dns_update_packet *p, const ldns_pkt *answer, struct err *e)
{
    static const struct {
        unsigned code;
        enum err_kind kind;
        const char *text;
    } reasons[] = {
        { 1, ERR_UNSUPPORTED, "it cannot read the update (FORMERR)" },
        { 2, ERR_UNAVAILABLE, "it cannot do it now (SERVFAIL); its log says why" },
        { 4, ERR_UNSUPPORTED, "it takes no updates (NOTIMP)" },
        { 5, ERR_DENIED, "it refuses: allow the key to update this name and type there" },
        { 9, ERR_DENIED, "it is not the primary server of the zone (NOTAUTH)" },
        { 10, ERR_DENIED, "the name is not in the zone there (NOTZONE)" },
        { 16, ERR_DENIED, "the secret of the key is another one there (BADSIG)" },
        { 17, ERR_DENIED, "it does not know the key, or not with this algorithm (BADKEY)" },
        { 18, ERR_DENIED, "its clock and ours differ by more than five minutes (BADTIME)" },
    };
    const ldns_rr *tsig = tsig_of(answer);
    unsigned code = (unsigned)ldns_pkt_get_rcode(answer);
    if (tsig && ldns_rdf_size(ldns_rr_rdf(tsig, TSIG_ERROR)) == 2 &&
        ldns_rdf2native_int16(ldns_rr_rdf(tsig, TSIG_ERROR)) != 0)
        code = ldns_rdf2native_int16(ldns_rr_rdf(tsig, TSIG_ERROR));
    for (size_t i = 0; i < COUNT_OF(reasons); i++) {
        if (reasons[i].code == code)
            return ERR(e, reasons[i].kind, "%s", reasons[i].text);
    }
    return code == 0
               ? ERR(e, ERR_DENIED, "its answer is not signed with the key %s", p->zone->key_name)
               : ERR(e, ERR_UNAVAILABLE, "it answers with code %u", code);
}

/* The codes of a condition that does not hold: NXDOMAIN, YXDOMAIN, YXRRSET, NXRRSET. */
static bool is_about_condition(unsigned code)
{
    return code == 3 || (code >= 6 && code <= 8);
}

bool dns_update_packet_answer(const struct dns_update_packet *p, str wire, bool *holds,
                              struct err *e)
{
    ldns_pkt *answer = NULL;
    if (!has_one_signature(wire) ||
        ldns_wire2pkt(&answer, (const uint8_t *)wire.p, wire.n) != LDNS_STATUS_OK)
        return ERR(e, ERR_UNAVAILABLE, "its answer cannot be read");
    unsigned code = (unsigned)ldns_pkt_get_rcode(answer);
    bool ok = (ldns_pkt_qr(answer) && ldns_pkt_get_opcode(answer) == LDNS_PACKET_UPDATE &&
               ldns_pkt_id(answer) == ldns_pkt_id(p->question)) ||
              ERR(e, ERR_UNAVAILABLE, "it answers something that was not asked");
    ok = ok && (((code == 0 || is_about_condition(code)) && is_proven(p, answer, wire)) ||
                refused(p, answer, e));
    if (ok)
        *holds = code == 0;
    ldns_pkt_free(answer);
    return ok;
}

/* ---- the texts of a name ---- */

struct dns_update_texts {
    ldns_rr_list *list; /* without doubles, in class IN, with the TTL of a condition */
};

bool dns_update_texts_ask(str name, uint16_t id, struct buf *out, struct err *e)
{
    char text[DNS_NAME_MAX + 2];
    uint8_t *wire = NULL;
    size_t n = 0;
    if (!dns_name_is_valid(name))
        return ERR(e, ERR_SYNTAX, "%.*s is no name", STR_FMT(name));
    (void)snprintf(text, sizeof(text), "%.*s", STR_FMT(name));
    ldns_pkt *question =
        ldns_pkt_query_new(ldns_dname_new_frm_str(text), LDNS_RR_TYPE_TXT, LDNS_RR_CLASS_IN, 0);
    ldns_pkt_set_id(question, id);
    bool ok = ldns_pkt2wire(&wire, question, &n) == LDNS_STATUS_OK &&
              buf_add(out, str_of((const char *)wire, n));
    free(wire);
    ldns_pkt_free(question);
    return ok || ERR(e, ERR_SYNTAX, "%.*s cannot be asked for", STR_FMT(name));
}

/* Only those of the name itself. */
static void keep_texts(struct dns_update_texts *texts, str name, const ldns_pkt *answer)
{
    char text[DNS_NAME_MAX + 2];
    (void)snprintf(text, sizeof(text), "%.*s", STR_FMT(name));
    ldns_rdf *owner = ldns_dname_new_frm_str(text);
    ldns_rr_list *all = ldns_pkt_answer(answer);
    for (size_t i = 0; owner && i < ldns_rr_list_rr_count(all); i++) {
        const ldns_rr *rr = ldns_rr_list_rr(all, i);
        if (ldns_rr_get_type(rr) != LDNS_RR_TYPE_TXT ||
            ldns_dname_compare(ldns_rr_owner(rr), owner) != 0)
            continue;
        ldns_rr *kept = ldns_rr_clone(rr);
        ldns_rr_set_class(kept, LDNS_RR_CLASS_IN);
        ldns_rr_set_ttl(kept, 0);
        if (ldns_rr_list_contains_rr(texts->list, kept)) {
            ldns_rr_free(kept);
        } else {
            ldns_rr_list_push_rr(texts->list, kept);
        }
    }
    ldns_rdf_deep_free(owner);
}

struct dns_update_texts *dns_update_texts_read(str name, uint16_t id, str wire, struct err *e)
{
    ldns_pkt *answer = NULL;
    struct dns_update_texts *texts = NULL;
    if (!has_one_signature(wire) ||
        ldns_wire2pkt(&answer, (const uint8_t *)wire.p, wire.n) != LDNS_STATUS_OK) {
        (void)ERR(e, ERR_UNAVAILABLE, "its answer cannot be read");
        return NULL;
    }
    unsigned code = (unsigned)ldns_pkt_get_rcode(answer);
    if (!ldns_pkt_qr(answer) || ldns_pkt_id(answer) != id) {
        (void)ERR(e, ERR_UNAVAILABLE, "it answers something that was not asked");
    } else if (code == LDNS_RCODE_REFUSED) {
        (void)ERR(e, ERR_DENIED,
                  "it does not say what is at %.*s: let it answer questions from here",
                  STR_FMT(name));
    } else if (code != LDNS_RCODE_NOERROR && code != LDNS_RCODE_NXDOMAIN) {
        (void)ERR(e, ERR_UNAVAILABLE, "it answers with code %u", code);
    } else {
        texts = HEAP_NEW(struct dns_update_texts);
        texts->list = ldns_rr_list_new();
        keep_texts(texts, name, answer);
    }
    ldns_pkt_free(answer);
    return texts;
}

/* The strings of a text in one. */
static bool join_strings(const ldns_rr *rr, struct buf *out)
{
    bool ok = true;
    buf_clear(out);
    for (size_t i = 0; ok && i < ldns_rr_rd_count(rr); i++) {
        const ldns_rdf *piece = ldns_rr_rdf(rr, i);
        size_t n = ldns_rdf_size(piece);
        ok = n > 0 && buf_add(out, str_of((const char *)ldns_rdf_data(piece) + 1, n - 1));
    }
    return ok;
}

static str first_word(str text)
{
    ptrdiff_t at = str_find_byte(text, ' ');
    return at < 0 ? text : str_slice(text, 0, (size_t)at);
}

enum dns_update_kind dns_update_texts_find(const struct dns_update_texts *texts, str value)
{
    struct buf text;
    enum dns_update_kind found = DNS_UPDATE_KIND_NONE;
    buf_init(&text, UINT16_MAX);
    for (size_t i = 0; i < ldns_rr_list_rr_count(texts->list); i++) {
        if (!join_strings(ldns_rr_list_rr(texts->list, i), &text) ||
            !str_ieq(first_word(buf_str(&text)), first_word(value)))
            continue;
        bool is_same = found == DNS_UPDATE_KIND_NONE && str_eq(buf_str(&text), value);
        found = is_same ? DNS_UPDATE_KIND_SAME : DNS_UPDATE_KIND_OTHER;
    }
    buf_fini(&text);
    return found;
}

void dns_update_texts_free(struct dns_update_texts **texts)
{
    if (!*texts)
        return;
    ldns_rr_list_deep_free((*texts)->list);
    free(*texts);
    *texts = NULL;
}

struct dns_update_packet *dns_update_packet_among(const struct dns_update_zone *zone,
                                                  const struct dns_update_record *record,
                                                  const struct dns_update_texts *texts,
                                                  struct err *e)
{
    ldns_rr *rr = read_record(record, e);
    if (!rr)
        return NULL;
    ldns_rr_list *conditions = ldns_rr_list_clone(texts->list);
    ldns_rr_list *changes = ldns_rr_list_new();
    if (ldns_rr_list_rr_count(conditions) == 0)
        ldns_rr_list_push_rr(conditions, make_absence(rr));
    ldns_rr_list_push_rr(changes, rr);
    return make(zone, conditions, changes, e);
}
