#!/usr/bin/env python3
"""Pausing guests on real KVM: they stand, and go on; what else is asked meanwhile; a daemon or a VMM that dies or hangs."""
import os
import signal
import sys

import host
from host import Host, equal, expect


def runs(h, guest="beat", name="web", **more):
    h.define(name, guest, **more)
    h.ctl("start", name)
    return h.status(name)


def state(h, name="web"):
    status = h.status(name)
    return status["state"], status["substate"], status["operation"]


def stands(h, life):
    """Its counter is where it was, after a look at everything that a user can look at."""
    before = h.counter(life)
    for _ in range(10):
        h.ctl("status", "web")
    equal(h.counter(life), before, "the guest's counter")


def goes_on(h, life):
    before = h.counter(life)
    h.until(lambda: h.counter(life) > before + 1, "the guest goes on")


def a_guest_stands_and_goes_on():
    for guest in ("beat", "spin", "flood"):
        with Host() as h:
            life = runs(h, guest)["life"]
            goes_on(h, life)
            equal(h.ctl("pause", "web"), f"web: paused, life {life}\n", "what pause says")
            equal(state(h), ("running", "paused", "-"), "the VM")
            stands(h, life)
            h.ctl("pause", "web")  # it is
            expect(h.ctl("resume", "web").startswith(f"web: running, life {life}"), "what resume says")
            h.ctl("resume", "web")  # it does
            equal(state(h), ("running", "running", "-"), "the VM")
            goes_on(h, life)


def each_vcpu_is_shown_with_its_time():
    """What ran is preempted while the VM stands; since when it is so is the VMM's to say, also to the next daemon."""
    with Host() as h:
        life = runs(h, "smp", vcpus={"count": 4})["life"]
        h.until(lambda: h.counter(life, 0x100000 + 64 * 3), "the last vCPU counts")
        h.until(lambda: h.status("web")["vcpus"] == ["running"] * 4, "all run")
        since = h.status("web")["vcpus_since_monotonic_us"]
        expect(all(since), "each has a time", since)
        expect("4 running for " in h.ctl("status", "web"), "the page", h.ctl("status", "web"))
        h.ctl("pause", "web")
        status = h.status("web")
        equal(status["vcpus"], ["preempted"] * 4, "vCPUs of a VM that is paused")
        equal(set(status["vcpus_since_monotonic_us"]), {status["since_monotonic_us"]}, "since it is paused")
        h.ctl("resume", "web")
        h.kill_daemon()
        h.start_daemon()
        h.until(lambda: h.status("web")["vcpus_since_monotonic_us"] == since, "the next daemon knows")
        equal(h.status("web")["vcpus"], ["running"] * 4, "vCPUs")


def four_vcpus_stand():
    with Host() as h:
        life = runs(h, "smp", vcpus={"count": 4})["life"]
        for cpu in range(4):
            h.until(lambda: h.counter(life, 0x100000 + 64 * cpu), f"vCPU {cpu} counts")
        h.ctl("pause", "web")
        before = [h.counter(life, 0x100000 + 64 * cpu) for cpu in range(4)]
        h.ctl("status", "web")
        equal([h.counter(life, 0x100000 + 64 * cpu) for cpu in range(4)], before, "counters")
        h.ctl("resume", "web")
        for cpu in range(4):
            h.until(lambda: h.counter(life, 0x100000 + 64 * cpu) > before[cpu], f"vCPU {cpu} goes on")


def what_does_not_run_is_not_paused():
    with Host() as h:
        h.define("web")
        for verb in ("pause", "resume"):
            refused = h.ctl(verb, "web", check=False)
            equal(refused.returncode, 7, f"exit code of {verb}")
            expect("it is null" in refused.stderr, "why", refused.stderr)
        life = runs(h)["life"]
        equal(h.ctl("pause", "--if-life", life + 1, "web", check=False).returncode, 8, "exit code for another life")
        equal(state(h), ("running", "running", "-"), "the VM")


def a_stop_lets_it_go_on_first():
    with Host() as h:
        runs(h, "obey")
        h.until(lambda: "listens" in h.ctl("console", "web"), "it listens")
        h.ctl("pause", "web")
        h.ctl("stop", "web")
        equal(h.status("web")["last_end"]["cause"], "user-stop", "cause")
        equal(h.memory_files(), [], "memory that is left")


