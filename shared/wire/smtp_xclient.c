/* SPDX-License-Identifier: Apache-2.0 */
/* The attributes of XCLIENT. */
#include "wire/smtp_xclient.h"

#include "wire/smtp_command.h"

struct reading {
    struct smtp_xclient *out;
    str value; /* decoded; empty when it is not known */
    bool is_known;
};

/* IPv6 has a prefix, as in address literals. Whether it is an address is for who connects. */
static bool is_ip(const struct reading *r, str *out)
{
    str addr = r->value;
    str prefix = STR("IPV6:");
    if (addr.n > prefix.n && str_ieq(str_slice(addr, 0, prefix.n), prefix))
        addr = str_skip(addr, prefix.n);
    for (size_t i = 0; i < addr.n; i++) {
        char c = ascii_lower(addr.p[i]);
        if (!ascii_is_digit(c) && !(c >= 'a' && c <= 'f') && c != '.' && c != ':')
            return false;
    }
    *out = addr;
    return addr.n > 0 || !r->is_known;
}

static bool read_addr(struct reading *r)
{
    r->out->has_addr = true;
    return is_ip(r, &r->out->addr);
}

static bool read_dest_addr(struct reading *r)
{
    return is_ip(r, &r->out->dest_addr);
}

static bool is_port(const struct reading *r, uint16_t *out)
{
    uint64_t port = 0;
    bool ok = !r->is_known || (r->value.n <= 5 && str_to_uint(r->value, UINT16_MAX, &port));
    *out = ok ? (uint16_t)port : 0;
    return ok;
}

static bool read_port(struct reading *r)
{
    r->out->has_port = is_port(r, &r->out->port);
    return r->out->has_port;
}

static bool read_dest_port(struct reading *r)
{
    return is_port(r, &r->out->dest_port);
}

static bool read_helo(struct reading *r)
{
    r->out->helo = r->value;
    return r->value.n == 0 || smtp_is_helo_name(r->value);
}

static bool read_proto(struct reading *r)
{
    r->out->has_proto = r->value.n > 0;
    r->out->is_esmtp = str_ieq(r->value, STR("ESMTP"));
    return !r->out->has_proto || r->out->is_esmtp || str_ieq(r->value, STR("SMTP"));
}

static bool read_name(struct reading *r)
{
    return r->value.n <= SMTP_DOMAIN_MAX;
}

static const struct {
    str name;
    bool (*read)(struct reading *r);
} attributes[] = {
    { STR_INIT("NAME"), read_name },          { STR_INIT("REVERSE_NAME"), read_name },
    { STR_INIT("ADDR"), read_addr },          { STR_INIT("PORT"), read_port },
    { STR_INIT("HELO"), read_helo },          { STR_INIT("PROTO"), read_proto },
    { STR_INIT("DESTADDR"), read_dest_addr }, { STR_INIT("DESTPORT"), read_dest_port },
};

static bool is_not_known(str value)
{
    return str_ieq(value, STR("[UNAVAILABLE]")) || str_ieq(value, STR("[TEMPUNAVAIL]"));
}

static enum smtp_fault read_one(str word, struct arena *a, unsigned *seen, struct smtp_xclient *out)
{
    struct reading r = { .out = out, .value = STR_EMPTY };
    str name;
    str value;
    if (!str_cut(word, '=', &name, &value))
        return SMTP_FAULT_SYNTAX;
    for (size_t i = 0; i < COUNT_OF(attributes); i++) {
        if (!str_ieq(name, attributes[i].name))
            continue;
        if (*seen & 1U << i)
            return SMTP_FAULT_PARAMETER;
        *seen |= 1U << i;
        if (!smtp_xtext_decode(value, a, &r.value))
            return SMTP_FAULT_PARAMETER;
        r.is_known = !is_not_known(r.value);
        if (!r.is_known)
            r.value = STR_EMPTY;
        return attributes[i].read(&r) ? SMTP_GOOD : SMTP_FAULT_PARAMETER;
    }
    return SMTP_FAULT_UNKNOWN_PARAMETER;
}

enum smtp_fault smtp_xclient_parse(str argument, struct arena *a, struct smtp_xclient *out)
{
    unsigned seen = 0;
    *out = (struct smtp_xclient){ .has_port = false };
    if (argument.n == 0)
        return SMTP_FAULT_SYNTAX;
    while (argument.n > 0) {
        str word;
        (void)str_cut(argument, ' ', &word, &argument);
        enum smtp_fault fault = read_one(word, a, &seen, out);
        if (fault != SMTP_GOOD)
            return fault;
    }
    return SMTP_GOOD;
}
