/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the configuration file: it loads, or is refused with file and line. */
#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char *variable(const char *name, void *arg)
{
    (void)arg;
    return name[0] == 'A' ? "${A}, b: c\n" : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct config *c = NULL;
    struct err e = ERR_CLEAR;
    str text = str_of((const char *)data, n < 65536 ? n : 65536);
    if (config_parse(text, "f", variable, NULL, &c, &e)) {
        struct buf keys;
        size_t count = 0;
        buf_init(&keys, 65536);
        INVARIANT(config_can_reload(c, c, &keys));
        const struct config_listener *l = config_listeners(c, &count);
        for (size_t i = 0; i < count; i++)
            INVARIANT(l[i].kind && l[i].host && l[i].line > 0);
        buf_fini(&keys);
        config_free(&c);
    } else {
        INVARIANT(!c && e.kind == ERR_SYNTAX);
        INVARIANT(strncmp(e.msg, "f:", 2) == 0 && ascii_is_digit(e.msg[2]));
    }
    return 0;
}
