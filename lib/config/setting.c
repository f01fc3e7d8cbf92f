/* Finds, parses, compares and copies one setting. */
#include "config/settings_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_LENGTH 64 /* of a longer name only this many bytes are compared */

const struct setting *setting_find(const char *name)
{
	size_t low = 0, high = settings_count;

	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = strcmp(name, settings_table[middle].name);

		if (order == 0)
			return &settings_table[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

bool setting_is_foreign(const char *name)
{
	static const char *const names[] = { "PAYMENTS_CONFIG", "PAYMENTS_PORT", "PAYMENTS_VAR" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
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

void *setting_place(const struct setting *setting, struct settings *set)
{
	return (char *)set + setting->offset;
}

const void *setting_value(const struct setting *setting, const struct settings *set)
{
	return (const char *)set + setting->offset;
}

static bool parse_text(const char *text, char *place)
{
	if (strlen(text) >= SETTING_TEXT_MAX)
		return false;
	strcpy(place, text);
	return true;
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

static bool parse_boolean(const char *text, bool *place)
{
	if (strcmp(text, "on") != 0 && strcmp(text, "off") != 0)
		return false;
	*place = strcmp(text, "on") == 0;
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
	void *place = setting_place(setting, set);

	switch (setting->kind) {
	case SETTING_TEXT:
		return parse_text(text, place);
	case SETTING_INTEGER:
		return parse_integer(setting, text, place);
	case SETTING_BOOLEAN:
		return parse_boolean(text, place);
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

static size_t value_size(const struct setting *setting)
{
	switch (setting->kind) {
	case SETTING_TEXT:
		return SETTING_TEXT_MAX;
	case SETTING_BOOLEAN:
		return sizeof(bool);
	case SETTING_INTEGER:
	case SETTING_CHOICE:
		break;
	}
	return sizeof(int32_t);
}

bool setting_equal(const struct setting *setting, const struct settings *a,
		   const struct settings *b)
{
	const void *in_a = setting_value(setting, a);
	const void *in_b = setting_value(setting, b);

	if (setting->kind == SETTING_TEXT)
		return strcmp(in_a, in_b) == 0;
	return memcmp(in_a, in_b, value_size(setting)) == 0;
}

void setting_copy(const struct setting *setting, struct settings *to, const struct settings *from)
{
	memcpy(setting_place(setting, to), setting_value(setting, from), value_size(setting));
}
