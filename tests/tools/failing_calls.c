/*
 * Preloaded into a worker: the nth call after arming fails, as without memory or connection. The
 * test arms it through a mapped file.
 *
 *   cc -shared -fPIC -o failing_calls.so failing_calls.c -ldl
 *   FAILING_CALLS=/tmp/x/control LD_PRELOAD=/tmp/x/failing_calls.so payments-fcgi ...
 *
 * libfcgi's own allocations do not fail: by design it aborts.
 */
#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* As the test writes and reads it: four ints and a name. */
struct control {
	atomic_int armed, nth, count, hit;
	char name[48];
};

static struct control *control;

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);

__attribute__((constructor)) static void control_map(void)
{
	const char *path = getenv("FAILING_CALLS");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *mapped;

	if (fd < 0)
		return;
	mapped = mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (mapped != MAP_FAILED)
		control = mapped;
}

static bool call_fails(const char *name, const void *caller)
{
	Dl_info where;

	if (!control || !control->armed)
		return false;
	if (dladdr(caller, &where) && where.dli_fname && strstr(where.dli_fname, "libfcgi"))
		return false;
	if (atomic_fetch_add(&control->count, 1) + 1 != control->nth)
		return false;
	strncpy(control->name, name, sizeof(control->name) - 1);
	control->hit = 1;
	errno = ENOMEM;
	return true;
}

void *malloc(size_t size)
{
	return call_fails("malloc", __builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	return call_fails("calloc", __builtin_return_address(0)) ? NULL
								 : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
	return call_fails("realloc", __builtin_return_address(0)) ? NULL
								  : __libc_realloc(old, size);
}

/* One function of libpq: its result, its name, its parameters, the arguments, what failure looks
 * like. */
#define FAILING(result, function, parameters, arguments, failed)                            \
	result function parameters;                                                         \
	result function parameters                                                          \
	{                                                                                   \
		static result(*real) parameters;                                            \
                                                                                            \
		if (!real)                                                                  \
			*(void **)&real = dlsym(RTLD_NEXT, #function);                      \
		return call_fails(#function, __builtin_return_address(0)) ? failed          \
									  : real arguments; \
	}

FAILING(void *, PQconnectStartParams, (const char *const *k, const char *const *v, int e),
	(k, v, e), NULL)
FAILING(int, PQconnectPoll, (void *pg), (pg), 0)
FAILING(int, PQsetnonblocking, (void *pg, int on), (pg, on), -1)
FAILING(int, PQenterPipelineMode, (void *pg), (pg), 0)
FAILING(int, PQsendPrepare, (void *pg, const char *n, const char *q, int c, const unsigned *t),
	(pg, n, q, c, t), 0)
FAILING(int, PQsendQueryParams,
	(void *pg, const char *q, int c, const unsigned *t, const char *const *v, const int *l,
	 const int *f, int r),
	(pg, q, c, t, v, l, f, r), 0)
FAILING(int, PQsendQueryPrepared,
	(void *pg, const char *n, int c, const char *const *v, const int *l, const int *f, int r),
	(pg, n, c, v, l, f, r), 0)
FAILING(int, PQpipelineSync, (void *pg), (pg), 0)
FAILING(int, PQflush, (void *pg), (pg), -1)
FAILING(int, PQconsumeInput, (void *pg), (pg), 0)
FAILING(void *, PQgetResult, (void *pg), (pg), NULL)
