/*
 * Faults. Each is one row of a table: whether and when the request is executed, how long it takes,
 * and what the client sees.
 */
#ifndef GATEWAYSIM_FAULTS_H
#define GATEWAYSIM_FAULTS_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#define CODE_MAX 64

enum operation { ON_CONFIRM, ON_LOOK_UP, ON_CANCEL, ON_ANY };
enum carrying_out { DONE_FIRST, DONE_LAST, DONE_NEVER }; /* before the delay, after it */
enum showing {
	SHOW_ANSWER,
	SHOW_NOTHING, /* the connection closes without an answer */
	SHOW_RESET,
	SHOW_RUBBISH,
	SHOW_CUT,	  /* half of the JSON, then the end */
	SHOW_BROKEN_JSON, /* half of the JSON, with a length that says it is whole */
	SHOW_OTHER_ORDER, /* the answer of another order */
	SHOW_CODE	  /* an error of that HTTP status and code */
};

struct fault {
	const char *name;
	enum carrying_out carried_out;
	int delay_ms;
	enum showing showing;
	int http;
	char code[CODE_MAX];
};

/* The fault of this request; it is used up. */
struct fault fault_take(enum operation operation, const char *order_id, const char *payment_key);

/*
 * POST /_sim/fault {"fault": name, "on": "confirm" | "lookup" | "cancel" | "any", "orderId"?,
 * "paymentKey"?, "times": 1 (0: until cleared), "ms"?, "http"?, "code"?}. False: there is no such
 * fault.
 */
bool fault_ask(const cJSON *wish);

/* POST /_sim/chance {"seed": n, "ms"?, "faults": {"confirm:charge_hang": 0.01, ...}}: replaces the
 * last. */
bool fault_chance(const cJSON *wish);

/* Clears all faults. */
void fault_clear(void);

#endif
