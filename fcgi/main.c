/*
 * payments-fcgi: starts in a fixed order, then waits for signals. Every error of the environment is
 * reported before the first request is accepted. Only the database may be away, then and later.
 */
#include "config.h"

#include "base/clock.h"
#include "base/log.h"
#include "fcgi/command_line.h"
#include "fcgi/handle/handle.h"
#include "fcgi/options.h"
#include "fcgi/server/admin.h"
#include "fcgi/server/janitor_thread.h"
#include "fcgi/server/listener.h"
#include "fcgi/server/sd_notify.h"
#include "fcgi/server/settings_live.h"
#include "fcgi/server/worker.h"
#include "pay/metrics.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define ROUND_PATIENCE_MS 1000 /* a drain waits this long for a round of the janitor */

/* The parts of the process, in the order in which they start. */
struct process {
	const char *file;
	const char *made_socket; /* the address of our own socket; NULL: the socket was inherited */
	sigset_t signals;
	int listen_fd;
	struct service service;
	struct worker *worker;
	struct janitor_thread *janitor_thread;
	struct admin *admin; /* NULL: no PAYMENTS_ADMIN_LISTEN, or it failed */
};

/* Loads the settings and logs each warning or error. */
static bool settings_take(const char *file, const struct settings *now, struct settings *out)
{
	struct buf errors = { .data = NULL };
	bool good = settings_load(file, now, out, &errors);
	char *rest = NULL;

	if (good && !now)
		log_set_level(out->log_level);
	for (char *line = errors.data ? strtok_r(errors.data, "\n", &rest) : NULL; line;
	     line = strtok_r(NULL, "\n", &rest))
		log_event(good ? LOG_LEVEL_WARN : LOG_LEVEL_ERROR,
			  good ? "settings_warning" : "settings_refused", "%s", line);
	buf_free(&errors);
	return good;
}

/* -t prints for people, as nginx -t does: no JSON. */
static bool test_settings(const char *file, struct settings *settings)
{
	struct buf errors = { .data = NULL };
	bool good = settings_load(file, NULL, settings, &errors);
	char *rest = NULL;

	for (char *line = errors.data ? strtok_r(errors.data, "\n", &rest) : NULL; line;
	     line = strtok_r(NULL, "\n", &rest))
		fprintf(stderr, "payments-fcgi: %s%s\n", good ? "" : "error: ", line);
	buf_free(&errors);
	fprintf(stderr, "payments-fcgi: settings are %s\n", good ? "ok" : "not ok");
	return good;
}

static bool test_database(const struct settings *settings)
{
	struct service service;
	struct buf why = { .data = NULL };
	struct db_pool *pool = db_pool_open(settings);
	bool ready = false;

	if (pool) {
		service_init(&service, pool, settings);
		ready = service_ready(&service, &why) == STATUS_OK;
		db_pool_close(pool);
	}
	if (ready)
		fputs("payments-fcgi: database and schema are ok\n", stderr);
	else
		fprintf(stderr, "payments-fcgi: error: database: %s\n",
			why.length ? buf_text(&why) : "out of memory");
	buf_free(&why);
	return ready;
}

static int test_run(const char *file)
{
	struct settings settings;
	bool good = test_settings(file, &settings) && test_database(&settings);

	explicit_bzero(&settings, sizeof(settings));
	fprintf(stderr, "payments-fcgi: test %s\n", good ? "is successful" : "failed");
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Signals are blocked in every thread, so that none interrupts a request. Only main receives them,
 * by sigtimedwait. A closed connection is an error of write, not a signal. */
static void signals_block(sigset_t *set)
{
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGUSR1);
	sigaddset(set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, set, NULL);
}

/* Each thread may need a connection. The usual soft limit of 1024 protects programs that use select
 * on connections; this one does not. */
