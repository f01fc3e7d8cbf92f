/* Runs every unit test as one program; its exit status is whether all passed. CK_RUN_SUITE=name
 * runs one suite, CK_FORK=no all of them in this process. */
#include "suites.h"

#include <stdlib.h>

#define SUITE_NAME(name) suite_##name,
static Suite *(*const suites[])(void) = { SUITES(SUITE_NAME) };

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
