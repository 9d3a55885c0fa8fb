#!/usr/bin/env python3
"""The bus with the clients that people have: busctl, gdbus, Python, C; on dbus-daemon and on dbus-broker."""
import os
import pathlib
import re
import shutil
import subprocess
import sys

import host
from host import BUILD, Host, equal, expect

NAME = "org.lifecycled.Lifecycle1"
ROOT = "/org/lifecycled/Lifecycle1"
WEB = f"{ROOT}/vm/web"
WEAK = f"{ROOT}/vm/weak"
NOBODY = 65534
PYTHON = "/usr/bin/python3"  # Debian's own, which has its python3-dbus
NEEDED = {"busctl": "systemd", "gdbus": "libglib2.0-bin", "dbus-daemon": "dbus", "dbus-broker-launch": "dbus-broker"}


def run(*words, fails=False, **more):
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, timeout=host.LIMIT, **more)
    expect((done.returncode != 0) == fails, f"{' '.join(map(str, words[:6]))}: exit code {done.returncode}", done.stdout + done.stderr)
    return done.stderr if fails else done.stdout


def web(h):
    h.define("web", "silent")


def busctl_finds_its_way(h):
    busctl = ["busctl", f"--address={h.bus_address}"]
    web(h)
    expect(WEB in run(*busctl, "tree", "--list", NAME).split(), "the tree has web")
    shown = run(*busctl, "introspect", NAME, WEB)
    expect(re.search(r'^\.State +property +s +"null" +emits-change', shown, re.M), "what introspect says of State", shown)
    expect(run(*busctl, "call", NAME, WEB, f"{NAME}.VM", "Start", "ta{sv}", 0, 0).startswith("t "), "Start is answered")
    done = run(*busctl, "call", NAME, WEB, f"{NAME}.VM", "WaitState", "tasta{sv}", 0, 1, "running", 20000, 0)
    expect(done.startswith('stssst "reached"') and ' "running" "running" "-" ' in done, "WaitState", done)
    equal(run(*busctl, "get-property", NAME, WEB, f"{NAME}.VM", "State", "Substate"), 's "running"\ns "running"\n', "properties")
    equal(run(*busctl, "get-property", NAME, WEB, f"{NAME}.VM", "Can"), 'as 6 "stop" "abort" "restart" "destroy" "pause" "preserve"\n',
          "what it can do")
    rows = run(*busctl, "--json=short", "call", NAME, ROOT, f"{NAME}.Manager", "List")
    equal(host.json.loads(rows)["data"][0][0][0], "web", "the first of List")
    life = h.row("web")["life"]
    refused = run(*busctl, "call", NAME, WEB, f"{NAME}.VM", "Abort", "ta{sv}", life + 1, 0, fails=True)
    expect(f"life {life + 1} of web is over; its life now is {life}" in refused, "why", refused)
    refused = run(*busctl, "call", NAME, WEB, f"{NAME}.VM", "Start", "ta{sv}", 0, 1, "fast", "b", "true", fails=True)
    expect("unknown option 'fast'" in refused, "what is unknown", refused)
    run(*busctl, "call", NAME, WEB, f"{NAME}.VM", "Destroy", "ta{sv}", 0, 0)
    h.until(lambda: not h.json("list"), "web is gone")


def moves_of(path, text):
    """The pairs of states that StateChanged told of that VM."""
    return re.findall(rf"^{path}: {re.escape(NAME)}\.VM\.StateChanged \(.*?, '(\w+)', '(\w+)', '[-\w]+'\)$", text, re.M)


