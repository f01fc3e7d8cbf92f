#include "base/uuid.h"

#include "base/clock.h"
#include "base/hex.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static bool is_dash_place(int i)
{
	return i == 8 || i == 13 || i == 18 || i == 23;
}

bool uuid_parse(const char *text, struct uuid *out)
{
	struct uuid uuid = { "" };

	if (!text || strnlen(text, UUID_LENGTH + 1) != UUID_LENGTH)
		return false;
	for (int i = 0; i < UUID_LENGTH; i++) {
		if (is_dash_place(i) ? text[i] != '-' : hex_digit(text[i]) < 0)
			return false;
		uuid.text[i] = (char)(text[i] | 0x20); /* lower case; dash and digit have the bit */
	}
	*out = uuid;
	return true;
}

struct uuid uuid_of(const char *text)
{
	struct uuid uuid = { "" };

	if (text)
		memcpy(uuid.text, text, strnlen(text, UUID_LENGTH));
	return uuid;
}

#define HEX_OF(high)                                                                          \
	high "0" high "1" high "2" high "3" high "4" high "5" high "6" high "7" high "8" high \
	     "9" high "a" high "b" high "c" high "d" high "e" high "f"

/* Two digits for each byte: fast, as a list of bookings has hundreds of ids. */
static const char hex[256 * 2 + 1] = HEX_OF("0") HEX_OF("1") HEX_OF("2") HEX_OF("3") HEX_OF("4")
	HEX_OF("5") HEX_OF("6") HEX_OF("7") HEX_OF("8") HEX_OF("9") HEX_OF("a") HEX_OF("b")
		HEX_OF("c") HEX_OF("d") HEX_OF("e") HEX_OF("f");

struct uuid uuid_from_bytes(const uint8_t bytes[UUID_BYTES])
{
	static const uint8_t places[UUID_BYTES] = { 0,	2,  4,	6,  9,	11, 14, 16,
						    19, 21, 24, 26, 28, 30, 32, 34 };
	struct uuid uuid;

	for (int i = 0; i < UUID_BYTES; i++)
		memcpy(uuid.text + places[i], hex + 2 * bytes[i], 2);
	uuid.text[8] = uuid.text[13] = uuid.text[18] = uuid.text[23] = '-';
	uuid.text[UUID_LENGTH] = '\0';
	return uuid;
}

/* With an id that is not unique, one payment could pay another reservation: better abort. */
static void random_fill(uint8_t *bytes, size_t length)
{
	ssize_t got;

	do {
		got = getrandom(bytes, length, 0);
	} while (got < 0 && errno == EINTR);
	if (got != (ssize_t)length)
		abort();
}

struct uuid uuid_new(void)
{
	uint64_t unix_ms = (uint64_t)clock_unix_ms();
	uint8_t bytes[UUID_BYTES];

	random_fill(bytes, sizeof(bytes));
	for (int i = 0; i < 6; i++)
		bytes[i] = (uint8_t)(unix_ms >> (40 - 8 * i));
	bytes[6] = (uint8_t)(0x70 | (bytes[6] & 0x0f)); /* version 7 */
	bytes[8] = (uint8_t)(0x80 | (bytes[8] & 0x3f)); /* the RFC's variant */
	return uuid_from_bytes(bytes);
}
