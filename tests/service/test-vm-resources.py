#!/usr/bin/env python3
"""What a VM may have is in its definition and kept by PID 1; and how a VMM died PID 1 tells, also to a later daemon."""
import os
import pathlib
import signal
import subprocess
import sys

import host
from host import ctl, equal, expect, show, systemctl, vmm

RESOURCES = {"memory-max": "80M", "tasks-max": 40, "cpu-quota": 150, "cpu-weight": 42, "io-weight": 43,
             "devices": ["/dev/null"]}
SHOWN = {"MemoryMax": str(80 << 20), "TasksMax": "40", "CPUQuotaPerSecUSec": "1.500000s", "CPUWeight": "42", "IOWeight": "43"}
NOT_SET = {"MemoryMax": "infinity", "TasksMax": "infinity", "CPUQuotaPerSecUSec": "infinity", "CPUWeight": "[not set]",
           "IOWeight": "[not set]"}


def has_controllers(*wanted):
    """Not where they sit in cgroup v1, as below some hosts of containers."""
    return set(wanted) <= set(pathlib.Path("/sys/fs/cgroup/cgroup.controllers").read_text().split())


def can_be_real_time():
    """Not below hosts of containers that leave no real-time priority to give: then PID 1 gives none, and does not say so."""
    return subprocess.run(["systemd-run", "--quiet", "--wait", "-p", "User=nobody", "-p", "LimitRTPRIO=99",
                           "chrt", "-f", "1", "true"], capture_output=True).returncode == 0


def devices(unit):
    """Without the clock, which ProtectClock= brings to read."""
    shown = systemctl("show", unit, "--property=DeviceAllow").splitlines()
    return sorted({line.split("=", 1)[1] for line in shown} - {"char-rtc r"})


def over(name):
    host.until(lambda: show(vmm(name), "ActiveState")["ActiveState"] in ("inactive", "failed"), f"the unit of {name} is over")


def both_ways_of_starting_get_the_limits():
    host.fresh()
    host.define("web", resources=RESOURCES)
    for start in (lambda: ctl("start", "web"), lambda: systemctl("start", vmm("web"))):
        start()
        equal(show(vmm("web"), *SHOWN), SHOWN, "properties of the unit")
        equal(devices(vmm("web")), ["/dev/kvm rw", "/dev/null rw"], "devices of the unit")
        if has_controllers("memory", "pids"):
            group = pathlib.Path("/sys/fs/cgroup" + show(vmm("web"), "ControlGroup")["ControlGroup"])
            equal((group / "memory.max").read_text().strip(), str(80 << 20), "memory.max of its control group")
            equal((group / "pids.max").read_text().strip(), "40", "pids.max of its control group")
            used = host.until(lambda: host.status("web").get("cgroup_memory_bytes"),  # once who registers it has left the group
                              "the page tells what its control group has in use")
            expect(used <= 80 << 20, "it has no more in use than it may", used)
            expect(" in use" in ctl("status", "web"), "for people, too", ctl("status", "web"))
        ctl("abort", "web")
        over("web")
    host.define("web")  # without any: what an earlier definition set is undone
    ctl("start", "web")
    equal(show(vmm("web"), *NOT_SET), NOT_SET, "properties of the unit after the definition forgot them")
    equal(devices(vmm("web")), ["/dev/kvm rw"], "devices of the unit after that")
    ctl("destroy", "web")


def end_of(name, life):
    """How that life ended, once the daemon knows."""
    host.until(lambda: host.status(name)["last_end"].get("life") == life, f"life {life} of {name} is over")
    return host.status(name)["last_end"]


def what_killed_it_is_told():
    for signo in (signal.SIGKILL, signal.SIGSEGV):
        host.fresh()
        host.define("web")
        ctl("start", "web")
        status = host.status("web")
        os.kill(status["vmm_pid"], signo)
        end = end_of("web", status["life"])
        equal(end["cause"], "vmm-signal", f"cause after signal {signo}")
        expect(signal.Signals(signo).name in end["text"], "its text names the signal", end)
    if not host.have_kvm():  # who stands in for the VMM can be told to exit
        ctl("start", "web")
        status = host.status("web")
        os.kill(status["vmm_pid"], signal.SIGUSR1)
        end = end_of("web", status["life"])
        equal(end["cause"], "vmm-exit", "cause after an exit")
        expect("status 7" in end["text"], "its text names the status", end)
    ctl("destroy", "web")


def a_daemon_that_was_away_is_told_too():
    host.fresh()
    host.define("web")
    ctl("start", "web")
    status = host.status("web")
    systemctl("stop", "lifecycled.service")
    os.kill(status["vmm_pid"], signal.SIGKILL)
    over("web")
    systemctl("start", "lifecycled.service")
    end = end_of("web", status["life"])
    equal(end["cause"], "vmm-signal", "cause")
    expect("SIGKILL" in end["text"], "its text names the signal", end)
    ctl("destroy", "web")


def what_the_kernel_takes_back_is_oom():
    """A guest that touches more than its VMM may have; without KVM, who stands in eats when he is told to."""
    host.fresh()
    host.define("web", "hungry", memory={"size": "64M"}, resources={"memory-max": "24M"})
    ctl("start", "web")
    if not has_controllers("memory"):
        print("        no memory controller in cgroup v2 here: the limit does not hold", flush=True)
        ctl("destroy", "web")
        return
    if not host.have_kvm():
        os.kill(host.status("web")["vmm_pid"], signal.SIGUSR2)
    host.until(lambda: host.row("web")["state"] == "null", "its life is over")
    equal(host.status("web")["last_end"]["cause"], "oom", "cause")
    ctl("destroy", "web")


@host.needs_kvm
def no_more_threads_than_it_may_have():
    """One for the daemon, one for each vCPU."""
    host.fresh()
    host.define("web", vcpus={"count": 4}, resources={"tasks-max": 4})
    if not has_controllers("pids"):
        print("        no pids controller in cgroup v2 here: the limit does not hold", flush=True)
        return
    expect(ctl("start", "web", check=False).returncode != 0, "it cannot start")
    end = host.status("web")["last_end"]
    equal(end["cause"], "start-failed", "cause")
    expect("no thread for vCPU 3" in end["text"], "its text says what was missing", end)
    host.define("web", vcpus={"count": 4}, resources={"tasks-max": 16})
    ctl("start", "web")
    equal(host.row("web")["state"], "running", "state with enough")
    ctl("destroy", "web")


@host.needs_kvm
def its_unit_lets_it_have_real_time_priority():
    host.fresh()
    host.define("web", vcpus={"scheduling": "fifo", "priority": 5})
    started = ctl("start", "web", check=False)
    if started.returncode != 0 and not can_be_real_time():
        print("        nobody can have real-time priority here", flush=True)
        ctl("destroy", "web")
        return
    equal(started.returncode, 0, f"start: {started.stderr}")
    pid = host.status("web")["vmm_pid"]
    found = {os.sched_getparam(int(t)).sched_priority for t in os.listdir(f"/proc/{pid}/task")}
    equal(found, {5, 6}, "priorities of its threads")
    ctl("destroy", "web")


if __name__ == "__main__":
    sys.exit(host.main([
        both_ways_of_starting_get_the_limits,
        what_killed_it_is_told,
        a_daemon_that_was_away_is_told_too,
        what_the_kernel_takes_back_is_oom,
        no_more_threads_than_it_may_have,
        its_unit_lets_it_have_real_time_priority,
    ], needs_kvm=False))
