/* Shared by the commands: settings, the database, error messages. */
#include "fcgi/ctl/ctl.h"

#include "db/db.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool ctl_load(const struct ctl *ctl, struct settings *out)
{
	struct buf errors = { 0 };
	bool good;

	/* the environment overrides the file, and --database overrides both */
	if (ctl->database)
		setenv("DATABASE_URL", ctl->database, 1);
	good = settings_load(ctl->file, out, &errors);
	fputs(buf_text(&errors), stderr);
	if (!good)
		fputs("payctl: these settings cannot be used; payctl settings --example lists "
		      "all settings\n",
		      stderr);
	buf_free(&errors);
	return good;
}

bool ctl_conninfo(const struct ctl *ctl, struct buf *out)
{
	struct settings settings;

	if (ctl->database) {
		buf_puts(out, ctl->database);
		return !out->failed;
	}
	if (!ctl_load(ctl, &settings))
		return false;
	db_conninfo(&settings, out);
	explicit_bzero(&settings, sizeof(settings));
	return !out->failed;
}

void ctl_forget(struct buf *secret)
{
	if (secret->data)
		explicit_bzero(secret->data, secret->length);
	buf_free(secret);
}

int ctl_usage(const struct command *command)
{
	fprintf(stderr, "usage: payctl [-c FILE] [--database URL] %s %s\n", command->name,
		command->usage);
	return EXIT_CANNOT;
}

void ctl_complain(const struct command *command, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "payctl %s: ", command->name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}
