"""
The Debian package, the image and the Kubernetes manifest.

The long part builds the package and goes through its life in a clean Debian 12 with a systemd of
its own: install, configure, start, pay, roll, hang, upgrade, remove, purge. It fails where a
deployment would lose a request, start something unasked, or leave something behind. Needs root,
mmdebstrap and a mirror.
"""

import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest
import yaml

from harness import build, threads
from harness.cluster import SECRET
from harness.machine import Machine, build_package, depends_of, make_root
from harness.stack import Stack
from harness.volley import tally
from harness.wait import until

REPO = build.REPO
INSTANCES = "payments-fcgi@1 payments-fcgi@2 payments-fcgi@3"
# The cluster's socket as the machine sees it; /tmp is hidden from the service.
POSTGRES = "/srv/postgres"
SECRETS = "/etc/credstore/payments-fcgi.JWT_SECRET"

# ---- files that must agree, without a build


def version_of_configure():
    return re.search(r"AC_INIT\(\[payments-fcgi\], \[([^]]+)\]", (REPO / "configure.ac").read_text()).group(1)


def test_versions_agree():
    first = (REPO / "debian/changelog").read_text().splitlines()[0]
    assert re.match(r"payments-fcgi \((.*?)\)", first).group(1) == version_of_configure()
    images = re.findall(r"image: \S*payments-fcgi:(\S+)", (REPO / "deploy/kubernetes/payments.yaml").read_text())
    assert set(images) == {version_of_configure()}


def test_build_dependencies_agree():
    """Whatever ./dev installs to build, the package builds with."""
    listed = re.search(r'packages_build="([^"]*)"', (REPO / "scripts/packages.sh").read_text()).group(1)
    control = (REPO / "debian/control").read_text().split("\n\n")[0]
    assert len(listed.split()) > 8
    essential = {"gcc", "libc6-dev", "make", "autoconf", "automake"}  # build-essential and debhelper
    missing = [name for name in set(listed.split()) - essential if not re.search(rf"\b{name}\b", control)]
    assert not missing, f"debian/control does not build-depend on {missing}"


# ---- Dockerfile

INSTRUCTIONS = {"FROM", "RUN", "COPY", "WORKDIR", "ENV", "USER", "STOPSIGNAL", "CMD"}


def docker_stages():
    """The stages of the Dockerfile: lists of (instruction, rest)."""
    text = "\n".join(line for line in (REPO / "Dockerfile").read_text().splitlines()
                     if not line.startswith("#"))
    stages = []
    for line in filter(None, re.sub(r"\\\n\s*", " ", text).splitlines()):
        word, rest = line.split(None, 1)
        assert word in INSTRUCTIONS, line
        if word == "FROM":
            stages.append([])
        stages[-1].append((word, rest))
    return stages


def test_dockerfile():
    """No container engine is at hand: the test reads the file as an engine would."""
    made, final = docker_stages()
    assert made[0] == ("FROM", "debian:12-slim AS build") and final[0] == ("FROM", "debian:12-slim")
    assert any("dpkg-buildpackage" in rest for word, rest in made if word == "RUN")
    words = dict(final)
    user, group = words["USER"].split(":")
    assert int(user) > 0 and int(group) > 0
    assert words["COPY"].startswith("--from=build ") and ".deb" in words["COPY"]
    assert yaml.safe_load(words["CMD"])[-1].count("exec ") == 1, "SIGTERM must reach multiwatch"
    text = (REPO / "Dockerfile").read_text()
    assert not re.search(r"(ENV|ARG)[^\n]*(SECRET|PASSWORD)\s*=", text)
    assert "apt-get upgrade" not in text and "rm -rf /tmp/*.deb /var/lib/apt/lists/*" in text


# ---- Kubernetes: every field that the manifest uses, and what kind of value it takes

PROBE = {"httpGet": {"path": str, "port": (int, str)}, "tcpSocket": {"port": (int, str)},
         "periodSeconds": int, "timeoutSeconds": int, "failureThreshold": int}
QUANTITIES = {"cpu": str, "memory": str}
CONTAINER = {
    "name": str, "image": str, "command": [str], "ports": [{"name": str, "containerPort": int}],
    "envFrom": [{"configMapRef": {"name": str}}], "env": [{"name": str, "value": str}],
    "livenessProbe": PROBE, "readinessProbe": PROBE, "startupProbe": PROBE,
    "lifecycle": {"preStop": {"exec": {"command": [str]}}},
    "resources": {"requests": QUANTITIES, "limits": QUANTITIES},
    "securityContext": {"runAsUser": int, "runAsGroup": int, "allowPrivilegeEscalation": bool,
                        "readOnlyRootFilesystem": bool, "capabilities": {"drop": [str]}},
    "volumeMounts": [{"name": str, "mountPath": str, "subPath": str, "readOnly": bool}]}
