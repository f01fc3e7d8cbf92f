/* Every scan_* function moves scan->at past what it names, or returns false. At the end of the text
 * scan_peek returns NUL, which no rule accepts. */
#include "base/json_scan.h"

#include "base/escape.h"
#include "base/hex.h"
#include "base/json_in.h"
#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

struct scan {
	const char *at;
	const char *end;
	int depth; /* limits the recursion */
};

static bool scan_value(struct scan *scan);

static char scan_peek(const struct scan *scan)
{
	return scan->at < scan->end ? *scan->at : '\0';
}

static bool scan_take(struct scan *scan, char c)
{
	if (scan->at == scan->end || *scan->at != c)
		return false;
	scan->at++;
	return true;
}

static void scan_space(struct scan *scan)
{
	while (scan_take(scan, ' ') || scan_take(scan, '\t') || scan_take(scan, '\n') ||
	       scan_take(scan, '\r'))
		continue;
}

static bool scan_digits(struct scan *scan)
{
	const char *start = scan->at;

	while (scan_peek(scan) >= '0' && scan_peek(scan) <= '9')
		scan->at++;
	return scan->at > start;
}

static bool scan_exponent(struct scan *scan)
{
	if (!scan_take(scan, 'e') && !scan_take(scan, 'E'))
		return true;
	if (!scan_take(scan, '+'))
		scan_take(scan, '-');
	return scan_digits(scan);
}

static bool scan_number(struct scan *scan)
{
	const char *start = scan->at;

	scan_take(scan, '-');
	if (!scan_take(scan, '0') && !scan_digits(scan))
		return false;
	if (scan_take(scan, '.') && !scan_digits(scan))
		return false;
	return scan_exponent(scan) && scan->at - start <= JSON_NUMBER_MAX;
}

/* The four digits after \u, -1 where they are not four hex digits. */
static int32_t scan_hex4(struct scan *scan)
{
	int32_t unit = 0;

	for (int i = 0; i < 4; i++) {
		int digit = hex_digit(scan_peek(scan));

		if (digit < 0)
			return -1;
		unit = unit * 16 + digit;
		scan->at++;
	}
	return unit;
}

static bool scan_unicode_escape(struct scan *scan)
{
	int32_t unit = scan_hex4(scan);

	if (unit >= 0xd800 && unit <= 0xdbff) {
		if (!scan_take(scan, '\\') || !scan_take(scan, 'u'))
			return false;
		unit = scan_hex4(scan);
		return unit >= 0xdc00 && unit <= 0xdfff;
	}
	/* U+0000 would end a C string */
	return unit > 0 && !(unit >= 0xdc00 && unit <= 0xdfff);
}

static bool scan_escape(struct scan *scan)
{
	char c = scan_peek(scan);

	if (c == '\0' || !strchr("\"\\/bfnrtu", c))
		return false;
	scan->at++;
	return c != 'u' || scan_unicode_escape(scan);
}

static bool scan_character(struct scan *scan)
{
	size_t length = utf8_length(scan->at, (size_t)(scan->end - scan->at));

	if (length == 0 || (uint8_t)*scan->at < 0x20)
		return false;
	scan->at += length;
	return true;
}

static bool scan_string(struct scan *scan)
{
	if (!scan_take(scan, '"'))
		return false;
	for (;;) {
		scan->at += escape_plain(scan->at, (size_t)(scan->end - scan->at));
		if (scan_take(scan, '"'))
			return true;
		if (scan_take(scan, '\\') ? !scan_escape(scan) : !scan_character(scan))
			return false;
	}
}

static bool scan_word(struct scan *scan, const char *word)
{
	size_t length = strlen(word);

	if ((size_t)(scan->end - scan->at) < length || memcmp(scan->at, word, length) != 0)
		return false;
	scan->at += length;
	return true;
}

static bool scan_member(struct scan *scan)
{
	scan_space(scan);
	if (!scan_string(scan))
		return false;
	scan_space(scan);
	return scan_take(scan, ':') && scan_value(scan);
}

/* From after the opening bracket to the closing one. */
static bool scan_items(struct scan *scan, char close, bool (*item)(struct scan *))
{
	if (++scan->depth > JSON_DEPTH_MAX)
		return false;
	scan_space(scan);
	if (!scan_take(scan, close)) {
		do {
			if (!item(scan))
				return false;
		} while (scan_take(scan, ','));
		if (!scan_take(scan, close))
			return false;
	}
	scan->depth--;
	return true;
}

static bool scan_plain_value(struct scan *scan)
{
	switch (scan_peek(scan)) {
	case '{':
		scan->at++;
		return scan_items(scan, '}', scan_member);
	case '[':
		scan->at++;
		return scan_items(scan, ']', scan_value);
	case '"':
		return scan_string(scan);
	case 't':
		return scan_word(scan, "true");
	case 'f':
		return scan_word(scan, "false");
	case 'n':
		return scan_word(scan, "null");
	default:
		return scan_number(scan);
	}
}

static bool scan_value(struct scan *scan)
{
	scan_space(scan);
	if (!scan_plain_value(scan))
		return false;
	scan_space(scan);
	return true;
}

bool json_scan_object(const char *text, size_t length)
{
	struct scan scan = { .at = text, .end = text + length };

	scan_space(&scan);
	return scan_peek(&scan) == '{' && scan_value(&scan) && scan.at == scan.end;
}
