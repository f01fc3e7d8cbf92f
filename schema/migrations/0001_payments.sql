-- The service's own tables. The shared tables (schema public) are not touched: no foreign key points
-- at them, because one would put triggers on tables that others own.
--
-- Ids made by the service are UUIDv7, so that rows of one moment lie side by side. fillfactor leaves
-- room for the one or two updates that each row of intents and attempts gets.

-- Closed states and amounts are domains, not CHECKs of the tables: PostgreSQL parses a table's CHECKs anew
-- for every statement that writes to it, a domain's once a session. Both refuse the same values.
CREATE DOMAIN payments.won AS bigint CHECK (VALUE >= 0);
CREATE DOMAIN payments.intent_status AS text CHECK (VALUE IN ('requires_payment', 'processing', 'unknown',
	'succeeded', 'failed', 'cancelled', 'expired', 'refund_pending', 'refunded', 'needs_review'));
CREATE DOMAIN payments.intent_origin AS text CHECK (VALUE IN ('process', 'booking'));
CREATE DOMAIN payments.attempt_status AS text CHECK (VALUE IN ('sent', 'unknown', 'approved', 'declined'));
CREATE DOMAIN payments.attempt_operation AS text CHECK (VALUE IN ('process', 'execute'));
CREATE DOMAIN payments.attempt_language AS text CHECK (VALUE IN ('ko', 'en'));
CREATE DOMAIN payments.ledger_account AS text CHECK (VALUE IN ('CUSTOMER_PAYABLE', 'MERCHANT_BALANCE'));

CREATE TABLE payments.intents (
	id              uuid PRIMARY KEY,
	reservation_id  uuid NOT NULL,
	user_id         uuid NOT NULL,
	origin          payments.intent_origin NOT NULL,
	amount_krw      payments.won NOT NULL,
	payment_method  text NOT NULL,
	status          payments.intent_status NOT NULL,
	-- the attempt that is open, or the one that settled it
	attempt_id      uuid,
	attempts        smallint NOT NULL DEFAULT 0 CHECK (attempts >= 0),
	charged_krw     payments.won NOT NULL DEFAULT 0,
	-- promised or given back; the guard of "never more than the charge"
	refund_krw      bigint NOT NULL DEFAULT 0 CHECK (refund_krw BETWEEN 0 AND charged_krw),
	-- the hold's own deadline, and how long it may be paid now (a decline may add a grace), both in the
	-- database's zone like reservations.expires_at; NULL where the reservation has none
	hold_expires_at timestamp,
	payable_until   timestamp,
	settled_at      timestamptz,
	created_at      timestamptz NOT NULL DEFAULT now(),
	updated_at      timestamptz NOT NULL DEFAULT now(),
	-- These two are generated so that indexes on them do not change on the way
	-- processing -> succeeded: the update stays HOT.
	live            boolean NOT NULL GENERATED ALWAYS AS
	                (status NOT IN ('failed', 'cancelled', 'expired', 'refunded')) STORED,
	due_at          timestamp GENERATED ALWAYS AS
	                (CASE WHEN status = 'requires_payment' THEN payable_until END) STORED
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX intents_one_live ON payments.intents (reservation_id) WHERE live;
CREATE INDEX intents_reservation ON payments.intents (reservation_id);
CREATE INDEX intents_due ON payments.intents (due_at) WHERE due_at IS NOT NULL;

CREATE TABLE payments.attempts (
	id              uuid PRIMARY KEY,  -- also the key the gateway knows the charge by
	intent_id       uuid NOT NULL,     -- no foreign key: each insert takes it from the row it locked or made
	n               smallint NOT NULL CHECK (n > 0),
	operation       payments.attempt_operation NOT NULL,
	gateway         text NOT NULL,
	payment_method  text NOT NULL,
	amount_krw      payments.won NOT NULL,
	status          payments.attempt_status NOT NULL DEFAULT 'sent',
	failure_code    text,
	failure_message text,
	owner           text NOT NULL,     -- the process that is at the gateway with it
	lease_until     timestamptz NOT NULL,
	next_look_at    timestamptz NOT NULL,
	look_ups        integer NOT NULL DEFAULT 0,
	not_founds      integer NOT NULL DEFAULT 0,
	-- what the answer is made of, should the janitor have to give it
	idempotency_key text,
	language        payments.attempt_language NOT NULL DEFAULT 'ko',
	request_id      text,
	started_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
	finished_at     timestamptz,
	UNIQUE (intent_id, n),
	CHECK ((finished_at IS NULL) = (status IN ('sent', 'unknown')))
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX attempts_one_open ON payments.attempts (intent_id) WHERE status IN ('sent', 'unknown');
CREATE INDEX attempts_due ON payments.attempts (next_look_at) WHERE status IN ('sent', 'unknown');

CREATE TABLE payments.refunds (
	id              uuid PRIMARY KEY,  -- also the key the gateway knows the refund by
	intent_id       uuid NOT NULL REFERENCES payments.intents,
	attempt_id      uuid NOT NULL REFERENCES payments.attempts,
	amount_krw      bigint NOT NULL CHECK (amount_krw >= 0),
	reason          text NOT NULL CHECK (reason IN ('hold_lost', 'cancelled', 'duplicate', 'requested', 'followed')),
	note            text,
	requested_by    uuid,
	status          text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'done', 'needs_review')),
	tries           integer NOT NULL DEFAULT 0,
	failure_code    text,
	next_try_at     timestamptz NOT NULL DEFAULT now(),
	created_at      timestamptz NOT NULL DEFAULT now(),
	finished_at     timestamptz,
	CHECK ((finished_at IS NOT NULL) = (status = 'done'))
);
CREATE INDEX refunds_intent ON payments.refunds (intent_id);
CREATE INDEX refunds_due ON payments.refunds (next_try_at) WHERE status = 'pending';

