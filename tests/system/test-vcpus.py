#!/usr/bin/env python3
"""Four vCPUs in four ways of life: what is shown of each, and an end that finds all of them; a guest's clock over a pause."""
import platform
import sys
import time

import host
from host import Host, equal, expect

LAST = 0x100000 + 3 * 64


def runs(h, guest, name="web", **more):
    h.define(name, guest, **more)
    h.ctl("start", name)
    return h.status(name)


def mixed(h):
    """One halts, one waits for a message, one spins, one naps."""
    life = runs(h, "mixed", vcpus={"count": 4})["life"]
    h.until(lambda: h.status("web")["vcpus"] == ["waiting", "waiting", "running", "running"], "each is where it should be")
    return life


def all_is_settled(h):
    for sp, known in h.books().items():
        equal(known, set(), f"VMs that SP {sp} still knows")
    equal(h.memory_files(), [], "memory that is left")


def an_error_on_one_ends_the_others_wherever_they_are():
    with Host() as h:
        life = mixed(h)
        h.until_state("web", "null")
        end = h.status("web")["last_end"]
        equal((end["cause"], end["life"]), ("vcpu-error", life), "the end")
        all_is_settled(h)


def an_abort_finds_them_wherever_they_are():
    with Host() as h:
        mixed(h)
        h.ctl("abort", "web")
        equal(h.status("web")["last_end"]["cause"], "user-abort", "cause")
        all_is_settled(h)


def a_pause_takes_what_runs_alone():
    with Host() as h:
        life = mixed(h)
        h.ctl("pause", "web")
        equal(h.status("web")["vcpus"], ["waiting", "waiting", "preempted", "preempted"], "vCPUs")
        count = h.counter(life, LAST)
        h.ctl("status", "web")
        equal(h.counter(life, LAST), count, "the counter of vCPU 3")
        h.ctl("resume", "web")
        h.until(lambda: h.counter(life, LAST) > count, "vCPU 3 goes on")
        equal(h.status("web")["vcpus"], ["waiting", "waiting", "running", "running"], "vCPUs")


def a_clock_stands_while_its_guest_does():
    """The longest step that the guest ever saw is shorter than the pause was."""
    pause = 4
    with Host() as h:
        life = runs(h, "clock")["life"]
        h.until(lambda: h.counter(life) > 5, "it looks at its clock")
        h.ctl("pause", "web")
        began = time.monotonic()
        h.until(lambda: time.monotonic() > began + pause, "a while")
        count = h.counter(life)
        h.ctl("resume", "web")
        h.until(lambda: h.counter(life) > count + 5, "it goes on")
        longest = h.counter(life, 0x100008) / 1e9
        expect(0.005 < longest < pause, "the longest step of its clock", longest)


if __name__ == "__main__":
    sys.exit(host.main([
        an_error_on_one_ends_the_others_wherever_they_are,
        an_abort_finds_them_wherever_they_are,
        a_pause_takes_what_runs_alone,
        a_clock_stands_while_its_guest_does,
    ] if platform.machine() == "x86_64" else [a_clock_stands_while_its_guest_does]))
