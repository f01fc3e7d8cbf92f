/* If these fail, a request reaches the wrong handler, an answer has the wrong language, or a bad
 * header is accepted. */
#include "suites.h"

#include "fcgi/http/http_text.h"

#include <stdio.h>
#include <string.h>

#define MOUNT "/api/v1/payments"

/* The path below MOUNT, "(outside)" where it is refused. */
static const char *below(const char *uri)
{
	static char out[32];

	return http_path_below(uri, MOUNT, out, sizeof(out)) ? out : "(outside)";
}

START_TEST(path_below_mount_is_routed_and_slashes_at_its_end_change_nothing)
{
	ck_assert_str_eq(below(MOUNT "/process"), "/process");
	ck_assert_str_eq(below(MOUNT "/process/"), "/process");
	ck_assert_str_eq(below(MOUNT "/health/ready//"), "/health/ready");
	ck_assert_str_eq(below(MOUNT "//process"), "//process");
	ck_assert_str_eq(below(MOUNT), "");
	ck_assert_str_eq(below(MOUNT "/"), "");
}
END_TEST

START_TEST(path_outside_mount_is_refused_and_its_start_kept_for_the_log)
{
	char out[8];

	ck_assert_str_eq(below("/api/v1/paymentsx/process"), "(outside)");
	ck_assert_str_eq(below("/api/v1"), "(outside)");
	ck_assert_str_eq(below(""), "(outside)");
	ck_assert(!http_path_below("/elsewhere", MOUNT, out, sizeof(out)));
	ck_assert_str_eq(out, "/elsewh");
}
END_TEST

START_TEST(path_with_control_byte_or_too_long_is_refused)
{
	ck_assert_str_eq(below(MOUNT "/process\n"), "(outside)");
	ck_assert_str_eq(below(MOUNT "/pro\x7f"
				     "cess"),
			 "(outside)");
	ck_assert_str_eq(below(MOUNT "/0123456789012345678901234567890"), "(outside)");
	ck_assert_str_eq(below(MOUNT "/012345678901234567890123456789"),
			 "/012345678901234567890123456789");
}
END_TEST

START_TEST(mount_may_be_the_root_and_end_in_a_slash)
{
	char out[32];

	ck_assert(http_path_below("/process", "/", out, sizeof(out)));
	ck_assert_str_eq(out, "/process");
	ck_assert(http_path_below("/pay/process", "/pay/", out, sizeof(out)));
	ck_assert_str_eq(out, "/process");
}
END_TEST

START_TEST(pattern_matches_one_segment_that_is_not_empty)
{
	char id[8];

	ck_assert(http_path_match("/intents/{id}", "/intents/abc", id, sizeof(id)));
	ck_assert_str_eq(id, "abc");
	ck_assert(http_path_match("/bookings/user/{id}", "/bookings/user/u", id, sizeof(id)));
	ck_assert_str_eq(id, "u");
	ck_assert(http_path_match("/a/{id}/b", "/a/x/b", id, sizeof(id)));
	ck_assert(!http_path_match("/intents/{id}", "/intents/", id, sizeof(id)));
	ck_assert(!http_path_match("/intents/{id}", "/intents", id, sizeof(id)));
	ck_assert(!http_path_match("/intents/{id}", "/intents/a/b", id, sizeof(id)));
	ck_assert(http_path_match("/methods", "/methods", id, sizeof(id)));
	ck_assert_str_eq(id, "");
	ck_assert(!http_path_match("/methods", "/method", id, sizeof(id)));
	ck_assert(!http_path_match("/methods", "/methods/x", id, sizeof(id)));
}
END_TEST

START_TEST(segment_that_does_not_fit_is_cut_never_written_past)
{
	char id[4];

	ck_assert(http_path_match("/i/{id}", "/i/abcdef", id, sizeof(id)));
	ck_assert_str_eq(id, "abc");
}
END_TEST

