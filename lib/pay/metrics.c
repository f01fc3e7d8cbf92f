#define _GNU_SOURCE 1

#include "pay/metrics.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUCKETS 12
#define ROUTES (METRICS_ROUTES_MAX + 1) /* after the last route: no route matched */

/* Upper bounds. A longer time is only in _sum and _count. */
static const int64_t bounds_us[BUCKETS] = { 1000,   5000,   10000,   25000,   50000,   100000,
					    250000, 500000, 1000000, 2500000, 5000000, 10000000 };
static const char *const bounds_s[BUCKETS] = { "0.001", "0.005", "0.01", "0.025", "0.05", "0.1",
					       "0.25",	"0.5",	 "1",	 "2.5",	  "5",	  "10" };

enum http_class { HTTP_2XX, HTTP_3XX, HTTP_4XX, HTTP_5XX, HTTP_CLASSES };
static const char *const class_names[HTTP_CLASSES] = { "2xx", "3xx", "4xx", "5xx" };

/* clang-format off */
static const struct {
	const char *name, *help;
} counter_texts[METRIC_COUNTERS] = {
	[METRIC_PAYMENTS_APPROVED] = { "payments_approved_total", "Payments settled." },
	[METRIC_PAYMENTS_DECLINED] = { "payments_declined_total", "Payments a gateway declined." },
	[METRIC_PAYMENTS_UNKNOWN] = { "payments_unknown_total", "Answers of a gateway that proved nothing." },
	[METRIC_PAYMENTS_LOST] = { "payments_lost_total", "Charges whose reservation was lost: refund ordered." },
	[METRIC_BATCHES] = { "payments_batches_total", "Transactions that claimed or settled batches of payments." },
	[METRIC_BATCHED] = { "payments_batched_total", "Claims and settlements in these transactions." },
	[METRIC_BOOKING_LOOKS] = { "payments_booking_looks_total", "Coalesced reads of booking pages." },
	[METRIC_BOOKING_LISTS] = { "payments_booking_lists_total", "Booking pages in these reads." },
	[METRIC_SEAT_MAPS] = { "payments_seat_maps_total", "Coalesced reads of seat maps." },
	[METRIC_SEAT_MAPS_GIVEN] = { "payments_seat_maps_given_total", "Seat maps answered from these reads." },
	[METRIC_REFUNDS_DONE] = { "payments_refunds_done_total", "Refunds a gateway confirmed." },
	[METRIC_REFUNDS_DELAYED] = { "payments_refunds_delayed_total", "Refunds to be retried." },
	[METRIC_REPAIRED] = { "payments_healed_total", "Settled payments repaired after another service overwrote them." },
	[METRIC_CANCELLED_ELSEWHERE] = { "payments_followed_total", "Settled payments cancelled elsewhere: refund ordered." },
	[METRIC_HOLDS_EXPIRED] = { "payments_holds_expired_total", "Holds ended by a janitor." },
	[METRIC_SHADOW_SAME] = { "payments_shadow_same_total", "Shadow decisions that agree with the monolith." },
	[METRIC_SHADOW_DIFFERS] = { "payments_shadow_differs_total", "Shadow decisions that differ from the monolith." },
};
/* clang-format on */

static const char *const time_names[METRIC_TIMES] = {
	[METRIC_TIME_QUEUE] = "payments_queue_seconds",
	[METRIC_TIME_DB_WAIT] = "payments_db_wait_seconds",
	[METRIC_TIME_DB] = "payments_db_seconds",
	[METRIC_TIME_GATEWAY] = "payments_gateway_seconds",
};

struct histogram {
	_Atomic int64_t buckets[BUCKETS];
	_Atomic int64_t count, sum_us;
};

/* The counts of one process; a later process takes over slot and counts. */
struct slot {
	_Atomic int32_t pid; /* 0: never used */
	_Atomic int32_t busy;
	_Atomic int64_t counters[METRIC_COUNTERS];
	_Atomic int64_t requests[ROUTES][HTTP_CLASSES];
	struct histogram routes[ROUTES];
	struct histogram times[METRIC_TIMES];
};

struct pool_file {
	struct slot slots[METRICS_PROCESSES_MAX];
};

