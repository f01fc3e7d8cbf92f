#define _GNU_SOURCE 1 /* environ */

#include "config/settings_sources.h"

#include "config/credential.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PREFIX "PAYMENTS_"
#define NAME_SHOWN_MAX 64 /* bytes of an unknown name in a message */

/* One line of the file, split in place. */
struct line {
	const char *file;
	int number;
	char *name;
	char *value;
};

static bool read_whole(int fd, struct settings_sources *sources)
{
	ssize_t got;

	sources->text = malloc(SETTINGS_FILE_MAX + 1);
	if (!sources->text)
		return false;
	do {
		got = read(fd, sources->text + sources->size, SETTINGS_FILE_MAX - sources->size);
		if (got > 0)
			sources->size += (size_t)got;
	} while (got > 0 || (got < 0 && errno == EINTR));
	sources->text[sources->size] = '\0';
	return got == 0;
}

static bool read_file(struct settings_sources *sources, const char *file, struct buf *errors)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	bool good = fd >= 0 && read_whole(fd, sources);

	if (!good)
		buf_printf(errors, "%s: cannot be read: %s\n", file, strerror(errno));
	if (fd >= 0)
		close(fd);
	if (good && sources->size == SETTINGS_FILE_MAX) {
		buf_printf(errors, "%s: is too long, at most %d bytes are read\n", file,
			   SETTINGS_FILE_MAX - 1);
		return false;
	}
	return good;
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

static void unknown_name(const char *where, const char *name, struct buf *errors)
{
	buf_printf(errors, "%s: there is no setting %.*s; the nearest is %s\n", where,
		   NAME_SHOWN_MAX, name, setting_nearest(name)->name);
}

static bool take_pair(struct settings_sources *sources, const struct line *line, struct buf *errors)
{
	const struct setting *setting = setting_find(line->name);
	const char **slot;

	if (!setting) {
		if (setting_is_foreign(line->name) ||
		    setting_warn_retired(line->file, line->name, errors))
			return true;
		unknown_name(line->file, line->name, errors);
		return false;
	}
	slot = &sources->in_file[setting - settings_table];
	if (*slot) {
		buf_printf(errors, "%s:%d: %s is given twice\n", line->file, line->number,
			   setting->name);
		return false;
	}
	*slot = line->value;
	return true;
}

static bool take_line(struct settings_sources *sources, struct line *line, char *text,
		      struct buf *errors)
{
	char *equals;

	text = trim(text);
	if (*text == '\0' || *text == '#')
		return true;
	equals = strchr(text, '=');
	if (!equals) { /* the text is not shown: it may be half a secret */
		buf_printf(errors, "%s:%d: is no NAME=VALUE line\n", line->file, line->number);
		return false;
	}
	*equals = '\0';
	line->name = trim(text);
	line->value = unquote(trim(equals + 1));
	return take_pair(sources, line, errors);
}

static bool take_lines(struct settings_sources *sources, const char *file, struct buf *errors)
{
	struct line line = { .file = file };
	char *rest = sources->text;
	bool good = true;

	if (strlen(sources->text) != sources->size) {
		buf_printf(errors, "%s: holds a NUL byte\n", file);
		return false;
	}
	while (rest) {
		char *text = strsep(&rest, "\n");

		line.number++;
		good &= take_line(sources, &line, text, errors);
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
		if (setting_find(name) || setting_is_foreign(name) ||
		    setting_warn_retired("environment", name, errors))
			continue;
		unknown_name("environment", name, errors);
		good = false;
	}
	return good;
}

static bool check_retired_credential(const char *name, struct buf *errors)
{
	char *text;

	if (!credential_read(name, &text, errors))
		return false;
	if (text)
		setting_warn_retired("credential", name, errors);
	credential_free(text);
	return true;
}

static bool take_credentials(struct settings_sources *sources, struct buf *errors)
{
	bool good = true;

	for (size_t i = 0; i < settings_count; i++)
		good &= credential_read(settings_table[i].name, &sources->in_credential[i], errors);
	for (size_t i = 0; i < settings_retired_count; i++)
		good &= check_retired_credential(settings_retired[i].name, errors);
	return good;
}

bool settings_sources_open(struct settings_sources *sources, const char *file, struct buf *errors)
{
	bool good = check_environment(errors);

	memset(sources, 0, sizeof(*sources));
	good &= take_credentials(sources, errors);
	if (!file)
		return good;
	return read_file(sources, file, errors) && take_lines(sources, file, errors) && good;
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
	if (sources->text)
		explicit_bzero(sources->text, sources->size);
	free(sources->text);
	for (size_t i = 0; i < settings_count; i++)
		credential_free(sources->in_credential[i]);
	memset(sources, 0, sizeof(*sources));
}