static const struct {
	const char *accept;
	enum language fallback, expected;
} preferences[] = {
	{ NULL, LANGUAGE_KO, LANGUAGE_KO },
	{ NULL, LANGUAGE_EN, LANGUAGE_EN },
	{ "", LANGUAGE_KO, LANGUAGE_KO },
	{ "en", LANGUAGE_KO, LANGUAGE_EN },
	{ "EN-us", LANGUAGE_KO, LANGUAGE_EN },
	{ "ko-KR,ko;q=0.9,en-US;q=0.8,en;q=0.7", LANGUAGE_EN, LANGUAGE_KO },
	{ "en-US,en;q=0.9,ko;q=0.8", LANGUAGE_KO, LANGUAGE_EN },
	{ "ko;q=0.5, en;q=0.51", LANGUAGE_KO, LANGUAGE_EN },
	{ "ko;q=0.999 , en ; q=1.000", LANGUAGE_KO, LANGUAGE_EN },
	{ "en, ko", LANGUAGE_KO, LANGUAGE_EN },
	{ "ko, en", LANGUAGE_EN, LANGUAGE_KO },
	{ "fr, de;q=0.5", LANGUAGE_KO, LANGUAGE_KO },
	{ "fr, en;q=0.3", LANGUAGE_KO, LANGUAGE_EN },
	{ "*", LANGUAGE_KO, LANGUAGE_KO },
	{ "*", LANGUAGE_EN, LANGUAGE_EN },
	{ "ko;q=0, *", LANGUAGE_KO, LANGUAGE_EN },
	{ "en;q=0.1, *;q=0.9", LANGUAGE_EN, LANGUAGE_KO },
	{ "en;q=0", LANGUAGE_KO, LANGUAGE_KO },
	{ "en;q=rubbish, ko;q=0.1", LANGUAGE_EN, LANGUAGE_KO },
	{ "english", LANGUAGE_KO, LANGUAGE_KO },
	{ ",,;;q=,", LANGUAGE_EN, LANGUAGE_EN },
};

START_TEST(language_follows_the_highest_q)
{
	ck_assert_msg(http_language(preferences[_i].accept, preferences[_i].fallback) ==
			      preferences[_i].expected,
		      "Accept-Language: %s", preferences[_i].accept);
}
END_TEST

START_TEST(request_id_is_passed_on_only_where_it_is_sane)
{
	char id[66];

	memset(id, 'a', sizeof(id));
	id[64] = '\0';
	ck_assert(http_id_sane(id));
	id[64] = 'a';
	id[65] = '\0';
	ck_assert(!http_id_sane(id));
	ck_assert(http_id_sane("A.b_c-9"));
	ck_assert(!http_id_sane(""));
	ck_assert(!http_id_sane("a b"));
	ck_assert(!http_id_sane("a\r\nSet-Cookie"));
	ck_assert(!http_id_sane("\xea\xb0\x80"));
}
END_TEST

START_TEST(idempotency_key_is_1_to_255_printable_ascii)
{
	char key[257];

	memset(key, '~', sizeof(key));
	key[255] = '\0';
	ck_assert(http_key_sane(key));
	key[255] = '~';
	key[256] = '\0';
	ck_assert(!http_key_sane(key));
	ck_assert(http_key_sane("\"8e03978e-40d5\""));
	ck_assert(http_key_sane("a b"));
	ck_assert(!http_key_sane(""));
	ck_assert(!http_key_sane("a\tb"));
	ck_assert(!http_key_sane("\x7f"));
	ck_assert(!http_key_sane("caf\xc3\xa9"));
}
END_TEST

START_TEST(only_application_json_is_json)
{
	ck_assert(http_is_json("application/json"));
	ck_assert(http_is_json("Application/JSON;charset=utf-8"));
	ck_assert(http_is_json("application/json ; charset=utf-8"));
	ck_assert(!http_is_json(NULL));
	ck_assert(!http_is_json(""));
	ck_assert(!http_is_json("application/jsonp"));
	ck_assert(!http_is_json("text/json"));
}
END_TEST

START_TEST(etag_is_found_in_a_list_and_weakly)
{
	ck_assert(http_etag_matches("\"a\"", "\"a\""));
	ck_assert(http_etag_matches("\"x\", W/\"a\"", "\"a\""));
	ck_assert(http_etag_matches("\"x\",\"a\"", "\"a\""));
	ck_assert(http_etag_matches("*", "\"a\""));
	ck_assert(!http_etag_matches(NULL, "\"a\""));
	ck_assert(!http_etag_matches("", "\"a\""));
	ck_assert(!http_etag_matches("\"ab\", \"x\"", "\"a\""));
	ck_assert(!http_etag_matches("W/", "\"a\""));
}
END_TEST

START_TEST(content_length_is_digits_or_refused)
{
	ck_assert_int_eq(http_length(NULL), 0);
	ck_assert_int_eq(http_length(""), 0);
	ck_assert_int_eq(http_length("65536"), 65536);
	ck_assert_int_eq(http_length("99999999999999999999999"), INT64_MAX);
	ck_assert_int_eq(http_length("-1"), -1);
	ck_assert_int_eq(http_length("12x"), -1);
	ck_assert_int_eq(http_length(" 12"), -1);
}
END_TEST

