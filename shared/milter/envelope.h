/* SPDX-License-Identifier: Apache-2.0 */
/* Who a message is from and for, and that with the changes that a filter wanted. Pure. Not for
 * whether somebody may have them: that is who hands the message on. */
#ifndef MILTER_ENVELOPE_H
#define MILTER_ENVELOPE_H

#include "milter/codec.h"

enum {
    MILTER_ENVELOPE_CHANGES_MAX = 1000 /* of one filter and message */
};

struct milter_recipient {
    str address;     /* local@domain */
    str mailer;      /* how it goes on, as filters know it: "local", "relay", "smtp"; empty: nobody
                        knows yet */
    size_t place;    /* among the recipients that were named, from 1; 0: a filter added it */
    bool has_notify; /* of one that was added: as of struct smtp_recipient */
    unsigned notify;
    str orcpt;
};

struct milter_envelope {
    str sender;                                /* local@domain, empty for the null sender */
    const struct milter_recipient *recipients; /* each address once */
    size_t n;
    bool is_changed; /* by a filter */
};

/* Makes the changes, one after the other; lists are in arena. Addresses are the same whatever the
 * case of their letters. To add one that is there, and to remove one that is not, changes nothing.
 */
void milter_envelope_edit(struct arena *a, struct milter_envelope *envelope,
                          const struct milter_envelope_change *changes, size_t n);

#endif
