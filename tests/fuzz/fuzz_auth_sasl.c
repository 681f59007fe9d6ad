/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the SASL exchange and the preparation of passwords. The first byte chooses the mechanism
 * and whether the first line is an initial response; lines end in LF. */
#include "auth/password.h"
#include "auth/sasl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_password(str password)
{
    struct secret once = SECRET_EMPTY;
    struct secret twice = SECRET_EMPTY;
    if (auth_password_prepare(password, &once, NULL)) {
        INVARIANT(once.n > 0 && once.n <= AUTH_PASSWORD_MAX);
        INVARIANT(auth_password_prepare(secret_str(&once), &twice, NULL));
        INVARIANT(str_eq(secret_str(&once), secret_str(&twice)));
    }
    secret_wipe(&once);
    secret_wipe(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n == 0)
        return 0;
    struct sasl_server s;
    struct err e = ERR_CLEAR;
    str line, challenge;
    str rest = str_of((const char *)data + 1, n - 1);
    check_password(rest);
    sasl_server_init(&s, data[0] & 1 ? SASL_LOGIN : SASL_PLAIN);
    enum sasl_next next = SASL_CHALLENGE;
    if (data[0] & 2) {
        (void)str_cut(rest, '\n', &line, &rest);
        next = sasl_server_start(&s, &line, &challenge, &e);
    } else {
        next = sasl_server_start(&s, NULL, &challenge, &e);
    }
    for (int i = 0; i < 4 && next == SASL_CHALLENGE; i++) {
        (void)str_cut(rest, '\n', &line, &rest);
        next = sasl_server_step(&s, line, &challenge, &e);
    }
    INVARIANT(next != SASL_CHALLENGE); /* no mechanism asks more than twice */
    INVARIANT((next == SASL_FAIL) == (e.kind != ERR_NONE));
    if (next == SASL_DONE) {
        INVARIANT(s.login.n > 0 && s.password.n > 0 && s.password.n <= AUTH_PASSWORD_MAX);
        INVARIANT(str_find_byte(secret_str(&s.password), '\0') < 0);
        check_password(secret_str(&s.password));
    }
    sasl_server_fini(&s);
    return 0;
}
