/*
 * One text shared by many answers, freed with the last. Each answer may insert its own word in some
 * places, without a copy of the text.
 */
#ifndef PAYMENTS_BASE_SHARED_TEXT_H
#define PAYMENTS_BASE_SHARED_TEXT_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

struct shared_text; /* immutable; any thread may hold and drop it */

/* Takes over the memory of `text`, which is empty afterwards; the caller holds the result. NULL: no
 * memory, or text->failed. */
struct shared_text *shared_text_of(struct buf *text);
struct shared_text *shared_text_hold(struct shared_text *text);
void shared_text_drop(struct shared_text *text); /* NULL: nothing */

/* One answer; zeroed: none. */
struct spliced {
	struct shared_text *text; /* held; NULL: no answer */
	const char *word;	  /* inserted at the places; must outlive the struct */
	struct buf places; /* rising offsets, a size_t each; if failed, do not use the answer */
};

/* `place` is not smaller than the places before it. */
void spliced_put(struct spliced *spliced, size_t place);
size_t spliced_length(const struct spliced *spliced);
/* Appends a struct iovec for each piece, valid as long as `spliced`. */
void spliced_pieces(const struct spliced *spliced, struct buf *pieces);
void spliced_free(struct spliced *spliced);

#endif
