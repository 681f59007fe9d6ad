/* SPDX-License-Identifier: Apache-2.0 */
/* libgumbo has no limits: formatting elements that are opened and never closed are repeated in each
 * paragraph, so 1 MB of HTML can ask for any amount of memory and time, and its asserts end the
 * process. Nothing in its interface can stop it, so it runs in a thread of its own, and its
 * allocator (or a failed assertion) ends that thread. Its memory is an arena, so what it leaves
 * behind needs no walk; its own destructor recurses once a level and would pass the stack. */
#include "html/tree.h"

#include "html/html.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>

enum {
    PARSER_STACK_BYTES = 256 * 1024,
    CHECK_CLOCK_EVERY = 256 /* allocations */
};

struct parser {
    str html;
    struct arena *memory;
    const GumboOutput *output; /* NULL: the thread was ended */
    unsigned allocations;
    enum err_kind failed;
};

/* Processor time of the parser: on a busy machine mail must not turn into text. */
static int64_t spent_ms(void)
{
    struct timespec t = { 0 };
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void *allocate(void *userdata, size_t n)
{
    struct parser *p = userdata;
    bool check = ++p->allocations % CHECK_CLOCK_EVERY == 0;
    if (n > HTML_MAX_TREE_BYTES - p->memory->total) {
        p->failed = ERR_LIMIT;
    } else if (check && spent_ms() > HTML_MAX_PARSE_MS) {
        p->failed = ERR_TIMEOUT;
    }
    if (p->failed != ERR_NONE)
        pthread_exit(NULL);
    return arena_alloc(p->memory, n);
}

/* The arena is released as a whole. */
static void deallocate(void *userdata, void *ptr)
{
    (void)userdata;
    (void)ptr;
}

void html_tree_assertion_failed(const char *assertion, const char *file, unsigned line,
                                const char *function)
{
    (void)assertion;
    (void)file;
    (void)line;
    (void)function;
    pthread_exit(NULL);
}

static void *parse(void *arg)
{
    struct parser *p = arg;
    GumboOptions options = kGumboDefaultOptions;
    options.allocator = allocate;
    options.deallocator = deallocate;
    options.userdata = p;
    options.max_errors = 0;
    p->output = gumbo_parse_with_options(&options, p->html.p ? p->html.p : "", p->html.n);
    return NULL;
}

/* Runs the parser; signals stay with the threads that wait for them. */
static bool run_thread(struct parser *p)
{
    pthread_attr_t attr;
    pthread_t thread;
    sigset_t all, before;
    if (pthread_attr_init(&attr) != 0)
        return false;
    (void)sigfillset(&all);
    (void)pthread_attr_setstacksize(&attr, PARSER_STACK_BYTES);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    bool started = pthread_create(&thread, &attr, parse, p) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attr);
    if (started)
        (void)pthread_join(thread, NULL);
    return started;
}

bool html_tree_parse(str html, struct html_tree *tree, struct err *e)
{
    arena_init(&tree->memory);
    struct parser p = { .html = html, .memory = &tree->memory };
    bool started = run_thread(&p);
    if (p.output) {
        tree->root = p.output->root;
        return true;
    }
    arena_fini(&tree->memory);
    if (!started)
        return ERR(e, ERR_INTERNAL, "no thread for the HTML parser");
    if (p.failed == ERR_LIMIT)
        return ERR(e, ERR_LIMIT, "the HTML asks for more than %d bytes", HTML_MAX_TREE_BYTES);
    if (p.failed == ERR_TIMEOUT)
        return ERR(e, ERR_TIMEOUT, "the HTML takes more than %d ms", HTML_MAX_PARSE_MS);
    return ERR(e, ERR_INTERNAL, "an assertion of the HTML parser failed");
}

void html_tree_fini(struct html_tree *tree)
{
    arena_fini(&tree->memory);
    tree->root = NULL;
}

void html_walk_init(struct html_walk *w, const GumboNode *top)
{
    *w = (struct html_walk){ .top = top };
}

static const GumboVector *children_of(const GumboNode *node)
{
    bool has = node->type == GUMBO_NODE_ELEMENT || node->type == GUMBO_NODE_TEMPLATE;
    return has ? &node->v.element.children : NULL;
}

/* From w->node, which is done, to its neighbour or out of its parent. */
static bool move_on(struct html_walk *w)
{
    const GumboNode *parent = w->node->parent;
    if (w->node == w->top)
        return false;
    size_t next = w->node->index_within_parent + 1;
    const GumboVector *siblings = children_of(parent);
    w->leaving = next >= siblings->length;
    w->node = w->leaving ? parent : siblings->data[next];
    return true;
}

bool html_walk_next(struct html_walk *w)
{
    if (!w->node) {
        w->node = w->top;
        return true;
    }
    const GumboVector *children = w->leaving ? NULL : children_of(w->node);
    if (children && children->length > 0) {
        w->node = children->data[0];
        return true;
    }
    if (children) {
        w->leaving = true;
        return true;
    }
    return move_on(w);
}

void html_walk_skip(struct html_walk *w)
{
    w->leaving = true;
}

str html_attribute(const GumboNode *element, const char *name)
{
    const GumboAttribute *a = gumbo_get_attribute(&element->v.element.attributes, name);
    return a ? str_from_cstr(a->value) : STR_EMPTY;
}

bool html_is_element(const GumboNode *node, GumboTag tag)
{
    return node->type == GUMBO_NODE_ELEMENT && node->v.element.tag == tag &&
           node->v.element.tag_namespace == GUMBO_NAMESPACE_HTML;
}
