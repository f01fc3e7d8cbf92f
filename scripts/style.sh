#!/bin/sh
# The style stage of ./dev test. Each check prints what is wrong and then fails. It needs no git, so
# that it works in an unpacked tarball too.
set -eu

usage() {
	cat <<'EOF'
usage: scripts/style.sh [format|functions|statements]

  format      clang-format 14 changes no C file
  functions   no function name is defined in two C files of fcgi and lib
  statements  no SQL statement has the name of a C function of fcgi or lib

Without an argument: all three.
EOF
}

cd "$(dirname "$0")/.."
export LC_ALL=C.UTF-8

# A build inside the source tree leaves a generated C file there.
c_files() { find "$@" -type f ! -path lib/db/migrations.c ! -path '*/.*' | sort; }

# "name file" for each function. Prototypes and the inline functions of headers do not count.
functions() {
	command -v ctags-universal >/dev/null || {
		echo "style: install universal-ctags" >&2
		return
	}
	c_files fcgi lib -name '*.c' | ctags-universal -x --language-force=C --kinds-C=f \
		--_xformat='%N %F' -L - | sort -u
}

# "name file" for each statement.
statements() { awk '/^-- name: / { print $3, FILENAME }' lib/db/sql/*.sql | sort -u; }

check_format() {
	c_files fcgi lib tests -name '*.[ch]' |
		xargs clang-format-14 --style=file:.clang-format --dry-run -Werror
}

check_functions() {
	functions | awk '
		$1 == name && name != "main" { files = files " " $2; bad = 1; next }
		{ tell(); name = $1; files = $2 }
		END { tell(); exit bad || !NR }
		function tell() { if (files ~ / /) print name ": defined in " files }'
}

check_statements() {
	{
		functions | sed 's/^/function /'
		statements | sed 's/^/statement /'
	} | awk '
		$1 == "function" { file[$2] = $3; functions++ }
		$1 == "statement" && $2 in file {
			print $2 ": a statement of " $3 " and a function of " file[$2]
			bad = 1
		}
		END { exit bad || functions == 0 || functions == NR }'
}

case ${1:-all} in
format | functions | statements) "check_$1" ;;
all)
	result=0
	for check in format functions statements; do
		"check_$check" || result=1
	done
	exit "$result"
	;;
-h | --help) usage ;;
*)
	usage >&2
	exit 2
	;;
esac
