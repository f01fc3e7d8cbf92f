/*
 * The pool. If these fail, threads wait for ever instead of answering 503, too many connections are
 * opened, one request waits for ever while others are served, or the pool does not see that the
 * database is back.
 */
#include "db_fixture.h"
#include "suites.h"

#include "base/clock.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#define RUSH_THREADS 64
#define RUSH_RUNS 10

static const struct db_policy once = { .tries = 1 };
static const struct db_policy patient = {
	.tries = 50, .retry_conflict = true, .retry_lost = true, .patient = true, .total_ms = 5000
};

static enum db_code body_sleep(struct db_tx *tx, void *context)
{
	struct db_step step = STEP(T_SLEEP, context);

	return db_tx_trip(tx, &step, 1);
}

static void *run_sleep(void *seconds)
{
	return (void *)(intptr_t)db_tx_run(fixture_pool, &once, body_sleep, seconds, NULL);
}

static void wait_for_busy(int busy)
{
	for (int i = 0; i < 500 && db_pool_state(fixture_pool).busy < busy; i++)
		clock_sleep_ms(5);
	ck_assert_int_eq(db_pool_state(fixture_pool).busy, busy);
}

static void join_ok(pthread_t thread)
{
	void *code;

	pthread_join(thread, &code);
	ck_assert_int_eq((int)(intptr_t)code, DB_OK);
}

START_TEST(an_exhausted_pool_refuses_after_the_wait)
{
	pthread_t holder;
	int64_t start_ms;

	fixture_settings.db_connections = 1;
	fixture_settings.db_wait_ms = 150;
	fixture_open();
	ck_assert_int_eq(pthread_create(&holder, NULL, run_sleep, "0.6"), 0);
	wait_for_busy(1);
	start_ms = clock_mono_ms();
	ck_assert_int_eq(fixture_read(STEP(T_PING), NULL), DB_UNAVAILABLE);
	ck_assert_int_ge(fixture_ms_since(start_ms), 140);
	ck_assert_int_lt(fixture_ms_since(start_ms), 400);
	join_ok(holder);
	ck_assert_int_eq(fixture_read(STEP(T_PING), NULL), DB_OK);
}
END_TEST

START_TEST(a_waiter_is_served_as_soon_as_a_connection_is_given_back)
{
	pthread_t holder;
	int64_t start_ms;

	fixture_settings.db_connections = 1;
	fixture_settings.db_wait_ms = 3000;
	fixture_open();
	ck_assert_int_eq(pthread_create(&holder, NULL, run_sleep, "0.2"), 0);
	wait_for_busy(1);
	start_ms = clock_mono_ms();
	ck_assert_int_eq(fixture_read(STEP(T_PING), NULL), DB_OK);
	ck_assert_int_lt(fixture_ms_since(start_ms), 1000);
	join_ok(holder);
	ck_assert_int_eq(db_pool_state(fixture_pool).open, 1);
}
END_TEST

static atomic_int turn;

static void *run_in_turn(void *mine)
{
	int64_t one;
	enum db_code code = fixture_read(STEP(T_SLEEP, "0.02"), &one);

	*(int *)mine = atomic_fetch_add(&turn, 1);
	return (void *)(intptr_t)code;
}

START_TEST(waiters_are_served_in_the_order_they_came)
{
	pthread_t holder, threads[5];
	int turns[5];

	fixture_settings.db_connections = 1;
	fixture_settings.db_wait_ms = 3000;
	fixture_open();
	ck_assert_int_eq(pthread_create(&holder, NULL, run_sleep, "0.3"), 0);
	wait_for_busy(1);
	for (int i = 0; i < 5; i++) {
		ck_assert_int_eq(pthread_create(&threads[i], NULL, run_in_turn, &turns[i]), 0);
		while (db_pool_state(fixture_pool).waiting < i + 1)
			clock_sleep_ms(1);
	}
	join_ok(holder);
	for (int i = 0; i < 5; i++) {
		join_ok(threads[i]);
		ck_assert_int_eq(turns[i], i);
	}
}
END_TEST

