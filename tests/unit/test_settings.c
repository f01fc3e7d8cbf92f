/* If these fail, the service runs on other settings than its operator wrote down, starts on a bad
 * set, or shows a secret. */
#define _GNU_SOURCE 1 /* environ */

#include "config/settings.h"
#include "suites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STRONG "3fH9vQx2LmT8kZr5WbNc7YpJd4GsAe1u"

static struct settings settings;
static struct buf errors;
static char path[] = "/tmp/payments-settings-XXXXXX";

/* Only what a test sets is in its environment. */
static void set_up(void)
{
	int fd;

	clearenv();
	memset(&settings, 0, sizeof(settings));
	setenv("JWT_SECRET", STRONG, 1);
	strcpy(strrchr(path, '-'), "-XXXXXX");
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	close(fd);
}

static void tear_down(void)
{
	unlink(path);
	buf_free(&errors);
}

static void write_file(const char *text)
{
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	ck_assert_int_eq(fclose(file), 0);
}

static void assert_loads(void)
{
	ck_assert_msg(settings_load(path, NULL, &settings, &errors), "%s", buf_text(&errors));
	ck_assert_str_eq(buf_text(&errors), "");
}

static void assert_refused(const char *because)
{
	settings.threads = -77;
	ck_assert(!settings_load(path, NULL, &settings, &errors));
	ck_assert_msg(strstr(buf_text(&errors), because) != NULL, "no \"%s\" in: %s", because,
		      buf_text(&errors));
	ck_assert_int_eq(settings.threads, -77);
}

/* What settings_print*, as chosen by `what`, writes; the caller frees. */
static char *printed(char what)
{
	struct buf text = { .data = NULL };

	if (what == 'e')
		settings_print_example(&text);
	else if (what == 'm')
		settings_print_man(&text);
	else
		settings_print(&settings, &text);
	ck_assert(!text.failed);
	return text.data;
}

START_TEST(defaults_are_the_documented_ones)
{
	assert_loads();
	ck_assert_int_eq(settings.mode, MODE_PRODUCTION);
	ck_assert_int_eq(settings.log_level, LOG_LEVEL_INFO);
	ck_assert_int_eq(settings.language, LANGUAGE_KO);
	ck_assert_str_eq(settings.listen, "");
	ck_assert_int_eq(settings.workers, 2);
	ck_assert_int_eq(settings.threads, 1024);
	ck_assert_int_eq(settings.spare_threads, 8);
	ck_assert_int_eq(settings.backlog, 4096);
	ck_assert_int_eq(settings.body_max_bytes, 65536);
	ck_assert_int_eq(settings.queue_patience_ms, 8000);
	ck_assert_int_eq(settings.drain_s, 40);
	ck_assert_str_eq(settings.database_url, "");
	ck_assert_str_eq(settings.db_host, "localhost");
	ck_assert_int_eq(settings.db_port, 5432);
	ck_assert_str_eq(settings.db_name, "ticketing");
	ck_assert_str_eq(settings.db_user, "payments_service");
	ck_assert_str_eq(settings.db_password, "");
	ck_assert_int_eq(settings.db_connections, 16);
	ck_assert_int_eq(settings.db_wait_ms, 2000);
	ck_assert_int_eq(settings.db_connect_ms, 3000);
	ck_assert_int_eq(settings.db_trip_ms, 6000);
	ck_assert(settings.prepared_statements);
	ck_assert_str_eq(settings.jwt_secret, STRONG);
	ck_assert_str_eq(settings.jwt_secret_previous, "");
}
END_TEST

START_TEST(payment_defaults_are_the_documented_ones)
{
	assert_loads();
	ck_assert_int_eq(settings.hold_s, 300);
	ck_assert_int_eq(settings.hold_margin_ms, 3000);
	ck_assert_int_eq(settings.decline_grace_s, 60);
	ck_assert_int_eq(settings.decline_grace_max_s, 300);
	ck_assert_int_eq(settings.attempts_max, 5);
	ck_assert_int_eq(settings.seats_per_user, 10);
	ck_assert_int_eq(settings.idempotency_hours, 24);
	ck_assert(!settings.expire_foreign);
	ck_assert_int_eq(settings.janitor_interval_ms, 1000);
	ck_assert_int_eq(settings.janitor_batch, 100);
	ck_assert_int_eq(settings.heal_s, 600);
	ck_assert_int_eq(settings.mock_mode, MOCK_APPROVE);
	ck_assert_int_eq(settings.mock_min_delay_ms, 500);
	ck_assert_int_eq(settings.mock_max_delay_ms, 1500);
	ck_assert_int_eq(settings.mock_deadline_ms, 5000);
	ck_assert_int_eq(settings.mock_lease_ms, 10000);
}
END_TEST

