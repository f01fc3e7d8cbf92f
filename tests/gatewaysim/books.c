#include "books.h"

#include "member.h"

#include <cjson/cJSON.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUCKETS 8192

struct answer {
	struct answer *next;
	char key[ID_MAX];
	int http; /* 0: its first request is running */
	char *body;
};

static struct payment *payments[BUCKETS]; /* by order id */
static struct answer *answers[BUCKETS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t answers_lock = PTHREAD_MUTEX_INITIALIZER;

static pthread_mutex_t file_lock = PTHREAD_MUTEX_INITIALIZER; /* what follows */
static pthread_cond_t synced_more = PTHREAD_COND_INITIALIZER;
static FILE *file;
static int64_t written, synced;
static bool syncing;

static unsigned int bucket(const char *text)
{
	unsigned int hash = 2166136261u;

	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * 16777619u;
	return hash % BUCKETS;
}

static void *must(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

static void copy(char *out, size_t size, const char *text)
{
	snprintf(out, size, "%s", text ? text : "");
}

/* ---- the file ---- */

static void write_line(cJSON *line)
{
	char *text = must(cJSON_PrintUnformatted(line));

	pthread_mutex_lock(&file_lock);
	if (fprintf(file, "%s\n", text) < 0 || fflush(file) != 0)
		abort();
	written++;
	pthread_mutex_unlock(&file_lock);
	free(text);
	cJSON_Delete(line);
}

/* One thread syncs for all that have written until then. */
void books_sync(void)
{
	int64_t mine, target;

	pthread_mutex_lock(&file_lock);
	mine = written;
	while (synced < mine) {
		if (syncing) {
			pthread_cond_wait(&synced_more, &file_lock);
			continue;
		}
		syncing = true;
		target = written;
		pthread_mutex_unlock(&file_lock);
		if (fdatasync(fileno(file)) != 0)
			abort();
		pthread_mutex_lock(&file_lock);
		synced = target;
		syncing = false;
		pthread_cond_broadcast(&synced_more);
	}
	pthread_mutex_unlock(&file_lock);
}

/* ---- payments ---- */

void books_lock(void)
{
	pthread_mutex_lock(&lock);
}

void books_unlock(void)
{
	pthread_mutex_unlock(&lock);
}

struct payment *books_by_order(const char *order_id)
{
	struct payment *payment = payments[bucket(order_id)];

	while (payment && strcmp(payment->order_id, order_id) != 0)
		payment = payment->next;
	return payment;
}

struct payment *books_by_key(const char *payment_key)
{
	/* a full scan: only for refunds, requests by key and second confirms */
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct payment *payment = payments[i]; payment; payment = payment->next)
			if (strcmp(payment->payment_key, payment_key) == 0)
				return payment;
	return NULL;
}

static struct payment *payment_make(const char *order_id)
{
	struct payment *payment = must(calloc(1, sizeof(*payment)));
	struct payment **place = &payments[bucket(order_id)];

	copy(payment->order_id, sizeof(payment->order_id), order_id);
	payment->next = *place;
	*place = payment;
	return payment;
}

static struct payment *apply_set(const char *order_id, const char *payment_key, const char *status,
				 int64_t amount, bool is_charge)
{
	struct payment *payment = books_by_order(order_id);

	if (!payment)
		payment = payment_make(order_id);
	copy(payment->payment_key, sizeof(payment->payment_key), payment_key);
	copy(payment->status, sizeof(payment->status), status);
	payment->amount = amount;
	payment->balance = strcmp(status, "CANCELED") == 0 ? 0 : amount;
	payment->confirms += is_charge;
	return payment;
}

static void apply_cancel(struct payment *payment, int64_t amount, const char *reason,
			 const char *idempotency_key)
{
	struct cancel *cancel = must(calloc(1, sizeof(*cancel))), **place = &payment->cancels;

	cancel->amount = amount;
	copy(cancel->reason, sizeof(cancel->reason), reason);
	copy(cancel->idempotency_key, sizeof(cancel->idempotency_key), idempotency_key);
	while (*place)
		place = &(*place)->next;
	*place = cancel;
	payment->balance -= amount;
	copy(payment->status, sizeof(payment->status),
	     payment->balance == 0 ? "CANCELED" : "PARTIAL_CANCELED");
}

struct payment *books_set(const char *order_id, const char *payment_key, const char *status,
			  int64_t amount, bool is_charge)
{
	cJSON *line = must(cJSON_CreateObject());

	cJSON_AddStringToObject(line, "what", "payment");
	cJSON_AddStringToObject(line, "orderId", order_id);
	cJSON_AddStringToObject(line, "paymentKey", payment_key);
	cJSON_AddStringToObject(line, "status", status);
	cJSON_AddNumberToObject(line, "amount", (double)amount);
	cJSON_AddBoolToObject(line, "charge", is_charge);
	write_line(line);
	return apply_set(order_id, payment_key, status, amount, is_charge);
}

void books_cancel(struct payment *payment, int64_t amount, const char *reason,
		  const char *idempotency_key)
{
	cJSON *line = must(cJSON_CreateObject());

	cJSON_AddStringToObject(line, "what", "cancel");
	cJSON_AddStringToObject(line, "orderId", payment->order_id);
	cJSON_AddNumberToObject(line, "amount", (double)amount);
	cJSON_AddStringToObject(line, "reason", reason);
	cJSON_AddStringToObject(line, "key", idempotency_key);
	write_line(line);
	apply_cancel(payment, amount, reason, idempotency_key);
}

/* ---- idempotency keys ---- */

static struct answer **answer_place(const char *key)
{
	struct answer **place = &answers[bucket(key)];

	while (*place && strcmp((*place)->key, key) != 0)
		place = &(*place)->next;
	return place;
}

static struct answer *answer_make(const char *key)
{
	struct answer **place = answer_place(key);

	if (!*place) {
		*place = must(calloc(1, sizeof(**place)));
		copy((*place)->key, sizeof((*place)->key), key);
	}
	return *place;
}

enum key_state books_key_take(const char *key, int *http, char **body)
{
	enum key_state state = KEY_NEW;
	struct answer *answer;

	if (*key == '\0')
		return KEY_NEW;
	pthread_mutex_lock(&answers_lock);
	answer = *answer_place(key);
	if (!answer) {
		answer_make(key);
	} else if (answer->http == 0) {
		state = KEY_RUNNING;
	} else {
		state = KEY_DONE;
		*http = answer->http;
		*body = must(strdup(answer->body));
	}
	pthread_mutex_unlock(&answers_lock);
	return state;
}

static void answer_drop(const char *key)
{
	struct answer **place = answer_place(key), *answer = *place;

	if (!answer)
		return;
	*place = answer->next;
	free(answer->body);
	free(answer);
}

static void answer_keep(const char *key, int http, const char *body)
{
	struct answer *answer = answer_make(key);

	free(answer->body);
	answer->http = http;
	answer->body = must(strdup(body));
}

void books_key_done(const char *key, int http, const char *body)
{
	cJSON *line;

	if (*key == '\0')
		return;
	if (http != 0) {
		line = must(cJSON_CreateObject());
		cJSON_AddStringToObject(line, "what", "answer");
		cJSON_AddStringToObject(line, "key", key);
		cJSON_AddNumberToObject(line, "http", http);
		cJSON_AddStringToObject(line, "body", body);
		write_line(line);
	}
	pthread_mutex_lock(&answers_lock);
	if (http != 0)
		answer_keep(key, http, body);
	else
		answer_drop(key);
	pthread_mutex_unlock(&answers_lock);
}

/* ---- start and audit ---- */

static void replay(const cJSON *line)
{
	const char *what = member_text(line, "what");

	if (strcmp(what, "payment") == 0)
		apply_set(member_text(line, "orderId"), member_text(line, "paymentKey"),
			  member_text(line, "status"), member_number(line, "amount", 0),
			  cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(line, "charge")));
	else if (strcmp(what, "cancel") == 0 && books_by_order(member_text(line, "orderId")))
		apply_cancel(books_by_order(member_text(line, "orderId")),
			     member_number(line, "amount", 0), member_text(line, "reason"),
			     member_text(line, "key"));
	else if (strcmp(what, "answer") == 0)
		answer_keep(member_text(line, "key"), (int)member_number(line, "http", 0),
			    member_text(line, "body"));
}

