# Turns the named statements of *.sql into lines SQL_STATEMENT(ID, "id", params, "text").
# A statement begins with "-- name: <id>"; comment lines are left out, the closing ; too.

function flush_statement(  i) {
	if (name == "")
		return
	sub(/[ \t\n]*;[ \t\n]*$/, "", text)
	params = 0
	for (i = 1; i <= 40; i++)
		if (text ~ ("\\$" i "([^0-9]|$)"))
			params = i
	gsub(/[\\"]/, "\\\\&", text)
	gsub(/\n/, "\\n\"\n\t\"", text)
	printf "SQL_STATEMENT(%s, \"%s\", %d,\n\t\"%s\")\n", toupper(name), name, params, text
	name = text = ""
}

/^-- name: / { flush_statement(); name = $3; next }
/^[ \t]*--/ || /^[ \t]*$/ { next }
name != "" { text = text (text == "" ? "" : "\n") $0 }
END { flush_statement() }
