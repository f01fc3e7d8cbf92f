/*
 * Our own values are fallbacks. In keyword form libpq takes the last of equal keywords, so ours go
 * first. To a URI we append only what it does not set itself.
 */
#include "db/db.h"

#include <stdio.h>
#include <string.h>

#define CONNECT_KEYWORD "connect_timeout"
#define TIMEOUT_MAX 16

static const struct keyword {
	const char *name;
	const char *value; /* NULL: from the settings */
} fallbacks[] = {
	{ CONNECT_KEYWORD, NULL },
	{ "keepalives", "1" },
	{ "keepalives_idle", "30" },
	{ "keepalives_interval", "5" },
	{ "keepalives_count", "3" },
	{ "tcp_user_timeout", "10000" },
	{ "fallback_application_name", "payments-fcgi" },
};

#define FALLBACKS (sizeof(fallbacks) / sizeof(fallbacks[0]))

static bool conninfo_is_uri(const char *text)
{
	return strncmp(text, "postgresql://", 13) == 0 || strncmp(text, "postgres://", 11) == 0;
}

/* Whole seconds, as libpq counts them. */
static void connect_timeout(const struct settings *settings, char out[TIMEOUT_MAX])
{
	snprintf(out, TIMEOUT_MAX, "%d", (settings->db_connect_ms + 999) / 1000);
}

static bool uri_says(const char *uri, const char *name)
{
	const char *at = strchr(uri, '?');

	while (at) {
		size_t length = strcspn(++at, "=&");

		if (length == strlen(name) && strncmp(at, name, length) == 0)
			return true;
		at = strchr(at, '&');
	}
	return false;
}

static void put_uri(const char *uri, const char *timeout, struct buf *out)
{
	const char *separator = strchr(uri, '?') ? "&" : "?";

	buf_puts(out, uri);
	for (size_t i = 0; i < FALLBACKS; i++) {
		const char *value = fallbacks[i].value ? fallbacks[i].value : timeout;

		if (uri_says(uri, fallbacks[i].name))
			continue;
		buf_printf(out, "%s%s=%s", separator, fallbacks[i].name, value);
		separator = "&";
	}
}

/* Without a value, libpq's own default is used. */
static void put_keyword(struct buf *out, const char *name, const char *value)
{
	if (!*value)
		return;
	buf_printf(out, "%s='", name);
	for (; *value; value++) {
		if (*value == '\'' || *value == '\\')
			buf_puts(out, "\\");
		buf_append(out, value, 1);
	}
	buf_puts(out, "' ");
}

static void put_parts(const struct settings *settings, struct buf *out)
{
	char port[16];

	snprintf(port, sizeof(port), "%d", settings->db_port);
	put_keyword(out, "host", settings->db_host);
	put_keyword(out, "port", port);
	put_keyword(out, "dbname", settings->db_name);
	put_keyword(out, "user", settings->db_user);
	put_keyword(out, "password", settings->db_password);
}

void db_conninfo(const struct settings *settings, struct buf *out)
{
	char timeout[TIMEOUT_MAX];

	connect_timeout(settings, timeout);
	if (conninfo_is_uri(settings->database_url)) {
		put_uri(settings->database_url, timeout, out);
		return;
	}
	for (size_t i = 0; i < FALLBACKS; i++)
		put_keyword(out, fallbacks[i].name,
			    fallbacks[i].value ? fallbacks[i].value : timeout);
	if (*settings->database_url)
		buf_puts(out, settings->database_url);
	else
		put_parts(settings, out);
}
