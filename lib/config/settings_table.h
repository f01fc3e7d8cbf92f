/* The table of settings, for the files of lib/config only. All other code includes settings.h. */
#ifndef PAYMENTS_CONFIG_SETTINGS_TABLE_H
#define PAYMENTS_CONFIG_SETTINGS_TABLE_H

#include "config/settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum setting_kind { SETTING_TEXT, SETTING_INTEGER, SETTING_BOOLEAN, SETTING_CHOICE };

enum {
	SETTING_SECRET = 1, /* its value is never shown */
	SETTING_RESTART = 2 /* a reload does not change it */
};

struct setting {
	const char *name; /* in the environment and in the file */
	enum setting_kind kind;
	size_t offset, size;	    /* of its member in struct settings */
	int32_t min, max;	    /* of an integer */
	const char *const *choices; /* of a choice, in its enum's order, NULL at the end */
	const char *fallback;	    /* the default, as it would be written in the file */
	const char *unit;	    /* "ms", "s", ...; "": none */
	unsigned int flags;
	const char *help; /* a sentence */
};

/* In the order of strcmp on the names. */
extern const struct setting settings_table[];
extern const size_t settings_count;
#define SETTINGS_MAX 96 /* at least settings_count (asserted) */

/* NULL: there is no setting of that name. */
const struct setting *setting_find(const char *name);
/* The setting whose name differs by the fewest letters. */
const struct setting *setting_nearest(const char *name);

/* Reads `text` into the set. False: the setting does not take it. */
bool setting_parse(const struct setting *setting, const char *text, struct settings *set);
/* What the setting takes, in words: "a whole number from 1 to 4096". */
void setting_describe(const struct setting *setting, struct buf *out);

#endif
