/* Prints the documentation of the settings from the table, so that it cannot be out of date. */
#include "config/settings_table.h"

#include <stdio.h>

static void print_range(const struct setting *setting, FILE *to)
{
	struct buf range = { 0 };

	setting_describe(setting, &range);
	fputs(buf_text(&range), to);
	buf_free(&range);
}

void settings_print_example(FILE *to)
{
	fputs("# Settings of the payment service, each commented at its default.\n"
	      "# The environment overrides this file.\n",
	      to);
	for (size_t i = 0; i < settings_count; i++) {
		const struct setting *setting = &settings_table[i];

		fprintf(to, "\n# %s\n# Takes ", setting->help);
		print_range(setting, to);
		fprintf(to, ".%s\n#%s=%s\n",
			setting->flags & SETTING_RESTART ? " Changes with a restart only." : "",
			setting->name, setting->fallback);
	}
}

void settings_print_man(FILE *to)
{
	for (size_t i = 0; i < settings_count; i++) {
		const struct setting *setting = &settings_table[i];

		fprintf(to, ".It Ev %s\n%s\nTakes ", setting->name, setting->help);
		print_range(setting, to);
		fprintf(to, ".\nDefault: %s.\n%s\n",
			*setting->fallback ? setting->fallback : "empty",
			setting->flags & SETTING_RESTART ? "Changes with a restart only."
							 : "Changes with a reload.");
	}
}

static void print_secret(const struct setting *setting, const char *value, FILE *to)
{
	fprintf(to, "%s=%s\n", setting->name, *value ? "(set)" : "(unset)");
}

static void print_value(const struct setting *setting, const void *value, FILE *to)
{
	fprintf(to, "%s=", setting->name);
	switch (setting->kind) {
	case SETTING_TEXT:
		fprintf(to, "%s\n", (const char *)value);
		break;
	case SETTING_INTEGER:
		fprintf(to, "%d\n", *(const int32_t *)value);
		break;
	case SETTING_BOOLEAN:
		fprintf(to, "%s\n", *(const bool *)value ? "on" : "off");
		break;
	case SETTING_CHOICE:
		fprintf(to, "%s\n", setting->choices[*(const unsigned int *)value]);
		break;
	}
}

void settings_print(const struct settings *settings, FILE *to)
{
	for (size_t i = 0; i < settings_count; i++) {
		const struct setting *setting = &settings_table[i];
		const void *value = setting_value(setting, settings);

		if (setting->flags & SETTING_SECRET)
			print_secret(setting, value, to);
		else
			print_value(setting, value, to);
	}
}
