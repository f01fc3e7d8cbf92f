/* Preflight of the tables: versions, rights, indexes, the data of other services. */
#include "db/migrations.h"
#include "db/probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As in schema/grants.sql. */
static const struct right {
	const char *table;
	const char *privilege;
	const char *columns; /* separated by ", "; NULL: the whole table */
} rights[] = {
	{ "public.users", "SELECT", "id, email, role" }, /* not the password's hash */
	{ "public.events", "SELECT", NULL },
	{ "public.seats", "SELECT", NULL },
	{ "public.ticket_types", "SELECT", NULL },
	{ "public.reservations", "SELECT", NULL },
	{ "public.reservation_items", "SELECT", NULL },
	{ "public.reservations", "INSERT", NULL },
	{ "public.reservation_items", "INSERT", NULL },
	{ "public.reservations", "UPDATE", "status, payment_status, payment_method, expires_at" },
	{ "public.seats", "UPDATE", "status" },
	{ "public.ticket_types", "UPDATE", "available_quantity" },
};

/* clang-format off */
static const struct index {
	const char *table;
	const char *columns; /* an index that begins with them is enough */
	const char *name;
	const char *predicate; /* of the proposed index; an index on all rows is enough */
} indexes[] = {
	{ "public.reservation_items", "reservation_id", "idx_reservation_items_reservation_id", "" },
	{ "public.reservation_items", "seat_id", "idx_reservation_items_seat_id", "" },
	{ "public.seats", "event_id, seat_label", "idx_seats_event_id_seat_label", "" },
	{ "public.reservations", "user_id, created_at", "idx_reservations_user_id_created_at", "" },
	{ "public.reservations", "expires_at", "idx_reservations_pending_expires_at",
	  " WHERE status = 'pending'" },
};
/* clang-format on */

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A missing table is a missing right. */
static void probe_right(struct probe *probe, const struct right *right)
{
	static const char sql[] =
		"SELECT coalesce(bool_and(CASE WHEN $3 = '' THEN has_table_privilege(t, $2)"
		" ELSE has_column_privilege(t, c, $2) END), false)"
		" FROM (SELECT to_regclass($1)::oid AS t) one,"
		" unnest(string_to_array(nullif($3, ''), ', ') || ARRAY(SELECT '' WHERE $3 = '')) "
		"c";
	const char *columns = right->columns ? right->columns : "";
	const char *const params[] = { right->table, right->privilege, columns };
	PGresult *result = probe_ask(probe, "rights", sql, 3, params);
	const char *open = *columns ? " (" : "", *close = *columns ? ")" : "";
	char what[256], remedy[512];
	bool granted;

	if (!result)
		return;
	granted = adhoc_true(result, 0, 0);
	PQclear(result);
	snprintf(what, sizeof(what), "%s%s%s%s ON %s", right->privilege, open, columns, close,
		 right->table);
	snprintf(remedy, sizeof(remedy), "GRANT %s TO %s;", what, probe->role);
	preflight_add(probe->report, granted ? PREFLIGHT_OK : PREFLIGHT_FAIL, "rights",
		      granted ? NULL : remedy, "%s%s", granted ? "" : "missing: ", what);
}

/* Rights that only a bug would use. probe_role has warned a superuser. */
static void probe_excess(struct probe *probe)
{
	static const char sql[] =
		"SELECT string_agg(t.name, ', ') FILTER (WHERE has_table_privilege(c.oid, "
		"'DELETE')),"
		" string_agg(t.name, ', ') FILTER (WHERE pg_has_role(c.relowner, 'MEMBER'))"
		" FROM unnest(ARRAY['users', 'events', 'seats', 'ticket_types', 'reservations',"
		" 'reservation_items']) t(name)"
		" JOIN pg_class c ON c.oid = to_regclass('public.' || t.name)"
		" WHERE NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)";
	PGresult *result = probe_ask(probe, "excess", sql, 0, NULL);
	char remedy[512];

	if (!result)
		return;
	if (*adhoc_text(result, 0, 1)) {
		preflight_add(probe->report, PREFLIGHT_WARN, "excess",
			      "payctl migrate --grant payments_service, and connect as that role",
			      "%s owns %s", probe->role, adhoc_text(result, 0, 1));
	} else if (*adhoc_text(result, 0, 0)) {
		snprintf(remedy, sizeof(remedy), "REVOKE DELETE ON %s FROM %s;",
			 adhoc_text(result, 0, 0), probe->role);
		preflight_add(probe->report, PREFLIGHT_WARN, "excess", remedy,
			      "%s may DELETE from %s", probe->role, adhoc_text(result, 0, 0));
	} else {
		preflight_add(probe->report, PREFLIGHT_OK, "excess", NULL,
			      "no right to DELETE from shared tables, owner of none");
	}
	PQclear(result);
}

/* The highest migration of the rows (number, checksum); -1: one differs from this build's. */
static int schema_version(const PGresult *result)
{
	int version = 0;

	for (int row = 0; row < PQntuples(result); row++) {
		const struct migration *migration =
			migration_find(atoi(adhoc_text(result, row, 0)));
		char checksum[CHECKSUM_SIZE];

		version = atoi(adhoc_text(result, row, 0));
		if (!migration)
			continue;
		migration_checksum(migration->text, checksum);
		if (strcmp(checksum, adhoc_text(result, row, 1)) != 0)
			return -1;
	}
	return version;
}

