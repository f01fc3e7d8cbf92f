/*
 * A byte buffer that grows up to a limit. Without memory, or past the limit, it becomes failed and
 * ignores further writes: the writer checks once, at the end.
 */
#ifndef PAYMENTS_BASE_BUF_H
#define PAYMENTS_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

struct buf {
	char *data;    /* NUL-terminated where not NULL */
	size_t length; /* bytes, without the NUL */
	size_t capacity;
	size_t dirty; /* bytes of earlier contents, to be wiped too */
	size_t limit; /* in bytes; 0: BUF_LIMIT_DEFAULT */
	bool failed;  /* a write was lost: do not use the content */
};

#define BUF_LIMIT_DEFAULT ((size_t)8 << 20) /* the largest answer: a seat map of 50,000 seats */

/* A buf begins zeroed. */
void buf_append(struct buf *buf, const char *bytes, size_t length);
void buf_puts(struct buf *buf, const char *text);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Grows at once, where the size is known. A hint: it does not fail. */
void buf_expect(struct buf *buf, size_t more);
/* Room for `more` bytes that the caller writes, then buf_wrote with their end. NULL: failed. */
char *buf_room(struct buf *buf, size_t more);
void buf_wrote(struct buf *buf, char *end);
/* Empties it, keeps the memory, clears `failed`. */
void buf_reset(struct buf *buf);
/* Frees the memory and zeroes the struct. */
void buf_free(struct buf *buf);
/* Never NULL. Valid until the next write. */
const char *buf_text(const struct buf *buf);

#endif
