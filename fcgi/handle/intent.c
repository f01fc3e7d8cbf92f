/* GET intents/{id}: the state of a payment. */
#include "fcgi/handle/handle.h"

#include "pay/payment/payment.h"

void handle_intent(struct exchange *exchange)
{
	struct outcome outcome = { .status = STATUS_OK };
	struct uuid id;

	if (!uuid_parse(exchange->segment, &id)) {
		handle_refuse(exchange, STATUS_INVALID_ID);
		return;
	}
	payment_show_intent(&exchange->call, &id, &outcome);
	handle_answer(exchange, &outcome);
}
