/*
 * Whose attempt is whose. An owner names one process for ever: boot id, pid
 * namespace, pid and the process's start time, so that a reused pid, another
 * container or another machine is never taken for it.
 */
#ifndef PAYMENTS_PAY_PROCESS_ID_H
#define PAYMENTS_PAY_PROCESS_ID_H

#include <stdbool.h>
#include <stddef.h>

#define PROCESS_ID_MAX 128

/* This process. */
void process_id_self(char out[PROCESS_ID_MAX]);

/* True only where it is certain: an owner of this boot and pid namespace whose process is gone.
 * Of a process elsewhere nothing can be known: false. */
bool process_id_is_dead(const char *owner);

#endif
