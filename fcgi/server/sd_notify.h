/*
 * Word to the service manager: systemd's protocol of sd_notify(3), a datagram of
 * NAME=VALUE lines to the socket named by NOTIFY_SOCKET. Where nobody asked for
 * it (spawn-fcgi, multiwatch, a shell), nothing is sent. From main's thread only.
 */
#ifndef PAYMENTS_FCGI_SERVER_SD_NOTIFY_H
#define PAYMENTS_FCGI_SERVER_SD_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

/* Requests are taken from now on; also the end of a reload. */
void sd_notify_ready(void);
void sd_notify_reloading(void);
/* No new requests are taken; those in flight are finished. */
void sd_notify_stopping(void);

/* A sign of life, to be sent every sd_notify_pause_ms: `busy` of `threads` have a request. Where
 * the accept loop is not `alive` the watchdog is left to bite. */
void sd_notify_load(int threads, int busy, bool alive);

/* Milliseconds between two signs of life: a third of the watchdog's patience, at most 5 s. */
int64_t sd_notify_pause_ms(void);

#endif
