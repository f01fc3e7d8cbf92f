/*
 * Named places where a test has the process die, stop or wait: the recovery
 * points of a payment. Only in a build with ./configure --enable-fault-points;
 * in any other a point is nothing at all.
 *
 *   FAULT_POINT=record_committed:2:kill payments-fcgi ...
 *
 * The variable says at which point, at which hit of it (from 1, over all
 * threads), and what happens: "kill" (SIGKILL), "stop" (SIGSTOP, so that a test
 * has the moment to itself), or a number of milliseconds to sleep.
 */
#ifndef PAYMENTS_BASE_FAULT_POINT_H
#define PAYMENTS_BASE_FAULT_POINT_H

#ifdef FAULT_POINTS
#define FAULT_POINT(name) fault_point_hit(name)
/* Counts a hit of the point and does what FAULT_POINT says, if it names this one. */
void fault_point_hit(const char *name);
#else
#define FAULT_POINT(name) ((void)0)
#endif

#endif
