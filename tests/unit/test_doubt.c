/* Lost connections. If these fail, an unknown outcome counts as known, and a payment is settled
 * twice or not at all. */
#include "db_fixture.h"
#include "suites.h"

#include "base/clock.h"

#include <pthread.h>

static const struct db_policy once = { .tries = 1 };

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
	struct fixture_write *write = context;
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
	return fixture_body_write(tx, write);
}

/* One row is a transaction of one statement, two are one with COMMIT. */
static void doubt(enum relay_mode mode, int rows, int seen)
{
	struct fixture_write write = { .keys = { "a", "b" }, .rows = rows };

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
	struct fixture_write *write = context;
	enum db_code code = fixture_body_write(tx, write);

	relay_set(fixture_relay, RELAY_DOWN);
	return code;
}

START_TEST(a_doubt_outlives_a_database_that_is_away)
{
	struct fixture_write write = { .keys = { "a" }, .rows = 1 };

	fixture_open_relay();
	ck_assert_int_eq(fixture_read(STEP(T_PING), NULL), DB_OK);
	relay_set(fixture_relay, RELAY_LOSE_ANSWER);
	ck_assert_int_eq(
		db_tx_run(fixture_pool, &DB_POLICY_REQUEST, body_doubt_then_away, &write, NULL),
		DB_MAYBE);
	ck_assert_int_eq(write.runs, 1);
}
END_TEST

Suite *suite_doubt(void)
{
	Suite *suite = suite_create("doubt");
	TCase *tcase = tcase_create("lost connections");

	if (!fixture_url("doubt"))
		return suite;
	tcase_set_timeout(tcase, 20);
	tcase_add_unchecked_fixture(tcase, fixture_begin_all, NULL);
	tcase_add_checked_fixture(tcase, fixture_begin, fixture_end);
	tcase_add_test(tcase, a_connection_killed_in_a_trip_is_lost_and_tried_again);
	tcase_add_loop_test(tcase, a_commit_that_was_not_carried_out_is_in_doubt_and_done_once, 0,
			    2);
	tcase_add_loop_test(tcase, a_commit_whose_answer_was_lost_is_in_doubt_and_done_once, 0, 2);
	tcase_add_test(tcase, a_server_that_dies_within_commit_leaves_a_doubt);
	tcase_add_test(tcase, a_doubt_outlives_a_database_that_is_away);
	suite_add_tcase(suite, tcase);
	return suite;
}
