/*
 * If these fail, the work of one request is done twice or never, a request waits although
 * the batch is idle, or waits for ever, or one member's fault is the others'.
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
	struct batch_member member;
	struct db_cost cost;
	int done; /* how often */
	int alone;
	bool leaves; /* a batch, to run alone */
};

/* What the work does, and what it has seen. */
static struct {
	struct batch batch;
	sem_t begun, may_end; /* where it is held up */
	bool held;
	enum db_code fails_with; /* a batch, */
	int fails_from;		 /* of so many members */
	atomic_int batches, most, at_work, most_at_work;
} ground;

static void note_greatest(atomic_int *greatest, int value)
{
	int seen = atomic_load(greatest);

	while (value > seen && !atomic_compare_exchange_weak(greatest, &seen, value))
		;
}

static enum db_code work(struct batch_member *first, bool alone, struct db_cost *cost)
{
	int count = 0;

	cost->trips = 1;
	note_greatest(&ground.most_at_work, atomic_fetch_add(&ground.at_work, 1) + 1);
	for (struct batch_member *member = first; member; member = member->next, count++) {
		struct part *part = (struct part *)member;

		member->runs_alone = !alone && part->leaves;
		part->done += !member->runs_alone;
		part->alone += alone;
	}
	note_greatest(&ground.most, count);
	atomic_fetch_add(&ground.batches, 1);
	if (ground.held && !alone) {
		sem_post(&ground.begun);
		while (sem_wait(&ground.may_end) != 0)
			;
	}
	atomic_fetch_sub(&ground.at_work, 1);
	if (!alone && ground.fails_with != DB_OK && count >= ground.fails_from)
		for (struct batch_member *member = first; member; member = member->next)
			((struct part *)member)->done--;
	return !alone && count >= ground.fails_from ? ground.fails_with : DB_OK;
}

static void begin(int size_max, int running_max, bool held)
{
	batch_init(&ground.batch, work, true, size_max, running_max);
	sem_init(&ground.begun, 0, 0);
	sem_init(&ground.may_end, 0, 0);
	ground.held = held;
}

