/*
 * Private to lib/db. From the wire up: conn.c (one connection), error.c (what a server error
 * means), result.c (rows), pipeline.c (one round trip), pool.c (which thread has which connection),
 * tx.c (a transaction and its retries). adhoc.c, migrate.c and preflight.c serve payctl.
 */
#ifndef PAYMENTS_DB_INTERNAL_H
#define PAYMENTS_DB_INTERNAL_H

#include "base/buf.h"
#include "db/db.h"

#include <libpq-fe.h>

#define CONN_WHY_MAX 512

/* Sent before or after the steps of a round trip. */
enum trip_frame { FRAME_NONE, FRAME_BEGIN, FRAME_COMMIT, FRAME_ROLLBACK, FRAME_COUNT };

/* --- conn.c: a connection --- */

struct db_conn {
	struct db_conn *next_idle; /* in the pool's stack of idle connections */
	PGconn *pg;		   /* always non-blocking and in pipeline mode */
	bool dead;		   /* to be closed, never used again */
	bool prepared[SQL_COUNT];
	bool prepared_frames[FRAME_COUNT];
};

/* Connects within timeout_ms, over all hosts. NULL: *why is one line without secrets. */
PGconn *conn_connect(const char *conninfo, int32_t timeout_ms, char why[CONN_WHY_MAX]);
/* The same, ready for round trips. */
struct db_conn *conn_open(const char *conninfo, int32_t timeout_ms, char why[CONN_WHY_MAX]);
void conn_close(struct db_conn *conn);
/* False: the server closed the idle connection. */
bool conn_alive(struct db_conn *conn);
/* Waits until the socket is ready for `events` (poll's). False: the deadline passed. */
bool conn_wait(PGconn *pg, short events, int64_t deadline_ms);

/* --- error.c: what an error of the server means --- */

#define SQLSTATE_LOCK_TIMEOUT "55P03"
#define SQLSTATE_NO_RIGHT "42501"

struct server_error {
	enum db_code code;
	bool fatal;	     /* the server ends the connection with it */
	bool drop;	     /* the connection must not be used again */
	char sqlstate[6];    /* "": none */
	char constraint[64]; /* "": none */
};

/* Reads the error of `statement` and logs it. */
struct server_error error_read(const PGresult *result, const char *statement);
/* "" where the result has none. */
const char *error_sqlstate(const PGresult *result);

/* --- result.c: the results of a transaction, kept until its end --- */

struct db_results {
	PGresult **list;
	int count, capacity;
};

/* Owns the result from now on. False: out of memory, the result is cleared. */
bool results_keep(struct db_results *results, PGresult *result);
void results_clear(struct db_results *results);

/* --- pipeline.c: one round trip --- */

struct db_trip {
	struct db_conn *conn;
	enum trip_frame before; /* BEGIN or none */
	struct db_step *steps;
	int count;
	enum trip_frame after; /* COMMIT, ROLLBACK or none */
	bool alone;	       /* a single step without BEGIN and COMMIT: the sync commits it */
	bool prepare;	       /* named statements */
	int32_t timeout_ms;
	struct db_results *results;
	struct server_error error; /* out: the first command that failed */
};

/* OK, CONFLICT, LOST, UNFIT, BROKEN; MAYBE: the connection broke during COMMIT. */
enum db_code pipeline_run(struct db_trip *trip);

/* --- pool.c: which thread has which connection --- */

struct db_pool_options {
	int connections;
	int32_t wait_ms, connect_ms, trip_ms;
	bool prepare;
};

/* Valid as long as the pool. */
const struct db_pool_options *pool_options(const struct db_pool *pool);
/* NULL: no connection within wait_ms. */
struct db_conn *pool_take(struct db_pool *pool, int64_t wait_ms);
/* Closes a connection that is dead or in a transaction. */
void pool_give(struct db_pool *pool, struct db_conn *conn);

/* --- adhoc.c: the operator's statements, blocking, on an own connection --- */

#define ADHOC_CONNECT_MS 10000 /* an operator waits longer than a request */

/* Runs one statement with `count` text parameters. The caller clears the result. */
PGresult *adhoc_query(PGconn *pg, const char *sql, int count, const char *const *params);
bool adhoc_ok(const PGresult *result);
/* The server's message, one line. Valid as long as the result. */
const char *adhoc_why(const PGresult *result);

/* --- migrate.c --- */

/* True: this build's migration of that number is another one. */
bool migration_is_changed(int number, const char *checksum);

#endif
