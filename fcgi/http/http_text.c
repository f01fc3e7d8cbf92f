#include "fcgi/http/http_text.h"

#include "base/hex.h"
#include "base/utf8.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define REQUEST_ID_BYTES 64
#define KEY_BYTES 255
#define Q_FULL 1000 /* q=1, in thousandths */

static bool is_control(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f;
}

bool http_has_control(const char *text)
{
	for (; *text; text++)
		if (is_control(*text))
			return true;
	return false;
}

/* Copies as much as fits. False: the text was cut. */
static bool copy_text(const char *from, size_t length, char *out, size_t size)
{
	size_t kept = length < size ? length : size - 1;

	memcpy(out, from, kept);
	out[kept] = '\0';
	return kept == length;
}

static size_t length_without_slashes(const char *text)
{
	size_t length = strlen(text);

	while (length > 0 && text[length - 1] == '/')
		length--;
	return length;
}

bool http_path_below(const char *uri, const char *mount, char *out, size_t size)
{
	size_t mount_length = length_without_slashes(mount);

	if (strncmp(uri, mount, mount_length) == 0) {
		const char *path = uri + mount_length;

		if ((*path == '/' || *path == '\0') && !http_has_control(path) &&
		    copy_text(path, length_without_slashes(path), out, size))
			return true;
	}
	copy_text(uri, strlen(uri), out, size);
	return false;
}

bool http_path_match(const char *pattern, const char *path, char *out, size_t size)
{
	out[0] = '\0';
	while (*pattern) {
		if (*pattern == '{') {
			size_t length = strcspn(path, "/");

			if (length == 0)
				return false;
			copy_text(path, length, out, size);
			path += length;
			pattern += strcspn(pattern, "}") + 1;
		} else if (*pattern++ != *path++) {
			return false;
		}
	}
	return *path == '\0';
}

static const char *skip_blanks(const char *at)
{
	return at + strspn(at, " \t");
}

/* The q of a language range, in thousandths. An invalid q counts as 0: not wanted. */
static int q_parse(const char *at, const char *end)
{
	int q = 0;

	while (at < end && *at != ';')
		at++;
	if (at == end)
		return Q_FULL;
	at = skip_blanks(at + 1);
	if (strncasecmp(at, "q=", 2) != 0)
		return Q_FULL;
	at += 2;
	if (*at == '1')
		return Q_FULL;
	if (at[0] != '0' || at[1] != '.')
		return 0;
	at += 2;
	for (int unit = 100; unit > 0 && isdigit((unsigned char)*at); unit /= 10)
		q += (*at++ - '0') * unit;
	return q;
}

static bool range_is(const char *range, const char *tag)
{
	size_t length = strlen(tag);

	return strncasecmp(range, tag, length) == 0 && !isalnum((unsigned char)range[length]);
}

enum language http_language(const char *accept, enum language fallback)
{
	static const char *const tags[2] = { [LANGUAGE_KO] = "ko", [LANGUAGE_EN] = "en" };
	enum language first = fallback;
	int q[2] = { -1, -1 };
	int star = -1;

	for (const char *at = accept ? accept : ""; *at; at += strspn(at, ",")) {
		const char *end;

		at = skip_blanks(at);
		end = at + strcspn(at, ",");
		for (enum language l = LANGUAGE_KO; l <= LANGUAGE_EN; l++) {
			if (!range_is(at, tags[l]))
				continue;
			if (q[LANGUAGE_KO] < 0 && q[LANGUAGE_EN] < 0)
				first = l;
			if (q_parse(at, end) > q[l])
				q[l] = q_parse(at, end);
		}
		if (*at == '*')
			star = q_parse(at, end);
		at = end;
	}
	for (enum language l = LANGUAGE_KO; l <= LANGUAGE_EN; l++)
		if (q[l] < 0)
			q[l] = star;
	if (q[LANGUAGE_KO] <= 0 && q[LANGUAGE_EN] <= 0)
		return fallback;
	if (q[LANGUAGE_KO] == q[LANGUAGE_EN])
		return first;
	return q[LANGUAGE_KO] > q[LANGUAGE_EN] ? LANGUAGE_KO : LANGUAGE_EN;
}

bool http_id_sane(const char *id)
{
	size_t length = 0;

	for (; id[length]; length++)
		if (length == REQUEST_ID_BYTES ||
		    (!isalnum((unsigned char)id[length]) && !strchr("._-", id[length])))
			return false;
	return length > 0;
}

