"""
The build and its installation, the order of the layers, and the documents.

Fails where `make install` or a release tarball lacks a file, where an administrator's configuration
is overwritten, where a library's symbol collides with one of ours, or where a document has a dead
link.
"""

import os
import re
import shutil
import stat
import subprocess

import pytest

from harness import build

INSTALLED = {
    "etc/payments-fcgi.conf": 0o640,
    "sbin/payctl": 0o755,
    "sbin/payments-fcgi": 0o755,
    "share/man/man5/payments-fcgi.conf.5": 0o644,
    "share/man/man8/payctl.8": 0o644,
    "share/man/man8/payments-fcgi.8": 0o644,
    "share/payments-fcgi/nginx/payments-errors.conf": 0o644,
    "share/payments-fcgi/nginx/payments-http.conf": 0o644,
    "share/payments-fcgi/nginx/payments-monolith-path.conf": 0o644,
    "share/payments-fcgi/nginx/payments-params.conf": 0o644,
    "share/payments-fcgi/nginx/payments-server.conf": 0o644,
    "share/payments-fcgi/payments-fcgi.conf": 0o644,
    "share/payments-fcgi/schema/0001_payments.sql": 0o644,
    "share/payments-fcgi/schema/0002_order_id.sql": 0o644,
    "share/payments-fcgi/schema/0003_expect.sql": 0o644,
    "share/payments-fcgi/schema/grants.sql": 0o644,
}
LAYERS = ["lib/base", "lib/config", "lib/auth", "lib/db", "lib/pay", "fcgi"]
# Each library's header is included by one layer: its problems are worked around in one place.
THIRD_PARTY = {"libpq-fe.h": "lib/db/", "jwt.h": "lib/auth/", "cjson/cJSON.h": "lib/base/json_in.c",
               "fcgiapp.h": "fcgi/", "curl/curl.h": "lib/pay/gateway/toss_http.c"}
DOCUMENTS = ["README.md", "README.ko.md", *sorted(
    str(path.relative_to(build.REPO)) for path in (build.REPO / "docs").glob("*.md"))]


def make(*arguments, timeout_s=60):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return build.run(["make", "-s", "-C", build.BUILD, *arguments], timeout_s, env=environment)


def sources():
    for layer in ("lib", "fcgi"):
        for path in sorted((build.REPO / layer).rglob("*.[ch]")):
            yield str(path.relative_to(build.REPO)), path.read_text(encoding="utf-8")


# ---- installation ----

@pytest.fixture
def installed(tmp_path):
    """(where, the prefix within it)"""
    prefix = re.search(r"^prefix = (.*)$", (build.BUILD / "Makefile").read_text(), re.M).group(1)
    make("install", f"DESTDIR={tmp_path}")
    return tmp_path, tmp_path / prefix.lstrip("/")


def test_install_puts_everything_in_place(installed):
    where, prefix = installed
    found = {str(path.relative_to(prefix)): stat.S_IMODE(path.stat().st_mode)
             for path in where.rglob("*") if path.is_file()}
    # others may be added; none of these may be missing or have another mode
    assert {name: found.get(name) for name in INSTALLED} == INSTALLED


def test_install_leaves_the_administrators_file_alone(installed):
    where, prefix = installed
    file = prefix / "etc/payments-fcgi.conf"
    file.write_text("PAYMENTS_LANGUAGE=en\n", encoding="utf-8")
    make("install", f"DESTDIR={where}")
    assert file.read_text(encoding="utf-8") == "PAYMENTS_LANGUAGE=en\n"
    make("uninstall", f"DESTDIR={where}")
    assert [path for path in where.rglob("*") if path.is_file()] == [file]


def test_uninstall_leaves_nothing(installed):
    where, _ = installed
    make("uninstall", f"DESTDIR={where}")
    assert not [path for path in where.rglob("*") if path.is_file()]


def test_distcheck(tmp_path):
    """The tarball builds in a read-only source tree, passes its tests, installs, removes itself."""
    folder = tmp_path / "dist"
    folder.mkdir()
    build.run([build.REPO / "configure", "-q", "--enable-werror"], 120, cwd=folder)
    build.run(["make", "-s", "distcheck"], 240, cwd=folder)
    tarball, = folder.glob("payments-fcgi-*.tar.gz")
    names = build.run(["tar", "tzf", tarball]).split()
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]
    for wanted in ("dev", ".ci/run", "README", "README.ko.md", "docs/api.md", "nginx/dev.conf.in",
                   "man/payments-fcgi.conf.5.in", "tests/e2e/harness/pool.py", "scripts/test.sh"):
        assert [name for name in names if name.partition("/")[2] == wanted], wanted


