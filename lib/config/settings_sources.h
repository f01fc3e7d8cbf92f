/* Where a setting's value comes from: the environment, else a credential, else the file. For the
 * files settings*.c. */
#ifndef PAYMENTS_CONFIG_SETTINGS_SOURCES_H
#define PAYMENTS_CONFIG_SETTINGS_SOURCES_H

#include "config/settings_table.h"

#define SETTINGS_FILE_MAX 65536 /* bytes */

struct settings_sources {
	char *text; /* the whole file; the values point into it */
	size_t size;
	const char *in_file[SETTINGS_MAX]; /* by place in the table, NULL where not given */
	char *in_credential[SETTINGS_MAX]; /* likewise; see credential.h */
};

/* Reads `file` (NULL: none) and the credentials. What is wrong with them, and each unknown
 * PAYMENTS_ name of the environment, is a line in *errors. To be closed in any case. */
bool settings_sources_open(struct settings_sources *sources, const char *file, struct buf *errors);

/* NULL where none has it. *where says which of them has. */
const char *settings_sources_value(const struct settings_sources *sources,
				   const struct setting *setting, const char **where);

/* Wipes and frees the texts. */
void settings_sources_close(struct settings_sources *sources);

#endif
