/* Shared by the commands: settings, the database, error messages. */
#include "fcgi/ctl/ctl.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

bool ctl_read_settings(struct ctl *ctl, struct buf *errors)
{
	/* the environment overrides the file, and --database overrides both */
	if (ctl->database)
		setenv("DATABASE_URL", ctl->database, 1);
	return settings_load(ctl->file, NULL, &ctl->settings, errors);
}

bool ctl_load(struct ctl *ctl)
{
	struct buf errors = { 0 };
	bool good = ctl_read_settings(ctl, &errors);

	fputs(buf_text(&errors), stderr);
	if (!good)
		fputs("payctl: these settings cannot be used; payctl settings --example lists "
		      "all settings\n",
		      stderr);
	buf_free(&errors);
	return good;
}

bool ctl_open(struct ctl *ctl)
{
	ctl->pool = db_pool_open(&ctl->settings);
	if (ctl->pool)
		service_init(&ctl->service, ctl->pool, &ctl->settings);
	else
		ctl_complain(ctl, "out of memory");
	return ctl->pool;
}

void ctl_close(struct ctl *ctl)
{
	if (ctl->pool)
		db_pool_close(ctl->pool);
	explicit_bzero(&ctl->settings, sizeof(ctl->settings));
}

void ctl_forget(struct buf *secret)
{
	if (secret->data)
		explicit_bzero(secret->data, secret->length);
	buf_free(secret);
}

int ctl_usage(const struct ctl *ctl, FILE *to)
{
	fprintf(to, "usage: payctl [-c FILE] [--database URL] %s %s\n", ctl->command->name,
		ctl->command->usage);
	return EXIT_CANNOT;
}

void ctl_complain(const struct ctl *ctl, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "payctl %s: ", ctl->command->name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}
