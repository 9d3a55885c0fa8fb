#!/usr/bin/env python3
"""A message that an SP was interrupted in stays open there until FFA_RUN. Whoever dies between: the message is done once, and
nobody is run who does not wait for it. An idle OP-TEE panics on that.
"""
import contextlib
import sys

import host
from host import Host, equal, expect
from wire import Wire

PREEMPTED = 1000  # every message is, once
CUTS = [(kind, point) for kind in ("optee-hafnium", "strict") for point in ("interrupt", "run", "answer")]


@contextlib.contextmanager
def wired(*kinds, more=""):
    """A host whose SPs are interrupted in every message, and the wire to them. `more`: options of the last one."""
    sps = [w for n, kind in enumerate(kinds) for w in ("--sp", f"{kind}:0x800{n + 1}:preempt={PREEMPTED}")]
    sps[-1] += more
    with Host(secure=tuple(sps), daemon=False) as h:
        wire = Wire(h.run / "wire.sock", h.run / "spmc.sock")
        h.options = ["--secure", str(h.run / "wire.sock")]
        try:
            h.start_daemon()
            yield h, wire
            expect(not wire.broken, "the relay works", wire.broken)
        finally:
            wire.close()


def cut(h, wire, point, message, dies, *words):
    """Does what `words` say, to be cut off at that frame; then there is a daemon, or a link, again."""
    wire.victim = h.daemon.pid if dies else None
    wire.was_cut.clear()
    wire.cut_at = (point, message)
    h.ctl(*words)
    expect(wire.was_cut.wait(host.LIMIT), f"it came to {point} of {message}", wire.broken, wire.runs)
    if dies:
        equal(h.daemon.wait(), -9, "exit status of the daemon")
        h.kill_daemon()
        h.start_daemon()


def check_runs(h, wire):
    """FFA_RUN was sent for what was open alone, by the wire's account and by the SPs'."""
    expect(wire.runs and all(message for _, message in wire.runs), "each FFA_RUN was for an open call", wire.runs)
    for sp in h.inspect()["sps"]:
        equal((sp["panicked"], sp["open"]), (False, False), f"panicked, and open, at {sp['id']}")


def objects(h):
    return [{vm["id"]: vm["objects"] for vm in sp["vms"]} for sp in h.inspect()["sps"]]


def answered(h, message):
    """How often each SP did it."""
    return [sum(e["message"] == message and e["answer"] == "SUCCESS" for e in sp["log"]) for sp in h.inspect()["sps"]]


def an_open_birth_is_done_once(dies):
    for kind, point in host.check.some(CUTS):
        with wired(kind) as (h, wire):
            h.define("web", "silent")
            cut(h, wire, point, "VM_CREATED", dies, "start", "--no-block", "web")
            h.until_state("web", "running")
            known = [{h.row("web")["ffa_id"]: 1}]
            equal(objects(h), known, f"what {kind} has of web, cut at {point}")
            check_runs(h, wire)
            h.ctl("abort", "web")
            h.until_state("web", "null")
            equal(objects(h), [{}], f"what {kind} has when web is gone, cut at {point}")
            check_runs(h, wire)


def an_open_end_is_done_once(dies):
    for kind, point in host.check.some(CUTS):
        with wired(kind) as (h, wire):
            h.define("web", "silent")
            h.ctl("start", "web")
            cut(h, wire, point, "VM_DESTROYED", dies, "abort", "--no-block", "web")
            h.until_state("web", "null")
            equal(objects(h), [{}], f"what {kind} has when web is gone, cut at {point}")
            equal(answered(h, "VM_CREATED"), [1], f"births that {kind} took")
            check_runs(h, wire)


def a_daemon_that_dies_in_an_open_birth_lets_it_be_done_once():
    an_open_birth_is_done_once(dies=True)


def a_daemon_that_dies_in_an_open_end_lets_it_be_done_once():
    an_open_end_is_done_once(dies=True)


def a_link_that_breaks_in_an_open_birth_lets_it_be_done_once():
    an_open_birth_is_done_once(dies=False)


def a_link_that_breaks_in_an_open_end_lets_it_be_done_once():
    an_open_end_is_done_once(dies=False)


def only_the_open_call_is_run():
    """Two SPs, one of them in the middle of a message: the other, idle, must not be run by the daemon that comes after."""
    with wired("optee-hafnium", "optee-el3", more=",subscribe=created,preempt=0") as (h, wire):
        h.define("db", "silent")
        h.define("web", "silent")
        h.ctl("start", "db", "web")
        db, web = (h.row(name)["ffa_id"] for name in ("db", "web"))
        before = len(wire.runs)
        cut(h, wire, "interrupt", "VM_DESTROYED", True, "abort", "--no-block", "web")
        h.until_state("web", "null")
        equal(objects(h), [{db: 1}, {db: 1, web: 1}], "what both SPs have; the second does not want to hear of ends")
        equal([sp for sp, _ in wire.runs[before:]], [0x8001], "who was run")
        check_runs(h, wire)


if __name__ == "__main__":
    sys.exit(host.main([
        a_daemon_that_dies_in_an_open_birth_lets_it_be_done_once,
        a_daemon_that_dies_in_an_open_end_lets_it_be_done_once,
        a_link_that_breaks_in_an_open_birth_lets_it_be_done_once,
        a_link_that_breaks_in_an_open_end_lets_it_be_done_once,
        only_the_open_call_is_run,
    ]))
