/* A PostgreSQL array literal, made element by element: {"a","b"}. Every element is quoted. */
#ifndef PAYMENTS_PAY_PG_ARRAY_H
#define PAYMENTS_PAY_PG_ARRAY_H

#include "base/buf.h"

/* Adds an element; `array` begins empty. Whether memory lasted is array->failed, asked at the end. */
void pg_array_add(struct buf *array, const char *element);
/* Closes it; an array with no element becomes {}. */
void pg_array_end(struct buf *array);

#endif
