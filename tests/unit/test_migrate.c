/*
 * Migrations and preflight. If these fail, an upgrade leaves a database half changed, two upgrades
 * at once break each other, a changed migration is not noticed, or `payctl check` accepts an unfit
 * database.
 *
 * Each test creates its own database beside that of PAYMENTS_TEST_DATABASE_URL.
 */
#include "db_fixture.h"
#include "suites.h"

#include "base/clock.h"
#include "db/migrate.h"
#include "db/migrations.h"
#include "db/preflight.h"
#include "db/user.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIGRATE_DATABASE "payments_test_migrate"
#define MIGRATE_ROLE "payments_test \"role\""

static char conninfo[1024];
static PGconn *own; /* to the test's own database */
static FILE *said;  /* what migrate printed */
static char *said_text;
static size_t said_bytes;

static const char shared_sql[] =
	"CREATE TABLE users (id uuid PRIMARY KEY, email varchar UNIQUE, role varchar);"
	"CREATE TABLE events (id uuid PRIMARY KEY);"
	"CREATE TABLE seats (id uuid PRIMARY KEY, event_id uuid, seat_label varchar, status "
	"varchar,"
	" updated_at timestamp);"
	"CREATE TABLE ticket_types (id uuid PRIMARY KEY, available_quantity int);"
	"CREATE TABLE reservations (id uuid PRIMARY KEY, user_id uuid, status varchar CONSTRAINT "
	"variant"
	" CHECK (status IN ('pending', 'confirmed', 'cancelled', 'expired')), payment_status "
	"varchar,"
	" payment_method varchar, expires_at timestamp, created_at timestamp, updated_at "
	"timestamp);"
	"CREATE TABLE reservation_items (id uuid PRIMARY KEY, reservation_id uuid, seat_id uuid);"
	"INSERT INTO users VALUES ('11111111-1111-4111-8111-111111111111', 'a@example.com', "
	"'admin')";

static void own_do(const char *sql)
{
	PGresult *result = PQexec(own, sql);

	ck_assert_msg(PQresultStatus(result) == PGRES_COMMAND_OK ||
			      PQresultStatus(result) == PGRES_TUPLES_OK,
		      "%s: %s", sql, PQerrorMessage(own));
	PQclear(result);
}

static int own_ask(const char *sql)
{
	PGresult *result = PQexec(own, sql);
	int value;

	ck_assert_msg(PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1, "%s: %s",
		      sql, PQerrorMessage(own));
	value = atoi(PQgetvalue(result, 0, 0));
	PQclear(result);
	return value;
}

static void make_conninfo(const char *user)
{
	snprintf(conninfo, sizeof(conninfo),
		 "host='%s' port='%s' dbname='%s' user='%s' password='%s'", PQhost(fixture_admin),
		 PQport(fixture_admin), MIGRATE_DATABASE, user,
		 PQpass(fixture_admin) ? PQpass(fixture_admin) : "");
}

static void begin(void)
{
	fixture_begin();
	fixture_do("DROP DATABASE IF EXISTS " MIGRATE_DATABASE);
	fixture_do("DROP ROLE IF EXISTS \"payments_test \"\"role\"\"\"");
	fixture_do("CREATE DATABASE " MIGRATE_DATABASE);
	make_conninfo(PQuser(fixture_admin));
	own = PQconnectdb(conninfo);
	ck_assert_msg(PQstatus(own) == CONNECTION_OK, "%s", PQerrorMessage(own));
	PQsetNoticeProcessor(own, fixture_ignore_notice, NULL);
	own_do(shared_sql);
	said = open_memstream(&said_text, &said_bytes);
	ck_assert(said);
}

static void end(void)
{
	fclose(said);
	free(said_text);
	PQfinish(own);
	fixture_do("DROP DATABASE " MIGRATE_DATABASE);
	fixture_do("DROP ROLE IF EXISTS \"payments_test \"\"role\"\"\"");
	fixture_end();
}

static bool was_said(const char *text)
{
	fflush(said);
	return strstr(said_text, text) != NULL;
}

START_TEST(migrations_are_applied_once)
{
	ck_assert_int_eq(db_migrate(conninfo, said, false, NULL), 0);
	ck_assert(was_said(": applied\n"));
	ck_assert_int_eq(own_ask("SELECT count(*) FROM payments.schema_versions"),
			 migrations_count);
	own_do("UPDATE payments.schema_versions SET applied_at = 'epoch'");
	ck_assert_int_eq(db_migrate(conninfo, said, false, NULL), 0);
	ck_assert(was_said("up to date"));
	ck_assert_int_eq(
		own_ask("SELECT count(*) FROM payments.schema_versions WHERE applied_at = 'epoch'"),
		migrations_count);
}
END_TEST

START_TEST(a_dry_run_changes_nothing)
{
	ck_assert_int_eq(db_migrate(conninfo, said, true, MIGRATE_ROLE), 0);
	ck_assert(was_said("would be applied"));
	ck_assert_int_eq(own_ask("SELECT count(*) FROM pg_namespace WHERE nspname = 'payments'"),
			 0);
	ck_assert_int_eq(
		own_ask("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'payments_test%'"), 0);
}
END_TEST

