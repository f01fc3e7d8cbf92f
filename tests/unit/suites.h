/* The suites of unit-tests, one for each test_<name>.c. */
#ifndef PAYMENTS_TESTS_UNIT_SUITES_H
#define PAYMENTS_TESTS_UNIT_SUITES_H

#include <check.h>

/* clang-format off */
#define SUITES(X) \
	X(base64url) X(batch) X(buf) X(clock) X(conninfo) X(db) X(doubt) X(error_body) \
	X(fcgi_output) X(http_text) X(intent) X(janitor) X(json_in) X(json_out) X(log) \
	X(metrics) X(migrate) X(pool) X(result) X(secret) X(settings) X(settings_gateways) \
	X(shared_text) X(status) X(token) X(token_cache) X(toss_parse) X(uuid)
/* clang-format on */

#define SUITE_DECLARE(name) Suite *suite_##name(void);
SUITES(SUITE_DECLARE)

#endif
