/* Finds, parses and describes one setting. */
#include "config/settings_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_LENGTH 64 /* of a longer name only this many bytes are compared */

const struct setting *setting_find(const char *name)
{
	for (size_t i = 0; i < settings_count; i++)
		if (strcmp(name, settings_table[i].name) == 0)
			return &settings_table[i];
	return NULL;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* The Levenshtein distance: how many letters to insert, delete or change. */
static size_t name_distance(const char *a, const char *b)
{
	size_t a_length = strnlen(a, NAME_MAX_LENGTH), b_length = strnlen(b, NAME_MAX_LENGTH);
	size_t row[NAME_MAX_LENGTH + 1];

	for (size_t j = 0; j <= b_length; j++)
		row[j] = j;
	for (size_t i = 1; i <= a_length; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b_length; j++) {
			size_t change = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			row[j] = least(change, least(row[j], row[j - 1]) + 1);
		}
	}
	return row[b_length];
}

const struct setting *setting_nearest(const char *name)
{
	const struct setting *nearest = &settings_table[0];

	for (size_t i = 1; i < settings_count; i++)
		if (name_distance(name, settings_table[i].name) <
		    name_distance(name, nearest->name))
			nearest = &settings_table[i];
	return nearest;
}

static bool parse_integer(const struct setting *setting, const char *text, int32_t *place)
{
	char *end;
	long value;

	if (*text != '-' && (*text < '0' || *text > '9')) /* strtol would skip spaces and a plus */
		return false;
	errno = 0;
	value = strtol(text, &end, 10);
	if (errno != 0 || *end || value < setting->min || value > setting->max)
		return false;
	*place = (int32_t)value;
	return true;
}

static bool parse_choice(const struct setting *setting, const char *text, int32_t *place)
{
	for (int32_t i = 0; setting->choices[i]; i++) {
		if (strcmp(text, setting->choices[i]) == 0) {
			memcpy(place, &i, sizeof(i)); /* the member is an enum */
			return true;
		}
	}
	return false;
}

bool setting_parse(const struct setting *setting, const char *text, struct settings *set)
{
	void *place = (char *)set + setting->offset;
	bool *boolean = place;

	switch (setting->kind) {
	case SETTING_TEXT:
		if (strlen(text) >= SETTING_TEXT_MAX)
			return false;
		strcpy(place, text);
		return true;
	case SETTING_INTEGER:
		return parse_integer(setting, text, place);
	case SETTING_BOOLEAN:
		*boolean = strcmp(text, "on") == 0;
		return *boolean || strcmp(text, "off") == 0;
	case SETTING_CHOICE:
		return parse_choice(setting, text, place);
	}
	return false;
}

static void describe_choices(const struct setting *setting, struct buf *out)
{
	buf_puts(out, "one of");
	for (size_t i = 0; setting->choices[i]; i++)
		buf_printf(out, "%s %s", i > 0 ? "," : "", setting->choices[i]);
}

void setting_describe(const struct setting *setting, struct buf *out)
{
	switch (setting->kind) {
	case SETTING_TEXT:
		buf_printf(out, "a text of less than %d bytes", SETTING_TEXT_MAX);
		break;
	case SETTING_INTEGER:
		buf_printf(out, "a whole number from %d to %d", setting->min, setting->max);
		break;
	case SETTING_BOOLEAN:
		buf_puts(out, "on or off");
		break;
	case SETTING_CHOICE:
		describe_choices(setting, out);
		break;
	}
	if (*setting->unit)
		buf_printf(out, " (%s)", setting->unit);
}
