"""The service with one rule of one source changed, for tests that show where the rule stands."""

from . import build


def _command(target, changed, marker):
    """The command by which the build makes `target` after a change: the line that holds `marker`."""
    lines = build.run(["make", "-s", "-n", "-W", changed, "V=1", target], cwd=build.BUILD).splitlines()
    return next(line for line in lines if marker in line)


def mutant(folder, source, changes):
    """payments-fcgi with each text of `changes` replaced in a source of lib/."""
    text = (build.REPO / source).read_text(encoding="utf-8")
    for old, new in changes.items():
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {source}"
        text = text.replace(old, new)
    changed, program = folder / "changed.c", folder / "payments-fcgi"
    changed.write_text(text, encoding="utf-8")
    compiler = _command(source.replace(".c", ".o"), build.REPO / source, " -MT ").split(" -MT ")[0]
    build.run(["sh", "-c", f"{compiler} -c -o {folder}/changed.o {changed}"], cwd=build.BUILD)
    link = _command("payments-fcgi", "libpayments.a", " -o payments-fcgi ").replace(" -o payments-fcgi ", f" -o {program} ")
    build.run(["sh", "-c", link.replace(" libpayments.a", f" {folder}/changed.o libpayments.a", 1)],
              cwd=build.BUILD)
    return program
