/*
 * Notices to the service manager, as sd_notify(3) of systemd defines them: a datagram of NAME=VALUE
 * lines to the socket NOTIFY_SOCKET. Without that variable (spawn-fcgi, multiwatch, a shell)
 * nothing is sent. From the main thread only.
 */
#ifndef PAYMENTS_FCGI_SERVER_SD_NOTIFY_H
#define PAYMENTS_FCGI_SERVER_SD_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

/* The process accepts requests. It also ends a reload. */
void sd_notify_ready(void);
void sd_notify_reloading(void);
/* The process accepts no new request and finishes those in flight. */
void sd_notify_stopping(void);

/* The notice for the watchdog, sent every sd_notify_pause_ms: `busy` of `threads` have a request.
 * If the accept loop is not `alive`, the watchdog gets none and restarts the process. */
void sd_notify_load(int threads, int busy, bool alive);

/* Milliseconds between two notices: a third of the watchdog's time, at most 5 s. */
int64_t sd_notify_pause_ms(void);

#endif