static enum db_code body_touch(struct db_tx *tx, void *context)
{
	struct db_step step = STEP(T_TOUCH, "1");

	(void)context;
	return db_tx_commit(tx, &step, 1);
}

static void *run_rush(void *arg)
{
	intptr_t worst = DB_OK;

	(void)arg;
	for (int i = 0; i < RUSH_RUNS; i++) {
		enum db_code code =
			db_tx_run(fixture_pool, &DB_POLICY_REQUEST, body_touch, NULL, NULL);

		worst = code > worst ? code : worst;
	}
	return (void *)worst;
}

START_TEST(many_threads_share_few_connections)
{
	pthread_t threads[RUSH_THREADS];
	int backends;

	fixture_do("UPDATE db_test.counter SET n = 0");
	fixture_settings.db_wait_ms = 15000;
	fixture_open();
	for (int i = 0; i < RUSH_THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, run_rush, NULL), 0);
	for (int i = 0; i < RUSH_THREADS; i++)
		join_ok(threads[i]);
	ck_assert_int_eq(fixture_ask("SELECT n FROM db_test.counter"), RUSH_THREADS * RUSH_RUNS);
	backends = fixture_ask(
		"SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
		" AND query LIKE '%COMMIT%' AND pid <> pg_backend_pid()");
	ck_assert_int_le(backends, fixture_settings.db_connections);
	ck_assert_int_le(db_pool_state(fixture_pool).open, fixture_settings.db_connections);
	ck_assert_int_eq(db_pool_state(fixture_pool).busy, 0);
}
END_TEST

START_TEST(an_idle_connection_that_was_killed_is_not_used)
{
	struct db_cost cost = { 0 };
	int64_t pid;
	char sql[80];

	fixture_open();
	ck_assert_int_eq(fixture_read(STEP(T_PID), &pid), DB_OK);
	snprintf(sql, sizeof(sql), "SELECT pg_terminate_backend(%d, 2000)", (int)pid);
	fixture_do(sql);
	clock_sleep_ms(50);
	ck_assert_int_eq(db_tx_run(fixture_pool, &once, body_touch, NULL, &cost), DB_OK);
	ck_assert_int_eq(cost.retries, 0);
	ck_assert_int_eq(db_pool_state(fixture_pool).open, 1);
}
END_TEST

START_TEST(a_database_away_is_told_at_once_and_logged_once)
{
	int64_t start_ms;

	fixture_open_relay();
	ck_assert_int_eq(fixture_read(STEP(T_PING), NULL), DB_OK);
	relay_set(fixture_relay, RELAY_DOWN);
	clock_sleep_ms(50);
	start_ms = clock_mono_ms();
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(fixture_read(STEP(T_PING), NULL), DB_UNAVAILABLE);
	ck_assert_int_lt(fixture_ms_since(start_ms), fixture_settings.db_wait_ms);
	ck_assert(db_pool_state(fixture_pool).down);
	ck_assert_int_eq(db_pool_state(fixture_pool).open, 0);
	ck_assert_int_eq(fixture_logged("\"database_away\""), 1);
}
END_TEST

START_TEST(a_database_that_comes_back_is_found_within_about_a_second)
{
	int64_t start_ms;

	fixture_open_relay();
	relay_set(fixture_relay, RELAY_DOWN);
	start_ms = clock_mono_ms();
	while (fixture_ms_since(start_ms) < 2500) { /* long enough for the longest back-off */
		ck_assert_int_eq(fixture_read(STEP(T_PING), NULL), DB_UNAVAILABLE);
		clock_sleep_ms(20);
	}
	relay_set(fixture_relay, RELAY_PASS);
	start_ms = clock_mono_ms();
	while (fixture_read(STEP(T_PING), NULL) != DB_OK && fixture_ms_since(start_ms) < 5000)
		clock_sleep_ms(20);
	ck_assert_int_lt(fixture_ms_since(start_ms), 1400);
	ck_assert(!db_pool_state(fixture_pool).down);
	ck_assert_int_eq(fixture_logged("\"database_away\""), 1);
	ck_assert_int_eq(fixture_logged("\"database_back\""), 1);
}
END_TEST

