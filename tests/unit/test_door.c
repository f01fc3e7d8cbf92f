/* If these fail, a connection waits at the door though a thread does too, or processes that start
 * together mix their places. */
#include "base/clock.h"
#include "fcgi/server/door.h"
#include "suites.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define HELD_MS 300
#define PLACES 4

/* A listening socket whose name the kernel has chosen. */
static int listening(void)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&name, sizeof(name.sun_family)), 0);
	ck_assert_int_eq(listen(fd, 16), 0);
	return fd;
}

static int comes(int listen_fd)
{
	struct sockaddr_un name;
	socklen_t length = sizeof(name);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	ck_assert_int_eq(getsockname(listen_fd, (struct sockaddr *)&name, &length), 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&name, length), 0);
	return fd;
}

START_TEST(a_place_is_one_threads)
{
	int fd = listening();
	struct door *door = door_open(fd, 2);
	int first = door_take_place(door, DOOR_IN_TURN),
	    second = door_take_place(door, DOOR_IN_TURN);

	ck_assert_int_ne(first, DOOR_IN_TURN);
	ck_assert_int_ne(second, DOOR_IN_TURN);
	ck_assert_int_ne(first, second);
	ck_assert_int_eq(door_take_place(door, DOOR_IN_TURN), DOOR_IN_TURN);
	ck_assert_int_eq(door_take_place(door, first), first);
	door_leave_place(door, first);
	door_leave_place(door, DOOR_IN_TURN);
	ck_assert_int_eq(door_take_place(door, DOOR_IN_TURN), first);
	door_close(door);
	close(fd);
}
END_TEST

START_TEST(nobody_comes)
{
	int fd = listening();
	struct door *door = door_open(fd, PLACES);
	int places[] = { door_take_place(door, DOOR_IN_TURN), DOOR_IN_TURN };

	for (int i = 0; i < 2; i++) {
		int64_t begin_ms = clock_mono_ms();

		ck_assert_int_eq(door_accept(door, places[i]), -1);
		ck_assert_int_eq(errno, EAGAIN);
		ck_assert_int_ge(clock_mono_ms() - begin_ms, DOOR_PATIENCE_MS - 50);
	}
	door_close(door);
	close(fd);
}
END_TEST

/* Is told of the connection, as the thread of a process that dies then, and does not take it. */
static void *is_told(void *epoll_fd)
{
	struct epoll_event event;

	return (void *)(intptr_t)epoll_wait(*(int *)epoll_fd, &event, 1, 5000);
}

static void *connects(void *listen_fd)
{
	clock_sleep_ms(100); /* both wait by then */
	return (void *)(intptr_t)comes(*(int *)listen_fd);
}

START_TEST(who_was_told_died)
{
	struct epoll_event watched = { .events = EPOLLIN | EPOLLEXCLUSIVE };
	int fd = listening(), other = epoll_create1(0);
	pthread_t told, client;
	struct door *door;
	void *count, *peer;
	int place, taken;

	ck_assert_int_eq(epoll_ctl(other, EPOLL_CTL_ADD, fd, &watched), 0);
	door = door_open(fd, PLACES);
	place = door_take_place(door, DOOR_IN_TURN);
	pthread_create(&told, NULL, is_told, &other);
	pthread_create(&client, NULL, connects, &fd);
	taken = door_accept(door, place);
	ck_assert_int_ge(taken, 0);
	pthread_join(told, &count);
	pthread_join(client, &peer);
	ck_assert_int_eq((int)(intptr_t)count, 1); /* it was told, not the door */
	close(taken);
	close((int)(intptr_t)peer);
	close(other);
	door_close(door);
	close(fd);
}
END_TEST

/* Holds the socket as a process does that makes its places; exits when it has given it back. */
static pid_t another_opens(int fd, int ready)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };
	pid_t pid = fork();

	if (pid == 0) {
		if (fcntl(fd, F_SETLK, &lock) != 0 || write(ready, "", 1) != 1)
			_exit(1);
		clock_sleep_ms(HELD_MS);
		_exit(0);
	}
	return pid;
}

START_TEST(places_are_not_mixed)
{
	int fd = listening(), ready[2], status;
	struct door *door;
	int64_t begin_ms;
	pid_t pid;
	char byte;

	ck_assert_int_eq(pipe(ready), 0);
	pid = another_opens(fd, ready[1]);
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	begin_ms = clock_mono_ms();
	door = door_open(fd, PLACES);
	ck_assert_int_ge(clock_mono_ms() - begin_ms, HELD_MS - 100);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	door_close(door);
	close(fd);
	close(ready[0]);
	close(ready[1]);
}
END_TEST

Suite *suite_door(void)
{
	Suite *suite = suite_create("door");
	TCase *tests = tcase_create("door");

	tcase_set_timeout(tests, 20);
	tcase_add_test(tests, a_place_is_one_threads);
	tcase_add_test(tests, nobody_comes);
	tcase_add_test(tests, who_was_told_died);
	tcase_add_test(tests, places_are_not_mixed);
	suite_add_tcase(suite, tests);
	return suite;
}
