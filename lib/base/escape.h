/*
 * The escaping of JSON strings, once for answers and log lines alike. It hands
 * out pieces instead of writing them, so that a growing buffer and the log's
 * fixed line can both take them.
 */
#ifndef PAYMENTS_BASE_ESCAPE_H
#define PAYMENTS_BASE_ESCAPE_H

#include <stddef.h>

#define ESCAPE_MAX 8 /* bytes of one escaped character, with its NUL */

struct escape_piece {
	const char *bytes;
	size_t length; /* 0: the text has come to its end */
};

/*
 * The next piece of the NUL-terminated *text, which is moved on past it: a run
 * that stands for itself, or one escaped character, written to `scratch`.
 * Escaped are quote, backslash, every control character (C0, DEL, C1: some
 * terminals obey those) and every byte that is not part of valid UTF-8.
 */
struct escape_piece escape_next(const char **text, char scratch[ESCAPE_MAX]);

/* How many bytes at its beginning are ASCII that stands for itself: of most texts, all. */
size_t escape_plain(const char *text, size_t length);

#endif
