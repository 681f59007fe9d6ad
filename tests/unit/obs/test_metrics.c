/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of metrics and their text format. */
#include "obs/obs.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* The metrics as text hold this whole line. */
static void assert_line(const char *line, bool is_there)
{
    struct buf text;
    char wanted[256];
    buf_init(&text, 1024 * 1024);
    assert_true(obs_metrics_format(&text));
    (void)snprintf(wanted, sizeof(wanted), "\n%s\n", line);
    if ((strstr(buf_cstr(&text), wanted) != NULL) != is_there)
        fail_msg("%s: %s", line, is_there ? "missing" : "there");
    buf_fini(&text);
}

static void plain_metrics_are_there_from_the_start(void **state)
{
    (void)state;
    assert_line("# TYPE mailserver_messages_received_total counter", true);
    assert_line("mailserver_messages_received_total 0", true);
    assert_line("mailserver_queue_depth 0", true);
    assert_line("mailserver_messages_rejected_total 0", false);
}

static void counters_and_gauges_move(void **state)
{
    (void)state;
    obs_count(METRIC_MESSAGES_RECEIVED, NULL, 2);
    obs_count(METRIC_MESSAGES_RECEIVED, NULL, 3);
    assert_line("mailserver_messages_received_total 5", true);
    obs_gauge_set(METRIC_QUEUE_DEPTH, NULL, 10);
    obs_gauge_add(METRIC_QUEUE_DEPTH, NULL, -4);
    assert_line("mailserver_queue_depth 6", true);
}

static void labels_are_escaped_and_paired(void **state)
{
    (void)state;
    obs_count(METRIC_MESSAGES_REJECTED, "spam", 1);
    obs_count(METRIC_MESSAGES_REJECTED, "a\"b\\c\nd", 1);
    obs_count(METRIC_AUTH_ATTEMPTS, "ok,imap", 4);
    obs_count(METRIC_AUTH_ATTEMPTS, "denied,smtp", 1);
    obs_gauge_add(METRIC_ACTIVE_CONNECTIONS, "imap", 1);
    assert_line("mailserver_messages_rejected_total{reason=\"spam\"} 1", true);
    assert_line("mailserver_messages_rejected_total{reason=\"a\\\"b\\\\c d\"} 1", true);
    assert_line("mailserver_auth_attempts_total{result=\"ok\",protocol=\"imap\"} 4", true);
    assert_line("mailserver_auth_attempts_total{result=\"denied\",protocol=\"smtp\"} 1", true);
    assert_line("mailserver_active_connections{protocol=\"imap\"} 1", true);
}

static void histograms_are_cumulative(void **state)
{
    (void)state;
    obs_observe(METRIC_DELIVERY_DURATION, 0.0005);
    obs_observe(METRIC_DELIVERY_DURATION, 0.02);
    obs_observe(METRIC_DELIVERY_DURATION, 100);
    obs_observe(METRIC_DELIVERY_DURATION, -1);
    assert_line("mailserver_delivery_duration_seconds_bucket{le=\"0.001\"} 2", true);
    assert_line("mailserver_delivery_duration_seconds_bucket{le=\"0.01\"} 2", true);
    assert_line("mailserver_delivery_duration_seconds_bucket{le=\"0.025\"} 3", true);
    assert_line("mailserver_delivery_duration_seconds_bucket{le=\"10\"} 3", true);
    assert_line("mailserver_delivery_duration_seconds_bucket{le=\"+Inf\"} 4", true);
    assert_line("mailserver_delivery_duration_seconds_sum 100.020500", true);
    assert_line("mailserver_delivery_duration_seconds_count 4", true);
}

static void *count_labels(void *arg)
{
    (void)arg;
    for (int i = 0; i < 20000; i++) {
        char label[16];
        (void)snprintf(label, sizeof(label), "label%d", i % 1000);
        obs_count(METRIC_MESSAGES_REJECTED, label, 1);
    }
    return NULL;
}

static size_t count_in(str text, str piece)
{
    size_t n = 0;
    for (ptrdiff_t at = str_find(text, piece); at >= 0; at = str_find(text, piece)) {
        text = str_skip(text, (size_t)at + piece.n);
        n++;
    }
    return n;
}

/* Lines of the log that tell of a metric that is full. */
static size_t count_told(int log)
{
    char text[2048];
    ssize_t n = pread(log, text, sizeof(text), 0);
    assert_true(n >= 0);
    return count_in(str_of(text, (size_t)n), STR("metrics_full"));
}

/* The log goes into a file that has no name. */
static int open_log(void)
{
    int log = memfd_create("log", MFD_CLOEXEC);
    assert_true(log >= 0);
    obs_log_init(log, OBS_INFO, OBS_TEXT, "test", "");
    return log;
}

/* However many labels and threads: the table keeps its size and loses no count. What had no place
 * of its own is counted, and told once. */
