#define _GNU_SOURCE 1 /* strerrordesc_np */

#include "config/credential.h"

#include "config/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_MAX_BYTES 4096

/* False: there is no folder, or the path is too long. */
static bool credential_path(const char *name, char path[PATH_MAX_BYTES])
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");

	return folder && *folder &&
	       snprintf(path, PATH_MAX_BYTES, "%s/%s", folder, name) < PATH_MAX_BYTES;
}

/* Editors add a line end, which no secret has. */
static void line_ends_cut(char *text, size_t length)
{
	while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == '\r'))
		text[--length] = '\0';
}

/* Why the text is no credential; NULL: it is one. */
static const char *text_fault(const char *text, size_t length)
{
	if (length == SETTING_TEXT_MAX)
		return "it is too long";
	if (strlen(text) != length)
		return "it holds a NUL byte";
	return NULL;
}

/* The whole file, of less than SETTING_TEXT_MAX bytes. NULL: it failed, and *why says why. */
static char *read_text(int fd, const char **why)
{
	char *text = calloc(1, SETTING_TEXT_MAX + 1);
	ssize_t got = text ? read(fd, text, SETTING_TEXT_MAX) : -1;

	*why = got < 0 ? strerrordesc_np(errno) : text_fault(text, (size_t)got);
	if (!*why) {
		line_ends_cut(text, (size_t)got);
		if (!strpbrk(text, "\r\n"))
			return text;
		*why = "it has more than one line";
	}
	credential_free(text);
	return NULL;
}

bool credential_read(const char *name, char **out, struct buf *errors)
{
	char path[PATH_MAX_BYTES];
	const char *why;
	int fd;

	*out = NULL;
	if (!credential_path(name, path))
		return true;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return true;
	if (fd >= 0) {
		*out = read_text(fd, &why);
		close(fd);
	} else {
		why = strerrordesc_np(errno);
	}
	if (!*out) {
		buf_printf(errors, "%s: cannot be used: %s\n", path, why);
		return false;
	}
	return true;
}

void credential_free(char *text)
{
	if (text)
		explicit_bzero(text, SETTING_TEXT_MAX + 1);
	free(text);
}
