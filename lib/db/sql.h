/*
 * Every SQL statement of the service, by name. The text stands in sql.c, with
 * its parameters and columns described beside it; each is prepared once a
 * connection, on first use (PAYMENTS_PREPARED_STATEMENTS). Shared tables are
 * written public.…, own tables payments.…: both schemas have a table "events".
 */
#ifndef PAYMENTS_DB_SQL_H
#define PAYMENTS_DB_SQL_H

#define SQL_TABLE(X) \
	X(PING)	     \
	X(SCHEMA_STATE)

enum sql_id {
#define SQL_ENUM(name) SQL_##name,
	SQL_TABLE(SQL_ENUM)
#undef SQL_ENUM
	SQL_COUNT
};

struct sql_statement {
	const char *name; /* lower case, also the prepared statement's name */
	const char *text;
	int params;
};

const struct sql_statement *sql_statement(enum sql_id id);

#endif