START_TEST(environment_wins_over_file_and_file_over_default)
{
	write_file("PAYMENTS_THREADS=20\nDB_PORT=6000\n");
	setenv("PAYMENTS_THREADS", "30", 1);
	assert_loads();
	ck_assert_int_eq(settings.threads, 30);
	ck_assert_int_eq(settings.db_port, 6000);
	ck_assert_int_eq(settings.spare_threads, 8);
}
END_TEST

START_TEST(file_may_have_comments_spaces_and_quotes)
{
	write_file(
		"# a comment\n\n  DB_HOST = \"/run/x y\" \r\n\tDB_USER='o'\nDB_PASSWORD=a#b=c\"\n"
		"PAYMENTS_MOCK_MODE=silent_decline\nPAYMENTS_PREPARED_STATEMENTS=off\n"
		"PAYMENTS_PORT=3003\nPAYMENTS_LANGUAGE=en");
	assert_loads();
	ck_assert_str_eq(settings.db_host, "/run/x y");
	ck_assert_str_eq(settings.db_user, "o");
	ck_assert_str_eq(settings.db_password, "a#b=c\"");
	ck_assert_int_eq(settings.mock_mode, MOCK_SILENT_DECLINE);
	ck_assert(!settings.prepared_statements);
	ck_assert_int_eq(settings.language, LANGUAGE_EN);
}
END_TEST

START_TEST(names_of_the_development_script_pass)
{
	setenv("PAYMENTS_PORT", "3003", 1);
	setenv("PAYMENTS_VAR", "var", 1);
	setenv("PAYMENTS_CONFIG", path, 1);
	setenv("PAYMENTS_WORKERS", "2", 1);
	setenv("HOME", "/", 1);
	assert_loads();
	ck_assert_int_eq(settings.workers, 2);
}
END_TEST

/* clang-format off */
static const struct {
	const char *line;
	const char *because;
} bad_lines[] = {
	{ "PAYMENTS_TREADS=1", "no setting PAYMENTS_TREADS; the nearest is PAYMENTS_THREADS" },
	{ "DB_HSOT=x", "the nearest is DB_HOST" },
	{ "payments_threads=1", "no setting payments_threads" },
	{ "PAYMENTS_THREADS=0", "PAYMENTS_THREADS takes a whole number from 1 to 4096, not \"0\"" },
	{ "PAYMENTS_THREADS=4097", "from 1 to 4096" },
	{ "PAYMENTS_THREADS=-1", "from 1 to 4096" },
	{ "PAYMENTS_THREADS=+5", "from 1 to 4096" },
	{ "PAYMENTS_THREADS=5x", "from 1 to 4096" },
	{ "PAYMENTS_THREADS=5.0", "from 1 to 4096" },
	{ "PAYMENTS_THREADS=99999999999999999999", "from 1 to 4096" },
	{ "PAYMENTS_THREADS=", "from 1 to 4096" },
	{ "PAYMENTS_EXPIRE_FOREIGN=yes", "on or off" },
	{ "PAYMENTS_MOCK_MODE=fail", "one of approve, decline, silent, silent_decline, late, down" },
	{ "PAYMENTS_ENV=prod", "one of production, development" },
	{ "PAYMENTS_THREADS", ":1: is no NAME=VALUE line" },
	{ "PAYMENTS_THREADS=5\nPAYMENTS_THREADS=5", ":2: PAYMENTS_THREADS is given twice" },
	{ "PAYMENTS_MOCK_MIN_DELAY_MS=9\nPAYMENTS_MOCK_MAX_DELAY_MS=8", "must not be above" },
	{ "PAYMENTS_MOCK_LEASE_MS=5000", "must be above PAYMENTS_MOCK_DEADLINE_MS" },
	{ "JWT_SECRET_PREVIOUS=changeme", "JWT_SECRET_PREVIOUS is too weak" },
};
/* clang-format on */

START_TEST(bad_line_is_refused_and_named)
{
	write_file(bad_lines[_i].line);
	assert_refused(bad_lines[_i].because);
}
END_TEST

