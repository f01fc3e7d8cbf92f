/*
 * A line is built on the stack and written by one write(2): no allocation, no lock. Room for the
 * tail is reserved, so that a truncated line is still JSON.
 */
#include "base/log.h"

#include "base/clock.h"
#include "base/decimal.h"
#include "base/escape.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TAIL ",\"truncated\":true}\n"
#define MEMBERS_MAX (LOG_LINE_MAX - (sizeof(TAIL) - 1))
#define DETAIL_MAX 1024

static _Atomic int least_level = LOG_LEVEL_INFO;
static _Atomic int log_fd = STDERR_FILENO;

static const char *const level_names[] = {
	[LOG_LEVEL_DEBUG] = "debug",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_WARN] = "warn",
	[LOG_LEVEL_ERROR] = "error",
};

void log_set_level(enum log_level level)
{
	atomic_store(&least_level, (int)level);
}

void log_set_fd(int fd)
{
	atomic_store(&log_fd, fd);
}

static bool line_put(struct log_line *line, const char *bytes, size_t length)
{
	if (length > MEMBERS_MAX - line->length)
		return false;
	memcpy(line->text + line->length, bytes, length);
	line->length += length;
	return true;
}

static bool line_put_key(struct log_line *line, const char *key)
{
	return line_put(line, line->length == 0 ? "{\"" : ",\"", 2) &&
	       line_put(line, key, strlen(key)) && line_put(line, "\":", 2);
}

static bool line_put_escaped(struct log_line *line, const char *text, size_t length)
{
	char scratch[ESCAPE_MAX];
	struct escape_piece piece;

	if (escape_plain(text, length) == length)
		return line_put(line, text, length);
	while ((piece = escape_next(&text, scratch)).length > 0)
		if (!line_put(line, piece.bytes, piece.length))
			return false;
	return true;
}

/* Removes the member that did not fit. */
static void line_cut(struct log_line *line, size_t mark)
{
	line->length = mark;
	line->truncated = true;
}

/* A JSON number, true or false. */
static void line_put_word(struct log_line *line, const char *key, const char *word, size_t length)
{
	size_t mark = line->length;

	if (line->wanted && !(line_put_key(line, key) && line_put(line, word, length)))
		line_cut(line, mark);
}

void log_begin(struct log_line *line, enum log_level level, const char *event)
{
	line->wanted = (int)level >= atomic_load_explicit(&least_level, memory_order_relaxed);
	line->truncated = false;
	line->length = 0;
	if (!line->wanted)
		return;
	log_string(line, "time", clock_iso_utc(clock_unix_ms()).text);
	log_string(line, "level", level_names[level]);
	log_string(line, "event", event);
	log_integer(line, "pid", getpid());
}

void log_string(struct log_line *line, const char *key, const char *value)
{
	size_t mark = line->length;

	if (line->wanted && value &&
	    !(line_put_key(line, key) && line_put(line, "\"", 1) &&
	      line_put_escaped(line, value, strlen(value)) && line_put(line, "\"", 1)))
		line_cut(line, mark);
}

void log_integer(struct log_line *line, const char *key, int64_t value)
{
	struct decimal number = decimal(value);

	line_put_word(line, key, number.text, number.length);
}

void log_bool(struct log_line *line, const char *key, bool value)
{
	line_put_word(line, key, value ? "true" : "false",
		      value ? strlen("true") : strlen("false"));
}

/* A line that cannot be written is lost. Keeps errno: callers log between a failed call and the use
 * of its errno. */
void log_end(struct log_line *line)
{
	const char *tail = line->truncated ? TAIL : "}\n";
	int fd = atomic_load_explicit(&log_fd, memory_order_relaxed);
	int error = errno;

	if (!line->wanted)
		return;
	memcpy(line->text + line->length, tail, strlen(tail));
	line->length += strlen(tail);
	while (write(fd, line->text, line->length) < 0 && errno == EINTR)
		continue;
	errno = error;
}

void log_event(enum log_level level, const char *event, const char *format, ...)
{
	char detail[DETAIL_MAX];
	struct log_line line;
	va_list args;
	int length;

	log_begin(&line, level, event);
	if (!line.wanted)
		return;
	va_start(args, format);
	length = vsnprintf(detail, sizeof(detail), format, args);
	va_end(args);
	if (length < 0)
		detail[0] = '\0';
	line.truncated |= length >= DETAIL_MAX;
	log_string(&line, "detail", detail);
	log_end(&line);
}
