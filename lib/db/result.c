/* The answers of a transaction. A db_result is libpq's PGresult under a name of ours. */
#include "db/internal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const PGresult *result_pg(const struct db_result *result)
{
	assert(result);
	return (const PGresult *)result;
}

int db_rows(const struct db_result *result)
{
	return PQntuples(result_pg(result));
}

const char *db_text(const struct db_result *result, int row, int column)
{
	const PGresult *pg = result_pg(result);
	const char *value;

	assert(row >= 0 && row < PQntuples(pg));
	assert(column >= 0 && column < PQnfields(pg));
	value = PQgetvalue(pg, row, column);
	return *value || !PQgetisnull(pg, row, column) ? value : NULL; /* "" stands for NULL too */
}

int64_t db_integer(const struct db_result *result, int row, int column)
{
	const char *text = db_text(result, row, column);
	char *end;
	long long value;

	if (!text)
		return 0;
	errno = 0;
	value = strtoll(text, &end, 10);
	assert(errno == 0 && end != text && *end == '\0');
	return value;
}

bool db_boolean(const struct db_result *result, int row, int column)
{
	const char *text = db_text(result, row, column);

	if (!text)
		return false;
	assert(strcmp(text, "t") == 0 || strcmp(text, "f") == 0);
	return text[0] == 't';
}

bool results_keep(struct db_results *results, PGresult *result)
{
	if (results->count == results->capacity) {
		int capacity = results->capacity ? results->capacity * 2 : DB_STEPS_MAX + 2;
		PGresult **list = realloc(results->list, (size_t)capacity * sizeof(*list));

		if (!list) {
			PQclear(result);
			return false;
		}
		results->list = list;
		results->capacity = capacity;
	}
	results->list[results->count++] = result;
	return true;
}

void results_clear(struct db_results *results)
{
	for (int i = 0; i < results->count; i++)
		PQclear(results->list[i]);
	free(results->list);
	*results = (struct db_results){ 0 };
}
