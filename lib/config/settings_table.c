#include "config/settings_table.h"

#define SECRET SETTING_SECRET
#define RESTART SETTING_RESTART

/* clang-format off */
/* name, member of struct settings, ..., default, flags, help */
#define SETTING(id, what, member, standard, bits, text)                                            \
	.name = id, .kind = what, .offset = offsetof(struct settings, member),                     \
	.size = sizeof(((struct settings *)NULL)->member),                                         \
	.fallback = standard, .flags = bits, .help = text
#define TEXT(id, member, standard, bits, text)                                                     \
	{ SETTING(id, SETTING_TEXT, member, standard, bits, text), .unit = "" }
#define BOOLEAN(id, member, standard, bits, text)                                                  \
	{ SETTING(id, SETTING_BOOLEAN, member, standard, bits, text), .unit = "" }
#define CHOICE(id, member, names, standard, bits, text)                                            \
	{ SETTING(id, SETTING_CHOICE, member, standard, bits, text), .choices = names, .unit = "" }
#define INTEGER(id, member, least, most, in, standard, bits, text)                                 \
	{ SETTING(id, SETTING_INTEGER, member, standard, bits, text),                              \
	  .min = least, .max = most, .unit = in }

static const char *const modes[] = { "production", "development", NULL };
static const char *const log_levels[] = { "debug", "info", "warn", "error", NULL };
static const char *const languages[] = { "ko", "en", NULL };
static const char *const gateway_names[] = { "mock", "toss", NULL };
static const char *const mock_modes[] = { "approve", "decline", "silent", "silent_decline",
					  "late",    "down",	NULL };

