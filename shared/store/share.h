/* SPDX-License-Identifier: Apache-2.0 */
/* Mailboxes that several accounts see: where those of others stand in the tree of an account, and
 * what it may do with them (RFC 4314). This is the one place that decides about rights; whoever
 * acts on a mailbox by a name gets it here, and looks at the rights before it acts.
 *
 * The tree of an account has its own mailboxes at the top, those of other accounts below
 * STORE_OTHER_USERS ("Other Users/ada@example.org/Projects") and those of its domain below
 * STORE_SHARED_FOLDERS. The mailboxes of a domain belong to an account that nobody logs in to. */
#ifndef STORE_SHARE_H
#define STORE_SHARE_H

#include "store/seen.h"
#include "store/store.h"

#define STORE_OTHER_USERS    "Other Users"
#define STORE_SHARED_FOLDERS "Shared Folders"

/* Rights as bits, in the order of their letters "lrswipkxtea"; as in the database. */
enum {
    STORE_MAY_LOOKUP = 1,    /* l: the mailbox is seen in lists */
    STORE_MAY_READ = 2,      /* r: its messages and counters */
    STORE_MAY_SEEN = 4,      /* s: the own \Seen */
    STORE_MAY_WRITE = 8,     /* w: other flags, keywords, shared annotations */
    STORE_MAY_INSERT = 16,   /* i: new messages */
    STORE_MAY_POST = 32,     /* p: mail to its address */
    STORE_MAY_CREATE = 64,   /* k: mailboxes below it */
    STORE_MAY_DELETE = 128,  /* x: the mailbox itself */
    STORE_MAY_MARK = 256,    /* t: \Deleted */
    STORE_MAY_EXPUNGE = 512, /* e: messages with \Deleted */
    STORE_MAY_ADMIN = 1024,  /* a: to change rights */
    STORE_RIGHTS_ALL = 2047
};

enum {
    STORE_RIGHTS_TEXT = 16 /* octets of a text of rights with its NUL */
};

/* Letters to bits; "c" stands for "kx", "d" for "et" (RFC 4314 section 2.1.1). False for another
 * letter. Pure. */
bool store_rights_parse(str letters, unsigned *rights);
/* Bits to letters, with "c" and "d" at the end when one of theirs is there; gives `out`. Pure. */
const char *store_rights_format(unsigned rights, char out[STORE_RIGHTS_TEXT]);

/* Part of the tree. */
enum store_space {
    STORE_SPACE_OWN,
    STORE_SPACE_OTHERS,
    STORE_SPACE_SHARED
};

/* A mailbox as one account reaches it. */
struct store_place {
    int64_t account_id; /* whose it is: with mailbox.mailbox_id for all calls of store.h */
    enum store_space space;
    unsigned rights;              /* of the account that asked */
    struct store_mailbox mailbox; /* name: in the tree of the account that asked; parent_id: as the
                                     owner sees it */
};

/* The mailbox that has the full name in the viewer's tree, in one round trip. ERR_NOT_FOUND: there
 * is none, or the viewer may not know of it; the two cannot be told apart. ERR_DENIED: it may know
 * of it, but lacks one of the rights `needed` (0: any one right is enough). In arena. Yields. */
YIELDS bool store_place_get(struct store *s, int64_t viewer_id, str name, unsigned needed,
                            struct arena *a, int64_t deadline_ms, struct store_place *out,
                            struct err *e);

/* What one account finds of a mailbox that it came to before. */
struct store_standing {
    unsigned rights; /* STORE_MAY_*; 0: none any more */
    str name;        /* in the tree of the account that asks; it may have been renamed */
};

/* The same mailbox again: by its ids, as its name may be that of another one by now. ERR_NOT_FOUND:
 * it is gone. In arena. Yields. */
YIELDS bool store_place_again(struct store *s, const struct store_viewed *of, struct arena *a,
                              int64_t deadline_ms, struct store_standing *out, struct err *e);

/* Where a name that no mailbox needs to have stands: for those that make, rename and delete. */
struct store_home {
    int64_t account_id;
    enum store_space space;
    str name; /* in the tree of its owner: for store_mailbox_create and the like */
};

/* The home of a full name whose mailbox is to be made. ERR_DENIED: the viewer may not make
 * mailboxes there, or the name is one of the namespaces; somebody who does not exist is the same.
 * ERR_SYNTAX, ERR_LIMIT: as store_mailbox_name_check. In arena. Yields. */
YIELDS bool store_place_home(struct store *s, int64_t viewer_id, str name, struct arena *a,
                             int64_t deadline_ms, struct store_home *out, struct err *e);

/* A full name as its owner would say it, without a look at who it is. Pure; in arena. */
str store_place_own_name(struct arena *a, str name);

struct store_places {
    struct store_place *list; /* own ones first as in store_mailboxes, then by name */
    size_t n;
    const str *gone; /* names that are subscribed, but the viewer sees no such mailbox */
    size_t n_gone;
};

/* All mailboxes that the account may look up, with their counters, in one round trip. Of mailboxes
 * that are not its own, has_children tells of those it may look up. In arena. Yields. */
YIELDS bool store_place_list(struct store *s, int64_t viewer_id, struct arena *a,
                             int64_t deadline_ms, struct store_places *out, struct err *e);

/* As store_mailbox_subscribe, of any name in the viewer's tree; to subscribe needs the right to
 * look it up (ERR_NOT_FOUND). Yields. */
YIELDS bool store_place_subscribe(struct store *s, int64_t viewer_id, str name, bool subscribe,
                                  int64_t deadline_ms, struct err *e);

/* ---- entries ---- */

enum {
    STORE_MAX_GRANTS = 1000 /* of a mailbox */
};

/* What one account, or everybody of the owner's domain, may do and may not. */
struct store_grant {
    str login; /* empty: everybody of the owner's domain ("anyone") */
    unsigned granted;
    unsigned denied; /* taken away, whoever gives them */
};

struct store_grants {
    struct store_grant *list; /* by login */
    size_t n;
};

/* Entries of a mailbox; the owner, who has all rights for good, is not among them. In arena.
 * Yields. */
YIELDS bool store_grants_list(struct store *s, int64_t account_id, int mailbox_id, struct arena *a,
                              int64_t deadline_ms, struct store_grants *out, struct err *e);

enum store_grant_how {
    STORE_GRANT_SET, /* to these rights; 0 removes the entry */
    STORE_GRANT_ADD,
    STORE_GRANT_REMOVE
};

struct store_grant_change {
    str login;   /* in lower case; empty: everybody of the owner's domain */
    bool denied; /* of what is taken away */
    enum store_grant_how how;
    unsigned rights;
};

/* Changes one entry of a mailbox. The subscribers of the owner are told, and, when there is another
 * right now, those of the grantee (notify.h); where that is everybody, those of
 * store_grants_everybody. ERR_NOT_FOUND (mailbox),
 * ERR_DENIED (no such account, or the owner itself), ERR_LIMIT (too many entries). Yields. */
YIELDS bool store_grants_change(struct store *s, int64_t account_id, int mailbox_id,
                                const struct store_grant_change *change, int64_t deadline_ms,
                                struct err *e);
/* What to subscribe to, beside the account, to be told of rights that everybody of its domain is
 * given: an account id for notify, which is that of no account. ERR_NOT_FOUND (account). Yields. */
YIELDS bool store_grants_everybody(struct store *s, int64_t account_id, int64_t deadline_ms,
                                   int64_t *out, struct err *e);

#endif
