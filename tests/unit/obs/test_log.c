/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of log lines: what they look like, that no value can forge one (PROMISES R32), filters. */
#include "base/date.h"
#include "base/utf8.h"
#include "obs/line.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* 2026-11-21T05:12:55.123456Z */
static struct obs_line make_line(const struct obs_field *fields, size_t n)
{
    return (struct obs_line){ .at_us = 1795237975123456,
                              .seq = 7,
                              .level = OBS_WARN,
                              .event = "some_event",
                              .component = "part",
                              .process = "front.1",
                              .session = STR("abc"),
                              .fields = fields,
                              .n = n };
}

static void format(const struct obs_line *line, enum obs_format as, struct buf *out)
{
    buf_init(out, OBS_LINE_MAX);
    obs_line_format(line, as, out);
}

static void lines_look_like_this(void **state)
{
    (void)state;
    const struct obs_field fields[] = { OBS_STR("peer", STR("192.0.2.1")), OBS_INT("count", -3),
                                        OBS_BOOL("tls", true), OBS_CSTR("text", "two words"),
                                        OBS_STR("empty", STR_EMPTY) };
    struct obs_line line = make_line(fields, COUNT_OF(fields));
    struct buf out;
    format(&line, OBS_TEXT, &out);
    assert_string_equal(buf_cstr(&out),
                        "2026-11-21T05:12:55.123Z warn abc some_event process=front.1 "
                        "peer=192.0.2.1 count=-3 tls=true text=\"two words\" empty=\"\"\n");
    buf_fini(&out);
    format(&line, OBS_JSON, &out);
    assert_string_equal(
        buf_cstr(&out),
        "{\"ts\":\"2026-11-21T05:12:55.123456Z\",\"seq\":7,\"level\":\"warn\",\"session\":\"abc\","
        "\"event\":\"some_event\",\"component\":\"part\",\"process\":\"front.1\",\"peer\":"
        "\"192.0.2.1\",\"count\":-3,\"tls\":true,\"text\":\"two words\",\"empty\":\"\"}\n");
    buf_fini(&out);
    line = make_line(NULL, 0);
    line.session = STR_EMPTY;
    line.process = "";
    format(&line, OBS_TEXT, &out);
    assert_string_equal(buf_cstr(&out), "2026-11-21T05:12:55.123Z warn - some_event\n");
    buf_fini(&out);
}

static const struct {
    const char *name;
    str value;
    const char *text;
    const char *json;
} forgeries[] = {
    { "line feed", STR_INIT("a\n2026-11-21T05:12:55.123Z info - login_ok"),
      "\"a\\u000a2026-11-21T05:12:55.123Z info - login_ok\"",
      "\"a\\u000a2026-11-21T05:12:55.123Z info - login_ok\"" },
    { "carriage return", STR_INIT("a\rb"), "\"a\\u000db\"", "\"a\\u000db\"" },
    { "end of the value", STR_INIT("a\" result=ok x=\""), "\"a\\\" result=ok x=\\\"\"",
      "\"a\\\" result=ok x=\\\"\"" },
    { "a field of its own", STR_INIT("a result=ok"), "\"a result=ok\"", "\"a result=ok\"" },
    { "a key", STR_INIT("a=b"), "\"a=b\"", "\"a=b\"" },
    { "backslash", STR_INIT("a\\\"b"), "\"a\\\\\\\"b\"", "\"a\\\\\\\"b\"" },
    { "NUL", STR_INIT("a\0b"), "\"a\\u0000b\"", "\"a\\u0000b\"" },
    { "terminal escape", STR_INIT("\x1b[2J"), "\"\\u001b[2J\"", "\"\\u001b[2J\"" },
    { "DEL", STR_INIT("\x7f"), "\"\\u007f\"", "\"\\u007f\"" },
    { "C1 control", STR_INIT("\xc2\x9b"), "\"\\u009b\"", "\"\\u009b\"" },
    { "line separator", STR_INIT("\xe2\x80\xa8"), "\"\\u2028\"", "\"\\u2028\"" },
    { "right to left override", STR_INIT("\xe2\x80\xae"), "\"\\u202e\"", "\"\\u202e\"" },
    { "no UTF-8", STR_INIT("\xff"), "\"\\xff\"", "\"\xef\xbf\xbd\"" },
    { "letters stay", STR_INIT("\xc3\xa4"), "\"\xc3\xa4\"", "\"\xc3\xa4\"" },
};

