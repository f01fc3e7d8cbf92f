"""
The units as `make install` installs them, and the worker's side of systemd's protocol.

Fails where a unit has a line that systemd does not know or loses part of its sandbox, or where a
worker reports READY before it serves, feeds the watchdog although it accepts nothing, or takes a
secret from the wrong place.
"""

import re
import shutil
import signal
import socket
import subprocess
import time

import pytest

from harness import build, threads
from harness.cluster import SECRET

EXPOSURE_MOST = 1.5
SERVICES = ["payments-check.service", "payments-fcgi@.service", "payments-spawn-fcgi.service"]
OTHERS = ["payments-fcgi.socket", "payments.target"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Everything installed under a folder, the units' commands pointing into it."""
    folder = tmp_path_factory.mktemp("installed")
    build.run(["make", "-s", "-C", build.BUILD, "install", f"DESTDIR={folder}", "prefix=/usr",
               "sysconfdir=/etc"], timeout_s=120)
    units = folder / "usr/lib/systemd/system"
    # sbindir depends on configure; the test checks that the program exists
    for unit in SERVICES:
        text = (units / unit).read_text()
        (units / unit).write_text(re.sub(r"(?<=[ =+])/usr/\S*sbin/(?=pay)", f"{folder}/usr/sbin/", text))
    return folder


def unit_of(installed, name):
    return installed / "usr/lib/systemd/system" / name


def lines_of(path):
    """The (name, value) lines of a unit."""
    return [tuple(line.split("=", 1)) for line in path.read_text().replace("\\\n", " ").splitlines()
            if "=" in line and not line.startswith("#")]


def test_units_are_known_to_systemd(installed):
    units = [unit_of(installed, name.replace("@.", "@1.")) for name in SERVICES + OTHERS]
    shutil.copy(unit_of(installed, "payments-fcgi@.service"), unit_of(installed, "payments-fcgi@1.service"))
    for spoilt in (False, True):
        if spoilt:  # the control: an unknown line is reported
            with open(units[0], "a", encoding="utf-8") as unit:
                unit.write("[Service]\nNonsense=yes\n")
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", *map(str, units)],
                              capture_output=True, text=True, timeout=60)
        told = [line for line in (done.stdout + done.stderr).splitlines() if "payments" in line]
        assert bool(told) == spoilt, told


def test_documentation_is_installed(installed):
    for name in SERVICES + OTHERS:
        for key, value in lines_of(unit_of(installed, name)):
            for page, section in re.findall(r"man:(pay\S+)\((\d)\)", value):
                path = installed / f"usr/share/man/man{section}/{page}.{section}"
                assert path.exists(), f"{name}: {key}: {page}({section}) is not installed"


@pytest.mark.parametrize("name", SERVICES)
def test_exposure(installed, name):
    told = build.run(["systemd-analyze", "security", "--offline=true", "--no-pager",
                      unit_of(installed, name)])
    level = float(re.search(r"Overall exposure level for .*: ([\d.]+)", told).group(1))
    print(f"{name}: exposure {level}")
    assert level <= EXPOSURE_MOST, told


def test_exposure_control(installed, tmp_path):
    """The control: without the sandbox the same figure is far above the bound."""
    bare = tmp_path / "payments-bare.service"
    bare.write_text("[Service]\nExecStart=/bin/true\n")
    told = build.run(["systemd-analyze", "security", "--offline=true", "--no-pager", bare])
    assert float(re.search(r"level for .*: ([\d.]+)", told).group(1)) > 9


def test_worker_unit_says_what_the_platform_needs(installed):
    unit = dict(lines_of(unit_of(installed, "payments-fcgi@.service")))
    wanted = {"Type": "notify", "StandardInput": "socket", "Sockets": "payments-fcgi.socket",
              "StandardOutput": "journal", "StandardError": "journal", "WatchdogSec": "20",
              "KillMode": "mixed", "TimeoutStopSec": "45", "LogRateLimitIntervalSec": "0",
              "Restart": "always", "StartLimitIntervalSec": "0"}
    assert {name: unit.get(name) for name in wanted} == wanted
    names = [name for name, _ in lines_of(unit_of(installed, "payments-fcgi@.service"))]
    assert "RuntimeDirectory" not in names, "it would remove the socket's folder"
    listener = dict(lines_of(unit_of(installed, "payments-fcgi.socket")))
    assert int(listener["Backlog"]) >= 512
    assert (listener["SocketGroup"], listener["SocketMode"]) == ("www-data", "0660")
    assert listener["ListenStream"] == "/run/payments-fcgi/payments.sock"


