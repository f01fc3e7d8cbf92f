/*
 * What the files of lib/db share and nobody else sees. From the wire up: conn
 * (one connection), error (what an error of the server means), trip (one round
 * trip), pool (who has a connection when), tx (the runner).
 */
#ifndef PAYMENTS_DB_INTERNAL_H
#define PAYMENTS_DB_INTERNAL_H

#include "base/buf.h"
#include "db/db.h"

#include <libpq-fe.h>

#define CONN_WHY_MAX 512

/* What stands around the steps of a trip. */
enum trip_frame { FRAME_NONE, FRAME_BEGIN, FRAME_COMMIT, FRAME_ROLLBACK, FRAME_COUNT };

/* --- conn.c: a connection --- */

struct db_conn {
	struct db_conn *below; /* in the pool's stack of idle ones */
	PGconn *pg;	       /* non-blocking, in pipeline mode all its life */
	bool dead;	       /* to be closed, never used again */
	bool prepared[SQL_COUNT];
	bool framed[FRAME_COUNT]; /* likewise: what stands around a transaction */
};

/* Connects within timeout_ms, all hosts of the string together. NULL: *why says what went wrong, in
 * one line and without secrets. */
PGconn *conn_connect(const char *conninfo, int32_t timeout_ms, char why[CONN_WHY_MAX]);
/* The same, ready for trips. */
struct db_conn *conn_open(const char *conninfo, int32_t timeout_ms, char why[CONN_WHY_MAX]);
void conn_close(struct db_conn *conn);
/* Whether an idle connection can be used: false where the server hung up meanwhile. */
bool conn_alive(struct db_conn *conn);
/* Waits until the socket is ready for `events` (poll's). False: the deadline passed. */
bool conn_wait(PGconn *pg, short events, int64_t deadline_ms);

/* --- error.c: what an error of the server means --- */

#define SQLSTATE_DUPLICATE "23505"
#define SQLSTATE_LOCK_TIMEOUT "55P03"
#define SQLSTATE_NO_RIGHT "42501"
#define SQLSTATE_NO_TABLE "42P01"

struct server_error {
	enum db_code code;
	bool fatal;	     /* the server ends the connection with it */
	bool drop;	     /* the connection must not be used again */
	char sqlstate[6];    /* "" where the server named none */
	char constraint[64]; /* "" where it names none */
};

/* Reads an error result of `statement`, and logs it where it is no conflict. */
struct server_error error_read(const PGresult *result, const char *statement);
/* The SQLSTATE of a result, "" where it has none. */
const char *error_sqlstate(const PGresult *result);

/* --- result.c: the answers of a transaction, kept until its end --- */

struct db_results {
	PGresult **list;
	int count, capacity;
};

/* Takes the result over. False when out of memory: it is cleared. */
bool results_keep(struct db_results *results, PGresult *result);
void results_clear(struct db_results *results);

/* --- trip.c: one round trip --- */

struct db_trip {
	struct db_conn *conn;
	enum trip_frame before; /* sent ahead of the steps: BEGIN, or nothing */
	struct db_step *steps;
	int count;
	enum trip_frame after; /* sent behind them: COMMIT or ROLLBACK, or nothing */
	bool alone;   /* the only step is a transaction by itself, which the sync commits */
	bool prepare; /* named statements */
	int32_t timeout_ms;
	struct db_results *results;
	struct server_error error; /* out: of the first command that failed */
};

/* DB_OK, CONFLICT, LOST, BROKEN; MAYBE where the connection went away with a COMMIT under way. */
enum db_code trip_run(struct db_trip *trip);

/* --- pool.c --- */

struct db_pool_options {
	int connections;
	int32_t wait_ms, connect_ms, trip_ms;
	bool prepare;
};

/* What the pool was opened with; lives as long as the pool. */
const struct db_pool_options *pool_options(const struct db_pool *pool);
/* A connection, or NULL where none is to be had within wait_ms. */
struct db_conn *pool_take(struct db_pool *pool, int64_t wait_ms);
/* Gives it back; one that is dead or in a transaction is closed. */
void pool_give(struct db_pool *pool, struct db_conn *conn);

/* --- adhoc.c: the operator's statements, blocking, on a connection of their own --- */

#define ADHOC_CONNECT_MS 10000 /* an operator waits longer than a request */

/* Runs one statement with `count` text parameters. The caller clears the result. */
PGresult *adhoc_query(PGconn *pg, const char *sql, int count, const char *const *params);
/* True where it brought rows, or was carried out without any. */
bool adhoc_ok(const PGresult *result);
/* The server's words on why not, in one line. Valid as long as the result. */
const char *adhoc_why(const PGresult *result);
/* A column as text, "" where NULL. */
const char *adhoc_text(const PGresult *result, int row, int column);
bool adhoc_true(const PGresult *result, int row, int column);

/* --- migrate.c --- */

#define CHECKSUM_SIZE 65

/* SHA-256 of a migration's text in hex: a text that was changed after it was applied shows. */
void migration_checksum(const char *text, char out[CHECKSUM_SIZE]);

#endif