START_TEST(msec_of_the_server_is_read_to_the_millisecond)
{
	ck_assert_int_eq(http_unix_ms("1700000000.123"), INT64_C(1700000000123));
	ck_assert_int_eq(http_unix_ms("1700000000.007"), INT64_C(1700000000007));
	ck_assert_int_eq(http_unix_ms(NULL), -1);
	ck_assert_int_eq(http_unix_ms(""), -1);
	ck_assert_int_eq(http_unix_ms("1700000000"), -1);
	ck_assert_int_eq(http_unix_ms("1700000000.12"), -1);
	ck_assert_int_eq(http_unix_ms("1700000000.1234"), -1);
	ck_assert_int_eq(http_unix_ms("99999999999999999999.123"), -1);
}
END_TEST

/* The value of "k" in the query, "(none)" where it is refused. */
static const char *value_of_k(const char *query)
{
	static char out[8];

	return http_query(query, "k", out, sizeof(out)) == QUERY_VALUE ? out : "(none)";
}

START_TEST(query_value_is_found_and_decoded)
{
	ck_assert_str_eq(value_of_k("k=A1%2CB3"), "A1,B3");
	ck_assert_str_eq(value_of_k("kk=1&xk=2&k=3&k=4"), "3");
	ck_assert_str_eq(value_of_k("k=a+b%2B"), "a b+");
	ck_assert_str_eq(value_of_k("k=%EA%b0%80"), "\xea\xb0\x80");
	ck_assert_str_eq(value_of_k("k="), "");
	ck_assert_str_eq(value_of_k("k=1234567"), "1234567");
}
END_TEST

START_TEST(query_value_that_is_absent_or_badly_encoded_is_refused)
{
	ck_assert_str_eq(value_of_k(""), "(none)");
	ck_assert_str_eq(value_of_k("kk=1&k"), "(none)");
	ck_assert_str_eq(value_of_k("k=12345678"), "(none)");
	ck_assert_str_eq(value_of_k("k=%"), "(none)");
	ck_assert_str_eq(value_of_k("k=%4"), "(none)");
	ck_assert_str_eq(value_of_k("k=%4&x=1"), "(none)");
	ck_assert_str_eq(value_of_k("k=%zz"), "(none)");
	ck_assert_str_eq(value_of_k("k=a%00b"), "(none)");
	ck_assert_str_eq(value_of_k("k=%0a"), "(none)");
	ck_assert_str_eq(value_of_k("k=%ff"), "(none)");
	ck_assert_str_eq(value_of_k("k=%c0%80"), "(none)");
}
END_TEST

START_TEST(every_status_of_the_table_has_a_reason)
{
	for (int i = 0; i < STATUS_COUNT; i++)
		ck_assert_str_ne(http_reason(status_info((enum status)i)->http), "");
	ck_assert_str_eq(http_reason(299), "");
}
END_TEST

Suite *suite_http_text(void)
{
	Suite *suite = suite_create("http_text");
	TCase *tcase = tcase_create("http_text");

	tcase_add_test(tcase, path_below_mount_is_routed_and_slashes_at_its_end_change_nothing);
	tcase_add_test(tcase, path_outside_mount_is_refused_and_its_start_kept_for_the_log);
	tcase_add_test(tcase, path_with_control_byte_or_too_long_is_refused);
	tcase_add_test(tcase, mount_may_be_the_root_and_end_in_a_slash);
	tcase_add_test(tcase, pattern_matches_one_segment_that_is_not_empty);
	tcase_add_test(tcase, segment_that_does_not_fit_is_cut_never_written_past);
	tcase_add_loop_test(tcase, language_follows_the_highest_q, 0,
			    (int)(sizeof(preferences) / sizeof(preferences[0])));
	tcase_add_test(tcase, request_id_is_passed_on_only_where_it_is_sane);
	tcase_add_test(tcase, idempotency_key_is_1_to_255_printable_ascii);
	tcase_add_test(tcase, only_application_json_is_json);
	tcase_add_test(tcase, etag_is_found_in_a_list_and_weakly);
	tcase_add_test(tcase, content_length_is_digits_or_refused);
	tcase_add_test(tcase, msec_of_the_server_is_read_to_the_millisecond);
	tcase_add_test(tcase, query_value_is_found_and_decoded);
	tcase_add_test(tcase, query_value_that_is_absent_or_badly_encoded_is_refused);
	tcase_add_test(tcase, every_status_of_the_table_has_a_reason);
	suite_add_tcase(suite, tcase);
	return suite;
}