def sigterm_lets_it_go_on_first():
    with Host() as h:
        pid = runs(h, "obey")["vmm_pid"]
        h.until(lambda: "listens" in h.ctl("console", "web"), "it listens")
        h.ctl("pause", "web")
        os.kill(pid, signal.SIGTERM)
        h.until_state("web", "null")
        expect("power key was pressed" in h.status("web")["last_end"]["text"], "how it ended", h.status("web"))


def abort_restart_and_destroy_end_it():
    with Host() as h:
        life = runs(h)["life"]
        h.ctl("pause", "web")
        h.ctl("restart", "web")
        expect(h.status("web")["life"] > life, "the next life")
        equal(state(h), ("running", "running", "-"), "it runs, and is not paused")
        h.ctl("pause", "web")
        h.ctl("abort", "web")
        equal(h.row("web")["state"], "null", "state")
        runs(h)
        h.ctl("pause", "web")
        h.ctl("destroy", "web")
        equal(h.row("web"), None, "the VM")
        for sp, known in h.books().items():
            equal(known, set(), f"VMs that SP {sp} still knows")


def a_vmm_that_hangs_is_no_pause():
    with Host() as h:
        status = runs(h)
        os.kill(status["vmm_pid"], signal.SIGSTOP)
        given_up = h.ctl("pause", "web", check=False)
        equal(given_up.returncode, 1, "exit code")
        expect("in time" in given_up.stderr, "why", given_up.stderr)
        status = h.status("web")
        equal((status["substate"], status["operation_outcome"]), ("running", "timed-out"), "the VM")
        os.kill(status["vmm_pid"], signal.SIGCONT)
        goes_on(h, status["life"])
        h.ctl("pause", "web")
        equal(h.status("web")["operation_outcome"], "-", "outcome")


def a_timeout_leaves_it_under_way():
    with Host() as h:
        status = runs(h)
        os.kill(status["vmm_pid"], signal.SIGSTOP)
        late = h.ctl("pause", "--timeout", "0.1", "web", check=False)
        expect("waits on vmm" in late.stderr, "on what it waits", late.stderr)
        equal(state(h), ("running", "pausing", "pause"), "the VM")
        os.kill(status["vmm_pid"], signal.SIGCONT)
        h.until(lambda: h.status("web")["substate"] == "paused", "it is paused")


def a_new_daemon_finds_it_paused():
    with Host() as h:
        life = runs(h)["life"]
        h.ctl("pause", "web")
        h.kill_daemon()
        h.start_daemon()
        equal(state(h), ("running", "paused", "-"), "the VM, after a crash")
        stands(h, life)
        h.ctl("resume", "web")
        goes_on(h, life)


def a_daemon_that_dies_while_it_pauses_goes_on_with_it():
    with Host() as h:
        status = runs(h)
        os.kill(status["vmm_pid"], signal.SIGSTOP)
        h.ctl("pause", "--no-block", "web")
        equal(state(h), ("running", "pausing", "pause"), "the VM")
        h.kill_daemon()
        os.kill(status["vmm_pid"], signal.SIGCONT)
        h.start_daemon()
        h.until(lambda: h.status("web")["substate"] == "paused", "it is paused")
        h.ctl("resume", "web")
        goes_on(h, status["life"])


def a_vmm_that_dies_while_it_stands_is_an_end():
    with Host() as h:
        pid = runs(h)["vmm_pid"]
        h.ctl("pause", "web")
        os.kill(pid, signal.SIGKILL)
        h.until_state("web", "null")
        equal(h.status("web")["last_end"]["cause"], "vmm-signal", "cause")


if __name__ == "__main__":
    sys.exit(host.main([
        a_guest_stands_and_goes_on,
        each_vcpu_is_shown_with_its_time,
        four_vcpus_stand,
        what_does_not_run_is_not_paused,
        a_stop_lets_it_go_on_first,
        sigterm_lets_it_go_on_first,
        abort_restart_and_destroy_end_it,
        a_vmm_that_hangs_is_no_pause,
        a_timeout_leaves_it_under_way,
        a_new_daemon_finds_it_paused,
        a_daemon_that_dies_while_it_pauses_goes_on_with_it,
        a_vmm_that_dies_while_it_stands_is_an_end,
    ]))
