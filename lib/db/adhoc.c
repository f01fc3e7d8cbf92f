/* The operator's statements (payctl): few and blocking. */
#include "db/internal.h"

PGresult *adhoc_query(PGconn *pg, const char *sql, int count, const char *const *params)
{
	return PQexecParams(pg, sql, count, NULL, params, NULL, NULL, 0);
}

bool adhoc_ok(const PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);

	return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK ||
	       status == PGRES_EMPTY_QUERY;
}

const char *adhoc_why(const PGresult *result)
{
	const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

	return message ? message : "the connection was lost";
}
