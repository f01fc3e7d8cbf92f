/* What the checks of preflight share. Private to lib/db. */
#ifndef PAYMENTS_DB_PROBE_H
#define PAYMENTS_DB_PROBE_H

#include "db/internal.h"
#include "db/preflight.h"

#define PROBE_NAME_MAX 140 /* a role's name of 63 bytes, quoted */

struct probe {
	struct preflight *report;
	const struct settings *settings;
	int workers;
	PGconn *pg;
	char role[PROBE_NAME_MAX]; /* quoted, for remedies */
};

/* NULL: the server refused the statement; that is reported under `name`. */
PGresult *probe_ask(struct probe *probe, const char *name, const char *sql, int count,
		    const char *const *params);

/* preflight_schema.c: migrations, rights, variant of the shared schema, indexes, holds. */
void probe_schema(struct probe *probe);

#endif
