/* SPDX-License-Identifier: Apache-2.0 */
/* What to say when a fiber runs off its stack. Without an alternate stack the kernel cannot even
 * deliver SIGSEGV then, and the process vanishes without a word. */
#include "runtime/loop.h"

#include <signal.h>
#include <unistd.h>

enum {
    SIGNAL_STACK_BYTES = 65536
};

/* Only what a signal handler may call: write, signal, raise. */
static void say(const char *text)
{
    ssize_t written = write(STDERR_FILENO, text, strlen(text));
    (void)written;
}

static void on_segv(int signo, siginfo_t *info, void *context)
{
    (void)context;
    const struct fiber *f = fiber_current();
    uintptr_t at = (uintptr_t)info->si_addr;
    if (f && at - (uintptr_t)f->stack < f->rt->stacks.guard_bytes) {
        say("heronry: stack overflow in fiber ");
        say(f->name);
        say("\n");
    }
    (void)signal(signo, SIG_DFL);
    (void)raise(signo);
}

char *crash_init(void)
{
    if (sanitizer_is_on()) /* it brings its own handler and stack */
        return NULL;
    struct sigaction former;
    if (sigaction(SIGSEGV, NULL, &former) != 0 || former.sa_handler != SIG_DFL)
        return NULL;
    char *memory = heap_alloc(SIGNAL_STACK_BYTES);
    stack_t alternate = { .ss_sp = memory, .ss_size = SIGNAL_STACK_BYTES };
    struct sigaction action = { .sa_sigaction = on_segv, .sa_flags = SA_SIGINFO | SA_ONSTACK };
    if (sigaltstack(&alternate, NULL) != 0 || sigaction(SIGSEGV, &action, NULL) != 0) {
        free(memory);
        return NULL;
    }
    return memory;
}

void crash_fini(char **signal_stack)
{
    if (!*signal_stack)
        return;
    stack_t off = { .ss_flags = SS_DISABLE };
    (void)signal(SIGSEGV, SIG_DFL);
    (void)sigaltstack(&off, NULL);
    free(*signal_stack);
    *signal_stack = NULL;
}
