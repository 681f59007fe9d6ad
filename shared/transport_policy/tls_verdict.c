/* SPDX-License-Identifier: Apache-2.0 */
/* The decision about TLS as two tables: which rule is for a case, and what the configuration makes
 * of a failure. In both the first row that fits counts. */
#include "transport_policy/tls_verdict.h"

#define BIT(value) (1U << (value))
#define ANY        (~0U)

/* Of a switch. */
enum {
    OFF = BIT(false),
    ON = BIT(true)
};

enum {
    VERIFIED = BIT(TLS_PRESENTED_VERIFIED),
    UNVERIFIED = BIT(TLS_PRESENTED_UNVERIFIED),
    BROKEN = BIT(TLS_PRESENTED_BROKEN),
    NONE = BIT(TLS_PRESENTED_NONE),
    NO_TLS = BROKEN | NONE
};

/* What a row of the first table leads to. */
enum rule {
    RULE_SEND,
    RULE_WARN,  /* send as it is, with a warning */
    RULE_RETRY, /* the destination breaks its own word */
    RULE_FAIL,
    RULE_CONFIGURED /* a failure: as delivery.on_tls_failure says */
};

static const struct {
    unsigned presented;
    unsigned published;
    unsigned waiver;
    unsigned requiretls;
    unsigned require;
    unsigned verify;
    enum rule rule;
} rules[] = {
    { VERIFIED, ANY, ANY, ANY, ANY, ANY, RULE_SEND },
    { ANY, ANY, ANY, ON, ANY, ANY, RULE_FAIL },
    { ANY, ANY, BIT(TLS_WAIVER_DECIDED), OFF, ANY, ANY, RULE_WARN },
    { UNVERIFIED, ANY, BIT(TLS_WAIVER_HEADER), OFF, ANY, ANY, RULE_WARN },
    { NO_TLS, ANY, BIT(TLS_WAIVER_HEADER), OFF, OFF, ANY, RULE_WARN },
    { NO_TLS, ANY, BIT(TLS_WAIVER_HEADER), OFF, ON, ANY, RULE_CONFIGURED },
    { ANY, BIT(TLS_PUBLISHED_VERIFY), ANY, OFF, ANY, ANY, RULE_RETRY },
    { NO_TLS, BIT(TLS_PUBLISHED_ENCRYPT), ANY, OFF, ANY, ANY, RULE_RETRY },
    { UNVERIFIED, ANY, ANY, OFF, ANY, ON, RULE_CONFIGURED },
    { UNVERIFIED, ANY, ANY, OFF, ANY, OFF, RULE_SEND },
    { NO_TLS, ANY, ANY, OFF, ON, ANY, RULE_CONFIGURED },
    { BROKEN, ANY, ANY, OFF, OFF, ON, RULE_CONFIGURED },
    { NO_TLS, ANY, ANY, OFF, OFF, ANY, RULE_WARN },
};

/* Who cannot be asked is treated as by "fallback". */
static const struct {
    unsigned on_failure;
    unsigned can_ask;
    unsigned require;
    unsigned presented;
    enum tls_verdict verdict;
} failures[] = {
    { BIT(TLS_ON_FAILURE_FAIL), ANY, ANY, ANY, TLS_FAIL },
    { BIT(TLS_ON_FAILURE_HOLD), ON, ANY, ANY, TLS_HOLD },
    { ANY, ANY, ON, ANY, TLS_RETRY },
    { ANY, ANY, OFF, UNVERIFIED, TLS_SEND_UNVERIFIED },
    { ANY, ANY, OFF, NO_TLS, TLS_SEND_PLAIN },
};

static bool is_in(unsigned set, unsigned value)
{
    return (set & BIT(value)) != 0;
}

static enum rule find_rule(const struct tls_case *c)
{
    for (size_t i = 0; i < COUNT_OF(rules); i++) {
        if (is_in(rules[i].presented, c->presented) && is_in(rules[i].published, c->published) &&
            is_in(rules[i].waiver, c->waiver) && is_in(rules[i].requiretls, c->requiretls) &&
            is_in(rules[i].require, c->require) && is_in(rules[i].verify, c->verify))
            return rules[i].rule;
    }
    return RULE_RETRY;
}

static enum tls_verdict judge_failure(const struct tls_case *c)
{
    for (size_t i = 0; i < COUNT_OF(failures); i++) {
        if (is_in(failures[i].on_failure, c->on_failure) &&
            is_in(failures[i].can_ask, c->can_ask) && is_in(failures[i].require, c->require) &&
            is_in(failures[i].presented, c->presented))
            return failures[i].verdict;
    }
    return TLS_RETRY;
}

enum tls_verdict tls_judge(const struct tls_case *c)
{
    switch (find_rule(c)) {
    case RULE_SEND:
        return TLS_SEND;
    case RULE_WARN:
        return c->presented == TLS_PRESENTED_UNVERIFIED ? TLS_SEND_UNVERIFIED : TLS_SEND_PLAIN;
    case RULE_RETRY:
        return TLS_RETRY;
    case RULE_FAIL:
        return TLS_FAIL;
    case RULE_CONFIGURED:
        return judge_failure(c);
    }
    return TLS_RETRY;
}

const char *tls_verdict_name(enum tls_verdict verdict)
{
    static const char *const names[] = {
        [TLS_SEND] = "send",
        [TLS_SEND_UNVERIFIED] = "send-unverified",
        [TLS_SEND_PLAIN] = "send-plain",
        [TLS_RETRY] = "retry",
        [TLS_HOLD] = "hold",
        [TLS_FAIL] = "fail",
    };
    return names[verdict];
}
