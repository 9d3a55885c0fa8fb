#!/usr/bin/env python3
"""vCPUs that stall, and those that only look so; real-time priority, and a guest that spins with it."""
import json
import os
import sys

import host
from host import Host, cpu_seconds, equal, expect


def runs(h, guest, name="web", **more):
    h.define(name, guest, **more)
    h.ctl("start", name)
    return h.status(name)


def comm(pid, thread):
    with open(f"/proc/{pid}/task/{thread}/comm") as f:
        return f.read()


def threads(pid):
    """Its own; the kernel may have one of KVM's among them."""
    return [int(t) for t in os.listdir(f"/proc/{pid}/task") if not comm(pid, t).startswith("kvm")]


def a_vcpu_that_lets_nothing_in_ends_its_guest():
    with Host() as h:
        runs(h, "stall", vcpus={"count": 2}, watch={"vcpu-stall": "1s"})
        h.until_state("web", "null")
        end = h.status("web")["last_end"]
        equal(end["cause"], "vcpu-stall", "cause")
        expect(end["text"].startswith("vCPU 0 let no interrupt in for 1000 ms of its own time, at 0x"), "what is said", end)
        for sp, known in h.books().items():
            equal(known, set(), f"VMs that SP {sp} still knows")


def its_policy_is_that_of_a_watchdog():
    with Host() as h:
        life = runs(h, "stall", watch={"vcpu-stall": "1s"}, policies={"on-watchdog": "restart", "on-crash": "stop"})["life"]
        h.until(lambda: h.row("web")["life"] > life, "the next life")
        equal(h.status("web")["last_end"]["cause"], "vcpu-stall", "cause")
        h.ctl("destroy", "web")  # wherever it is: its next life may not run yet


def nobody_is_watched_unasked():
    with Host() as h:
        pid = runs(h, "stall")["vmm_pid"]
        h.until(lambda: cpu_seconds(pid) > 3, "it spins for a while")
        equal(h.row("web")["state"], "running", "state")


def guests_that_work_or_wait_are_left_alone():
    """Each runs at least twice as long as a stall takes; one with its CPU, the others beside it."""
    with Host() as h:
        names = ["busy", "flood", "beat", "silent"]
        for name in names:
            runs(h, name, name, watch={"vcpu-stall": "1s"})
        busy = h.status("busy")["vmm_pid"]
        h.until(lambda: cpu_seconds(busy) > 3, "the busy one works")
        for name in names:
            equal(h.row(name)["state"], "running", f"state of {name}")


def a_pause_is_no_stall():
    with Host() as h:
        runs(h, "busy", watch={"vcpu-stall": "1s"})
        for _ in range(20):
            h.ctl("pause", "web")
            h.ctl("resume", "web")
        equal(h.row("web")["state"], "running", "state")


def a_guest_with_priority_can_be_ended():
    """It spins on its CPU before everybody else there; the VMM's main thread comes first."""
    with Host() as h:
        pid = runs(h, "spin", vcpus={"scheduling": "fifo", "priority": 10, "placement": ["0"]})["vmm_pid"]
        life = h.row("web")["life"]
        before = h.counter(life)
        h.until(lambda: h.counter(life) > before, "it counts")
        policies = {t: (os.sched_getscheduler(t), os.sched_getparam(t).sched_priority) for t in threads(pid)}
        equal(policies.pop(pid), (os.SCHED_FIFO, 11), "the main thread")
        equal(set(policies.values()), {(os.SCHED_FIFO, 10)}, "the vCPU's thread")
        os.sched_setaffinity(pid, {0})
        h.ctl("pause", "web")
        h.ctl("resume", "web")
        h.ctl("abort", "web")
        equal(h.status("web")["last_end"]["cause"], "user-abort", "cause")


def each_vcpu_has_its_priority():
    with Host() as h:
        pid = runs(h, "beat", vcpus={"count": 3, "scheduling": "rr", "priority": 3})["vmm_pid"]
        found = sorted((os.sched_getscheduler(t), os.sched_getparam(t).sched_priority) for t in threads(pid))
        equal(found, sorted([(os.SCHED_FIFO, 4)] + [(os.SCHED_RR, 3)] * 3), "threads")
        h.ctl("abort", "web")
        equal([os.SCHED_OTHER], [os.sched_getscheduler(h.daemon.pid)], "the daemon's own")


def a_priority_that_cannot_be_had_is_no_start():
    os.environ["LIFECYCLED_VMM_INJECT"] = "priority=1"
    try:
        with Host() as h:
            h.define("web", "beat", vcpus={"scheduling": "fifo", "priority": 10})
            expect(h.ctl("start", "web", check=False).returncode != 0, "the start fails")
            end = h.status("web")["last_end"]
            equal(end["cause"], "start-failed", "cause")
            expect("real-time priority 11 cannot be had" in end["text"] and "LimitRTPRIO" in end["text"], "why", end)
    finally:
        del os.environ["LIFECYCLED_VMM_INJECT"]


def a_priority_without_its_scheduling_is_refused():
    with Host() as h:
        for vcpus, why in (({"priority": 3}, "vcpus.priority: goes with scheduling"),
                           ({"scheduling": "rr"}, "vcpus.scheduling: needs a priority"),
                           ({"scheduling": "rr", "priority": 99}, "out of range; write 1 to 98")):
            text = json.dumps({"name": "web", "memory": {"size": "2M"}, "kernel": "/k", "vcpus": vcpus})
            refused = h.ctl("define", "-", text=text, check=False)
            expect(refused.returncode != 0 and why in refused.stderr, why, refused)


if __name__ == "__main__":
    sys.exit(host.main([
        a_vcpu_that_lets_nothing_in_ends_its_guest,
        its_policy_is_that_of_a_watchdog,
        nobody_is_watched_unasked,
        guests_that_work_or_wait_are_left_alone,
        a_pause_is_no_stall,
        a_guest_with_priority_can_be_ended,
        each_vcpu_has_its_priority,
        a_priority_that_cannot_be_had_is_no_start,
        a_priority_without_its_scheduling_is_refused,
    ]))
