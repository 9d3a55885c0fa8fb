#!/usr/bin/env python3
"""A guest that calls a secure partition by FF-A, on real KVM: there and back, and through the death of either and of the daemon."""
import os
import re
import signal
import sys

import host
from host import Host, equal, expect, ffa_is_forwarded

BUSY, ABORTED = (f"{number & 0xffffffff:08x}" for number in (-4, -8))
SP = 0x8001


def errors(h, name="ask"):
    """What the guest was answered but responses, in order; 8 digits each."""
    return [word[-8:] for word in re.findall(r"^(?:error|wrong answer) ?([0-9a-f]*)", h.ctl("console", name), re.M)]


def counts(h, name="ask"):
    return h.counter(h.row(name)["life"])


def goes_on(h, name="ask", by=3):
    before = counts(h, name)
    h.until(lambda: counts(h, name) >= before + by, f"{name} counts on")


def asks(h, name="ask"):
    h.define(name, "ask-sp")
    h.ctl("start", name)


def nobody_is_left(h):
    for sp in h.inspect()["sps"]:
        equal((sp["panicked"], sp["vms"]), (False, []), f"panicked, and whom it knows, at {sp['id']}")
    equal(h.memory_files(), [], "memory that is left")


def a_guest_is_served():
    for kind in ("trusty", "optee-spmc", "strict", "hafnium"):
        with Host(secure=("--sp", f"{kind}:0x8001")) as h:
            asks(h)
            if not ffa_is_forwarded():
                return
            goes_on(h, by=50)
            equal(errors(h), [], f"errors at {kind}")
            h.ctl("abort", "ask")
            nobody_is_left(h)


def what_an_sp_suspends_is_run_to_its_end():
    with Host(secure=("--sp", "optee-hafnium:0x8001:preempt=40,yield=40")) as h:
        asks(h)
        if not ffa_is_forwarded():
            return
        goes_on(h, by=100)
        equal(errors(h), [], "errors")
        h.ctl("abort", "ask")
        nobody_is_left(h)


def a_guest_hears_that_an_sp_is_busy():
    with Host(secure=("--sp", "strict:0x8001:busy=12")) as h:  # VM_CREATED meets the first of them
        asks(h)
        if not ffa_is_forwarded():
            return
        goes_on(h)
        expect(set(errors(h)) <= {BUSY}, "what it was told", errors(h))


def two_guests_take_turns():
    with Host(secure=("--sp", "strict:0x8001:delay=2000")) as h:
        asks(h)
        asks(h, "ask-too")
        if not ffa_is_forwarded():
            return
        before = [counts(h, name) for name in ("ask", "ask-too")]
        goes_on(h, by=100)
        one, two = (counts(h, name) - was for name, was in zip(("ask", "ask-too"), before))
        expect(two * 2 > one and one * 2 > two, "both were served alike", one, two)
        equal(errors(h) + errors(h, "ask-too"), [], "errors")
        h.define("web", "beat")
        h.ctl("start", "web")  # and an announce is not behind them
        h.ctl("abort", "ask", "ask-too", "web")
        nobody_is_left(h)


def a_guest_outlives_an_sp():
    with Host(secure=("--sp", "hafnium:0x8001:delay=3000,abort-action=restart")) as h:
        asks(h)
        if not ffa_is_forwarded():
            return
        life = h.row("ask")["life"]
        for _ in range(5):
            goes_on(h)
            os.kill(h.secure.pid, signal.SIGUSR1)
        goes_on(h)
        equal(h.row("ask")["life"], life, "it is the same life")
        expect(set(errors(h)) <= {BUSY, ABORTED}, "what it was told", errors(h))
        h.ctl("abort", "ask")
        nobody_is_left(h)


def calls_outlive_the_daemon():
    with Host(secure=("--sp", "optee-hafnium:0x8001:delay=3000")) as h:
        asks(h)
        if not ffa_is_forwarded():
            return
        life = h.row("ask")["life"]
        for _ in range(5):
            goes_on(h)
            h.kill_daemon()
            h.start_daemon()
        goes_on(h)
        equal(h.row("ask")["life"], life, "it is the same life")
        expect(set(errors(h)) <= {ABORTED, BUSY}, "what a call is answered that was under way", errors(h))
        h.ctl("abort", "ask")
        nobody_is_left(h)


def a_guest_is_ended_under_its_call():
    for how in ("abort", "kill"):
        with Host(secure=("--sp", "strict:0x8001:delay=100000")) as h:
            h.define("ask", "ask-sp", policies={"on-crash": "stop"})
            h.ctl("start", "ask")
            if not ffa_is_forwarded():
                return
            h.until(lambda: h.status("ask")["vcpu_calls"], "its call is out")
            if how == "abort":
                h.ctl("abort", "ask")
            else:
                os.kill(h.status("ask")["vmm_pid"], signal.SIGKILL)
            h.until_state("ask", "null")
            h.until(lambda: not h.memory_files(), "its memory is gone")
            nobody_is_left(h)


def whom_a_vcpu_waits_for_is_shown():
    with Host(secure=("--sp", "strict:0x8001:delay=500000")) as h:
        asks(h)
        if not ffa_is_forwarded():
            return
        status = h.until(lambda: (lambda s: s["vcpu_calls"] and s)(h.status("ask")), "its call is out")
        call = status["vcpu_calls"][0]
        equal((call["vcpu"], call["callee"], call["name"]), (0, SP, ""), "the call")
        equal(status["vcpus"], ["blocked"], "the vCPU")
        h.until(lambda: "vCPU 0 is blocked in a call to secure partition 0x8001 for " in h.ctl("why", "ask"), "why says it")
        h.until(lambda: "vCPU 0 is blocked in a call to secure partition 0x8001 for " in h.ctl("status", "ask"), "status says it")


def also_if_it_is_a_vm():
    with Host() as h:
        h.define("serve", "serve", **{"ffa-id": 0x7001})
        h.define("ask", "ask")
        h.ctl("start", "serve")
        h.ctl("start", "ask")
        if not ffa_is_forwarded():
            return
        goes_on(h)
        h.ctl("pause", "serve")
        call = h.until(lambda: h.status("ask")["vcpu_calls"], "it waits for one that stands")[0]
        equal((call["vcpu"], call["callee"], call["name"]), (0, 0x7001, "serve"), "the call")
        why = h.ctl("why", "ask")
        expect("vCPU 0 is blocked in a call to VM 'serve' for " in why, "why says it", why)
        expect(why.endswith("Who waits for whom:\n    ask is running; its vCPU 0 is blocked in a call to VM 'serve'\n"
                            "      serve is running/paused, and waits for nothing\n"), "and how that one is", why)
        h.ctl("resume", "serve")
        goes_on(h)


if __name__ == "__main__":
    sys.exit(host.main([
        a_guest_is_served,
        what_an_sp_suspends_is_run_to_its_end,
        a_guest_hears_that_an_sp_is_busy,
        two_guests_take_turns,
        a_guest_outlives_an_sp,
        calls_outlive_the_daemon,
        a_guest_is_ended_under_its_call,
        whom_a_vcpu_waits_for_is_shown,
        also_if_it_is_a_vm,
    ]))
