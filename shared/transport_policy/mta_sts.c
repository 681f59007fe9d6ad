/* SPDX-License-Identifier: Apache-2.0 */
/* Records and policies of MTA-STS. */
#include "transport_policy/mta_sts.h"

/* ---- the record ---- */

static bool is_id(str id)
{
    if (id.n == 0 || id.n > MTA_STS_ID_MAX)
        return false;
    for (size_t i = 0; i < id.n; i++) {
        if (!ascii_is_alnum(id.p[i]))
            return false;
    }
    return true;
}

/* "v=STSv1; id=20160831085700Z; more=..." */
static bool parse_record(str record, str *id)
{
    str field, name, value;
    str rest = record;
    bool more = str_cut(rest, ';', &field, &rest);
    *id = STR_EMPTY;
    while (more) {
        more = str_cut(rest, ';', &field, &rest);
        if (!str_cut(field, '=', &name, &value) || !str_eq(str_trim(name), STR("id")))
            continue;
        if (id->n)
            return false;
        *id = str_trim(value);
    }
    return is_id(*id);
}

bool mta_sts_record_find(const str *records, size_t n, str *id, struct err *e)
{
    const str *found = NULL;
    for (size_t i = 0; i < n; i++) {
        if (!str_has_prefix(records[i], STR("v=STSv1;")))
            continue;
        if (found)
            return ERR(e, ERR_NOT_FOUND, "more than one record of STSv1");
        found = &records[i];
    }
    if (!found)
        return ERR(e, ERR_NOT_FOUND, "no record of STSv1");
    return parse_record(*found, id) || ERR(e, ERR_NOT_FOUND, "a record of STSv1 without an id");
}

/* ---- the policy ---- */

static const struct {
    str name;
    enum mta_sts_mode mode;
} modes[] = {
    { STR_INIT("none"), MTA_STS_NONE },
    { STR_INIT("testing"), MTA_STS_TESTING },
    { STR_INIT("enforce"), MTA_STS_ENFORCE },
};

const char *mta_sts_mode_name(enum mta_sts_mode mode)
{
    return modes[mode].name.p;
}

static bool parse_mode(str value, enum mta_sts_mode *out)
{
    for (size_t i = 0; i < COUNT_OF(modes); i++) {
        *out = modes[i].mode;
        if (str_eq(value, modes[i].name))
            return true;
    }
    return false;
}

/* A host name, perhaps with '*' as its first label. */
static bool is_pattern(str pattern)
{
    str rest = str_has_prefix(pattern, STR("*.")) ? str_skip(pattern, 2) : pattern;
    size_t label = 0;
    if (rest.n == 0 || rest.n > 253)
        return false;
    for (size_t i = 0; i < rest.n; i++) {
        bool is_dot = rest.p[i] == '.';
        if (is_dot ? label == 0 : !(ascii_is_alnum(rest.p[i]) || rest.p[i] == '-'))
            return false;
        label = is_dot ? 0 : label + 1;
    }
    return label > 0;
}

/* Which fields were there. */
struct reading {
    struct mta_sts_policy *policy;
    bool has_version;
    bool has_mode;
    bool has_age;
};

static bool take_field(struct reading *r, str name, str value, struct err *e)
{
    struct mta_sts_policy *policy = r->policy;
    uint64_t age = 0;
    if (str_eq(name, STR("version")) && !r->has_version) {
        r->has_version = str_eq(value, STR("STSv1"));
        return r->has_version || ERR(e, ERR_SYNTAX, "a policy of another version");
    }
    if (str_eq(name, STR("mode")) && !r->has_mode) {
        r->has_mode = parse_mode(value, &policy->mode);
        return r->has_mode || ERR(e, ERR_SYNTAX, "no mode");
    }
    if (str_eq(name, STR("max_age")) && !r->has_age) {
        r->has_age = value.n <= 10 && str_to_uint(value, UINT64_MAX, &age);
        policy->max_age_s = age < MTA_STS_AGE_MAX ? (int64_t)age : MTA_STS_AGE_MAX;
        return r->has_age || ERR(e, ERR_SYNTAX, "no max_age in seconds");
    }
    if (!str_eq(name, STR("mx")))
        return true;
    if (!is_pattern(value))
        return ERR(e, ERR_SYNTAX, "no name of a host: %.*s", STR_FMT(str_slice(value, 0, 60)));
    if (policy->n_mx == MTA_STS_MX_MAX)
        return ERR(e, ERR_LIMIT, "more than %d hosts", MTA_STS_MX_MAX);
    policy->mx[policy->n_mx++] = value;
    return true;
}

bool mta_sts_policy_parse(str body, struct mta_sts_policy *out, struct err *e)
{
    struct reading r = { .policy = out };
    str line, name, value;
    str rest = body;
    bool more = true;
    *out = (struct mta_sts_policy){ .mode = MTA_STS_NONE };
    if (body.n > MTA_STS_POLICY_MAX)
        return ERR(e, ERR_LIMIT, "a policy of %zu octets", body.n);
    while (more) {
        more = str_cut(rest, '\n', &line, &rest);
        line = str_trim(line);
        if (line.n == 0)
            continue;
        if (!str_cut(line, ':', &name, &value))
            return ERR(e, ERR_SYNTAX, "a line without ':'");
        if (!take_field(&r, str_trim(name), str_trim(value), e))
            return false;
    }
    if (!r.has_version || !r.has_mode || !r.has_age)
        return ERR(e, ERR_SYNTAX, "version, mode or max_age is missing");
    return out->n_mx || out->mode == MTA_STS_NONE || ERR(e, ERR_SYNTAX, "no mx");
}

bool mta_sts_policy_format(const struct mta_sts_policy *policy, struct buf *out)
{
    bool ok = buf_addf(out, "version: STSv1\nmode: %s\nmax_age: %lld\n",
                       mta_sts_mode_name(policy->mode), (long long)policy->max_age_s);
    for (size_t i = 0; i < policy->n_mx && ok; i++)
        ok = buf_addf(out, "mx: %.*s\n", STR_FMT(policy->mx[i]));
    return ok;
}

bool mta_sts_policy_allows(const struct mta_sts_policy *policy, str host)
{
    str first, rest;
    if (str_has_suffix(host, STR(".")))
        host.n--;
    bool has_more = str_cut(host, '.', &first, &rest);
    for (size_t i = 0; i < policy->n_mx; i++) {
        str pattern = policy->mx[i];
        bool is_wild = str_has_prefix(pattern, STR("*."));
        if (is_wild ? has_more && first.n && str_ieq(rest, str_skip(pattern, 2))
                    : str_ieq(host, pattern))
            return true;
    }
    return false;
}
