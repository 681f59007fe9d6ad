/* SPDX-License-Identifier: Apache-2.0 */
/* The base subject of RFC 5256 section 2.1. Names of rules are those of its grammar (section 5).
 * Every step only moves the two ends inwards, so the whole is linear. */
#include "mime/summary.h"

/* Spaces and tabs in runs become one space (step 1); ASCII in lower case. */
static str squeeze(struct arena *a, str s)
{
    char *p = arena_alloc(a, s.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = (char)((unsigned char)s.p[i] <= ' ' ? ' ' : ascii_lower(s.p[i]));
        if (c != ' ' || (n && p[n - 1] != ' '))
            p[n++] = c;
    }
    return str_trim(str_of(p, n));
}

/* Length of a subj-blob, "[...]" and the space behind it, at the front; 0 for none. */
static size_t blob_length(str s)
{
    if (s.n == 0 || s.p[0] != '[')
        return 0;
    size_t i = 1;
    while (i < s.n && s.p[i] != '[' && s.p[i] != ']')
        i++;
    if (i == s.n || s.p[i] != ']')
        return 0;
    i++;
    return i + (i < s.n && s.p[i] == ' ');
}

/* Length of a subj-refwd at the front: "re:", "fwd [x]:" ... */
static size_t refwd_length(str s)
{
    size_t i = str_has_prefix(s, STR("re"))    ? 2
               : str_has_prefix(s, STR("fwd")) ? 3
               : str_has_prefix(s, STR("fw"))  ? 2
                                               : 0;
    if (i == 0)
        return 0;
    i += i < s.n && s.p[i] == ' ';
    i += blob_length(str_skip(s, i));
    return i < s.n && s.p[i] == ':' ? i + 1 : 0;
}

/* A subj-leader: blobs, then subj-refwd. */
static size_t leader_length(str s)
{
    size_t i = 0;
    for (size_t n = blob_length(s); n; n = blob_length(str_skip(s, i)))
        i += n;
    size_t refwd = refwd_length(str_skip(s, i));
    return refwd ? i + refwd : 0;
}

/* Steps 3 to 5. */
static str strip_front(str s, bool *is_reply)
{
    for (;;) {
        size_t leader = leader_length(s);
        if (leader) {
            *is_reply = true;
            s = str_trim(str_skip(s, leader));
            continue;
        }
        size_t blob = blob_length(s);
        if (blob == 0 || str_trim(str_skip(s, blob)).n == 0)
            return s;
        s = str_trim(str_skip(s, blob));
    }
}

static str strip_trailers(str s, bool *is_reply)
{
    while (str_has_suffix(s, STR("(fwd)"))) {
        *is_reply = true;
        s = str_trim(str_slice(s, 0, s.n - 5));
    }
    return s;
}

str mime_subject_base(struct arena *a, str subject, bool *is_reply)
{
    bool reply = false;
    str s = squeeze(a, subject);
    for (;;) {
        s = strip_front(strip_trailers(s, &reply), &reply);
        if (!str_has_prefix(s, STR("[fwd:")) || !str_has_suffix(s, STR("]")))
            break;
        reply = true;
        s = str_trim(str_slice(s, 5, s.n - 6));
    }
    if (is_reply)
        *is_reply = reply;
    return s;
}
