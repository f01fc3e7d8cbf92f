/* Runs a transaction and retries it. */
#include "db/internal.h"

#include "base/clock.h"
#include "base/fault_point.h"

#include <assert.h>
#include <stdlib.h>

#define PAUSE_MS 10	     /* after a conflict: random, at most this times the tries so far */
#define PAUSE_MAX_MS 200     /* no pause is longer */
#define AWAY_PAUSE_MIN_MS 50 /* while the database is away: as the pool's back-off */
#define AWAY_PAUSE_MAX_MS 250

const struct db_policy DB_POLICY_REQUEST = { .tries = 3,
					     .retry_conflict = true,
					     .retry_lost = true };
const struct db_policy DB_POLICY_RECORD = {
	.tries = 50, .retry_conflict = true, .retry_lost = true, .patient = true, .total_ms = 20000
};
const struct db_policy DB_POLICY_ONCE = { .tries = 1 };

struct db_tx {
	struct db_pool *pool;
	struct db_conn *conn;
	bool plain; /* without BEGIN: one round trip of reads */
	bool begun;
	bool over; /* failed or committed: no more trips */
	bool after_doubt;
	enum db_code failure; /* of the last trip */
	int32_t trips;
	struct db_results results;
};

/* One call of db_tx_run or db_read: what to run, and what has happened so far. */
struct tx_run {
	struct db_pool *pool;
	const struct db_policy *policy;
	db_tx_body body;
	void *context;
	bool plain;
	int64_t deadline_ms; /* INT64_MAX: none */
	int tries;
	bool in_doubt; /* a try may have been committed */
	struct db_cost cost;
};

static enum db_code tx_send(struct db_tx *tx, struct db_step *steps, int count,
			    enum trip_frame after)
{
	const struct db_pool_options *options = pool_options(tx->pool);
	/* one statement is a transaction without BEGIN and COMMIT */
	bool alone = !tx->begun && count == 1 && after == FRAME_COMMIT;
	struct db_trip trip = { .conn = tx->conn,
				.before =
					tx->begun || tx->plain || alone ? FRAME_NONE : FRAME_BEGIN,
				.steps = steps,
				.count = count,
				.after = alone ? FRAME_NONE : after,
				.alone = alone,
				.prepare = options->prepare,
				.timeout_ms = options->trip_ms,
				.results = &tx->results };
	enum db_code code = pipeline_run(&trip);

	tx->begun = true;
	tx->trips++;
	return code;
}

enum db_code db_tx_trip(struct db_tx *tx, struct db_step *steps, int count)
{
	assert(!tx->over);
	tx->failure = tx_send(tx, steps, count, FRAME_NONE);
	tx->over = tx->failure != DB_OK;
	return tx->failure;
}

enum db_code db_tx_commit(struct db_tx *tx, struct db_step *steps, int count)
{
	assert(!tx->over && !tx->plain);
	FAULT_POINT("commit_unsent");
	tx->failure = tx_send(tx, steps, count, FRAME_COMMIT);
	FAULT_POINT("commit_answered");
	tx->over = true;
	return tx->failure;
}

bool db_tx_after_doubt(const struct db_tx *tx)
{
	return tx->after_doubt;
}

/* No transaction stays open: it is rolled back, or its connection is closed. */
static void tx_end(struct db_tx *tx)
{
	if (!tx->conn->dead && PQtransactionStatus(tx->conn->pg) != PQTRANS_IDLE &&
	    tx_send(tx, NULL, 0, FRAME_ROLLBACK) != DB_OK)
		tx->conn->dead = true;
	results_clear(&tx->results);
	pool_give(tx->pool, tx->conn);
}

static int64_t tx_run_wait_ms(const struct tx_run *run)
{
	int64_t left_ms = run->deadline_ms - clock_mono_ms();

	if (run->policy->patient)
		return left_ms > 0 ? left_ms : 0;
	return left_ms < pool_options(run->pool)->wait_ms ? left_ms
							  : pool_options(run->pool)->wait_ms;
}

static enum db_code tx_run_once(struct tx_run *run)
{
	struct db_tx tx = { .pool = run->pool, .plain = run->plain, .after_doubt = run->in_doubt };
	int64_t start_us = clock_mono_us(), taken_us;
	enum db_code code;

