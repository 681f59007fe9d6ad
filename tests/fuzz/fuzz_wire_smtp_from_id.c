/* SPDX-License-Identifier: Apache-2.0 */
/* Local parts that look like senders which name their message: what is found again was made with
 * our key, and what is made of anything is found again. */
#include "wire/smtp_from_id.h"
#include "wire/smtp_path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    str text = str_of((const char *)data, size);
    struct smtp_path path;
    struct arena a;
    str base;
    int64_t id = 0;
    arena_init(&a);
    bool is_ours = smtp_from_id_restore(STR("key"), text, &a, &base, &id);
    INVARIANT(!is_ours || (smtp_from_id_is_tagged(text) && base.n > 0 && id >= 0));
    str made = smtp_from_id_sender(STR("key"), text, 42, &a);
    if (!str_eq(made, text)) {
        INVARIANT(smtp_mailbox_parse(made, &a, &path) == SMTP_GOOD);
        INVARIANT(path.local.n <= SMTP_LOCAL_MAX);
        INVARIANT(smtp_from_id_restore(STR("key"), path.local, &a, &base, &id) && id == 42);
        INVARIANT(smtp_mailbox_parse(text, &a, &path) == SMTP_GOOD && str_eq(base, path.local));
    }
    arena_fini(&a);
    return 0;
}