START_TEST(a_migration_changed_after_the_fact_is_refused)
{
	ck_assert_int_eq(db_migrate(conninfo, said, false, NULL), 0);
	own_do("UPDATE payments.schema_versions SET checksum = repeat('0', 64) WHERE number = 1");
	ck_assert_int_eq(db_migrate(conninfo, said, false, NULL), 1);
}
END_TEST

static void *migrate_thread(void *arg)
{
	FILE *out = tmpfile();

	(void)arg;
	if (!out)
		return (void *)-1;
	return (void *)(intptr_t)(db_migrate(conninfo, out, false, MIGRATE_ROLE) | fclose(out));
}

START_TEST(several_at_once_are_safe)
{
	pthread_t threads[4];
	void *code;

	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, migrate_thread, NULL), 0);
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], &code);
		ck_assert_ptr_null(code);
	}
	ck_assert_int_eq(own_ask("SELECT count(*) FROM payments.schema_versions"),
			 migrations_count);
}
END_TEST

START_TEST(a_migration_that_fails_leaves_nothing_behind)
{
	own_do("CREATE SCHEMA payments; CREATE VIEW payments.refunds AS SELECT 1 AS in_the_way");
	ck_assert_int_eq(db_migrate(conninfo, said, false, NULL), 1);
	ck_assert_int_eq(own_ask("SELECT count(*) FROM payments.schema_versions"), 0);
	ck_assert_int_eq(own_ask("SELECT count(*) FROM pg_tables WHERE tablename = 'intents'"), 0);
	own_do("DROP VIEW payments.refunds");
	ck_assert_int_eq(db_migrate(conninfo, said, false, NULL), 0);
	ck_assert_int_eq(own_ask("SELECT count(*) FROM pg_tables WHERE tablename = 'intents'"), 1);
}
END_TEST

START_TEST(a_table_that_stays_locked_is_given_up)
{
	int64_t start_ms;

	ck_assert_int_eq(db_migrate(conninfo, said, false, NULL), 0);
	own_do("BEGIN; LOCK TABLE payments.schema_versions IN ACCESS EXCLUSIVE MODE");
	start_ms = clock_mono_ms();
	ck_assert_int_eq(db_migrate(conninfo, said, true, NULL), 1);
	ck_assert_int_lt(fixture_ms_since(start_ms), 8000);
	own_do("ROLLBACK");
	ck_assert_int_eq(db_migrate(conninfo, said, true, NULL), 0);
}
END_TEST

/* --- preflight --- */

static void preflight(struct preflight *report, const char *user)
{
	struct settings settings = fixture_settings;

	make_conninfo(user);
	snprintf(settings.database_url, sizeof(settings.database_url), "%s", conninfo);
	make_conninfo(PQuser(fixture_admin));
	memset(report, 0, sizeof(*report));
	preflight_database(report, &settings, 2);
}

/* How many lines of that name and verdict speak of `about`. */
static int lines(const struct preflight *report, enum preflight_verdict verdict, const char *name,
		 const char *about)
{
	int count = 0;

	for (int i = 0; i < report->count; i++)
		count += report->lines[i].verdict == verdict &&
			 strcmp(report->lines[i].name, name) == 0 &&
			 strstr(report->lines[i].text, about);
	return count;
}

static void make_fit(void)
{
	ck_assert_int_eq(db_migrate(conninfo, said, false, MIGRATE_ROLE), 0);
	own_do("CREATE INDEX ON reservation_items (reservation_id); CREATE INDEX ON "
	       "reservation_items (seat_id);"
	       "CREATE INDEX ON seats (event_id, seat_label); CREATE INDEX ON reservations "
	       "(user_id, created_at);"
	       "CREATE INDEX ON reservations (expires_at) WHERE status = 'pending'");
}

START_TEST(a_fit_database_passes)
{
	static struct preflight report;

	make_fit();
	preflight(&report, MIGRATE_ROLE);
	if (report.verdict != PREFLIGHT_OK)
		preflight_print(&report, stderr);
	ck_assert_int_eq(report.verdict, PREFLIGHT_OK);
}
END_TEST

