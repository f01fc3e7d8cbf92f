#include "config/settings_table.h"

#define SECRET SETTING_SECRET
#define RESTART SETTING_RESTART

/* clang-format off */
/* name, member of struct settings, ..., default, flags, help */
#define SETTING(id, what, member, standard, bits, text)                                            \
	.name = id, .kind = what, .offset = offsetof(struct settings, member),                     \
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
		"The database as a libpq URI or keyword string; wins over DB_*."),
	TEXT("DB_HOST", db_host, "localhost", RESTART,
		"Host, or folder of the unix socket, of the database; several with commas."),
	TEXT("DB_NAME", db_name, "ticketing", RESTART,
		"Name of the database."),
	TEXT("DB_PASSWORD", db_password, "", SECRET | RESTART,
		"Password of the database role."),
	INTEGER("DB_PORT", db_port, 1, 65535, "", "5432", RESTART,
		"Port of the database server."),
	TEXT("DB_USER", db_user, "payments_service", RESTART,
		"Role to log in to the database with."),
	TEXT("JWT_SECRET", jwt_secret, "", SECRET,
		"Secret shared with the Auth Service; at least 32 bytes, no example."),
	TEXT("JWT_SECRET_PREVIOUS", jwt_secret_previous, "", SECRET,
		"The secret before, accepted too while one is rotated."),
	TEXT("PAYMENTS_ADMIN_LISTEN", admin_listen, "", RESTART,
		"host:port of the second listener: health, readiness, metrics; none where empty."),
	INTEGER("PAYMENTS_ATTEMPTS_MAX", attempts_max, 1, 100, "", "5", 0,
		"Attempts to charge one reservation."),
	INTEGER("PAYMENTS_AUDIT_DAYS", audit_days, 1, 3650, "days", "3", 0,
		"How far back payctl audit --gateway compares with the gateways' books."),
	INTEGER("PAYMENTS_BACKLOG", backlog, 1, 65535, "", "4096", RESTART,
		"Connections that may queue on PAYMENTS_LISTEN."),
	INTEGER("PAYMENTS_BATCHES", batches, 1, 256, "", "1", RESTART,
		"Batches of claims, and of settlements, that a process has under way at once."),
	INTEGER("PAYMENTS_BATCH_MAX", batch_max, 1, 1000, "", "32", RESTART,
		"Most payments that wait at the same moment and are written in one transaction; lists of bookings, read in one look."),
	INTEGER("PAYMENTS_BODY_MAX_BYTES", body_max_bytes, 1024, 1048576, "bytes", "65536", 0,
		"Largest request body; a larger one is answered 413."),
	INTEGER("PAYMENTS_DB_CONNECTIONS", db_connections, 1, 256, "", "16", RESTART,
		"Database connections of one process."),
	INTEGER("PAYMENTS_DB_CONNECT_MS", db_connect_ms, 100, 60000, "ms", "3000", RESTART,
		"Longest wait to make a database connection."),
	INTEGER("PAYMENTS_DB_TRIP_MS", db_trip_ms, 100, 60000, "ms", "6000", RESTART,
		"Longest wait for one answer of the database."),
	INTEGER("PAYMENTS_DB_WAIT_MS", db_wait_ms, 10, 60000, "ms", "2000", RESTART,
		"Longest wait for a free connection; then 503."),
	INTEGER("PAYMENTS_DECLINE_GRACE_MAX_SECONDS", decline_grace_max_s, 0, 86400, "s", "300", 0,
		"How far past the hold's own deadline declines may extend it."),
	INTEGER("PAYMENTS_DECLINE_GRACE_SECONDS", decline_grace_s, 0, 3600, "s", "60", 0,
		"How long a reservation stays payable after a decline, at least."),
	INTEGER("PAYMENTS_DRAIN_SECONDS", drain_s, 1, 600, "s", "40", 0,
		"How long requests in flight may finish when the process stops."),
	CHOICE("PAYMENTS_ENV", mode, modes, "production", RESTART,
		"Production refuses weak secrets; development lets them pass with a warning."),
	BOOLEAN("PAYMENTS_EXPIRE_FOREIGN", expire_foreign, "off", 0,
		"Expire holds that other services made, too."),
	INTEGER("PAYMENTS_FRONT_THREADS", front_threads, 0, 256, "", "64", RESTART,
		"Threads that take requests before those of a process started later; 0: all processes in turn."),
	CHOICE("PAYMENTS_GATEWAY", gateway, gateway_names, "mock", 0,
		"The gateway of every payment method that PAYMENTS_GATEWAYS does not name."),
	TEXT("PAYMENTS_GATEWAYS", gateways, "", 0,
		"Gateways of single methods: kakao_pay=toss,credit_card=toss."),
	INTEGER("PAYMENTS_HEAL_SECONDS", heal_s, 0, 86400, "s", "600", 0,
		"How long a settled payment is watched for overwriting."),
	INTEGER("PAYMENTS_HOLD_MARGIN_MS", hold_margin_ms, 0, 60000, "ms", "3000", 0,
		"How much of a hold must be left to begin a payment."),
	INTEGER("PAYMENTS_HOLD_SECONDS", hold_s, 1, 86400, "s", "300", 0,
		"How long seats are held for a booking."),
	INTEGER("PAYMENTS_IDEMPOTENCY_HOURS", idempotency_hours, 1, 720, "h", "24", 0,
		"How long an Idempotency-Key is remembered."),
	INTEGER("PAYMENTS_JANITOR_BATCH", janitor_batch, 1, 10000, "rows", "100", 0,
		"Most rows of each kind that the janitor takes in a round."),
	INTEGER("PAYMENTS_JANITOR_INTERVAL_MS", janitor_interval_ms, 10, 600000, "ms", "1000", 0,
		"Pause between two janitor_thread of the janitor."),
	CHOICE("PAYMENTS_LANGUAGE", language, languages, "ko", 0,
		"Language of messages where Accept-Language does not say."),
	TEXT("PAYMENTS_LISTEN", listen, "", RESTART,
		"Unix:/path or host:port to listen on; empty: file descriptor 0."),
	INTEGER("PAYMENTS_LIST_LOOKS", list_looks, 1, 256, "", "2", RESTART,
		"Looks at lists of bookings that a process has under way at once; who asks meanwhile shares the next."),
	CHOICE("PAYMENTS_LOG_LEVEL", log_level, log_levels, "info", 0,
		"Least level of log lines that are written."),
	TEXT("PAYMENTS_METRICS_FILE", metrics_file, "", RESTART,
		"File the processes of a pool count in together; each by itself where empty."),
	INTEGER("PAYMENTS_MOCK_DEADLINE_MS", mock_deadline_ms, 1, 600000, "ms", "5000", 0,
		"Longest wait for an answer of the mock gateway."),
	INTEGER("PAYMENTS_MOCK_LEASE_MS", mock_lease_ms, 1, 3600000, "ms", "10000", 0,
		"How long a claim of the mock gateway holds; above its deadline."),
	INTEGER("PAYMENTS_MOCK_MAX_DELAY_MS", mock_max_delay_ms, 0, 600000, "ms", "1500", 0,
		"Longest delay of the mock gateway."),
	INTEGER("PAYMENTS_MOCK_MIN_DELAY_MS", mock_min_delay_ms, 0, 600000, "ms", "500", 0,
		"Shortest delay of the mock gateway."),
	CHOICE("PAYMENTS_MOCK_MODE", mock_mode, mock_modes, "approve", 0,
		"How the mock gateway behaves."),
	BOOLEAN("PAYMENTS_PREPARED_STATEMENTS", prepared_statements, "on", RESTART,
		"Off behind a pgbouncer older than 1.21 in transaction mode."),
	INTEGER("PAYMENTS_QUEUE_PATIENCE_MS", queue_patience_ms, 100, 600000, "ms", "8000", 0,
		"A request that queued longer is refused, not carried out."),
	INTEGER("PAYMENTS_SEATS_PER_USER", seats_per_user, 1, 1000, "", "10", 0,
		"Most seats that one user may hold in one performance."),
	INTEGER("PAYMENTS_SPARE_THREADS", spare_threads, 1, 4096, "", "8", RESTART,
		"Idle threads kept waiting for requests."),
	INTEGER("PAYMENTS_THREADS", threads, 1, 4096, "", "1024", RESTART,
		"Most requests that one process serves at once."),
	INTEGER("PAYMENTS_TOKEN_CACHE", token_cache, 0, 1000000, "", "4096", RESTART,
		"Verified tokens that a process remembers, 88 bytes each; 0: none."),
	INTEGER("PAYMENTS_TOSS_CONNECT_MS", toss_connect_ms, 100, 60000, "ms", "3000", 0,
		"Longest wait for a connection to Toss Payments."),
	INTEGER("PAYMENTS_TOSS_DEADLINE_MS", toss_deadline_ms, 100, 28000, "ms", "20000", 0,
		"Longest wait for Toss Payments to answer a charge or a refund."),
	INTEGER("PAYMENTS_TOSS_HORIZON_MS", toss_horizon_ms, 1000, 86400000, "ms", "660000", 0,
		"How long an order that Toss Payments does not know may still be charged."),
	INTEGER("PAYMENTS_TOSS_LEASE_MS", toss_lease_ms, 200, 3600000, "ms", "30000", 0,
		"How long a claim of Toss Payments holds; above its deadline."),
	INTEGER("PAYMENTS_TOSS_LOOK_UP_MS", toss_look_up_ms, 100, 28000, "ms", "5000", 0,
		"Longest wait for Toss Payments to answer a look-up."),
	INTEGER("PAYMENTS_WORKERS", workers, 1, 256, "", "2", RESTART,
		"Processes that the start-up scripts run."),
	TEXT("TOSS_BASE_URL", toss_base_url, "https://api.tosspayments.com", 0,
		"Where the API of Toss Payments is reached; https in production."),
	TEXT("TOSS_SECRET_KEY", toss_secret_key, "", SECRET,
		"The merchant's secret key at Toss Payments."),
};
/* clang-format on */

const size_t settings_count = sizeof(settings_table) / sizeof(settings_table[0]);

_Static_assert(sizeof(settings_table) / sizeof(settings_table[0]) <= SETTINGS_MAX,
	       "SETTINGS_MAX is too small");
_Static_assert(sizeof(enum settings_mode) == sizeof(int32_t), "a choice is stored as an int32_t");
