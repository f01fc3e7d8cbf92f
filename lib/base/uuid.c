#include "base/uuid.h"

#include "base/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define UUID_LENGTH 36

static bool is_dash_place(int i)
{
	return i == 8 || i == 13 || i == 18 || i == 23;
}

/* The lower-case form of one character of a UUID, 0 where it may not stand there. */
static char uuid_digit(int i, char c)
{
	if (is_dash_place(i))
		return c == '-' ? '-' : '\0';
	if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))
		return c;
	return c >= 'A' && c <= 'F' ? (char)(c - 'A' + 'a') : '\0';
}

bool uuid_parse(const char *text, struct uuid *out)
{
	struct uuid uuid = { "" };

	if (!text || strnlen(text, UUID_LENGTH + 1) != UUID_LENGTH)
		return false;
	for (int i = 0; i < UUID_LENGTH; i++) {
		uuid.text[i] = uuid_digit(i, text[i]);
		if (!uuid.text[i])
			return false;
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

struct uuid uuid_from_bytes(const uint8_t bytes[UUID_BYTES])
{
	static const char digits[] = "0123456789abcdef";
	static const int groups[] = { 4, 2, 2, 2, 6 };
	struct uuid uuid;
	char *at = uuid.text;

	for (int group = 0; group < 5; group++) {
		for (int i = 0; i < groups[group]; i++, bytes++) {
			*at++ = digits[*bytes >> 4];
			*at++ = digits[*bytes & 0xf];
		}
		*at++ = '-';
	}
	at[-1] = '\0';
	return uuid;
}

/* An id that is not unique could pay one reservation with another's attempt: without random bytes
 * there is no going on. */
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