const struct setting settings_table[] = {
	TEXT("DATABASE_URL", database_url, "", SECRET | RESTART,
		"The database as a libpq URI or keyword string. It overrides the DB_ settings."),
	TEXT("DB_HOST", db_host, "localhost", RESTART,
		"Host name of the database, or the folder of its unix socket. Several are separated by commas."),
	TEXT("DB_NAME", db_name, "ticketing", RESTART,
		"Name of the database."),
	TEXT("DB_PASSWORD", db_password, "", SECRET | RESTART,
		"Password of the database role."),
	INTEGER("DB_PORT", db_port, 1, 65535, "", "5432", RESTART,
		"Port of the database server."),
	TEXT("DB_USER", db_user, "payments_service", RESTART,
		"Database role of the service."),
	TEXT("JWT_SECRET", jwt_secret, "", SECRET,
		"Secret shared with the Auth Service: at least 32 bytes and not a known example."),
	TEXT("JWT_SECRET_PREVIOUS", jwt_secret_previous, "", SECRET,
		"Previous secret, also accepted during a rotation."),
	TEXT("PAYMENTS_ADMIN_LISTEN", admin_listen, "", RESTART,
		"Address, host:port, of the admin listener: health, readiness, metrics. Empty: no listener."),
	INTEGER("PAYMENTS_ATTEMPTS_MAX", attempts_max, 1, 100, "", "5", 0,
		"Most charge attempts for one reservation."),
	INTEGER("PAYMENTS_AUDIT_DAYS", audit_days, 1, 3650, "days", "3", 0,
		"Age of the oldest charges that payctl audit --gateway compares."),
	INTEGER("PAYMENTS_BACKLOG", backlog, 1, 65535, "", "4096", RESTART,
		"Most connections that wait on PAYMENTS_LISTEN."),
	INTEGER("PAYMENTS_BATCHES", batches, 1, 256, "", "1", RESTART,
		"Most batches of one kind, claims or settlements, at the same time in one process."),
	INTEGER("PAYMENTS_BATCH_MAX", batch_max, 1, 1000, "", "32", RESTART,
		"Most members of one batch: payments of one transaction, or booking lists of one read."),
	INTEGER("PAYMENTS_BODY_MAX_BYTES", body_max_bytes, 1024, 1048576, "bytes", "65536", 0,
		"Largest request body. A larger one gets the answer 413."),
	INTEGER("PAYMENTS_DB_CONNECTIONS", db_connections, 1, 256, "", "16", RESTART,
		"Database connections of one process."),
	INTEGER("PAYMENTS_DB_CONNECT_MS", db_connect_ms, 100, 60000, "ms", "3000", RESTART,
		"Longest time to open a database connection."),
	INTEGER("PAYMENTS_DB_TRIP_MS", db_trip_ms, 100, 60000, "ms", "6000", RESTART,
		"Longest wait for one answer of the database."),
	INTEGER("PAYMENTS_DB_WAIT_MS", db_wait_ms, 10, 60000, "ms", "2000", RESTART,
		"Longest wait for a free database connection. After it the answer is 503."),
	INTEGER("PAYMENTS_DECLINE_GRACE_MAX_SECONDS", decline_grace_max_s, 0, 86400, "s", "300", 0,
		"Most time that declines may add after the original end of the hold."),
	INTEGER("PAYMENTS_DECLINE_GRACE_SECONDS", decline_grace_s, 0, 3600, "s", "60", 0,
		"Least time that a reservation stays payable after a decline."),
	INTEGER("PAYMENTS_DRAIN_SECONDS", drain_s, 1, 600, "s", "40", 0,
		"Longest time for requests in flight to finish when the process stops."),
	CHOICE("PAYMENTS_ENV", mode, modes, "production", RESTART,
		"Production refuses weak secrets. Development accepts them with a warning."),
	BOOLEAN("PAYMENTS_EXPIRE_FOREIGN", expire_foreign, "off", 0,
		"Also expire holds that other services made."),
	CHOICE("PAYMENTS_GATEWAY", gateway, gateway_names, "mock", 0,
		"Gateway of every payment method that PAYMENTS_GATEWAYS does not name."),
	TEXT("PAYMENTS_GATEWAYS", gateways, "", 0,
		"Gateways of single payment methods: kakao_pay=toss,credit_card=toss."),
	INTEGER("PAYMENTS_HEAL_SECONDS", heal_s, 0, 86400, "s", "600", 0,
		"How long a settled payment is checked for changes by other services, and repaired."),
	INTEGER("PAYMENTS_HOLD_MARGIN_MS", hold_margin_ms, 0, 60000, "ms", "3000", 0,
		"Least time left of a hold to begin a payment."),
	INTEGER("PAYMENTS_HOLD_SECONDS", hold_s, 1, 86400, "s", "300", 0,
		"How long a booking holds its seats."),
	INTEGER("PAYMENTS_IDEMPOTENCY_HOURS", idempotency_hours, 1, 720, "h", "24", 0,
		"How long an Idempotency-Key is kept."),
	INTEGER("PAYMENTS_JANITOR_BATCH", janitor_batch, 1, 10000, "rows", "100", 0,
		"Most rows of each kind in one round of the janitor."),
	INTEGER("PAYMENTS_JANITOR_INTERVAL_MS", janitor_interval_ms, 10, 600000, "ms", "1000", 0,
		"Pause between two rounds of the janitor."),
	CHOICE("PAYMENTS_LANGUAGE", language, languages, "ko", 0,
		"Language of messages when Accept-Language names none of ours."),
	TEXT("PAYMENTS_LISTEN", listen, "", RESTART,
		"Address to listen on: unix:/path or host:port. Empty: file descriptor 0."),
	INTEGER("PAYMENTS_LIST_READS", list_reads, 1, 256, "", "2", RESTART,
		"Most reads of booking lists at the same time in one process; further requests share the next read."),
	CHOICE("PAYMENTS_LOG_LEVEL", log_level, log_levels, "info", 0,
		"Lowest level of log lines that are written."),
	TEXT("PAYMENTS_METRICS_FILE", metrics_file, "", RESTART,
		"File in which the processes of a pool share their metrics. Empty: each process counts alone."),
	INTEGER("PAYMENTS_MOCK_DEADLINE_MS", mock_deadline_ms, 1, 600000, "ms", "5000", 0,
		"Longest wait for an answer of the mock gateway."),
	INTEGER("PAYMENTS_MOCK_LEASE_MS", mock_lease_ms, 1, 3600000, "ms", "10000", 0,
		"Lease of a claim at the mock gateway. It must be longer than the deadline."),
	INTEGER("PAYMENTS_MOCK_MAX_DELAY_MS", mock_max_delay_ms, 0, 600000, "ms", "1500", 0,
		"Longest delay of the mock gateway."),
	INTEGER("PAYMENTS_MOCK_MIN_DELAY_MS", mock_min_delay_ms, 0, 600000, "ms", "500", 0,
		"Shortest delay of the mock gateway."),
	CHOICE("PAYMENTS_MOCK_MODE", mock_mode, mock_modes, "approve", 0,
		"Behaviour of the mock gateway."),
	BOOLEAN("PAYMENTS_PREPARED_STATEMENTS", prepared_statements, "on", RESTART,
		"Use prepared statements. Turn it off for a pgbouncer before 1.21 in transaction mode."),
	INTEGER("PAYMENTS_QUEUE_PATIENCE_MS", queue_patience_ms, 100, 600000, "ms", "8000", 0,
		"Longest time in the queue. An older request is refused and not carried out."),
	INTEGER("PAYMENTS_SEATS_PER_USER", seats_per_user, 1, 1000, "", "10", 0,
		"Most seats that one user may hold in one performance."),
	INTEGER("PAYMENTS_SPARE_THREADS", spare_threads, 1, 4096, "", "8", RESTART,
		"Idle threads that a process keeps ready for new connections."),
	INTEGER("PAYMENTS_THREADS", threads, 1, 4096, "", "1024", RESTART,
		"Most requests that one process serves at the same time."),
	INTEGER("PAYMENTS_TOKEN_CACHE", token_cache, 0, 1000000, "", "4096", RESTART,
		"Verified tokens that a process keeps, 88 bytes each. 0: none."),
	INTEGER("PAYMENTS_TOSS_CONNECT_MS", toss_connect_ms, 100, 60000, "ms", "3000", 0,
		"Longest time to open a connection to Toss Payments."),
	INTEGER("PAYMENTS_TOSS_DEADLINE_MS", toss_deadline_ms, 100, 28000, "ms", "20000", 0,
		"Longest wait for the answer of Toss Payments to a charge or a refund."),
	INTEGER("PAYMENTS_TOSS_HORIZON_MS", toss_horizon_ms, 1000, 86400000, "ms", "660000", 0,
		"How long Toss Payments may still charge an order that it does not know yet."),
	INTEGER("PAYMENTS_TOSS_LEASE_MS", toss_lease_ms, 200, 3600000, "ms", "30000", 0,
		"Lease of a claim at Toss Payments. It must be longer than the deadline."),
	INTEGER("PAYMENTS_TOSS_LOOK_UP_MS", toss_look_up_ms, 100, 28000, "ms", "5000", 0,
		"Longest wait for Toss Payments to tell what became of a charge."),
	INTEGER("PAYMENTS_WORKERS", workers, 1, 256, "", "2", RESTART,
		"Number of processes that the start scripts run."),
	TEXT("TOSS_BASE_URL", toss_base_url, "https://api.tosspayments.com", 0,
		"Base address of the Toss Payments API. Production requires https."),
	TEXT("TOSS_SECRET_KEY", toss_secret_key, "", SECRET,
		"Secret key of the merchant at Toss Payments."),
};
/* clang-format on */

const size_t settings_count = sizeof(settings_table) / sizeof(settings_table[0]);

_Static_assert(sizeof(settings_table) / sizeof(settings_table[0]) <= SETTINGS_MAX,
	       "SETTINGS_MAX is too small");
_Static_assert(sizeof(enum settings_mode) == sizeof(int32_t), "a choice is stored as an int32_t");
