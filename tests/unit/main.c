/* Runs every unit test as one program; its exit status is whether all passed. CK_RUN_SUITE=name
 * runs one suite, CK_FORK=no all of them in this process. */
#include "suites.h"

#include <stdlib.h>

static Suite *(*const suites[])(void) = {
	suite_base64url,   suite_batch,	     suite_buf,
	suite_clock,	   suite_conninfo,   suite_db,
	suite_doubt,	   suite_error_body, suite_fcgi_output,
	suite_http_text,   suite_intent,     suite_json_in,
	suite_json_out,	   suite_log,	     suite_metrics,
	suite_migrate,	   suite_pool,	     suite_result,
	suite_secret,	   suite_settings,   suite_settings_gateways,
	suite_shared_text, suite_status,     suite_token,
	suite_token_cache, suite_toss_parse, suite_uuid,
};

int main(void)
{
	SRunner *runner = srunner_create(NULL);
	int failed;

	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++)
		srunner_add_suite(runner, suites[i]());
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
