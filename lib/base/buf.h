/*
 * A byte buffer that grows up to a limit. A write that cannot be stored (no
 * memory, or past the limit) marks the buffer failed and changes nothing more;
 * the writer checks once, at the end.
 */
#ifndef PAYMENTS_BASE_BUF_H
#define PAYMENTS_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

struct buf {
	char *data;    /* NUL-terminated where not NULL */
	size_t length; /* bytes, without the NUL */
	size_t capacity;
	size_t dirty; /* bytes that earlier contents left behind; wiped with the rest */
	size_t limit; /* most bytes it may hold; 0: BUF_LIMIT_DEFAULT */
	bool failed;  /* a write was lost: the content must not be used */
};

#define BUF_LIMIT_DEFAULT ((size_t)8 << 20) /* the largest answer: a seat map of 50,000 seats */

/* Adds bytes, a text (NULL is a mistake of ours), what printf would write. A buf begins zeroed. */
void buf_append(struct buf *buf, const char *bytes, size_t length);
void buf_puts(struct buf *buf, const char *text);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Makes room for that much more at once, where it can be told ahead. A hint: nothing fails. */
void buf_expect(struct buf *buf, size_t more);
/* Where to write up to `more` bytes by hand; NULL: the buffer is failed. buf_wrote says up to
 * where. */
char *buf_room(struct buf *buf, size_t more);
void buf_wrote(struct buf *buf, char *end);
/* Empties it and keeps its memory; clears `failed`. */
void buf_reset(struct buf *buf);
/* Frees its memory; the struct is as if zeroed. */
void buf_free(struct buf *buf);
/* The content, "" where nothing was written. Valid until the next write. */
const char *buf_text(const struct buf *buf);

#endif