def test_every_service_has_the_whole_sandbox(installed):
    sandbox = set(lines_of(build.REPO / "conf/systemd/sandbox.conf"))
    assert len(sandbox) > 20
    for name in SERVICES:
        assert sandbox <= set(lines_of(unit_of(installed, name))), name


def test_user_and_folder_are_made(installed, tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/group").write_text("root:x:0:\nwww-data:x:33:\n")
    (tmp_path / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    root = f"--root={tmp_path}"
    build.run(["systemd-sysusers", root, installed / "usr/lib/sysusers.d/payments-fcgi.conf"])
    user, = [line.split(":") for line in (tmp_path / "etc/passwd").read_text().splitlines()
             if line.startswith("payments:")]
    assert user[6].endswith("nologin")
    build.run(["systemd-tmpfiles", root, "--create",
               installed / "usr/lib/tmpfiles.d/payments-fcgi.conf"])
    made = (tmp_path / "run/payments-fcgi").stat()
    assert (made.st_uid, made.st_gid, made.st_mode & 0o7777) == (int(user[2]), 33, 0o2755)


# ---- the protocol


class Manager:
    """systemd's end of NOTIFY_SOCKET, and a worker that it started."""

    def __init__(self, folder, url, **environment):
        self.folder = folder
        self.server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.server.bind(str(folder / "notify"))
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(folder / "worker"))
        self.listener.listen(64)
        given = {"PATH": build.SYSTEM_PATH, "NOTIFY_SOCKET": str(folder / "notify"),
                 "PAYMENTS_ENV": "development", "JWT_SECRET": SECRET, "DATABASE_URL": url}
        given |= {name: value and str(value) for name, value in environment.items()}
        self.log = folder / "log"
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [build.program("payments-fcgi")], stdin=self.listener, stdout=log, stderr=log,
                env={name: value for name, value in given.items() if value})

    def told(self, timeout_s=5):
        """The next datagram's lines as a dictionary, None after a silence of timeout_s."""
        self.server.settimeout(timeout_s)
        try:
            return dict(line.split("=", 1) for line in self.server.recv(4096).decode().splitlines())
        except TimeoutError:
            return None

    def told_until(self, name, timeout_s=5):
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            message = self.told(timeout_s) or {}
            if name in message:
                return message
        raise AssertionError(f"no {name} within {timeout_s} s")

    def drop_heard(self):
        while self.told(0.01):
            pass

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        self.server.close()
        self.listener.close()


@pytest.fixture
def manage(cluster, tmp_path):
    made = []
    database = cluster.database()

    def start(**environment):
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(Manager(folder, database.url(), **environment))
        return made[-1]

    yield start
    for one in made:
        one.end()
    database.drop()


def test_ready_reload_stop(manage):
    manager = manage()
    assert manager.told()["READY"] == "1"
    manager.process.send_signal(signal.SIGHUP)
    assert manager.told_until("RELOADING")["RELOADING"] == "1"
    assert manager.told_until("READY")["READY"] == "1"
    manager.process.terminate()
    assert manager.told_until("STOPPING")["STOPPING"] == "1"
    assert manager.process.wait(5) == 0


def test_never_ready_on_bad_settings(manage):
    manager = manage(PAYMENTS_THREADS="many")
    assert manager.process.wait(5) == 1
    assert manager.told(0.2) is None


def test_ready_without_the_database(manage):
    """It answers 503; systemd must not restart it for that."""
    manager = manage(DATABASE_URL="host=127.0.0.1 port=1 dbname=x user=x")
    assert manager.told()["READY"] == "1"