static void values_cannot_forge(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(forgeries); i++) {
        const struct obs_field field = OBS_STR("k", forgeries[i].value);
        struct obs_line line = make_line(&field, 1);
        struct buf out;
        char expected[256];
        format(&line, OBS_TEXT, &out);
        (void)snprintf(expected, sizeof(expected), " k=%s\n", forgeries[i].text);
        if (!str_has_suffix(buf_str(&out), str_from_cstr(expected)))
            fail_msg("%s as text: %s", forgeries[i].name, buf_cstr(&out));
        buf_fini(&out);
        format(&line, OBS_JSON, &out);
        (void)snprintf(expected, sizeof(expected), ",\"k\":%s}\n", forgeries[i].json);
        if (!str_has_suffix(buf_str(&out), str_from_cstr(expected)))
            fail_msg("%s as JSON: %s", forgeries[i].name, buf_cstr(&out));
        buf_fini(&out);
    }
}

/* The session id comes from us, but it stands in front: it cannot forge either. */
static void every_byte_stays_on_the_line(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        char bytes[3] = { 'a', (char)c, 'b' };
        const struct obs_field field = OBS_STR("k", str_of(bytes, 3));
        struct obs_line line = make_line(&field, 1);
        line.session = str_of(bytes, 3);
        for (int as = OBS_TEXT; as <= OBS_JSON; as++) {
            struct buf out;
            format(&line, (enum obs_format)as, &out);
            assert_true(utf8_is_valid(buf_str(&out)));
            for (size_t i = 0; i + 1 < out.n; i++)
                assert_true((unsigned char)out.p[i] >= 0x20 && out.p[i] != 0x7f);
            assert_int_equal(out.p[out.n - 1], '\n');
            buf_fini(&out);
        }
    }
}

static void long_values_and_lines_are_cut(void **state)
{
    static char big[20000];
    struct obs_field fields[20];
    (void)state;
    memset(big, 1, sizeof(big)); /* the worst: six bytes each */
    for (size_t i = 0; i < COUNT_OF(fields); i++)
        fields[i] = OBS_STR("k", str_of(big, sizeof(big)));
    for (int as = OBS_TEXT; as <= OBS_JSON; as++) {
        struct obs_line line = make_line(fields, COUNT_OF(fields));
        struct buf out;
        format(&line, (enum obs_format)as, &out);
        assert_true(out.n <= OBS_LINE_MAX);
        assert_true(str_has_suffix(buf_str(&out),
                                   as == OBS_JSON ? STR(",\"cut\":true}\n") : STR(" cut=true\n")));
        buf_fini(&out);
        line.n = 1;
        format(&line, (enum obs_format)as, &out);
        assert_true(str_find(buf_str(&out), STR("...\"")) > 0);
        assert_true(str_find(buf_str(&out), STR("cut")) < 0);
        buf_fini(&out);
    }
}

/* ---- the sink ---- */

static void read_all(int fd, struct buf *out)
{
    ssize_t n = 1;
    while (n > 0) {
        char *to = buf_reserve(out, 65536);
        assert_non_null(to);
        n = read(fd, to, 65536);
        if (n > 0)
            buf_commit(out, (size_t)n);
    }
}

static size_t count_of(const struct buf *text, const char *needle)
{
    str rest = buf_str(text);
    str wanted = str_from_cstr(needle);
    size_t count = 0;
    for (ptrdiff_t at = str_find(rest, wanted); at >= 0; at = str_find(rest, wanted)) {
        count++;
        rest = str_skip(rest, (size_t)at + wanted.n);
    }
    return count;
}

static void filters_level_and_component(void **state)
{
    (void)state;
    obs_log_init(STDERR_FILENO, OBS_WARN, OBS_TEXT, "test", "");
    assert_false(obs_is_logged(EV_PROCESS_START));
    assert_true(obs_is_logged(EV_DB_LOST));
    obs_log_init(STDERR_FILENO, OBS_INFO, OBS_TEXT, "test", "net, process");
    assert_true(obs_is_logged(EV_PROCESS_START));
    assert_true(obs_is_logged(EV_LISTENER_OPEN));
    assert_false(obs_is_logged(EV_DB_LOST));
    obs_log_init(STDERR_FILENO, OBS_INFO, OBS_TEXT, "test", "");
    assert_true(obs_is_logged(EV_DB_LOST));
}

