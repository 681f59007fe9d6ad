/* SPDX-License-Identifier: Apache-2.0 */
/* argon2id by libargon2, with bounds on the parameters before it is called. */
#include "crypto/argon2id.h"

#include "base/base64.h"
#include "crypto/random.h"

#include <argon2.h>
#include <sys/mman.h>

enum {
    SALT_SIZE = 16,
    TAG_SIZE = 32,
    MEMORY_MAX_KIB = 262144, /* 256 MiB */
    PASSES_MAX = 100,
    LANES_MAX = 16,
    SALT_MIN = 8, /* octets of a stored one */
    TAG_MIN = 12,
    PASSWORD_MAX = 1024 * 1024, /* far above any limit of a service */
    SMALL_PAGE = 4096,
    HUGE_PAGE = 2 * 1024 * 1024
};

static bool check_bounds(const struct crypto_argon2id *p, struct err *e)
{
    /* libargon2 itself demands 8 KiB a lane. */
    if (p->lanes < 1 || p->lanes > LANES_MAX || p->passes < 1 || p->passes > PASSES_MAX ||
        p->memory_kib < 8 * p->lanes || p->memory_kib > MEMORY_MAX_KIB) {
        return ERR(e, ERR_LIMIT, "argon2id parameters m=%u,t=%u,p=%u are out of bounds",
                   p->memory_kib, p->passes, p->lanes);
    }
    return true;
}

/* The kind of a failure of libargon2: no memory passes, anything else is a wrong argument. */
static bool fail(int code, struct err *e)
{
    bool is_memory = code == ARGON2_MEMORY_ALLOCATION_ERROR || code == ARGON2_THREAD_FAIL;
    return ERR(e, is_memory ? ERR_UNAVAILABLE : ERR_SYNTAX, "argon2id: %s",
               argon2_error_message(code));
}

/* ---- memory ----
 * malloc would keep the 19 MiB of a hash in the arena of each thread that ever made one. Mapped
 * memory goes back at once, and costs nothing when it comes in huge pages: 21.8 ms of processor
 * time a hash, against 22.8 with malloc and 30.1 in pages of 4 KiB (two threads, measured on a
 * virtual machine). Where there are no huge pages the mapping consists of small ones. */

static size_t round_up(size_t n, size_t unit)
{
    return (n + unit - 1) / unit * unit;
}

/* What is mapped for `n` bytes: callers know no more than that when they give it back. */
static size_t mapped_size(size_t n)
{
    return n < HUGE_PAGE ? round_up(n, SMALL_PAGE) : round_up(n, HUGE_PAGE);
}

/* A huge page begins at a multiple of its size, so more is mapped and both ends are cut off. */
static int map_memory(uint8_t **out, size_t n)
{
    size_t size = mapped_size(n);
    size_t align = n < HUGE_PAGE ? SMALL_PAGE : HUGE_PAGE;
    char *all =
        mmap(NULL, size + align, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED)
        return ARGON2_MEMORY_ALLOCATION_ERROR;
    size_t before = round_up((uintptr_t)all, align) - (uintptr_t)all;
    if (before > 0)
        (void)munmap(all, before);
    (void)munmap(all + before + size, align - before);
    (void)madvise(all + before, size, MADV_HUGEPAGE);
    *out = (uint8_t *)all + before;
    return ARGON2_OK;
}

static void unmap_memory(uint8_t *memory, size_t n)
{
    (void)munmap(memory, mapped_size(n));
}

/* ---- hashing ---- */

struct octets {
    uint8_t p[CRYPTO_PHC_SIZE];
    size_t n;
};

/* libargon2 takes what it only reads without const. */
static uint8_t *not_const(const void *p)
{
    return (uint8_t *)(uintptr_t)p;
}

static bool check_length(str password, struct err *e)
{
    return password.n <= PASSWORD_MAX ||
           ERR(e, ERR_LIMIT, "a password has at most %d octets", PASSWORD_MAX);
}

static argon2_context make_context(const struct crypto_argon2id *p, str password,
                                   const struct octets *salt, struct octets *tag)
{
    return (argon2_context){
        .out = tag->p,
        .outlen = (uint32_t)tag->n,
        .pwd = not_const(password.p),
        .pwdlen = (uint32_t)password.n,
        .salt = not_const(salt->p),
        .saltlen = (uint32_t)salt->n,
        .t_cost = p->passes,
        .m_cost = p->memory_kib,
        .lanes = p->lanes,
        .threads = p->lanes,
        .version = ARGON2_VERSION_13,
        .allocate_cbk = map_memory,
        .free_cbk = unmap_memory,
        .flags = ARGON2_DEFAULT_FLAGS,
    };
}

/* PHC strings have base64 without padding. */
static bool add_base64(struct buf *out, const struct octets *o)
{
    if (!base64_encode(BASE64_STANDARD, str_of((const char *)o->p, o->n), out))
        return false;
    while (str_has_suffix(buf_str(out), STR("=")))
        buf_truncate(out, out->n - 1);
    return true;
}