/* clang-format off */
static const char *const good_lines[] = {
	"PAYMENTS_THREADS=1",
	"PAYMENTS_THREADS=4096",
	"PAYMENTS_EXPIRE_FOREIGN=on",
	"PAYMENTS_MOCK_MIN_DELAY_MS=9\nPAYMENTS_MOCK_MAX_DELAY_MS=9",
	"PAYMENTS_MOCK_LEASE_MS=5001",
	"JWT_SECRET_PREVIOUS=b7c1f0a39d5e482668f4e1d07a9c3b52",
};
/* clang-format on */

START_TEST(good_line_beside_the_bad_one_is_taken)
{
	write_file(good_lines[_i]);
	assert_loads();
}
END_TEST

START_TEST(unknown_name_in_the_environment_is_refused)
{
	setenv("PAYMENTS_DB_CONECTIONS", "4", 1);
	assert_refused("environment: there is no setting PAYMENTS_DB_CONECTIONS; "
		       "the nearest is PAYMENTS_DB_CONNECTIONS\n");
}
END_TEST

static void assert_warns(const char *warning)
{
	buf_reset(&errors);
	ck_assert_msg(settings_load(path, NULL, &settings, &errors), "%s", buf_text(&errors));
	ck_assert_str_eq(buf_text(&errors), warning);
}

START_TEST(retired_name_in_the_environment_is_ignored_with_a_warning)
{
	setenv("PAYMENTS_FRONT_THREADS", "many", 1);
	assert_warns("warning: environment: PAYMENTS_FRONT_THREADS is no longer used; remove it\n");
	unsetenv("PAYMENTS_FRONT_THREADS");
	setenv("PAYMENTS_LIST_LOOKS", "7", 1);
	assert_warns("warning: environment: PAYMENTS_LIST_LOOKS is now PAYMENTS_LIST_READS; "
		     "its old name is ignored\n");
	ck_assert_int_eq(settings.list_reads, 2);
}
END_TEST

START_TEST(retired_name_in_the_file_is_ignored_with_a_warning)
{
	char warning[256];

	write_file("PAYMENTS_FRONT_THREADS=64\nPAYMENTS_LIST_LOOKS=7\nPAYMENTS_LIST_READS=3\n");
	snprintf(warning, sizeof(warning),
		 "warning: %s: PAYMENTS_FRONT_THREADS is no longer used; remove it\n"
		 "warning: %s: PAYMENTS_LIST_LOOKS is now PAYMENTS_LIST_READS; "
		 "its old name is ignored\n",
		 path, path);
	assert_warns(warning);
	ck_assert_int_eq(settings.list_reads, 3);
}
END_TEST

START_TEST(retired_name_of_a_credential_is_ignored_with_a_warning)
{
	char folder[] = "/tmp/payments-credentials-XXXXXX";
	char file[128];
	FILE *to;

	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(file, sizeof(file), "%s/PAYMENTS_LIST_LOOKS", folder);
	to = fopen(file, "w");
	ck_assert_ptr_nonnull(to);
	fputs("7\n", to);
	fclose(to);
	setenv("CREDENTIALS_DIRECTORY", folder, 1);
	assert_warns("warning: credential: PAYMENTS_LIST_LOOKS is now PAYMENTS_LIST_READS; "
		     "its old name is ignored\n");
	unlink(file);
	rmdir(folder);
}
END_TEST

/* The other half of the warning: the rest of the set is still checked. */
START_TEST(retired_name_excuses_no_mistake)
{
	write_file("PAYMENTS_FRONT_THREADS=64\nPAYMENTS_THREADS=0\n");
	assert_refused("PAYMENTS_THREADS takes a whole number from 1 to 4096");
}
END_TEST

START_TEST(everything_wrong_is_told_at_once)
{
	setenv("PAYMENTS_TREADS", "4", 1);
	write_file("DB_PORT=x\nPAYMENTS_BACKLOG=0\nrubbish\n");
	assert_refused("PAYMENTS_TREADS");
	ck_assert_ptr_nonnull(strstr(buf_text(&errors), "file: DB_PORT takes"));
	ck_assert_ptr_nonnull(strstr(buf_text(&errors), "PAYMENTS_BACKLOG takes"));
	ck_assert_ptr_nonnull(strstr(buf_text(&errors), ":3: is no NAME=VALUE line"));
}
END_TEST

START_TEST(file_that_cannot_be_read_is_refused)
{
	unlink(path);
	assert_refused("cannot be read: No such file or directory");
	ck_assert(settings_load(NULL, NULL, &settings, &errors));
}
END_TEST

