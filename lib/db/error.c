/* Turns the SQLSTATE of a server error into a db_code. */
#include "db/internal.h"

#include "base/log.h"

#include <stdio.h>
#include <string.h>

/* PostgreSQL's manual, appendix A. Two characters are a class. */
/* clang-format off */
#define CLASS_CONNECTION "08"
#define CLASS_DATA "22"
#define CLASS_PLPGSQL "P0"
#define SQLSTATE_READ_ONLY "25006"	  /* a primary that became a standby */
#define SQLSTATE_NO_STATEMENT "26000"	  /* a pooler switched servers: the prepared statement is not there */
#define SQLSTATE_NOT_SUPPORTED "0A000"	  /* also "cached plan must not change result type" */
#define SQLSTATE_TOO_MANY "53300"
#define SQLSTATE_CANCELED "57014"	  /* statement_timeout, or an operator's cancel */
#define SQLSTATE_ADMIN_SHUTDOWN "57P01"
#define SQLSTATE_CRASH_SHUTDOWN "57P02"
#define SQLSTATE_CANNOT_CONNECT "57P03"
#define SQLSTATE_DEADLOCK "40P01"
#define SQLSTATE_SERIALIZATION "40001"
#define SQLSTATE_NO_SCHEMA "3F000"
#define SQLSTATE_NO_COLUMN "42703"
#define SQLSTATE_NO_FUNCTION "42883"
/* clang-format on */

struct error_rule {
	const char *pattern;
	enum db_code code;
	bool drop;
};

/* clang-format off */
static const struct error_rule error_rules[] = {
	{ SQLSTATE_DEADLOCK, DB_CONFLICT, false },
	{ SQLSTATE_SERIALIZATION, DB_CONFLICT, false },
	{ SQLSTATE_LOCK_TIMEOUT, DB_CONFLICT, false },
	{ SQLSTATE_DUPLICATE, DB_CONFLICT, false },
	{ SQLSTATE_CANCELED, DB_LOST, false },
	{ CLASS_CONNECTION, DB_LOST, true },
	{ SQLSTATE_ADMIN_SHUTDOWN, DB_LOST, true },
	{ SQLSTATE_CRASH_SHUTDOWN, DB_LOST, true },
	{ SQLSTATE_CANNOT_CONNECT, DB_LOST, true },
	{ SQLSTATE_READ_ONLY, DB_LOST, true },
	{ SQLSTATE_TOO_MANY, DB_LOST, true },
	{ SQLSTATE_NO_STATEMENT, DB_LOST, true },
	{ SQLSTATE_NO_SCHEMA, DB_UNFIT, false },
	{ SQLSTATE_NO_TABLE, DB_UNFIT, false },
	{ SQLSTATE_NO_COLUMN, DB_UNFIT, false },
	{ SQLSTATE_NO_FUNCTION, DB_UNFIT, false },
	{ SQLSTATE_NO_RIGHT, DB_UNFIT, false },
};
/* clang-format on */

static const char *error_field(const PGresult *result, int field)
{
	const char *value = PQresultErrorField(result, field);

	return value ? value : "";
}

const char *error_sqlstate(const PGresult *result)
{
	return error_field(result, PG_DIAG_SQLSTATE);
}

static bool error_has_class(const char *sqlstate, const char *pattern)
{
	return strncmp(sqlstate, pattern, strlen(pattern)) == 0;
}

/* The message is translated; the source function's name is not. */
static bool error_is_stale_plan(const PGresult *result)
{
	return strcmp(error_sqlstate(result), SQLSTATE_NOT_SUPPORTED) == 0 &&
	       strcmp(error_field(result, PG_DIAG_SOURCE_FUNCTION), "RevalidateCachedQuery") == 0;
}

static void error_judge(struct server_error *error, const PGresult *result)
{
	error->code = DB_BROKEN;
	for (size_t i = 0; i < sizeof(error_rules) / sizeof(error_rules[0]); i++) {
		if (!error_has_class(error->sqlstate, error_rules[i].pattern))
			continue;
		error->code = error_rules[i].code;
		error->drop = error_rules[i].drop;
		break;
	}
	if (error_is_stale_plan(result) || error->fatal) {
		error->code = DB_LOST;
		error->drop = true;
	}
}

/* Messages of these classes quote parameters: they must not reach the log. */
static bool error_message_is_private(const char *sqlstate)
{
	return error_has_class(sqlstate, CLASS_DATA) || error_has_class(sqlstate, CLASS_PLPGSQL);
}

static void error_log(const struct server_error *error, const PGresult *result,
		      const char *statement)
{
	struct log_line line;

	if (error->code == DB_BROKEN || error->code == DB_UNFIT)
		log_begin(&line, LOG_LEVEL_ERROR, "database_refused");
	else if (error->code == DB_LOST)
		log_begin(&line, LOG_LEVEL_WARN, "database_gave_up");
	else
		log_begin(&line, LOG_LEVEL_DEBUG, "database_conflict");
	log_string(&line, "statement", statement);
	log_string(&line, "sqlstate", error->sqlstate);
	if (error->constraint[0])
		log_string(&line, "constraint", error->constraint);
	if (!error_message_is_private(error->sqlstate))
		log_string(&line, "message", error_field(result, PG_DIAG_MESSAGE_PRIMARY));
	log_end(&line);
}

struct server_error error_read(const PGresult *result, const char *statement)
{
	struct server_error error = { 0 };
	const char *severity = error_field(result, PG_DIAG_SEVERITY_NONLOCALIZED);

	snprintf(error.sqlstate, sizeof(error.sqlstate), "%s", error_sqlstate(result));
	snprintf(error.constraint, sizeof(error.constraint), "%s",
		 error_field(result, PG_DIAG_CONSTRAINT_NAME));
	error.fatal = strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0;
	error_judge(&error, result);
	error_log(&error, result, statement);
	return error;
}
