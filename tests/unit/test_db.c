/*
 * Transactions and round trips. If these fail, a payment may be settled twice, half or not at all:
 * COMMIT runs after a failed step, an unknown outcome counts as known, a conflict is not retried,
 * or a transaction stays open and keeps its locks.
 */
#include "db_fixture.h"
#include "suites.h"

#include "base/clock.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

static const struct db_policy once = { .tries = 1 };

/* --- results --- */

static void check_kinds(const struct db_step *steps, void *context)
{
	const struct db_result *result = steps[0].result;

	ck_assert_int_eq(db_rows(result), 1);
	ck_assert(db_boolean(result, 0, 0));
	ck_assert(!db_boolean(result, 0, 1));
	ck_assert_ptr_null(db_text(result, 0, 2));
	ck_assert(!db_boolean(result, 0, 2));
	ck_assert_int_eq(db_integer(result, 0, 2), 0);
	ck_assert_int_eq(db_integer(result, 0, 3), -5);
	if (context)
		ck_assert_str_eq(db_text(result, 0, 4), context);
	else
		ck_assert_ptr_null(db_text(result, 0, 4));
}

START_TEST(values_come_back_as_they_are)
{
	struct db_step text = STEP(T_KINDS, "한글 'quoted'"), null = STEP(T_KINDS, NULL);

	fixture_open();
	ck_assert_int_eq(db_read(fixture_pool, &text, 1, check_kinds, "한글 'quoted'", NULL),
			 DB_OK);
	ck_assert_int_eq(db_read(fixture_pool, &null, 1, check_kinds, NULL, NULL), DB_OK);
}
END_TEST

/* The columns of T_BINARY. */
enum {
	B_TRUE,
	B_FALSE,
	B_INT2,
	B_INT4,
	B_INT8,
	B_TEXT,
	B_VARCHAR,
	B_JSON,
	B_UUID,
	B_TIMESTAMPTZ,
	B_TIMESTAMP,
	B_BEFORE_1970,
	B_INFINITY,
	B_MINUS_INFINITY,
	B_NO_UUID,
	B_NO_TIME,
	B_NO_INTEGER,
	B_NO_BOOLEAN,
	B_NO_TEXT
};

static int64_t time_at(const struct db_result *result, int column)
{
	int64_t us = 42;

	return db_time(result, 0, column, &us) ? us : -us;
}

static void check_binary(const struct db_step *steps, void *context)
{
	const struct db_result *result = steps[0].result;

	ck_assert(db_boolean(result, 0, B_TRUE));
	ck_assert(!db_boolean(result, 0, B_FALSE));
	ck_assert_int_eq(db_integer(result, 0, B_INT2), -2);
	ck_assert_int_eq(db_integer(result, 0, B_INT4), -3);
	ck_assert_int_eq(db_integer(result, 0, B_INT8), -5000000000);
	ck_assert_str_eq(db_text(result, 0, B_TEXT), context);
	ck_assert_str_eq(db_text(result, 0, B_VARCHAR), context);
	ck_assert_str_eq(db_text(result, 0, B_JSON), "[\"1\"]");
	ck_assert_str_eq(db_uuid(result, 0, B_UUID).text, "0190b2a4-7c1e-7abc-8def-0123456789ab");
	ck_assert_int_eq(time_at(result, B_TIMESTAMPTZ), 1795164012934567);
	ck_assert_int_eq(time_at(result, B_TIMESTAMP),
			 1795164012934567 + 9 * 3600 * INT64_C(1000000));
	ck_assert_int_eq(time_at(result, B_BEFORE_1970), -1);
	for (int column = B_INFINITY; column <= B_MINUS_INFINITY; column++)
		ck_assert_int_eq(time_at(result, column), -42);
	ck_assert_str_eq(db_uuid(result, 0, B_NO_UUID).text, "");
	ck_assert_int_eq(time_at(result, B_NO_TIME), -42);
	ck_assert_int_eq(db_integer(result, 0, B_NO_INTEGER), 0);
	ck_assert(!db_boolean(result, 0, B_NO_BOOLEAN));
	ck_assert_ptr_null(db_text(result, 0, B_NO_TEXT));
}

