#!/usr/bin/env python3
"""Guests that notify each other by FF-A, on real KVM: set, waited for and taken, through deaths of either and of the daemon."""
import os
import re
import sys

import host
from host import Host, equal, expect, ffa_is_forwarded

BELL = {"ffa-id": 0x7002, "notifications": True}
RING = {"ffa-id": 0x7003, "policies": {"on-crash": "restart"}}
INVALID, DENIED = (f"{number & 0xffffffff:08x}" for number in (-2, -6))
QUIET, EMPTY = 8, 16  # counters of `bell` beside the one of what it took


def errors(h, name):
    """What it was answered but success, in order; 8 digits each."""
    return [word[-8:] for word in re.findall(r"^error ([0-9a-f]+)", h.ctl("console", name), re.M)]


def count(h, name, which=0):
    return h.counter(h.row(name)["life"], 0x100000 + which)


def goes_on(h, name):
    before = count(h, name)
    h.until(lambda: count(h, name) > before + 3, f"{name} counts on")


def pair(h):
    h.define("bell", "bell", **BELL)
    h.define("ring", "ring", **RING)
    h.ctl("start", "bell", "ring")
    if not ffa_is_forwarded():
        return False
    h.until(lambda: "bound" in h.ctl("console", "bell"), "bell has bound its notification")
    return True


def says_nothing_wrong(h):
    expect("wrong" not in h.ctl("console", "bell"), "what bell took", h.ctl("console", "bell"))


def what_is_set_is_waited_for_and_taken():
    with Host() as h:
        if not pair(h):
            return
        for _ in range(20):
            goes_on(h, "bell")
        goes_on(h, "ring")
        expect(count(h, "bell") <= count(h, "ring") + 1, "no more is taken than was set", (count(h, "bell"), count(h, "ring")))
        equal((count(h, "bell", QUIET), count(h, "bell", EMPTY)), (0, 0), "bell is run for nothing, or finds nothing")
        expect(set(errors(h, "bell")) <= {INVALID} and set(errors(h, "ring")) <= {INVALID, DENIED}, "before they were bound",
               (errors(h, "bell"), errors(h, "ring")))
        says_nothing_wrong(h)


def bindings_and_what_is_pending_outlive_the_daemon():
    with Host() as h:
        if not pair(h):
            return
        before = errors(h, "ring")
        lives = {name: h.row(name)["life"] for name in ("bell", "ring")}
        for _ in range(5):
            goes_on(h, "bell")
            h.kill_daemon()
            h.start_daemon()
        goes_on(h, "bell")
        goes_on(h, "ring")
        equal({name: h.row(name)["life"] for name in lives}, lives, "lives")
        equal(errors(h, "ring"), before, "nothing that was bound is not bound any more")
        says_nothing_wrong(h)


def a_sender_that_died_is_bound_no_more():
    with Host() as h:
        if not pair(h):
            return
        goes_on(h, "bell")
        os.kill(h.status("ring")["vmm_pid"], 9)
        h.until(lambda: errors(h, "ring")[-1:] == [DENIED], "the next life of ring, which has the same id, is a stranger")
        before = count(h, "bell")
        h.until(lambda: h.row("ring")["state"] == "running", "ring runs")
        expect(count(h, "bell") <= before + 1, "bell hears no stranger", (before, count(h, "bell")))
        says_nothing_wrong(h)


def a_receiver_that_died_has_bound_nothing():
    with Host() as h:
        if not pair(h):
            return
        goes_on(h, "bell")
        life = h.row("ring")["life"]
        h.ctl("abort", "bell")
        h.until(lambda: errors(h, "ring")[-1:] == [INVALID], "nobody is there")
        h.ctl("start", "bell")
        goes_on(h, "bell")
        equal(h.row("ring")["life"], life, "ring is the same life")


if __name__ == "__main__":
    sys.exit(host.main([
        what_is_set_is_waited_for_and_taken,
        bindings_and_what_is_pending_outlive_the_daemon,
        a_sender_that_died_is_bound_no_more,
        a_receiver_that_died_has_bound_nothing,
    ]))
