# Turns the named statements of *.sql into lines SQL_STATEMENT(ID, "id", params, "text").
# "-- name: ID" begins a statement, "-- fragment: ID" a piece of text that stands in several.
# "-- include: ID" puts a fragment there. Comment lines are left out, the closing ; too.

function expanded(text,  line, count, lines, out, i) {
	count = split(text, lines, "\n")
	for (i = 1; i <= count; i++) {
		line = lines[i]
		if (match(line, /^[ \t]*-- include: /)) {
			line = substr(line, RSTART + RLENGTH)
			if (!(line in fragments)) {
				print "no fragment is called " line > "/dev/stderr"
				exit failed = 1
			}
			line = expanded(fragments[line])
		}
		out = out (i > 1 ? "\n" : "") line
	}
	return out
}

function print_statement(name, text,  params, i) {
	text = expanded(text)
	sub(/[ \t\n]*;[ \t\n]*$/, "", text)
	for (i = 1; i <= 40; i++)
		if (text ~ ("\\$" i "([^0-9]|$)"))
			params = i
	gsub(/[\\"]/, "\\\\&", text)
	gsub(/\n/, "\\n\"\n\t\"", text)
	printf "SQL_STATEMENT(%s, \"%s\", %d,\n\t\"%s\")\n", toupper(name), name, params, text
}

/^-- name: / { name = $3; fragment = ""; order[++statements] = name; next }
/^-- fragment: / { fragment = $3; name = ""; next }
/^[ \t]*--/ && !/^[ \t]*-- include: / || /^[ \t]*$/ { next }
name != "" { texts[name] = texts[name] (texts[name] == "" ? "" : "\n") $0 }
fragment != "" { fragments[fragment] = fragments[fragment] (fragments[fragment] == "" ? "" : "\n") $0 }
END {
	if (!failed)
		for (i = 1; i <= statements; i++)
			print_statement(order[i], texts[order[i]])
	exit failed
}
