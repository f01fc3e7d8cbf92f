#include "fcgi/server/sd_notify.h"

#include "base/clock.h"
#include "base/log.h"
#include "fcgi/server/listener.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define TEXT_MAX 160
#define PAUSE_MAX_MS 5000
#define PAUSES_PER_WATCHDOG 3 /* two notices may be late or lost */
#define SEND_PATIENCE_MS 1000 /* a stuck manager must not delay the next signal */

/* The address of the manager. A leading @ is the NUL of an abstract address. 0: there is none. */
static socklen_t manager_address(struct sockaddr_un *out)
{
	const char *path = getenv("NOTIFY_SOCKET");
	size_t length = path ? strlen(path) : 0;

	if (length == 0 || length >= sizeof(out->sun_path))
		return 0;
	*out = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(out->sun_path, path, length);
	if (path[0] == '@')
		out->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
}

static void notify(const char *text)
{
	struct sockaddr_un manager;
	socklen_t length = manager_address(&manager);
	int fd;

	if (length == 0)
		return;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		socket_set_timeouts(fd, SEND_PATIENCE_MS);
	if (fd < 0 || sendto(fd, text, strlen(text), MSG_NOSIGNAL,
			     (const struct sockaddr *)&manager, length) < 0)
		log_event(LOG_LEVEL_WARN, "sd_notify_failed", "errno %d", errno);
	if (fd >= 0)
		close(fd);
}

void sd_notify_ready(void)
{
	notify("READY=1\nSTATUS=Serving");
}

/* Type=notify-reload needs the time to tell this reload from an earlier one. */
void sd_notify_reloading(void)
{
	char text[TEXT_MAX];

	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%" PRId64, clock_mono_us());
	notify(text);
}

void sd_notify_stopping(void)
{
	notify("STOPPING=1\nSTATUS=Finishing requests in flight");
}

void sd_notify_load(int threads, int busy, bool alive)
{
	char text[TEXT_MAX];

	snprintf(text, sizeof(text), "%sSTATUS=%s, %d of %d threads busy",
		 alive ? "WATCHDOG=1\n" : "", alive ? "Serving" : "No connection is accepted", busy,
		 threads);
	notify(text);
}

/* The variables may be meant for the parent process. */
static bool watchdog_is_ours(void)
{
	const char *pid = getenv("WATCHDOG_PID");

	return !pid || strtol(pid, NULL, 10) == (long)getpid();
}

int64_t sd_notify_pause_ms(void)
{
	const char *patience_us = getenv("WATCHDOG_USEC");
	int64_t pause_ms = 0;

	if (patience_us && watchdog_is_ours())
		pause_ms = strtoll(patience_us, NULL, 10) / 1000 / PAUSES_PER_WATCHDOG;
	return pause_ms > 0 && pause_ms < PAUSE_MAX_MS ? pause_ms : PAUSE_MAX_MS;
}
