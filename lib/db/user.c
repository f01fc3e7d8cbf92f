#include "db/user.h"

#include "db/internal.h"

#include <stdio.h>

enum db_code db_user_find(const char *conninfo, const char *email, struct db_user *out,
			  char why[DB_USER_WHY_MAX])
{
	const char *const params[] = { email };
	PGconn *pg = conn_connect(conninfo, ADHOC_CONNECT_MS, why);
	PGresult *result;
	enum db_code code = DB_OK;

	*out = (struct db_user){ .role = "" };
	if (!pg)
		return DB_UNAVAILABLE;
	result = adhoc_query(pg, "SELECT id, role FROM public.users WHERE email = $1", 1, params);
	if (!adhoc_ok(result)) {
		snprintf(why, DB_USER_WHY_MAX, "%s", adhoc_why(result));
		code = DB_BROKEN;
	} else if (PQntuples(result) > 0) {
		uuid_parse(PQgetvalue(result, 0, 0), &out->id);
		snprintf(out->role, sizeof(out->role), "%s", PQgetvalue(result, 0, 1));
	}
	PQclear(result);
	PQfinish(pg);
	return code;
}