# ---- what was built ----

def test_version_is_one():
    version = re.search(r"AC_INIT\(\[payments-fcgi\], \[([^]]+)\]",
                        (build.REPO / "configure.ac").read_text()).group(1)
    for name in ("payments-fcgi", "payctl"):
        assert build.run([build.program(name), "-V"]) == f"{name} {version}\n"


def test_no_symbol_of_ours_meets_a_librarys():
    """libjwt uses jansson, and must find jansson's json_string and json_integer."""
    exported = build.run(["nm", "-D", "--defined-only", build.program("payctl")])
    ours = set(re.findall(r"^void (json_\w+)\(", dict(sources())["lib/base/json_out.h"], re.M))
    assert "json_string" in ours
    assert not {line.split()[-1] for line in exported.splitlines()} & ours


def test_program_is_hardened():
    header = build.run(["readelf", "-hlWd", build.program("payments-fcgi")])
    for wanted in ("DYN (Position-Independent Executable", "GNU_RELRO", "BIND_NOW"):
        assert wanted in header, wanted
    stack, = re.findall(r"GNU_STACK.*", header)
    assert "RWE" not in stack


# ---- the layers ----

def test_includes_point_down_only():
    seen = 0
    for name, text in sources():
        layer = next(i for i, one in enumerate(LAYERS) if name.startswith(one + "/"))
        for included in re.findall(r'^#include "(\w+)/', text, re.M):
            seen += 1
            target = "fcgi" if included == "fcgi" else f"lib/{included}"
            assert LAYERS.index(target) <= layer, f"{name} includes {included}/"
    assert seen > 100


@pytest.mark.parametrize("header", THIRD_PARTY)
def test_a_librarys_header_is_one_layers(header):
    users = [name for name, text in sources() if f"#include <{header}>" in text]
    assert users
    assert not [name for name in users if not name.startswith(THIRD_PARTY[header])]


# ---- documents ----

def test_readme_is_one_file():
    assert os.readlink(build.REPO / "README") == "README.md"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document):
    path = build.REPO / document
    text = path.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        assert target.startswith("http") or (path.parent / target).exists(), target


def test_korean_readme_is_a_twin():
    """As many sections, the same code blocks but for their comments, the same links."""
    english, korean = ((build.REPO / name).read_text(encoding="utf-8")
                       for name in ("README.md", "README.ko.md"))

    def shape(text):
        blocks = re.findall(r"^```.*?^```", text, re.M | re.S)
        commands = [line for block in blocks for line in re.findall(r"^\./\S+ [\w-]+", block, re.M)]
        links = {link.replace(".ko.md", ".md") for link in re.findall(r"\]\(([^)#]+)\)", text)}
        return len(re.findall(r"^##? ", text, re.M)), commands, links

    assert shape(english) == shape(korean)


@pytest.mark.parametrize("page", ["payctl.8", "payments-fcgi.8"])
def test_manual_page_names_every_option(page):
    """Each long option and, for payctl, each command that the program's help names."""
    text = (build.REPO / "man" / page).read_text(encoding="utf-8")
    usage = build.run([build.program(page.partition(".")[0]), "--help"])
    commands = re.findall(r"^  ([a-z]+) ", usage, re.M) if page == "payctl.8" else []
    for command in commands:
        usage += build.run([build.program("payctl"), command, "--help"])
        assert f".It Cm {command}" in text, command
    for option in set(re.findall(r"--([a-z][a-z-]+)", usage)):
        assert re.search(rf"Fl (-?{option}|\w , -{option}|-\w+ \| -{option})\b", text), option


def test_help_of_dev_names_its_commands():
    text = (build.REPO / "dev").read_text(encoding="utf-8")
    commands = set(re.findall(r"^([a-z]+)\)", text[text.index("case $command in"):], re.M))
    assert {"run", "test", "stop", "status"} <= commands
    usage = subprocess.run([build.REPO / "dev", "--help"], capture_output=True, text=True, timeout=30)
    assert usage.returncode == 0
    assert not [name for name in commands if not re.search(rf"^  {name}\b", usage.stdout, re.M)]


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="shellcheck is not installed")
def test_scripts_pass_shellcheck():
    scripts = [*(build.REPO / "scripts").glob("*.sh"), *(build.REPO / "nginx").glob("*.sh"),
               *(build.REPO / "schema").glob("*.sh")]
    build.run(["shellcheck", "-x", "dev", *scripts], cwd=build.REPO)