	tx.conn = pool_take(run->pool, tx_run_wait_ms(run));
	taken_us = clock_mono_us();
	run->cost.wait_us += taken_us - start_us;
	if (!tx.conn)
		return DB_UNAVAILABLE;
	run->tries++;
	code = run->body(&tx, run->context);
	/* retries depend on the code: the body must pass it on */
	assert(tx.failure == DB_OK || code == tx.failure);
	tx_end(&tx);
	run->cost.busy_us += clock_mono_us() - taken_us;
	run->cost.trips += tx.trips;
	return code;
}

static bool tx_run_may_retry(const struct tx_run *run, enum db_code code)
{
	const struct db_policy *policy = run->policy;

	if (clock_mono_ms() >= run->deadline_ms)
		return false;
	switch (code) {
	case DB_CONFLICT:
		return policy->retry_conflict && run->tries < policy->tries;
	case DB_LOST:
	case DB_MAYBE:
		return policy->retry_lost && run->tries < policy->tries;
	case DB_UNAVAILABLE:
		return policy->patient;
	default:
		return false;
	}
}

/* Random, so that two transactions in conflict do not meet again. */
static void tx_run_pause(const struct tx_run *run, enum db_code code)
{
	uint32_t most_ms = PAUSE_MS * (uint32_t)run->tries;

	if (code == DB_UNAVAILABLE) {
		clock_sleep_ms(AWAY_PAUSE_MIN_MS +
			       arc4random_uniform(AWAY_PAUSE_MAX_MS - AWAY_PAUSE_MIN_MS));
		return;
	}
	clock_sleep_ms(1 + arc4random_uniform(most_ms < PAUSE_MAX_MS ? most_ms : PAUSE_MAX_MS));
}

static enum db_code tx_run_all(struct tx_run *run, struct db_cost *cost)
{
	enum db_code code;

	run->deadline_ms =
		run->policy->total_ms ? clock_mono_ms() + run->policy->total_ms : INT64_MAX;
	for (;;) {
		code = tx_run_once(run);
		run->in_doubt = run->in_doubt || code == DB_MAYBE;
		if (!tx_run_may_retry(run, code))
			break;
		tx_run_pause(run, code);
	}
	run->cost.retries += run->tries > 1 ? run->tries - 1 : 0;
	if (cost)
		db_cost_add(cost, &run->cost);
	/* no later try has cleared the doubt: any other code would claim that nothing was committed
	 */
	return code != DB_OK && run->in_doubt ? DB_MAYBE : code;
}

enum db_code db_tx_run(struct db_pool *pool, const struct db_policy *policy, db_tx_body body,
		       void *context, struct db_cost *cost)
{
	struct tx_run run = { .pool = pool, .policy = policy, .body = body, .context = context };

	assert(policy->tries >= 1);
	assert(!policy->patient || policy->total_ms > 0);
	return tx_run_all(&run, cost);
}

/* One round trip, the whole work of its transaction. */
struct single_trip {
	struct db_step *steps;
	int count;
	db_keep keep;
	void *context;
};

static enum db_code single_trip_body(struct db_tx *tx, void *context)
{
	const struct single_trip *trip = context;
	enum db_code code = tx->plain ? db_tx_trip(tx, trip->steps, trip->count)
				      : db_tx_commit(tx, trip->steps, trip->count);

	if (code == DB_OK && trip->keep)
		trip->keep(trip->steps, trip->context);
	return code;
}

enum db_code db_read(struct db_pool *pool, struct db_step *steps, int count, db_keep keep,
		     void *context, struct db_cost *cost)
{
	struct single_trip trip = { steps, count, keep, context };
	struct tx_run run = { .pool = pool,
			      .policy = &DB_POLICY_REQUEST,
			      .body = single_trip_body,
			      .context = &trip,
			      .plain = true };

	return tx_run_all(&run, cost);
}

bool db_run_statement(struct db_pool *pool, struct db_step *step, db_keep keep, void *context)
{
	struct single_trip trip = { step, 1, keep, context };

	return db_tx_run(pool, &DB_POLICY_REQUEST, single_trip_body, &trip, NULL) == DB_OK;
}

void db_keep_rows(const struct db_step *steps, void *context)
{
	*(int64_t *)context = db_rows(steps[0].result);
}

void db_cost_add(struct db_cost *sum, const struct db_cost *cost)
{
	sum->wait_us += cost->wait_us;
	sum->busy_us += cost->busy_us;
	sum->trips += cost->trips;
	sum->retries += cost->retries;
}
