"""The host that a service test runs in: a whole machine with systemd as PID 1, the product installed below /usr.

Such a test is a program run as root, in a container (tests/container/run) or in the emulated Arm host
(tests/armhost/run); LIFECYCLED_GUESTS names the directory of the test guests. Machines may be shared by tests: each
begins with fresh().
"""
import json
import os
import pathlib
import select
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "hosts"))
import check  # noqa: E402
# Tests take them from here.
from check import LIMIT, Failure, definition, equal, expect, have_kvm, main, needs_kvm  # noqa: E402,F401

GUESTS = pathlib.Path(os.environ["LIFECYCLED_GUESTS"])
BUS_NAME = "org.lifecycled.Lifecycle1"
UNITS = ["lifecycled.service", "lifecycled-guests.service", "lifecycled-spmc.service", "lifecycled-spmc.socket", "lifecycled-spmc-inspect.socket",
         "run-lifecycled-memory.mount", "lifecycled-vm@.service", "lifecycled-metrics.socket", "lifecycled-metrics@.service"]


def run(*command, check=True, text=None):
    """The program's output; with check=False the whole result."""
    done = subprocess.run([str(c) for c in command], input=text, stdin=None if text else subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=LIMIT)
    if not check:
        return done
    expect(done.returncode == 0, f"{' '.join(map(str, command))}: exit {done.returncode}", done.stdout, done.stderr)
    return done.stdout


def ctl(*words, check=True, text=None):
    return run("lifecyclectl", *words, check=check, text=text)


def systemctl(*words, check=True):
    return run("systemctl", *words, check=check)


def show(unit, *properties):
    """{property: value} of a unit."""
    lines = systemctl("show", unit, *[f"--property={p}" for p in properties]).splitlines()
    return dict(line.split("=", 1) for line in lines)


def drop_in(unit, text):
    """Adds to a unit for this test, or with None takes it away again."""
    path = pathlib.Path(f"/run/systemd/system/{unit}.d/test.conf")
    if text is None:
        path.unlink(missing_ok=True)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    systemctl("daemon-reload")


def until(true, what, seconds=LIMIT):
    """Looks again and again for what has no bell of its own."""
    return check.until(true, seconds, lambda: f"it did not come to this: {what}\n    {journal()}")


def journal(unit="lifecycled.service"):
    return run("journalctl", "-b", "-u", unit, "-n", "40", "-o", "short-monotonic", "--no-pager", check=False).stdout


def define(name, guest="beat", **more):
    """Defines a VM that runs one of the test guests; `more` is merged into the definition."""
    ctl("define", "-", text=json.dumps(definition(name, GUESTS / f"{guest}.elf", more)))
    return name


def row(name):
    return next((r for r in json.loads(ctl("-o", "json", "list")) if r["name"] == name), None)


def status(name):
    page = json.loads(ctl("-o", "json", "status", name))
    return page[0] if isinstance(page, list) else page


def until_state(name, state):
    return until(lambda: (lambda r: r if r and r["state"] == state else None)(row(name)), f"{name} is {state}")


def name_is_owned():
    answer = run("busctl", "call", "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameHasOwner",
                 "s", BUS_NAME)
    return answer.split() == ["b", "true"]


def kill_daemon():
    """SIGKILL; returns when another one that systemd started is ready."""
    before = show("lifecycled.service", "MainPID")
    systemctl("kill", "--kill-whom=main", "--signal=KILL", "lifecycled.service")
    until(lambda: (lambda s: s["SubState"] == "running" and s["MainPID"] != before["MainPID"])(
        show("lifecycled.service", "SubState", "MainPID")), "another daemon is ready")


def vmm(name):
    """The unit that is the VMM of a VM."""
    return f"lifecycled-vm@{name}.service"


def play_the_vmm():
    """Where no vCPU can run, a program that leads a life with the daemon stands in for lifecycled-vmm in its unit."""
    place = pathlib.Path("/run/systemd/system/lifecycled-vm@.service.d/stand-in.conf")
    if have_kvm() or place.exists():
        return
    print("        there is no /dev/kvm: a program without a guest plays the VMM", flush=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(f"[Service]\nExecStart=\nExecStart={GUESTS}/stand-in-vmm %i\n")
    systemctl("daemon-reload")


def fresh():
    """A machine on which the daemon runs and knows no VM."""
    play_the_vmm()
    systemctl("start", "lifecycled.service")
    for vm in json.loads(ctl("-o", "json", "list")):
        ctl("destroy", vm["name"])
