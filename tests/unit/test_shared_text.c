/* If these fail, an answer has the word of another answer, or none, or is freed while it is
 * sent. */
#include "base/shared_text.h"
#include "suites.h"

#include <pthread.h>
#include <string.h>
#include <sys/uio.h>

#define HOLDERS 32
#define TEXT "[{a},{b},{c}]"

static struct shared_text *make(const char *content)
{
	struct buf text = { .data = NULL };
	struct shared_text *shared;

	buf_puts(&text, content);
	shared = shared_text_of(&text);
	ck_assert_ptr_nonnull(shared);
	ck_assert_ptr_null(text.data);
	return shared;
}

static void join(const struct spliced *spliced, struct buf *out)
{
	struct buf pieces = { .data = NULL };
	struct iovec piece;

	spliced_pieces(spliced, &pieces);
	ck_assert(!pieces.failed);
	for (size_t at = 0; at < pieces.length; at += sizeof(piece)) {
		memcpy(&piece, pieces.data + at, sizeof(piece));
		buf_append(out, piece.iov_base, piece.iov_len);
	}
	buf_free(&pieces);
}

static void check(struct spliced *spliced, const char *expected)
{
	struct buf found = { .data = NULL };

	join(spliced, &found);
	ck_assert_str_eq(buf_text(&found), expected);
	ck_assert_uint_eq(spliced_length(spliced), strlen(expected));
	buf_free(&found);
}

static const struct {
	size_t places[4];
	int count;
	const char *expected;
} spliced_texts[] = {
	{ { 0 }, 0, "[{a},{b},{c}]" },
	{ { 3 }, 1, "[{a!!},{b},{c}]" },
	{ { 3, 7, 11 }, 3, "[{a!!},{b!!},{c!!}]" },
	{ { 0, 13 }, 2, "!![{a},{b},{c}]!!" },
	{ { 3, 3 }, 2, "[{a!!!!},{b},{c}]" },
};

START_TEST(each_has_its_own_words)
{
	struct spliced one = { .text = make(TEXT), .word = "!!" }, other = { .text = NULL };

	other.text = shared_text_hold(one.text);
	for (int i = 0; i < spliced_texts[_i].count; i++)
		spliced_put(&one, spliced_texts[_i].places[i]);
	check(&one, spliced_texts[_i].expected);
	check(&other, TEXT);
	spliced_free(&one);
	ck_assert_ptr_null(one.text);
	check(&other, TEXT);
	spliced_free(&other);
	spliced_free(&other);
}
END_TEST

START_TEST(an_empty_text)
{
	struct spliced spliced = { .text = make(""), .word = "!!" };

	check(&spliced, "");
	spliced_put(&spliced, 0);
	check(&spliced, "!!");
	spliced_free(&spliced);
}
END_TEST

START_TEST(of_a_failed_buffer_there_is_none)
{
	struct buf text = { .limit = 4 };

	buf_puts(&text, "12345");
	ck_assert(text.failed);
	ck_assert_ptr_null(shared_text_of(&text));
	ck_assert_ptr_null(text.data);
	shared_text_drop(NULL);
}
END_TEST

static void *hold_and_drop(void *shared)
{
	struct spliced spliced = { .text = shared, .word = "" };

	check(&spliced, TEXT);
	spliced_free(&spliced);
	return NULL;
}

/* The sanitizers tell whether it was freed once, after the last. */
START_TEST(many_hold_it)
{
	struct shared_text *text = make(TEXT);
	pthread_t threads[HOLDERS];

	for (int i = 0; i < HOLDERS; i++)
		ck_assert_int_eq(
			pthread_create(&threads[i], NULL, hold_and_drop, shared_text_hold(text)),
			0);
	shared_text_drop(text);
	for (int i = 0; i < HOLDERS; i++)
		pthread_join(threads[i], NULL);
}
END_TEST

Suite *suite_shared_text(void)
{
	Suite *suite = suite_create("shared_text");
	TCase *tcase = tcase_create("shared_text");

	tcase_add_loop_test(tcase, each_has_its_own_words, 0,
			    sizeof(spliced_texts) / sizeof(spliced_texts[0]));
	tcase_add_test(tcase, an_empty_text);
	tcase_add_test(tcase, of_a_failed_buffer_there_is_none);
	tcase_add_test(tcase, many_hold_it);
	suite_add_tcase(suite, tcase);
	return suite;
}
