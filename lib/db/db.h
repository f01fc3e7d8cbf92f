/*
 * PostgreSQL: a bounded pool of connections, statements sent together in one
 * round trip (libpq's pipeline mode), and the transaction runner with its rules
 * of retrying. The only files that include libpq-fe.h are those of lib/db.
 *
 * One connection is used by one thread at a time, for one transaction, and is
 * given back. No session state is left on it (no SET, no session locks, no
 * LISTEN), so it works through a transaction pooler.
 */
#ifndef PAYMENTS_DB_DB_H
#define PAYMENTS_DB_DB_H

#include "base/uuid.h"
#include "config/settings.h"
#include "db/sql.h"

#include <stdbool.h>
#include <stdint.h>

#define DB_PARAMS_MAX 24 /* of one statement */
#define DB_STEPS_MAX 6	 /* of one round trip */

enum db_code {
	DB_OK = 0,
	DB_CONFLICT,	/* 40P01, 40001, 55P03, 23505: somebody else was there first; run again */
	DB_LOST,	/* the connection went away, or a deadline passed: nothing was committed */
	DB_MAYBE,	/* the connection went away during COMMIT: the outcome must be read */
	DB_UNAVAILABLE, /* no connection to be had in time */
	DB_UNFIT, /* the schema or the role's rights are not what this build needs; logged once,
		     here */
	DB_BROKEN /* the server refused our statement: a bug; logged once, here */
};

struct db_pool;
struct db_tx;
struct db_result; /* the rows of one statement */

/*
 * How the server sends the rows of a statement. Binary spares it the writing of ids and times as
 * words, and us the reading; for rows of text, json, boolean, integers, uuid, timestamp and
 * timestamptz, and for answers of many rows, where that counts.
 */
enum db_format { DB_TEXT, DB_BINARY };

/* One statement of a trip. Parameters are text; NULL is SQL NULL; they live until the trip returns.
 * On DB_OK `result` holds the rows, the tx's until its end. */
struct db_step {
	enum sql_id sql;
	const char *params[DB_PARAMS_MAX];
	enum db_format format; /* of its rows */
	const struct db_result *result;
};

/* The rows of a result. */
int db_rows(const struct db_result *result);
/* A column by position, in binary rows of text or json; NULL where SQL NULL. Valid until the
 * transaction ends. */
const char *db_text(const struct db_result *result, int row, int column);
/* As an integer / boolean; 0 / false where SQL NULL. Asserts that the server sent one. */
int64_t db_integer(const struct db_result *result, int row, int column);
bool db_boolean(const struct db_result *result, int row, int column);
/* An id; "" where SQL NULL. */
struct uuid db_uuid(const struct db_result *result, int row, int column);
/* A time of binary rows in microseconds since 1970; of a timestamp without time zone, as if it were
 * UTC. False, and *unix_us untouched, where SQL NULL or infinite. */
bool db_time(const struct db_result *result, int row, int column, int64_t *unix_us);

/* What a call cost, added up over its trips: for the log line of the request. */
struct db_cost {
	int64_t wait_us; /* waiting for a connection of the pool */
	int64_t busy_us; /* holding one */
	int32_t trips;
	int32_t retries;
};

void db_cost_add(struct db_cost *sum, const struct db_cost *cost);

/*
 * Opens a pool; connects to nothing yet (a worker starts although the database
 * is away). NULL when out of memory.
 */
struct db_pool *db_pool_open(const struct settings *settings);
/* Closes every idle connection and frees the pool. No other thread may use it any more. */
void db_pool_close(struct db_pool *pool);

/* For health/ready and tests: connections open, in use, threads waiting. */
struct db_pool_state {
	int open, busy, waiting;
	bool down;
};
struct db_pool_state db_pool_state(struct db_pool *pool);

/*
 * One trip: sends BEGIN (the first time) and the steps, waits for all answers.
 * The error of the first step that failed; the transaction is then over and the
 * function must return that code.
 */
enum db_code db_tx_trip(struct db_tx *tx, struct db_step *steps, int count);

/* The last trip: the steps and COMMIT. A step that fails keeps COMMIT from being carried out. Where
 * it is the first as well and has one step, that is sent by itself: it is a transaction as it
 * stands. */
enum db_code db_tx_commit(struct db_tx *tx, struct db_step *steps, int count);

/* True on a run that follows a DB_MAYBE: the work may have been committed already. */
bool db_tx_after_doubt(const struct db_tx *tx);

/* After a trip that failed, until the run ends: the server's SQLSTATE and the name of the
 * constraint that was violated, "" where there was none. Tells one unique index from another. */
const char *db_tx_sqlstate(const struct db_tx *tx);
const char *db_tx_constraint(const struct db_tx *tx);

/*
 * A transaction's body: reads with db_tx_trip, decides, and ends with
 * db_tx_commit, or returns DB_OK without it to leave everything as it was
 * (ROLLBACK). It may run several times and must decide anew from what it reads
 * each time; results of db_text die with the run that read them, so it copies
 * what it keeps into *context.
 */
typedef enum db_code (*db_tx_body)(struct db_tx *tx, void *context);

struct db_policy {
	int tries;	     /* runs at the most, >= 1 */
	bool retry_conflict; /* DB_CONFLICT runs again, after a short random pause */
	bool retry_lost;     /* DB_LOST and DB_MAYBE run again: the body reads what happened */
	bool patient; /* waits for a database that is away, until total_ms: only for answers that
			 must be recorded (a charge was made) */
	int32_t total_ms; /* for all of it; 0: the pool's settings for each */
};

extern const struct db_policy
	DB_POLICY_REQUEST; /* validation, claims, look-ups: fail fast and clean */
extern const struct db_policy
	DB_POLICY_RECORD; /* settle, decline, no-answer: the gateway has spoken */
extern const struct db_policy DB_POLICY_ONCE; /* what the caller does otherwise where it fails */

/*
 * Runs body in a transaction on a connection of the pool, READ COMMITTED.
 * OK: body returned DB_OK. CONFLICT, LOST, MAYBE, UNAVAILABLE, BROKEN: the last
 * run's code, nothing of it committed, except MAYBE. `cost` may be NULL.
 */
enum db_code db_tx_run(struct db_pool *pool, const struct db_policy *policy, db_tx_body body,
		       void *context, struct db_cost *cost);

/* One trip of reading statements without a transaction of its own: body is called once with the
 * answers in steps[]. For queries; takes the place of BEGIN ... COMMIT around one SELECT. */
enum db_code db_read(struct db_pool *pool, struct db_step *steps, int count,
		     void (*body)(const struct db_step *steps, void *context), void *context,
		     struct db_cost *cost);

#endif
