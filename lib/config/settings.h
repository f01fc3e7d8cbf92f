/*
 * Settings. The table of settings_table.c has the name, type, range, default, flags and help of
 * each. `payctl settings --example` and `--man` print the example file and the list of the man page
 * from it.
 *
 * The sources of a value, in order: the environment, a credential ($CREDENTIALS_DIRECTORY/<NAME>),
 * the configuration file (KEY=VALUE lines, # comments), the default. An unknown PAYMENTS_ name or
 * an invalid value stops the start with one line each. A name that an earlier release had is
 * ignored with a warning (settings_sources.c). A loaded set never changes: a reload makes a new
 * one.
 */
#ifndef PAYMENTS_CONFIG_SETTINGS_H
#define PAYMENTS_CONFIG_SETTINGS_H

#include "base/buf.h"
#include "base/log.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

#define SETTING_TEXT_MAX 1024 /* bytes of a text setting, with its NUL */

enum settings_mode { MODE_PRODUCTION, MODE_DEVELOPMENT };
enum mock_mode {
	MOCK_APPROVE,	     /* approves; with a cvv, the rule of the cvv decides */
	MOCK_DECLINE,	     /* declines everything with GENERIC_DECLINE */
	MOCK_SILENT,	     /* charges, never answers; an inquiry says approved */
	MOCK_SILENT_DECLINE, /* does not charge, never answers; an inquiry says declined */
	MOCK_LATE,	     /* charges; only an inquiry after twice the deadline says so */
	MOCK_DOWN /* refuses the connection, charges nothing; an inquiry says not found */
};

/* The gateways, as the settings name them. */
enum gateway_choice { GATEWAY_MOCK, GATEWAY_TOSS, GATEWAY_CHOICES };

struct settings {
	enum settings_mode mode;       /* PAYMENTS_ENV */
	enum log_level log_level;      /* PAYMENTS_LOG_LEVEL */
	enum language language;	       /* PAYMENTS_LANGUAGE: unless Accept-Language names one */
	char listen[SETTING_TEXT_MAX]; /* PAYMENTS_LISTEN: "" is fd 0 */
	int32_t workers;	       /* PAYMENTS_WORKERS: processes, for the start scripts */
	int32_t threads;	       /* PAYMENTS_THREADS: most requests at once, a process */
	int32_t spare_threads;	       /* PAYMENTS_SPARE_THREADS: idle threads kept ready */
	int32_t token_cache;	   /* PAYMENTS_TOKEN_CACHE: verified tokens remembered, a process */
	int32_t backlog;	   /* PAYMENTS_BACKLOG: of --listen */
	int32_t body_max_bytes;	   /* PAYMENTS_BODY_MAX_BYTES */
	int32_t queue_patience_ms; /* PAYMENTS_QUEUE_PATIENCE_MS: older requests are refused */
	int32_t drain_s;	   /* PAYMENTS_DRAIN_SECONDS */

	char database_url[SETTING_TEXT_MAX]; /* DATABASE_URL; overrides the five below */
	char db_host[SETTING_TEXT_MAX];	     /* DB_HOST */
	int32_t db_port;		     /* DB_PORT */
	char db_name[SETTING_TEXT_MAX];	     /* DB_NAME */
	char db_user[SETTING_TEXT_MAX];	     /* DB_USER */
	char db_password[SETTING_TEXT_MAX];  /* DB_PASSWORD */
	int32_t db_connections;		     /* PAYMENTS_DB_CONNECTIONS, a process */
	int32_t db_wait_ms;		     /* PAYMENTS_DB_WAIT_MS: for a free connection */
	int32_t batch_max;		     /* PAYMENTS_BATCH_MAX: members of one batch */
	int32_t batches;		     /* PAYMENTS_BATCHES: of each kind at once, a process */
	int32_t list_reads;    /* PAYMENTS_LIST_READS: reads of booking lists at once, a process */
	int32_t db_connect_ms; /* PAYMENTS_DB_CONNECT_MS: to open one */
	int32_t db_trip_ms;    /* PAYMENTS_DB_TRIP_MS: for one answer of the server */
	bool prepared_statements; /* PAYMENTS_PREPARED_STATEMENTS; off behind pgbouncer < 1.21 */

	char jwt_secret[SETTING_TEXT_MAX];	    /* JWT_SECRET */
	char jwt_secret_previous[SETTING_TEXT_MAX]; /* JWT_SECRET_PREVIOUS: "" is none */

