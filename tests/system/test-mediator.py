#!/usr/bin/env python3
"""Guests that call each other by FF-A, on real KVM: direct requests there and back, through deaths of either and of the daemon."""
import os
import re
import sys

import host
from host import Host, equal, expect, ffa_is_forwarded

SERVER = {"ffa-id": 0x7001, "policies": {"on-crash": "restart"}}
STAYS_DOWN = {"on-poweroff": "stop", "on-reboot": "stop", "on-crash": "stop"}
NOT_SUPPORTED, INVALID, BUSY, ABORTED = (f"{number & 0xffffffff:08x}" for number in (-1, -2, -4, -8))


def console(h, name):
    return h.ctl("console", name)


def errors(h):
    """What `ask` was answered but responses, in order; 8 digits each."""
    return [word[-8:] for word in re.findall(r"^error ([0-9a-f]+)", console(h, "ask"), re.M)]


def goes_on(h, name):
    life = h.row(name)["life"]
    before = h.counter(life)
    h.until(lambda: h.counter(life) > before + 3, f"{name} counts on")


def pair(h):
    h.define("serve", "serve", **SERVER)
    h.define("ask", "ask")
    h.ctl("start", "serve")
    h.ctl("start", "ask")


def a_guest_learns_who_it_is():
    with Host() as h:
        h.define("ffa", "ffa", **{"ffa-id": 0x123}, policies=STAYS_DOWN)
        h.ctl("start", "--no-block", "ffa")
        h.until_state("ffa", "null")
        said = dict(re.findall(r"^(FFA_[A-Z_]+[^:]*): ([0-9a-f]+)$", console(h, "ffa"), re.M))
        said = {name: value[-8:] for name, value in said.items()}
        if not ffa_is_forwarded():
            expect(set(said.values()) <= {NOT_SUPPORTED, "00000000"}, "without a filter nothing is supported", said)
            return
        equal(said["FFA_ID_GET before a version"], NOT_SUPPORTED, "a call before a version")
        equal(said["FFA_VERSION"], "00010002", "our version")
        equal(said["FFA_ID_GET"], "00000123", "its id")
        equal(said["FFA_PARTITION_INFO_GET_REGS"], "00020002", "the last index of two SPs and itself, and the last told")
        equal(said["FFA_FIRST"], "00018001", "an SP with one execution context")
        equal(said["FFA_MEM_SHARE"], NOT_SUPPORTED, "memory sharing")
        equal(said["FFA_PARTITION_INFO_GET without RX"], BUSY, "a list that has nowhere to go")
        equal(said["FFA_PARTITION_INFO_GET"], "00000003", "two SPs and itself")
        equal(said["FFA_THIRD"], "00010123", "itself, with one vCPU, in its RX buffer")
        equal(said["FFA_PARTITION_INFO_GET with RX full"], BUSY, "a list before the last one was read")
        equal(said["FFA_RX_RELEASE"], "84000061", "the buffer given back")


def guests_talk():
    with Host() as h:
        pair(h)
        if not ffa_is_forwarded():
            equal(h.row("ask")["state"], "running", "a guest that nobody answers")
            return
        goes_on(h, "serve")
        goes_on(h, "ask")
        before = len(errors(h))  # until the other one waited
        for _ in range(20):
            goes_on(h, "ask")
        equal(errors(h)[before:], [], "errors once they talk")
        states = h.status("ask")["vcpus"]
        equal(len(states), 1, "vCPUs that are shown")
        h.ctl("abort", "ask", "serve")
        equal(h.memory_files(), [], "memory that is left")


def a_caller_outlives_its_callee():
    with Host() as h:
        pair(h)
        if not ffa_is_forwarded():
            return
        goes_on(h, "ask")
        life = h.row("ask")["life"]
        h.ctl("abort", "serve")
        h.until(lambda: INVALID in errors(h), "nobody is there")
        expect(set(errors(h)) <= {ABORTED, BUSY, INVALID}, "what it was told", errors(h))
        h.ctl("start", "serve")
        goes_on(h, "ask")
        equal(h.row("ask")["life"], life, "it is the same life")


def a_callee_that_is_killed_takes_nobody_with_it():
    with Host() as h:
        pair(h)
        if not ffa_is_forwarded():
            return
        for _ in range(3):
            goes_on(h, "ask")
            os.kill(h.status("serve")["vmm_pid"], 9)
            h.until(lambda: h.row("serve")["state"] == "running" and h.status("serve")["vmm_pid"], "serve is back")
        goes_on(h, "ask")
        expect(set(errors(h)) <= {ABORTED, BUSY, INVALID}, "what it was told", errors(h))


def calls_outlive_the_daemon():
    with Host() as h:
        pair(h)
        if not ffa_is_forwarded():
            return
        lives = {name: h.row(name)["life"] for name in ("ask", "serve")}
        for _ in range(5):
            goes_on(h, "ask")
            h.kill_daemon()
            h.start_daemon()
        goes_on(h, "ask")
        goes_on(h, "serve")
        equal({name: h.row(name)["life"] for name in lives}, lives, "lives")
        expect(set(errors(h)) <= {ABORTED, BUSY}, "what a call is answered that was under way", errors(h))


def messages_go_from_buffer_to_buffer():
    with Host() as h:
        h.define("box", "box", **SERVER)
        h.define("post", "post")
        h.ctl("start", "box")
        h.ctl("start", "post")
        if not ffa_is_forwarded():
            return
        goes_on(h, "post")
        goes_on(h, "box")
        life, killed = h.row("post")["life"], h.row("box")["life"]
        os.kill(h.status("box")["vmm_pid"], 9)
        h.until(lambda: (h.row("box")["life"] or killed) != killed, "box has another life")
        h.until_state("box", "running")
        for _ in range(3):
            goes_on(h, "box")
            goes_on(h, "post")
            h.kill_daemon()
            h.start_daemon()
        goes_on(h, "box")
        goes_on(h, "post")
        equal(h.row("post")["life"], life, "it is the same life")
        expect("bad" not in console(h, "box"), "each message came, and in order", console(h, "box"))


if __name__ == "__main__":
    sys.exit(host.main([
        a_guest_learns_who_it_is,
        guests_talk,
        a_caller_outlives_its_callee,
        a_callee_that_is_killed_takes_nobody_with_it,
        calls_outlive_the_daemon,
        messages_go_from_buffer_to_buffer,
    ]))