static struct pool_file *file;
static struct slot *own;
static const char *const *route_names;
static int routes;

static uint32_t hash_text(uint32_t hash, const char *text)
{
	for (; *text != '\0'; text++)
		hash = (hash ^ (unsigned char)*text) * 16777619u; /* FNV-1a */
	return hash;
}

/* Two builds share a file only if they count the same things. */
static uint32_t layout_hash(void)
{
	uint32_t hash = hash_text(2166136261u ^ (uint32_t)sizeof(struct pool_file), "2");

	for (int i = 0; i < routes; i++)
		hash = hash_text(hash, route_names[i]);
	for (int i = 0; i < METRIC_COUNTERS; i++)
		hash = hash_text(hash, counter_texts[i].name);
	return hash;
}

static bool map_file(const char *path, struct buf *why)
{
	int fd = -1, flags = MAP_SHARED;
	struct buf name = { 0 };
	void *memory = MAP_FAILED;

	buf_printf(&name, "%s.%08x", path, layout_hash());
	if (!*path)
		flags = MAP_PRIVATE | MAP_ANONYMOUS;
	else
		fd = open(buf_text(&name), O_RDWR | O_CREAT | O_CLOEXEC, 0660);
	/* the same size for all: another process may have it mapped */
	if (!*path || (fd >= 0 && ftruncate(fd, (off_t)sizeof(struct pool_file)) == 0))
		memory = mmap(NULL, sizeof(struct pool_file), PROT_READ | PROT_WRITE, flags, fd, 0);
	if (memory == MAP_FAILED)
		buf_printf(why, "%s: %s", buf_text(&name), strerror(errno));
	else
		file = memory;
	if (fd >= 0)
		close(fd);
	buf_free(&name);
	return memory != MAP_FAILED;
}

static bool is_gone(int32_t pid)
{
	return pid == 0 || (kill(pid, 0) != 0 && errno == ESRCH);
}

static bool take_slot(void)
{
	int32_t self = (int32_t)getpid();

	for (int i = 0; i < METRICS_PROCESSES_MAX; i++) {
		int32_t pid = atomic_load(&file->slots[i].pid);

		if ((pid == self || is_gone(pid)) &&
		    atomic_compare_exchange_strong(&file->slots[i].pid, &pid, self)) {
			own = &file->slots[i];
			atomic_store(&own->busy, 0);
			return true;
		}
	}
	return false;
}

bool metrics_open(const char *path, const char *const *names, int count, struct buf *why)
{
	assert(count <= METRICS_ROUTES_MAX);
	route_names = names;
	routes = count;
	if (map_file(path, why) && take_slot())
		return true;
	if (file) {
		buf_puts(why, "every slot is taken");
		metrics_close();
	}
	if (map_file("", why))
		take_slot();
	return false;
}

void metrics_close(void)
{
	if (own)
		atomic_store(&own->busy, 0);
	own = NULL;
	if (file)
		munmap(file, sizeof(*file));
	file = NULL;
}

void metrics_add(enum metric_counter counter, int64_t amount)
{
	if (own)
		atomic_fetch_add_explicit(&own->counters[counter], amount, memory_order_relaxed);
}

void metrics_count(enum metric_counter counter)
{
	metrics_add(counter, 1);
}

static void histogram_add(struct histogram *histogram, int64_t us)
{
	int i = 0;

	while (i < BUCKETS && us > bounds_us[i])
		i++;
	if (i < BUCKETS)
		atomic_fetch_add_explicit(&histogram->buckets[i], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&histogram->count, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&histogram->sum_us, us, memory_order_relaxed);
}

void metrics_time(enum metric_time what, int64_t us)
{
	if (own)
		histogram_add(&own->times[what], us);
}

static enum http_class class_of(int http)
{
	return http < 300 ? HTTP_2XX : http < 400 ? HTTP_3XX : http < 500 ? HTTP_4XX : HTTP_5XX;
}

void metrics_request(int route, int http, int64_t us)
{
	int at = route < 0 || route >= routes ? routes : route;

	if (!own)
		return;
	atomic_fetch_add_explicit(&own->requests[at][class_of(http)], 1, memory_order_relaxed);
	histogram_add(&own->routes[at], us);
}

