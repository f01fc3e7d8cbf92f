/* Rows. A db_result is a PGresult; callers outside lib/db do not see libpq. */
#include "db/internal.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define EPOCH_2000_US INT64_C(946684800000000) /* PostgreSQL counts from 2000-01-01 */

/* OIDs of pg_type: the same in every release. */
enum type {
	TYPE_BOOL = 16,
	TYPE_INT8 = 20,
	TYPE_INT2 = 21,
	TYPE_INT4 = 23,
	TYPE_TEXT = 25,
	TYPE_JSON = 114,
	TYPE_VARCHAR = 1043,
	TYPE_TIMESTAMP = 1114,
	TYPE_TIMESTAMPTZ = 1184,
	TYPE_UUID = 2950
};

static const PGresult *result_pg(const struct db_result *result)
{
	assert(result);
	return (const PGresult *)result;
}

int db_rows(const struct db_result *result)
{
	return PQntuples(result_pg(result));
}

static const char *value_at(const struct db_result *result, int row, int column)
{
	const PGresult *pg = result_pg(result);
	const char *value;

	assert(row >= 0 && row < PQntuples(pg));
	assert(column >= 0 && column < PQnfields(pg));
	value = PQgetvalue(pg, row, column);
	return *value || !PQgetisnull(pg, row, column) ? value : NULL; /* libpq gives "" for NULL */
}

static bool is_binary(const struct db_result *result, int column)
{
	return PQfformat(result_pg(result), column) == DB_BINARY;
}

static enum type type_of(const struct db_result *result, int column)
{
	return (enum type)PQftype(result_pg(result), column);
}

/* Their binary form is their text. */
static bool is_text(enum type type)
{
	return type == TYPE_TEXT || type == TYPE_VARCHAR || type == TYPE_JSON;
}

const char *db_text(const struct db_result *result, int row, int column)
{
	assert(!is_binary(result, column) || is_text(type_of(result, column)));
	return value_at(result, row, column);
}

static int64_t integer_from_bytes(const char *bytes, enum type type)
{
	uint16_t two;
	uint32_t four;
	uint64_t eight;

	switch (type) {
	case TYPE_INT2:
		memcpy(&two, bytes, sizeof(two));
		return (int16_t)be16toh(two);
	case TYPE_INT4:
		memcpy(&four, bytes, sizeof(four));
		return (int32_t)be32toh(four);
	default:
		assert(type == TYPE_INT8 || type == TYPE_TIMESTAMP || type == TYPE_TIMESTAMPTZ);
		memcpy(&eight, bytes, sizeof(eight));
		return (int64_t)be64toh(eight);
	}
}

static int64_t integer_from_text(const char *text)
{
	char *end;
	long long value;

	errno = 0;
	value = strtoll(text, &end, 10);
	assert(errno == 0 && end != text && *end == '\0');
	return value;
}

int64_t db_integer(const struct db_result *result, int row, int column)
{
	const char *value = value_at(result, row, column);

	if (!value)
		return 0;
	if (!is_binary(result, column))
		return integer_from_text(value);
	assert(type_of(result, column) != TYPE_TIMESTAMP &&
	       type_of(result, column) != TYPE_TIMESTAMPTZ);
	return integer_from_bytes(value, type_of(result, column));
}

bool db_boolean(const struct db_result *result, int row, int column)
{
	const char *value = value_at(result, row, column);

	if (!value)
		return false;
	if (is_binary(result, column)) {
		assert(type_of(result, column) == TYPE_BOOL);
		return *value != 0;
	}
	assert(strcmp(value, "t") == 0 || strcmp(value, "f") == 0);
	return value[0] == 't';
}

struct uuid db_uuid(const struct db_result *result, int row, int column)
{
	const char *value = value_at(result, row, column);

	if (!value || !is_binary(result, column))
		return uuid_of(value);
	assert(type_of(result, column) == TYPE_UUID);
	return uuid_from_bytes((const uint8_t *)value);
}

bool db_time(const struct db_result *result, int row, int column, int64_t *unix_us)
{
	const char *value = value_at(result, row, column);
	enum type type = type_of(result, column);
	int64_t us;

	if (!value)
		return false;
	assert(is_binary(result, column) && (type == TYPE_TIMESTAMP || type == TYPE_TIMESTAMPTZ));
	us = integer_from_bytes(value, type);
	if (us == INT64_MIN || us == INT64_MAX) /* -infinity, infinity */
		return false;
	*unix_us = us + EPOCH_2000_US;
	return true;
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
