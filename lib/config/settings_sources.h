/*
 * The sources of a value: the environment, else a credential, else the file. For lib/config only.
 *
 * A credential is a file with the name of the setting in the folder CREDENTIALS_DIRECTORY, which
 * systemd (LoadCredential=) or the secret volume of a container fills. So no secret is in the
 * environment or in the configuration file.
 */
#ifndef PAYMENTS_CONFIG_SETTINGS_SOURCES_H
#define PAYMENTS_CONFIG_SETTINGS_SOURCES_H

#include "config/settings_table.h"

struct settings_sources {
	char *text; /* the whole file; the values point into it */
	size_t size;
	const char *in_file[SETTINGS_MAX]; /* by index in the table; NULL: not given */
	char *in_credential[SETTINGS_MAX]; /* likewise */
};

/* Reads `file` (NULL: none) and the credentials. Each error in them, and each unknown PAYMENTS_
 * name of the environment, becomes a line in *errors. The caller closes the sources in any case. */
bool settings_sources_open(struct settings_sources *sources, const char *file, struct buf *errors);

/* The value, and in *where its source. NULL: no source has it. */
const char *settings_sources_value(const struct settings_sources *sources,
				   const struct setting *setting, const char **where);

/* Wipes and frees the texts. */
void settings_sources_close(struct settings_sources *sources);

#endif
