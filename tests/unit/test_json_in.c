/* If these fail, a body with two meanings is accepted, a good one is refused, or a hostile one
 * blocks a thread. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/json_in.h"
#include "suites.h"

#include <stdlib.h>
#include <string.h>

/* With its length, so that a NUL may stand in it. */
struct text {
	const char *bytes;
	size_t length;
};

#define TEXT(literal)                        \
	{                                    \
		literal, sizeof(literal) - 1 \
	}
#define DEEP15 "[[[[[[[[[[[[[[["
#define CLOSE15 "]]]]]]]]]]]]]]]"

static const struct text good[] = {
	TEXT("{}"),
	TEXT(" \t\r\n{ \"a\" : 1 , \"b\" : [ ] } \n"),
	TEXT("{\"a\":[1,-0,0.5,1e5,1E+5,1e-5,true,false,null,\"\",{}]}"),
	TEXT("{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"}"),
	TEXT("{\"a\":\"\\ud83c\\udfab \xf0\x9f\x8e\xab \xed\x9f\xbf \xee\x80\x80\"}"),
	TEXT("{\"a\":\"\x7f\"}"),
	TEXT("{\"a\":1,\"A\":2}"),
	TEXT("{\"a\":{\"a\":{\"a\":1}},\"b\":[{\"a\":1},{\"a\":1}]}"),
	TEXT("{\"a\":" DEEP15 CLOSE15 "}"),
	TEXT("{\"a\":1234567890123456789012345678901234567890}"),
};

/* clang-format off */
static const struct text malformed[] = {
	TEXT(""),
	TEXT(" "),
	TEXT("{"),
	TEXT("}"),
	TEXT("[]"),
	TEXT("null"),
	TEXT("1"),
	TEXT("\"a\""),
	TEXT("{}x"),
	TEXT("{}{}"),
	TEXT("{},"),
	TEXT("{}\0"),
	TEXT("\xef\xbb\xbf{}"),
	TEXT("{\"a\":1,}"),
	TEXT("{,\"a\":1}"),
	TEXT("{\"a\"}"),
	TEXT("{\"a\":}"),
	TEXT("{\"a\" 1}"),
	TEXT("{a:1}"),
	TEXT("{'a':1}"),
	TEXT("{1:1}"),
	TEXT("{\"a\":[1,]}"),
	TEXT("{\"a\":[1 2]}"),
	TEXT("{\"a\":[1}"),
	TEXT("{\"a\":1]"),
	TEXT("{\"a\":1/**/}"),
	TEXT("{\"a\":1,\"a\":2}"),
	TEXT("{\"a\":1,\"\\u0061\":2}"),
	TEXT("{\"b\":{\"a\":1,\"c\":0,\"a\":2}}"),
	TEXT("{\"b\":[{\"a\":1,\"a\":2}]}"),
	TEXT("{\"\":1,\"\":2}"),
	TEXT("{\"a\":007}"),
	TEXT("{\"a\":-}"),
	TEXT("{\"a\":+1}"),
	TEXT("{\"a\":.5}"),
	TEXT("{\"a\":1.}"),
	TEXT("{\"a\":1e}"),
	TEXT("{\"a\":0x10}"),
	TEXT("{\"a\":NaN}"),
	TEXT("{\"a\":Infinity}"),
	TEXT("{\"a\":12345678901234567890123456789012345678901}"),
	TEXT("{\"a\":tru}"),
	TEXT("{\"a\":True}"),
	TEXT("{\"a\":nulll}"),
	TEXT("{\"a\":\"}"),
	TEXT("{\"a\":\"\n\"}"),
	TEXT("{\"a\":\"\x1f\"}"),
	TEXT("{\"a\":\"b\0c\"}"),
	TEXT("{\"a\":\"\\x\"}"),
	TEXT("{\"a\":\"\\\0\"}"),
	TEXT("{\"a\":\"\\u0000\"}"),
	TEXT("{\"\\u0000\":1}"),
	TEXT("{\"a\":\"\\u12g4\"}"),
	TEXT("{\"a\":\"\\u12\"}"),
	TEXT("{\"a\":\"\\ud83c\"}"),
	TEXT("{\"a\":\"\\ud83cx\"}"),
	TEXT("{\"a\":\"\\ud83c\\u0041\"}"),
	TEXT("{\"a\":\"\\udfab\\ud83c\"}"),
	TEXT("{\"a\":\"\xff\"}"),
	TEXT("{\"a\":\"\xc0\xaf\"}"),
	TEXT("{\"a\":\"\xe0\x80\xaf\"}"),
	TEXT("{\"a\":\"\xed\xa0\x80\"}"),
	TEXT("{\"a\":\"\xf4\x90\x80\x80\"}"),
	TEXT("{\"a\":\"\xea\xb0\"}"),
	TEXT("{\"a\":" DEEP15 "[" "]" CLOSE15 "}"),
};
/* clang-format on */