	int32_t hold_s;		     /* PAYMENTS_HOLD_SECONDS */
	int32_t hold_margin_ms;	     /* PAYMENTS_HOLD_MARGIN_MS: time left that a claim needs */
	int32_t decline_grace_s;     /* PAYMENTS_DECLINE_GRACE_SECONDS */
	int32_t decline_grace_max_s; /* PAYMENTS_DECLINE_GRACE_MAX_SECONDS: past the deadline */
	int32_t attempts_max;	     /* PAYMENTS_ATTEMPTS_MAX, an intent */
	int32_t seats_per_user;	     /* PAYMENTS_SEATS_PER_USER, a performance */
	int32_t idempotency_hours;   /* PAYMENTS_IDEMPOTENCY_HOURS */
	bool expire_foreign;	     /* PAYMENTS_EXPIRE_FOREIGN: holds of other services, too */

	int32_t janitor_interval_ms;	     /* PAYMENTS_JANITOR_INTERVAL_MS */
	int32_t janitor_batch;		     /* PAYMENTS_JANITOR_BATCH: rows a round and kind */
	char metrics_file[SETTING_TEXT_MAX]; /* PAYMENTS_METRICS_FILE: shared by the pool; "": each
						its own */
	char admin_listen[SETTING_TEXT_MAX]; /* PAYMENTS_ADMIN_LISTEN: health, readiness, metrics;
						"": none */
	int32_t heal_s; /* PAYMENTS_HEAL_SECONDS: a settled payment is checked and repaired */

	int32_t audit_days; /* PAYMENTS_AUDIT_DAYS: of payctl audit --gateway */

	enum gateway_choice gateway;	 /* PAYMENTS_GATEWAY: of methods that gateways omits */
	char gateways[SETTING_TEXT_MAX]; /* PAYMENTS_GATEWAYS: "kakao_pay=toss,credit_card=toss" */

	enum mock_mode mock_mode;  /* PAYMENTS_MOCK_MODE */
	int32_t mock_min_delay_ms; /* PAYMENTS_MOCK_MIN_DELAY_MS */
	int32_t mock_max_delay_ms; /* PAYMENTS_MOCK_MAX_DELAY_MS */
	int32_t mock_deadline_ms;  /* PAYMENTS_MOCK_DEADLINE_MS: for one call of the mock */
	int32_t mock_lease_ms;	   /* PAYMENTS_MOCK_LEASE_MS: deadline plus slack */

	char toss_base_url[SETTING_TEXT_MAX];	/* TOSS_BASE_URL: without a slash at its end */
	char toss_secret_key[SETTING_TEXT_MAX]; /* TOSS_SECRET_KEY */
	int32_t toss_connect_ms;		/* PAYMENTS_TOSS_CONNECT_MS: to open a connection */
	int32_t toss_deadline_ms; /* PAYMENTS_TOSS_DEADLINE_MS: for one charge or refund */
	int32_t toss_look_up_ms;  /* PAYMENTS_TOSS_LOOK_UP_MS: for one inquiry about a charge */
	int32_t toss_lease_ms;	  /* PAYMENTS_TOSS_LEASE_MS: deadline plus slack */
	int32_t toss_horizon_ms;  /* PAYMENTS_TOSS_HORIZON_MS: see gateway.h */
};

/* The gateway that charges `method` under these settings. */
enum gateway_choice settings_gateway(const struct settings *settings, const char *method);

/* True if PAYMENTS_GATEWAYS is well formed and names only known gateways. */
bool settings_gateways_valid(const char *gateways);

/*
 * Loads a whole set: environment over `file` (NULL: none) over defaults. A setting that needs a
 * restart keeps its value of `now` (NULL: the process starts). True: *out is filled, and *errors
 * has the warnings, one a line. False: *errors has one line for each error, which names the setting
 * and what it takes; *out is unchanged.
 */
bool settings_load(const char *file, const struct settings *now, struct settings *out,
		   struct buf *errors);

/* Every setting at its default, commented out, in the table's order: conf/payments-fcgi.conf. */
void settings_print_example(struct buf *out);
/* The same as list items of mdoc, for the man page. */
void settings_print_man(struct buf *out);
/* The set in force as KEY=VALUE lines, secrets as "(set)" or "(unset)". */
void settings_print(const struct settings *settings, struct buf *out);

#endif