LABELS = {"app.kubernetes.io/name": str}
SELECTOR = {"matchLabels": LABELS}
POD = {"metadata": {"labels": LABELS}, "spec": {
    "automountServiceAccountToken": bool, "terminationGracePeriodSeconds": int, "restartPolicy": str,
    "securityContext": {"runAsNonRoot": bool, "fsGroup": int, "seccompProfile": {"type": str}},
    "topologySpreadConstraints": [{"maxSkew": int, "topologyKey": str, "whenUnsatisfiable": str,
                                   "labelSelector": SELECTOR}],
    "initContainers": [CONTAINER], "containers": [CONTAINER],
    "volumes": [{"name": str, "emptyDir": {"medium": str, "sizeLimit": str},
                 "configMap": {"name": str}, "secret": {"secretName": str, "defaultMode": int},
                 "projected": {"defaultMode": int, "sources": [{"secret": {
                     "name": str, "items": [{"key": str, "path": str}]}}]}}]}}
HEAD = {"apiVersion": str, "kind": str, "metadata": {"name": str, "labels": LABELS}}
KINDS = {
    ("v1", "ConfigMap"): HEAD | {"data": {"*": str}},
    ("v1", "Secret"): HEAD | {"type": str, "stringData": {"*": str}},
    ("apps/v1", "Deployment"): HEAD | {"spec": {
        "replicas": int, "strategy": {"type": str, "rollingUpdate": {"maxUnavailable": int,
                                                                     "maxSurge": int}},
        "selector": SELECTOR, "template": POD}},
    ("v1", "Service"): HEAD | {"spec": {"selector": LABELS, "ports": [
        {"name": str, "port": int, "targetPort": str}]}},
    ("policy/v1", "PodDisruptionBudget"): HEAD | {"spec": {"minAvailable": int,
                                                           "selector": SELECTOR}},
    ("batch/v1", "Job"): HEAD | {"spec": {"backoffLimit": int, "ttlSecondsAfterFinished": int,
                                          "template": POD}}}


def problems(value, schema, at=""):
    """Fields of a value that the schema does not have, or of another type."""
    if isinstance(schema, dict):
        if not isinstance(value, dict):
            return [f"{at}: is no object"]
        found = []
        for name, member in value.items():
            known = schema.get(name, schema.get("*"))
            found += [f"{at}.{name}: no such field"] if known is None else problems(
                member, known, f"{at}.{name}")
        return found
    if isinstance(schema, list):
        if not isinstance(value, list):
            return [f"{at}: is no list"]
        return [problem for i, one in enumerate(value) for problem in problems(one, schema[0], f"{at}[{i}]")]
    kinds = schema if isinstance(schema, tuple) else (schema,)
    return [] if type(value) in kinds else [f"{at}: {value!r} is no {schema}"]


@pytest.fixture
def manifest():
    return list(yaml.safe_load_all((REPO / "deploy/kubernetes/payments.yaml").read_text()))


def the(manifest, kind, name="payments"):
    one, = [item for item in manifest if item["kind"] == kind and item["metadata"]["name"] == name]
    return one


def test_manifest_has_known_fields_only(manifest):
    for item in manifest:
        assert not problems(item, KINDS[item["apiVersion"], item["kind"]], item["kind"])
    manifest[3]["spec"]["replica"] = 3  # the controls: a wrong name, a wrong type
    manifest[3]["spec"]["template"]["spec"]["containers"][0]["command"] = "nginx"
    assert len(problems(manifest[3], KINDS["apps/v1", "Deployment"])) == 2


