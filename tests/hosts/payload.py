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
    """Makes the build directory, or makes it anew where the options do not fit it."""
    if (build / "build.ninja").exists():
        if not subprocess.run(["meson", "setup", "--reconfigure", build, TOP, "--prefix=/usr", *options],
                              stdin=subprocess.DEVNULL, capture_output=True).returncode:
            return
        shutil.rmtree(build)
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
    compile_python(place / "tests")


def mirror(place, build):
    """The source tree, and of the build directory what runs: programs with absolute paths in them find these again where
    both are mounted over their own names (mounts)."""
    listed = subprocess.run(["git", "-C", TOP, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                            capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (TOP / name).is_file():
            (place / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(TOP / name, place / "source" / name)
    compile_python(place / "source/tests")
    shutil.copytree(build, place / "build", symlinks=True,
                    ignore=shutil.ignore_patterns("*.p", "*.a", "meson-*", "armhost", "container", "*.ninja", ".ninja*"))


def compile_python(*places):
    """So that it is not done there, where it takes seconds. The hosts are of this machine's release: their Python is the same."""
    quietly("compileall", "/usr/bin/python3", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", *places)


def mounts(build):
    """The commands that make a mirror's absolute paths true inside."""
    return [f"mkdir -p {path} && mount --bind /payload/{name} {path}" for name, path in (("source", TOP), ("build", build))]


def meson_tests(build):
    """The tests of a build as run-tests takes them, unchanged but for the interpreter: that is the host's own."""
    listed = subprocess.run(["meson", "introspect", "--tests", build], capture_output=True, text=True, check=True).stdout
    tests = []
    for test in json.loads(listed):
        if pathlib.Path(test["cmd"][0]).name.startswith("python3"):
            test["cmd"][0] = "python3"
        test["workdir"] = test["workdir"] or str(build)
        test["suite"] = [suite.split(":")[-1] for suite in test["suite"]]
        tests.append({key: test[key] for key in ("name", "suite", "cmd", "env", "workdir", "timeout", "is_parallel")})
    return tests


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


def write_log(path, results):
    """All of them, once all are there: a runner that dies on the way leaves no log that looks like a whole one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(result) + "\n" for result in results))
    return path