-- Double entry: debits positive, credits negative, an intent's entries sum to zero.
CREATE TABLE payments.ledger_entries (
	id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	intent_id       uuid NOT NULL,
	attempt_id      uuid NOT NULL,
	refund_id       uuid,
	account         payments.ledger_account NOT NULL,
	amount_krw      bigint NOT NULL,
	created_at      timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX ledger_entries_charge ON payments.ledger_entries (attempt_id, account) WHERE refund_id IS NULL;
CREATE UNIQUE INDEX ledger_entries_refund ON payments.ledger_entries (refund_id, account) WHERE refund_id IS NOT NULL;

-- What happened to which intent, in order: journal and outbox in one. Never updated, never deleted.
CREATE TABLE payments.events (
	id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	intent_id       uuid NOT NULL,
	attempt_id      uuid,
	refund_id       uuid,
	kind            text NOT NULL,     -- opened, claimed, settled, declined, unknown, lost, ...
	status          text NOT NULL,     -- the intent's after it
	detail          text,
	request_id      text,
	at              timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE payments.idempotency_keys (
	user_id         uuid NOT NULL,
	operation       text NOT NULL CHECK (operation IN ('process', 'execute', 'bookings', 'refund')),
	key             text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
	fingerprint     text NOT NULL,     -- a keyed hash of the request's meaning
	intent_id       uuid,
	attempt_id      uuid,
	http            smallint,          -- the final answer, in the transaction that made it final
	body            text,
	created_at      timestamptz NOT NULL DEFAULT now(),
	expires_at      timestamptz NOT NULL,
	PRIMARY KEY (user_id, operation, key),
	CHECK ((http IS NULL) = (body IS NULL)),
	CHECK (http < 500)                 -- a 5xx is never an answer to keep
) WITH (fillfactor = 80);
CREATE INDEX idempotency_keys_expiry ON payments.idempotency_keys (expires_at);

-- What only one of the janitors does, and when it is due next.
CREATE TABLE payments.janitor_tasks (
	name            text PRIMARY KEY,
	next_at         timestamptz NOT NULL DEFAULT now(),
	position        uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000'
);
INSERT INTO payments.janitor_tasks (name) VALUES ('heal'), ('patrol'), ('keys');

-- An assertion inside a statement: what was locked and decided on must be what was changed, or the
-- whole transaction fails.
CREATE FUNCTION payments.expect(ok boolean, what text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	IF ok IS NOT TRUE THEN
		RAISE EXCEPTION 'expectation failed: %', what USING ERRCODE = 'PY001';
	END IF;
	RETURN true;
END $$;

-- The same where nothing was locked before: not our mistake but somebody else's change, and so a
-- serialization failure, upon which the service looks again.
CREATE FUNCTION payments.unchanged(ok boolean, what text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	IF ok IS NOT TRUE THEN
		RAISE EXCEPTION 'changed meanwhile: %', what USING ERRCODE = 'serialization_failure';
	END IF;
	RETURN true;
END $$;

-- What an unpaid reservation becomes when its time is over. Two worlds exist: a CHECK on
-- reservations.status with 'expired' and one without.
CREATE FUNCTION payments.lapsed_status() RETURNS text LANGUAGE sql STABLE AS $$
	SELECT CASE WHEN EXISTS (
		SELECT FROM pg_constraint c
		WHERE c.conrelid = 'public.reservations'::regclass AND c.contype = 'c'
		AND pg_get_constraintdef(c.oid) LIKE '%pending%'
		AND pg_get_constraintdef(c.oid) LIKE '%confirmed%'
		AND pg_get_constraintdef(c.oid) NOT LIKE '%expired%')
	THEN 'cancelled' ELSE 'expired' END
$$;

-- The smallest UUIDv7 that can have been made at that moment: ids are in the order of time, so "since
-- then" is a range of the primary key and needs no index of its own.
CREATE FUNCTION payments.uuid_at(at timestamptz) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
	SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '70008000000000000000')::uuid
$$;

-- A shared table's time (no zone, meant in the session's) as the wire has it.
CREATE FUNCTION payments.iso(at timestamptz) RETURNS text LANGUAGE sql STABLE AS $$
	SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
$$;
