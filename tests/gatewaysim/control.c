#define _GNU_SOURCE 1

#include "control.h"

#include "books.h"
#include "faults.h"
#include "http.h"
#include "member.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

atomic_int control_down_ms;

static bool control_send_books(int fd)
{
	char *text = NULL;
	size_t length = 0;
	FILE *to = open_memstream(&text, &length);
	bool sent;

	books_lock();
	books_print(to);
	books_unlock();
	fclose(to);
	sent = http_answer(fd, 200, text, length);
	free(text);
	return sent;
}

/* POST /_sim/payment {"orderId", "paymentKey", "amount", "status"}: an order in any state. */
static void control_set_payment(const cJSON *json)
{
	books_lock();
	books_set(member_text(json, "orderId"), member_text(json, "paymentKey"),
		  member_text(json, "status"), member_number(json, "amount", -1), false);
	books_unlock();
	books_sync();
}

bool control_serve(int fd, const char *what, const cJSON *json)
{
	bool good = true;

	if (strcmp(what, "books") == 0)
		return control_send_books(fd);
	if (strcmp(what, "fault") == 0)
		good = fault_ask(json);
	else if (strcmp(what, "chance") == 0)
		good = fault_chance(json);
	else if (strcmp(what, "clear") == 0)
		fault_clear();
	else if (strcmp(what, "payment") == 0)
		control_set_payment(json);
	else if (strcmp(what, "down") == 0)
		atomic_store(&control_down_ms, (int)member_number(json, "ms", -1));
	else
		good = false;
	return http_answer(fd, good ? 200 : 400, "{}", 2);
}