/* The second time by the statement that the first one prepared. */
START_TEST(binary_values_come_back_as_they_are)
{
	struct db_step step = STEP(T_BINARY, "한글 'quoted'");

	step.format = DB_BINARY;
	fixture_open();
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(
			db_read(fixture_pool, &step, 1, check_binary, "한글 'quoted'", NULL),
			DB_OK);
}
END_TEST

static enum db_code body_read_binary(struct db_tx *tx, void *context)
{
	struct db_step step = STEP(T_BINARY, "x");
	enum db_code code;

	step.format = DB_BINARY;
	code = db_tx_trip(tx, &step, 1);
	if (code == DB_OK)
		ck_assert_ptr_nonnull(db_text(step.result, 0, *(const int *)context));
	return code;
}

START_TEST(a_binary_value_taken_for_text_is_a_bug)
{
	static const int columns[] = { B_TRUE, B_INT4, B_UUID, B_TIMESTAMPTZ };
	int column = columns[_i];

	fixture_open();
	db_tx_run(fixture_pool, &once, body_read_binary, &column, NULL);
}
END_TEST

static enum db_code body_read_text(struct db_tx *tx, void *context)
{
	struct db_step step = STEP(T_KINDS, "x");
	enum db_code code = db_tx_trip(tx, &step, 1);

	if (code == DB_OK)
		*(int64_t *)context = db_integer(step.result, 0, 4);
	return code;
}

START_TEST(text_taken_for_an_integer_is_a_bug)
{
	int64_t value;

	fixture_open();
	db_tx_run(fixture_pool, &once, body_read_text, &value, NULL);
}
END_TEST

/* --- commit and rollback --- */

struct write {
	const char *keys[3];
	int rows;	/* of keys to insert, in one trip with COMMIT */
	bool bad_step;	/* behind them, ahead of COMMIT */
	bool no_commit; /* the body changes its mind */
	int runs;
	int doubts; /* runs after a doubt */
	int seen;   /* rows found by a run after a doubt */
};

static int write_steps(const struct write *write, struct db_step *steps)
{
	int count = 0;

	for (; count < write->rows; count++)
		steps[count] = STEP(T_INSERT, write->keys[count], "v");
	if (write->bad_step)
		steps[count++] = STEP(T_RAISE, "XX001");
	return count;
}

static enum db_code body_write(struct db_tx *tx, void *context)
{
	struct write *write = context;
	struct db_step steps[DB_STEPS_MAX];
	int count = write_steps(write, steps);

	write->runs++;
	return write->no_commit ? db_tx_trip(tx, steps, count) : db_tx_commit(tx, steps, count);
}

START_TEST(committed_rows_stay)
{
	struct write write = { .keys = { "a", "b" }, .rows = 2 };
	struct db_cost cost = { 0 };

	fixture_open();
	ck_assert_int_eq(db_tx_run(fixture_pool, &once, body_write, &write, &cost), DB_OK);
	ck_assert_int_eq(fixture_ask("SELECT count(*) FROM db_test.t"), 2);
	ck_assert_int_eq(cost.trips, 1);
	ck_assert_int_eq(cost.retries, 0);
	ck_assert(cost.busy_us > 0);
}
END_TEST

START_TEST(without_commit_nothing_stays_and_nothing_is_left_open)
{
	struct write write = { .keys = { "a" }, .rows = 1, .no_commit = true };

	fixture_open();
	ck_assert_int_eq(db_tx_run(fixture_pool, &once, body_write, &write, NULL), DB_OK);
	ck_assert_int_eq(fixture_ask("SELECT count(*) FROM db_test.t"), 0);
	ck_assert_int_eq(fixture_ask("SELECT count(*) FROM pg_stat_activity WHERE datname = "
				     "current_database() AND state LIKE 'idle in%'"),
			 0);
	ck_assert_int_eq(db_pool_state(fixture_pool).open, 1);
}
END_TEST

