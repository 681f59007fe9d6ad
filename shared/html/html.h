/* SPDX-License-Identifier: Apache-2.0 */
/* Front door of html: hostile HTML of mail made safe to show, and the ways between HTML and text.
 * Pure: nothing is fetched, nothing is stored. What it gives is the first of three walls; the
 * response's Content-Security-Policy and the sandbox of the frame are the second and the third, and
 * none of them counts on another. The only module that knows libgumbo. */
#ifndef HTML_HTML_H
#define HTML_HTML_H

#include "base/base.h"
#include "html/flat.h"
#include "html/from_text.h"
#include "html/to_text.h"

enum {
    HTML_MAX_INPUT_BYTES = 4 << 20,  /* what lies behind is not read */
    HTML_MAX_TREE_BYTES = 96 << 20,  /* memory of the parse tree */
    HTML_MAX_PARSE_MS = 1500,        /* processor time for building the tree */
    HTML_MAX_NODES = 200000,         /* elements and texts in the output */
    HTML_MAX_DEPTH = 200,            /* elements inside each other in the output */
    HTML_MAX_ATTRIBUTES = 40,        /* of one element; the others are dropped */
    HTML_MAX_OUTPUT_BYTES = 8 << 20, /* of the document */
    HTML_MAX_CSS_BYTES = 512 << 10,  /* of all style elements together */
    HTML_MAX_URL_BYTES = 4096,       /* longer ones are dropped (data: images are not) */
    HTML_MAX_HOSTS = 64,             /* hosts named in the report */
    HTML_MAX_LINKS = 32              /* misleading links named in the report */
};

/* What becomes of images (and backgrounds) that lie on other servers. */
enum html_images {
    HTML_IMAGES_BLOCK, /* the address is taken out; the place and the alternative text stay */
    HTML_IMAGES_PROXY  /* the address is replaced by what html_policy.proxy makes of it */
};

/* A part of the same message that "cid:" addresses may name. */
struct html_part {
    str content_id; /* without angle brackets, as the part's Content-ID field has it */
    str url;        /* where the app serves that part; must be of this server */
};

/* Makes the local address from which the image proxy serves `url` (absolute, http or https, at most
 * HTML_MAX_URL_BYTES). False takes the image out, and it counts as blocked. Must not yield. */
typedef bool (*html_proxy_fn)(void *arg, str url, struct buf *out);

struct html_policy {
    enum html_images images;
    html_proxy_fn proxy; /* only for HTML_IMAGES_PROXY */
    void *proxy_arg;
    const struct html_part *parts; /* NULL when there are none */
    size_t n_parts;
    str head; /* trusted HTML put first into <head>: the reader's base style. May be empty */
};

/* A server from which the mail wanted something. */
struct html_host {
    str name;          /* lower case, without port */
    unsigned n;        /* addresses there */
    unsigned trackers; /* of them pictures that nobody can see */
};

/* A link whose text names another server than the one it leads to. */
struct html_misleading_link {
    str shown;  /* host named by the text */
    str target; /* host of the address */
};

/* Why html_sanitise gave the text instead of the document. */
enum html_fallback {
    HTML_FALLBACK_NONE,
    HTML_FALLBACK_PARSER, /* the parser gave up: memory, time or a fault of its own */
    HTML_FALLBACK_OUTPUT  /* the output would have passed HTML_MAX_OUTPUT_BYTES or _NODES */
};

struct html_report {
    unsigned remote;   /* addresses of images and backgrounds on other servers */
    unsigned blocked;  /* of them not shown: all by HTML_IMAGES_BLOCK, refused ones by the proxy */
    unsigned trackers; /* of them invisible pictures (at most 2 pixels wide or high, or hidden) */
    unsigned inline_parts;         /* "cid:" addresses that were found among the parts */
    unsigned scripts;              /* script elements, event handlers, addresses that run code */
    unsigned forms;                /* form elements; their fields are gone, their text is kept */
    unsigned embedded;             /* frames, objects, plugins, media, drawings (SVG) */
    unsigned styles;               /* style rules and declarations that were dropped */
    unsigned links;                /* links that are kept */
    unsigned bad_links;            /* links whose address was dropped */
    const struct html_host *hosts; /* in arena; the ones with trackers first, then by number */
    size_t n_hosts;
    bool hosts_cut;                                /* there were more than HTML_MAX_HOSTS */
    const struct html_misleading_link *misleading; /* in arena */
    size_t n_misleading;
    const bool *part_used;       /* in arena, one for each of policy.parts: shown inside the mail */
    bool sets_colours;           /* the mail chooses colours or backgrounds itself */
    bool knows_dark;             /* the mail declares that it can be shown dark */
    bool cut;                    /* the input was longer than HTML_MAX_INPUT_BYTES */
    enum html_fallback fallback; /* the document is the plain text of the mail */
};

struct html_clean {
    str document; /* a whole HTML document, UTF-8, with its own <head>; in arena */
    struct html_report report;
};

/* Makes a document that may be shown in a sandboxed frame from the HTML of a mail (UTF-8; wrong
 * bytes become U+FFFD). Elements, attributes, style properties and address schemes are kept only
 * when they are in a list of known good ones; all is written anew from the tree, nothing is copied.
 * Links open in a new window and tell the target nothing; ids and names get the prefix "m-", so
 * that they cannot shadow the page's own. Images that were taken out keep their place and carry the
 * attribute data-blocked with the host.
 * Never fails: what cannot be parsed within the limits becomes its text (report.fallback). Takes
 * some milliseconds for 100 KB, at worst HTML_MAX_PARSE_MS, so call it in the offload pool; it
 * starts a thread of its own for the parser. */
void html_sanitise(struct arena *a, str html, const struct html_policy *policy,
                   struct html_clean *out);

#endif
