/*
 * The log: one JSON object a line on stderr, by a single write(2), so that lines of threads and
 * processes do not mix.
 *
 *   struct log_line line;
 *   log_begin(&line, LOG_LEVEL_WARN, "database_lost");
 *   log_string(&line, "requestId", id);
 *   log_integer(&line, "waitMs", ms);
 *   log_end(&line);
 *
 * Every line begins with "time", "level", "event", "pid". Never log tokens, cvv, secrets or SQL
 * parameters. A line longer than LOG_LINE_MAX loses members and gets "truncated": true.
 */
#ifndef PAYMENTS_BASE_LOG_H
#define PAYMENTS_BASE_LOG_H

#include "base/buf.h"
#include "base/json_out.h"

#include <stdint.h>

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

#define LOG_LINE_MAX 4096 /* bytes; PIPE_BUF on Linux: a write to a pipe is atomic */

struct log_line {
	bool wanted; /* the level is high enough */
	bool truncated;
	size_t length;
	char text[LOG_LINE_MAX];
};

/* Drops lines below `level`. Any thread, at any time. */
void log_set_level(enum log_level level);
/* The default is 2. For tests. */
void log_set_fd(int fd);

/* The other calls do nothing if `level` is too low. Any thread. */
void log_begin(struct log_line *line, enum log_level level, const char *event);
/* `key` needs no escaping. A NULL value leaves the member out. */
void log_string(struct log_line *line, const char *key, const char *value);
void log_integer(struct log_line *line, const char *key, int64_t value);
void log_bool(struct log_line *line, const char *key, bool value);
/* Writes the line. If that fails the line is lost: a log must not stop a payment. */
void log_end(struct log_line *line);

/* A whole line: event and a detail in printf's format. */
void log_event(enum log_level level, const char *event, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