START_TEST(text_that_is_too_long_is_refused_and_a_secret_one_not_shown)
{
	char text[SETTING_TEXT_MAX + 1];

	memset(text, 'x', sizeof(text));
	text[SETTING_TEXT_MAX] = '\0';
	setenv("DB_PASSWORD", text, 1);
	assert_refused("DB_PASSWORD takes a text of less than 1024 bytes\n");
	ck_assert_ptr_null(strstr(buf_text(&errors), "xxx"));
	text[SETTING_TEXT_MAX - 1] = '\0';
	setenv("DB_PASSWORD", text, 1);
	ck_assert(settings_load(path, NULL, &settings, &errors));
	ck_assert_str_eq(settings.db_password, text);
}
END_TEST

START_TEST(empty_secret_is_refused_in_every_mode)
{
	setenv("JWT_SECRET", "", 1);
	assert_refused("JWT_SECRET is missing or empty");
	setenv("PAYMENTS_ENV", "development", 1);
	buf_reset(&errors);
	assert_refused("JWT_SECRET is missing or empty");
	unsetenv("JWT_SECRET");
	buf_reset(&errors);
	assert_refused("JWT_SECRET is missing or empty");
}
END_TEST

START_TEST(weak_secret_stops_production_and_warns_development)
{
	setenv("JWT_SECRET", "your-secret-key", 1);
	assert_refused("JWT_SECRET is too weak: it is a well-known example\n");
	ck_assert_ptr_null(strstr(buf_text(&errors), "your-secret-key"));
	buf_reset(&errors);
	setenv("PAYMENTS_ENV", "development", 1);
	ck_assert(settings_load(path, NULL, &settings, &errors));
	ck_assert_str_eq(buf_text(&errors),
			 "warning: JWT_SECRET is too weak: it is a well-known example\n");
}
END_TEST

START_TEST(reload_changes_what_it_may_and_keeps_the_rest)
{
	struct settings next;

	assert_loads();
	write_file("PAYMENTS_MOCK_MODE=down\nPAYMENTS_DB_CONNECTIONS=99\nDB_HOST=elsewhere\n");
	ck_assert(settings_load(path, &settings, &next, &errors));
	ck_assert_int_eq(next.mock_mode, MOCK_DOWN);
	ck_assert_int_eq(next.db_connections, 16);
	ck_assert_str_eq(next.db_host, "localhost");
	ck_assert_str_eq(buf_text(&errors),
			 "warning: DB_HOST changes with a restart only\n"
			 "warning: PAYMENTS_DB_CONNECTIONS changes with a restart only\n");
}
END_TEST

START_TEST(bad_reload_leaves_the_old_set)
{
	struct settings next = { .threads = -77 };

	assert_loads();
	write_file("PAYMENTS_MOCK_MODE=dwon\n");
	ck_assert(!settings_load(path, &settings, &next, &errors));
	ck_assert_int_eq(next.threads, -77);
}
END_TEST

/* PAYMENTS_ENV needs a restart, so a reload cannot accept a weak secret by changing it. */
START_TEST(reload_judges_the_secret_by_the_mode_in_force)
{
	struct settings next;

	assert_loads();
	unsetenv("JWT_SECRET");
	write_file("PAYMENTS_ENV=development\nJWT_SECRET=secret\n");
	ck_assert(!settings_load(path, &settings, &next, &errors));
	write_file("PAYMENTS_ENV=development\nJWT_SECRET=b7c1f0a39d5e482668f4e1d07a9c3b52\n");
	ck_assert(settings_load(path, &settings, &next, &errors));
	ck_assert_str_eq(next.jwt_secret, "b7c1f0a39d5e482668f4e1d07a9c3b52");
}
END_TEST

