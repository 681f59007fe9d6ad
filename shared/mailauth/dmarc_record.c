/* SPDX-License-Identifier: Apache-2.0 */
/* Policy records. What is wrong in a tag leaves that tag at its default (RFC 9989 section 4.7); so
 * this is more tolerant than the tag lists of DKIM. */
#include "mailauth/dmarc.h"

const char *mailauth_dmarc_policy_name(enum mailauth_dmarc_policy policy)
{
    static const char *const names[] = { "none", "none", "quarantine", "reject" };
    return names[policy];
}

/* False for a word that is no policy. */
static bool parse_policy(str value, enum mailauth_dmarc_policy *out)
{
    if (str_ieq(value, STR("none"))) {
        *out = MAILAUTH_DMARC_ACCEPT;
    } else if (str_ieq(value, STR("quarantine"))) {
        *out = MAILAUTH_DMARC_QUARANTINE;
    } else if (str_ieq(value, STR("reject"))) {
        *out = MAILAUTH_DMARC_REJECT;
    } else {
        return false;
    }
    return true;
}

/* Whether the list of addresses has one that could be written to. */
static bool has_report_address(str list)
{
    str word;
    while (mailauth_next_word(&list, ',', &word)) {
        if (str_has_iprefix(word, STR("mailto:")) && str_find_byte(word, '@') > 7)
            return true;
    }
    return false;
}

/* Only when which mail is to be told of at once: "d" and "s" ask for reports of another kind (RFC
 * 6651, 6652), which nobody sends here. Unknown words do not count. */
static void take_failure_options(str value, struct mailauth_dmarc_record *out)
{
    str word;
    out->reports_all_failed = false;
    while (mailauth_next_word(&value, ':', &word)) {
        if (str_eq(word, STR("0")))
            out->reports_all_failed = true;
        if (str_eq(word, STR("1")))
            out->reports_any_failed = true;
    }
}

/* Takes one tag; false when one that decides (p=, sp=, np=) is none. */
static bool take(str name, str value, struct mailauth_dmarc_record *out)
{
    if (str_ieq(name, STR("p")))
        return parse_policy(value, &out->policy);
    if (str_ieq(name, STR("sp")))
        return parse_policy(value, &out->subdomain);
    if (str_ieq(name, STR("np")))
        return parse_policy(value, &out->nonexistent);
    if (str_ieq(name, STR("adkim"))) {
        out->is_dkim_strict = str_ieq(value, STR("s"));
    } else if (str_ieq(name, STR("aspf"))) {
        out->is_spf_strict = str_ieq(value, STR("s"));
    } else if (str_ieq(name, STR("t"))) {
        out->is_test = str_ieq(value, STR("y"));
    } else if (str_ieq(name, STR("psd")) && value.n == 1) {
        char psd = ascii_lower(value.p[0]);
        out->psd = (char)(psd == 'y' || psd == 'n' ? psd : 'u');
    } else if (str_ieq(name, STR("rua"))) {
        out->aggregate = value;
    } else if (str_ieq(name, STR("ruf"))) {
        out->failure = value;
    } else if (str_ieq(name, STR("fo"))) {
        take_failure_options(value, out);
    }
    return true;
}

bool mailauth_dmarc_record_parse(str text, struct mailauth_dmarc_record *out, struct err *e)
{
    str rest = text;
    str tag, name, value;
    *out = (struct mailauth_dmarc_record){ .psd = 'u', .reports_all_failed = true };
    bool more = str_cut(rest, ';', &tag, &rest);
    bool has_version = str_cut(tag, '=', &name, &value) && str_ieq(str_trim(name), STR("v")) &&
                       str_eq(str_trim(value), STR("DMARC1"));
    if (!has_version)
        return ERR(e, ERR_NOT_FOUND, "no record of DMARC1");
    bool is_valid = true;
    while (more) {
        more = str_cut(rest, ';', &tag, &rest);
        if (str_cut(tag, '=', &name, &value))
            is_valid &= take(str_trim(name), str_trim(value), out);
    }
    if (is_valid && out->policy != MAILAUTH_DMARC_NO_POLICY)
        return true;
    bool is_for_reports = has_report_address(out->aggregate);
    out->policy = is_for_reports ? MAILAUTH_DMARC_ACCEPT : MAILAUTH_DMARC_NO_POLICY;
    out->subdomain = out->nonexistent = MAILAUTH_DMARC_NO_POLICY;
    return is_for_reports || ERR(e, ERR_SYNTAX, "no valid policy and nobody to report to");
}
