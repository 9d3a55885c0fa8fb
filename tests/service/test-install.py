#!/usr/bin/env python3
"""As installed: systemd knows the units, the daemon serves its name, leads a guest, and may be restarted under it."""
import os
import pathlib
import signal
import sys

import host
from host import ctl, equal, expect, needs_kvm, show, systemctl


def units_are_installed():
    for unit in host.UNITS:
        got = show(unit.replace("@.", "@x."), "LoadState", "NeedDaemonReload")
        equal(got, {"LoadState": "loaded", "NeedDaemonReload": "no"}, unit)


def the_daemon_starts_and_owns_its_name():
    systemctl("stop", "lifecycled.service")
    expect(not host.name_is_owned(), f"{host.BUS_NAME} has no owner while the daemon is down")
    systemctl("start", "lifecycled.service")  # Type=notify: returns after READY=1
    expect(host.name_is_owned(), f"{host.BUS_NAME} has an owner", host.journal())
    equal(show("lifecycled.service", "ActiveState", "Result"), {"ActiveState": "active", "Result": "success"}, "the daemon")


def a_call_starts_the_daemon():
    systemctl("stop", "lifecycled.service")
    ctl("list")  # may be answered before PID 1 has read READY=1
    host.until(lambda: show("lifecycled.service", "ActiveState") != {"ActiveState": "activating"}, "the daemon is there")
    equal(show("lifecycled.service", "ActiveState"), {"ActiveState": "active"}, "the daemon after a call")


def the_secure_side_is_started_by_its_socket():
    host.fresh()
    sps = ctl("partitions")
    expect("0x8001" in sps, "an SP of the software secure side is seen", sps, host.journal())
    equal(show("lifecycled-spmc.service", "ActiveState"), {"ActiveState": "active"}, "the software secure side")


def the_daemon_is_nobody_much():
    """A user of its own, one capability, and guest memory on a tmpfs that is the daemon's alone."""
    host.fresh()
    pid = show("lifecycled.service", "MainPID")["MainPID"]
    status = dict(line.split(":", 1) for line in open(f"/proc/{pid}/status"))
    expect(status["Uid"].split()[0] == host.run("id", "-u", "lifecycled").strip(), "it runs as lifecycled", status["Uid"])
    for which in ("CapEff", "CapPrm", "CapBnd", "CapAmb"):
        equal(int(status[which], 16), 1 << 5, f"{which}: CAP_KILL")
    equal(status["NoNewPrivs"].strip(), "1", "no new privileges")
    mount = host.run("findmnt", "-n", "-o", "FSTYPE,OPTIONS", "/run/lifecycled/memory")
    expect(mount.startswith("tmpfs") and "noexec" in mount, "guest memory is a tmpfs of its own", mount)
    memory = os.stat("/run/lifecycled/memory")
    equal((memory.st_uid, memory.st_mode & 0o7777), (int(status["Uid"].split()[0]), 0o700), "owner and mode of guest memory")


def a_daemon_that_hangs_is_replaced():
    host.fresh()
    host.drop_in("lifecycled.service", "[Service]\nWatchdogSec=2s\n")
    try:
        systemctl("restart", "lifecycled.service")
        before = int(show("lifecycled.service", "MainPID")["MainPID"])
        ctl("list")
        os.kill(before, signal.SIGSTOP)
        host.until(lambda: show("lifecycled.service", "MainPID", "ActiveState") not in (
            {"MainPID": str(before), "ActiveState": "active"}, {"MainPID": str(before), "ActiveState": "deactivating"}),
            "PID 1 ends a daemon that says nothing any more")
        host.until(lambda: show("lifecycled.service", "ActiveState", "SubState")
                   == {"ActiveState": "active", "SubState": "running"}, "another daemon runs")
        expect("watchdog" in host.journal().lower(), "it was the watchdog", host.journal())
        ctl("list")
    finally:
        host.drop_in("lifecycled.service", None)
        systemctl("restart", "lifecycled.service")


def a_reload_returns_when_what_it_read_is_defined():
    host.fresh()
    file = pathlib.Path("/etc/lifecycled/vm.d/filed.json")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text('{"name": "filed", "memory": {"size": "2M"}, "kernel": "/k"}')
    systemctl("reload", "lifecycled.service")
    equal(host.row("filed")["state"], "null", "a VM of a file")
    file.unlink()
    systemctl("reload", "lifecycled.service")
    equal(host.row("filed"), None, "and once the file is gone")
    equal(show("lifecycled.service", "ActiveState", "Result"), {"ActiveState": "active", "Result": "success"}, "the daemon")


def its_log_level_is_set_by_systemctl():
    """systemctl asks by the unit's BusName; the journal is told more, or less, from then on."""
    host.fresh()
    equal(systemctl("service-log-level", "lifecycled.service").strip(), "info", "the level at first")
    systemctl("service-log-level", "lifecycled.service", "debug")
    equal(systemctl("service-log-level", "lifecycled.service").strip(), "debug", "the level then")
    equal(systemctl("service-log-target", "lifecycled.service").strip(), "journal", "where it logs to")
    expect("sets LogLevel to debug" in host.journal(), "the journal says who", host.journal())
    refused = host.run("systemctl", "service-log-level", "lifecycled.service", "loud", check=False)
    expect(refused.returncode != 0, "what is no level is refused", refused.stderr)
    systemctl("restart", "lifecycled.service")
    equal(systemctl("service-log-level", "lifecycled.service").strip(), "info", "the next start has its own again")


@needs_kvm
def a_guest_is_led_through_its_life():
    host.fresh()
    host.define("web")
    ctl("start", "web")
    equal(host.row("web")["state"], "running", "state after start")
    host.until(lambda: "beat" in ctl("console", "web"), "the guest says beat")
    ctl("abort", "web")
    equal(host.row("web")["state"], "null", "state after abort")
    equal(host.status("web")["last_end"]["cause"], "user-abort", "cause of its end")
    ctl("destroy", "web")


@needs_kvm
def a_restart_of_the_daemon_leaves_the_guest():
    host.fresh()
    host.define("web")
    ctl("start", "web")
    before = host.status("web")
    daemon = show("lifecycled.service", "MainPID")
    systemctl("restart", "lifecycled.service")
    expect(show("lifecycled.service", "MainPID") != daemon, "another daemon")
    after = host.until_state("web", "running") and host.status("web")
    for what in ("life", "vmm_pid"):
        equal(after[what], before[what], f"{what} after a restart of the daemon")
    os.kill(after["vmm_pid"], 0)  # it lives
    ctl("destroy", "web")


if __name__ == "__main__":
    sys.exit(host.main([
        units_are_installed,
        the_daemon_starts_and_owns_its_name,
        a_call_starts_the_daemon,
        the_secure_side_is_started_by_its_socket,
        the_daemon_is_nobody_much,
        a_daemon_that_hangs_is_replaced,
        a_reload_returns_when_what_it_read_is_defined,
        its_log_level_is_set_by_systemctl,
        a_guest_is_led_through_its_life,
        a_restart_of_the_daemon_leaves_the_guest,
    ], needs_kvm=False))
