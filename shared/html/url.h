/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses in hostile HTML and CSS, read as browsers read them (WHATWG URL, not RFC 3986): what
 * they would ignore is taken out, what they would guess is written out. Only for this module. */
#ifndef HTML_URL_H
#define HTML_URL_H

#include "base/base.h"

enum html_url_kind {
    HTML_URL_BAD,        /* empty, malformed or of a scheme that is not allowed */
    HTML_URL_CODE,       /* runs something: javascript:, vbscript:, data: that is no picture */
    HTML_URL_RELATIVE,   /* to the page it stands in; mail has none */
    HTML_URL_FRAGMENT,   /* "#place" of the same document */
    HTML_URL_REMOTE,     /* http or https */
    HTML_URL_CONTACT,    /* mailto, tel, sms, xmpp: opens another program */
    HTML_URL_PART,       /* cid: a part of the same message */
    HTML_URL_DATA_IMAGE, /* data: with a picture, base64 */
};

struct html_url {
    enum html_url_kind kind;
    str url;  /* the address as it is written anew; of a part the Content-ID, of a fragment the
               * name behind '#'; empty for BAD, CODE and RELATIVE. In arena */
    str host; /* REMOTE: in lower case, without port and without what stands before an '@' */
};

/* Reads one address. Never fails; what is no address is BAD. In arena. */
void html_url_read(struct arena *a, str raw, struct html_url *out);

/* The host that a link's text names: "www.example.org", "https://example.org/path". Empty when the
 * text names none. In lower case, in arena. */
str html_url_host_in_text(struct arena *a, str text);
/* True when both are the same, or one lies below the other. */
bool html_url_hosts_agree(str one, str other);

#endif
