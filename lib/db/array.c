#include "db/array.h"

#include <string.h>

void pg_array_add(struct buf *array, const char *element)
{
	buf_puts(array, array->length == 0 ? "{\"" : ",\"");
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

void pg_array_end(struct buf *array)
{
	buf_puts(array, array->length == 0 ? "{}" : "}");
}

void pg_columns_add(struct pg_columns *columns, const char *const row[])
{
	for (int i = 0; i < columns->count; i++)
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
