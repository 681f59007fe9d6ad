/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a password without leaving it where others look. */
#include "services/cli/password.h"

#include "services/cli/output.h"

#include <errno.h>
#include <fcntl.h>
#include <termios.h>

enum {
    LINE_MAX_BYTES = 1200 /* more than any password may have, to tell too long from cut */
};

/* One line without its end. */
static bool read_line(int fd, struct secret *out, struct err *e)
{
    char text[LINE_MAX_BYTES];
    size_t n = 0;
    bool ended = false;
    while (!ended && n < sizeof(text)) {
        ssize_t got = read(fd, text + n, 1);
        if (got < 0 && errno == EINTR)
            continue;
        ended = got <= 0 || text[n] == '\n';
        n += !ended;
    }
    if (n > 0 && text[n - 1] == '\r')
        n--;
    secret_set(out, str_of(text, n));
    secret_wipe_memory(text, sizeof(text));
    return ended || ERR(e, ERR_LIMIT, "the password is too long");
}

/* Asks on the terminal itself, so that redirected output does not matter. */
static bool ask(int terminal, const char *question, struct secret *out, struct err *e)
{
    struct termios normal;
    if (tcgetattr(terminal, &normal) != 0)
        return ERR_SYS(e, ERR_INTERNAL, "terminal");
    struct termios silent = normal;
    silent.c_lflag &= (tcflag_t)~ECHO;
    /* First: it forgets what was typed before, and whoever sees the question may type. */
    (void)tcsetattr(terminal, TCSAFLUSH, &silent);
    (void)write(terminal, question, strlen(question));
    bool ok = read_line(terminal, out, e);
    (void)tcsetattr(terminal, TCSAFLUSH, &normal);
    (void)write(terminal, "\n", 1);
    return ok;
}

static bool ask_twice(struct secret *out, bool *given, struct err *e)
{
    struct secret again = SECRET_EMPTY;
    int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC);
    if (terminal < 0) {
        *given = false;
        return true;
    }
    bool ok = ask(terminal, "Password: ", out, e) && ask(terminal, "Once more: ", &again, e);
    if (ok && !str_eq(secret_str(out), secret_str(&again)))
        ok = ERR(e, ERR_SYNTAX, "the two passwords differ");
    (void)close(terminal);
    secret_wipe(&again);
    return ok;
}

bool cli_read_password(const struct cli *cli, struct secret *out, bool *given, struct err *e)
{
    char *argument = cli_option(cli, "--password");
    *given = true;
    if (argument && cli_option(cli, "--password-stdin"))
        return ERR(e, ERR_SYNTAX, "give either --password or --password-stdin");
    if (argument) {
        secret_set(out, str_from_cstr(argument));
        secret_wipe_memory(argument, strlen(argument));
        (void)fputs(
            "heronry: warning: a password among the arguments was visible to other users of "
            "this machine; better use --password-stdin\n",
            stderr);
        return true;
    }
    if (cli_option(cli, "--password-stdin"))
        return read_line(STDIN_FILENO, out, e);
    return ask_twice(out, given, e);
}
