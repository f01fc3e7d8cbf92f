/* If these fail, one of the three front ends no longer finds the member of an error it reads. */
#include "pay/error_body.h"
#include "suites.h"

START_TEST(error_body_has_the_one_shape)
{
	struct buf body = { 0 };

	answer_error(&body, STATUS_RESERVATION_EXPIRED, LANGUAGE_KO, "9f0c");
	ck_assert_str_eq(buf_text(&body),
			 "{\"success\":false,\"error\":\"예약이 만료되었습니다.\","
			 "\"message\":\"예약이 만료되었습니다.\",\"code\":\"RESERVATION_EXPIRED\","
			 "\"statusCode\":400,\"requestId\":\"9f0c\"}");
	buf_free(&body);
}
END_TEST

START_TEST(error_body_takes_members_of_the_caller)
{
	struct buf body = { 0 };
	struct json_out out;

	answer_error_begin(&out, &body, STATUS_NOT_FOUND, LANGUAGE_EN, "r");
	json_integer(&out, "more", 1);
	answer_error_end(&out);
	ck_assert_str_eq(buf_text(&body),
			 "{\"success\":false,\"error\":\"There is nothing at this address.\","
			 "\"message\":\"There is nothing at this address.\",\"code\":\"NOT_FOUND\","
			 "\"statusCode\":404,\"requestId\":\"r\",\"more\":1}");
	buf_free(&body);
}
END_TEST

Suite *suite_error_body(void)
{
	Suite *suite = suite_create("error_body");
	TCase *tcase = tcase_create("error_body");

	tcase_add_test(tcase, error_body_has_the_one_shape);
	tcase_add_test(tcase, error_body_takes_members_of_the_caller);
	suite_add_tcase(suite, tcase);
	return suite;
}