START_TEST(a_failed_step_keeps_commit_from_being_carried_out)
{
	struct write write = { .keys = { "a" }, .rows = 1, .bad_step = true };

	fixture_open();
	ck_assert_int_eq(db_tx_run(fixture_pool, &once, body_write, &write, NULL), DB_BROKEN);
	ck_assert_int_eq(fixture_ask("SELECT count(*) FROM db_test.t"), 0);
	write.bad_step = false;
	ck_assert_int_eq(db_tx_run(fixture_pool, &once, body_write, &write, NULL), DB_OK);
	ck_assert_int_eq(fixture_ask("SELECT count(*) FROM db_test.t"), 1);
}
END_TEST

/* --- conflicts --- */

/* The conflicting row is there in the first try and gone in the second. */
static enum db_code body_meet_rival(struct db_tx *tx, void *context)
{
	struct write *write = context;

	if (write->runs == 1)
		write->keys[0] = "free";
	return body_write(tx, write);
}

START_TEST(a_conflict_runs_again)
{
	struct write write = { .keys = { "taken" }, .rows = 1 };
	struct db_cost cost = { 0 };

	fixture_do("INSERT INTO db_test.t VALUES ('taken', '')");
	fixture_open();
	ck_assert_int_eq(
		db_tx_run(fixture_pool, &DB_POLICY_REQUEST, body_meet_rival, &write, &cost), DB_OK);
	ck_assert_int_eq(write.runs, 2);
	ck_assert_int_eq(cost.retries, 1);
	ck_assert_int_eq(fixture_ask("SELECT count(*) FROM db_test.t WHERE key = 'free'"), 1);
}
END_TEST

START_TEST(a_conflict_that_lasts_is_told_after_the_tries)
{
	struct write write = { .keys = { "taken" }, .rows = 1 };

	fixture_do("INSERT INTO db_test.t VALUES ('taken', '')");
	fixture_open();
	ck_assert_int_eq(db_tx_run(fixture_pool, &DB_POLICY_REQUEST, body_write, &write, NULL),
			 DB_CONFLICT);
	ck_assert_int_eq(write.runs, DB_POLICY_REQUEST.tries);
	write.runs = 0;
	ck_assert_int_eq(db_tx_run(fixture_pool, &once, body_write, &write, NULL), DB_CONFLICT);
	ck_assert_int_eq(write.runs, 1);
}
END_TEST

/* --- what an error means --- */

/* clang-format off */
static const struct meaning {
	const char *sqlstate;
	enum db_code code;
	bool kept; /* the connection */
} meanings[] = {
	{ "40P01", DB_CONFLICT, true }, { "40001", DB_CONFLICT, true }, { "55P03", DB_CONFLICT, true },
	{ "23505", DB_CONFLICT, true }, { "57014", DB_LOST, true },	{ "08006", DB_LOST, false },
	{ "57P01", DB_LOST, false },	{ "57P03", DB_LOST, false },	{ "25006", DB_LOST, false },
	{ "53300", DB_LOST, false },	{ "26000", DB_LOST, false },	{ "42501", DB_UNFIT, true },
	{ "23514", DB_BROKEN, true },	{ "0A000", DB_BROKEN, true },	{ "XX000", DB_BROKEN, true },
};
/* clang-format on */

static enum db_code body_raise(struct db_tx *tx, void *context)
{
	struct db_step step = STEP(T_RAISE, context);

	return db_tx_trip(tx, &step, 1);
}

START_TEST(each_sqlstate_has_its_meaning)
{
	const struct meaning *meaning = &meanings[_i];
	int64_t before, after;

	fixture_open();
	ck_assert_int_eq(fixture_read(STEP(T_PID), &before), DB_OK);
	ck_assert_int_eq(
		db_tx_run(fixture_pool, &once, body_raise, (void *)meaning->sqlstate, NULL),
		meaning->code);
	ck_assert_int_eq(fixture_read(STEP(T_PID), &after), DB_OK);
	ck_assert_int_eq(before == after, meaning->kept);
	ck_assert_int_eq(fixture_logged("\"database_refused\""),
			 meaning->code == DB_BROKEN || meaning->code == DB_UNFIT);
}
END_TEST

