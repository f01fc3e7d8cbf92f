#include "base/escape.h"

#include "base/utf8.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define UTF8_MAX 4 /* utf8_length stops at the NUL that ends the text */

/* ASCII without escaping. A table, because every answer and log line is checked byte by byte. */
static const bool is_plain[256] = {
	[0x20 ... '"' - 1] = true,
	['"' + 1 ... '\\' - 1] = true,
	['\\' + 1 ... 0x7e] = true,
};

#define EACH_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Nonzero where some byte is zero. */
static uint64_t zero_bytes(uint64_t word)
{
	return (word - EACH_BYTE(0x01)) & ~word & EACH_BYTE(0x80);
}

/* Nonzero where some byte is not plain. */
static uint64_t special_bytes(uint64_t word)
{
	uint64_t controls = (word - EACH_BYTE(0x20)) & ~word & EACH_BYTE(0x80);

	return controls | (word & EACH_BYTE(0x80)) | zero_bytes(word ^ EACH_BYTE('"')) |
	       zero_bytes(word ^ EACH_BYTE('\\')) | zero_bytes(word ^ EACH_BYTE(0x7f));
}

size_t escape_plain(const char *text, size_t length)
{
	size_t at = 0;
	uint64_t word;

	for (; length - at >= sizeof(word); at += sizeof(word)) {
		memcpy(&word, text + at, sizeof(word));
		if (special_bytes(word))
			break;
	}
	while (at < length && is_plain[(uint8_t)text[at]])
		at++;
	return at;
}

/* The length of a character beyond ASCII that needs no escaping, else 0. */
static size_t letter_length(const char *at)
{
	uint8_t byte = (uint8_t)*at;

	if (byte < 0x80 || (byte == 0xc2 && (uint8_t)at[1] < 0xa0))
		return 0;
	return utf8_length(at, UTF8_MAX);
}

static const char *plain_end(const char *at)
{
	size_t length;

	do {
		while (is_plain[(uint8_t)*at])
			at++;
		length = letter_length(at);
		at += length;
	} while (length > 0);
	return at;
}

static char short_escape(char c)
{
	static const char from[] = "\"\\\b\f\n\r\t";
	static const char to[] = "\"\\bfnrt";
	const char *found = strchr(from, c);

	return found ? to[found - from] : '\0';
}

static struct escape_piece escape_one(const char **text, char scratch[ESCAPE_MAX])
{
	char letter = short_escape(**text);
	unsigned int code = (uint8_t) * *text;
	size_t length = 1;
	int written;

	if (letter) {
		written = snprintf(scratch, ESCAPE_MAX, "\\%c", letter);
	} else {
		if (code >= 0x80 && utf8_length(*text, UTF8_MAX) == 2) { /* C1 */
			code = (uint8_t)(*text)[1];
			length = 2;
		}
		written = snprintf(scratch, ESCAPE_MAX, "\\u%04x", code);
	}
	*text += length;
	return (struct escape_piece){ scratch, (size_t)written };
}

struct escape_piece escape_next(const char **text, char scratch[ESCAPE_MAX])
{
	const char *start = *text;
	const char *end = plain_end(start);

	*text = end;
	if (end == start && *start)
		return escape_one(text, scratch);
	return (struct escape_piece){ start, (size_t)(end - start) };
}
