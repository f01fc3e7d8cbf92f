/* If these fail, a bad id reaches the database, a good one is refused, or two attempts share a key
 * at the gateway. */
#include "base/clock.h"
#include "base/uuid.h"
#include "suites.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define GOOD "0190b2a4-7c1e-7abc-8def-0123456789ab"
#define THREADS 4
#define IDS_PER_THREAD 2000

static const char *const bad_ids[] = {
	"",
	"0190b2a4-7c1e-7abc-8def-0123456789a",
	"0190b2a4-7c1e-7abc-8def-0123456789abc",
	"0190b2a4-7c1e-7abc-8def-0123456789ag",
	"{0190b2a4-7c1e-7abc-8def-0123456789ab}",
	" 0190b2a4-7c1e-7abc-8def-0123456789ab",
	"0190b2a4-7c1e-7abc-8def-0123456789ab ",
	"0190b2a47c1e7abc8def0123456789ab",
	"0190b2a4_7c1e-7abc-8def-0123456789ab",
	"0190b2a4-7c1e-7abc-8def-01234567-9ab",
	"0190b2a-47c1e-7abc-8def-0123456789ab",
	"0190b2a4-7c1e-7abc-8def-0123456789a\n",
};

START_TEST(good_id_is_taken_in_any_case)
{
	struct uuid id;

	ck_assert(uuid_parse(GOOD, &id));
	ck_assert_str_eq(id.text, GOOD);
	ck_assert(uuid_parse("0190B2A4-7C1E-7aBC-8DEF-0123456789AB", &id));
	ck_assert_str_eq(id.text, GOOD);
}
END_TEST

START_TEST(bad_id_is_refused_and_leaves_the_old_one)
{
	struct uuid id = { "old" };

	ck_assert(!uuid_parse(bad_ids[_i], &id));
	ck_assert_str_eq(id.text, "old");
}
END_TEST

START_TEST(no_text_is_refused)
{
	struct uuid id;

	ck_assert(!uuid_parse(NULL, &id));
}
END_TEST

START_TEST(bytes_are_written_in_order)
{
	static const uint8_t bytes[UUID_BYTES] = { 0x01, 0x90, 0xb2, 0xa4, 0x7c, 0x1e, 0x7a, 0xbc,
						   0x8d, 0xef, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab };

	ck_assert_str_eq(uuid_from_bytes(bytes).text, GOOD);
}
END_TEST

START_TEST(new_id_is_version_7_of_now)
{
	int64_t before_ms = clock_unix_ms();
	struct uuid id = uuid_new(), again;
	int64_t after_ms = clock_unix_ms();
	char digits[13] = "";
	int64_t in_id_ms;

	ck_assert(uuid_parse(id.text, &again));
	ck_assert_str_eq(again.text, id.text);
	ck_assert_int_eq(id.text[14], '7');
	ck_assert_ptr_nonnull(strchr("89ab", id.text[19]));
	memcpy(digits, id.text, 8);
	memcpy(digits + 8, id.text + 9, 4);
	in_id_ms = strtoll(digits, NULL, 16);
	ck_assert_int_ge(in_id_ms, before_ms);
	ck_assert_int_le(in_id_ms, after_ms);
}
END_TEST

static void *make_ids(void *argument)
{
	struct uuid *ids = argument;

	for (int i = 0; i < IDS_PER_THREAD; i++)
		ids[i] = uuid_new();
	return NULL;
}

static int compare_ids(const void *a, const void *b)
{
	return strcmp(((const struct uuid *)a)->text, ((const struct uuid *)b)->text);
}

START_TEST(ids_of_several_threads_all_differ)
{
	static struct uuid ids[THREADS * IDS_PER_THREAD];
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(
			pthread_create(&threads[i], NULL, make_ids, ids + i * IDS_PER_THREAD), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	qsort(ids, THREADS * IDS_PER_THREAD, sizeof(ids[0]), compare_ids);
	for (int i = 1; i < THREADS * IDS_PER_THREAD; i++)
		ck_assert_str_ne(ids[i - 1].text, ids[i].text);
}
END_TEST

Suite *suite_uuid(void)
{
	Suite *suite = suite_create("uuid");
	TCase *tcase = tcase_create("uuid");

	tcase_add_test(tcase, good_id_is_taken_in_any_case);
	tcase_add_loop_test(tcase, bad_id_is_refused_and_leaves_the_old_one, 0,
			    sizeof(bad_ids) / sizeof(bad_ids[0]));
	tcase_add_test(tcase, no_text_is_refused);
	tcase_add_test(tcase, bytes_are_written_in_order);
	tcase_add_test(tcase, new_id_is_version_7_of_now);
	tcase_add_test(tcase, ids_of_several_threads_all_differ);
	suite_add_tcase(suite, tcase);
	return suite;
}
