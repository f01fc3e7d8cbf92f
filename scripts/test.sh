# shellcheck shell=sh disable=SC2154,SC2034
# For ./dev: every test, in stages, and the sum of them. A stage that cannot be run counts as one
# test that failed.

# The end-to-end tests that are run under AddressSanitizer too: the ways of a payment.
core_tests="process races idempotency drain bookings seat_map list_batch"
# The suites of unit-tests, and the end-to-end tests, that have threads meet in our own code.
thread_suites="batch db log metrics pool settings shared_text token uuid"
thread_tests="process races drain batch seat_map list_batch"

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

# $1: what it is called; the rest: what is to be run.
stage() {
	title=$1
	shift
	stages=$((stages + 1))
	was_passed=$passed was_failed=$failed begun=$(date +%s)
	say "stage $stages: $title"
	"$@" || count 0 0 1
	say "stage $stages: $((passed - was_passed)) passed, $((failed - was_failed)) failed in" \
		"$(($(date +%s) - begun)) s"
}

# Builds with every warning an error, in a folder of its own within the one that `run` uses. $1: which
# build; the rest: arguments of configure.
build_for_test() {
	build=$builds/test-$1
	shift
	configure_args="--enable-werror $* $asked_args"
	(build_all)
}

# A database of their own for the unit tests of this build.
unit_database() {
	unit=unit_$(basename "$build" | tr - _)
	psql_quiet -d postgres -c "CREATE DATABASE $unit" || return 1
	conninfo "$unit" postgres
}

count_unit() {
	count "$(number_of 'Checks: ' "$1")" \
		$(($(number_of 'Failures: ' "$1") + $(number_of 'Errors: ' "$1"))) "$2"
}

run_unit() {
	url=$(unit_database) || return 1
	report=$build/unit-tests.log
	rm -f "$report"
	result=0
	PAYMENTS_TEST_DATABASE_URL=$url CK_TIMEOUT_MULTIPLIER=4 \
		make -s -C "$build" check >"$runtime/log/check.log" 2>&1 || result=$?
	cat "$report" 2>/dev/null || tail -n 40 "$runtime/log/check.log"
	count_unit "$report" "$result"
}

# The suites named, one after the other. Check would pass a suite that does not exist, so one that
# counts no test is a failure; a suite without its file is not there yet.
run_suites() {
	make -s -C "$build" unit-tests >"$runtime/log/check.log" 2>&1 || return 1
	url=$(unit_database) || return 1
	for suite; do
		[ -e "$top/tests/unit/test_$suite.c" ] || continue
		report=$runtime/log/suite-$suite.log
		result=0
		PAYMENTS_TEST_DATABASE_URL=$url CK_TIMEOUT_MULTIPLIER=8 CK_RUN_SUITE=$suite \
			"$build/unit-tests" >"$report" 2>&1 || result=$?
		[ "$(number_of 'Checks: ' "$report")" -gt 0 ] || result=1
		! grep -q 'WARNING: ThreadSanitizer' "$report" || result=1
		[ "$result" = 0 ] || tail -n 60 "$report"
		count_unit "$report" "$result"
	done
}

# $1: a name for the report; the rest: what pytest is given.
run_pytest() {
	report=$runtime/$1.xml
	shift
	result=0
	(cd "$top" && PYTHONDONTWRITEBYTECODE=1 PAYMENTS_BUILD=$build /usr/bin/python3 -m pytest \
		-p no:cacheprovider --junitxml="$report" "$@") || result=$?
	count $(($(number_of ' tests="' "$report") - $(number_of ' skipped="' "$report"))) \
		$(($(number_of ' failures="' "$report") + $(number_of ' errors="' "$report"))) "$result"
}

# The files of the end-to-end tests named, in whichever folder they are. pytest fails where one is missing.
e2e_files() {
	for name; do
		(cd "$top" && find tests/e2e -name "test_$name.py" | grep . || echo "tests/e2e/test_$name.py")
	done
}

# Each check of scripts/style.sh is one test.
stage_style() {
	for check in format functions statements; do
		result=0
		"$top/scripts/style.sh" "$check" || result=1
		[ "$result" = 0 ] || say "style: $check failed"
		count 1 "$result" "$result"
	done
}

stage_unit() {
	build_for_test plain || return 1
	run_unit
}

# A path among the arguments says which files; else it is all of them.
stage_e2e() {
	build_for_test plain || return 1
	where=tests/e2e
	for argument; do
		case $argument in *.py* | tests/*) where= ;; esac
	done
	# shellcheck disable=SC2086
	run_pytest e2e -m "$marks" $where "$@"
}

stage_address() {
	build_for_test asan --enable-sanitizer=address || return 1
	run_unit
	# shellcheck disable=SC2046,SC2086
	run_pytest e2e-asan -q $(e2e_files $core_tests)
}

stage_threads() {
	build_for_test tsan --enable-sanitizer=thread || return 1
	# shellcheck disable=SC2086
	run_suites $thread_suites
	# shellcheck disable=SC2046,SC2086
	run_pytest e2e-tsan -q $(e2e_files $thread_tests)
}

end_test() {
	trap - EXIT
	trap '' PIPE
	postgres_stop
	rm -rf "$runtime" "$state"
}

begin_test() {
	# shellcheck disable=SC2086
	ensure_packages $packages_build $packages_run $packages_test $packages_more
	mkdir -p "$state" "$build"
	builds=$build asked_args=$configure_args
	state=$(mktemp -d "$state/test.XXXXXX")
	chmod 755 "$state"
	find_runtime
	trap end_test EXIT
	trap 'exit 130' INT TERM HUP PIPE
	make_state
	postgres_start
	passed=0 failed=0 stages=0
	# what a program that was linked with a sanitizer goes by
	export ASAN_OPTIONS="detect_leaks=1:detect_stack_use_after_return=1${ASAN_OPTIONS:+:$ASAN_OPTIONS}"
	export UBSAN_OPTIONS="print_stacktrace=1${UBSAN_OPTIONS:+:$UBSAN_OPTIONS}"
	# a drain that exceeds its bound ends the process without its threads, on purpose
	export TSAN_OPTIONS="second_deadlock_stack=1:report_thread_leaks=0${TSAN_OPTIONS:+:$TSAN_OPTIONS}"
}

cmd_test() {
	marks='not long' packages_more=
	if [ "${1:-}" = long ]; then
		marks='' packages_more=$packages_long
		shift
	fi
	begin_test
	case ${1:-all} in
	all)
		stage "style" stage_style
		stage "unit tests" stage_unit
		stage "end-to-end tests" stage_e2e
		stage "unit and core end-to-end tests under AddressSanitizer and UBSan" stage_address
		stage "thread tests under ThreadSanitizer" stage_threads
		;;
	style | unit | e2e | address | threads)
		only=$1
		shift
		stage "$only tests" "stage_$only" "$@"
		;;
	*) stage "end-to-end tests: $*" stage_e2e "$@" ;;
	esac
	end_test
	printf '%s passed, %s failed\n' "$passed" "$failed"
	[ "$failed" = 0 ]
}
