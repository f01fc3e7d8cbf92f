/*
 * What the tests of lib/db share: an own schema and statements, a pool, a relay before the server,
 * and the log.
 *
 * PAYMENTS_TEST_DATABASE_URL names a superuser and a database that may be changed; without it the
 * suites are skipped.
 */
#ifndef PAYMENTS_TESTS_UNIT_DB_FIXTURE_H
#define PAYMENTS_TESTS_UNIT_DB_FIXTURE_H

#include "config/settings.h"
#include "db/db.h"
#include "relay.h"

#include <check.h>
#include <libpq-fe.h>
#include <stdbool.h>

/* These replace the service's statements: the linker gets --wrap=sql_statement. */
enum test_sql {
	T_PING,	    /* 1 */
	T_PID,	    /* the server process */
	T_SLEEP,    /* $1 seconds */
	T_INSERT,   /* $1 key, $2 value; the key is unique (t_key) */
	T_COUNT,    /* rows with key $1 */
	T_KINDS,    /* true, false, NULL, -5, $1 */
	T_BINARY,   /* of every type that is read in binary form: see test_db.c */
	T_RAISE,    /* fails with SQLSTATE $1 */
	T_TO_UUID,  /* $1 as a uuid; the server's message quotes a bad one */
	T_NO_TABLE, /* fails, without a parameter in the message */
	T_LOCAL,    /* SET LOCAL $1 = $2 */
	T_DOOM,	    /* COMMIT will end this very connection */
	T_SHAPE,    /* all columns of a table that a test alters */
	T_PREPARED, /* how many statements this session has prepared */
	T_TOUCH,    /* adds 1 to the row $1 */
	T_COUNT_OF_STATEMENTS
};

#define STEP(statement, ...) \
	((struct db_step){ .sql = (enum sql_id)(statement), .params = { __VA_ARGS__ } })

/* NULL: no URL; stderr then says that `suite` is skipped. */
const char *fixture_url(const char *suite);

/* Check fixtures: for a test case, and for each test. */
void fixture_begin_all(void);
void fixture_begin(void);
void fixture_end(void);

/* Filled by fixture_begin; a test may change settings before fixture_open. */
extern struct settings fixture_settings;
extern struct db_pool *fixture_pool;
extern PGconn *fixture_admin; /* a connection of the test's own, not through the pool */
extern struct relay *fixture_relay;

void fixture_open(void);       /* the pool, straight to the server */
void fixture_open_relay(void); /* the pool, through the relay */

/* A notice processor that drops notices. */
void fixture_ignore_notice(void *arg, const char *message);

/* On the admin connection; fixture_ask returns the first column of the first row. */
void fixture_do(const char *sql);
int fixture_ask(const char *sql);

/* One query through the pool; *value is its first column. */
enum db_code fixture_read(struct db_step step, int64_t *value);

/* How often `text` is in the log of this test. */
int fixture_logged(const char *text);

int64_t fixture_ms_since(int64_t start_ms);

/* A transaction that inserts rows; *context is a struct fixture_write. */
struct fixture_write {
	const char *keys[3];
	int rows;	/* of keys to insert, in one trip with COMMIT */
	bool bad_step;	/* behind them, ahead of COMMIT */
	bool no_commit; /* the body changes its mind */
	int runs;
	int doubts; /* runs after a doubt */
	int seen;   /* rows found by a run after a doubt */
};
enum db_code fixture_body_write(struct db_tx *tx, void *context);

#endif