static void labels_are_bounded(void **state)
{
    int log = open_log();
    (void)state;
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_labels, NULL), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    struct buf text;
    buf_init(&text, 1024 * 1024);
    assert_true(obs_metrics_format(&text));
    str rest = buf_str(&text);
    str name = STR("\nmailserver_messages_rejected_total{reason=\"");
    uint64_t sum = 0;
    size_t lines = 0;
    for (ptrdiff_t at = str_find(rest, name); at >= 0; at = str_find(rest, name)) {
        str line, label;
        uint64_t value = 0;
        rest = str_skip(rest, (size_t)at + name.n);
        (void)str_cut(rest, '\n', &line, &label);
        assert_true(str_cut(line, '}', &label, &line));
        assert_true(str_to_uint(str_trim(line), UINT64_MAX, &value));
        sum += value;
        lines++;
    }
    assert_int_equal(lines, 48);
    assert_int_equal(sum, 80000 + 2);
    /* 45 of the 1,000 labels found a place beside the two of an earlier test. */
    assert_line("mailserver_messages_rejected_total{reason=\"other\"} 76400", true);
    assert_line("mailserver_metrics_overflow_total 76400", true);
    assert_int_equal(count_told(log), 1);
    obs_log_init(2, OBS_INFO, OBS_TEXT, "test", "");
    (void)close(log);
    buf_fini(&text);
}

static void a_full_buffer_is_told(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, 100);
    assert_false(obs_metrics_format(&text));
    buf_fini(&text);
}

static void count_in_child(size_t process)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        obs_metrics_use(process);
        obs_count(METRIC_MESSAGES_SENT, NULL, 7);
        obs_count(METRIC_AUTH_ATTEMPTS, process == 1 ? "shared,one" : "shared,two", 1);
        obs_gauge_add(METRIC_ACTIVE_CONNECTIONS, "shared", 3);
        obs_gauge_set(METRIC_QUEUE_DEPTH, NULL, 11);
        obs_observe(METRIC_DELIVERY_DURATION, 0.002);
        _exit(0);
    }
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* What several processes counted is added up; what one has open goes with it. */
static void processes_share(void **state)
{
    struct err e = ERR_CLEAR;
    (void)state;
    obs_count(METRIC_MESSAGES_SENT, NULL, 1);
    assert_true(obs_metrics_share(3, &e));
    obs_count(METRIC_MESSAGES_SENT, NULL, 1);
    count_in_child(1);
    count_in_child(2);
    count_in_child(3); /* there is no such table: it counts where its parent does */
    assert_line("mailserver_messages_sent_total 23", true);
    assert_line("mailserver_auth_attempts_total{result=\"shared\",protocol=\"one\"} 1", true);
    assert_line("mailserver_auth_attempts_total{result=\"shared\",protocol=\"two\"} 2", true);
    assert_line("mailserver_active_connections{protocol=\"shared\"} 9", true);
    assert_line("mailserver_queue_depth 11", true);
    obs_metrics_forget(1);
    obs_metrics_forget(3);
    assert_line("mailserver_active_connections{protocol=\"shared\"} 6", true);
    assert_line("mailserver_messages_sent_total 23", true);
}

/* As many labels as anybody likes for every metric there is, in a process of its own. */
static void fill_in_child(size_t process)
{
    static const struct {
        enum obs_metric id;
        const char *kind;
    } all[] = {
#define OBS_METRIC(id, kind, name, label, help) { METRIC_##id, #kind },
#include "obs/metrics.def"
#undef OBS_METRIC
    };
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        obs_metrics_use(process);
        for (size_t i = 0; i < COUNT_OF(all) * 2000; i++) {
            char label[32];
            (void)snprintf(label, sizeof(label), "of%zu,%zu", process, i % 2000);
            if (strcmp(all[i / 2000].kind, "COUNTER") == 0) {
                obs_count(all[i / 2000].id, label, 1);
            } else if (strcmp(all[i / 2000].kind, "GAUGE") == 0) {
                obs_gauge_set(all[i / 2000].id, label, 1);
            } else {
                obs_observe(all[i / 2000].id, 1);
            }
        }
        _exit(0);
    }
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* ATTACKS A23: 10,000 series, whatever is counted by however many processes; told once over all. */
static void series_are_capped(void **state)
{
    struct buf text;
    int log = open_log();
    (void)state;
    fill_in_child(1);
    fill_in_child(2);
    buf_init(&text, 1024 * 1024);
    assert_true(obs_metrics_format(&text));
    size_t lines = count_in(buf_str(&text), STR("\n"));
    size_t comments = count_in(buf_str(&text), STR("# "));
    assert_int_equal(comments, 2 * METRIC_COUNT);
    assert_in_range(lines - comments, 10 * 48, 10000);
    str full = STR("\nmailserver_auth_attempts_total{result=");
    assert_int_equal(count_in(buf_str(&text), full), 48 + 1);
    assert_int_equal(count_told(log), 0); /* an earlier test had it told */
    obs_log_init(2, OBS_INFO, OBS_TEXT, "test", "");
    (void)close(log);
    buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_metrics_are_there_from_the_start),
        cmocka_unit_test(counters_and_gauges_move),
        cmocka_unit_test(labels_are_escaped_and_paired),
        cmocka_unit_test(histograms_are_cumulative),
        cmocka_unit_test(labels_are_bounded),
        cmocka_unit_test(a_full_buffer_is_told),
        cmocka_unit_test(processes_share),
        cmocka_unit_test(series_are_capped),
    };
    return cmocka_run_group_tests_name("obs/metrics", tests, NULL, NULL);
}
