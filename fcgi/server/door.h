/*
 * Where threads wait for a connection. The processes of a pool wait at one socket, and accept gives
 * every thread its turn: what comes at the same moment is spread over all processes, and less of it
 * meets in one (base/batch.h). So each process has some places in front of accept. The kernel asks
 * the places in the order in which they were made: those of the process that opened its door first,
 * then the next one's, and only where nobody waits at any of them the threads in accept. A process
 * that ends, or is stopped, or has no thread to spare is passed over by the kernel itself, so the
 * processes need no word between them.
 */
#ifndef PAYMENTS_FCGI_SERVER_DOOR_H
#define PAYMENTS_FCGI_SERVER_DOOR_H

#define DOOR_PATIENCE_MS 300 /* of a thread that waits: it must look at other things too */
#define DOOR_IN_TURN (-1)    /* no place in front: in accept, where everybody has his turn */

struct door;

/* With so many places in front, or none where the kernel refuses them. NULL: no memory. The socket
 * stays the caller's. */
struct door *door_open(int listen_fd, int places);
/* When no thread waits any more. */
void door_close(struct door *door);

/* A place in front, where one is free; a thread that has one keeps it. */
int door_take_place(struct door *door, int place);
void door_leave_place(struct door *door, int place);

/* One connection. -1 and errno: nobody came within DOOR_PATIENCE_MS (EAGAIN), or accept's own
 * reason. */
int door_accept(const struct door *door, int place);

#endif
