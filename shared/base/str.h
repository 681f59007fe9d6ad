/* SPDX-License-Identifier: Apache-2.0 */
/* str: a borrowed run of bytes, not NUL-terminated, that may hold any byte. Passed by value.
 * Whoever made the bytes keeps them; a str is valid as long as they are. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct str {
    const char *p; /* may be NULL when n is 0 */
    size_t n;      /* bytes */
} str;

/* A str of a string literal; anything but a literal is a compile error. */
#define STR(literal) ((str){ "" literal "", sizeof(literal) - 1 })
/* The same for static tables, where a compound literal is not a constant. */
#define STR_INIT(literal)                  \
    {                                      \
        "" literal "", sizeof(literal) - 1 \
    }
#define STR_EMPTY ((str){ NULL, 0 })

/* For printf-like functions: printf("%.*s", STR_FMT(s)). Cuts at INT_MAX. */
#define STR_FMT(s) (int)((s).n > 0x7fffffff ? 0x7fffffff : (s).n), ((s).p ? (s).p : "")

/* A str over `n` bytes at `p`. */
static inline str str_of(const char *p, size_t n)
{
    return (str){ p, n };
}

/* A str over a NUL-terminated string; NULL gives an empty str. */
static inline str str_from_cstr(const char *cstr)
{
    return (str){ cstr, cstr ? strlen(cstr) : 0 };
}

static inline bool str_is_empty(str s)
{
    return s.n == 0;
}

/* Byte-wise equality. */
bool str_eq(str a, str b);
/* Equality where ASCII letters match in either case; other bytes must be the same. */
bool str_ieq(str a, str b);
/* Orders by bytes, shorter first on a tie: below 0, 0, above 0. str_icmp folds ASCII case. */
int str_cmp(str a, str b);
int str_icmp(str a, str b);
bool str_has_prefix(str s, str prefix);
bool str_has_iprefix(str s, str prefix);
bool str_has_suffix(str s, str suffix);
bool str_has_isuffix(str s, str suffix);

/* Offset of the first (last) byte `c`, or -1. */
ptrdiff_t str_find_byte(str s, char c);
ptrdiff_t str_rfind_byte(str s, char c);
/* Offset of the first `needle`, or -1; an empty needle is found at 0. str_ifind folds ASCII case.
 */
ptrdiff_t str_find(str s, str needle);
ptrdiff_t str_ifind(str s, str needle);

/* The part from byte `from` on, at most `n` bytes; both are cut to what is there. */
str str_slice(str s, size_t from, size_t n);
/* The part from byte `from` on; empty when there is none. What is empty still has its place: its
 * pointer is the end of `s`, so that offsets can be counted from it. Ask for n == 0, not for NULL;
 * the same goes for slices, trimmed parts and what str_cut leaves. */
str str_skip(str s, size_t from);
/* Without spaces, tabs, CR and LF at both ends. */
str str_trim(str s);

/* The text with its ASCII letters small and all else as it is, written to `to`, which has room for
 * s.n bytes and may be where they stand. arena_lower and buf_add_lower make the room. */
str str_lower(str s, char *to);

/* Cuts at the first `sep`: *head is what stands before it, *rest what follows. Without a `sep`
 * *head is all of s, *rest is empty and false is returned. */
bool str_cut(str s, char sep, str *head, str *rest);

/* Reads all of s as a decimal number without sign, or fails: empty, other bytes, above `max`. */
bool str_to_uint(str s, uint64_t max, uint64_t *out);
/* The same with an optional '-'; the range is [min, max]. */
bool str_to_int(str s, int64_t min, int64_t max, int64_t *out);

/* 64-bit hash (FNV-1a with a mixing step) seeded by `seed`; not for secrets. */
uint64_t str_hash(str s, uint64_t seed);

/* ASCII only, independent of the locale; other bytes are returned as they are. */
static inline char ascii_lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

static inline char ascii_upper(char c)
{
    return (char)(c >= 'a' && c <= 'z' ? c - 32 : c);
}

static inline bool ascii_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool ascii_is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static inline bool ascii_is_alnum(char c)
{
    return ascii_is_alpha(c) || ascii_is_digit(c);
}

#endif
