#define _GNU_SOURCE 1 /* environ, strerrordesc_np, TEMP_FAILURE_RETRY */

#include "config/settings_sources.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PREFIX "PAYMENTS_"
#define NAME_SHOWN_MAX 64    /* bytes of an unknown name in a message */
#define FILE_MAX_BYTES 65536 /* of the configuration file, with a NUL */
#define PATH_MAX_BYTES 4096

/* Names that are no settings and no errors. */
static const struct {
	const char *name;
	const char *warning; /* NULL: a name of our other programs */
} other_names[] = {
	{ "PAYMENTS_CONFIG", NULL },
	{ "PAYMENTS_PORT", NULL },
	{ "PAYMENTS_VAR", NULL },
	/* For one release a name of an earlier one is ignored with a warning, so that an upgrade
	 * starts with the old configuration. */
	{ "PAYMENTS_FRONT_THREADS", "is no longer used; remove it" },
	{ "PAYMENTS_LIST_LOOKS", "is now PAYMENTS_LIST_READS; its old name is ignored" },
};

#define OTHER_NAMES (sizeof(other_names) / sizeof(other_names[0]))

/* A name that is no setting. False: it is an error. */
static bool check_other(const char *where, const char *name, struct buf *errors)
{
	for (size_t i = 0; i < OTHER_NAMES; i++) {
		if (strcmp(name, other_names[i].name) != 0)
			continue;
		if (other_names[i].warning)
			buf_printf(errors, "warning: %s: %s %s\n", where, name,
				   other_names[i].warning);
		return true;
	}
	buf_printf(errors, "%s: there is no setting %.*s; the nearest is %s\n", where,
		   NAME_SHOWN_MAX, name, setting_nearest(name)->name);
	return false;
}

static void wipe_and_free(char *text, size_t size)
{
	if (text)
		explicit_bzero(text, size);
	free(text);
}

/* The text of a file of less than `size` bytes. NULL: it failed, and *errors gets a line. */
static char *read_text(const char *path, size_t size, struct buf *errors)
{
	char *text = calloc(1, size + 1);
	int fd = text ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	size_t length = 0;
	const char *why = NULL;
	ssize_t got;

	do {
		got = fd < 0 ? -1 : TEMP_FAILURE_RETRY(read(fd, text + length, size - length));
		length += got > 0 ? (size_t)got : 0;
	} while (got > 0);
	if (got < 0)
		why = strerrordesc_np(errno);
	else if (length == size)
		why = "it is too long";
	else if (strlen(text) != length)
		why = "it holds a NUL byte";
	if (fd >= 0)
		close(fd);
	if (!why)
		return text;
	buf_printf(errors, "%s: cannot be read: %s\n", path, why);
	wipe_and_free(text, size);
	return NULL;
}

static char *trim(char *text)
{
	size_t length;

	text += strspn(text, " \t\r");
	length = strlen(text);
	while (length > 0 && strchr(" \t\r", text[length - 1]))
		length--;
	text[length] = '\0';
	return text;
}

/* Removes quotes around the whole value, so that an environment file of systemd or of a shell can
 * be used. */
static char *unquote(char *value)
{
	size_t length = strlen(value);
	char quote = value[0];

	if (length < 2 || (quote != '"' && quote != '\'') || value[length - 1] != quote)
		return value;
	value[length - 1] = '\0';
	return value + 1;
}

static bool take_line(struct settings_sources *sources, const char *file, int number, char *text,
		      struct buf *errors)
{
	char *name = trim(text), *equals = strchr(name, '=');
	const struct setting *setting;
	const char **slot;

	if (*name == '\0' || *name == '#')
		return true;
	if (!equals) { /* the text is not shown: it may be half a secret */
		buf_printf(errors, "%s:%d: is no NAME=VALUE line\n", file, number);
		return false;
	}
	*equals = '\0';
	name = trim(name);
	setting = setting_find(name);
	if (!setting)
		return check_other(file, name, errors);
	slot = &sources->in_file[setting - settings_table];
	if (*slot) {
		buf_printf(errors, "%s:%d: %s is given twice\n", file, number, name);
		return false;
	}
	*slot = unquote(trim(equals + 1));
	return true;
}

static bool take_file(struct settings_sources *sources, const char *file, struct buf *errors)
{
	char *rest = sources->text = read_text(file, FILE_MAX_BYTES, errors);
	bool good = rest;

	sources->size = rest ? strlen(rest) : 0;
	for (int number = 1; rest; number++) {
		char *text = strsep(&rest, "\n");

		good &= take_line(sources, file, number, text, errors);
	}
	return good;
}

static bool check_environment(struct buf *errors)
{
	bool good = true;

	for (char **entry = environ; entry && *entry; entry++) {
		size_t length = strcspn(*entry, "=");
		char name[NAME_SHOWN_MAX + 1];

		if (strncmp(*entry, PREFIX, strlen(PREFIX)) != 0)
			continue;
		if (length > NAME_SHOWN_MAX)
			length = NAME_SHOWN_MAX;
		memcpy(name, *entry, length);
		name[length] = '\0';
		if (!setting_find(name))
			good &= check_other("environment", name, errors);
	}
	return good;
}

/* False: there is no such credential. */
static bool find_credential(const char *name, char path[PATH_MAX_BYTES])
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");

	return folder && *folder &&
	       snprintf(path, PATH_MAX_BYTES, "%s/%s", folder, name) < PATH_MAX_BYTES &&
	       (access(path, F_OK) == 0 || errno != ENOENT);
}

/* The text without its last line ends: editors add them, and no secret has one. */
static char *read_credential(const char *path, struct buf *errors)
{
	char *text = read_text(path, SETTING_TEXT_MAX, errors);
	size_t length = text ? strlen(text) : 0;

	while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == '\r'))
		text[--length] = '\0';
	if (!text || !strpbrk(text, "\r\n"))
		return text;
	buf_printf(errors, "%s: cannot be used: it has more than one line\n", path);
	wipe_and_free(text, SETTING_TEXT_MAX);
	return NULL;
}

static bool take_credentials(struct settings_sources *sources, struct buf *errors)
{
	char path[PATH_MAX_BYTES];
	bool good = true;

	for (size_t i = 0; i < settings_count; i++) {
		if (!find_credential(settings_table[i].name, path))
			continue;
		sources->in_credential[i] = read_credential(path, errors);
		good &= sources->in_credential[i] != NULL;
	}
	for (size_t i = 0; i < OTHER_NAMES; i++)
		if (find_credential(other_names[i].name, path))
			check_other("credential", other_names[i].name, errors);
	return good;
}

bool settings_sources_open(struct settings_sources *sources, const char *file, struct buf *errors)
{
	bool good = check_environment(errors);

	memset(sources, 0, sizeof(*sources));
	good &= take_credentials(sources, errors);
	return (!file || take_file(sources, file, errors)) && good;
}

const char *settings_sources_value(const struct settings_sources *sources,
				   const struct setting *setting, const char **where)
{
	size_t place = (size_t)(setting - settings_table);
	const char *value = getenv(setting->name);

	*where = "environment";
	if (value)
		return value;
	*where = "credential";
	if (sources->in_credential[place])
		return sources->in_credential[place];
	*where = "file";
	return sources->in_file[place];
}

void settings_sources_close(struct settings_sources *sources)
{
	wipe_and_free(sources->text, sources->size);
	for (size_t i = 0; i < settings_count; i++)
		wipe_and_free(sources->in_credential[i], SETTING_TEXT_MAX);
}