/* The text in memory of exactly its size, so that a sanitizer sees a read past its end. */
static enum status parse(const struct text *text, struct json_in **out)
{
	char *exact = malloc(text->length ? text->length : 1);
	enum status status;

	ck_assert_ptr_nonnull(exact);
	memcpy(exact, text->bytes, text->length);
	status = json_in_parse(exact, text->length, out);
	free(exact);
	return status;
}

static struct json_in *parsed(const char *literal)
{
	struct text text = { literal, strlen(literal) };
	struct json_in *json;

	ck_assert_int_eq(parse(&text, &json), STATUS_OK);
	return json;
}

START_TEST(good_object_is_taken)
{
	struct json_in *json;

	ck_assert_int_eq(parse(&good[_i], &json), STATUS_OK);
	ck_assert_ptr_nonnull(json);
	json_in_free(json);
}
END_TEST

START_TEST(malformed_object_is_refused)
{
	struct json_in *json;

	ck_assert_int_eq(parse(&malformed[_i], &json), STATUS_MALFORMED_JSON);
	ck_assert_ptr_null(json);
}
END_TEST

START_TEST(every_beginning_of_a_good_object_is_refused)
{
	struct text text = TEXT("{\"a\":[1.5e3,\"\\ud83c\\udfab예\",{\"b\":null}],\"c\":true}");
	struct json_in *json;

	ck_assert_int_eq(parse(&text, &json), STATUS_OK);
	json_in_free(json);
	while (text.length-- > 0)
		ck_assert_int_eq(parse(&text, &json), STATUS_MALFORMED_JSON);
}
END_TEST

START_TEST(types_are_told_apart)
{
	struct json_in *json =
		parsed("{\"n\":null,\"b\":false,\"i\":1,\"s\":\"\",\"a\":[],\"o\":{}}");

	ck_assert_int_eq(json_in_type(json, "n"), JSON_NULL);
	ck_assert_int_eq(json_in_type(json, "b"), JSON_BOOL);
	ck_assert_int_eq(json_in_type(json, "i"), JSON_NUMBER);
	ck_assert_int_eq(json_in_type(json, "s"), JSON_STRING);
	ck_assert_int_eq(json_in_type(json, "a"), JSON_ARRAY);
	ck_assert_int_eq(json_in_type(json, "o"), JSON_OBJECT);
	ck_assert_int_eq(json_in_type(json, "x"), JSON_ABSENT);
	json_in_free(json);
}
END_TEST

START_TEST(string_is_decoded_and_its_key_compared_to_the_letter)
{
	struct json_in *json = parsed("{\"userId\":\"\\uc608\\ud83c\\udfab\\n\",\"n\":1}");

	ck_assert_str_eq(json_in_string(json, "userId"), "예\xf0\x9f\x8e\xab\n");
	ck_assert_ptr_null(json_in_string(json, "UserId"));
	ck_assert_ptr_null(json_in_string(json, "n"));
	json_in_free(json);
}
END_TEST

static const struct {
	const char *text;
	bool taken;
	int64_t value;
} integers[] = {
	{ "{\"i\":0}", true, 0 },
	{ "{\"i\":-0}", true, 0 },
	{ "{\"i\":70000}", true, 70000 },
	{ "{\"i\":1e3}", true, 1000 },
	{ "{\"i\":9007199254740991}", true, 9007199254740991 },
	{ "{\"i\":-9007199254740991}", true, -9007199254740991 },
	{ "{\"i\":9007199254740992}", false, 0 },
	{ "{\"i\":9007199254740993}", false, 0 },
	{ "{\"i\":-9007199254740993}", false, 0 },
	{ "{\"i\":18446744073709551616}", false, 0 },
	{ "{\"i\":1e999}", false, 0 },
	{ "{\"i\":0.5}", false, 0 },
	{ "{\"i\":\"1\"}", false, 0 },
	{ "{\"i\":true}", false, 0 },
	{ "{\"i\":null}", false, 0 },
	{ "{}", false, 0 },
};

