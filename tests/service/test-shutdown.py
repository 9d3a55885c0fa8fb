#!/usr/bin/env python3
"""At shutdown guests go first, while daemon and secure side are there: every SP hears of the end of every life.

The machine is not turned off: everything that is not this test is stopped in one transaction, by the same rules of order.
"""
import contextlib
import json
import pathlib
import socket
import sys

import host
from host import ctl, equal, expect, show, systemctl, vmm

INSPECT = "/run/lifecycled/spmc-inspect.sock"
PRODUCT = ["lifecycled.service", "lifecycled-spmc.service", "lifecycled-spmc.socket"]


def books():
    """{SP: the VMs it knows}, by the secure side's own account."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(host.LIMIT)
        s.connect(INSPECT)
        text = b"".join(iter(lambda: s.recv(65536), b""))
    return {sp["id"]: [vm["id"] for vm in sp["vms"]] for sp in json.loads(text)["sps"]}


def stopped_at(unit):
    """When PID 1 began to stop it and when it was over, in its own clock."""
    times = show(unit, "ActiveExitTimestampMonotonic", "InactiveEnterTimestampMonotonic")
    return int(times["ActiveExitTimestampMonotonic"]), int(times["InactiveEnterTimestampMonotonic"])


@contextlib.contextmanager
def one_sp_is_slow():
    """An SP's answer is still out when the units of the VMs are stopped, and the daemon's and the secure side's turn has come."""
    line = next(line for line in systemctl("cat", "lifecycled-spmc.service").splitlines() if line.startswith("ExecStart="))
    host.drop_in("lifecycled-spmc.service", f"[Service]\nExecStart=\n{line} --sp trusty:0x8001 --sp optee:0x8002:delay=300000\n")
    systemctl("stop", "lifecycled.service", "lifecycled-spmc.service")
    try:
        yield
    finally:
        host.drop_in("lifecycled-spmc.service", None)
        systemctl("stop", "lifecycled.service", "lifecycled-spmc.service")  # whoever tests next has one that is not slow


def guests_end_first_and_every_sp_is_told():
    with one_sp_is_slow():
        guests_end_first()


def guests_end_first():
    host.fresh()
    names = ["one", "two"]
    for name in names:
        host.define(name)
    ctl("start", "one")
    systemctl("start", vmm("two"))
    lives = {name: host.status(name)["life"] for name in names}
    expect(all(len(known) == 2 for known in books().values()), "each SP knows both", books())
    for unit in (*PRODUCT, *map(vmm, names)):
        equal(show(unit, "ActiveState"), {"ActiveState": "active"}, f"{unit} before")

    systemctl("isolate", "host-test.target")

    for unit in ("lifecycled.service", *map(vmm, names)):
        host.until(lambda: show(unit, "ActiveState") == {"ActiveState": "inactive"}, f"{unit} is stopped, and did not fail")
    daemon_began, _ = stopped_at("lifecycled.service")
    for name in names:
        _, guest_over = stopped_at(vmm(name))
        expect(guest_over <= daemon_began, f"{name} was over before the daemon was told to leave",
               guest_over, daemon_began)
    # what is left: the books of the secure side, which are kept in a file, and the daemon's log
    systemctl("start", "lifecycled-spmc.socket", "lifecycled-spmc-inspect.socket")
    equal({sp: known for sp, known in books().items() if known}, {}, "VMs that an SP still knows")
    systemctl("start", "lifecycled.service")
    for name in names:
        status = host.status(name)
        equal(status["state"], "null", f"state of {name}")
        equal((status["last_end"]["life"], status["last_end"]["cause"]), (lives[name], "user-stop"), f"the end of {name}")
        ctl("destroy", name)


def events():
    return [json.loads(line) for line in ctl("-o", "json", "monitor", "--no-follow").splitlines()]


def the_host_goes_down_and_each_guest_ends_after_those_that_need_it():
    """PID 1 is believed to stop the host: who is asked says so."""
    host.fresh()
    host.define("disk", "obey")
    host.define("db", "obey", order={"requires": ["disk"]})
    host.define("app", "obey", order={"after": ["db"]})
    names = ["disk", "db", "app"]
    ctl("start", "disk", "db", "app")
    for name in names:
        host.until(lambda: "listens" in ctl("console", name), f"{name} listens to its power key")
    equal(show("lifecycled-guests.service", "ActiveState"), {"ActiveState": "active"}, "who ends them in order")
    fake = pathlib.Path("/run/lifecycled-test/systemctl")
    fake.parent.mkdir(exist_ok=True)
    fake.write_text("#!/bin/sh\ntest \"$1\" = is-system-running && echo stopping\n")
    fake.chmod(0o755)
    host.drop_in("lifecycled-guests.service", f"[Service]\nEnvironment=PATH={fake.parent}:/usr/sbin:/usr/bin:/sbin:/bin\n")
    try:
        systemctl("isolate", "host-test.target")
        for unit in ("lifecycled-guests.service", "lifecycled.service", *map(vmm, names)):
            host.until(lambda: show(unit, "ActiveState") == {"ActiveState": "inactive"}, f"{unit} is stopped, and did not fail")
    finally:
        host.drop_in("lifecycled-guests.service", None)
    systemctl("start", "lifecycled.service")
    equal({host.status(name)["last_end"]["cause"] for name in names}, {"host-shutdown"}, "their causes")
    asked, over = {}, {}
    for e in events():
        if e.get("operation") == "stop":
            asked[e["name"]] = e["sequence"]
        if e.get("to_substate") == "retiring":
            over[e["name"]] = e["sequence"]
    expect(over["app"] < asked["db"] and over["db"] < asked["disk"], "app, then db, then disk", asked, over)
    for name in names:
        ctl("destroy", name)


def an_enabled_vm_starts_with_the_machine():
    host.fresh()
    host.define("web")
    systemctl("enable", vmm("web"))
    try:
        systemctl("stop", "lifecycled.service")
        systemctl("start", "multi-user.target")
        host.until(lambda: show(vmm("web"), "SubState") == {"SubState": "running"}, "its guest has entered")
        equal(host.row("web")["state"], "running", "its state")
        equal(show("lifecycled.service", "ActiveState"), {"ActiveState": "active"}, "the daemon, which it wants")
    finally:
        systemctl("disable", vmm("web"))
    ctl("destroy", "web")


if __name__ == "__main__":
    sys.exit(host.main([
        an_enabled_vm_starts_with_the_machine,
        guests_end_first_and_every_sp_is_told,
        the_host_goes_down_and_each_guest_ends_after_those_that_need_it,
    ], needs_kvm=False))
