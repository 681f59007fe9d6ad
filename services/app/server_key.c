/* SPDX-License-Identifier: Apache-2.0 */
/* The server's own key: reading and making. */
#include "services/app/server_key.h"

#include "base/base64.h"
#include "crypto/random.h"
#include "services/app/endpoints.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum {
    TEXT_MAX = 64 /* octets of the file: 44 of base64 and a line end */
};

bool app_server_key_parse(str text, uint8_t out[CRYPTO_SEAL_KEY], struct err *e)
{
    struct buf octets;
    buf_init(&octets, TEXT_MAX);
    bool ok = base64_decode(BASE64_STANDARD, str_trim(text), &octets, NULL) &&
              octets.n == CRYPTO_SEAL_KEY;
    if (ok)
        memcpy(out, octets.p, CRYPTO_SEAL_KEY);
    secret_wipe_memory(octets.p, octets.n);
    buf_fini(&octets);
    return ok ||
           ERR(e, ERR_SYNTAX, "must be 32 octets in base64, as \"openssl rand -base64 32\" gives");
}

static bool read_file(const char *path, struct app_server_key *out, struct err *e)
{
    char text[TEXT_MAX];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return true;
    if (fd < 0)
        return ERR_SYS(e, ERR_DENIED, "%s", path);
    ssize_t n = read(fd, text, sizeof(text));
    (void)close(fd);
    out->is_known = n > 0 && app_server_key_parse(str_of(text, (size_t)n), out->octets, e);
    secret_wipe_memory(text, sizeof(text));
    return out->is_known || ERR(e, ERR_SYNTAX, "%s holds no key: restore it from a backup", path);
}

bool app_server_key_load(const struct config *c, struct app_server_key *out, struct err *e)
{
    str text = str_from_cstr(config_text(c, CONFIG_SECURITY_KEY));
    struct arena a;
    *out = (struct app_server_key){ .is_known = false };
    if (text.n) {
        out->is_known = app_server_key_parse(text, out->octets, e);
        return out->is_known || err_wrap(e, "security.key");
    }
    arena_init(&a);
    bool ok = read_file(app_data_path(c, APP_SERVER_KEY_FILE, &a), out, e);
    arena_fini(&a);
    return ok;
}

static bool write_file(int fd, const char *path, str text, struct err *e)
{
    bool ok = write(fd, text.p, text.n) == (ssize_t)text.n && fsync(fd) == 0;
    if (!ok)
        (void)ERR_SYS(e, ERR_INTERNAL, "%s", path);
    (void)close(fd);
    if (!ok)
        (void)unlink(path);
    return ok;
}

bool app_server_key_make(const struct config *c, struct err *e)
{
    uint8_t octets[CRYPTO_SEAL_KEY];
    struct arena a;
    struct buf text;
    arena_init(&a);
    const char *path = app_data_path(c, APP_SERVER_KEY_FILE, &a);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool is_there = fd < 0 && errno == EEXIST;
    bool ok = fd >= 0 || is_there || ERR_SYS(e, ERR_DENIED, "%s", path);
    if (fd >= 0) {
        buf_init(&text, TEXT_MAX);
        crypto_random_fill(octets, sizeof(octets));
        INVARIANT(
            base64_encode(BASE64_STANDARD, str_of((const char *)octets, sizeof(octets)), &text) &&
            buf_add_byte(&text, '\n'));
        ok = write_file(fd, path, buf_str(&text), e);
        secret_wipe_memory(octets, sizeof(octets));
        secret_wipe_memory(text.p, text.n);
        buf_fini(&text);
    }
    arena_fini(&a);
    return ok;
}
