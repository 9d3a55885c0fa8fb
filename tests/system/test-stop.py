#!/usr/bin/env python3
"""Stopping guests on real KVM: those that obey their power key, those that ignore it, and those that have none."""
import os
import signal
import sys

import host
from host import Host, equal, expect

EAGER = {"on-poweroff": "restart", "on-reboot": "restart", "on-crash": "restart"}  # a stop is stronger than these
PATIENT = {"stop-timeout": "24h"}


def runs(h, guest, name="web", **more):
    """A guest that runs, and listens if it ever will; its VMM's pid."""
    h.define(name, guest, policies=EAGER, **more)
    h.ctl("start", name)
    if guest != "silent":
        h.until(lambda: "listens" in h.ctl("console", name), f"{guest} listens")
    return h.status(name)["vmm_pid"]


def was_stopped(h, text, name="web"):
    h.until_state(name, "null")
    end = h.status(name)["last_end"]
    equal(end["cause"], "user-stop", "cause")
    expect(text in end["text"], f"the end says '{text}'", end)
    equal(h.row(name)["operation"], "-", "operation: nothing starts it again")
    for sp, known in h.books().items():
        equal(known, set(), f"VMs that SP {sp} still knows")
    equal(h.memory_files(), [], "memory that is left")


def waits_for_its_guest(h):
    h.until(lambda: h.status("web")["waits"]["on"] == "guest", "it waits on its guest")
    equal(h.row("web")["operation"], "stop", "operation")
    equal(h.row("web")["state"], "running", "state")


def a_guest_that_obeys_is_stopped():
    with Host() as h:
        runs(h, "obey")
        equal(h.ctl("stop", "web"), "web: has no life\n", "what stop says")
        was_stopped(h, "power key was pressed")


def a_deaf_guest_runs_on_and_stop_says_so():
    with Host() as h:
        runs(h, "silent")
        refused = h.ctl("stop", "web", check=False)
        equal(refused.returncode, 19, "exit code")
        expect("listens to no power key" in refused.stderr and "abort" in refused.stderr, "why, and what to do", refused)
        status = h.status("web")
        equal((status["state"], status["operation"], status["operation_outcome"]), ("running", "-", "unheard"), "the VM")
        expect("operation stop over: unheard" in h.ctl("monitor", "--no-follow"), "followers are told", h.ctl("monitor", "--no-follow"))
        h.kill_daemon()
        h.start_daemon()
        equal(h.status("web")["operation_outcome"], "unheard", "outcome, after a crash")
        h.ctl("abort", "web")
        equal(h.status("web")["last_end"]["cause"], "user-abort", "cause")


def a_guest_that_ignores_it_is_ended_in_time():
    with Host() as h:
        runs(h, "ignore", limits={"stop-timeout": "1s"})
        h.ctl("stop", "web")
        was_stopped(h, "limits.stop-timeout")


def a_vmm_that_hangs_does_not_hold_up_a_stop():
    with Host() as h:
        os.kill(runs(h, "obey", limits={"stop-timeout": "1s"}), signal.SIGSTOP)
        h.ctl("stop", "web")
        was_stopped(h, "limits.stop-timeout")


def what_is_asked_meanwhile_goes_by_rank():
    with Host() as h:
        runs(h, "ignore", limits=PATIENT)
        h.ctl("stop", "--no-block", "web")
        waits_for_its_guest(h)
        h.ctl("stop", "--no-block", "web")  # the same again
        for weaker in ("start", "restart"):
            refused = h.ctl(weaker, "web", check=False)
            equal(refused.returncode, 7, f"exit code of {weaker}")
            expect("its stop is under way" in refused.stderr, "why", refused.stderr)
        h.ctl("abort", "web")
        equal(h.status("web")["last_end"]["cause"], "user-abort", "cause")


def sigterm_to_a_vmm_is_a_stop():
    with Host() as h:
        os.kill(runs(h, "obey"), signal.SIGTERM)
        was_stopped(h, "power key was pressed")
        os.kill(runs(h, "silent"), signal.SIGTERM)
        was_stopped(h, "listens to no power key")
        pid = runs(h, "ignore", limits=PATIENT)
        os.kill(pid, signal.SIGTERM)
        waits_for_its_guest(h)
        os.kill(pid, signal.SIGTERM)
        was_stopped(h, "twice")
        os.kill(runs(h, "ignore", limits={"stop-timeout": "1s"}), signal.SIGTERM)
        was_stopped(h, "limits.stop-timeout")


def sigterm_is_a_stop_without_a_daemon():
    for guest, text in (("obey", "power key was pressed"), ("silent", "listens to no power key")):
        with Host() as h:
            pid = runs(h, guest)
            pidfd = os.pidfd_open(pid)
            h.kill_daemon()
            os.kill(pid, signal.SIGTERM)
            expect(host.wait_pidfd(pidfd), "the VMM goes by itself")
            os.close(pidfd)
            h.start_daemon()
            was_stopped(h, text)


def a_new_daemon_goes_on_with_a_stop():
    with Host() as h:
        runs(h, "ignore", limits=PATIENT)
        h.ctl("stop", "--no-block", "web")
        waits_for_its_guest(h)
        until = h.status("web")["waits"]["until_monotonic_us"]
        h.kill_daemon()
        h.start_daemon()
        waits_for_its_guest(h)
        equal(h.status("web")["waits"]["until_monotonic_us"], until, "until when, after a crash")
        h.ctl("abort", "web")


def a_new_daemon_learns_of_a_stop():
    with Host() as h:
        pid = runs(h, "ignore", limits=PATIENT)
        h.kill_daemon()
        os.kill(pid, signal.SIGTERM)
        h.start_daemon()
        waits_for_its_guest(h)
        h.ctl("abort", "web")


if __name__ == "__main__":
    sys.exit(host.main([
        a_guest_that_obeys_is_stopped,
        a_deaf_guest_runs_on_and_stop_says_so,
        a_guest_that_ignores_it_is_ended_in_time,
        a_vmm_that_hangs_does_not_hold_up_a_stop,
        what_is_asked_meanwhile_goes_by_rank,
        sigterm_to_a_vmm_is_a_stop,
        sigterm_is_a_stop_without_a_daemon,
        a_new_daemon_goes_on_with_a_stop,
        a_new_daemon_learns_of_a_stop,
    ]))
