#include "fcgi/environment.h"

#include <stdlib.h>

void environment_clean(void)
{
	static const char *const names[] = {
		"PGTZ", "PGOPTIONS", "PGDATESTYLE", "PGCLIENTENCODING", "PGGEQO", "PGAPPNAME",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unsetenv(names[i]);
}

const char *environment_config_file(void)
{
	const char *file = getenv("PAYMENTS_CONFIG");

	return file && *file ? file : NULL;
}
