/*
 * PostgreSQL: a bounded pool of connections, several statements in one round trip (libpq's
 * pipeline mode), and transactions that are retried. Only lib/db includes libpq-fe.h.
 *
 * A thread holds a connection for one transaction. It leaves no session state on it (no SET, no
 * session locks, no LISTEN), so a transaction pooler may stand in between.
 */
#ifndef PAYMENTS_DB_DB_H
#define PAYMENTS_DB_DB_H

#include "base/buf.h"
#include "base/uuid.h"
#include "config/settings.h"
#include "db/sql.h"

#include <stdbool.h>
#include <stdint.h>

#define DB_PARAMS_MAX 24 /* of one statement */
#define DB_STEPS_MAX 6	 /* of one round trip */

enum db_code {
	DB_OK = 0,
	DB_CONFLICT,	/* 40P01, 40001, 55P03, 23505: another transaction was first; retry */
	DB_LOST,	/* the connection broke or a deadline passed: nothing was committed */
	DB_MAYBE,	/* the connection broke during COMMIT: the outcome must be read */
	DB_UNAVAILABLE, /* no connection in time */
	DB_UNFIT,	/* schema or rights are not what this build needs; logged here, once */
	DB_BROKEN	/* the server refused our statement: a bug; logged here, once */
};

struct db_pool;
struct db_tx;
struct db_result; /* the rows of one statement */

/*
 * How the server sends rows. Binary saves the conversion of ids and times: use it for results of
 * many rows. It works for text, json, boolean, integers, uuid, timestamp and timestamptz.
 */
enum db_format { DB_TEXT, DB_BINARY };

/* One statement of a round trip. Parameters are text, NULL is SQL NULL; they must live until the
 * trip returns. On DB_OK `result` holds the rows, valid until the transaction ends. */
struct db_step {
	enum sql_id sql;
	const char *params[DB_PARAMS_MAX];
	enum db_format format; /* of its rows */
	const struct db_result *result;
};

/* How many rows. */
int db_rows(const struct db_result *result);
/* A column by position; in binary rows only text and json. NULL where SQL NULL. Valid until the
 * transaction ends. */
const char *db_text(const struct db_result *result, int row, int column);
/* 0 and false where SQL NULL. Asserts the type. */
int64_t db_integer(const struct db_result *result, int row, int column);
bool db_boolean(const struct db_result *result, int row, int column);
/* An id; "" where SQL NULL. */
struct uuid db_uuid(const struct db_result *result, int row, int column);
/* A time of binary rows in microseconds since 1970; a timestamp without time zone counts as UTC.
 * False, and *unix_us untouched, where SQL NULL or infinite. */
bool db_time(const struct db_result *result, int row, int column, int64_t *unix_us);

/* What a call cost, over all its round trips: for the log line of the request. */
struct db_cost {
	int64_t wait_us; /* waiting for a connection of the pool */
	int64_t busy_us; /* holding one */
	int32_t trips;
	int32_t retries;
};

void db_cost_add(struct db_cost *sum, const struct db_cost *cost);

/* The libpq connection string (keyword form, or DATABASE_URL itself), with our connect_timeout,
 * keepalives and application_name as fallbacks. */
void db_conninfo(const struct settings *settings, struct buf *out);

/* Connects only when needed: a worker must start without its database. NULL: out of memory. */
struct db_pool *db_pool_open(const struct settings *settings);
/* No other thread may use the pool any more. */
void db_pool_close(struct db_pool *pool);

/* For health/ready and tests: connections open, in use, threads waiting. */
struct db_pool_state {
	int open, busy, waiting;
	bool down;
};
struct db_pool_state db_pool_state(struct db_pool *pool);

/* One round trip: BEGIN (the first time) and the steps. Returns the error of the first step that
 * failed; the transaction is then over and the body must return that code. */
enum db_code db_tx_trip(struct db_tx *tx, struct db_step *steps, int count);

/* The last round trip: the steps and COMMIT. If a step fails, the server skips COMMIT. A single
 * step in a single trip goes without BEGIN and COMMIT: one statement is a transaction. */
enum db_code db_tx_commit(struct db_tx *tx, struct db_step *steps, int count);

/* True in a try after a DB_MAYBE: the work may be committed already. */
bool db_tx_after_doubt(const struct db_tx *tx);

/*
 * The body of a transaction: reads with db_tx_trip, decides, and ends with db_tx_commit; DB_OK
 * without db_tx_commit is a ROLLBACK. It may run several times and must decide each time from what
 * it then reads. Results end with the try: the body copies what it keeps into *context.
 */
typedef enum db_code (*db_tx_body)(struct db_tx *tx, void *context);

struct db_policy {
	int tries;	     /* at most, >= 1 */
	bool retry_conflict; /* on DB_CONFLICT, after a short random pause */
	bool retry_lost;     /* on DB_LOST and DB_MAYBE: the body reads what happened */
	bool patient; /* waits until total_ms for a database that is away: a charge must be settled
		       */
	int32_t total_ms; /* for all tries; 0: only the pool's limits */
};

extern const struct db_policy DB_POLICY_REQUEST; /* reads and claims: fail fast and clean */
extern const struct db_policy DB_POLICY_RECORD;	 /* after a charge: its result must be stored */
extern const struct db_policy DB_POLICY_ONCE;	 /* the caller has another way if it fails */

/* Runs body in a transaction, READ COMMITTED. Returns the code of the last try; unless it is OK or
 * MAYBE, nothing was committed. `cost` may be NULL. */
enum db_code db_tx_run(struct db_pool *pool, const struct db_policy *policy, db_tx_body body,
		       void *context, struct db_cost *cost);

/* Copies what is needed of the results in steps[], which end with the call. */
typedef void (*db_keep)(const struct db_step *steps, void *context);

/* One round trip of queries without BEGIN and COMMIT. */
enum db_code db_read(struct db_pool *pool, struct db_step *steps, int count, db_keep keep,
		     void *context, struct db_cost *cost);

/* A single statement in a transaction of its own; `keep` may be NULL. False: the database did not
 * carry it out. */
bool db_run_statement(struct db_pool *pool, struct db_step *step, db_keep keep, void *context);
/* A db_keep: the number of rows, into an int64_t. */
void db_keep_rows(const struct db_step *steps, void *context);

#endif
