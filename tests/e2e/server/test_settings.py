"""
Settings: what is said about them is what the program takes, a set with anything wrong in it stops
the start with a line that names it, and a reload takes a good set and leaves a bad one.

Fails where an operator is told of a setting that does not exist, where the service starts on a
typing error or a weak secret, or where a reload with a mistake in it takes the service down.
"""

import os
import re
import signal
import subprocess

import pytest

from harness import build
from harness.cluster import SECRET
from harness.wait import until

MAN_LIST = re.compile(r"^\.It Ev (\w+)$", re.M)


def environment(**settings):
    """Only what a test sets, and a database that does not exist."""
    given = {"PATH": build.SYSTEM_PATH, "JWT_SECRET": SECRET, "DB_HOST": "/nonexistent"}
    given |= {name: value for name, value in os.environ.items() if "SAN_OPTIONS" in name}
    return {name: value for name, value in (given | settings).items() if value is not None}


def check(arguments=(), **settings):
    """payments-fcgi -t; (exit code, what it said)."""
    done = subprocess.run([build.program("payments-fcgi"), "-t", *arguments], capture_output=True,
                          text=True, timeout=30, env=environment(**settings))
    assert not done.stdout
    return done.returncode, done.stderr


def payctl(*arguments):
    return build.run([build.program("payctl"), *arguments], env=environment())


def known_settings():
    return re.findall(r"^#(\w+)=", payctl("settings", "--example"), re.M)


# ---- what is said about settings ----

def test_example_file_is_the_programs():
    committed = (build.REPO / "conf/payments-fcgi.conf").read_text(encoding="utf-8")
    assert committed == payctl("settings", "--example"), \
        "run: payctl settings --example > conf/payments-fcgi.conf"


def test_example_file_is_taken(tmp_path):
    """Every line of it uncommented at its default is a file that the program accepts."""
    text = re.sub(r"^#(\w+=)", r"\1", payctl("settings", "--example"), flags=re.M)
    text = re.sub(r"^(JWT_SECRET=)$", rf"\1{SECRET}", text, flags=re.M)
    file = tmp_path / "all.conf"
    file.write_text(text, encoding="utf-8")
    _, said = check(["-c", str(file)], JWT_SECRET=None, DB_HOST=None)
    assert "settings are ok" in said, said


def test_manual_page_lists_what_the_program_takes():
    page = build.BUILD / "man/payments-fcgi.conf.5"
    text = page.read_text(encoding="utf-8")
    listed = payctl("settings", "--man")
    assert listed in text and "@SETTINGS@" not in text
    names = MAN_LIST.findall(listed)
    assert names == known_settings() and len(names) > 30


def test_settings_in_force_hide_secrets():
    shown = payctl("settings")
    assert SECRET not in shown
    assert "JWT_SECRET=(set)" in shown.splitlines()
    assert "JWT_SECRET_PREVIOUS=(unset)" in shown.splitlines()
    assert [line.partition("=")[0] for line in shown.splitlines()] == known_settings()


def test_every_wire_code_is_documented():
    header = (build.REPO / "lib/base/status.h").read_text(encoding="utf-8")
    codes = {(name, http) for name, http in re.findall(r"\bX\((\w+), (\d{3}),", header)}
    assert ("RESERVATION_EXPIRED", "400") in codes and len(codes) > 30
    text = (build.REPO / "docs/api.md").read_text(encoding="utf-8")
    rows = set(re.findall(r"^\| `([A-Z_]+)` \| (\d{3}) \|", text, re.M))
    codes.discard(("OK", "200"))
    assert codes == rows, f"missing: {codes - rows}, not in the program: {rows - codes}"


def test_every_route_is_documented():
    source = (build.REPO / "fcgi/http/route.c").read_text(encoding="utf-8")
    routes = re.findall(r'METHOD_\w+, "[^"]+",\s*"((?:GET|POST|DELETE) [^"]+)"', source)
    assert "POST process" in routes and len(routes) > 10
    text = (build.REPO / "docs/api.md").read_text(encoding="utf-8")
    assert not [route for route in routes if f"`{route}`" not in text]


# ---- what stops the start ----

def test_good_settings_and_no_database():
    """The control of every refusal below: these settings alone are good."""
    code, said = check()
    assert code == 1 and "settings are ok" in said and "database" in said


