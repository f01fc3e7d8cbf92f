/*
 * Named points where a test makes the process die, stop or sleep. They exist only in a build with
 * ./configure --enable-fault-points.
 *
 *   FAULT_POINT=record_committed:2:kill payments-fcgi ...
 *
 * Point, hit (from 1, over all threads) and action: "kill" (SIGKILL), "stop" (SIGSTOP), or the
 * milliseconds to sleep.
 */
#ifndef PAYMENTS_BASE_FAULT_POINT_H
#define PAYMENTS_BASE_FAULT_POINT_H

#ifdef FAULT_POINTS
#define FAULT_POINT(name) fault_point_hit(name)
void fault_point_hit(const char *name);
#else
#define FAULT_POINT(name) ((void)0)
#endif

#endif