static void probe_schema_version(struct probe *probe)
{
	int wanted = migrations_count ? migrations[migrations_count - 1].number : 0, version;
	PGresult *result = adhoc_query(
		probe->pg, "SELECT number, checksum FROM payments.schema_versions ORDER BY number",
		0, NULL);

	if (!adhoc_ok(result))
		preflight_add(probe->report, PREFLIGHT_FAIL, "schema",
			      "payctl migrate --grant ROLE", "schema payments cannot be read: %s",
			      adhoc_why(result));
	else if ((version = schema_version(result)) < 0)
		preflight_add(probe->report, PREFLIGHT_FAIL, "schema",
			      "use the build that applied it, or a newer one",
			      "an applied migration differs from this build's");
	else if (version < wanted)
		preflight_add(probe->report, PREFLIGHT_FAIL, "schema", "payctl migrate",
			      "schema payments is at %d, this build needs %d", version, wanted);
	else if (version > wanted)
		preflight_add(probe->report, PREFLIGHT_WARN, "schema",
			      "install the newer build on this machine",
			      "schema payments is at %d, this build knows %d", version, wanted);
	else
		preflight_add(probe->report, PREFLIGHT_OK, "schema", NULL,
			      "schema payments is at %d", version);
	PQclear(result);
}

static void probe_variant(struct probe *probe)
{
	static const char sql[] =
		"SELECT bool_and(strpos(pg_get_constraintdef(c.oid), '''expired''') > 0)"
		" FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND "
		"a.attname = 'status'"
		" WHERE c.conrelid = to_regclass('public.reservations') AND c.contype = 'c'"
		" AND c.conkey = ARRAY[a.attnum]";
	PGresult *result = probe_ask(probe, "expired", sql, 0, NULL);
	bool takes_expired;

	if (!result)
		return;
	takes_expired = adhoc_true(result, 0, 0) || !*adhoc_text(result, 0, 0);
	preflight_add(probe->report, PREFLIGHT_OK, "expired", NULL,
		      "reservations.status %s 'expired': an expired hold becomes '%s'",
		      takes_expired ? "takes" : "refuses", takes_expired ? "expired" : "cancelled");
	PQclear(result);
}

static void probe_index(struct probe *probe, const struct index *index)
{
	static const char sql[] =
		"SELECT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = to_regclass($1) AND "
		"i.indisvalid"
		" AND (i.indpred IS NULL OR $3 <> '')"
		" AND (SELECT string_agg(a.attname, ', ' ORDER BY k.place) FROM unnest(i.indkey)"
		"  WITH ORDINALITY k(attnum, place) JOIN pg_attribute a ON a.attrelid = i.indrelid"
		"  AND a.attnum = k.attnum) || ', ' LIKE $2 || ', %')";
	const char *const params[] = { index->table, index->columns, index->predicate };
	PGresult *result = probe_ask(probe, "index", sql, 3, params);
	char remedy[512];
	bool found;

	if (!result)
		return;
	found = adhoc_true(result, 0, 0);
	PQclear(result);
	snprintf(remedy, sizeof(remedy), "CREATE INDEX CONCURRENTLY %s ON %s (%s)%s;", index->name,
		 index->table, index->columns, index->predicate);
	if (found)
		preflight_add(probe->report, PREFLIGHT_OK, "index", NULL, "%s (%s)", index->table,
			      index->columns);
	else
		preflight_add(probe->report, PREFLIGHT_WARN, "index", remedy,
			      "no index on %s (%s): requests read the whole table", index->table,
			      index->columns);
}

/* Holds of other services last five minutes. Another length, or a start in the future, means that
 * their sessions use another time zone: we would expire their holds at a wrong time. */
static void probe_holds(struct probe *probe)
{
	static const char sql[] =
		"SELECT current_setting('TimeZone'), count(*),"
		" count(*) FILTER (WHERE expires_at - created_at NOT BETWEEN interval '4 min'"
		" AND interval '6 min' OR created_at > LOCALTIMESTAMP + interval '1 min')"
		" FROM (SELECT created_at, expires_at FROM public.reservations r"
		" WHERE status = 'pending' AND expires_at IS NOT NULL"
		" AND NOT EXISTS (SELECT FROM payments.intents i WHERE i.reservation_id = r.id)"
		" ORDER BY created_at DESC LIMIT 50) recent";
	PGresult *result = probe_ask(probe, "holds", sql, 0, NULL);
	char remedy[512];

	if (!result)
		return;
	snprintf(remedy, sizeof(remedy),
		 "ALTER ROLE %s SET TimeZone = '(as in the other services)';", probe->role);
	if (atoi(adhoc_text(result, 0, 2)) > 0)
		preflight_add(
			probe->report, PREFLIGHT_WARN, "holds", remedy,
			"%s of the last %s holds of other services do not last about five minutes "
			"in the time zone %s",
			adhoc_text(result, 0, 2), adhoc_text(result, 0, 1),
			adhoc_text(result, 0, 0));
	else
		preflight_add(probe->report, PREFLIGHT_OK, "holds", NULL,
			      "time zone %s; %s holds of other services, about five minutes each",
			      adhoc_text(result, 0, 0), adhoc_text(result, 0, 1));
	PQclear(result);
}

void probe_schema(struct probe *probe)
{
	probe_schema_version(probe);
	for (size_t i = 0; i < COUNT(rights); i++)
		probe_right(probe, &rights[i]);
	probe_excess(probe);
	probe_variant(probe);
	for (size_t i = 0; i < COUNT(indexes); i++)
		probe_index(probe, &indexes[i]);
	probe_holds(probe);
}
