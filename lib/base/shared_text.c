#include "base/shared_text.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

struct shared_text {
	atomic_int holders;
	struct buf text;
};

struct shared_text *shared_text_of(struct buf *text)
{
	struct shared_text *shared = text->failed ? NULL : malloc(sizeof(*shared));

	if (!shared) {
		buf_free(text);
		return NULL;
	}
	atomic_init(&shared->holders, 1);
	shared->text = *text;
	*text = (struct buf){ .data = NULL };
	return shared;
}

struct shared_text *shared_text_hold(struct shared_text *text)
{
	atomic_fetch_add_explicit(&text->holders, 1, memory_order_relaxed);
	return text;
}

void shared_text_drop(struct shared_text *text)
{
	/* acq_rel: all reads of other threads come before the free */
	if (!text || atomic_fetch_sub_explicit(&text->holders, 1, memory_order_acq_rel) > 1)
		return;
	buf_free(&text->text);
	free(text);
}

static size_t place_count(const struct spliced *spliced)
{
	return spliced->places.length / sizeof(size_t);
}

static size_t place_at(const struct spliced *spliced, size_t n)
{
	size_t place;

	memcpy(&place, spliced->places.data + n * sizeof(place), sizeof(place));
	return place;
}

void spliced_put(struct spliced *spliced, size_t place)
{
	buf_append(&spliced->places, (const char *)&place, sizeof(place));
}

size_t spliced_length(const struct spliced *spliced)
{
	return spliced->text->text.length +
	       place_count(spliced) * (spliced->word ? strlen(spliced->word) : 0);
}

static void add_piece(struct buf *pieces, const char *from, size_t length)
{
	struct iovec piece = { (char *)from, length };

	buf_append(pieces, (const char *)&piece, sizeof(piece));
}

void spliced_pieces(const struct spliced *spliced, struct buf *pieces)
{
	const struct buf *text = &spliced->text->text;
	size_t at = 0;

	for (size_t n = 0; n < place_count(spliced); n++) {
		size_t place = place_at(spliced, n);

		assert(place >= at && place <= text->length);
		add_piece(pieces, buf_text(text) + at, place - at);
		add_piece(pieces, spliced->word, strlen(spliced->word));
		at = place;
	}
	add_piece(pieces, buf_text(text) + at, text->length - at);
}

void spliced_free(struct spliced *spliced)
{
	shared_text_drop(spliced->text);
	buf_free(&spliced->places);
	*spliced = (struct spliced){ .text = NULL };
}
