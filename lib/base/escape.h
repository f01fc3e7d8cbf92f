/* Escaping of JSON strings, for answers and log lines. It returns pieces, so that both a growing
 * buffer and the log's fixed line can take them. */
#ifndef PAYMENTS_BASE_ESCAPE_H
#define PAYMENTS_BASE_ESCAPE_H

#include <stddef.h>

#define ESCAPE_MAX 8 /* bytes of one escaped character, with its NUL */

struct escape_piece {
	const char *bytes;
	size_t length; /* 0: end of the text */
};

/*
 * Returns the next piece of the NUL-terminated *text and moves *text past it: a run without
 * escapes, or one escaped character in `scratch`. Escaped are quote, backslash, control characters
 * (C0, DEL, and C1, which some terminals obey) and bytes that are not valid UTF-8.
 */
struct escape_piece escape_next(const char **text, char scratch[ESCAPE_MAX]);

/* How many bytes at the beginning are ASCII without escapes. */
size_t escape_plain(const char *text, size_t length);

#endif
