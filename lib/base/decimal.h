/* Whole numbers as text: in every answer, log line and statement, where printf costs more than the
 * rest. */
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