/* One member, done once; or given up, and never done. */
static void *take_part(void *wait_ms)
{
	struct part part = { .member = { .cost = &part.cost } };
	enum db_code code = batch_do(&ground.batch, &part.member, (int32_t)(intptr_t)wait_ms);

	ck_assert(code == DB_OK || code == DB_UNAVAILABLE);
	ck_assert_int_eq(part.done, code == DB_OK ? 1 : 0);
	ck_assert_int_eq(part.cost.trips, part.done + part.cost.retries);
	return (void *)(intptr_t)(code == DB_OK);
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

static int queued(void)
{
	int count = 0;

	pthread_mutex_lock(&ground.batch.lock);
	for (struct batch_member *member = ground.batch.head; member; member = member->next)
		count++;
	pthread_mutex_unlock(&ground.batch.lock);
	return count;
}

static void wait_for_queue(int count)
{
	while (queued() != count)
		clock_sleep_ms(1);
}

static void start_crowd(pthread_t crowd[], int count)
{
	for (int i = 0; i < count; i++)
		crowd[i] = start(LONG_MS);
	wait_for_queue(count);
}

START_TEST(an_idle_batch_starts_immediately)
{
	int64_t from_ms = clock_mono_ms();

	begin(8, 1, false);
	for (int i = 0; i < 100; i++)
		ck_assert(join(start(LONG_MS)));
	ck_assert_int_eq(ground.batches, 100);
	ck_assert_int_lt(clock_mono_ms() - from_ms, LONG_MS / 2);
}
END_TEST

/* A run is under way while a crowd arrives: how many runs are there in all? */
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

START_TEST(members_that_arrive_meanwhile_share_the_next_run)
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

START_TEST(a_member_that_waited_too_long_leaves_and_the_others_stay)
{
	pthread_t first, impatient[3], patient;

	begin(8, 1, true);
	first = start(LONG_MS);
	sem_wait(&ground.begun);
	impatient[0] = start(300); /* at the head of the queue, unless the machine sleeps so long */
	clock_sleep_ms(20);
	patient = start(LONG_MS);
	impatient[1] = start(30);
	impatient[2] = start(30);
	for (int i = 0; i < 3; i++)
		ck_assert(!join(impatient[i]));
	wait_for_queue(1);
	sem_post(&ground.may_end);
	sem_post(&ground.may_end);
	ck_assert(join(first) && join(patient));
	ck_assert_int_eq(ground.batches, 2);
}
END_TEST

/* A batch of six fails: how often is each of them done alone? */
static void fail_in_company(enum db_code code, bool writes, int alone)
{
	struct part parts[6];
	struct batch batch;

	batch_init(&batch, work, writes, 8, 1);
	for (int i = 0; i < 6; i++)
		parts[i] = (struct part){ .member = { .cost = &parts[i].cost } };
	ground.fails_with = code;
	ground.fails_from = 1;
	for (int i = 0; i < 6; i++) {
		enum db_code got = batch_do(&batch, &parts[i].member, LONG_MS);

		ck_assert_int_eq(parts[i].alone, alone);
		ck_assert_int_eq(got, alone ? DB_OK : code);
	}
	ground.fails_with = DB_OK;
}

START_TEST(a_failed_write_is_done_alone)
{
	fail_in_company(DB_CONFLICT, true, 1);
	fail_in_company(DB_MAYBE, true, 1);
	fail_in_company(DB_LOST, true, 1);
	fail_in_company(DB_LOST, false, 0); /* a read has been tried again already */
	fail_in_company(DB_UNFIT, true, 0);
	fail_in_company(DB_UNAVAILABLE, true, 0);
	fail_in_company(DB_BROKEN, true, 0); /* there was no other member to blame */
}
END_TEST

START_TEST(a_fault_of_data_is_one_members)
{
	pthread_t first, crowd[5];

	begin(8, 1, true);
	ground.fails_with = DB_BROKEN;
	ground.fails_from = 2;
	first = start(LONG_MS);
	sem_wait(&ground.begun);
	start_crowd(crowd, 5);
	sem_post(&ground.may_end);
	sem_post(&ground.may_end);
	ck_assert(join(first));
	for (int i = 0; i < 5; i++)
		ck_assert(join(crowd[i]));
	ck_assert_int_eq(ground.batches, 2 + 5);
	ground.fails_with = DB_OK;
}
END_TEST

START_TEST(a_member_that_leaves_runs_alone)
{
	struct part part = { .member = { .cost = &part.cost }, .leaves = true };

	begin(8, 1, false);
	ck_assert_int_eq(batch_do(&ground.batch, &part.member, LONG_MS), DB_OK);
	ck_assert_int_eq(part.done, 1);
	ck_assert_int_eq(part.alone, 1);
	ck_assert_int_eq(part.cost.trips, 2);
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
	ck_assert_int_eq(ground.batch.running, 0);
	ck_assert_ptr_null(ground.batch.head);
}
END_TEST

Suite *suite_batch(void)
{
	Suite *suite = suite_create("batch");
	TCase *tcase = tcase_create("batch");

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, an_idle_batch_starts_immediately);
	tcase_add_test(tcase, members_that_arrive_meanwhile_share_the_next_run);
	tcase_add_test(tcase, a_batch_is_no_larger_than_it_may_be);
	tcase_add_test(tcase, as_many_at_once_as_may_be);
	tcase_add_test(tcase, a_member_that_waited_too_long_leaves_and_the_others_stay);
	tcase_add_test(tcase, a_failed_write_is_done_alone);
	tcase_add_test(tcase, a_fault_of_data_is_one_members);
	tcase_add_test(tcase, a_member_that_leaves_runs_alone);
	tcase_add_loop_test(tcase, a_crowd_is_done_once_each, 0, 3);
	suite_add_tcase(suite, tcase);
	return suite;
}
