/* Prints the documentation of the settings from the table, so that it cannot be out of date. */
#include "config/settings_table.h"

void settings_print_example(struct buf *out)
{
	buf_puts(out, "# Settings of the payment service, each commented at its default.\n"
		      "# The environment overrides this file.\n");
	for (size_t i = 0; i < settings_count; i++) {
		const struct setting *setting = &settings_table[i];

		buf_printf(out, "\n# %s\n# Takes ", setting->help);
		setting_describe(setting, out);
		buf_printf(out, ".%s\n#%s=%s\n",
			   setting->flags & SETTING_RESTART ? " Changes with a restart only." : "",
			   setting->name, setting->fallback);
	}
}

void settings_print_man(struct buf *out)
{
	for (size_t i = 0; i < settings_count; i++) {
		const struct setting *setting = &settings_table[i];

		buf_printf(out, ".It Ev %s\n%s\nTakes ", setting->name, setting->help);
		setting_describe(setting, out);
		buf_printf(out, ".\nDefault: %s.\nChanges with a %s.\n",
			   *setting->fallback ? setting->fallback : "empty",
			   setting->flags & SETTING_RESTART ? "restart only" : "reload");
	}
}

static void print_value(const struct setting *setting, const void *value, struct buf *out)
{
	switch (setting->kind) {
	case SETTING_TEXT:
		buf_puts(out, value);
		break;
	case SETTING_INTEGER:
		buf_printf(out, "%d", *(const int32_t *)value);
		break;
	case SETTING_BOOLEAN:
		buf_puts(out, *(const bool *)value ? "on" : "off");
		break;
	case SETTING_CHOICE:
		buf_puts(out, setting->choices[*(const unsigned int *)value]);
		break;
	}
}

void settings_print(const struct settings *settings, struct buf *out)
{
	for (size_t i = 0; i < settings_count; i++) {
		const struct setting *setting = &settings_table[i];
		const char *value = (const char *)settings + setting->offset;

		buf_printf(out, "%s=", setting->name);
		if (setting->flags & SETTING_SECRET)
			buf_puts(out, *value ? "(set)" : "(unset)");
		else
			print_value(setting, value, out);
		buf_puts(out, "\n");
	}
}
