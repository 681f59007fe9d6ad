/* SPDX-License-Identifier: Apache-2.0 */
/* Clients of httpbench: they measure a server at a port of 127.0.0.1, print JSON and hold what they
 * opened until their standard input ends. They block, and give the exit code of the program. */
#ifndef HTTPBENCH_CLIENTS_H
#define HTTPBENCH_CLIENTS_H

#include <stddef.h>
#include <stdint.h>

/* Monotonic clock, microseconds: the server puts it into its events. */
int64_t clients_now_us(void);

/* `count` event streams of httpbench's own server: prints "open", then the times from an event's
 * making to its arrival at one stream and at all, of so many rounds. 1 when one was lost. */
int clients_stream(unsigned port, size_t count, size_t rounds);

/* `count` connections that ask for `path` once and stay, a thousand from each address of
 * 127.1.0.0/16: prints how many were answered and are held, and how long others wait for the same
 * meanwhile, each on a new connection. 1 when one of those others was not answered with 200. */
int clients_idle(unsigned port, size_t count, const char *path);

#endif
