/*
 * If these fail, work of one request is done twice or never, a request waits for
 * company that does not come, or one for ever that nobody comes to.
 */
#include "base/clock.h"
#include "db/batch.h"
#include "suites.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define LONG_MS 10000
#define CROWD 64
#define TURNS 500

struct part {
	struct batch_item item;
	int done; /* how often */
};

/* What the work does, and what it has seen. */
static struct {
	struct batch batch;
	sem_t begun, may_end; /* where it is held up */
	bool held;
	atomic_int batches, most, at_work, most_at_work;
} ground;

static void note_greatest(atomic_int *greatest, int value)
{
	int seen = atomic_load(greatest);

	while (value > seen && !atomic_compare_exchange_weak(greatest, &seen, value))
		;
}

static void work(struct batch_item *items, void *context)
{
	int count = 0;

	(void)context;
	note_greatest(&ground.most_at_work, atomic_fetch_add(&ground.at_work, 1) + 1);
	for (; items; items = items->next, count++)
		((struct part *)items)->done++;
	note_greatest(&ground.most, count);
	atomic_fetch_add(&ground.batches, 1);
	if (ground.held) {
		sem_post(&ground.begun);
		while (sem_wait(&ground.may_end) != 0)
			;
	}
	atomic_fetch_sub(&ground.at_work, 1);
}

static void begin(int most, int at_once, bool held)
{
	batch_init(&ground.batch, most, at_once);
	sem_init(&ground.begun, 0, 0);
	sem_init(&ground.may_end, 0, 0);
	ground.held = held;
}

/* One item, done once; or given up, and never done. */
static void *take_part(void *wait_ms)
{
	struct part part = { .done = 0 };
	bool done = batch_do(&ground.batch, &part.item, work, NULL, (int32_t)(intptr_t)wait_ms);

	ck_assert_int_eq(part.done, done ? 1 : 0);
	return (void *)(intptr_t)done;
}

static pthread_t start(int wait_ms)
{
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, take_part, (void *)(intptr_t)wait_ms), 0);
	return thread;
}

static bool join(pthread_t thread)
{
	void *done;

	pthread_join(thread, &done);
	return done != NULL;
}

static int in_line(void)
{
	int count = 0;

	pthread_mutex_lock(&ground.batch.lock);
	for (struct batch_item *item = ground.batch.head; item; item = item->next)
		count++;
	pthread_mutex_unlock(&ground.batch.lock);
	return count;
}

static void wait_for_line(int count)
{
	while (in_line() != count)
		clock_sleep_ms(1);
}

static void start_crowd(pthread_t crowd[], int count)
{
	for (int i = 0; i < count; i++)
		crowd[i] = start(LONG_MS);
	wait_for_line(count);
}

START_TEST(who_is_alone_does_not_wait)
{
	int64_t from_ms = clock_mono_ms();

	begin(8, 1, false);
	for (int i = 0; i < 100; i++)
		ck_assert(join(start(LONG_MS)));
	ck_assert_int_eq(ground.batches, 100);
	ck_assert_int_lt(clock_mono_ms() - from_ms, LONG_MS / 2);
}
END_TEST

/* One is at work while a crowd comes: how many batches does that make of them all? */
static void come_meanwhile(int most, int count, int batches)
{
	pthread_t first, crowd[CROWD];

	begin(most, 1, true);
	first = start(LONG_MS);
	sem_wait(&ground.begun);
	start_crowd(crowd, count);
	for (int i = 0; i < batches; i++)
		sem_post(&ground.may_end);
	ck_assert(join(first));
	for (int i = 0; i < count; i++)
		ck_assert(join(crowd[i]));
	ck_assert_int_eq(ground.batches, batches);
}

START_TEST(who_comes_meanwhile_is_done_together)
{
	come_meanwhile(8, 5, 2);
	ck_assert_int_eq(ground.most, 5);
}
END_TEST

START_TEST(a_batch_is_no_larger_than_it_may_be)
{
	come_meanwhile(3, 7, 4); /* 1, 3, 3, 1 */
	ck_assert_int_eq(ground.most, 3);
}
END_TEST

START_TEST(as_many_at_once_as_may_be)
{
	pthread_t first, second, third;

	begin(8, 2, true);
	first = start(LONG_MS);
	second = start(LONG_MS);
	sem_wait(&ground.begun);
	sem_wait(&ground.begun);
	start_crowd(&third, 1);
	for (int i = 0; i < 3; i++)
		sem_post(&ground.may_end);
	ck_assert(join(first) && join(second) && join(third));
	ck_assert_int_eq(ground.batches, 3);
	ck_assert_int_eq(ground.most_at_work, 2);
}
END_TEST

START_TEST(who_waited_too_long_goes_and_the_others_stay)
{
	pthread_t first, impatient[3], patient;

	begin(8, 1, true);
	first = start(LONG_MS);
	sem_wait(&ground.begun);
	impatient[0] = start(300); /* at the head of the line, unless the machine sleeps so long */
	clock_sleep_ms(20);
	patient = start(LONG_MS);
	impatient[1] = start(30);
	impatient[2] = start(30);
	for (int i = 0; i < 3; i++)
		ck_assert(!join(impatient[i]));
	wait_for_line(1);
	sem_post(&ground.may_end);
	sem_post(&ground.may_end);
	ck_assert(join(first) && join(patient));
	ck_assert_int_eq(ground.batches, 2);
}
END_TEST

static void *take_many_parts(void *unused)
{
	(void)unused;
	for (int i = 0; i < TURNS; i++)
		take_part((void *)(intptr_t)(i % 3 == 0 ? 0 : LONG_MS));
	return NULL;
}

START_TEST(a_crowd_is_done_once_each)
{
	pthread_t crowd[CROWD];

	begin(4, 1 + _i, false);
	for (int i = 0; i < CROWD; i++)
		ck_assert_int_eq(pthread_create(&crowd[i], NULL, take_many_parts, NULL), 0);
	for (int i = 0; i < CROWD; i++)
		pthread_join(crowd[i], NULL);
	ck_assert_int_le(ground.most, 4);
	ck_assert_int_le(ground.most_at_work, 1 + _i);
	ck_assert_int_eq(ground.batch.at_work, 0);
	ck_assert_ptr_null(ground.batch.head);
}
END_TEST

Suite *suite_batch(void)
{
	Suite *suite = suite_create("batch");
	TCase *tcase = tcase_create("batch");

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, who_is_alone_does_not_wait);
	tcase_add_test(tcase, who_comes_meanwhile_is_done_together);
	tcase_add_test(tcase, a_batch_is_no_larger_than_it_may_be);
	tcase_add_test(tcase, as_many_at_once_as_may_be);
	tcase_add_test(tcase, who_waited_too_long_goes_and_the_others_stay);
	tcase_add_loop_test(tcase, a_crowd_is_done_once_each, 0, 3);
	suite_add_tcase(suite, tcase);
	return suite;
}
