/* If these fail, a client can forge or break a log line, lines of two threads mix, or a line is not
 * JSON. */
#include "base/log.h"
#include "suites.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define THREADS 4
#define LINES_PER_THREAD 100

static int pipe_ends[2];
static char written[THREADS * LINES_PER_THREAD * 1024];

static void log_to_pipe(void)
{
	ck_assert_int_eq(pipe(pipe_ends), 0);
	ck_assert_int_eq(fcntl(pipe_ends[0], F_SETFL, O_NONBLOCK), 0);
	log_set_fd(pipe_ends[1]);
	log_set_level(LOG_LEVEL_INFO);
}

static void log_to_stderr(void)
{
	log_set_fd(2);
	log_set_level(LOG_LEVEL_INFO);
	close(pipe_ends[0]);
	close(pipe_ends[1]);
}

/* All that was logged since the last call. */
static const char *logged(void)
{
	ssize_t got = read(pipe_ends[0], written, sizeof(written) - 1);

	written[got > 0 ? got : 0] = '\0';
	return written;
}

START_TEST(line_begins_with_what_every_line_has)
{
	int year, pid, length = 0;
	struct log_line line;

	log_begin(&line, LOG_LEVEL_WARN, "database_lost");
	log_string(&line, "requestId", "r1");
	log_string(&line, "none", NULL);
	log_integer(&line, "waitMs", -5);
	log_bool(&line, "down", true);
	log_end(&line);
	ck_assert_int_eq(
		sscanf(logged(),
		       "{\"time\":\"%4d-%*2d-%*2dT%*2d:%*2d:%*2d.%*3dZ\",\"level\":\"warn\","
		       "\"event\":\"database_lost\",\"pid\":%d%n",
		       &year, &pid, &length),
		2);
	ck_assert_int_eq(pid, getpid());
	ck_assert_str_eq(written + length, ",\"requestId\":\"r1\",\"waitMs\":-5,\"down\":true}\n");
}
END_TEST

START_TEST(level_below_the_one_in_force_is_dropped)
{
	log_event(LOG_LEVEL_DEBUG, "quiet", "%d", 1);
	ck_assert_str_eq(logged(), "");
	log_set_level(LOG_LEVEL_DEBUG);
	log_event(LOG_LEVEL_DEBUG, "loud", "%d", 1);
	ck_assert_ptr_nonnull(strstr(logged(), "\"event\":\"loud\""));
	log_set_level(LOG_LEVEL_ERROR);
	log_event(LOG_LEVEL_WARN, "quiet", "%d", 1);
	ck_assert_str_eq(logged(), "");
}
END_TEST

START_TEST(value_cannot_leave_its_string)
{
	log_event(LOG_LEVEL_INFO, "try", "%s", "x\"}\n{\"event\":\"forged\\\x1b[2J\xff");
	ck_assert_ptr_nonnull(strstr(logged(), "\"detail\":\"x\\\"}\\n{\\\"event\\\":\\\"forged\\\\"
					       "\\u001b[2J\\u00ff\"}\n"));
	ck_assert_ptr_eq(strchr(written, '\n'), written + strlen(written) - 1);
}
END_TEST

START_TEST(member_that_does_not_fit_is_left_out_and_told)
{
	char big[LOG_LINE_MAX];
	struct log_line line;

	memset(big, 'x', sizeof(big));
	big[sizeof(big) - 1] = '\0';
	log_begin(&line, LOG_LEVEL_INFO, "long");
	log_string(&line, "big", big);
	log_string(&line, "small", "s");
	log_end(&line);
	ck_assert_ptr_nonnull(strstr(logged(), ",\"small\":\"s\",\"truncated\":true}\n"));
	ck_assert_ptr_null(strstr(written, "xx"));
}
END_TEST

START_TEST(fullest_line_stays_within_the_maximum)
{
	struct log_line line;

	log_begin(&line, LOG_LEVEL_INFO, "full");
	for (int i = 0; i < LOG_LINE_MAX; i++)
		log_string(&line, "k", "\x01");
	log_end(&line);
	ck_assert_uint_le(strlen(logged()), LOG_LINE_MAX);
	ck_assert_uint_gt(strlen(written), LOG_LINE_MAX - 64);
	ck_assert_ptr_nonnull(strstr(written, "\"k\":\"\\u0001\",\"truncated\":true}\n"));
}
END_TEST

START_TEST(detail_that_is_too_long_is_cut_and_told)
{
	log_event(LOG_LEVEL_INFO, "wide", "%2000d", 7);
	ck_assert_ptr_nonnull(strstr(logged(), ",\"truncated\":true}\n"));
	log_event(LOG_LEVEL_INFO, "narrow", "%200d", 7);
	ck_assert_ptr_null(strstr(logged(), "truncated"));
}
END_TEST

START_TEST(errno_survives)
{
	log_set_fd(-1);
	errno = ENOENT;
	log_event(LOG_LEVEL_INFO, "lost", "%d", 1);
	ck_assert_int_eq(errno, ENOENT);
}
END_TEST

static void *log_lines(void *argument)
{
	for (int i = 0; i < LINES_PER_THREAD; i++)
		log_event(LOG_LEVEL_INFO, "mixed", "%c%050d%c", *(char *)argument, i,
			  *(char *)argument);
	return NULL;
}

START_TEST(lines_of_several_threads_never_mix)
{
	char names[THREADS] = { 'a', 'b', 'c', 'd' };
	pthread_t threads[THREADS];
	char *rest = written, *line;
	int lines = 0;

	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, log_lines, &names[i]), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	logged();
	while ((line = strsep(&rest, "\n")) && *line) {
		const char *detail = strstr(line, "\"detail\":\"");

		ck_assert_ptr_nonnull(detail);
		ck_assert_uint_eq(strlen(detail), strlen("\"detail\":\"\"}") + 52);
		ck_assert_int_eq(detail[10], detail[61]);
		lines++;
	}
	ck_assert_int_eq(lines, THREADS * LINES_PER_THREAD);
}
END_TEST

Suite *suite_log(void)
{
	Suite *suite = suite_create("log");
	TCase *tcase = tcase_create("log");

	tcase_add_checked_fixture(tcase, log_to_pipe, log_to_stderr);
	tcase_add_test(tcase, line_begins_with_what_every_line_has);
	tcase_add_test(tcase, level_below_the_one_in_force_is_dropped);
	tcase_add_test(tcase, value_cannot_leave_its_string);
	tcase_add_test(tcase, member_that_does_not_fit_is_left_out_and_told);
	tcase_add_test(tcase, fullest_line_stays_within_the_maximum);
	tcase_add_test(tcase, detail_that_is_too_long_is_cut_and_told);
	tcase_add_test(tcase, errno_survives);
	tcase_add_test(tcase, lines_of_several_threads_never_mix);
	suite_add_tcase(suite, tcase);
	return suite;
}
