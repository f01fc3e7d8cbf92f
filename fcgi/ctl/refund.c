/* payctl refund: orders a full or partial refund, as POST intents/{id}/refund does. */
#include "fcgi/ctl/ctl.h"

#include "pay/refund/refund.h"

#include <errno.h>
#include <getopt.h>
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

static bool read_input(int argc, char **argv, struct refund_input *out)
{
	int option;

	while ((option = getopt_long(argc, argv, "a:r:", options, NULL)) != -1) {
		if (option == 'r')
			out->note = optarg;
		else if (option != 'a' || !read_amount(optarg, &out->amount_krw))
			return false;
	}
	return optind + 1 == argc && out->note && *out->note &&
	       strlen(out->note) <= REFUND_NOTE_MAX && uuid_parse(argv[optind], &out->intent_id);
}

static int refund_with(const struct settings *settings, const struct refund_input *input)
{
	struct service service;
	struct outcome outcome = { .status = STATUS_OK };
	struct call call = {
		.service = &service,
		.settings = settings,
		.principal = { .is_admin = true },
		.language = LANGUAGE_EN,
		.request_id = "payctl",
	};
	struct db_pool *pool = db_pool_open(settings);
	int code;

	if (!pool) {
		ctl_complain(&command_refund, "out of memory");
		return EXIT_CANNOT;
	}
	service_init(&service, pool, settings);
	refund_request(&call, input, &outcome);
	puts(buf_text(&outcome.body));
	code = outcome.status == STATUS_OK ? EXIT_SUCCESS : EXIT_FAILURE;
	outcome_free(&outcome);
	db_pool_close(pool);
	return code;
}

static int refund_command(const struct ctl *ctl, int argc, char **argv)
{
	struct refund_input input = { .note = NULL };
	struct settings settings;
	int code;

	if (!read_input(argc, argv, &input))
		return ctl_usage(&command_refund);
	if (!ctl_load(ctl, &settings))
		return EXIT_CANNOT;
	code = refund_with(&settings, &input);
	explicit_bzero(&settings, sizeof(settings));
	return code;
}

const struct command command_refund = {
	.name = "refund",
	.run = refund_command,
	.usage = "INTENT --reason TEXT [--amount WON]",
	.help = "order a refund of a paid intent: the rest of its charge, or --amount of it",
};