def gdbus_hears_what_happens(h):
    call = ["gdbus", "call", "--address", h.bus_address, "--dest", NAME, "--object-path"]
    web(h)
    h.define("weak", "crash", policies={"on-panic": "restart", "restart-delay": "1h"})
    shown = run("gdbus", "introspect", "--address", h.bus_address, "--dest", NAME, "--object-path", WEB)
    for part in ("interface org.lifecycled.Lifecycle1.VM {", "readonly s State = 'null';", "WaitState(in  t life,"):
        expect(part in shown, f"introspect says '{part}'", shown)
    heard = h.dir / "heard"
    with open(heard, "w") as out:
        monitor = subprocess.Popen(["gdbus", "monitor", "--address", h.bus_address, "--dest", NAME], stdout=out)
    try:
        h.until(lambda: "is owned by" in heard.read_text(), "it listens")
        run(*call, WEB, "--method", f"{NAME}.VM.Start", 0, "{}")
        equal(run(*call, WEB, "--method", f"{NAME}.VM.WaitState", 0, "['running']", 20000, "{}").split(",")[0], "('reached'", "result")
        h.ctl("lease", "web", "--", "true")
        h.until(lambda: len(re.findall(rf"^{WEB}: .*PropertiesChanged .*'Leases': <", heard.read_text(), re.M)) == 2,
                "it hears of the lease, and that it is over")
        run(*call, WEB, "--method", f"{NAME}.VM.Destroy", 0, "{}")
        h.until(lambda: "InterfacesRemoved" in heard.read_text(), "it hears that web went")
        for restarts in (1, 2):
            run(*call, WEAK, "--method", f"{NAME}.VM.Start", 0, "{}")
            h.until(lambda: h.row("weak")["state"] == "null" and h.status("weak")["restarts"] == restarts, "its restart waits")
        run(*call, WEAK, "--method", f"{NAME}.VM.Destroy", 0, "{}")
        h.until(lambda: heard.read_text().count("InterfacesRemoved") == 2, "it hears that weak went")
    finally:
        monitor.kill()
        monitor.wait()
    whole = [("null", "created"), ("created", "running"), ("running", "aborting"), ("aborting", "null")]
    equal(moves_of(WEB, heard.read_text()), whole, "moves it heard")
    equal(moves_of(WEAK, heard.read_text()), whole * 2, "moves of one whose restarts have to wait")
    expect(len(re.findall(rf"^{WEAK}: .*PropertiesChanged .*'State': <'null'>", heard.read_text(), re.M)) == 2, "the same in its properties",
           heard.read_text())
    expect(re.search(r"PropertiesChanged \('org.lifecycled.Lifecycle1.VM', \{.*'State': <'running'>", heard.read_text()),
           "properties it heard", heard.read_text())
    managed = run(*call, ROOT, "--method", "org.freedesktop.DBus.ObjectManager.GetManagedObjects")
    expect(f"'{ROOT}/partition/8001'" in managed and WEB not in managed, "objects that are left", managed)


def a_short_python_program_leads_a_vm(h):
    web(h)
    said = run(PYTHON, pathlib.Path(__file__).with_name("python-client.py"), h.bus_address).splitlines()
    equal(said, ["signal null -> created", "signal created -> running", "property running running 1", "wait running paused",
                 f"error {NAME}.Error.WrongLife"], "what it saw")


def the_c_library_passes_its_descriptors(h):
    """A stream of events, a console, a lease: each is a descriptor that came over this bus."""
    web(h)
    h.ctl("start", "web")
    expect(any("running" in line for line in h.ctl("monitor", "--no-follow").splitlines()), "events", h.ctl("monitor", "--no-follow"))
    h.define("beat", "obey")
    h.ctl("start", "beat")
    h.until(lambda: "listens" in h.ctl("console", "beat"), "what its console says")
    equal(h.ctl("lease", "web", "--", "echo", "held"), "held\n", "what runs under a lease")
    h.ctl("stop", "beat")
    h.ctl("abort", "web")


def who_asks_is_known(h):
    web(h)
    os.chmod(h.dir, 0o711)
    denied = run("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", BUILD / "cli/lifecyclectl", "--bus",
                 h.bus_address, "start", "web", fails=True)
    expect(f"uid {NOBODY} may not start web" in denied and "install polkitd" in denied, "why", denied)
    equal(h.row("web")["state"], "null", "state")


def a_daemon_that_dies_is_seen_to_go_and_to_come(h):
    web(h)
    h.ctl("start", "web")
    before = h.row("web")
    h.kill_daemon()
    gone = run("busctl", f"--address={h.bus_address}", "status", NAME, fails=True)
    expect(gone, "it says that nobody has the name")
    h.start_daemon()
    equal(h.row("web"), before, "web")


TRIED = [busctl_finds_its_way, gdbus_hears_what_happens, a_short_python_program_leads_a_vm, the_c_library_passes_its_descriptors,
         who_asks_is_known, a_daemon_that_dies_is_seen_to_go_and_to_come]


def on(bus, tried):
    def test():
        with Host(bus=bus) as h:
            expect(bus.startswith(pathlib.Path(f"/proc/{h.bus.pid}/comm").read_text().strip()[:11]), f"the bus is {bus}")
            tried(h)
    test.__name__ = f"{tried.__name__}_on_{bus.replace('-', '_')}"
    return test


def check_programs():
    missing = sorted(package for program, package in NEEDED.items() if not shutil.which(program))
    if subprocess.run([PYTHON, "-c", "import dbus, dbus.mainloop.glib, gi"], capture_output=True).returncode:
        missing += ["python3-dbus", "python3-gi"]
    expect(not missing, "clients are missing; tests/setup installs " + ", ".join(missing))


if __name__ == "__main__":
    sys.exit(host.main([check_programs] + [on(bus, tried) for bus in ("dbus-daemon", "dbus-broker") for tried in TRIED]))