static enum db_code body_refused(struct db_tx *tx, void *context)
{
	struct db_step step = STEP((enum test_sql)(intptr_t)context, "hunter2-parameter");

	return db_tx_trip(tx, &step, 1);
}

START_TEST(no_parameter_reaches_the_log)
{
	fixture_open();
	ck_assert_int_eq(db_tx_run(fixture_pool, &once, body_refused, (void *)T_TO_UUID, NULL),
			 DB_BROKEN);
	ck_assert_int_eq(fixture_logged("t_to_uuid"), 1);
	ck_assert_int_eq(fixture_logged("22P02"), 1);
	ck_assert_int_eq(db_tx_run(fixture_pool, &once, body_refused, (void *)T_NO_TABLE, NULL),
			 DB_UNFIT);
	ck_assert_int_eq(fixture_logged("db_test.nowhere"), 1); /* a message without data is told */
	ck_assert_int_eq(fixture_logged("hunter2"), 0);
}
END_TEST

/* --- time --- */

static enum db_code body_sleep_limited(struct db_tx *tx, void *context)
{
	struct db_step steps[] = { STEP(T_LOCAL, "statement_timeout", "50"),
				   STEP(T_SLEEP, context) };

	return db_tx_trip(tx, steps, 2);
}

START_TEST(a_statement_timeout_is_lost_and_keeps_the_connection)
{
	int64_t before, after;

	fixture_open();
	ck_assert_int_eq(fixture_read(STEP(T_PID), &before), DB_OK);
	ck_assert_int_eq(db_tx_run(fixture_pool, &once, body_sleep_limited, "2", NULL), DB_LOST);
	ck_assert_int_eq(db_tx_run(fixture_pool, &once, body_sleep_limited, "0", NULL), DB_OK);
	ck_assert_int_eq(fixture_read(STEP(T_PID), &after), DB_OK);
	ck_assert_int_eq(before, after);
}
END_TEST

static enum db_code body_sleep(struct db_tx *tx, void *context)
{
	struct db_step step = STEP(T_SLEEP, context);

	return db_tx_trip(tx, &step, 1);
}

START_TEST(a_trip_ends_at_its_deadline_and_drops_the_connection)
{
	int64_t start_ms;

	fixture_settings.db_trip_ms = 200;
	fixture_open();
	ck_assert_int_eq(db_tx_run(fixture_pool, &once, body_sleep, "0.01", NULL), DB_OK);
	start_ms = clock_mono_ms();
	ck_assert_int_eq(db_tx_run(fixture_pool, &once, body_sleep, "1.5", NULL), DB_LOST);
	ck_assert_int_ge(fixture_ms_since(start_ms), 190);
	ck_assert_int_lt(fixture_ms_since(start_ms), 900);
	ck_assert_int_eq(db_pool_state(fixture_pool).open, 0);
}
END_TEST

/* --- lost connections --- */

#define SLEEPERS                                                                       \
	" FROM pg_stat_activity WHERE query LIKE '%pg_sleep($1%' AND state = 'active'" \
	" AND pid <> pg_backend_pid()"

/* Returns once they are gone, or the next killer would take one that is dying for its own. */
static void *kill_sleeper(void *arg)
{
	int i;

	(void)arg;
	for (i = 0; i < 200; i++, clock_sleep_ms(10))
		if (fixture_ask("SELECT count(pg_terminate_backend(pid))" SLEEPERS))
			break;
	for (; i < 200 && fixture_ask("SELECT count(*)" SLEEPERS); i++)
		clock_sleep_ms(10);
	return NULL;
}

/* Sleeps long on the first run only. */
static enum db_code body_sleep_once(struct db_tx *tx, void *context)
{
	struct db_step step = STEP(T_SLEEP, (*(int *)context)++ ? "0" : "3");

