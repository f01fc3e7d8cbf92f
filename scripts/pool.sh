# shellcheck shell=sh disable=SC2154,SC2034
# For ./dev: the pool of workers, and nginx in front of it.

write_settings() {
	(
		umask 077
		{
			echo "PAYMENTS_ENV=development"
			echo "DATABASE_URL=$(conninfo "$database" "$role")"
			echo "JWT_SECRET=${JWT_SECRET:-$(kept_secret "$state/jwt-secret")}"
			env | grep -E '^(JWT_SECRET_PREVIOUS|PAYMENTS_[A-Z_]+|TOSS_[A-Z_]+)=' |
				grep -vE '^PAYMENTS_(PORT|VAR|ENV)=' | sort || :
		} >"$settings.new"
	)
	if [ "$is_root" = yes ]; then
		chown root:www-data "$settings.new"
		chmod 640 "$settings.new"
	fi
	mv "$settings.new" "$settings"
}

workers_wanted() { printf '%s' "${PAYMENTS_WORKERS:-2}"; }

pool_sum() { cat "$settings" "$build/payments-fcgi" | cksum; }

# Copied and moved into place, so that a build does not replace the program of a running pool.
copy_programs() {
	for program in payments-fcgi payctl; do
		install -m 755 "$build/$program" "$runtime/bin/$program.new"
		mv "$runtime/bin/$program.new" "$runtime/bin/$program"
	done
}

pool_start() {
	if pid_ours "$sockets/pool.pid"; then
		[ "$(cat "$sockets/pool.sum" 2>/dev/null)" != "$(pool_sum)" ] || return 0
		say "the program or its settings changed: restarting the pool"
	fi
	pool_stop
	copy_programs
	say "starting $(workers_wanted) workers"
	if [ "$is_root" = yes ]; then
		set -- -u www-data -g www-data -U www-data -G www-data
	else
		set --
	fi
	# batch: as conf/systemd/service.conf has it
	setsid chrt -b 0 spawn-fcgi -n -s "$sockets/payments.sock" -M 0660 "$@" -b 4096 -- \
		/usr/bin/multiwatch -f "$(workers_wanted)" -- \
		"$runtime/bin/payments-fcgi" -c "$settings" \
		</dev/null >>"$runtime/log/payments.log" 2>&1 8<&- &
	echo $! >"$sockets/pool.pid"
	pool_sum >"$sockets/pool.sum"
}

pool_stop() {
	if pid_ours "$sockets/pool.pid"; then
		kill -TERM "$pid" 2>/dev/null || :
		wait_gone "$sockets/pool.pid" 450 || kill -KILL "$pid" 2>/dev/null || :
	fi
	# multiwatch may have been killed: workers that lost it are drained, then ended.
	for worker in $(worker_pids); do
		kill -TERM "$worker" 2>/dev/null || :
	done
	tenths=450
	while [ -n "$(worker_pids)" ] && [ "$tenths" -gt 0 ]; do
		tenths=$((tenths - 1))
		sleep 0.1
	done
	for worker in $(worker_pids); do
		kill -KILL "$worker" 2>/dev/null || :
	done
	rm -f "$sockets/pool.pid" "$sockets/pool.sum" "$sockets/payments.sock"
}

nginx_pid_file() { printf '%s' "$runtime/nginx/nginx.pid"; }

nginx_sum() {
	cat "$runtime/nginx/nginx.conf" "$runtime/nginx/fastcgi_params" \
		"$runtime"/nginx/payments/*.conf | cksum
}

nginx_start() {
	sh "$top/nginx/make-dev.sh" "$runtime/nginx" "$port" "$sockets/payments.sock" "$runtime/log"
	if pid_ours "$(nginx_pid_file)"; then
		[ "$(cat "$sockets/nginx.sum" 2>/dev/null)" != "$(nginx_sum)" ] || return 0
		nginx_stop
	fi
	say "starting nginx on port $port"
	if ! nginx -p "$runtime/nginx" -c "$runtime/nginx/nginx.conf" -e "$runtime/log/nginx-error.log" \
		</dev/null >"$runtime/log/nginx-start.log" 2>&1 8<&-; then
		cat "$runtime/log/nginx-start.log" >&2
		die "nginx did not start; if port $port is taken, set PAYMENTS_PORT"
	fi
	nginx_sum >"$sockets/nginx.sum"
	echo "$port" >"$runtime/port"
}

nginx_stop() {
	if pid_ours "$(nginx_pid_file)"; then
		kill -QUIT "$pid" 2>/dev/null || :
		wait_gone "$(nginx_pid_file)" 350 || kill -TERM "$pid" 2>/dev/null || :
		wait_gone "$(nginx_pid_file)" 50 || die "nginx ($pid) does not stop"
	fi
	rm -f "$sockets/nginx.sum"
}