def test_everything_in_place_is_successful(stack):
    code, said = check(DATABASE_URL=stack.database.url())
    assert code == 0, said
    assert said.splitlines()[-1] == "payments-fcgi: test is successful"


REFUSED = {
    "unknown name": ({"PAYMENTS_THREDS": "4"},
                     "error: environment: there is no setting PAYMENTS_THREDS; the nearest is PAYMENTS_THREADS"),
    "no number": ({"PAYMENTS_THREADS": "many"},
                  'error: environment: PAYMENTS_THREADS takes a whole number from 1 to 4096, not "many"'),
    "out of range": ({"PAYMENTS_THREADS": "0"},
                     'error: environment: PAYMENTS_THREADS takes a whole number from 1 to 4096, not "0"'),
    "no choice": ({"PAYMENTS_LANGUAGE": "fr"},
                  'error: environment: PAYMENTS_LANGUAGE takes one of ko, en, not "fr"'),
    "two that do not go together": ({"PAYMENTS_MOCK_MIN_DELAY_MS": "2000"},
                                    "error: PAYMENTS_MOCK_MIN_DELAY_MS (2000) must not be above "
                                    "PAYMENTS_MOCK_MAX_DELAY_MS (1500)"),
    "no secret": ({"JWT_SECRET": None},
                  "error: JWT_SECRET is missing or empty; it must be the Auth Service's"),
    "empty secret": ({"JWT_SECRET": "", "PAYMENTS_ENV": "development"},
                     "error: JWT_SECRET is missing or empty; it must be the Auth Service's"),
    "short secret": ({"JWT_SECRET": "qhd7Zk2pLw9x"}, "error: JWT_SECRET is too weak: it is shorter than 32 bytes"),
    "short previous secret": ({"JWT_SECRET_PREVIOUS": "qhd7Zk2pLw9x"},
                              "error: JWT_SECRET_PREVIOUS is too weak: it is shorter than 32 bytes"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case):
    settings, line = REFUSED[case]
    code, said = check(**settings)
    assert code == 1
    assert f"payments-fcgi: {line}" in said.splitlines(), said
    assert "settings are not ok" in said
    assert said.splitlines()[-1] == "payments-fcgi: test failed"


def test_worker_does_not_start_on_a_mistake():
    """Not only -t: without it the process ends at once, and says the same in its log."""
    done = subprocess.run([build.program("payments-fcgi"), "--listen", "127.0.0.1:1"],
                          capture_output=True, text=True, timeout=30,
                          env=environment(PAYMENTS_THREDS="4"))
    assert done.returncode == 1
    assert '"event":"settings_refused"' in done.stderr and "PAYMENTS_THREDS" in done.stderr


def test_weak_secret_passes_in_development_only():
    weak = "qhd7Zk2pLw9x"
    code, said = check(JWT_SECRET=weak, PAYMENTS_ENV="development")
    assert code == 1 and "settings are ok" in said  # the database is away
    assert "warning: JWT_SECRET is too weak" in said
    assert weak not in said


@pytest.mark.parametrize("text, line", [
    ("PAYMENTS_THREDS=4\n", "there is no setting PAYMENTS_THREDS"),
    ("PAYMENTS_THREADS=4\nPAYMENTS_THREADS=5\n", ":2: PAYMENTS_THREADS is given twice"),
    ("PAYMENTS_THREADS 4\n", ":1: is no NAME=VALUE line"),
    ("PAYMENTS_THREADS=0\n", "PAYMENTS_THREADS takes a whole number from 1 to 4096"),
], ids=["unknown", "twice", "no line", "range"])
def test_bad_file_is_refused(tmp_path, text, line):
    file = tmp_path / "payments.conf"
    file.write_text("PAYMENTS_LANGUAGE=en\n", encoding="utf-8")
    assert "settings are ok" in check(["-c", str(file)])[1]
    file.write_text(text, encoding="utf-8")
    code, said = check(["-c", str(file)])
    assert code == 1 and line in said, said


def test_file_that_is_not_there_is_refused(tmp_path):
    code, said = check(["-c", str(tmp_path / "none.conf")])
    assert code == 1 and "cannot be read: No such file or directory" in said


# ---- reload ----

@pytest.fixture
def reloadable(make_stack, tmp_path):
    """(stack, reload): reload(text, event) writes the file, sends SIGHUP and waits for its log line."""
    file = tmp_path / "payments.conf"
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    file.write_text("PAYMENTS_LOG_LEVEL=info\n", encoding="utf-8")
    # what the environment gives cannot be changed by a reload: the delays must come from the file
    stack = make_stack(workers=1, direct=True, settings={"PAYMENTS_CONFIG": file})
    stack.pool.environment.pop("PAYMENTS_MOCK_MIN_DELAY_MS")
    stack.pool.environment.pop("PAYMENTS_MOCK_MAX_DELAY_MS")
    stack.pool.children[0].terminate()
    assert stack.pool.children.pop().wait(5) == 0
    file.write_text("PAYMENTS_MOCK_MIN_DELAY_MS=0\nPAYMENTS_MOCK_MAX_DELAY_MS=0\n", encoding="utf-8")
    child = stack.pool.start_child()
    until("it listens to signals", lambda: [
        line for line in stack.pool.log_lines("started") if line["pid"] == child.pid])

    def reload(text, event):
        before = len(stack.pool.log_lines(event))
        file.write_text(text, encoding="utf-8")
        stack.pool.children[0].send_signal(signal.SIGHUP)
        until(f"the log line {event}", lambda: len(stack.pool.log_lines(event)) > before)

    return stack, reload


def gateway_ms(stack):
    """How long the mock took for a payment made now."""
    answer = stack.process(stack.reserve())
    assert answer.status == 200, answer
    line, = until("its log line", lambda: [
        one for one in stack.pool.log_lines("request")
        if one["requestId"] == answer.header("X-Request-Id")])
    return line["gatewayMs"]


def test_reload_takes_a_good_set(reloadable):
    stack, reload = reloadable
    child = stack.pool.children[0].pid
    assert gateway_ms(stack) < 100
    reload("PAYMENTS_MOCK_MIN_DELAY_MS=300\nPAYMENTS_MOCK_MAX_DELAY_MS=300\n", "reloaded")
    assert gateway_ms(stack) >= 300
    assert [one.pid for one in stack.pool.children] == [child] and stack.pool.children[0].poll() is None


def test_reload_refuses_a_bad_set_as_a_whole(reloadable):
    """The good delay before the mistake is not taken either."""
    stack, reload = reloadable
    stack.expect_errors = True
    reload("PAYMENTS_MOCK_MIN_DELAY_MS=300\nPAYMENTS_MOCK_MAX_DELAY_MS=300\nPAYMENTS_THREDS=4\n",
           "reload_refused")
    assert gateway_ms(stack) < 100
    refused, = stack.pool.log_lines("settings_refused")
    assert "PAYMENTS_THREDS" in refused["detail"]
    reload("PAYMENTS_MOCK_MIN_DELAY_MS=300\nPAYMENTS_MOCK_MAX_DELAY_MS=300\n", "reloaded")
    assert gateway_ms(stack) >= 300


def test_reload_changes_the_log_level(reloadable):
    stack, reload = reloadable
    delays = "PAYMENTS_MOCK_MIN_DELAY_MS=0\nPAYMENTS_MOCK_MAX_DELAY_MS=0\n"
    reload(delays + "PAYMENTS_LOG_LEVEL=info\n", "reloaded")
    assert stack.pool.http("GET", "/methods").status == 200
    until("the request is logged", lambda: stack.pool.log_lines("request"))
    reload(delays + "PAYMENTS_LOG_LEVEL=error\nPAYMENTS_DB_CONNECTIONS=3\n", "settings_warning")
    until("the new level", lambda: quiet(stack))


def quiet(stack):
    """Whether a request leaves no line."""
    before = len(stack.pool.log_lines("request"))
    assert stack.pool.http("GET", "/methods").status == 200
    return len(stack.pool.log_lines("request")) == before


def test_reload_names_what_needs_a_restart(reloadable):
    stack, reload = reloadable
    reload("PAYMENTS_MOCK_MAX_DELAY_MS=0\nPAYMENTS_MOCK_MIN_DELAY_MS=0\nPAYMENTS_DB_CONNECTIONS=3\n",
           "reloaded")
    warning, = stack.pool.log_lines("settings_warning")
    assert "PAYMENTS_DB_CONNECTIONS changes with a restart only" in warning["detail"]
    assert gateway_ms(stack) < 100
