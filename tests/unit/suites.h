/* The suites of unit-tests, one for each test_<name>.c. A new one is declared here and named in
 * main.c's list. */
#ifndef PAYMENTS_TESTS_UNIT_SUITES_H
#define PAYMENTS_TESTS_UNIT_SUITES_H

#include <check.h>

Suite *suite_base64url(void);
Suite *suite_batch(void);
Suite *suite_buf(void);
Suite *suite_clock(void);
Suite *suite_conninfo(void);
Suite *suite_db(void);
Suite *suite_doubt(void);
Suite *suite_error_body(void);
Suite *suite_fcgi_output(void);
Suite *suite_http_text(void);
Suite *suite_intent(void);
Suite *suite_janitor(void);
Suite *suite_json_in(void);
Suite *suite_json_out(void);
Suite *suite_log(void);
Suite *suite_metrics(void);
Suite *suite_migrate(void);
Suite *suite_pool(void);
Suite *suite_result(void);
Suite *suite_secret(void);
Suite *suite_settings(void);
Suite *suite_settings_gateways(void);
Suite *suite_shared_text(void);
Suite *suite_status(void);
Suite *suite_token(void);
Suite *suite_token_cache(void);
Suite *suite_toss_parse(void);
Suite *suite_uuid(void);

#endif
