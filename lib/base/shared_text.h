/*
 * One text in many answers: written once, read by all who send it, freed with the
 * last of them. An answer may have a word of its own in some places, without a copy
 * of the rest.
 */
#ifndef PAYMENTS_BASE_SHARED_TEXT_H
#define PAYMENTS_BASE_SHARED_TEXT_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

struct shared_text; /* never changed once it is shared; any thread may hold and drop it */

/* Takes the content of `text`, whose memory it becomes; the caller holds it. NULL: no memory, or
 * text->failed; `text` is empty either way. */
struct shared_text *shared_text_of(struct buf *text);
struct shared_text *shared_text_hold(struct shared_text *text);
void shared_text_drop(struct shared_text *text); /* NULL: nothing */

/* One answer. Begins zeroed, which is none. */
struct spliced {
	struct shared_text *text; /* held by it; NULL: no answer */
	const char *word;	  /* what stands in the places; outlives it */
	struct buf places; /* offsets of the text, rising, a size_t each; failed: not to be used */
};

/* Puts the word in at that offset, which is no smaller than those before. */
void spliced_put(struct spliced *spliced, size_t place);
size_t spliced_length(const struct spliced *spliced);
/* Appends its pieces to `pieces`, in order, a struct iovec each. They are valid as long as it
 * is. */
void spliced_pieces(const struct spliced *spliced, struct buf *pieces);
void spliced_free(struct spliced *spliced);

#endif
