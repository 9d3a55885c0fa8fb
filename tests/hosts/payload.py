"""What the tests need inside a host: a directory that becomes /payload there, and the verdicts that come back."""
import json
import os
import pathlib
import shutil
import subprocess

TESTS = pathlib.Path(__file__).resolve().parents[1]
TOP = TESTS.parent
WANTED_TESTS = ("hosts", "service", "system")  # folders of tests/ that run inside


def build_root():
    return pathlib.Path(os.environ.get("LIFECYCLED_BUILD_ROOT", TOP))


def quietly(what, *command, **more):
    done = subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, **more)
    if done.returncode:
        raise SystemExit(f"{what} failed: {' '.join(map(str, command))}\n{done.stdout[-4000:]}")


def configure(build, *options):
    if not (build / "build.ninja").exists():
        quietly("meson setup", "meson", "setup", build, TOP, "--prefix=/usr", *options)


def fill(place, build):
    """Makes the directory anew: what `build` installs, its guests, the tests."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    (place / "out").mkdir()
    quietly("meson install", "meson", "install", "-C", build, "--no-rebuild",
            env={**os.environ, "DESTDIR": str(place / "install")})
    (place / "guests").mkdir()
    for guest in (build / "tests/guests").glob("*.elf"):
        shutil.copy2(guest, place / "guests")
    shutil.copy2(build / "tests/service/stand-in-vmm", place / "guests")
    for folder in WANTED_TESTS:
        shutil.copytree(TESTS / folder, place / "tests" / folder, ignore=shutil.ignore_patterns("__pycache__", "*.c"))
    shutil.copy2(TESTS / "bus.conf", place / "tests")


def service_tests(wanted=(), limit=300):
    """[{name, cmd, env, timeout, ...}] of tests/service, as run-tests takes them."""
    tests = []
    for path in sorted((TESTS / "service").glob("test-*.py")):
        short = path.stem.removeprefix("test-")
        name = "service-" + short
        if not wanted or not {name, short, path.name}.isdisjoint(wanted):
            tests.append({"name": name, "suite": ["service"], "timeout": limit,
                          "cmd": ["python3", f"/payload/tests/service/{path.name}"],
                          "env": {"LIFECYCLED_GUESTS": "/payload/guests", "PYTHONDONTWRITEBYTECODE": "1"}})
    return tests


def verdicts(log, tests, why):
    """The results in `log`; a test that has none is a failure for the reason `why`."""
    found = {}
    if log.exists():
        for line in log.read_text(errors="replace").splitlines():
            result = json.loads(line)
            found[result["name"]] = result
    lost = {"result": "ERROR", "stdout": f"FAILED  no verdict: {why}"}
    return [found.get(test["name"], {**lost, "name": test["name"], "suite": test.get("suite", [])}) for test in tests]
