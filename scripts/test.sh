# shellcheck shell=sh disable=SC2154,SC2034
# For ./dev: every test, and the sum of them.

# A number out of a report, 0 where there is none: an attribute of pytest's XML, or a part of Check's
# closing line.
number_of() {
	number=$(sed -n "s/.*$1\([0-9][0-9]*\).*/\1/p" "$2" 2>/dev/null | head -n 1)
	printf '%s' "${number:-0}"
}

# Adds a report to the sum. $1: tests, $2: those that failed, $3: the runner's exit status; a runner
# that ended badly without naming a test counts as one that failed.
count() {
	bad=$2
	[ "$bad" -gt 0 ] || [ "$3" = 0 ] || bad=1
	failed=$((failed + bad))
	[ "$1" -le "$2" ] || passed=$((passed + $1 - $2))
}

run_unit() {
	say "unit tests"
	psql_quiet -d postgres -c 'CREATE DATABASE unit'
	rm -f "$build/unit-tests.log"
	result=0
	PAYMENTS_TEST_DATABASE_URL=$(conninfo unit postgres) \
		make -s -C "$build" check >"$runtime/log/check.log" 2>&1 || result=$?
	cat "$build/unit-tests.log" 2>/dev/null || tail -n 40 "$runtime/log/check.log"
	report=$build/unit-tests.log
	count "$(number_of 'Checks: ' "$report")" \
		$(($(number_of 'Failures: ' "$report") + $(number_of 'Errors: ' "$report"))) "$result"
}

run_e2e() {
	say "end-to-end tests"
	result=0
	(cd "$top" && PYTHONDONTWRITEBYTECODE=1 PAYMENTS_BUILD=$build /usr/bin/python3 -m pytest \
		tests/e2e -p no:cacheprovider --junitxml="$runtime/e2e.xml" "$@") || result=$?
	report=$runtime/e2e.xml
	count $(($(number_of ' tests="' "$report") - $(number_of ' skipped="' "$report"))) \
		$(($(number_of ' failures="' "$report") + $(number_of ' errors="' "$report"))) "$result"
}

end_test() {
	trap - EXIT
	postgres_stop
	rm -rf "$runtime" "$state"
}

cmd_test() {
	# shellcheck disable=SC2086
	ensure_packages $packages_build $packages_run $packages_test
	build_all
	mkdir -p "$state"
	state=$(mktemp -d "$state/test.XXXXXX")
	chmod 755 "$state"
	find_runtime
	trap end_test EXIT
	trap 'exit 130' INT TERM HUP
	make_state
	postgres_start
	passed=0 failed=0
	run_unit
	run_e2e "$@"
	end_test
	printf '%s passed, %s failed\n' "$passed" "$failed"
	[ "$failed" = 0 ]
}
