"""Where the programs under test are: PAYMENTS_BUILD, else build/ at the top of the repository."""

import os
import pwd
import subprocess
from pathlib import Path

REPO = Path(__file__).resolve().parents[3]
BUILD = Path(os.environ.get("PAYMENTS_BUILD", REPO / "build")).resolve()
SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
IS_ROOT = os.geteuid() == 0


def program(name):
    """A program of the build; the tools lie beside their sources' folder."""
    for path in (BUILD / name, BUILD / "tests/tools" / name, BUILD / "fcgi" / name):
        if os.access(path, os.X_OK) and path.is_file():
            return path
    raise FileNotFoundError(f"{name} is not in {BUILD}: build first, or set PAYMENTS_BUILD")


def postgres_program(name):
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    if not found:
        raise FileNotFoundError(f"{name}: no PostgreSQL server is installed")
    return str(found[-1])


def as_user(user, command):
    """PostgreSQL refuses to run as root; otherwise the test runs as that user already."""
    return ["runuser", "-u", user, "--", *command] if IS_ROOT else command


def give_to(path, user):
    if IS_ROOT:
        entry = pwd.getpwnam(user)
        os.chown(path, entry.pw_uid, entry.pw_gid)


def run(command, timeout_s=60, **options):
    """Runs to the end; what it printed is in the error where it fails."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True,
                          timeout=timeout_s, **options)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}: exit {done.returncode}\n"
                           f"{done.stdout}{done.stderr}")
    return done.stdout