static bool read_base64(str text, struct octets *out)
{
    struct buf padded;
    struct buf octets;
    struct err e = ERR_CLEAR;
    buf_init(&padded, CRYPTO_PHC_SIZE + 4);
    buf_init(&octets, sizeof(out->p));
    bool ok = str_find_byte(text, '=') < 0 && buf_add(&padded, text);
    while (ok && padded.n % 4 != 0)
        ok = buf_add_byte(&padded, '=');
    ok = ok && base64_decode(BASE64_STANDARD, buf_str(&padded), &octets, &e);
    if (ok) {
        out->n = octets.n;
        memcpy(out->p, octets.p, octets.n);
    }
    buf_fini(&octets);
    buf_fini(&padded);
    return ok;
}

static bool format_phc(const struct crypto_argon2id *p, const struct octets *salt,
                       const struct octets *tag, char out[CRYPTO_PHC_SIZE])
{
    struct buf text;
    buf_init(&text, CRYPTO_PHC_SIZE - 1);
    bool ok = buf_addf(&text, "$argon2id$v=%d$m=%u,t=%u,p=%u$", ARGON2_VERSION_13, p->memory_kib,
                       p->passes, p->lanes) &&
              add_base64(&text, salt) && buf_add_byte(&text, '$') && add_base64(&text, tag);
    if (ok) {
        memcpy(out, text.p, text.n);
        out[text.n] = '\0';
    }
    buf_fini(&text);
    return ok;
}

bool crypto_argon2id_hash(const struct crypto_argon2id *parameters, str password,
                          char out[CRYPTO_PHC_SIZE], struct err *e)
{
    struct octets salt = { .n = SALT_SIZE };
    struct octets tag = { .n = TAG_SIZE };
    if (!check_bounds(parameters, e) || !check_length(password, e))
        return false;
    crypto_random_fill(salt.p, salt.n);
    argon2_context context = make_context(parameters, password, &salt, &tag);
    int code = argon2id_ctx(&context);
    if (code != ARGON2_OK)
        return fail(code, e);
    return format_phc(parameters, &salt, &tag, out) ||
           ERR(e, ERR_INTERNAL, "a PHC string of more than %d octets", CRYPTO_PHC_SIZE - 1);
}

/* Takes "<name><number><end>" off the front of *s. */
static bool take_number(str *s, str name, char end, uint32_t *out)
{
    str number;
    uint64_t value = 0;
    if (!str_has_prefix(*s, name))
        return false;
    if (!str_cut(str_skip(*s, name.n), end, &number, s) || number.n > 10 ||
        !str_to_uint(number, UINT32_MAX, &value))
        return false;
    *out = (uint32_t)value;
    return true;
}

struct phc {
    struct crypto_argon2id parameters;
    struct octets salt;
    struct octets tag;
};

static bool parse_phc(str phc, struct phc *out)
{
    struct crypto_argon2id *p = &out->parameters;
    uint32_t version = 0;
    str salt;
    str prefix = STR("$argon2id$");
    if (phc.n >= CRYPTO_PHC_SIZE || !str_has_prefix(phc, prefix))
        return false;
    phc = str_skip(phc, prefix.n);
    return take_number(&phc, STR("v="), '$', &version) && version == ARGON2_VERSION_13 &&
           take_number(&phc, STR("m="), ',', &p->memory_kib) &&
           take_number(&phc, STR("t="), ',', &p->passes) &&
           take_number(&phc, STR("p="), '$', &p->lanes) && str_cut(phc, '$', &salt, &phc) &&
           read_base64(salt, &out->salt) && read_base64(phc, &out->tag) &&
           out->salt.n >= SALT_MIN && out->tag.n >= TAG_MIN;
}

bool crypto_argon2id_verify(str phc, str password, bool *matches, struct err *e)
{
    struct phc stored;
    struct octets tag;
    if (!parse_phc(phc, &stored))
        return ERR(e, ERR_SYNTAX, "the stored password hash is no argon2id PHC string");
    if (!check_bounds(&stored.parameters, e) || !check_length(password, e))
        return false;
    tag.n = stored.tag.n;
    argon2_context context = make_context(&stored.parameters, password, &stored.salt, &tag);
    int code = argon2id_verify_ctx(&context, (const char *)stored.tag.p);
    if (code != ARGON2_OK && code != ARGON2_VERIFY_MISMATCH)
        return fail(code, e);
    *matches = code == ARGON2_OK;
    return true;
}

bool crypto_argon2id_needs_rehash(str phc, const struct crypto_argon2id *wanted)
{
    struct phc stored;
    return !parse_phc(phc, &stored) || stored.parameters.memory_kib < wanted->memory_kib ||
           stored.parameters.passes < wanted->passes;
}
