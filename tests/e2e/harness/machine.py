"""
A Debian machine of its own: a clean root made by mmdebstrap, booted with its real systemd as the
first process of its own namespaces (no network but loopback). Its /run/payments-fcgi is a folder of
ours, so that a test's nginx reaches the socket; `share` says which other folders are seen there,
and where. Also the Debian package that is installed there, built from the checkout.
"""

import os
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from . import build, wait

CGROUP = next((path for path in (Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup"))
               if (path / "cgroup.procs").exists()), None)

# In namespaces of its own: the mounts that an init expects, then the init.
BOOT = r"""
root=$1 run=$2
shift 2
mount --make-rprivate /
mount --bind "$root" "$root"
cd "$root"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs dev
mkdir dev/pts dev/shm
for device in null zero full random urandom tty; do
	touch dev/$device
	mount --bind /dev/$device dev/$device
done
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mount -t tmpfs tmpfs dev/shm
mount -t tmpfs -o mode=755 tmpfs run
mkdir run/payments-fcgi
mount --bind "$run" run/payments-fcgi
while [ $# -gt 1 ]; do
	mkdir -p ".$2"
	mount --bind "$1" ".$2"
	shift 2
done
mkdir -p old
pivot_root . old
umount -l old
mount --make-rshared / # an init outside of a container does this itself; credentials need it
ip link set lo up 2>/dev/null || :
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin container=test /lib/systemd/systemd --system \
	--unit=multi-user.target --log-target=journal --show-status=no
"""


def build_package(folder, version=None):
    """
    Builds it from a clean copy of the checkout, optionally as another version; the .deb and the
    .changes.
    """
    source = folder / "payments-fcgi"
    ignored = shutil.ignore_patterns(".git", "build", "var", "autom4te.cache", "configure", "Makefile.in",
                                     "build-aux", "__pycache__", "aclocal.m4", "config.h.in")
    shutil.copytree(build.REPO, source, symlinks=True, ignore=ignored)
    if version:
        _set_version(source, version)
    environment = os.environ | {"DEB_BUILD_OPTIONS": "nocheck noautodbgsym", "PATH": build.SYSTEM_PATH}
    build.run(["dpkg-buildpackage", "-us", "-uc", "-b"], cwd=source, timeout_s=240, env=environment)
    deb, = folder.glob("payments-fcgi_*.deb")
    changes, = folder.glob("*.changes")
    return deb, changes


def _set_version(source, version):
    """What a release changes: the newest entry of the changelog, and the program's version."""
    changelog = source / "debian/changelog"
    old = changelog.read_text()
    signed = re.search(r"^ -- .*$", old, re.M).group()
    changelog.write_text(f"payments-fcgi ({version}) unstable; urgency=medium\n\n  * Next.\n\n{signed}\n\n{old}")
    configure = source / "configure.ac"
    text, count = re.subn(r"(AC_INIT\(\[payments-fcgi\], \[)[^]]+", rf"\g<1>{version}", configure.read_text())
    assert count == 1, "configure.ac names no version"
    configure.write_text(text)


def depends_of(deb):
    """Names of its dependencies, the first of alternatives."""
    told = build.run(["dpkg-deb", "-f", deb, "Depends"]) + "," + build.run(["dpkg-deb", "-f", deb, "Pre-Depends"])
    return sorted({re.match(r"\s*([\w.+-]+)", part).group(1) for part in told.split(",") if part.strip()})


def mirror(suite):
    """The mirror of this machine's own packages of that release."""
    targets = build.run(["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)",
                         "Created-By: Packages"])
    found = [line.split()[0] for line in targets.splitlines() if line.split()[1:] == [suite]]
    assert found, f"apt knows no source of {suite}"
    return found[0]


def make_root(folder, packages, suite="bookworm"):
    """A clean root with nothing but Debian's essential packages, apt, systemd and `packages`."""
    archive = Path(f"{folder}.tar")
    build.run(["mmdebstrap", "--quiet", "--variant=apt",
               "--include=" + ",".join(["systemd", "systemd-sysv", "dbus", *packages]), suite,
               archive, mirror(suite)], timeout_s=240)
    folder.mkdir()
    build.run(["tar", "-C", folder, "--exclude=./dev/*", "-xf", archive])
    archive.unlink()
    (folder / "etc/machine-id").write_text("uninitialized\n")
    # units of no use in a container, and units that would wait for a network
    for unit in ("systemd-firstboot.service", "systemd-networkd.service", "systemd-networkd.socket",
                 "systemd-networkd-wait-online.service", "systemd-resolved.service",
                 "systemd-logind.service", "systemd-timesyncd.service"):
        (folder / "etc/systemd/system" / unit).unlink(missing_ok=True)
        (folder / "etc/systemd/system" / unit).symlink_to("/dev/null")


class Machine:
    def __init__(self, root, share):
        self.root, self.share = Path(root), share
        self.run_folder = Path(tempfile.mkdtemp(prefix="payments-run-", dir="/tmp"))
        self.run_folder.chmod(0o755)
        self.socket = self.run_folder / "payments.sock"
        self.cgroup = CGROUP / f"payments-test-{os.getpid()}-{self.run_folder.name[-8:]}"
        self.log = Path(f"{root}.log")
        self.process = self.init = None

    def boot(self):
        self.cgroup.mkdir()
        command = ["unshare", "--mount", "--pid", "--net", "--ipc", "--uts", "--cgroup", "--fork",
                   "--kill-child", "sh", "-ec", BOOT, "boot", self.root, self.run_folder,
                   *(path for pair in self.share.items() for path in pair)]
        enter = f'echo $$ >"{self.cgroup}/cgroup.procs"; exec "$@"'
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(["sh", "-ec", enter, "enter", *map(str, command)],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait.until("systemd runs", self._find_init, 15)
        wait.until("the machine is up", lambda: self.sh(
            "systemctl is-active multi-user.target", check=False).returncode == 0, 30, 0.2)

    def _find_init(self):
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        assert self.process.poll() is None, self.log.read_text(errors="replace")[-4000:]
        children = path.read_text().split()
        if children and Path(f"/proc/{children[0]}/comm").read_text().strip() == "systemd":
            self.init = int(children[0])
        return self.init

    def sh(self, script, check=True, timeout_s=90):
        """Runs a shell script in the machine; the finished process."""
        done = subprocess.run(
            ["nsenter", "-t", str(self.init), "-m", "-p", "-n", "-i", "-u", "-r", "-w", "env", "-i",
             "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8",
             "sh", "-ec", script], stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=timeout_s)
        assert not check or done.returncode == 0, \
            f"{script}\nexit {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def out(self, script, **how):
        return self.sh(script, **how).stdout.strip()

    def show(self, unit, name):
        return self.out(f"systemctl show --value -p {name} '{unit}'")

    def host_pids(self, unit):
        """The processes of a unit, by their pids outside of the machine."""
        path, = self.cgroup.glob(f"system.slice/**/{unit}")
        return [int(pid) for pid in (path / "cgroup.procs").read_text().split()]

    def install(self, deb):
        """Copies a package in and has dpkg install it, its scripts under the running systemd."""
        shutil.copy2(deb, self.root / "root")
        return self.sh(f"dpkg -i --force-confold /root/{Path(deb).name}")

    def destroy(self):
        if self.process is not None and self.process.poll() is None:
            # the namespace's first process takes all the others with it
            os.kill(self.init or self.process.pid, signal.SIGKILL)
            self.process.wait(20)
        if self.cgroup.exists():
            wait.until("its processes are gone", lambda: "populated 0" in (
                self.cgroup / "cgroup.events").read_text(), 10)
            for folder, _, _ in os.walk(self.cgroup, topdown=False):
                os.rmdir(folder)
        shutil.rmtree(self.run_folder, ignore_errors=True)
