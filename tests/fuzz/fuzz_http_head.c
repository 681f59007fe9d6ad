/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the look at a request's head: it says the same whatever follows the head, tells a fault as
 * early as it can, and lets nothing pass that two servers may read differently. */
#include "http/head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static unsigned count(str head, str name)
{
    unsigned n = 0;
    for (ptrdiff_t at; (at = str_ifind(head, name)) >= 0; n++)
        head = str_skip(head, (size_t)at + 1);
    return n;
}

static void check_good(str input, const struct head *head)
{
    struct head again;
    str text = str_slice(input, 0, head->n);
    INVARIANT(head->n <= HEAD_MAX && str_has_suffix(text, STR("\r\n\r\n")));
    INVARIANT(head_check(text, &again) && again.fault == 0 && again.n == head->n);
    INVARIANT(again.has_body == head->has_body);
    INVARIANT(!head_check(str_slice(text, 0, text.n - 1), &again));
    INVARIANT(count(text, STR("\r\nhost:")) == 1);
    INVARIANT(count(text, STR("\r\ncontent-length:")) +
                  count(text, STR("\r\ntransfer-encoding:")) ==
              (head->has_body ? 1 : 0));
    INVARIANT(str_find(text, STR("\r\n ")) < 0 && str_find(text, STR("\r\n\t")) < 0);
    INVARIANT(str_find_byte(text, '\0') < 0);
}

static void check_rest(str input)
{
    struct buf out;
    struct net_address peer;
    struct net_network local;
    buf_init(&out, 1024);
    if (head_https_location(&out, input, STR("/a"), STR("b"), 8443)) {
        INVARIANT(str_has_prefix(buf_str(&out), STR("https://")));
        INVARIANT(str_has_suffix(buf_str(&out), STR(":8443/a?b")));
        for (size_t i = 0; i < out.n; i++)
            INVARIANT(out.p[i] > 0x20 && out.p[i] != '@' && out.p[i] != '#');
    }
    buf_fini(&out);
    INVARIANT(net_network_parse(STR("10.0.0.0/8"), &local, NULL));
    INVARIANT(net_address_parse_ip(STR("10.0.0.1"), &peer, NULL));
    const struct net_networks trusted = { &local, 1 };
    head_forwarded_for(input, &trusted, &peer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct head head;
    struct head part;
    str input = str_of((const char *)data, n);
    check_rest(input);
    if (!head_check(input, &head)) {
        INVARIANT(head.fault == 0 && n < HEAD_MAX);
        return 0;
    }
    INVARIANT((head.fault == 0) == (head.why == NULL));
    if (head.fault == 0)
        check_good(input, &head);
    /* A beginning is good so far, or has a fault of its own; never a head that the whole has not.
     */
    if (n > 0 && head_check(str_slice(input, 0, n / 2), &part))
        INVARIANT(part.fault == head.fault && part.n == head.n);
    return 0;
}