	return db_tx_trip(tx, &step, 1);
}

static enum db_code run_and_kill(const struct db_policy *policy, int *runs)
{
	pthread_t killer;
	enum db_code code;

	ck_assert_int_eq(pthread_create(&killer, NULL, kill_sleeper, NULL), 0);
	code = db_tx_run(fixture_pool, policy, body_sleep_once, runs, NULL);
	pthread_join(killer, NULL);
	return code;
}

START_TEST(a_connection_killed_in_a_trip_is_lost_and_tried_again)
{
	int runs = 0;

	fixture_open();
	ck_assert_int_eq(run_and_kill(&once, &runs), DB_LOST);
	ck_assert_int_eq(runs, 1);
	runs = 0;
	ck_assert_int_eq(run_and_kill(&DB_POLICY_REQUEST, &runs), DB_OK);
	ck_assert_int_eq(runs, 2);
}
END_TEST

/* After a doubt a body must read before it writes. */
static enum db_code body_careful(struct db_tx *tx, void *context)
{
	struct write *write = context;
	struct db_step look = STEP(T_COUNT, write->keys[0]);
	enum db_code code;

	if (db_tx_after_doubt(tx)) {
		write->doubts++;
		code = db_tx_trip(tx, &look, 1);
		if (code != DB_OK)
			return code;
		write->seen = (int)db_integer(look.result, 0, 0);
		if (write->seen)
			return DB_OK;
	}
	return body_write(tx, write);
}

/* One row is a transaction of one statement, two are one with COMMIT. */
static void doubt(enum relay_mode mode, int rows, int seen)
{
	struct write write = { .keys = { "a", "b" }, .rows = rows };

	fixture_open_relay();
	ck_assert_int_eq(fixture_read(STEP(T_PING), NULL), DB_OK);
	relay_set(fixture_relay, mode);
	ck_assert_int_eq(db_tx_run(fixture_pool, &once, body_careful, &write, NULL), DB_MAYBE);
	ck_assert_int_eq(fixture_ask("SELECT count(*) FROM db_test.t"), seen * rows);
	fixture_do("TRUNCATE db_test.t");
	relay_set(fixture_relay, mode);
	ck_assert_int_eq(db_tx_run(fixture_pool, &DB_POLICY_RECORD, body_careful, &write, NULL),
			 DB_OK);
	ck_assert_int_eq(write.doubts, 1);
	ck_assert_int_eq(write.seen, seen);
	ck_assert_int_eq(fixture_ask("SELECT count(*) FROM db_test.t"), rows);
}

START_TEST(a_commit_that_was_not_carried_out_is_in_doubt_and_done_once)
{
	doubt(RELAY_SWALLOW_COMMIT, _i + 1, 0);
}
END_TEST

START_TEST(a_commit_whose_answer_was_lost_is_in_doubt_and_done_once)
{
	doubt(RELAY_LOSE_ANSWER, _i + 1, 1);
}
END_TEST

static enum db_code body_doom(struct db_tx *tx, void *context)
{
	struct db_step step = STEP(T_DOOM);

	(void)context;
	return db_tx_commit(tx, &step, 1);
}

START_TEST(a_server_that_dies_within_commit_leaves_a_doubt)
{
	fixture_open();
	ck_assert_int_eq(db_tx_run(fixture_pool, &once, body_doom, NULL, NULL), DB_MAYBE);
	ck_assert_int_eq(fixture_ask("SELECT count(*) FROM db_test.doomed"), 0);
}
END_TEST

/* The doubt must not be lost where the database is away when the next run comes. */
static enum db_code body_doubt_then_away(struct db_tx *tx, void *context)
{
	struct write *write = context;
	enum db_code code = body_write(tx, write);

	relay_set(fixture_relay, RELAY_DOWN);
	return code;
}