START_TEST(integer_is_exact_or_refused)
{
	struct json_in *json = parsed(integers[_i].text);
	int64_t value = -77;

	ck_assert_int_eq(json_in_integer(json, "i", &value), integers[_i].taken);
	ck_assert_int_eq(value, integers[_i].taken ? integers[_i].value : -77);
	json_in_free(json);
}
END_TEST

START_TEST(strings_of_an_array_are_listed)
{
	struct json_in *json =
		parsed("{\"a\":[\"A1\",\"B2\"],\"none\":[],\"mixed\":[\"A1\",2],\"s\":\"x\"}");
	const char *seats[2];
	size_t count;

	ck_assert(json_in_strings(json, "a", seats, 2, &count));
	ck_assert_uint_eq(count, 2);
	ck_assert_str_eq(seats[0], "A1");
	ck_assert_str_eq(seats[1], "B2");
	ck_assert(json_in_strings(json, "none", seats, 2, &count));
	ck_assert_uint_eq(count, 0);
	ck_assert(!json_in_strings(json, "a", seats, 1, &count));
	ck_assert(!json_in_strings(json, "mixed", seats, 2, &count));
	ck_assert(!json_in_strings(json, "s", seats, 2, &count));
	ck_assert(!json_in_strings(json, "absent", seats, 2, &count));
	json_in_free(json);
}
END_TEST

/* 64 KiB of: different keys, the same key last, brackets, an open string, numbers. */
static void hostile_body(int kind, struct buf *out)
{
	static const char *const repeated[] = { "", "", "[", "\\u0041", "1," };
	size_t length = strlen(repeated[kind]);

	buf_puts(out, kind < 2 ? "{\"k\":0" : kind == 3 ? "{\"a\":\"" : "{\"a\":[");
	for (int i = 0; out->length < 65000; i++) {
		if (kind < 2)
			buf_printf(out, ",\"%x\":0", i);
		else
			buf_append(out, repeated[kind], length);
	}
	buf_puts(out, kind == 0 ? "}" : kind == 1 ? ",\"k\":0}" : "");
}

START_TEST(hostile_body_is_judged_at_once)
{
	struct buf body = { 0 };
	struct json_in *json;
	int64_t start_us;

	hostile_body(_i, &body);
	ck_assert(!body.failed);
	start_us = clock_mono_us();
	ck_assert_int_eq(json_in_parse(body.data, body.length, &json),
			 _i == 0 ? STATUS_OK : STATUS_MALFORMED_JSON);
	json_in_free(json);
	/* takes a few ms; comparing each key with each took over 100, and sanitizers are slow */
	ck_assert_int_lt(clock_mono_us() - start_us, 400000);
	buf_free(&body);
}
END_TEST

START_TEST(nothing_can_be_freed)
{
	struct json_in *json;

	json_in_free(NULL);
	ck_assert_int_eq(json_in_parse(NULL, 0, &json), STATUS_MALFORMED_JSON);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

Suite *suite_json_in(void)
{
	Suite *suite = suite_create("json_in");
	TCase *tcase = tcase_create("json_in");

	tcase_add_loop_test(tcase, good_object_is_taken, 0, COUNT(good));
	tcase_add_loop_test(tcase, malformed_object_is_refused, 0, COUNT(malformed));
	tcase_add_test(tcase, every_beginning_of_a_good_object_is_refused);
	tcase_add_test(tcase, types_are_told_apart);
	tcase_add_test(tcase, string_is_decoded_and_its_key_compared_to_the_letter);
	tcase_add_loop_test(tcase, integer_is_exact_or_refused, 0, COUNT(integers));
	tcase_add_test(tcase, strings_of_an_array_are_listed);
	tcase_add_loop_test(tcase, hostile_body_is_judged_at_once, 0, 5);
	tcase_add_test(tcase, nothing_can_be_freed);
	suite_add_tcase(suite, tcase);
	return suite;
}
