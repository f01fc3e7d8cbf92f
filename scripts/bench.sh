# shellcheck shell=sh disable=SC2154,SC2034
# For ./dev: the measurements of tests/bench, on a build and a stack of their own.

packages_bench="python3 python3-psycopg2 wrk nginx-light spawn-fcgi multiwatch postgresql-15"

cmd_bench() {
	# shellcheck disable=SC2086
	ensure_packages $packages_build $packages_bench
	build=$build/bench
	build_all
	run_logged "$build/dev-make-bench.log" make -s -C "$build" tests/bench/micro tests/bench/bare
	PYTHONDONTWRITEBYTECODE=1 PAYMENTS_BUILD=$build exec /usr/bin/python3 "$top/tests/bench" --out "$build" "$@"
}