bool http_key_sane(const char *key)
{
	size_t length = 0;

	for (; key[length]; length++)
		if (length == KEY_BYTES || key[length] < 0x20 || key[length] > 0x7e)
			return false;
	return length > 0;
}

bool http_is_json(const char *content_type)
{
	static const char json[] = "application/json";

	if (!content_type)
		return false;
	content_type = skip_blanks(content_type);
	if (strncasecmp(content_type, json, sizeof(json) - 1) != 0)
		return false;
	content_type = skip_blanks(content_type + sizeof(json) - 1);
	return *content_type == '\0' || *content_type == ';';
}

bool http_etag_matches(const char *if_none_match, const char *etag)
{
	size_t length = strlen(etag);

	for (const char *at = if_none_match ? if_none_match : ""; *at; at++) {
		at = skip_blanks(at);
		if (*at == '*')
			return true;
		if (strncmp(at, "W/", 2) == 0)
			at += 2;
		if (strncmp(at, etag, length) == 0)
			return true;
		at += strcspn(at, ",");
		if (*at == '\0')
			return false;
	}
	return false;
}

int64_t http_length(const char *text)
{
	if (!text || *text == '\0')
		return 0;
	if (text[strspn(text, "0123456789")] != '\0')
		return -1;
	return strtoll(text, NULL, 10); /* saturates, and stays too large */
}

int64_t http_unix_ms(const char *text)
{
	size_t seconds = text ? strspn(text, "0123456789") : 0;

	if (seconds == 0 || seconds > 12 || text[seconds] != '.' ||
	    strspn(text + seconds + 1, "0123456789") != 3 || text[seconds + 4] != '\0')
		return -1;
	return strtoll(text, NULL, 10) * 1000 + strtoll(text + seconds + 1, NULL, 10);
}

static bool text_is_clean(const char *text)
{
	const char *end = text + strlen(text);

	while (text < end) {
		size_t length = utf8_length(text, (size_t)(end - text));

		if (length == 0 || is_control(*text))
			return false;
		text += length;
	}
	return true;
}

/* Decodes up to `end`. Refuses %00: text_is_clean would stop at it. */
static bool percent_decode(const char *at, const char *end, char *out, size_t size)
{
	size_t length = 0;

	while (at < end) {
		char c = *at++;

		if (c == '+') {
			c = ' ';
		} else if (c == '%') {
			int high = at < end ? hex_digit(at[0]) : -1;
			int low = high >= 0 && at + 1 < end ? hex_digit(at[1]) : -1;

			if (low < 0 || high + low == 0)
				return false;
			c = (char)(high << 4 | low);
			at += 2;
		}
		if (length + 1 >= size)
			return false;
		out[length++] = c;
	}
	out[length] = '\0';
	return true;
}

/* The start of the first value of `name`; NULL: none. */
static const char *query_find(const char *query, const char *name)
{
	size_t length = strlen(name);

	while (*query) {
		const char *end = query + strcspn(query, "&");

		if (strncmp(query, name, length) == 0 && query[length] == '=')
			return query + length + 1;
		query = *end ? end + 1 : end;
	}
	return NULL;
}

enum query http_query(const char *query, const char *name, char *out, size_t size)
{
	const char *value = query_find(query, name);

	out[0] = '\0';
	if (!value)
		return QUERY_ABSENT;
	return percent_decode(value, value + strcspn(value, "&"), out, size) && text_is_clean(out)
		       ? QUERY_VALUE
		       : QUERY_INVALID;
}

const char *http_reason(int http)
{
	/* clang-format off */
	static const struct {
		int http;
		const char *reason;
	} reasons[] = {
		{ 200, "OK" }, { 201, "Created" }, { 304, "Not Modified" },
		{ 400, "Bad Request" }, { 401, "Unauthorized" }, { 402, "Payment Required" },
		{ 403, "Forbidden" }, { 404, "Not Found" }, { 405, "Method Not Allowed" },
		{ 409, "Conflict" }, { 413, "Content Too Large" }, { 415, "Unsupported Media Type" },
		{ 422, "Unprocessable Content" }, { 429, "Too Many Requests" },
		{ 500, "Internal Server Error" }, { 503, "Service Unavailable" },
		{ 504, "Gateway Timeout" },
	};
	/* clang-format on */

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].http == http)
			return reasons[i].reason;
	return "";
}
