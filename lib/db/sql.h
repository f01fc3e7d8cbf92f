/*
 * Every SQL statement of the service, by name. Their text stands in
 * lib/db/sql/<theme>.sql, each under a line "-- name: <name>" with its parameters and
 * columns described; lib/db/sql/embed.awk turns those files into sql_statements.inc at
 * build time (awk -f embed.awk *.sql > sql_statements.inc), so that what the
 * service runs, what a benchmark replays and what a person reads is one text.
 * Shared tables are written public.…, own tables payments.…: both schemas have
 * a table "events".
 */
#ifndef PAYMENTS_DB_SQL_H
#define PAYMENTS_DB_SQL_H

enum sql_id {
#define SQL_STATEMENT(id, name, params, text) SQL_##id,
#include "db/sql_statements.inc"
#undef SQL_STATEMENT
	SQL_COUNT
};

struct sql_statement {
	const char *name; /* lower case, also the prepared statement's name */
	const char *text;
	int params; /* how many $n it takes */
};

/* Never NULL; asserts that id is in range. Static storage. */
const struct sql_statement *sql_statement(enum sql_id id);

#endif