/* clang-format off */
static const struct spoil {
	const char *sql;
	enum preflight_verdict verdict;
	const char *name, *about;
} spoils[] = {
	{ "REVOKE SELECT (email) ON users FROM %s", PREFLIGHT_FAIL, "rights", "public.users" },
	{ "REVOKE UPDATE (expires_at) ON reservations FROM %s", PREFLIGHT_FAIL, "rights", "public.reservations" },
	{ "REVOKE INSERT ON reservation_items FROM %s", PREFLIGHT_FAIL, "rights", "public.reservation_items" },
	{ "GRANT DELETE ON seats TO %s", PREFLIGHT_WARN, "excess", "DELETE" },
	{ "ALTER TABLE seats OWNER TO %s", PREFLIGHT_WARN, "excess", "owns" },
	{ "ALTER ROLE %s SUPERUSER", PREFLIGHT_WARN, "role", "superuser" },
	{ "ALTER ROLE %s SET lock_timeout = 0", PREFLIGHT_WARN, "limits", "lock_timeout" },
	{ "ALTER ROLE %s SET statement_timeout = '1min'", PREFLIGHT_WARN, "limits", "statement_timeout" },
	{ "ALTER ROLE %s SET enable_seqscan = on", PREFLIGHT_WARN, "plans", "may scan a" },
	{ "ALTER ROLE %s SET enable_memoize = on", PREFLIGHT_WARN, "plans", "enable_memoize" },
	{ "ALTER ROLE %s CONNECTION LIMIT 3", PREFLIGHT_WARN, "room", "3 are allowed" },
	{ "DROP INDEX reservation_items_seat_id_idx -- %s", PREFLIGHT_WARN, "index", "seat_id" },
	{ "DROP INDEX reservations_expires_at_idx -- %s", PREFLIGHT_WARN, "index", "expires_at" },
	{ "UPDATE payments.schema_versions SET checksum = 'x' -- %s", PREFLIGHT_FAIL, "schema", "differs" },
	{ "DELETE FROM payments.schema_versions -- %s", PREFLIGHT_FAIL, "schema", "needs" },
	{ "INSERT INTO payments.schema_versions VALUES (9999, 'x', 'x') -- %s", PREFLIGHT_WARN, "schema", "9999" },
	{ "DROP SCHEMA payments CASCADE -- %s", PREFLIGHT_FAIL, "schema", "cannot be read" },
	{ "INSERT INTO reservations VALUES (gen_random_uuid(), NULL, 'pending', 'pending', NULL,"
	  " LOCALTIMESTAMP - interval '8:55', LOCALTIMESTAMP, NULL) -- %s", PREFLIGHT_WARN, "holds", "1 of the last 1" },
	{ "INSERT INTO reservations VALUES (gen_random_uuid(), NULL, 'pending', 'pending', NULL,"
	  " LOCALTIMESTAMP + interval '5 min', LOCALTIMESTAMP, NULL) -- %s", PREFLIGHT_OK, "holds", "1 holds" },
	{ "ALTER TABLE reservations DROP CONSTRAINT variant, ADD CHECK (status IN ('pending', 'confirmed',"
	  " 'cancelled')) -- %s", PREFLIGHT_OK, "expired", "becomes 'cancelled'" },
};
/* clang-format on */

START_TEST(what_is_amiss_is_told_with_its_remedy)
{
	const struct spoil *spoil = &spoils[_i];
	static struct preflight report;
	char *role = PQescapeIdentifier(own, MIGRATE_ROLE, strlen(MIGRATE_ROLE));
	char sql[512];

	make_fit();
	preflight(&report, MIGRATE_ROLE);
	ck_assert_int_eq(lines(&report, spoil->verdict, spoil->name, spoil->about), 0);
	/* the statements are this table's; a %s for the role at the most */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(sql, sizeof(sql), spoil->sql, role);
#pragma GCC diagnostic pop
	PQfreemem(role);
	own_do(sql);
	preflight(&report, MIGRATE_ROLE);
	ck_assert_int_eq(lines(&report, spoil->verdict, spoil->name, spoil->about), 1);
	ck_assert_int_ge(report.verdict, spoil->verdict);
	own_do("ALTER TABLE seats OWNER TO CURRENT_USER");
}
END_TEST

START_TEST(a_user_is_found_by_address)
{
	struct db_user user;
	char why[DB_USER_WHY_MAX];

	ck_assert_int_eq(db_user_find(conninfo, "a@example.com", &user, why), DB_OK);
	ck_assert_str_eq(user.id.text, "11111111-1111-4111-8111-111111111111");
	ck_assert_str_eq(user.role, "admin");
	ck_assert_int_eq(db_user_find(conninfo, "A@example.com", &user, why), DB_OK);
	ck_assert_str_eq(user.id.text, "");
	own_do("DROP TABLE users");
	ck_assert_int_eq(db_user_find(conninfo, "a@example.com", &user, why), DB_BROKEN);
}
END_TEST

Suite *suite_migrate(void)
{
	Suite *suite = suite_create("migrate");
	TCase *tcase = tcase_create("migrate");

	if (!fixture_url("migrate"))
		return suite;
	tcase_set_timeout(tcase, 30);
	tcase_add_unchecked_fixture(tcase, fixture_begin_all, NULL);
	tcase_add_checked_fixture(tcase, begin, end);
	tcase_add_test(tcase, migrations_are_applied_once);
	tcase_add_test(tcase, a_dry_run_changes_nothing);
	tcase_add_test(tcase, a_migration_changed_after_the_fact_is_refused);
	tcase_add_test(tcase, several_at_once_are_safe);
	tcase_add_test(tcase, a_migration_that_fails_leaves_nothing_behind);
	tcase_add_test(tcase, a_table_that_stays_locked_is_given_up);
	tcase_add_test(tcase, a_fit_database_passes);
	tcase_add_loop_test(tcase, what_is_amiss_is_told_with_its_remedy, 0,
			    (int)(sizeof(spoils) / sizeof(spoils[0])));
	tcase_add_test(tcase, a_user_is_found_by_address);
	suite_add_tcase(suite, tcase);
	return suite;
}