static void descriptors_raise(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static bool process_listen(struct process *process, const struct settings *settings,
			   const struct options *options)
{
	const char *address = options->listen ? options->listen : settings->listen;
	struct buf why = { .data = NULL };

	if (*address)
		process->made_socket = strdup(address);
	process->listen_fd = *address ? listener_open(address, settings->backlog, false, &why)
				      : listener_inherit(&why);
	if (process->listen_fd < 0)
		log_event(LOG_LEVEL_ERROR, "listen_refused", "%s", buf_text(&why));
	buf_free(&why);
	return process->listen_fd >= 0;
}

/* Payments go on without metrics and without the admin listener. */
static void process_observe(struct process *process, const struct settings *settings)
{
	static const char *names[ROUTE_NAMES_MAX];
	struct buf why = { .data = NULL };

	if (!metrics_open(settings->metrics_file, names, route_names(names), &why))
		log_event(LOG_LEVEL_WARN, "metrics_alone", "%s", buf_text(&why));
	buf_reset(&why);
	if (*settings->admin_listen)
		process->admin = admin_start(settings->admin_listen, &process->service, &why);
	if (*settings->admin_listen && !process->admin)
		log_event(LOG_LEVEL_WARN, "admin_off", "%s", buf_text(&why));
	buf_free(&why);
}

/* False: no memory or no thread. It is logged and the process ends. */
static bool process_begin(struct process *process, const struct settings *settings)
{
	struct db_pool *pool = db_pool_open(settings);
	bool remembers = settings->token_cache > 0;
	struct token_cache *tokens =
		remembers ? token_cache_new((size_t)settings->token_cache) : NULL;

	handle_health_prepare();
	if (pool && (tokens || !remembers) && settings_publish(settings) &&
	    handle_methods_prepare()) {
		service_init(&process->service, pool, settings);
		process->service.tokens = tokens;
		process_observe(process, settings);
		process->worker = worker_start(process->listen_fd, &process->service);
		process->janitor_thread = janitor_thread_start(&process->service);
	}
	if (process->worker && process->janitor_thread)
		return true;
	log_event(LOG_LEVEL_ERROR, "start_failed", "out of memory, or no thread could be started");
	return false;
}

static void process_reload(const struct process *process)
{
	const struct settings *now = settings_acquire();
	struct settings fresh;

	sd_notify_reloading();
	if (settings_take(process->file, now, &fresh) && settings_publish(&fresh)) {
		log_set_level(fresh.log_level);
		log_event(LOG_LEVEL_INFO, "reloaded", "the new settings are in force");
	} else {
		log_event(LOG_LEVEL_ERROR, "reload_refused", "the old settings stay in force");
	}
	settings_release(now);
	explicit_bzero(&fresh, sizeof(fresh));
	sd_notify_ready();
}

static void process_wait(const struct process *process)
{
	int64_t pause_ms = sd_notify_pause_ms();
	struct timespec pause = { pause_ms / 1000, pause_ms % 1000 * 1000000 };
	struct worker_load load;
	int signal_number;

	do {
		signal_number = sigtimedwait(&process->signals, NULL, &pause);
		if (signal_number == SIGHUP)
			process_reload(process);
		/* sent even when nothing changed: the watchdog waits for it */
		worker_load_read(process->worker, &load);
		sd_notify_load(load.threads, load.busy, load.alive);
	} while (signal_number == SIGHUP || signal_number < 0);
	log_event(LOG_LEVEL_INFO, "draining", "signal %d", signal_number);
}

/*
 * Ends by _exit when a thread still runs, because exit would free what the thread uses. The
 * database rolls back an open transaction, and the janitor of another process repeats the round.
 */
static void process_drain(struct process *process)
{
	int64_t began_ms = clock_mono_ms();
	const struct settings *settings = settings_acquire();
	int32_t bound_s = settings->drain_s;

	settings_release(settings);
	sd_notify_stopping();
	janitor_thread_stop(process->janitor_thread);
	admin_stop(process->admin);
	if (!worker_drain(process->worker, (int64_t)bound_s * 1000)) {
		log_event(LOG_LEVEL_ERROR, "drain_exceeded", "requests in flight after %d s",
			  (int)bound_s);
		_exit(EXIT_FAILURE);
	}
	log_event(LOG_LEVEL_INFO, "drained", "in %d ms", (int)(clock_mono_ms() - began_ms));
	if (process->made_socket)
		listener_remove(process->made_socket);
	admin_join(process->admin);
	if (!janitor_thread_join(process->janitor_thread, ROUND_PATIENCE_MS))
		_exit(EXIT_SUCCESS);
	db_pool_close(process->service.pool);
	token_cache_free(process->service.tokens);
}

int main(int argc, char **argv)
{
	static struct process process; /* threads may outlive main: see process_drain */
	struct settings settings;
	struct options options;
	bool begun;
	int code;

	if (!options_parse(argc, argv, &options, &code))
		return code;
	environment_clean();
	if (options.test)
		return test_run(options.file);
	if (!settings_take(options.file, NULL, &settings))
		return EXIT_FAILURE;
	process.file = options.file;
	signals_block(&process.signals);
	descriptors_raise();
	begun = process_listen(&process, &settings, &options) && process_begin(&process, &settings);
	explicit_bzero(&settings, sizeof(settings));
	if (!begun)
		_exit(EXIT_FAILURE);
	log_event(LOG_LEVEL_INFO, "started", "payments-fcgi " PACKAGE_VERSION);
	sd_notify_ready();
	process_wait(&process);
	process_drain(&process);
	return EXIT_SUCCESS;
}
