/* The control addresses below /_sim, for tests. */
#ifndef GATEWAYSIM_CONTROL_H
#define GATEWAYSIM_CONTROL_H

#include <cjson/cJSON.h>
#include <stdatomic.h>
#include <stdbool.h>

/* How long to refuse connections, ms; set by POST /_sim/down, cleared by the listener. */
extern atomic_int control_down_ms;

/* Serves /_sim/`what` with the JSON body. False: close the connection. */
bool control_serve(int fd, const char *what, const cJSON *json);

#endif
