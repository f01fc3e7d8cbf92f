#define _GNU_SOURCE 1 /* accept4, strerrordesc_np */

#include "fcgi/server/accept.h"

#include "base/clock.h"
#include "base/log.h"
#include "fcgi/server/listener.h"

#include <errno.h>
#include <fcgiapp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define PEER_WAIT_MS 10000  /* for the next byte from or to a peer */
#define FAILURE_PAUSE_MS 50 /* after an accept that failed for lack of a resource */
#define FAILURE_LOG_MS 1000 /* such failures are logged at most this often */
#define CLOSE_WAIT_MS "200" /* libfcgi waits for the peer to close; its own default is 2 s */

void acceptor_log_failure(struct acceptor *acceptor, const char *event, int error)
{
	int64_t now_ms = clock_mono_ms();
	int64_t last_ms = atomic_load(&acceptor->failure_logged_ms);

	if (now_ms - last_ms >= FAILURE_LOG_MS &&
	    atomic_compare_exchange_strong(&acceptor->failure_logged_ms, &last_ms, now_ms))
		log_event(LOG_LEVEL_ERROR, event, "%s", strerrordesc_np(error));
}

bool acceptor_open(struct acceptor *acceptor, int listen_fd)
{
	acceptor->listen_fd = listen_fd;
	atomic_init(&acceptor->failure_logged_ms, -FAILURE_LOG_MS);
	/* Only a timeout ends accept without a side effect on the processes that share the
	 * socket. */
	socket_set_timeouts(listen_fd, ACCEPT_WAIT_MS);
	setenv("LIBFCGI_OS_CLOSE_POLL_TIMEOUT", CLOSE_WAIT_MS, 0);
	return FCGX_Init() == 0;
}

static bool is_temporary(int error)
{
	return error == EAGAIN || error == EINTR || error == ECONNABORTED || error == EPROTO;
}

int acceptor_wait(struct acceptor *acceptor)
{
	int fd = accept4(acceptor->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	int error = errno;

	if (fd < 0) {
		if (!is_temporary(error)) {
			acceptor_log_failure(acceptor, "accept_failed", error);
			clock_sleep_ms(FAILURE_PAUSE_MS);
		}
		return -1;
	}
	/* TCP sockets inherit the listener's short timeout, unix sockets have none. */
	socket_set_timeouts(fd, PEER_WAIT_MS);
	return fd;
}

/*
 * libfcgi's own accept would read before a timeout can be set, and a thread that waits there would
 * count as idle. So libfcgi gets the connection as one that was kept open. Its listening socket is
 * -1: after a malformed request it closes the connection and returns.
 */
bool connection_begin(FCGX_Request *fcgx, int fd)
{
	fcgx->ipcFd = fd;
	fcgx->keepConnection = 1;
	if (FCGX_Accept_r(fcgx) != 0) {
		log_event(LOG_LEVEL_DEBUG, "peer_unusable", "it sent no whole FastCGI request");
		return false;
	}
	/* fcgi_output.h writes the response, so libfcgi's output streams are not needed. */
	FCGX_FreeStream(&fcgx->out);
	FCGX_FreeStream(&fcgx->err);
	return true;
}
