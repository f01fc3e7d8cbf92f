#define _GNU_SOURCE 1 /* strerrordesc_np */

#include "fcgi/server/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define HOST_MAX 256
#define SOCKET_MASK 0117 /* leaves 0660: only the group of the web server may connect */

static bool is_listening(int fd)
{
	int listening = 0;
	socklen_t length = sizeof(listening);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) == 0 && listening;
}

int listener_inherit(struct buf *why)
{
	int flags = fcntl(STDIN_FILENO, F_GETFL);

	if (!is_listening(STDIN_FILENO)) {
		buf_puts(why, "descriptor 0 is no listening socket: start it with spawn-fcgi, "
			      "multiwatch or systemd (StandardInput=socket), or with "
			      "--listen unix:/path");
		return -1;
	}
	/* On a non-blocking socket every idle thread would spin in accept. */
	if (flags & O_NONBLOCK)
		fcntl(STDIN_FILENO, F_SETFL, flags & ~O_NONBLOCK);
	return STDIN_FILENO;
}

/* NULL for the other forms of address. */
static const char *unix_path(const char *address)
{
	return strncmp(address, "unix:", 5) == 0 ? address + 5 : NULL;
}

static int listener_refuse(struct buf *why, const char *address, const char *reason)
{
	buf_printf(why, "cannot listen on %s: %s", address, reason);
	return -1;
}

static bool is_answered(const struct sockaddr_un *name)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool answered;

	if (fd < 0)
		return true;
	/* EAGAIN: the backlog is full, so a process listens there. */
	answered =
		connect(fd, (const struct sockaddr *)name, sizeof(*name)) == 0 || errno == EAGAIN;
	close(fd);
	return answered;
}

/* Removes a socket on which no process answers. NULL: the path is free; otherwise why it is not. */
static const char *unix_clear(const struct sockaddr_un *name)
{
	struct stat found;

	if (lstat(name->sun_path, &found) != 0)
		return NULL;
	if (!S_ISSOCK(found.st_mode))
		return "there is a file that is no socket";
	if (is_answered(name))
		return "another process answers on it";
	return unlink(name->sun_path) == 0 ? NULL : strerrordesc_np(errno);
}

static int bound_socket(const struct sockaddr *name, socklen_t length, bool shared)
{
	int fd = socket(name->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int on = 1;

	if (fd < 0)
		return -1;
	if (name->sa_family != AF_UNIX)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (shared)
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	if (bind(fd, name, length) == 0)
		return fd;
	close(fd);
	return -1;
}

static int unix_bind(const char *path, struct buf *why)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	const char *reason;
	mode_t mask;
	int fd;

	if (strlen(path) >= sizeof(name.sun_path))
		return listener_refuse(why, path, "the path is too long for a unix socket");
	strcpy(name.sun_path, path);
	reason = unix_clear(&name);
	if (reason)
		return listener_refuse(why, path, reason);
	mask = umask(SOCKET_MASK);
	fd = bound_socket((const struct sockaddr *)&name, sizeof(name), false);
	umask(mask);
	return fd < 0 ? listener_refuse(why, path, strerrordesc_np(errno)) : fd;
}

/* "host:port" or "[v6]:port" into its two parts. */
static bool address_split(const char *address, char host[HOST_MAX], const char **port)
{
	const char *colon = strrchr(address, ':');
	size_t length = colon ? (size_t)(colon - address) : 0;

	if (length == 0 || length >= HOST_MAX || colon[1] == '\0')
		return false;
	if (address[0] == '[' && colon[-1] == ']' && length > 2) {
		address++;
		length -= 2;
	} else if (memchr(address, ':', length)) {
		return false; /* a v6 address without brackets: the port is ambiguous */
	}
	memcpy(host, address, length);
	host[length] = '\0';
	*port = colon + 1;
	return true;
}

static int tcp_bind(const char *address, bool shared, struct buf *why)
{
	struct addrinfo hints = { .ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	char host[HOST_MAX];
	const char *port;
	int error, fd;

	if (!address_split(address, host, &port))
		return listener_refuse(why, address,
				       "it is none of unix:/path, host:port, [v6]:port");
	error = getaddrinfo(host, port, &hints, &found);
	if (error)
		return listener_refuse(why, address, gai_strerror(error));
	fd = bound_socket(found->ai_addr, found->ai_addrlen, shared);
	if (fd < 0)
		listener_refuse(why, address, strerrordesc_np(errno));
	freeaddrinfo(found);
	return fd;
}

int listener_open(const char *address, int backlog, bool shared, struct buf *why)
{
	const char *path = shared ? NULL : unix_path(address);
	int fd = path ? unix_bind(path, why) : tcp_bind(address, shared, why);

	if (fd < 0 || listen(fd, backlog) == 0)
		return fd;
	listener_refuse(why, address, strerrordesc_np(errno));
	close(fd);
	return -1;
}

void socket_set_timeouts(int fd, int64_t ms)
{
	struct timeval timeout = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
}

void listener_remove(const char *address)
{
	const char *path = unix_path(address);

	if (path)
		unlink(path);
}
