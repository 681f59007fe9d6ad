/* SPDX-License-Identifier: Apache-2.0 */
/* Answers to an update of a zone, and to the question before it: whatever somebody who does not
 * have the key sends, it is no success. The first two octets are made those of the question, else
 * nothing would be looked at. */
#include "dns/update_packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum {
    ANSWER_MAX = 65535
};

static const struct dns_update_zone zone = { .name = STR_INIT("example.org"),
                                             .key_name = "key",
                                             .algorithm = "hmac-sha256",
                                             .secret = "c2VjcmV0" };
static const struct dns_update_record record = { STR_INIT("example.org"), STR_INIT("TXT"),
                                                 STR_INIT("x") };

/* What was seen can be made a condition. */
static void read_texts(const uint8_t *data, size_t n)
{
    struct err e = ERR_CLEAR;
    struct dns_update_packet *p = NULL;
    uint16_t id = (uint16_t)(data[0] << 8 | data[1]);
    struct dns_update_texts *texts =
        dns_update_texts_read(record.name, id, str_of((const char *)data, n), &e);
    if (!texts)
        return;
    (void)dns_update_texts_find(texts, STR("v=spf1 -all"));
    p = dns_update_packet_among(&zone, &record, texts, &e);
    dns_update_packet_free(&p);
    dns_update_texts_free(&texts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct err e = ERR_CLEAR;
    struct buf answer;
    bool holds;
    if (n < 2 || n > ANSWER_MAX)
        return 0;
    struct dns_update_packet *p =
        dns_update_packet_new(&zone, &record, false, DNS_UPDATE_IF_NONE, &e);
    INVARIANT(p);
    buf_init(&answer, ANSWER_MAX);
    (void)buf_add(&answer, str_slice(dns_update_packet_wire(p), 0, 2));
    (void)buf_add(&answer, str_of((const char *)data + 2, n - 2));
    INVARIANT(!dns_update_packet_answer(p, buf_str(&answer), &holds, &e));
    buf_fini(&answer);
    dns_update_packet_free(&p);
    read_texts(data, n);
    return 0;
}