START_TEST(print_shows_values_but_no_secret)
{
	char *text;

	setenv("DB_PASSWORD", "pa55-word", 1);
	setenv("DATABASE_URL", "postgresql://u:pa55-word@h/d", 1);
	setenv("PAYMENTS_MOCK_MODE", "late", 1);
	assert_loads();
	text = printed('p');
	ck_assert_ptr_nonnull(strstr(text, "\nDB_PASSWORD=(set)\n"));
	ck_assert_ptr_nonnull(strstr(text, "DATABASE_URL=(set)\n"));
	ck_assert_ptr_nonnull(strstr(text, "\nJWT_SECRET=(set)\nJWT_SECRET_PREVIOUS=(unset)\n"));
	ck_assert_ptr_nonnull(strstr(text, "\nPAYMENTS_MOCK_MODE=late\n"));
	ck_assert_ptr_nonnull(strstr(text, "\nPAYMENTS_PREPARED_STATEMENTS=on\n"));
	ck_assert_ptr_nonnull(strstr(text, "\nPAYMENTS_THREADS=1024\n"));
	ck_assert_ptr_null(strstr(text, "pa55-word"));
	ck_assert_ptr_null(strstr(text, STRONG));
	free(text);
}
END_TEST

/* The name at the start of `line` up to '=', in `name`. */
static void name_of(const char *line, char name[64])
{
	size_t length = strcspn(line, "=");

	ck_assert_uint_lt(length, 64);
	memcpy(name, line, length);
	name[length] = '\0';
}

START_TEST(table_is_sorted_and_each_setting_documented)
{
	char *text, *example = printed('e'), *man = printed('m');
	char last[64] = "", name[64], *rest, *line;
	int count = 0;

	assert_loads();
	rest = text = printed('p');
	while ((line = strsep(&rest, "\n")) && *line) {
		char needle[80];

		name_of(line, name);
		ck_assert_int_lt(strcmp(last, name), 0);
		strcpy(last, name);
		snprintf(needle, sizeof(needle), "\n#%s=", name);
		ck_assert_ptr_nonnull(strstr(example, needle));
		snprintf(needle, sizeof(needle), ".It Ev %s\n", name);
		ck_assert_ptr_nonnull(strstr(man, needle));
		count++;
	}
	ck_assert_int_gt(count, 30); /* the loop above went through them */
	free(text);
	free(example);
	free(man);
}
END_TEST

/* With the comment signs taken away, the example must load and change nothing. */
START_TEST(example_is_the_defaults)
{
	char *example = printed('e'), *defaults, *text;

	assert_loads();
	defaults = printed('p');
	for (char *at = example; (at = strstr(at, "\n#")) != NULL; at++)
		if (at[2] != ' ')
			at[1] = ' ';
	write_file(example);
	assert_loads();
	text = printed('p');
	ck_assert_str_eq(text, defaults);
	free(example);
	free(defaults);
	free(text);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

Suite *suite_settings(void)
{
	Suite *suite = suite_create("settings");
	TCase *tcase = tcase_create("settings");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, defaults_are_the_documented_ones);
	tcase_add_test(tcase, payment_defaults_are_the_documented_ones);
	tcase_add_test(tcase, environment_wins_over_file_and_file_over_default);
	tcase_add_test(tcase, file_may_have_comments_spaces_and_quotes);
	tcase_add_test(tcase, names_of_the_development_script_pass);
	tcase_add_loop_test(tcase, bad_line_is_refused_and_named, 0, COUNT(bad_lines));
	tcase_add_loop_test(tcase, good_line_beside_the_bad_one_is_taken, 0, COUNT(good_lines));
	tcase_add_test(tcase, unknown_name_in_the_environment_is_refused);
	tcase_add_test(tcase, retired_name_in_the_environment_is_ignored_with_a_warning);
	tcase_add_test(tcase, retired_name_in_the_file_is_ignored_with_a_warning);
	tcase_add_test(tcase, retired_name_of_a_credential_is_ignored_with_a_warning);
	tcase_add_test(tcase, retired_name_excuses_no_mistake);
	tcase_add_test(tcase, everything_wrong_is_told_at_once);
	tcase_add_test(tcase, file_that_cannot_be_read_is_refused);
	tcase_add_test(tcase, text_that_is_too_long_is_refused_and_a_secret_one_not_shown);
	tcase_add_test(tcase, empty_secret_is_refused_in_every_mode);
	tcase_add_test(tcase, weak_secret_stops_production_and_warns_development);
	tcase_add_test(tcase, reload_changes_what_it_may_and_keeps_the_rest);
	tcase_add_test(tcase, bad_reload_leaves_the_old_set);
	tcase_add_test(tcase, reload_judges_the_secret_by_the_mode_in_force);
	tcase_add_test(tcase, print_shows_values_but_no_secret);
	tcase_add_test(tcase, table_is_sorted_and_each_setting_documented);
	tcase_add_test(tcase, example_is_the_defaults);
	suite_add_tcase(suite, tcase);
	return suite;
}
