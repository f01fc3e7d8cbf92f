/* If these fail, a value of the database is read as another value. */
#include "db_fixture.h"
#include "suites.h"

#include <signal.h>

static const struct db_policy once = { .tries = 1 };

static void check_kinds(const struct db_step *steps, void *context)
{
	const struct db_result *result = steps[0].result;

	ck_assert_int_eq(db_rows(result), 1);
	ck_assert(db_boolean(result, 0, 0));
	ck_assert(!db_boolean(result, 0, 1));
	ck_assert_ptr_null(db_text(result, 0, 2));
	ck_assert(!db_boolean(result, 0, 2));
	ck_assert_int_eq(db_integer(result, 0, 2), 0);
	ck_assert_int_eq(db_integer(result, 0, 3), -5);
	if (context)
		ck_assert_str_eq(db_text(result, 0, 4), context);
	else
		ck_assert_ptr_null(db_text(result, 0, 4));
}

START_TEST(values_come_back_as_they_are)
{
	struct db_step text = STEP(T_KINDS, "한글 'quoted'"), null = STEP(T_KINDS, NULL);

	fixture_open();
	ck_assert_int_eq(db_read(fixture_pool, &text, 1, check_kinds, "한글 'quoted'", NULL),
			 DB_OK);
	ck_assert_int_eq(db_read(fixture_pool, &null, 1, check_kinds, NULL, NULL), DB_OK);
}
END_TEST

/* The columns of T_BINARY. */
enum {
	B_TRUE,
	B_FALSE,
	B_INT2,
	B_INT4,
	B_INT8,
	B_TEXT,
	B_VARCHAR,
	B_JSON,
	B_UUID,
	B_TIMESTAMPTZ,
	B_TIMESTAMP,
	B_BEFORE_1970,
	B_INFINITY,
	B_MINUS_INFINITY,
	B_NO_UUID,
	B_NO_TIME,
	B_NO_INTEGER,
	B_NO_BOOLEAN,
	B_NO_TEXT
};

static int64_t time_at(const struct db_result *result, int column)
{
	int64_t us = 42;

	return db_time(result, 0, column, &us) ? us : -us;
}

static void check_binary(const struct db_step *steps, void *context)
{
	const struct db_result *result = steps[0].result;

	ck_assert(db_boolean(result, 0, B_TRUE));
	ck_assert(!db_boolean(result, 0, B_FALSE));
	ck_assert_int_eq(db_integer(result, 0, B_INT2), -2);
	ck_assert_int_eq(db_integer(result, 0, B_INT4), -3);
	ck_assert_int_eq(db_integer(result, 0, B_INT8), -5000000000);
	ck_assert_str_eq(db_text(result, 0, B_TEXT), context);
	ck_assert_str_eq(db_text(result, 0, B_VARCHAR), context);
	ck_assert_str_eq(db_text(result, 0, B_JSON), "[\"1\"]");
	ck_assert_str_eq(db_uuid(result, 0, B_UUID).text, "0190b2a4-7c1e-7abc-8def-0123456789ab");
	ck_assert_int_eq(time_at(result, B_TIMESTAMPTZ), 1795164012934567);
	ck_assert_int_eq(time_at(result, B_TIMESTAMP),
			 1795164012934567 + 9 * 3600 * INT64_C(1000000));
	ck_assert_int_eq(time_at(result, B_BEFORE_1970), -1);
	for (int column = B_INFINITY; column <= B_MINUS_INFINITY; column++)
		ck_assert_int_eq(time_at(result, column), -42);
	ck_assert_str_eq(db_uuid(result, 0, B_NO_UUID).text, "");
	ck_assert_int_eq(time_at(result, B_NO_TIME), -42);
	ck_assert_int_eq(db_integer(result, 0, B_NO_INTEGER), 0);
	ck_assert(!db_boolean(result, 0, B_NO_BOOLEAN));
	ck_assert_ptr_null(db_text(result, 0, B_NO_TEXT));
}

/* The second time by the statement that the first one prepared. */
START_TEST(binary_values_come_back_as_they_are)
{
	struct db_step step = STEP(T_BINARY, "한글 'quoted'");

	step.format = DB_BINARY;
	fixture_open();
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(
			db_read(fixture_pool, &step, 1, check_binary, "한글 'quoted'", NULL),
			DB_OK);
}
END_TEST

static enum db_code body_read_binary(struct db_tx *tx, void *context)
{
	struct db_step step = STEP(T_BINARY, "x");
	enum db_code code;

	step.format = DB_BINARY;
	code = db_tx_trip(tx, &step, 1);
	if (code == DB_OK)
		ck_assert_ptr_nonnull(db_text(step.result, 0, *(const int *)context));
	return code;
}

START_TEST(a_binary_value_taken_for_text_is_a_bug)
{
	static const int columns[] = { B_TRUE, B_INT4, B_UUID, B_TIMESTAMPTZ };
	int column = columns[_i];

	fixture_open();
	db_tx_run(fixture_pool, &once, body_read_binary, &column, NULL);
}
END_TEST

static enum db_code body_read_text(struct db_tx *tx, void *context)
{
	struct db_step step = STEP(T_KINDS, "x");
	enum db_code code = db_tx_trip(tx, &step, 1);

	if (code == DB_OK)
		*(int64_t *)context = db_integer(step.result, 0, 4);
	return code;
}

START_TEST(text_taken_for_an_integer_is_a_bug)
{
	int64_t value;

	fixture_open();
	db_tx_run(fixture_pool, &once, body_read_text, &value, NULL);
}
END_TEST

Suite *suite_result(void)
{
	Suite *suite = suite_create("result");
	TCase *tcase = tcase_create("results");

	if (!fixture_url("result"))
		return suite;
	tcase_set_timeout(tcase, 20);
	tcase_add_unchecked_fixture(tcase, fixture_begin_all, NULL);
	tcase_add_checked_fixture(tcase, fixture_begin, fixture_end);
	tcase_add_test(tcase, values_come_back_as_they_are);
	tcase_add_test(tcase, binary_values_come_back_as_they_are);
	tcase_add_loop_test_raise_signal(tcase, a_binary_value_taken_for_text_is_a_bug, SIGABRT, 0,
					 4);
	tcase_add_test_raise_signal(tcase, text_taken_for_an_integer_is_a_bug, SIGABRT);
	suite_add_tcase(suite, tcase);
	return suite;
}
