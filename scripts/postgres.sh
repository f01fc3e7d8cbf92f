# shellcheck shell=sh disable=SC2154,SC2034
# For ./dev: the private PostgreSQL cluster and what is loaded into it.

postgres_pid_file() { printf '%s' "$runtime/pgdata/postmaster.pid"; }

as_postgres() {
	if [ "$is_root" = yes ]; then
		(cd / && runuser -u postgres -- "$@")
	else
		"$@"
	fi
}

own_by_postgres() { [ "$is_root" = no ] || chown postgres: "$@"; }

postgres_init() {
	say "making a PostgreSQL cluster"
	rm -rf "$runtime/pgdata.new"
	mkdir -m 700 "$runtime/pgdata.new"
	own_by_postgres "$runtime/pgdata.new"
	password=$sockets/postgres/initial-password
	kept_secret "$runtime/postgres-password" >"$password"
	own_by_postgres "$password"
	run_logged "$runtime/log/initdb.log" as_postgres "$pgbin/initdb" -D "$runtime/pgdata.new" \
		-U postgres --encoding=UTF8 --locale=C.UTF-8 --no-instructions \
		--auth-local=trust --auth-host=scram-sha-256 --pwfile="$password"
	rm -f "$password"
	cat >>"$runtime/pgdata.new/postgresql.conf" <<END
listen_addresses = '127.0.0.1'
max_connections = 200
log_line_prefix = '%m [%p] %u@%d '
END
	mv "$runtime/pgdata.new" "$runtime/pgdata"
}

# Ports in use on IPv4 as /proc shows them, in hexadecimal: iproute2 need not be installed.
port_listened() {
	awk -v port="$(printf ':%04X' "$1")" \
		'$4 == "0A" && substr($2, length($2) - 4) == port { found = 1 } END { exit !found }' \
		/proc/net/tcp
}

free_port() {
	candidate=$1
	while port_listened "$candidate"; do
		candidate=$((candidate + 1))
	done
	printf '%s' "$candidate"
}

postgres_try() {
	as_postgres "$pgbin/pg_ctl" -s -w -t 60 -D "$runtime/pgdata" -l "$runtime/log/postgres.log" \
		-o "-p $pgport -k '$sockets/postgres'" start >/dev/null 2>&1 8<&-
}

postgres_start() {
	[ -d "$runtime/pgdata" ] || postgres_init
	if pid_ours "$(postgres_pid_file)"; then
		return 0
	fi
	say "starting PostgreSQL"
	touch "$runtime/log/postgres.log"
	own_by_postgres "$runtime/log/postgres.log"
	# Each state folder begins from its own port, so that copies started at once seldom collide.
	pgport=$(cat "$runtime/postgres-port" 2>/dev/null ||
		echo $((54320 + $(printf '%s' "$state" | cksum | cut -d' ' -f1) % 8000)))
	for attempt in 1 2 3 4 5 6 7 8; do
		pgport=$(free_port "$pgport")
		: >"$runtime/log/postgres.log"
		if postgres_try; then
			echo "$pgport" >"$runtime/postgres-port"
			return 0
		fi
		if grep -q 'Address already in use' "$runtime/log/postgres.log"; then
			pgport=$((pgport + attempt))
		elif grep -qE 'postmaster.pid|shared memory block' "$runtime/log/postgres.log"; then
			sleep 0.5 # a killed server is not quite gone
		else
			break
		fi
	done
	tail -n 20 "$runtime/log/postgres.log" >&2
	die "PostgreSQL did not start"
}

postgres_stop() {
	pid_ours "$(postgres_pid_file)" || return 0
	as_postgres "$pgbin/pg_ctl" -s -w -t 30 -D "$runtime/pgdata" -m fast stop ||
		as_postgres "$pgbin/pg_ctl" -s -w -t 10 -D "$runtime/pgdata" -m immediate stop
}

# A libpq connection string; $1: database, $2: role.
conninfo() {
	printf "host='%s' port=%s dbname=%s user=%s" "$sockets/postgres" \
		"$(cat "$runtime/postgres-port")" "$1" "$2"
}

psql_run() {
	"$pgbin/psql" -X -h "$sockets/postgres" -p "$(cat "$runtime/postgres-port")" -U postgres "$@"
}
psql_quiet() { psql_run -q -A -t -v ON_ERROR_STOP=1 "$@"; }

database_load() {
	if [ -z "$(psql_quiet -d postgres -c "SELECT 1 FROM pg_database WHERE datname = '$database'")" ]; then
		psql_quiet -d postgres -c "CREATE DATABASE $database"
	fi
	if [ -z "$(psql_quiet -d "$database" -c "SELECT to_regclass('public.reservations')")" ]; then
		say "loading the shared tables"
		# Not UTC: a mistake with zones shows.
		psql_quiet -d "$database" -c "ALTER DATABASE $database SET timezone = 'Asia/Seoul'"
		psql_quiet -d "$database" -1 -f "$top/schema/reference/shared.sql"
	fi
	psql_quiet -d "$database" -1 -f "$top/schema/demo.sql"
	run_logged "$runtime/log/migrate.log" "$build/payctl" -c "$settings" \
		--database "$(conninfo "$database" postgres)" migrate --grant "$role"
}
