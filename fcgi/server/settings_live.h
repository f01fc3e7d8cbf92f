/*
 * The settings in force. A reload publishes a new set; a request keeps the set that it began with,
 * and the last release of a set frees it. From any thread.
 */
#ifndef PAYMENTS_FCGI_SERVER_SETTINGS_LIVE_H
#define PAYMENTS_FCGI_SERVER_SETTINGS_LIVE_H

#include "config/settings.h"

#include <stdbool.h>

/* The settings in force, valid until they are released. A set must have been published. */
const struct settings *settings_acquire(void);
void settings_release(const struct settings *settings);

/* Puts a copy of `settings` in force. False when out of memory: the old set stays. */
bool settings_publish(const struct settings *settings);

#endif
