#include "db/array.h"

#include <assert.h>
#include <string.h>

static void add_quoted(struct buf *array, const char *element)
{
	buf_append(array, "\"", 1);
	for (;;) {
		size_t plain = strcspn(element, "\"\\");

		buf_append(array, element, plain);
		element += plain;
		if (*element == '\0')
			break;
		buf_append(array, "\\", 1);
		buf_append(array, element++, 1);
	}
	buf_append(array, "\"", 1);
}

void pg_array_add(struct buf *array, const char *element)
{
	buf_append(array, array->length == 0 ? "{" : ",", 1);
	if (element)
		add_quoted(array, element);
	else
		buf_append(array, "NULL", 4);
}

void pg_array_end(struct buf *array)
{
	buf_puts(array, array->length == 0 ? "{}" : "}");
}

void pg_columns_add_row(struct pg_columns *columns, const char *const row[], int count)
{
	assert(count <= PG_COLUMNS_MAX && (columns->count == 0 || columns->count == count));
	columns->count = count;
	for (int i = 0; i < count; i++)
		pg_array_add(&columns->arrays[i], row[i]);
}

bool pg_columns_end(struct pg_columns *columns, const char *params[])
{
	bool good = true;

	for (int i = 0; i < columns->count; i++) {
		pg_array_end(&columns->arrays[i]);
		params[i] = buf_text(&columns->arrays[i]);
		good = good && !columns->arrays[i].failed;
	}
	return good;
}

void pg_columns_free(struct pg_columns *columns)
{
	for (int i = 0; i < columns->count; i++)
		buf_free(&columns->arrays[i]);
}
