/* If these fail, a payment method is charged at another gateway than its operator wrote down, or
 * the service starts without the key, or without the TLS, that its gateway needs. */
#include "config/settings.h"
#include "suites.h"

#include <stdlib.h>
#include <string.h>

#define STRONG "3fH9vQx2LmT8kZr5WbNc7YpJd4GsAe1u"

static struct settings settings;
static struct buf errors;

static void set_up(void)
{
	clearenv();
	setenv("JWT_SECRET", STRONG, 1);
	memset(&settings, 0, sizeof(settings));
}

static void tear_down(void)
{
	buf_free(&errors);
}

static void assert_refused(const char *because)
{
	ck_assert(!settings_load(NULL, NULL, &settings, &errors));
	ck_assert_msg(strstr(buf_text(&errors), because) != NULL, "no \"%s\" in: %s", because,
		      buf_text(&errors));
	buf_reset(&errors);
}

static void assert_loads(void)
{
	ck_assert_msg(settings_load(NULL, NULL, &settings, &errors), "%s", buf_text(&errors));
}

START_TEST(every_method_is_the_mocks_unless_told)
{
	assert_loads();
	ck_assert_int_eq(settings_gateway(&settings, "kakao_pay"), GATEWAY_MOCK);
	ck_assert_int_eq(settings_gateway(&settings, "credit_card"), GATEWAY_MOCK);
}
END_TEST

START_TEST(method_named_in_the_list_goes_its_own_way)
{
	setenv("TOSS_SECRET_KEY", "live_sk_x", 1);
	setenv("PAYMENTS_GATEWAYS", "kakao_pay=toss,credit_card=mock,", 1);
	assert_loads();
	ck_assert_int_eq(settings_gateway(&settings, "kakao_pay"), GATEWAY_TOSS);
	ck_assert_int_eq(settings_gateway(&settings, "credit_card"), GATEWAY_MOCK);
	ck_assert_int_eq(settings_gateway(&settings, "kakao"), GATEWAY_MOCK);
	ck_assert_int_eq(settings_gateway(&settings, "kakao_pay_2"), GATEWAY_MOCK);
	setenv("PAYMENTS_GATEWAY", "toss", 1);
	assert_loads();
	ck_assert_int_eq(settings_gateway(&settings, "naver_pay"), GATEWAY_TOSS);
	ck_assert_int_eq(settings_gateway(&settings, "credit_card"), GATEWAY_MOCK);
}
END_TEST

static const char *const malformed[] = { "kakao_pay",
					 "kakao_pay=",
					 "=toss",
					 "kakao_pay=paypal",
					 "kakao_pay=toss,,",
					 ",",
					 "kakao_pay=toss credit_card=mock",
					 "kakao_pay==toss" };

START_TEST(malformed_list_stops_the_start)
{
	ck_assert(settings_gateways_valid("kakao_pay=toss"));
	setenv("TOSS_SECRET_KEY", "live_sk_x", 1);
	setenv("PAYMENTS_GATEWAYS", malformed[_i], 1);
	assert_refused("PAYMENTS_GATEWAYS");
}
END_TEST

START_TEST(gateway_without_its_key_stops_the_start)
{
	setenv("PAYMENTS_GATEWAYS", "bank_transfer=toss", 1);
	assert_refused("TOSS_SECRET_KEY is missing");
	setenv("TOSS_SECRET_KEY", "live_sk_x", 1);
	assert_loads();
}
END_TEST

START_TEST(production_talks_to_a_gateway_over_tls_only)
{
	setenv("TOSS_SECRET_KEY", "live_sk_x", 1);
	setenv("PAYMENTS_GATEWAY", "toss", 1);
	setenv("TOSS_BASE_URL", "http://127.0.0.1:8080", 1);
	assert_refused("https://");
	setenv("PAYMENTS_ENV", "development", 1);
	assert_loads();
	setenv("TOSS_BASE_URL", "ftp://127.0.0.1", 1);
	assert_refused("TOSS_BASE_URL");
	setenv("TOSS_BASE_URL", "https://api.example.com/", 1);
	assert_refused("slash");
}
END_TEST

START_TEST(lease_outlasts_the_deadline)
{
	setenv("PAYMENTS_TOSS_LEASE_MS", "20000", 1);
	assert_refused("PAYMENTS_TOSS_LEASE_MS");
	setenv("PAYMENTS_TOSS_LEASE_MS", "20001", 1);
	assert_loads();
}
END_TEST

Suite *suite_settings_gateways(void)
{
	Suite *suite = suite_create("settings_gateways");
	TCase *tcase = tcase_create("settings_gateways");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, every_method_is_the_mocks_unless_told);
	tcase_add_test(tcase, method_named_in_the_list_goes_its_own_way);
	tcase_add_loop_test(tcase, malformed_list_stops_the_start, 0,
			    sizeof(malformed) / sizeof(malformed[0]));
	tcase_add_test(tcase, gateway_without_its_key_stops_the_start);
	tcase_add_test(tcase, production_talks_to_a_gateway_over_tls_only);
	tcase_add_test(tcase, lease_outlasts_the_deadline);
	suite_add_tcase(suite, tcase);
	return suite;
}
