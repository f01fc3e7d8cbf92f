/* PostgreSQL array literals, made element by element: {"a","b",NULL}. */
#ifndef PAYMENTS_DB_ARRAY_H
#define PAYMENTS_DB_ARRAY_H

#include "base/buf.h"

#define PG_COLUMNS_MAX 20

/* Adds an element; `array` begins empty. Whether memory lasted is array->failed, asked at the end.
 * NULL is SQL NULL. */
void pg_array_add(struct buf *array, const char *element);
/* Closes it; an array with no element becomes {}. */
void pg_array_end(struct buf *array);

/* Rows for unnest(): an array for each of their columns. Begins zeroed. */
struct pg_columns {
	int count;
	struct buf arrays[PG_COLUMNS_MAX];
};

/* Adds a row; all rows have as many elements. */
#define pg_columns_add(columns, ...)                                        \
	pg_columns_add_row((columns), (const char *const[]){ __VA_ARGS__ }, \
			   (int)(sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *)))
void pg_columns_add_row(struct pg_columns *columns, const char *const row[], int count);
/* Closes the arrays and puts them into `params`. False: there was no memory for them. */
bool pg_columns_end(struct pg_columns *columns, const char *params[]);
/* Frees them; `params` end with them. */
void pg_columns_free(struct pg_columns *columns);

#endif
