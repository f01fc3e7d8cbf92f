"""
Files of named statements, read as lib/db/sql/embed.awk reads them.

    -- name: NAME        begins a statement
    -- fragment: NAME    begins a text that is no statement
    -- include: NAME     inside either: the text of that fragment stands here

Other lines of comment are left out. A fragment may stand in any of the files.
"""

import re

from . import build

SERVICE_FOLDER = build.REPO / "lib/db/sql"
MARK = re.compile(r"^\s*-- (name|fragment|include): (\w+)\s*$")
DEEPEST = 8  # fragments within fragments: more is a circle


def _sections(text):
    """(kind, name, lines) of each statement and fragment of a file."""
    found = []
    for line in text.splitlines():
        mark = MARK.match(line)
        if mark and mark.group(1) != "include":
            found.append((mark.group(1), mark.group(2), []))
        elif found and line.strip() and (mark or not line.lstrip().startswith("--")):
            found[-1][2].append(line)
    return found


def _included(lines, fragments, depth=0):
    assert depth <= DEEPEST, f"a fragment includes itself: {lines}"
    for line in lines:
        mark = MARK.match(line)
        if mark:
            yield from _included(fragments[mark.group(2)], fragments, depth + 1)
        else:
            yield line


def _statement(lines, fragments):
    return "\n".join(_included(lines, fragments)).rstrip().removesuffix(";").rstrip()


def read(*paths):
    """{file's name without .sql: {name: statement}}"""
    files = {path.stem: _sections(path.read_text(encoding="utf-8")) for path in paths}
    fragments = {name: lines for sections in files.values() for kind, name, lines in sections
                 if kind == "fragment"}
    return {stem: {name: _statement(lines, fragments) for kind, name, lines in sections if kind == "name"}
            for stem, sections in files.items()}


def service_statements():
    """All that the service prepares, as `read` tells it."""
    return read(*sorted(SERVICE_FOLDER.glob("*.sql")))