START_TEST(a_doubt_outlives_a_database_that_is_away)
{
	struct write write = { .keys = { "a" }, .rows = 1 };

	fixture_open_relay();
	ck_assert_int_eq(fixture_read(STEP(T_PING), NULL), DB_OK);
	relay_set(fixture_relay, RELAY_LOSE_ANSWER);
	ck_assert_int_eq(
		db_tx_run(fixture_pool, &DB_POLICY_REQUEST, body_doubt_then_away, &write, NULL),
		DB_MAYBE);
	ck_assert_int_eq(write.runs, 1);
}
END_TEST

/* --- prepared statements --- */

START_TEST(statements_are_prepared_once_or_not_at_all)
{
	int64_t prepared;

	fixture_settings.prepared_statements = _i == 1;
	fixture_open();
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(fixture_read(STEP(T_PING), NULL), DB_OK);
	ck_assert_int_eq(fixture_read(STEP(T_PREPARED), &prepared), DB_OK);
	ck_assert_int_eq(prepared, _i == 1 ? 2 : 0); /* ping, and the one that counts */
}
END_TEST

START_TEST(a_stale_plan_is_made_anew)
{
	int64_t value;

	fixture_open();
	ck_assert_int_eq(fixture_read(STEP(T_SHAPE), &value), DB_OK);
	fixture_do("ALTER TABLE db_test.shape ADD COLUMN IF NOT EXISTS b int");
	ck_assert_int_eq(fixture_read(STEP(T_SHAPE), &value), DB_OK);
	ck_assert_int_eq(value, 7);
	ck_assert_int_eq(fixture_logged("0A000"), 1);
}
END_TEST

Suite *suite_db(void)
{
	Suite *suite = suite_create("db");
	TCase *tcase = tcase_create("transactions");

	if (!fixture_url("db"))
		return suite;
	tcase_set_timeout(tcase, 20);
	tcase_add_unchecked_fixture(tcase, fixture_begin_all, NULL);
	tcase_add_checked_fixture(tcase, fixture_begin, fixture_end);
	tcase_add_test(tcase, values_come_back_as_they_are);
	tcase_add_test(tcase, binary_values_come_back_as_they_are);
	tcase_add_loop_test_raise_signal(tcase, a_binary_value_taken_for_text_is_a_bug, SIGABRT, 0,
					 4);
	tcase_add_test_raise_signal(tcase, text_taken_for_an_integer_is_a_bug, SIGABRT);
	tcase_add_test(tcase, committed_rows_stay);
	tcase_add_test(tcase, without_commit_nothing_stays_and_nothing_is_left_open);
	tcase_add_test(tcase, a_failed_step_keeps_commit_from_being_carried_out);
	tcase_add_test(tcase, a_conflict_runs_again);
	tcase_add_test(tcase, a_conflict_that_lasts_is_told_after_the_tries);
	tcase_add_loop_test(tcase, each_sqlstate_has_its_meaning, 0,
			    (int)(sizeof(meanings) / sizeof(meanings[0])));
	tcase_add_test(tcase, no_parameter_reaches_the_log);
	tcase_add_test(tcase, a_statement_timeout_is_lost_and_keeps_the_connection);
	tcase_add_test(tcase, a_trip_ends_at_its_deadline_and_drops_the_connection);
	tcase_add_test(tcase, a_connection_killed_in_a_trip_is_lost_and_tried_again);
	tcase_add_loop_test(tcase, a_commit_that_was_not_carried_out_is_in_doubt_and_done_once, 0,
			    2);
	tcase_add_loop_test(tcase, a_commit_whose_answer_was_lost_is_in_doubt_and_done_once, 0, 2);
	tcase_add_test(tcase, a_server_that_dies_within_commit_leaves_a_doubt);
	tcase_add_test(tcase, a_doubt_outlives_a_database_that_is_away);
	tcase_add_loop_test(tcase, statements_are_prepared_once_or_not_at_all, 0, 2);
	tcase_add_test(tcase, a_stale_plan_is_made_anew);
	suite_add_tcase(suite, tcase);
	return suite;
}
