/*
 * Log lines: one JSON object a line on stderr, written by a single write(2) so
 * that lines of several threads and processes never mix.
 *
 *   struct log_line line;
 *   log_begin(&line, LOG_LEVEL_WARN, "database_lost");
 *   log_string(&line, "requestId", id);
 *   log_integer(&line, "waitMs", ms);
 *   log_end(&line);
 *
 * Every line begins with "time", "level", "event", "pid". Tokens, cvv, secrets
 * and SQL parameters are never handed to this module. A line longer than
 * LOG_LINE_MAX loses the members that do not fit and says "truncated": true.
 */
#ifndef PAYMENTS_BASE_LOG_H
#define PAYMENTS_BASE_LOG_H

#include "base/buf.h"
#include "base/json_out.h"

#include <stdint.h>

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

#define LOG_LINE_MAX 4096 /* bytes; PIPE_BUF on Linux, so that a write to a pipe stays whole */

struct log_line {
	bool wanted; /* the level is in force */
	bool truncated;
	size_t length;
	char text[LOG_LINE_MAX];
};

/* Lines below `level` are dropped. Process-wide; may be called at any time, from any thread. */
void log_set_level(enum log_level level);
/* Where lines go: 2 unless told. For tests. */
void log_set_fd(int fd);

/* Begins a line of the caller's, usually on its stack; the rest is skipped where `level` is not in
 * force. Any thread. */
void log_begin(struct log_line *line, enum log_level level, const char *event);
/* `key` is ASCII of ours that needs no escaping. A NULL value leaves the member out. Members that
 * make the line too long are left out. */
void log_string(struct log_line *line, const char *key, const char *value);
void log_integer(struct log_line *line, const char *key, int64_t value);
void log_bool(struct log_line *line, const char *key, bool value);
/* Writes it. What cannot be written is lost: a log must not hold up a payment. */
void log_end(struct log_line *line);

/* A whole line in one call: event and a detail made with printf's format. */
void log_event(enum log_level level, const char *event, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
