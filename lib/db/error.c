/* Turns the SQLSTATE of a server error into a db_code. */
#include "db/internal.h"

#include "base/log.h"

#include <stdio.h>
#include <string.h>

/* PostgreSQL's manual, appendix A. Two characters are a class. */
/* clang-format off */
static const struct error_rule {
	const char *pattern;
	enum db_code code;
	bool drop;
} error_rules[] = {
	{ "40P01", DB_CONFLICT, false }, /* deadlock */
	{ "40001", DB_CONFLICT, false }, /* serialization */
	{ SQLSTATE_LOCK_TIMEOUT, DB_CONFLICT, false },
	{ "23505", DB_CONFLICT, false }, /* a key is there already */
	{ "57014", DB_LOST, false }, /* statement_timeout, or an operator's cancel */
	{ "08", DB_LOST, true }, /* connection */
	{ "57P01", DB_LOST, true }, /* shutdown by an administrator */
	{ "57P02", DB_LOST, true }, /* shutdown after a crash */
	{ "57P03", DB_LOST, true }, /* takes no connections */
	{ "25006", DB_LOST, true }, /* read only: a primary that became a standby */
	{ "53300", DB_LOST, true }, /* too many connections */
	{ "26000", DB_LOST, true }, /* a pooler switched servers: the prepared statement is not there */
	{ "3F000", DB_UNFIT, false }, /* no such schema */
	{ "42P01", DB_UNFIT, false }, /* no such table */
	{ "42703", DB_UNFIT, false }, /* no such column */
	{ "42883", DB_UNFIT, false }, /* no such function */
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

/* "cached plan must not change result type": the message is translated; the source function's name
 * is not. */
static bool error_is_stale_plan(const PGresult *result)
{
	return strcmp(error_sqlstate(result), "0A000") == 0 &&
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

/* Messages of data exceptions and of PL/pgSQL quote parameters: they must not reach the log. */
static bool error_message_is_private(const char *sqlstate)
{
	return error_has_class(sqlstate, "22") || error_has_class(sqlstate, "P0");
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