static void a_component_has_its_own_level(void **state)
{
    static const struct {
        const char *components;
        const char *levels;
        bool node_lost, job_done, job_failed; /* process ERROR; scheduler DEBUG and WARN */
    } cases[] = {
        { "", "", true, false, true },
        { "", "scheduler=debug", true, true, true },
        { "", "Scheduler = error, process=info", true, false, false },
        { "", "scheduler=debug,scheduler=error", true, false, false },
        { "", "scheduler,scheduler=,=debug,smpt=debug", true, false, true },
        { "scheduler", "process=debug,scheduler=debug", false, true, true },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        obs_log_set_levels(cases[i].components, OBS_INFO, cases[i].levels);
        if (obs_is_logged(EV_NODE_ID_LOST) != cases[i].node_lost ||
            obs_is_logged(EV_JOB_DONE) != cases[i].job_done ||
            obs_is_logged(EV_JOB_FAILED) != cases[i].job_failed)
            fail_msg("\"%s\" and \"%s\"", cases[i].components, cases[i].levels);
    }
    obs_log_set_levels("", OBS_INFO, "");
}

enum {
    THREADS = 4,
    LINES = 500
};

static void *log_many(void *arg)
{
    for (int i = 0; i < LINES; i++)
        obs_log(EV_DB_LOST, STR("s"), OBS_INT("i", i), OBS_CSTR("filler", arg));
    return NULL;
}

static void threads_do_not_mix_lines(void **state)
{
    (void)state;
    int fds[2];
    pthread_t threads[THREADS];
    char filler[] = "0123456789012345678901234567890123456789";
    char path[] = "/tmp/heronry-log-XXXXXX";
    fds[1] = mkstemp(path);
    assert_true(fds[1] >= 0);
    fds[0] = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(fcntl(fds[1], F_SETFL, O_APPEND), 0);
    obs_log_init(fds[1], OBS_INFO, OBS_JSON, "test", "");
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, log_many, filler), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    struct buf text;
    buf_init(&text, (size_t)8 * 1024 * 1024);
    read_all(fds[0], &text);
    assert_int_equal(count_of(&text, "\n"), THREADS * LINES);
    assert_int_equal(count_of(&text, "{\"ts\":\""), THREADS * LINES);
    assert_int_equal(count_of(&text, "\"filler\":\"0123456789012345678901234567890123456789\"}\n"),
                     THREADS * LINES);
    assert_int_equal(count_of(&text, "\"event\":\"db_lost\""), THREADS * LINES);
    obs_log_init(STDERR_FILENO, OBS_INFO, OBS_TEXT, "test", "");
    buf_fini(&text);
    (void)close(fds[0]);
    (void)close(fds[1]);
}

static void a_full_pipe_loses_the_line_not_the_process(void **state)
{
    (void)state;
    int fds[2];
    assert_int_equal(pipe2(fds, O_NONBLOCK | O_CLOEXEC), 0);
    char filler[1024];
    memset(filler, '\n', sizeof(filler));
    while (write(fds[1], filler, sizeof(filler)) > 0)
        continue;
    obs_log_init(fds[1], OBS_INFO, OBS_TEXT, "test", "");
    obs_log(EV_DB_LOST, STR("s"), OBS_INT("i", 1));
    obs_log_init(STDERR_FILENO, OBS_INFO, OBS_TEXT, "test", "");
    struct buf metrics;
    buf_init(&metrics, 65536);
    assert_true(obs_metrics_format(&metrics));
    assert_non_null(strstr(buf_cstr(&metrics), "mailserver_log_lines_lost_total 1\n"));
    buf_fini(&metrics);
    (void)close(fds[0]);
    (void)close(fds[1]);
}

static void session_ids_never_repeat(void **state)
{
    (void)state;
    char former[OBS_SESSION_ID_SIZE] = "";
    for (int i = 0; i < 100000; i++) {
        char id[OBS_SESSION_ID_SIZE];
        obs_session_id(id);
        assert_int_equal(strlen(id), OBS_SESSION_ID_SIZE - 1);
        assert_true(strcmp(former, id) < 0);
        memcpy(former, id, sizeof(id));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_look_like_this),
        cmocka_unit_test(values_cannot_forge),
        cmocka_unit_test(every_byte_stays_on_the_line),
        cmocka_unit_test(long_values_and_lines_are_cut),
        cmocka_unit_test(filters_level_and_component),
        cmocka_unit_test(a_component_has_its_own_level),
        cmocka_unit_test(threads_do_not_mix_lines),
        cmocka_unit_test(a_full_pipe_loses_the_line_not_the_process),
        cmocka_unit_test(session_ids_never_repeat),
    };
    return cmocka_run_group_tests_name("obs/log", tests, NULL, NULL);
}
