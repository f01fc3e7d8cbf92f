/* A gateway's notice that something happened to an order. Nobody signed it, so nothing in it is
 * believed: it only brings the look-up forward that would come anyway. */
#ifndef PAYMENTS_PAY_JANITOR_WEBHOOK_H
#define PAYMENTS_PAY_JANITOR_WEBHOOK_H

#include "pay/service.h"

/* OK, also where there is no such order or nothing to look up; SERVICE_UNAVAILABLE,
 * INTERNAL_ERROR. */
enum status webhook_take(struct call *call, const struct uuid *order_id);

#endif