void books_open(const char *path)
{
	char *text = NULL;
	size_t size = 0;

	file = fopen(path, "a+e");
	if (!file) {
		perror(path);
		exit(2);
	}
	rewind(file);
	while (getline(&text, &size, file) > 0) {
		/* the last line may be incomplete after a kill: no client was told about it */
		cJSON *line = strchr(text, '\n') ? cJSON_Parse(text) : NULL;

		if (line)
			replay(line);
		else if (!strchr(text, '\n') && fputc('\n', file) == EOF)
			abort();
		cJSON_Delete(line);
	}
	free(text);
}

static cJSON *cancels_print(const struct payment *payment)
{
	cJSON *list = must(cJSON_CreateArray());

	for (const struct cancel *cancel = payment->cancels; cancel; cancel = cancel->next) {
		cJSON *one = must(cJSON_CreateObject());

		cJSON_AddNumberToObject(one, "amount", (double)cancel->amount);
		cJSON_AddStringToObject(one, "reason", cancel->reason);
		cJSON_AddStringToObject(one, "key", cancel->idempotency_key);
		cJSON_AddItemToArray(list, one);
	}
	return list;
}

static void payment_print(const struct payment *payment, FILE *to)
{
	cJSON *one = must(cJSON_CreateObject());
	char *text;

	cJSON_AddStringToObject(one, "orderId", payment->order_id);
	cJSON_AddStringToObject(one, "paymentKey", payment->payment_key);
	cJSON_AddStringToObject(one, "status", payment->status);
	cJSON_AddNumberToObject(one, "amount", (double)payment->amount);
	cJSON_AddNumberToObject(one, "balance", (double)payment->balance);
	cJSON_AddNumberToObject(one, "confirms", payment->confirms);
	cJSON_AddItemToObject(one, "cancels", cancels_print(payment));
	text = must(cJSON_PrintUnformatted(one));
	fputs(text, to);
	free(text);
	cJSON_Delete(one);
}

void books_print(FILE *to)
{
	const char *separator = "";

	fputs("{\"payments\":[", to);
	for (size_t i = 0; i < BUCKETS; i++)
		for (const struct payment *payment = payments[i]; payment;
		     payment = payment->next) {
			fputs(separator, to);
			payment_print(payment, to);
			separator = ",\n";
		}
	fputs("]}", to);
}
