#!/usr/bin/env python3
"""lifecycled-vm@NAME.service is the VMM of NAME: the daemon starts it, PID 1 is its parent, and it outlives the daemon."""
import contextlib
import os
import pathlib
import pwd
import shutil
import sys

import host
from host import ctl, equal, expect, needs_kvm, show, systemctl, vmm

CAP_KILL = 5


def started(name="web", **more):
    host.fresh()
    host.define(name, **more)
    ctl("start", name)
    equal(host.row(name)["state"], "running", "state after start")
    return host.status(name)


def parent_of(pid):
    return int(open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[1])


def the_daemon_starts_it():
    status = started()
    host.until(lambda: show(vmm("web"), "SubState") == {"SubState": "running"}, "PID 1 knows that it is ready")
    unit = show(vmm("web"), "ActiveState", "MainPID", "User", "Slice", "Result")
    equal(unit, {"ActiveState": "active", "MainPID": str(status["vmm_pid"]),
                 "User": "lifecycled-vmm", "Slice": "machine.slice", "Result": "success"}, "the unit")
    equal(parent_of(status["vmm_pid"]), 1, "its parent")
    equal(os.stat(f"/proc/{status['vmm_pid']}").st_uid, int(host.run("id", "-u", "lifecycled-vmm")), "its user")
    ctl("abort", "web")
    equal(host.row("web")["state"], "null", "state after abort")
    host.until(lambda: show(vmm("web"), "ActiveState") == {"ActiveState": "inactive"}, "the unit is over, and not failed")


