#include "db_fixture.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOG_BYTES_MAX (256 * 1024)

struct settings fixture_settings;
struct db_pool *fixture_pool;
PGconn *fixture_admin;
struct relay *fixture_relay;

static bool active;
static int log_fd = -1;

/* clang-format off */
static const struct sql_statement statements[T_COUNT_OF_STATEMENTS] = {
	[T_PING] = { "t_ping", "SELECT 1", 0 },
	[T_PID] = { "t_pid", "SELECT pg_backend_pid()", 0 },
	[T_SLEEP] = { "t_sleep", "SELECT 1 FROM pg_sleep($1::float8)", 1 },
	[T_INSERT] = { "t_insert", "INSERT INTO db_test.t (key, value) VALUES ($1, $2)", 2 },
	[T_COUNT] = { "t_count", "SELECT count(*) FROM db_test.t WHERE key = $1", 1 },
	[T_KINDS] = { "t_kinds", "SELECT true, false, NULL, -5, $1::text", 1 },
	[T_BINARY] = { "t_binary",
		       "SELECT true, false, (-2)::smallint, -3, (-5000000000)::bigint, $1::text, $1::varchar,"
		       " '[\"1\"]'::json, '0190B2A4-7c1e-7abc-8def-0123456789ab'::uuid,"
		       " timestamptz '2026-11-20 17:40:12.934567+09', timestamp '2026-11-20 17:40:12.934567',"
		       " timestamptz '1969-12-31 23:59:59.999999+00', timestamptz 'infinity', timestamp '-infinity',"
		       " NULL::uuid, NULL::timestamp, NULL::bigint, NULL::boolean, NULL::text",
		       1 },
	[T_RAISE] = { "t_raise", "SELECT db_test.raise($1)", 1 },
	[T_TO_UUID] = { "t_to_uuid", "SELECT $1::text::uuid", 1 },
	[T_NO_TABLE] = { "t_no_table", "SELECT $1::text FROM db_test.nowhere", 1 },
	[T_LOCAL] = { "t_local", "SELECT set_config($1, $2, true)", 2 },
	[T_DOOM] = { "t_doom", "INSERT INTO db_test.doomed VALUES (1)", 0 },
	[T_SHAPE] = { "t_shape", "SELECT * FROM db_test.shape", 0 },
	[T_PREPARED] = { "t_prepared", "SELECT count(*) FROM pg_prepared_statements", 0 },
	[T_TOUCH] = { "t_touch", "UPDATE db_test.counter SET n = n + 1 WHERE id = $1::int", 1 },
};
/* clang-format on */

static const char schema_sql[] =
	"DROP SCHEMA IF EXISTS db_test CASCADE;"
	"CREATE SCHEMA db_test;"
	"CREATE TABLE db_test.t (key text CONSTRAINT t_key UNIQUE, value text);"
	"CREATE TABLE db_test.counter (id int PRIMARY KEY, n int NOT NULL);"
	"INSERT INTO db_test.counter VALUES (1, 0);"
	"CREATE TABLE db_test.shape (a int);"
	"INSERT INTO db_test.shape VALUES (7);"
	"CREATE FUNCTION db_test.raise(code text) RETURNS int LANGUAGE plpgsql AS"
	" $$ BEGIN RAISE EXCEPTION 'raised by a test' USING ERRCODE = code; END $$;"
	"CREATE TABLE db_test.doomed (a int);"
	"CREATE FUNCTION db_test.die() RETURNS trigger LANGUAGE plpgsql AS"
	" $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(1); RETURN "
	"NULL; END $$;"
	"CREATE CONSTRAINT TRIGGER die AFTER INSERT ON db_test.doomed"
	" DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION db_test.die()";

_Static_assert((int)T_COUNT_OF_STATEMENTS <= (int)SQL_COUNT,
	       "a test statement needs an id to stand in for");

const struct sql_statement *__real_sql_statement(enum sql_id id);
const struct sql_statement *__wrap_sql_statement(enum sql_id id);

const struct sql_statement *__wrap_sql_statement(enum sql_id id)
{
	return active && (int)id < T_COUNT_OF_STATEMENTS ? &statements[id]
							 : __real_sql_statement(id);
}

const char *fixture_url(const char *suite)
{
	const char *url = getenv("PAYMENTS_TEST_DATABASE_URL");

	if (!url || !*url)
		fprintf(stderr,
			"suite %s is skipped: PAYMENTS_TEST_DATABASE_URL names no database\n",
			suite);
	return url && *url ? url : NULL;
}

void fixture_ignore_notice(void *arg, const char *message)
{
	(void)arg;
	(void)message;
}

