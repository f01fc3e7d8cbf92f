"""
The commands of the runbook, executed: its SQL on a live database, its edits of the modes on a
server. Both languages have the same commands.

Fails where a command of the runbook is wrong, which an operator would only learn on the evening
itself.
"""

import re
import subprocess

import pytest

from harness import build
from harness.cutover import Cutover
from harness.volley import tally
from harness.wait import until

BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
MAP = "/etc/nginx/payments-map.conf"
LOG = "/var/log/nginx/payments.log"


def blocks(language, page="runbook.md"):
    text = (build.REPO / "docs" / page).read_text(encoding="utf-8")
    return [body for kind, body in BLOCK.findall(text) if kind == language]


def commands(word):
    """The runbook's lines that begin with a command's name."""
    return [line.strip() for body in blocks("sh") for line in body.splitlines()
            if line.strip().startswith(word)]


@pytest.fixture(scope="module")
def stack(cluster):
    made = Cutover(cluster)
    made.start()
    yield made
    made.stop()


@pytest.mark.parametrize("language", ["sh", "sql", ""])
def test_both_languages_have_the_same_commands(language):
    korean = blocks(language, "runbook.ko.md")
    assert blocks(language) and korean == blocks(language)


@pytest.mark.parametrize("sql", blocks("sql"))
def test_sql(stack, sql):
    assert stack.process(stack.reserve()).status == 200
    stack.database.rows(sql.replace("%", "%%"))


def test_edits_change_the_mode(stack):
    edits = commands("sed -i")
    assert len(edits) == 3, edits
    path = stack.pool.folder / "nginx/payments-map.conf"
    for edit, word in zip(edits, ("default canary;", "5% canary;", "default off;")):
        stack.set_mode("on", reload=False)
        stack.edit_map(r"(\$payments_share_api {\n\t)[\d.]+(?=%)", "77")
        subprocess.run(["sh", "-c", edit.replace(MAP, str(path))], check=True)
        api = path.read_text(encoding="utf-8").split("payments_mode_bookings")[0]
        share = path.read_text(encoding="utf-8").split("payments_share_api {")[1].split("}")[0]
        assert word in api + share, edit
        stack.reload_nginx()


def test_the_access_log_tells_which_side_answered(stack):
    stack.set_mode("on")
    asked = [{"method": "GET", "path": "/api/payments/methods"}] * 7
    assert tally(stack.fire(asked)) == {(200, None): 7}
    count, = [one for one in commands("sed -n") if LOG in one]
    log = stack.pool.folder / "nginx-access.log"

    def counted():
        done = subprocess.run(["sh", "-c", count.replace(LOG, str(log))], capture_output=True, text=True,
                              check=True)
        return re.search(r"^ *([7-9]|\d\d+) payments 200$", done.stdout, re.MULTILINE)
    until("the seven are counted", counted)
