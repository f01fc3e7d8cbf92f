#include "base/json_out.h"

#include "base/decimal.h"
#include "base/escape.h"

#include <string.h>

void json_escape(struct buf *buf, const char *text)
{
	char scratch[ESCAPE_MAX];
	struct escape_piece piece;

	while ((piece = escape_next(&text, scratch)).length > 0)
		buf_append(buf, piece.bytes, piece.length);
}

static char *bytes_copy(char *at, const char *bytes, size_t length)
{
	memcpy(at, bytes, length);
	return at + length;
}

/* Comma and key, and room for a value of `more` bytes. NULL: the buffer is failed. */
static char *lead_in_with(struct json_out *out, const char *key, size_t more)
{
	size_t length = key ? strlen(key) : 0;
	char *at = buf_room(out->buf, length + strlen(",\"\":") + more);

	if (!at)
		return NULL;
	if (out->comma)
		*at++ = ',';
	out->comma = true;
	if (key) {
		*at++ = '"';
		at = bytes_copy(at, key, length);
		*at++ = '"';
		*at++ = ':';
	}
	return at;
}

static void lead_in(struct json_out *out, const char *key)
{
	char *at = lead_in_with(out, key, 0);

	if (at)
		buf_wrote(out->buf, at);
}

static void open_bracket(struct json_out *out, const char *key, const char *bracket)
{
	lead_in(out, key);
	buf_append(out->buf, bracket, 1);
	out->comma = false;
}

static void close_bracket(struct json_out *out, const char *bracket)
{
	buf_append(out->buf, bracket, 1);
	out->comma = true;
}

void json_object_begin(struct json_out *out, const char *key)
{
	open_bracket(out, key, "{");
}

void json_object_end(struct json_out *out)
{
	close_bracket(out, "}");
}

void json_array_begin(struct json_out *out, const char *key)
{
	open_bracket(out, key, "[");
}

void json_array_end(struct json_out *out)
{
	close_bracket(out, "]");
}

void json_raw(struct json_out *out, const char *key, const char *json)
{
	lead_in(out, key);
	buf_puts(out->buf, json ? json : "null");
}

void json_null(struct json_out *out, const char *key)
{
	json_raw(out, key, NULL);
}

void json_bool(struct json_out *out, const char *key, bool value)
{
	json_raw(out, key, value ? "true" : "false");
}

void json_string(struct json_out *out, const char *key, const char *value)
{
	size_t length;

	if (!value) {
		json_null(out, key);
		return;
	}
	length = strlen(value);
	if (escape_plain(value, length) == length) {
		json_plain(out, key, value, length);
		return;
	}
	lead_in(out, key);
	buf_append(out->buf, "\"", 1);
	json_escape(out->buf, value);
	buf_append(out->buf, "\"", 1);
}

void json_plain(struct json_out *out, const char *key, const char *text, size_t length)
{
	char *at = lead_in_with(out, key, length + strlen("\"\""));

	if (!at)
		return;
	*at++ = '"';
	at = bytes_copy(at, text, length);
	*at++ = '"';
	buf_wrote(out->buf, at);
}

void json_integer(struct json_out *out, const char *key, int64_t value)
{
	struct decimal number = decimal(value);
	char *at = lead_in_with(out, key, number.length);

	if (at)
		buf_wrote(out->buf, bytes_copy(at, number.text, number.length));
}
