/* SPDX-License-Identifier: Apache-2.0 */
/* Real servers for unit tests: one private PostgreSQL cluster and one private Redis a test program,
 * on unix sockets in a directory of their own under TMPDIR or in memory, gone with the program
 * however it ends. A failure to start ends the program with a message. Not for production code. */
#ifndef SUPPORT_SERVERS_H
#define SUPPORT_SERVERS_H

#include <stdbool.h>
#include <stddef.h>

/* ---- PostgreSQL ---- */

/* Starts a fresh cluster (a copy of one that is kept in TMPDIR) and gives its conninfo: superuser
 * and database "heronry". fsync is off. Calling again gives the same. Static. */
const char *test_pg_start(void);
/* The same with all of migrations/NNNN_*.sql applied in order, also a copy: made anew when a
 * migration changes. Comes before test_pg_start. */
const char *test_pg_start_migrated(void);
/* The cluster will run with fsync on, for tests of crashes. Must be the first call. */
void test_pg_make_durable(void);
/* From the beginning the code under test gives the database 20 s where its promises give it half a
 * second (FAILPOINT_PATIENCE "database-is-awaited"); not while a test has stopped, killed or paused
 * it, nor where it says so here: then the promised times count. */
void test_pg_await(bool is_awaited);
/* Shuts down (connections are ended), kills without a shutdown checkpoint, starts again with the
 * data it had. */
void test_pg_stop(void);
void test_pg_kill(void);
void test_pg_restart(void);
/* Stops and continues all processes of the cluster (SIGSTOP, SIGCONT): a server that hangs. */
void test_pg_pause(void);
void test_pg_resume(void);

/* Runs SQL through psql, outside the code under test; ends the program when it fails. */
void test_pg_run(const char *sql);
/* The same, with the result as text: columns joined by '|', rows by line ends, without the last
 * one. Release with free. */
char *test_pg_query(const char *sql);
/* The result's first value as a number. */
long test_pg_number(const char *sql);

/* ---- Redis ---- */

/* Starts a server without persistence and gives its "unix:///..." URL. Calling again gives the
 * same. Static. */
const char *test_redis_start(void);
/* As test_pg_await, "redis-is-awaited". */
void test_redis_await(bool is_awaited);
/* Kills it; starts it again at the same place, empty. */
void test_redis_kill(void);
void test_redis_restart(void);
/* SIGSTOP and SIGCONT. */
void test_redis_pause(void);
void test_redis_resume(void);
/* Runs one command by redis-cli and gives its output. Release with free. */
char *test_redis_cli(const char *const *args, size_t n);

/* ---- both ---- */

/* As test_pg_await, "dns-is-awaited", for tests with a name server of their own. */
void test_dns_await(bool is_awaited);

/* The private directory of this program, made at the first call: for sockets and files of a test.
 * Removed at the end. Static. */
const char *test_directory(void);
/* A TCP port on 127.0.0.1 that is free: no other test program takes it, and the kernel gives it to
 * no client. Each call gives another one. */
unsigned test_free_port(void);
/* Stops what was started and removes the directory; also done at exit. */
void test_servers_stop(void);

#endif
