/*
 * Every SQL statement of the service, by name. The text is in lib/db/sql/<theme>.sql, under a line
 * "-- name: <name>" that describes parameters and columns; embed.awk turns the files into
 * sql_statements.inc. Table names carry their schema, public or payments: both have a table
 * "events".
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
	int params; /* count of $n */
};

/* Never NULL. */
const struct sql_statement *sql_statement(enum sql_id id);

#endif
