/* SPDX-License-Identifier: Apache-2.0 */
/* One attempt to send, receive or handshake on a socket, in plain text or TLS. OpenSSL keeps its
 * errors in a queue of the thread, shared by all fibers: it is emptied before each call. */
#include "net/conn.h"
#include "net/tls_private.h"

#include <errno.h>
#include <openssl/err.h>

static enum io_result from_errno(int sys, enum io_result wants)
{
    return sys == EAGAIN || sys == EINTR ? wants : IO_BROKEN;
}

static enum io_result from_ssl(SSL *ssl, int result, int *sys)
{
    int saved = errno;
    int why = SSL_get_error(ssl, result);
    *sys = why == SSL_ERROR_SYSCALL ? saved : 0;
    switch (why) {
    case SSL_ERROR_WANT_READ:
        return IO_WANTS_READ;
    case SSL_ERROR_WANT_WRITE:
        return IO_WANTS_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        return IO_EOF;
    default:
        return IO_BROKEN;
    }
}

enum io_result conn_receive(struct net_conn *c, char *p, size_t n, size_t *got, int *sys)
{
    *sys = 0;
    if (c->ssl) {
        ERR_clear_error();
        int result = SSL_read_ex(c->ssl, p, n, got);
        return result == 1 ? IO_DONE : from_ssl(c->ssl, result, sys);
    }
    ssize_t result = recv(c->fd, p, n, MSG_DONTWAIT);
    *sys = result < 0 ? errno : 0;
    *got = result > 0 ? (size_t)result : 0;
    if (result > 0)
        return IO_DONE;
    return result == 0 ? IO_EOF : from_errno(*sys, IO_WANTS_READ);
}

enum io_result conn_send(struct net_conn *c, const char *p, size_t n, size_t *sent, int *sys)
{
    *sys = 0;
    if (c->ssl) {
        ERR_clear_error();
        int result = SSL_write_ex(c->ssl, p, n, sent);
        return result == 1 ? IO_DONE : from_ssl(c->ssl, result, sys);
    }
    ssize_t result = send(c->fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
    *sys = result < 0 ? errno : 0;
    *sent = result > 0 ? (size_t)result : 0;
    return result >= 0 ? IO_DONE : from_errno(*sys, IO_WANTS_WRITE);
}

/* Fails with what the peer's certificate or OpenSSL had to say. */
static bool handshake_failed(struct net_conn *c, int sys, struct err *e)
{
    char reason[160];
    c->broken = true;
    long verified = SSL_get_verify_result(c->ssl);
    const char *fault = X509_verify_cert_error_string(verified);
    if (SSL_get_verify_mode(c->ssl) & SSL_VERIFY_PEER && verified != X509_V_OK)
        return ERR(e, ERR_DENIED, "TLS: the peer's certificate: %s", fault);
    tls_error_text(reason, sizeof(reason));
    return err_set(e, ERR_UNAVAILABLE, sys, __FILE__, __LINE__, "TLS handshake: %s",
                   sys == 0 && ERR_peek_error() == 0 ? "the peer closed the connection" : reason);
}

bool conn_handshake(struct net_conn *c, SSL *ssl, int64_t deadline_ms, struct err *e)
{
    INVARIANT(!c->ssl);
    c->ssl = ssl;
    for (;;) {
        ERR_clear_error();
        int result = SSL_do_handshake(ssl);
        if (result == 1)
            break;
        int sys;
        enum io_result what = from_ssl(ssl, result, &sys);
        if (what != IO_WANTS_READ && what != IO_WANTS_WRITE)
            return handshake_failed(c, sys, e);
        unsigned event = what == IO_WANTS_READ ? FIBER_READ : FIBER_WRITE;
        if (!conn_wait(c, event, deadline_ms, e)) {
            c->broken = true; /* half a handshake is no way back to plain text */
            return false;
        }
    }
    tls_facts_read(ssl, &c->facts);
    return true;
}

static void forget_input(struct net_conn *c)
{
    buf_fini(&c->in);
    c->in_at = 0;
}

bool net_starttls(struct net_conn *c, struct tls_server *tls, int64_t deadline_ms, bool *had_input,
                  struct err *e)
{
    if (!net_flush(c, e))
        return false;
    /* R19: what came before TLS was not protected and must not be taken for what comes after. */
    if (had_input)
        *had_input = conn_unread(c) > 0;
    forget_input(c);
    return conn_handshake(c, tls_server_accept(tls, c->fd), deadline_ms, e);
}

/* What a client does before its handshake. Yields. */
YIELDS static bool end_plain_text(struct net_conn *c, struct err *e)
{
    if (!net_flush(c, e))
        return false;
    /* O1: replies sent before TLS could be taken for replies under TLS. */
    if (net_buffered(c) == 0)
        return true;
    forget_input(c);
    c->broken = true;
    return ERR(e, ERR_DENIED, "the peer sent plain text after agreeing to TLS");
}

bool net_starttls_client(struct net_conn *c, struct tls_client *tls, const char *host,
                         int64_t deadline_ms, struct err *e)
{
    return end_plain_text(c, e) &&
           conn_handshake(c, tls_client_connect(tls, c->fd, host), deadline_ms, e);
}

bool net_starttls_dane(struct net_conn *c, struct tls_client *tls, const struct tls_dane *dane,
                       int64_t deadline_ms, struct err *e)
{
    if (!end_plain_text(c, e))
        return false;
    SSL *ssl = tls_client_connect_dane(tls, c->fd, dane);
    bool by_dane = ssl != NULL;
    if (!by_dane)
        ssl = tls_client_connect(tls, c->fd, dane->base);
    if (!conn_handshake(c, ssl, deadline_ms, e))
        return false;
    c->facts.by_dane = by_dane;
    return true;
}
