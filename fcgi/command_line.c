#include "fcgi/command_line.h"

#include <stdlib.h>

bool command_line_read(int argc, char **argv, const char *letters, const struct option *options,
		       const char *given[LETTERS_MAX])
{
	int letter;

	while ((letter = getopt_long(argc, argv, letters, options, NULL)) != -1) {
		if (letter == '?')
			return false;
		given[letter] = optarg ? optarg : "";
	}
	return true;
}

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