def test_manifest_is_consistent(manifest):
    """Every name that is referred to exists."""
    for item in (the(manifest, "Deployment"), the(manifest, "Job", "payments-migrate")):
        pod = item["spec"]["template"]["spec"]
        volumes = {volume["name"] for volume in pod["volumes"]}
        for container in pod["containers"] + pod.get("initContainers", []):
            mounts = {mount["name"] for mount in container.get("volumeMounts", [])}
            assert mounts <= volumes, container["name"]
            for source in container.get("envFrom", []):
                assert the(manifest, "ConfigMap", source["configMapRef"]["name"])
    deployment = the(manifest, "Deployment")["spec"]
    labels = deployment["template"]["metadata"]["labels"]
    assert deployment["selector"]["matchLabels"] == labels
    assert the(manifest, "Service")["spec"]["selector"] == labels
    budget = the(manifest, "PodDisruptionBudget")["spec"]
    assert budget["selector"]["matchLabels"] == labels
    assert 0 < budget["minAvailable"] < deployment["replicas"], "a node could never be drained"


def test_manifest_is_restricted(manifest):
    """The rules of the restricted pod security standard."""
    for item in (the(manifest, "Deployment"), the(manifest, "Job", "payments-migrate")):
        pod = item["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
        for container in pod["containers"] + pod.get("initContainers", []):
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False, container["name"]
            assert context["readOnlyRootFilesystem"] is True and context["runAsUser"] > 0
            assert context["capabilities"]["drop"] == ["ALL"]
            assert set(container["resources"]) == {"requests", "limits"}


def test_manifest_probes_and_drains(manifest):
    pod = the(manifest, "Deployment")["spec"]["template"]["spec"]
    containers = {one["name"]: one for one in pod["containers"]}
    workers = containers["workers"]
    assert workers["livenessProbe"]["httpGet"]["path"] == "/api/v1/payments/health"
    assert workers["readinessProbe"]["httpGet"]["path"] == "/api/v1/payments/health/ready"
    drain_s = int(the(manifest, "ConfigMap")["data"]["PAYMENTS_DRAIN_SECONDS"])
    pause_s = int(workers["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pause_s + drain_s < pod["terminationGracePeriodSeconds"]
    assert "quit" in " ".join(containers["nginx"]["lifecycle"]["preStop"]["exec"]["command"])


def test_manifest_settings_exist(manifest):
    known = set(re.findall(r"^#?([A-Z_]+)=", (REPO / "conf/payments-fcgi.conf").read_text(), re.M))
    data = set(the(manifest, "ConfigMap")["data"]) | set(the(manifest, "Secret")["stringData"])
    assert len(known) > 30 and data <= known, data - known
    assert not any(the(manifest, "Secret")["stringData"].values()), "a secret in the repository"


def test_manifest_nginx_is_one(manifest, tmp_path):
    """nginx itself takes the ConfigMap's configuration with the snippets that the pod mounts."""
    shutil.copytree(REPO / "nginx", tmp_path / "payments")
    shutil.copy("/etc/nginx/fastcgi_params", tmp_path)
    text = the(manifest, "ConfigMap", "payments-nginx")["data"]["nginx.conf"]
    text = text.replace("/tmp/", f"{tmp_path}/").replace("8080", "127.0.0.1:65530")
    for spoilt in (False, True):
        (tmp_path / "nginx.conf").write_text(text.replace("return 404;", "turn 404;") if spoilt else text)
        done = subprocess.run(["nginx", "-t", "-p", tmp_path, "-c", tmp_path / "nginx.conf", "-e", "stderr"],
                              capture_output=True, text=True, timeout=20, env={"PATH": build.SYSTEM_PATH})
        assert (done.returncode != 0) == spoilt, done.stderr


# ---- the package's life


def next_version(deb):
    """The same package with a higher version and another default in its configuration."""
    tree = deb.parent / "next"
    build.run(["dpkg-deb", "-R", deb, tree])
    control = tree / "DEBIAN/control"
    version = re.search(r"^Version: (.*)$", control.read_text(), re.M).group(1)
    control.write_text(control.read_text().replace(f"Version: {version}", f"Version: {version}+next"))
    made = deb.parent / "next.deb"
    build.run(["dpkg-deb", "--root-owner-group", "-b", tree, made])
    return made


@pytest.fixture(scope="module")
def package():
    folder = Path(subprocess.run(["mktemp", "-d", "/tmp/payments-package-XXXXXX"], check=True,
                                 capture_output=True, text=True).stdout.strip())
    folder.chmod(0o755)
    try:
        yield build_package(folder)
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def machine(package, cluster):
    deb, _ = package
    root = deb.parent / "root"
    make_root(root, depends_of(deb) + ["spawn-fcgi", "multiwatch"])
    made = Machine(root, share={cluster.folder: POSTGRES})
    try:
        made.boot()
        yield made
    finally:
        made.destroy()


@pytest.mark.long
def test_package_is_clean(package):
    deb, changes = package
    done = subprocess.run(["lintian", "--allow-root", "--fail-on", "error,warning", "--no-tag-display-limit",
                           changes], capture_output=True, text=True, timeout=120)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    files = build.run(["dpkg-deb", "-c", deb])
    for path in ("./lib/systemd/system/payments-fcgi@.service", "./lib/systemd/system/payments.target",
                 "./usr/lib/sysusers.d/payments-fcgi.conf", "./usr/lib/tmpfiles.d/payments-fcgi.conf",
                 "./usr/share/payments-fcgi/nginx/payments-http.conf", "./usr/share/man/man8/payctl.8.gz",
                 "./usr/share/man/man8/payments-fcgi.8.gz", "./usr/share/man/man5/payments-fcgi.conf.5.gz",
                 "./usr/share/doc/payments-fcgi/README.Debian", "./usr/sbin/payctl"):
        assert f" {path}\n" in files, path
    assert re.search(r"^-rw-r----- \S+ .* \./etc/payments-fcgi.conf$", files, re.M)


class Life:
    """The installed service with a test's nginx, database and customer in front of it."""

    def __init__(self, machine, cluster):
        self.machine = machine
        self.stack = Stack(cluster, workers=0)
        self.stack.pool.socket = machine.socket

    def configure(self, url):
        self.machine.sh(
            f"printf '%s\\n' 'DATABASE_URL={url}' PAYMENTS_MOCK_MIN_DELAY_MS=50 "
            "PAYMENTS_MOCK_MAX_DELAY_MS=300 >>/etc/payments-fcgi.conf; mkdir -p -m 700 /etc/credstore; "
            f"echo {SECRET} >{SECRETS}; chmod 600 {SECRETS}")

    def under_load(self, count, rate, what):
        """Pays `count` reservations while what() happens; every one must be answered 200."""
        reservations = self.stack.shared.reserve(self.stack.user, count)
        volley = self.stack.volley([self.stack.process_request(one) for one in reservations], rate=rate)
        time.sleep(0.3)
        begun = time.monotonic()
        done = what()
        took_s = time.monotonic() - begun
        assert volley.process.poll() is None, "the load ended before what it was for"
        assert tally(volley.finish()) == {(200, None): count}
        self.stack.audit()
        return done, took_s

    def pids(self):
        return {self.machine.show(f"payments-fcgi@{i}", "MainPID") for i in (1, 2, 3)}


@pytest.fixture(scope="module")
def life(machine, cluster):
    made = Life(machine, cluster)
    yield made
    made.stack.pool.stop_nginx()
    made.stack.database.drop()
    shutil.rmtree(made.stack.pool.folder)


def hang_accept_loop(machine, life):
    """Stops the threads of a worker that are in accept; its main thread goes on."""
    unit = "payments-fcgi@3"
    machine.sh(f"mkdir -p /run/systemd/system/{unit}.service.d; printf '[Service]\\nWatchdogSec=3\\n' "
               f">/run/systemd/system/{unit}.service.d/quick.conf; systemctl daemon-reload; systemctl restart {unit}")
    before = life.pids()
    pid, = machine.host_pids(f"{unit}.service")
    tasks = threads.accepting(pid)
    assert tasks
    for task in tasks:
        threads.stop(task)

    def restarted():
        for task in tasks:
            threads.reap(task)
        return machine.show(unit, "NRestarts") != "0"

    until("the watchdog bites", restarted, 20, 0.2)
    until("a successor", lambda: machine.show(unit, "ActiveState") == "active", 10)
    assert "Watchdog timeout" in machine.out(f"journalctl -o cat -u {unit}")
    assert len(before & life.pids()) == 2
    assert life.stack.process(life.stack.reserve()).status == 200


@pytest.mark.long
def test_life_of_a_package(package, machine, life):
    deb, _ = package
    # installed: nothing runs, the configuration is the service's own
    machine.install(deb)
    assert machine.out("stat -c '%a %U:%G' /etc/payments-fcgi.conf") == "640 root:payments"
    assert machine.out("systemctl is-enabled payments-fcgi.socket") == "enabled"
    assert machine.sh("systemctl is-active 'payments*'", check=False).stdout.strip() in ("", "inactive")
    assert machine.sh("systemctl start payments-check", check=False).returncode != 0
    assert "JWT_SECRET is missing" in machine.out("journalctl -u payments-check -o cat")

    # configured, with the secret as a credential: started, pays
    life.configure(life.stack.database.url(host=POSTGRES))
    machine.sh("systemctl start payments-check")
    machine.sh(f"systemctl enable --now payments.target {INSTANCES}")
    for unit in INSTANCES.split():
        assert machine.show(unit, "ActiveState") == "active", machine.out(f"journalctl -o cat -u {unit}")
    assert machine.out("stat -c '%a %U:%G' /run/payments-fcgi/payments.sock") == "660 payments:www-data"
    life.stack.pool.start_nginx()
    assert life.stack.process(life.stack.reserve()).status == 200
    until("the status text", lambda: "threads busy" in machine.show("payments-fcgi@1", "StatusText"), 10)
    assert SECRET not in machine.out("systemctl show payments-fcgi@1; journalctl -o cat")

    # rolled, reloaded and upgraded under load
    before = life.pids()
    _, took_s = life.under_load(900, 150, lambda: machine.sh("payments-roll"))
    print(f"three workers rolled under 150 payments/s in {took_s:.1f} s, 900 of 900 answered 200")
    assert not before & life.pids() and len(life.pids()) == 3
    before = life.pids()
    life.under_load(300, 150, lambda: machine.sh("systemctl reload 'payments-fcgi@*'"))
    assert life.pids() == before
    newer = next_version(deb)
    done, took_s = life.under_load(1500, 150, lambda: machine.install(newer))
    print(f"package upgraded under 150 payments/s in {took_s:.1f} s, 1500 of 1500 answered 200")
    assert not before & life.pids(), done.stdout + done.stderr
    assert "DATABASE_URL" in machine.out("cat /etc/payments-fcgi.conf")

    # a setting that is wrong stops the roll before the first worker
    before = life.pids()
    machine.sh("cp -p /etc/payments-fcgi.conf /root/good; echo PAYMENTS_THREADS=many >>/etc/payments-fcgi.conf")
    assert machine.sh("payments-roll", check=False).returncode == 1
    assert life.pids() == before and life.stack.process(life.stack.reserve()).status == 200
    # and past the check, at the first: the others go on
    assert machine.sh("timeout 50 payments-roll --no-check", check=False).returncode != 0
    assert len(life.pids() & before) == 2 and life.stack.process(life.stack.reserve()).status == 200
    machine.sh("cp -p /root/good /etc/payments-fcgi.conf")
    until("it comes up by itself", lambda: machine.show("payments-fcgi@1", "ActiveState") == "active", 10)

    # killed: another at once
    victim = machine.show("payments-fcgi@2", "MainPID")
    machine.sh(f"kill -9 {victim}")
    until("a successor", lambda: machine.show("payments-fcgi@2", "MainPID") not in (victim, "0"), 5)
    assert machine.show("payments-fcgi.socket", "ActiveState") == "active"

    # hung: its watchdog has it replaced, the socket and the others stay
    hang_accept_loop(machine, life)

    # the other way to run it
    machine.sh("systemctl stop payments.target; systemctl start payments-spawn-fcgi")
    until("the socket", life.machine.socket.exists, 5)
    until("it pays", lambda: life.stack.process(life.stack.reserve()).status == 200, 5)
    _, took_s = life.under_load(900, 150, lambda: machine.sh("systemctl reload payments-spawn-fcgi"))
    print(f"four workers of multiwatch rolled under 150 payments/s in {took_s:.1f} s")
    machine.sh("systemctl stop payments-spawn-fcgi; systemctl start payments.target")
    until("it pays again", lambda: life.stack.process(life.stack.reserve()).status == 200, 5)
    life.stack.audit()

    # removed: nothing runs, the configuration stays; purged: nothing is left
    machine.sh("dpkg -r payments-fcgi")
    assert not machine.out("ls -l /proc/[0-9]*/exe 2>/dev/null | grep payments-fcgi || :")
    assert machine.out("ls /etc/payments-fcgi.conf") and not machine.socket.exists()
    machine.sh("dpkg -P payments-fcgi")
    left = machine.out("find / -xdev -path /proc -prune -o -path /root -prune -o -path /var/lib/systemd -prune "
                       "-o -path /var/log -prune -o -name '*payments*' -print | grep -v -e /etc/credstore "
                       "-e ^/run/payments-fcgi -e ^/tmp -e /var/lib/dpkg || :")
    assert not left, left