static void admin_open(void)
{
	fixture_admin = PQconnectdb(getenv("PAYMENTS_TEST_DATABASE_URL"));
	ck_assert_msg(PQstatus(fixture_admin) == CONNECTION_OK, "%s",
		      PQerrorMessage(fixture_admin));
	PQsetNoticeProcessor(fixture_admin, fixture_ignore_notice, NULL);
}

void fixture_begin_all(void)
{
	admin_open();
	fixture_do(schema_sql);
	PQfinish(fixture_admin);
}

static void log_capture(void)
{
	FILE *file = tmpfile();

	ck_assert(file);
	log_fd = fileno(file);
	log_set_fd(log_fd);
}

void fixture_begin(void)
{
	active = true;
	admin_open();
	/* what an earlier test left running at the server */
	fixture_do("SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity"
		   " WHERE datname = current_database() AND pid <> pg_backend_pid()");
	fixture_do("TRUNCATE db_test.t, db_test.doomed");
	log_capture();
	memset(&fixture_settings, 0, sizeof(fixture_settings));
	snprintf(fixture_settings.database_url, sizeof(fixture_settings.database_url), "%s",
		 getenv("PAYMENTS_TEST_DATABASE_URL"));
	fixture_settings.db_connections = 4;
	fixture_settings.db_wait_ms = 1000;
	fixture_settings.db_connect_ms = 2000;
	fixture_settings.db_trip_ms = 5000;
	fixture_settings.prepared_statements = true;
}

void fixture_end(void)
{
	if (fixture_pool)
		db_pool_close(fixture_pool);
	if (fixture_relay)
		relay_stop(fixture_relay);
	PQfinish(fixture_admin);
	log_set_fd(2);
	fixture_pool = NULL;
	fixture_relay = NULL;
	active = false;
}

void fixture_open(void)
{
	fixture_pool = db_pool_open(&fixture_settings);
	ck_assert(fixture_pool);
}

void fixture_open_relay(void)
{
	fixture_relay = relay_start(PQhost(fixture_admin), PQport(fixture_admin));
	ck_assert(fixture_relay);
	snprintf(fixture_settings.database_url, sizeof(fixture_settings.database_url),
		 "host=127.0.0.1 port=%d dbname='%s' user='%s' password='%s' sslmode=disable "
		 "gssencmode=disable",
		 relay_port(fixture_relay), PQdb(fixture_admin), PQuser(fixture_admin),
		 PQpass(fixture_admin) ? PQpass(fixture_admin) : "");
	fixture_open();
}

void fixture_do(const char *sql)
{
	PGresult *result = PQexec(fixture_admin, sql);

	ck_assert_msg(PQresultStatus(result) == PGRES_COMMAND_OK ||
			      PQresultStatus(result) == PGRES_TUPLES_OK,
		      "%s: %s", sql, PQerrorMessage(fixture_admin));
	PQclear(result);
}

int fixture_ask(const char *sql)
{
	PGresult *result = PQexec(fixture_admin, sql);
	int value;

	ck_assert_msg(PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) > 0, "%s: %s",
		      sql, PQerrorMessage(fixture_admin));
	value = atoi(PQgetvalue(result, 0, 0));
	PQclear(result);
	return value;
}

static void read_first(const struct db_step *steps, void *context)
{
	*(int64_t *)context = db_rows(steps[0].result) ? db_integer(steps[0].result, 0, 0) : -1;
}

enum db_code fixture_read(struct db_step step, int64_t *value)
{
	int64_t ignored;

	return db_read(fixture_pool, &step, 1, read_first, value ? value : &ignored, NULL);
}

int fixture_logged(const char *text)
{
	static char log[LOG_BYTES_MAX];
	ssize_t length = pread(log_fd, log, sizeof(log) - 1, 0);
	int count = 0;

	ck_assert(length >= 0);
	log[length] = '\0';
	for (const char *at = log; (at = strstr(at, text)); at++)
		count++;
	return count;
}

int64_t fixture_ms_since(int64_t start_ms)
{
	return clock_mono_ms() - start_ms;
}

static int fixture_write_steps(const struct fixture_write *write, struct db_step *steps)
{
	int count = 0;

	for (; count < write->rows; count++)
		steps[count] = STEP(T_INSERT, write->keys[count], "v");
	if (write->bad_step)
		steps[count++] = STEP(T_RAISE, "XX001");
	return count;
}

enum db_code fixture_body_write(struct db_tx *tx, void *context)
{
	struct fixture_write *write = context;
	struct db_step steps[DB_STEPS_MAX];
	int count = fixture_write_steps(write, steps);

	write->runs++;
	return write->no_commit ? db_tx_trip(tx, steps, count) : db_tx_commit(tx, steps, count);
}
