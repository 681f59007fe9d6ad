/* SPDX-License-Identifier: Apache-2.0 */
/* A small table, looked through from its start: that is nothing beside a signature. */
#include "mailauth/keys.h"

struct kept_key {
    struct crypto_key *key; /* NULL: the place is free */
    enum crypto_key_kind kind;
    uint64_t used; /* when it was needed last, in needs */
    size_t n;
    char text[MAILAUTH_KEY_TEXT_MAX];
};

struct mailauth_keys {
    uint64_t needs;
    struct kept_key list[MAILAUTH_KEYS];
};

struct mailauth_keys *mailauth_keys_new(void)
{
    return HEAP_NEW(struct mailauth_keys);
}

void mailauth_keys_free(struct mailauth_keys **keys)
{
    if (!*keys)
        return;
    for (size_t i = 0; i < MAILAUTH_KEYS; i++)
        crypto_key_free(&(*keys)->list[i].key);
    free(*keys);
    *keys = NULL;
}

struct crypto_key *mailauth_keys_find(struct mailauth_keys *keys, enum crypto_key_kind kind,
                                      str text)
{
    for (size_t i = 0; i < MAILAUTH_KEYS; i++) {
        struct kept_key *one = &keys->list[i];
        if (!one->key || one->kind != kind || !str_eq(str_of(one->text, one->n), text))
            continue;
        one->used = ++keys->needs;
        return crypto_key_share(one->key);
    }
    return NULL;
}

void mailauth_keys_keep(struct mailauth_keys *keys, enum crypto_key_kind kind, str text,
                        const struct crypto_key *key)
{
    struct kept_key *oldest = &keys->list[0];
    if (text.n > MAILAUTH_KEY_TEXT_MAX)
        return;
    for (size_t i = 1; i < MAILAUTH_KEYS; i++) {
        if (keys->list[i].used < oldest->used)
            oldest = &keys->list[i];
    }
    crypto_key_free(&oldest->key);
    oldest->key = crypto_key_share(key);
    oldest->kind = kind;
    oldest->used = ++keys->needs;
    oldest->n = text.n;
    memcpy(oldest->text, text.p, text.n);
}
