#include "base/decimal.h"

#include <string.h>

struct decimal decimal(int64_t value)
{
	uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
	struct decimal number;
	char digits[sizeof(number.text)];
	char *end = digits + sizeof(digits) - 1, *at = end;

	*at = '\0';
	do {
		*--at = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest > 0);
	if (value < 0)
		*--at = '-';
	number.length = (size_t)(end - at);
	memcpy(number.text, at, number.length + 1);
	return number;
}