@pytest.mark.skipif(not build.IS_ROOT, reason="stops a single thread of a process: needs root")
def test_watchdog_is_fed_by_the_accept_loop_alone(manage):
    """systemd must kill a process whose main thread lives and whose accept loop hangs."""
    manager = manage(WATCHDOG_USEC=1500000)
    for _ in range(3):
        assert manager.told_until("WATCHDOG", 2)["STATUS"].startswith("Serving, 0 of ")
    hung = threads.accepting(manager.process.pid)
    assert hung
    for task in hung:
        threads.stop(task)
    time.sleep(5.6)
    manager.drop_heard()
    message = manager.told(2)
    assert message and "WATCHDOG" not in message and "No connection" in message["STATUS"], message
    for task in hung:  # the control: the hanging accept loop was the reason
        threads.go_on(task)
    assert manager.told_until("WATCHDOG", 4)


def test_watchdog_of_another_process_is_none(manage):
    manager = manage(WATCHDOG_USEC=300000, WATCHDOG_PID=1)
    assert manager.told()["READY"] == "1"
    assert manager.told(1) is None


# ---- credentials


def credentials(folder, **files):
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def settings_shown(folder, configuration="", **environment):
    """The settings in force with a folder of credentials, by payctl."""
    path = folder.parent / "payments-fcgi.conf"
    path.write_text(configuration)
    given = {"PATH": build.SYSTEM_PATH, "CREDENTIALS_DIRECTORY": str(folder)} | environment
    return subprocess.run([str(build.program("payctl")), "-c", str(path), "settings"],
                          capture_output=True, text=True, env=given, timeout=20)


def test_credentials_stand_between_environment_and_file(tmp_path):
    folder = credentials(tmp_path / "c", JWT_SECRET=SECRET + "\n", DB_USER="from_credential\n",
                         DB_NAME="from_credential")
    done = settings_shown(folder, "DB_USER=from_file\nDB_HOST=from_file\nDB_NAME=from_file\n",
                          DB_NAME="from_environment")
    assert done.returncode == 0, done.stderr
    shown = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    assert (shown["DB_HOST"], shown["DB_USER"], shown["DB_NAME"]) == (
        "from_file", "from_credential", "from_environment")
    assert shown["JWT_SECRET"] == "(set)" and SECRET not in done.stdout + done.stderr


@pytest.mark.parametrize("text, why", [
    (b"half\0" + SECRET.encode(), "NUL"), (f"{SECRET}\n{SECRET}\n", "one line"),
    ("x" * 5000, "too long"), ("short", "shorter")])
def test_credential_that_cannot_be_one(tmp_path, text, why):
    done = settings_shown(credentials(tmp_path / "c", JWT_SECRET=text))
    assert done.returncode != 0 and why in done.stderr, done.stderr
    assert "half" not in done.stderr and SECRET not in done.stderr


def test_worker_serves_with_the_secret_of_a_credential(manage, tmp_path):
    folder = credentials(tmp_path / "c", JWT_SECRET=SECRET + "\n")
    manager = manage(JWT_SECRET=None, CREDENTIALS_DIRECTORY=folder)
    assert manager.told()["READY"] == "1"
    without = manage(JWT_SECRET=None)  # the control
    assert without.process.wait(5) == 1
    assert "JWT_SECRET" in without.log.read_text()


# ---- payments-roll


def test_roll_of_multiwatch(make_stack):
    """`payments-roll --children` replaces each worker, under load and without a failed request."""
    stack = make_stack(workers=3, settings={"PAYMENTS_MOCK_MIN_DELAY_MS": 50,
                                            "PAYMENTS_MOCK_MAX_DELAY_MS": 200})
    before = set(stack.pool.worker_pids())
    reservations = stack.shared.reserve(stack.user, 300)
    volley = stack.volley([stack.process_request(one) for one in reservations], rate=100)
    told = build.run([build.REPO / "conf/systemd/payments-roll", "--children", stack.pool.manager.pid])
    assert told.count("replaced") == 3
    after = set(stack.pool.worker_pids())
    assert len(after) == 3 and not before & after
    assert {shot.status for shot in volley.finish()} == {200}


def test_roll_says_where_it_cannot():
    roll = build.REPO / "conf/systemd/payments-roll"
    for arguments, code in ((["--help"], 0), (["--children"], 2), (["--sideways"], 2),
                            (["--children", "4194304"], 1)):
        done = subprocess.run([roll, *arguments], capture_output=True, text=True, timeout=10)
        assert done.returncode == code, (arguments, done.stderr)