void metrics_busy(int change)
{
	if (own)
		atomic_fetch_add_explicit(&own->busy, change, memory_order_relaxed);
}

/* --- the sum over the pool --- */

/* `first` is in the first slot; the sum is over all slots. */
static int64_t sum_of(const _Atomic int64_t *first)
{
	size_t place = (size_t)((const char *)first - (const char *)file);
	int64_t sum = 0;

	for (int i = 0; i < METRICS_PROCESSES_MAX; i++) {
		const void *at = (const char *)&file->slots[i] + place;

		sum += atomic_load_explicit((const _Atomic int64_t *)at, memory_order_relaxed);
	}
	return sum;
}

static void write_head(struct buf *out, const char *name, const char *type, const char *help)
{
	if (*help)
		buf_printf(out, "# HELP %s %s\n", name, help);
	buf_printf(out, "# TYPE %s %s\n", name, type);
}

/* `label` is "" or `route="..."`. */
static void write_histogram(struct buf *out, const char *name, const char *label,
			    const struct histogram *first)
{
	const char *comma = *label ? "," : "";
	int64_t below = 0, count, us;

	for (int i = 0; i < BUCKETS; i++) {
		below += sum_of(&first->buckets[i]);
		buf_printf(out, "%s_bucket{%s%sle=\"%s\"} %lld\n", name, label, comma, bounds_s[i],
			   (long long)below);
	}
	count = sum_of(&first->count);
	us = sum_of(&first->sum_us);
	buf_printf(out, "%s_bucket{%s%sle=\"+Inf\"} %lld\n", name, label, comma, (long long)count);
	buf_printf(out, "%s_sum{%s} %lld.%06lld\n", name, label, (long long)(us / 1000000),
		   (long long)(us % 1000000));
	buf_printf(out, "%s_count{%s} %lld\n", name, label, (long long)count);
}

static const char *route_name(int at)
{
	return at == routes ? "-" : route_names[at];
}

static void write_requests(struct buf *out)
{
	const struct slot *first = &file->slots[0];
	char label[128];

	write_head(out, "payments_requests_total", "counter", "Requests answered.");
	for (int at = 0; at <= routes; at++)
		for (int class = 0; class < HTTP_CLASSES; class ++)
			buf_printf(out,
				   "payments_requests_total{route=\"%s\",status=\"%s\"} %lld\n",
				   route_name(at), class_names[class],
				   (long long)sum_of(&first->requests[at][class]));
	write_head(out, "payments_request_seconds", "histogram", "From accept to answer.");
	for (int at = 0; at <= routes; at++) {
		if (sum_of(&first->routes[at].count) == 0)
			continue;
		snprintf(label, sizeof(label), "route=\"%s\"", route_name(at));
		write_histogram(out, "payments_request_seconds", label, &first->routes[at]);
	}
}

static void write_times(struct buf *out)
{
	for (int what = 0; what < METRIC_TIMES; what++) {
		write_head(out, time_names[what], "histogram", "");
		write_histogram(out, time_names[what], "", &file->slots[0].times[what]);
	}
}

static void write_counters(struct buf *out)
{
	for (int counter = 0; counter < METRIC_COUNTERS; counter++) {
		const char *name = counter_texts[counter].name;

		write_head(out, name, "counter", counter_texts[counter].help);
		buf_printf(out, "%s %lld\n", name,
			   (long long)sum_of(&file->slots[0].counters[counter]));
	}
}

static void write_gauges(struct buf *out)
{
	int alive = 0, busy = 0;

	for (int i = 0; i < METRICS_PROCESSES_MAX; i++) {
		if (is_gone(atomic_load(&file->slots[i].pid)))
			continue;
		alive++;
		busy += atomic_load(&file->slots[i].busy);
	}
	write_head(out, "payments_processes", "gauge", "Processes of the pool.");
	buf_printf(out, "payments_processes %d\n", alive);
	write_head(out, "payments_requests_busy", "gauge", "Requests in work.");
	buf_printf(out, "payments_requests_busy %d\n", busy);
}

void metrics_write(struct buf *out)
{
	if (!file)
		return;
	write_gauges(out);
	write_requests(out);
	write_times(out);
	write_counters(out);
}
