#!/bin/sh
# Prints, as C, what `payctl migrate` applies: the migrations in the order given and the grants.
# usage: embed.sh GRANTS.sql NNNN_name.sql...
#
# Numbers must run 1, 2, 3, ... without a gap: a migration that was left out of the list would
# otherwise be noticed by a customer.
set -eu

# A file as one C string literal, a line each.
literal() {
	awk '
	{
		gsub(/[\\"]/, "\\\\&")
		printf "\n\t\"%s\\n\"", $0
	}
	END { if (NR == 0) printf " \"\"" }
	' "$1"
}

grants=$1
shift

printf '/* Made by schema/embed.sh. */\n#include "db/migrations.h"\n\n'
printf 'const struct migration migrations[] = {\n'
count=0
for file do
	count=$((count + 1))
	base=$(basename "$file" .sql)
	number=$(printf '%s\n' "${base%%_*}" | sed 's/^0*//')
	if [ "$number" != "$count" ]; then
		echo "$0: $file: expected number $count here" >&2
		exit 1
	fi
	printf '{ %s, "%s",' "$number" "${base#*_}"
	literal "$file"
	printf ' },\n'
done
printf '};\n\nconst int migrations_count = %s;\n\nconst char *const grants_sql =' "$count"
literal "$grants"
printf ';\n'