def rights(pid):
    """What the kernel says of a process: its user, capabilities, and whether its calls are filtered."""
    fields = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line)
    capabilities = {name: int(fields[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")}
    return fields["Uid"].split()[0], capabilities, fields["NoNewPrivs"].strip(), fields["Seccomp"].strip()


@needs_kvm
def its_unit_lets_it_close_its_sandbox():
    """Filters of the unit and of the VMM add up, and the unit's must let the VMM's be taken. The daemon has one right: kill."""
    status = started()
    uid, capabilities, no_new, filtered = rights(status["vmm_pid"])
    equal((int(uid), no_new, filtered), (pwd.getpwnam("lifecycled-vmm").pw_uid, "1", "2"), "user, no new rights, a filter")
    equal(set(capabilities.values()), {0}, "capabilities of the VMM")
    equal(status["sandbox_lacks"], "-", "what its sandbox lacks here")
    uid, capabilities, no_new, filtered = rights(show("lifecycled.service", "MainPID")["MainPID"])
    equal((int(uid), no_new, filtered), (pwd.getpwnam("lifecycled").pw_uid, "1", "2"), "the daemon's, too")
    equal(capabilities["CapPrm"] | capabilities["CapEff"], 1 << CAP_KILL, "capabilities of the daemon")
    ctl("abort", "web")


def each_way_the_daemon_ends_leaves_it():
    before = started()
    for how in (lambda: systemctl("restart", "lifecycled.service"),
                lambda: (systemctl("stop", "lifecycled.service"), os.kill(before["vmm_pid"], 0),
                         systemctl("start", "lifecycled.service")),
                lambda: host.kill_daemon()):
        how()
        after = host.status("web")  # READY came: everything is adopted
        equal({k: after[k] for k in ("life", "vmm_pid", "state")}, {k: before[k] for k in ("life", "vmm_pid", "state")},
              "the life after another daemon came")
        expect(not host.row("web").get("unreachable"), "its VMM is connected")
    ctl("abort", "web")
    equal(host.row("web")["state"], "null", "state after abort")


def systemctl_starts_and_stops_it():
    host.fresh()
    host.define("web")
    systemctl("start", vmm("web"))  # returns when the guest has entered
    status = host.status("web")
    equal((status["state"], str(status["vmm_pid"])), ("running", show(vmm("web"), "MainPID")["MainPID"]), "the life")
    systemctl("restart", vmm("web"))
    after = host.status("web")
    expect(after["state"] == "running" and after["life"] > status["life"], "another life runs", after)
    equal(after["last_end"]["cause"], "user-stop", "how the one before ended")
    systemctl("stop", vmm("web"))
    host.until_state("web", "null")
    equal(host.status("web")["last_end"]["cause"], "user-stop", "how it ended")
    equal(show(vmm("web"), "ActiveState", "Result"), {"ActiveState": "inactive", "Result": "success"}, "the unit")
    ctl("destroy", "web")


@needs_kvm
def a_guest_has_the_time_of_its_definition():
    """More than the unit's own: the VMM asks PID 1 for it, and the daemon ends the guest when it is over."""
    host.drop_in(vmm("slow"), "[Service]\nTimeoutStopSec=3s\n")
    try:
        host.fresh()
        host.define("slow", "ignore", limits={"stop-timeout": "8s"})
        ctl("start", "slow")
        host.until(lambda: "listens" in ctl("console", "slow"), "the guest listens to its power key")
        systemctl("stop", vmm("slow"))
        end = host.status("slow")["last_end"]
        equal(end["cause"], "user-stop", "its cause")
        expect("limits.stop-timeout" in end["text"], "its own time was over, not that of the unit", end)
        equal(show(vmm("slow"), "Result"), {"Result": "success"}, "PID 1 had nothing to kill")
    finally:
        host.drop_in(vmm("slow"), None)
    ctl("destroy", "slow")


def machined_shows_it():
    started()
    if not shutil.which("machinectl"):
        print("        there is no systemd-machined: the unit does without", flush=True)
        host.until(lambda: show(vmm("web"), "SubState") == {"SubState": "running"}, "the unit runs all the same")
        ctl("destroy", "web")
        return
    host.run("busctl", "call", "org.freedesktop.machine1", "/org/freedesktop/machine1", "org.freedesktop.machine1.Manager",
             "ListMachines", check=False)  # starts it, if it can be
    systemctl("restart", vmm("web"))
    machines = host.until(lambda: [line.split() for line in host.run("machinectl", "list", "--no-legend").splitlines()
                                   if line.startswith("web ")], "machinectl list shows it")
    equal(machines[0][:3], ["web", "vm", "lifecycled"], "what machinectl shows")
    ctl("destroy", "web")
    host.until(lambda: "web" not in host.run("machinectl", "list", "--no-legend"), "it is gone with its VMM")


@contextlib.contextmanager
def journald_stands():
    """Whoever says something now is gone when it is read."""
    systemctl("kill", "--signal=STOP", "systemd-journald.service")
    try:
        yield
    finally:
        systemctl("kill", "--signal=CONT", "systemd-journald.service")


def systemctl_is_refused_what_the_daemon_would_refuse():
    host.fresh()
    host.define("huge", memory={"size": "2M", "huge-pages": "reserved"})
    for name, why in (("nobody", "no VM has this name"), ("huge", "huge pages")):
        with journald_stands():
            done = systemctl("start", vmm(name), check=False)
        expect(done.returncode != 0, f"systemctl start {vmm(name)} fails")
        host.until(lambda: why in host.journal(vmm(name)), f"the journal of {vmm(name)} says why: {why}")
    equal(host.row("huge")["state"], "null", "it has no life")
    ctl("start", "huge", check=False)
    ctl("destroy", "huge")


def a_start_by_systemctl_waits_for_order():
    host.fresh()
    host.define("database")
    host.define("web", order={"after": ["database"]})
    systemctl("start", "--no-block", vmm("web"))
    host.until(lambda: host.row("web")["operation"] == "start", "the start is under way")
    equal(host.status("web")["waits"]["vm"], "database", "what it waits for")
    waiting = show(vmm("web"), "MainPID", "ActiveState")
    equal(waiting["ActiveState"], "activating", "the unit, meanwhile")
    ctl("start", "database")
    equal(str(host.until_state("web", "running") and host.status("web")["vmm_pid"]), waiting["MainPID"], "the same VMM")
    for name in ("web", "database"):
        ctl("abort", name)
        host.until(lambda: show(vmm(name), "ActiveState") == {"ActiveState": "inactive"}, f"the unit of {name} is over")
    # and one that is stopped while it waits takes its wish along
    systemctl("start", "--no-block", vmm("web"))
    host.until(lambda: host.row("web")["operation"] == "start", "the start is under way")
    systemctl("stop", vmm("web"))
    host.until(lambda: host.row("web")["operation"] in ("-", "none", None), "nobody wants it any more")
    ctl("start", "database")
    equal(host.row("web")["state"], "null", "it does not start")
    for name in ("web", "database"):
        ctl("destroy", name)


def a_vm_that_restarts_is_a_new_invocation():
    before = started()
    first = show(vmm("web"), "InvocationID")
    ctl("restart", "web")
    after = host.until_state("web", "running") and host.status("web")
    expect(after["life"] > before["life"] and after["vmm_pid"] != before["vmm_pid"], "another life, another VMM")
    expect(show(vmm("web"), "InvocationID") != first, "another invocation")
    ctl("destroy", "web")


def a_bus_that_restarts_is_found_again():
    before, daemon = started(), show("lifecycled.service", "MainPID")
    systemctl("restart", "dbus.service")
    host.until(lambda: ctl("list", check=False).returncode == 0 and host.row("web"), "the daemon is on the bus again")
    equal(show("lifecycled.service", "MainPID"), daemon, "it is the same daemon")
    equal(host.status("web")["life"], before["life"], "the guest did not notice")
    systemctl("restart", vmm("web"))  # systemd is asked over the new connection
    equal(host.row("web")["state"], "running", "state after a restart of the unit")
    ctl("destroy", "web")


def a_unit_that_cannot_start_is_said_so():
    host.fresh()
    host.define("broken")
    host.drop_in(vmm("broken"), "[Service]\nExecStart=\nExecStart=/nonexistent/vmm %i\n")
    try:
        done = ctl("start", "broken", check=False)
        expect(done.returncode != 0, "start fails")
        end = host.status("broken")["last_end"]
        equal(end["cause"], "start-failed", "its cause")
        expect("systemd" in end["text"] and "lifecycled-vm@broken.service" in end["text"], "the text names the unit", end)
    finally:
        host.drop_in(vmm("broken"), None)
    ctl("start", "broken")
    ctl("destroy", "broken")


def nobody_else_can_say_that_he_is_a_vmm():
    """A process of root, but in another unit: refused, and told why."""
    host.fresh()
    host.define("web")
    program = show(vmm("web"), "ExecStart")["ExecStart"].split("path=")[1].split(" ;")[0]
    host.run("systemd-run", "--quiet", "--wait", "--unit=impostor.service", program, "web", check=False)
    expect("it runs in impostor.service" in host.journal(), "the daemon says why", host.journal())
    equal(host.row("web")["state"], "null", "web has no life of it")


def the_daemon_may_touch_no_other_unit():
    host.fresh()
    host.define("web")
    ask = ["setpriv", "--reuid=lifecycled", "--regid=lifecycled", "--clear-groups", "busctl", "call",
           "org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager"]
    for verb, arguments in (("StopUnit", ["ss", "dbus.service", "replace"]),
                            ("StartUnit", ["ss", "not-lifecycled-vm@web.service", "replace"]),
                            ("StartUnit", ["ss", "lifecycled-vm@-x.service", "replace"]),
                            ("RestartUnit", ["ss", vmm("web"), "replace"]),
                            ("KillUnit", ["ssi", "systemd-journald.service", "all", "9"]),
                            ("SetUnitProperties", ["sba(sv)", "dbus.service", "true", "1", "TasksMax", "t", "1"])):
        done = host.run(*ask, verb, *arguments, check=False)
        expect(done.returncode != 0 and ("denied" in done.stderr.lower() or "authentication" in done.stderr.lower()),
               f"{verb} {arguments} is denied to the daemon's user", done.stdout, done.stderr)
    done = host.run(*ask, "ResetFailedUnit", "s", vmm("web"), check=False)
    expect("denied" not in done.stderr.lower() and "authentication" not in done.stderr.lower(), "its own unit is not",
           done.stderr)


if __name__ == "__main__":
    sys.exit(host.main([
        the_daemon_starts_it,
        its_unit_lets_it_close_its_sandbox,
        each_way_the_daemon_ends_leaves_it,
        systemctl_starts_and_stops_it,
        a_guest_has_the_time_of_its_definition,
        machined_shows_it,
        systemctl_is_refused_what_the_daemon_would_refuse,
        a_start_by_systemctl_waits_for_order,
        a_vm_that_restarts_is_a_new_invocation,
        a_bus_that_restarts_is_found_again,
        a_unit_that_cannot_start_is_said_so,
        nobody_else_can_say_that_he_is_a_vmm,
        the_daemon_may_touch_no_other_unit,
    ], needs_kvm=False))
