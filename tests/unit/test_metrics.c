/* If these fail, counts are lost, doubled or of another build. */
#include "pay/metrics.h"
#include "suites.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS 4
#define TIMES 10000

static const char *const routes[] = { "GET one", "POST two" };
static char folder[64], path[96];

static void make_folder(void)
{
	snprintf(folder, sizeof(folder), "/tmp/test-metrics-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/metrics", folder);
}

static void remove_folder(void)
{
	char command[128];

	metrics_close();
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	ck_assert_int_eq(system(command), 0);
}

static void open_or_fail(const char *at)
{
	struct buf why = { 0 };

	ck_assert_msg(metrics_open(at, routes, 2, &why), "%s", buf_text(&why));
	buf_free(&why);
}

static bool says(const char *line)
{
	struct buf text = { 0 };
	bool found;

	metrics_write(&text);
	ck_assert(!text.failed);
	found = strstr(buf_text(&text), line) != NULL;
	buf_free(&text);
	return found;
}

/* Counts in a child process. */
static void in_a_child(void (*count)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		metrics_close();
		open_or_fail(path);
		count();
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}

static void count_three(void)
{
	metrics_add(METRIC_PAYMENTS_APPROVED, 3);
	metrics_request(1, 200, 2000);
}

START_TEST(nothing_is_counted_before_it_is_open)
{
	struct buf text = { 0 };

	metrics_count(METRIC_REPAIRED);
	metrics_write(&text);
	ck_assert_uint_eq(text.length, 0);
	open_or_fail(path);
	ck_assert(says("\npayments_healed_total 0\n"));
	metrics_count(METRIC_REPAIRED);
	ck_assert(says("\npayments_healed_total 1\n"));
}
END_TEST

START_TEST(one_answers_for_all_and_keeps_what_the_dead_counted)
{
	open_or_fail(path);
	in_a_child(count_three);
	in_a_child(count_three); /* takes the slot of the first over, and goes on from its counts */
	metrics_count(METRIC_PAYMENTS_APPROVED);
	ck_assert(says("\npayments_approved_total 7\n"));
	ck_assert(says("\npayments_requests_total{route=\"POST two\",status=\"2xx\"} 2\n"));
	ck_assert(says("\npayments_processes 1\n"));
}
END_TEST

START_TEST(another_layout_has_a_file_of_its_own)
{
	static const char *const other[] = { "GET one", "POST other" };
	struct buf why = { 0 };

	open_or_fail(path);
	metrics_count(METRIC_REPAIRED);
	metrics_close();
	ck_assert(metrics_open(path, other, 2, &why));
	ck_assert(says("\npayments_healed_total 0\n"));
	metrics_close();
	open_or_fail(path);
	ck_assert(says("\npayments_healed_total 1\n"));
}
END_TEST

START_TEST(where_the_file_cannot_be_had_it_counts_alone)
{
	struct buf why = { 0 };

	ck_assert(!metrics_open("/nowhere/metrics", routes, 2, &why));
	ck_assert_ptr_nonnull(strstr(buf_text(&why), "/nowhere/metrics"));
	buf_free(&why);
	metrics_count(METRIC_REPAIRED);
	ck_assert(says("\npayments_healed_total 1\n"));
}
END_TEST

START_TEST(a_time_falls_into_its_bucket_and_those_above)
{
	open_or_fail("");
	metrics_time(METRIC_TIME_GATEWAY, 700000);
	metrics_time(METRIC_TIME_GATEWAY, 60000000);
	ck_assert(says("payments_gateway_seconds_bucket{le=\"0.5\"} 0\n"));
	ck_assert(says("payments_gateway_seconds_bucket{le=\"1\"} 1\n"));
	ck_assert(says("payments_gateway_seconds_bucket{le=\"10\"} 1\n"));
	ck_assert(says("payments_gateway_seconds_bucket{le=\"+Inf\"} 2\n"));
	ck_assert(says("payments_gateway_seconds_sum{} 60.700000\n"));
}
END_TEST

START_TEST(a_request_has_its_route_and_class)
{
	open_or_fail("");
	metrics_request(0, 304, 10);
	metrics_request(0, 409, 10);
	metrics_request(-1, 404, 10);
	metrics_busy(1);
	ck_assert(says("payments_requests_total{route=\"GET one\",status=\"3xx\"} 1\n"));
	ck_assert(says("payments_requests_total{route=\"GET one\",status=\"4xx\"} 1\n"));
	ck_assert(says("payments_requests_total{route=\"-\",status=\"4xx\"} 1\n"));
	ck_assert(says("payments_requests_total{route=\"POST two\",status=\"2xx\"} 0\n"));
	ck_assert(says("\npayments_requests_busy 1\n"));
}
END_TEST

static void *count_many(void *unused)
{
	(void)unused;
	for (int i = 0; i < TIMES; i++) {
		metrics_count(METRIC_REPAIRED);
		metrics_request(0, 200, 10);
	}
	return NULL;
}

START_TEST(threads_lose_no_count)
{
	pthread_t threads[THREADS];

	open_or_fail("");
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, count_many, NULL), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	ck_assert(says("\npayments_healed_total 40000\n"));
	ck_assert(says("payments_requests_total{route=\"GET one\",status=\"2xx\"} 40000\n"));
}
END_TEST

Suite *suite_metrics(void)
{
	Suite *suite = suite_create("metrics");
	TCase *tests = tcase_create("metrics");

	tcase_add_checked_fixture(tests, make_folder, remove_folder);
	tcase_add_test(tests, nothing_is_counted_before_it_is_open);
	tcase_add_test(tests, one_answers_for_all_and_keeps_what_the_dead_counted);
	tcase_add_test(tests, another_layout_has_a_file_of_its_own);
	tcase_add_test(tests, where_the_file_cannot_be_had_it_counts_alone);
	tcase_add_test(tests, a_time_falls_into_its_bucket_and_those_above);
	tcase_add_test(tests, a_request_has_its_route_and_class);
	tcase_add_test(tests, threads_lose_no_count);
	suite_add_tcase(suite, tests);
	return suite;
}
