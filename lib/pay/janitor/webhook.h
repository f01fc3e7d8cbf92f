/* A gateway's notice that something happened to an order. It is not signed, so nothing in it is
 * believed: the gateway is only asked earlier. */
#ifndef PAYMENTS_PAY_JANITOR_WEBHOOK_H
#define PAYMENTS_PAY_JANITOR_WEBHOOK_H

#include "pay/service.h"

/* OK, also where there is no such order or nothing to ask; SERVICE_UNAVAILABLE,
 * INTERNAL_ERROR. */
enum status webhook_take(struct call *call, const struct uuid *order_id);

#endif
