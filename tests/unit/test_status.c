/* If these fail, clients see a status or code that is not in the wire contract, or the wrong one of
 * two refusals. */
#include "base/status.h"
#include "suites.h"

#include <string.h>

static const struct expected {
	enum status status;
	const char *code;
	int http;
	bool retry;
} contract[] = {
	{ STATUS_NOT_FOUND, "NOT_FOUND", 404, false },
	{ STATUS_METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", 405, false },
	{ STATUS_PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE", 413, false },
	{ STATUS_UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", 415, false },
	{ STATUS_AUTH_REQUIRED, "AUTH_REQUIRED", 401, false },
	{ STATUS_TOKEN_INVALID, "TOKEN_INVALID", 403, false },
	{ STATUS_USER_NOT_FOUND, "USER_NOT_FOUND", 401, false },
	{ STATUS_MALFORMED_JSON, "MALFORMED_JSON", 400, false },
	{ STATUS_MISSING_FIELDS, "MISSING_FIELDS", 400, false },
	{ STATUS_INVALID_ID, "INVALID_ID", 400, false },
	{ STATUS_INVALID_PAYMENT_METHOD, "INVALID_PAYMENT_METHOD", 400, false },
	{ STATUS_RESERVATION_NOT_FOUND, "RESERVATION_NOT_FOUND", 404, false },
	{ STATUS_ALREADY_PAID, "ALREADY_PAID", 400, false },
	{ STATUS_RESERVATION_EXPIRED, "RESERVATION_EXPIRED", 400, false },
	{ STATUS_RESERVATION_CANCELLED, "RESERVATION_CANCELLED", 400, false },
	{ STATUS_PAYMENT_IN_PROGRESS, "PAYMENT_IN_PROGRESS", 409, true },
	{ STATUS_PAYMENT_DECLINED, "PAYMENT_DECLINED", 402, false },
	{ STATUS_PAYMENT_RESULT_UNKNOWN, "PAYMENT_RESULT_UNKNOWN", 504, true },
	{ STATUS_RESERVATION_LOST, "RESERVATION_LOST", 409, false },
	{ STATUS_IDEMPOTENCY_IN_PROGRESS, "IDEMPOTENCY_IN_PROGRESS", 409, true },
	{ STATUS_IDEMPOTENCY_MISMATCH, "IDEMPOTENCY_MISMATCH", 422, false },
	{ STATUS_SERVICE_UNAVAILABLE, "SERVICE_UNAVAILABLE", 503, true },
};

START_TEST(status_is_what_the_contract_says)
{
	const struct expected *expected = &contract[_i];
	const struct status_info *info = status_info(expected->status);

	ck_assert_str_eq(info->code, expected->code);
	ck_assert_int_eq(info->http, expected->http);
	ck_assert_int_eq(info->retry_after_s > 0, expected->retry);
}
END_TEST

START_TEST(every_status_has_a_message_in_both_languages)
{
	for (enum status status = STATUS_OK; status < STATUS_COUNT; status++) {
		ck_assert_ptr_nonnull(strchr(status_message(status, LANGUAGE_EN), '.'));
		ck_assert_ptr_nonnull(strchr(status_message(status, LANGUAGE_KO), '.'));
		ck_assert_str_ne(status_message(status, LANGUAGE_KO),
				 status_message(status, LANGUAGE_EN));
	}
}
END_TEST

START_TEST(checks_rank_in_the_order_of_the_contract)
{
	static const enum status order[] = {
		STATUS_NOT_FOUND,
		STATUS_METHOD_NOT_ALLOWED,
		STATUS_PAYLOAD_TOO_LARGE,
		STATUS_AUTH_REQUIRED,
		STATUS_USER_NOT_FOUND,
		STATUS_MALFORMED_JSON,
		STATUS_MISSING_FIELDS,
		STATUS_INVALID_ID,
		STATUS_INVALID_PAYMENT_METHOD,
		STATUS_RESERVATION_NOT_FOUND,
		STATUS_ALREADY_PAID,
	};

	for (size_t i = 1; i < sizeof(order) / sizeof(order[0]); i++)
		ck_assert_int_lt(order[i - 1], order[i]);
}
END_TEST

Suite *suite_status(void)
{
	Suite *suite = suite_create("status");
	TCase *tcase = tcase_create("status");

	tcase_add_loop_test(tcase, status_is_what_the_contract_says, 0,
			    sizeof(contract) / sizeof(contract[0]));
	tcase_add_test(tcase, every_status_has_a_message_in_both_languages);
	tcase_add_test(tcase, checks_rank_in_the_order_of_the_contract);
	suite_add_tcase(suite, tcase);
	return suite;
}
