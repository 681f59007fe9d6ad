/* SPDX-License-Identifier: Apache-2.0 */
/* Signals through signalfd. */
#include "services/supervisor/signals.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>

static sigset_t handled(void)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    (void)sigaddset(&set, SIGCHLD);
    return set;
}

bool signals_open(struct signals *s, struct err *e)
{
    sigset_t set = handled();
    *s = (struct signals){ .fd = -1 };
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return ERR_SYS(e, ERR_INTERNAL, "block signals");
    s->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (s->fd < 0)
        return ERR_SYS(e, ERR_INTERNAL, "signalfd");
    (void)signal(SIGPIPE, SIG_IGN);
    return true;
}

static void read_signals(struct signals *s)
{
    struct signalfd_siginfo info;
    while (read(s->fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT) {
            s->stop = true;
        } else if (info.ssi_signo == SIGHUP) {
            s->reload = true;
        }
    }
}

void signals_wait(struct signals *s, int fd, int64_t deadline_ms)
{
    struct pollfd wait[] = { { .fd = s->fd, .events = POLLIN }, { .fd = fd, .events = POLLIN } };
    int64_t left = deadline_ms == DEADLINE_NONE ? -1 : deadline_ms - clock_monotonic_ms();
    if (deadline_ms != DEADLINE_NONE && left < 0)
        left = 0;
    (void)poll(wait, 2, (int)(left > 60000 ? 60000 : left));
    read_signals(s);
}

void signals_reset_in_child(void)
{
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGINT, SIG_IGN);
}
