/* If these fail, the service connects to a wrong database, or waits for a dead one for ever. libpq
 * itself parses the result. */
#include "db/db.h"
#include "suites.h"

#include <libpq-fe.h>
#include <string.h>

static struct settings settings;
static PQconninfoOption *options;

static void set_up(void)
{
	settings = (struct settings){ .db_port = 5433, .db_connect_ms = 2500 };
	strcpy(settings.db_host, "db.example");
	strcpy(settings.db_name, "ticketing");
	strcpy(settings.db_user, "payments");
}

static void tear_down(void)
{
	PQconninfoFree(options);
	options = NULL;
}

static void understand(void)
{
	struct buf conninfo = { 0 };
	char *error = NULL;

	db_conninfo(&settings, &conninfo);
	ck_assert(!conninfo.failed);
	options = PQconninfoParse(buf_text(&conninfo), &error);
	ck_assert_msg(options != NULL, "%s: %s", buf_text(&conninfo), error);
	buf_free(&conninfo);
}

static const char *option(const char *keyword)
{
	for (PQconninfoOption *at = options; at->keyword; at++)
		if (strcmp(at->keyword, keyword) == 0)
			return at->val ? at->val : "";
	return "no such keyword";
}

START_TEST(parts_arrive_whatever_is_in_them)
{
	strcpy(settings.db_password, "it's a \\ back slash'");
	understand();
	ck_assert_str_eq(option("host"), "db.example");
	ck_assert_str_eq(option("port"), "5433");
	ck_assert_str_eq(option("dbname"), "ticketing");
	ck_assert_str_eq(option("user"), "payments");
	ck_assert_str_eq(option("password"), "it's a \\ back slash'");
}
END_TEST

START_TEST(timeouts_are_always_there)
{
	understand();
	ck_assert_str_eq(option("connect_timeout"), "3");
	ck_assert_str_eq(option("tcp_user_timeout"), "10000");
	ck_assert_str_eq(option("keepalives"), "1");
	ck_assert_str_eq(option("fallback_application_name"), "payments-fcgi");
	ck_assert_str_eq(option("password"), "");
}
END_TEST

START_TEST(keyword_string_wins_over_parts_and_fallbacks)
{
	strcpy(settings.database_url, "host=a,b dbname=other connect_timeout=9 "
				      "target_session_attrs=read-write");
	understand();
	ck_assert_str_eq(option("host"), "a,b");
	ck_assert_str_eq(option("dbname"), "other");
	ck_assert_str_eq(option("user"), "");
	ck_assert_str_eq(option("connect_timeout"), "9");
	ck_assert_str_eq(option("tcp_user_timeout"), "10000");
	ck_assert_str_eq(option("target_session_attrs"), "read-write");
}
END_TEST

static const char *const uris[] = {
	"postgresql://u:p%40s@h:5444/d",
	"postgres://u:p%40s@h:5444/d?connect_timeout=3",
	"postgresql://u:p%40s@h:5444/d?sslmode=prefer&tcp_user_timeout=10000",
};

START_TEST(uri_is_kept_and_added_to)
{
	strcpy(settings.database_url, uris[_i]);
	understand();
	ck_assert_str_eq(option("host"), "h");
	ck_assert_str_eq(option("port"), "5444");
	ck_assert_str_eq(option("dbname"), "d");
	ck_assert_str_eq(option("password"), "p@s");
	ck_assert_str_eq(option("connect_timeout"), "3");
	ck_assert_str_eq(option("tcp_user_timeout"), "10000");
}
END_TEST

START_TEST(uri_wins_where_it_says_something)
{
	strcpy(settings.database_url, "postgresql://h/d?keepalives_idle=99&connect_timeout=9");
	understand();
	ck_assert_str_eq(option("connect_timeout"), "9");
	ck_assert_str_eq(option("keepalives_idle"), "99");
	ck_assert_str_eq(option("keepalives"), "1");
}
END_TEST

Suite *suite_conninfo(void)
{
	Suite *suite = suite_create("conninfo");
	TCase *tcase = tcase_create("conninfo");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, parts_arrive_whatever_is_in_them);
	tcase_add_test(tcase, timeouts_are_always_there);
	tcase_add_test(tcase, keyword_string_wins_over_parts_and_fallbacks);
	tcase_add_loop_test(tcase, uri_is_kept_and_added_to, 0, sizeof(uris) / sizeof(uris[0]));
	tcase_add_test(tcase, uri_wins_where_it_says_something);
	suite_add_tcase(suite, tcase);
	return suite;
}
