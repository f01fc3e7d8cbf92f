/* payctl refund: orders a full or partial refund, as POST intents/{id}/refund does. */
#include "fcgi/ctl/ctl.h"

#include "pay/refund/refund.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct option options[] = {
	{ "amount", required_argument, NULL, 'a' },
	{ "reason", required_argument, NULL, 'r' },
	{ NULL, 0, NULL, 0 },
};

static bool read_amount(const char *text, int64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoll(text, &end, 10);
	return errno == 0 && end != text && *end == '\0' && *out > 0;
}

static bool read_input(const struct ctl *ctl, struct refund_input *out)
{
	const char *amount = ctl->given['a'];

	out->note = ctl->given['r'];
	return (!amount || read_amount(amount, &out->amount_krw)) && out->note && *out->note &&
	       strlen(out->note) <= REFUND_NOTE_MAX && uuid_parse(ctl->operand, &out->intent_id);
}

static int refund_command(struct ctl *ctl)
{
	struct refund_input input = { .note = NULL };
	struct outcome outcome = { .status = STATUS_OK };
	struct call call = {
		.service = &ctl->service,
		.settings = &ctl->settings,
		.principal = { .is_admin = true },
		.language = LANGUAGE_EN,
		.request_id = "payctl",
	};

	if (!read_input(ctl, &input))
		return ctl_usage(ctl, stderr);
	if (!ctl_load(ctl) || !ctl_open(ctl))
		return EXIT_CANNOT;
	refund_request(&call, &input, &outcome);
	puts(buf_text(&outcome.body));
	outcome_free(&outcome);
	return outcome.status == STATUS_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}

const struct command command_refund = {
	.name = "refund",
	.usage = "INTENT --reason TEXT [--amount WON]",
	.help = "order a refund of a paid intent: the rest of its charge, or --amount of it",
	.letters = "a:r:",
	.options = options,
	.operands = 1,
	.run = refund_command,
};