static void *bring_back(void *arg)
{
	(void)arg;
	clock_sleep_ms(600);
	relay_set(fixture_relay, RELAY_PASS);
	return NULL;
}

START_TEST(what_must_be_recorded_waits_for_a_database_that_is_away)
{
	struct db_cost cost = { 0 };
	pthread_t helper;

	fixture_do("UPDATE db_test.counter SET n = 0");
	fixture_open_relay();
	relay_set(fixture_relay, RELAY_DOWN);
	ck_assert_int_eq(db_tx_run(fixture_pool, &DB_POLICY_REQUEST, body_touch, NULL, NULL),
			 DB_UNAVAILABLE);
	ck_assert_int_eq(pthread_create(&helper, NULL, bring_back, NULL), 0);
	ck_assert_int_eq(db_tx_run(fixture_pool, &patient, body_touch, NULL, &cost), DB_OK);
	pthread_join(helper, NULL);
	ck_assert_int_eq(cost.retries, 0);
	ck_assert_int_eq(fixture_ask("SELECT n FROM db_test.counter"), 1);
}
END_TEST

START_TEST(patience_ends)
{
	struct db_policy short_of_it = patient;
	int64_t start_ms = clock_mono_ms();

	short_of_it.total_ms = 400;
	fixture_open_relay();
	relay_set(fixture_relay, RELAY_DOWN);
	ck_assert_int_eq(db_tx_run(fixture_pool, &short_of_it, body_touch, NULL, NULL),
			 DB_UNAVAILABLE);
	ck_assert_int_ge(fixture_ms_since(start_ms), 390);
	ck_assert_int_lt(fixture_ms_since(start_ms), 1500);
}
END_TEST

/* A server that takes connections and says nothing is as good as away. */
START_TEST(a_silent_server_is_given_up_after_the_connect_deadline)
{
	int64_t start_ms;

	fixture_settings.db_connect_ms = 300;
	fixture_open_relay();
	relay_set(fixture_relay, RELAY_SILENT);
	start_ms = clock_mono_ms();
	ck_assert_int_eq(fixture_read(STEP(T_PING), NULL), DB_UNAVAILABLE);
	ck_assert_int_ge(fixture_ms_since(start_ms), 290);
	ck_assert_int_lt(fixture_ms_since(start_ms), 900);
	relay_set(fixture_relay, RELAY_PASS);
	clock_sleep_ms(100);
	ck_assert_int_eq(fixture_read(STEP(T_PING), NULL), DB_OK);
}
END_TEST

Suite *suite_pool(void)
{
	Suite *suite = suite_create("pool");
	TCase *tcase = tcase_create("pool");

	if (!fixture_url("pool"))
		return suite;
	tcase_set_timeout(tcase, 30);
	tcase_add_unchecked_fixture(tcase, fixture_begin_all, NULL);
	tcase_add_checked_fixture(tcase, fixture_begin, fixture_end);
	tcase_add_test(tcase, an_exhausted_pool_refuses_after_the_wait);
	tcase_add_test(tcase, a_waiter_is_served_as_soon_as_a_connection_is_given_back);
	tcase_add_test(tcase, waiters_are_served_in_the_order_they_came);
	tcase_add_test(tcase, many_threads_share_few_connections);
	tcase_add_test(tcase, an_idle_connection_that_was_killed_is_not_used);
	tcase_add_test(tcase, a_database_away_is_told_at_once_and_logged_once);
	tcase_add_test(tcase, a_database_that_comes_back_is_found_within_about_a_second);
	tcase_add_test(tcase, what_must_be_recorded_waits_for_a_database_that_is_away);
	tcase_add_test(tcase, patience_ends);
	tcase_add_test(tcase, a_silent_server_is_given_up_after_the_connect_deadline);
	suite_add_tcase(suite, tcase);
	return suite;
}
