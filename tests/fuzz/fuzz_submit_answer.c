/* SPDX-License-Identifier: Apache-2.0 */
/* Answers about held mail: any text is read within the limits; what is understood names a domain
 * that stands in the text, and is understood again without the lines behind it. Addresses, and
 * answers as programs for mail make them, too. */
#include "submit/answer.h"
#include "submit/answer_text.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_address(str text)
{
    uint8_t secret[QUEUE_TOKEN_SIZE];
    uint8_t again[QUEUE_TOKEN_SIZE];
    struct arena a;
    if (!answer_address_parse(text, secret))
        return;
    arena_init(&a);
    str made = answer_address_make(&a, STR("a@b"), secret);
    INVARIANT(answer_address_parse(made, again) && memcmp(secret, again, sizeof(secret)) == 0);
    arena_fini(&a);
}

static void check_message(str content)
{
    struct answer answer;
    struct arena a;
    arena_init(&a);
    str text = answer_text_of(&a, content);
    INVARIANT(text.n <= ANSWER_TEXT_MAX);
    (void)answer_parse(text, STR("Mia Winter <m.w@x.test>"), &answer);
    arena_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    str text = str_of((const char *)data, n < 100000 ? n : 100000);
    struct answer answer;
    struct answer again;
    check_address(text);
    check_message(text);
    if (!answer_parse(text, STR("Mia Winter <m.w@x.test>"), &answer))
        return 0;
    if (answer.domain.n > 0)
        INVARIANT(answer.domain.p >= text.p &&
                  answer.domain.p + answer.domain.n <= text.p + text.n);
    INVARIANT(
        answer_parse(str_slice(text, 0, ANSWER_TEXT_MAX), STR("Mia Winter <m.w@x.test>"), &again) &&
        again.choice == answer.choice && again.any == answer.any);
    return 0;
}
