/*
 * A buffer may hold a password or the token of a card: freeing wipes it, and growing does not use
 * realloc, which may leave a copy behind.
 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CAPACITY_MIN ((size_t)512) /* enough for most answers of the API */

static size_t buf_limit(const struct buf *buf)
{
	return buf->limit > 0 ? buf->limit : BUF_LIMIT_DEFAULT;
}

/* Wipes only what was written: the other pages may never have been touched. */
static void buf_drop(struct buf *buf)
{
	if (buf->data)
		explicit_bzero(buf->data, buf->length > buf->dirty ? buf->length : buf->dirty);
	free(buf->data);
	buf->data = NULL;
	buf->capacity = buf->dirty = 0;
}

static bool buf_grow(struct buf *buf, size_t wanted)
{
	size_t capacity = buf->capacity * 2 > wanted ? buf->capacity * 2 : wanted;
	char *data;

	if (capacity < CAPACITY_MIN)
		capacity = CAPACITY_MIN;
	data = malloc(capacity);
	if (!data)
		return false;
	if (buf->length > 0)
		memcpy(data, buf->data, buf->length);
	data[buf->length] = '\0';
	buf_drop(buf);
	buf->data = data;
	buf->capacity = capacity;
	return true;
}

/* Makes room for `more` bytes and a NUL. False: the buffer is failed. */
static bool buf_reserve(struct buf *buf, size_t more)
{
	if (buf->failed)
		return false;
	if (buf->length > buf_limit(buf) || more > buf_limit(buf) - buf->length)
		buf->failed = true;
	else if (buf->length + more + 1 > buf->capacity)
		buf->failed = !buf_grow(buf, buf->length + more + 1);
	return !buf->failed;
}

/* The fast path of buf_reserve: an answer consists of many short pieces. */
static bool buf_fits(const struct buf *buf, size_t more)
{
	return !buf->failed && more < buf->capacity - buf->length &&
	       buf->length + more <= buf_limit(buf);
}

void buf_expect(struct buf *buf, size_t more)
{
	if (!buf->failed && buf->length <= buf_limit(buf) && more <= buf_limit(buf) - buf->length &&
	    buf->length + more + 1 > buf->capacity)
		buf_grow(buf, buf->length + more + 1);
}

char *buf_room(struct buf *buf, size_t more)
{
	if (!buf_fits(buf, more) && !buf_reserve(buf, more))
		return NULL;
	return buf->data + buf->length;
}

void buf_wrote(struct buf *buf, char *end)
{
	*end = '\0';
	buf->length = (size_t)(end - buf->data);
}

void buf_append(struct buf *buf, const char *bytes, size_t length)
{
	if (length == 0 || (!buf_fits(buf, length) && !buf_reserve(buf, length)))
		return;
	memcpy(buf->data + buf->length, bytes, length);
	buf->length += length;
	buf->data[buf->length] = '\0';
}

void buf_puts(struct buf *buf, const char *text)
{
	buf_append(buf, text, strlen(text));
}

void buf_printf(struct buf *buf, const char *format, ...)
{
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (length < 0)
		buf->failed = true;
	if (length <= 0 || !buf_reserve(buf, (size_t)length))
		return;

	va_start(args, format);
	vsnprintf(buf->data + buf->length, (size_t)length + 1, format, args);
	va_end(args);
	buf->length += (size_t)length;
}

void buf_reset(struct buf *buf)
{
	if (buf->length > buf->dirty)
		buf->dirty = buf->length;
	buf->length = 0;
	buf->failed = false;
	if (buf->data)
		buf->data[0] = '\0';
}

void buf_free(struct buf *buf)
{
	buf_drop(buf);
	memset(buf, 0, sizeof(*buf));
}

const char *buf_text(const struct buf *buf)
{
	return buf->data ? buf->data : "";
}
