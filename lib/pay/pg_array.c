#include "pay/pg_array.h"

void pg_array_add(struct buf *array, const char *element)
{
	const char *c;

	buf_puts(array, array->length == 0 ? "{\"" : ",\"");
	for (c = element; *c != '\0'; c++) {
		if (*c == '"' || *c == '\\')
			buf_append(array, "\\", 1);
		buf_append(array, c, 1);
	}
	buf_append(array, "\"", 1);
}

void pg_array_end(struct buf *array)
{
	buf_puts(array, array->length == 0 ? "{}" : "}");
}
