/*
 * Transactions and round trips. If these fail, a payment may be settled twice, half or not at all:
 * COMMIT runs after a failed step, an unknown outcome counts as known, a conflict is not retried,
 * or a transaction stays open and keeps its locks.
 */
#include "db_fixture.h"
#include "suites.h"

#include "base/clock.h"

#include <string.h>

static const struct db_policy once = { .tries = 1 };

/* --- commit and rollback --- */

START_TEST(committed_rows_stay)
{
	struct fixture_write write = { .keys = { "a", "b" }, .rows = 2 };
	struct db_cost cost = { 0 };

	fixture_open();
	ck_assert_int_eq(db_tx_run(fixture_pool, &once, fixture_body_write, &write, &cost), DB_OK);
	ck_assert_int_eq(fixture_ask("SELECT count(*) FROM db_test.t"), 2);
	ck_assert_int_eq(cost.trips, 1);
	ck_assert_int_eq(cost.retries, 0);
	ck_assert(cost.busy_us > 0);
}
END_TEST

START_TEST(without_commit_nothing_stays_and_nothing_is_left_open)
{
	struct fixture_write write = { .keys = { "a" }, .rows = 1, .no_commit = true };

	fixture_open();
	ck_assert_int_eq(db_tx_run(fixture_pool, &once, fixture_body_write, &write, NULL), DB_OK);
	ck_assert_int_eq(fixture_ask("SELECT count(*) FROM db_test.t"), 0);
	ck_assert_int_eq(fixture_ask("SELECT count(*) FROM pg_stat_activity WHERE datname = "
				     "current_database() AND state LIKE 'idle in%'"),
			 0);
	ck_assert_int_eq(db_pool_state(fixture_pool).open, 1);
}
END_TEST

START_TEST(a_failed_step_keeps_commit_from_being_carried_out)
{
	struct fixture_write write = { .keys = { "a" }, .rows = 1, .bad_step = true };

	fixture_open();
	ck_assert_int_eq(db_tx_run(fixture_pool, &once, fixture_body_write, &write, NULL),
			 DB_BROKEN);
	ck_assert_int_eq(fixture_ask("SELECT count(*) FROM db_test.t"), 0);
	write.bad_step = false;
	ck_assert_int_eq(db_tx_run(fixture_pool, &once, fixture_body_write, &write, NULL), DB_OK);
	ck_assert_int_eq(fixture_ask("SELECT count(*) FROM db_test.t"), 1);
}
END_TEST

/* --- conflicts --- */

/* The conflicting row is there in the first try and gone in the second. */
static enum db_code body_meet_rival(struct db_tx *tx, void *context)
{
	struct fixture_write *write = context;

	if (write->runs == 1)
		write->keys[0] = "free";
	return fixture_body_write(tx, write);
}

START_TEST(a_conflict_runs_again)
{
	struct fixture_write write = { .keys = { "taken" }, .rows = 1 };
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
	struct fixture_write write = { .keys = { "taken" }, .rows = 1 };

	fixture_do("INSERT INTO db_test.t VALUES ('taken', '')");
	fixture_open();
	ck_assert_int_eq(
		db_tx_run(fixture_pool, &DB_POLICY_REQUEST, fixture_body_write, &write, NULL),
		DB_CONFLICT);
	ck_assert_int_eq(write.runs, DB_POLICY_REQUEST.tries);
	write.runs = 0;
	ck_assert_int_eq(db_tx_run(fixture_pool, &once, fixture_body_write, &write, NULL),
			 DB_CONFLICT);
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
	tcase_add_loop_test(tcase, statements_are_prepared_once_or_not_at_all, 0, 2);
	tcase_add_test(tcase, a_stale_plan_is_made_anew);
	suite_add_tcase(suite, tcase);
	return suite;
}
