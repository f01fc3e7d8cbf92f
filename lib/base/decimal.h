/* Integers as text. printf would cost more than the rest of an answer or a log line. */
#ifndef PAYMENTS_BASE_DECIMAL_H
#define PAYMENTS_BASE_DECIMAL_H

#include <stddef.h>
#include <stdint.h>

struct decimal {
	char text[21]; /* INT64_MIN and a NUL */
	size_t length;
};

struct decimal decimal(int64_t value);

#endif
