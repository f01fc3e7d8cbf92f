/*
 * Names one process for ever: boot id, pid namespace, pid and start time. A reused pid, another
 * container or another machine has another id. An attempt keeps the id of its process.
 */
#ifndef PAYMENTS_PAY_PROCESS_ID_H
#define PAYMENTS_PAY_PROCESS_ID_H

#include <stdbool.h>
#include <stddef.h>

#define PROCESS_ID_MAX 128

void process_id_self(char out[PROCESS_ID_MAX]);

/* True only if it is certain. The state of a process of another boot or pid namespace is not known:
 * false. */
bool process_id_is_dead(const char *id);

#endif
