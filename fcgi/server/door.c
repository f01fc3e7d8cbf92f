#define _GNU_SOURCE 1 /* accept4, strerrordesc_np */

#include "fcgi/server/door.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

struct place {
	int epoll_fd; /* watches the socket */
	bool taken;
};

struct door {
	int listen_fd;
	int count;	      /* of places */
	pthread_mutex_t lock; /* what follows, and `taken` */
	atomic_int vacant; /* read without the lock: in a crowd nearly all have no place, and there
			      is none */
	struct place places[];
};

static int place_open(int listen_fd)
{
	struct epoll_event watched = { .events = EPOLLIN | EPOLLEXCLUSIVE };
	int fd = epoll_create1(EPOLL_CLOEXEC);
	int error;

	if (fd < 0)
		return -1;
	if (epoll_ctl(fd, EPOLL_CTL_ADD, listen_fd, &watched) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

/* By any process that has the socket; given back by the kernel where it dies. */
static void lock_socket(int listen_fd, short type)
{
	struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_len = 1 };

	while (fcntl(listen_fd, F_SETLKW, &lock) != 0 && errno == EINTR)
		;
}

static void places_close(struct door *door)
{
	while (door->count > 0)
		close(door->places[--door->count].epoll_fd);
}

/*
 * Two processes that start at the same moment must not have their places mixed. Where not all can
 * be had there are none: who has so few descriptors needs them for connections.
 */
static void places_open(struct door *door, int wanted)
{
	int fd = 0, error = 0;

	lock_socket(door->listen_fd, F_WRLCK);
	while (door->count < wanted && fd >= 0) {
		fd = place_open(door->listen_fd);
		if (fd < 0)
			error = errno;
		else
			door->places[door->count++].epoll_fd = fd;
	}
	lock_socket(door->listen_fd, F_UNLCK);
	if (fd < 0) {
		places_close(door);
		log_event(LOG_LEVEL_WARN, "front_threads_refused",
			  "%s: this process takes its turn with the others",
			  strerrordesc_np(error));
	}
	door->vacant = door->count;
}

struct door *door_open(int listen_fd, int places)
{
	/* The timeout is the only way back from accept that disturbs none of the processes that
	 * share the socket. */
	struct timeval patience = { .tv_usec = DOOR_PATIENCE_MS * 1000 };
	struct door *door = calloc(1, sizeof(*door) + (size_t)places * sizeof(door->places[0]));

	if (!door)
		return NULL;
	door->listen_fd = listen_fd;
	pthread_mutex_init(&door->lock, NULL);
	setsockopt(listen_fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	places_open(door, places);
	return door;
}

void door_close(struct door *door)
{
	if (!door)
		return;
	places_close(door);
	pthread_mutex_destroy(&door->lock);
	free(door);
}

static int take_vacant(struct door *door)
{
	int place = 0;

	pthread_mutex_lock(&door->lock);
	while (place < door->count && door->places[place].taken)
		place++;
	if (place < door->count) {
		door->places[place].taken = true;
		door->vacant--;
	} else {
		place = DOOR_IN_TURN;
	}
	pthread_mutex_unlock(&door->lock);
	return place;
}

int door_take_place(struct door *door, int place)
{
	return place == DOOR_IN_TURN && door->vacant > 0 ? take_vacant(door) : place;
}

void door_leave_place(struct door *door, int place)
{
	if (place == DOOR_IN_TURN)
		return;
	pthread_mutex_lock(&door->lock);
	door->places[place].taken = false;
	door->vacant++;
	pthread_mutex_unlock(&door->lock);
}

/* Also where the one who was told of a connection died before he took it. */
static bool somebody_stands_there(const struct door *door)
{
	struct pollfd listening = { .fd = door->listen_fd, .events = POLLIN };

	return poll(&listening, 1, 0) == 1;
}

int door_accept(const struct door *door, int place)
{
	struct epoll_event event;

	if (place != DOOR_IN_TURN &&
	    epoll_wait(door->places[place].epoll_fd, &event, 1, DOOR_PATIENCE_MS) != 1 &&
	    !somebody_stands_there(door)) {
		errno = EAGAIN;
		return -1;
	}
	return accept4(door->listen_fd, NULL, NULL, SOCK_CLOEXEC);
}
