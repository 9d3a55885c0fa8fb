#!/usr/bin/env python3
"""The notifiers of a Trusty-like SP as the host sees them: VM_DESTROYED meets RETRY while a program runs or a time passes.

No vCPU has to run for it: the VMM is the one of tests/unit/fleet, which has no VM. So this needs no KVM.
"""
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

import host
from host import Host, equal, expect

FAKE_VMM = str(host.BUILD / "tests/unit/fleet/fake-vmm")
SPMC = str(host.BUILD / "daemon/spmc/lifecycled-spmc")


@contextlib.contextmanager
def some_host(*notifiers, **options):
    """A host whose one SP registers these notifiers for each VM; `gate` in it is a FIFO that programs may wait at."""
    with tempfile.TemporaryDirectory(prefix="lifecycled-notifiers-", dir="/dev/shm") as name:
        place = pathlib.Path(name)
        os.mkfifo(place / "gate")
        world = {"sps": [{"id": "0x8001", "personality": "trusty", "notifiers": list(notifiers), **options}]}
        (place / "sps.json").write_text(json.dumps(world).replace("PLACE", name))
        with Host(secure=("--sps", str(place / "sps.json"), "--control", "{dir}/control"), options=("--vmm", FAKE_VMM)) as h:
            h.place = place
            h.define("web")
            yield h


def run(script):
    return {"name": "program", "run": ["/bin/sh", "-c", script]}


AT_THE_GATE = run("env > PLACE/environment; read x < PLACE/gate")


def open_gate(h):
    with open(h.place / "gate", "w", encoding="ascii") as gate:  # returns when the program waits there
        gate.write("go\n")


def sp(h):
    return h.inspect()["sps"][0]


def notifier(h, state):
    found = [n for n in sp(h)["notifiers"] if n["state"] == state]
    return found[-1] if found else None


def until_runs(h):
    def it():
        n = notifier(h, "running")
        return n if n and (n["does"] == "hold" or n["pid"]) else None
    return h.until(it, "a notifier runs")


def last_destroyed(h):
    return [e["answer"] for e in sp(h)["log"] if e["message"] == "VM_DESTROYED"][-1]


def command(h, words):
    return subprocess.Popen([SPMC, "--control", f"{h.dir}/control", "--tell", words], stderr=subprocess.PIPE, text=True)


def tell(h, words):
    told = command(h, words)
    return told.wait(host.LIMIT), told.stderr.read()


def peer(h):
    return [p for p in h.json("peers", "web") if p["sp"] == 0x8001][0]


def the_end_of_a_program_lets_destroyed_be_answered_0():
    with some_host(AT_THE_GATE) as h:
        h.ctl("start", "web")
        vm = h.row("web")["ffa_id"]
        equal(notifier(h, "registered")["vm"], vm, "whom it is registered for")
        h.ctl("abort", "--no-block", "web")
        running = until_runs(h)
        equal((running["vm"], running["name"]), (vm, "program"), "the notifier that runs")
        h.until(lambda: peer(h)["tries"] > 5, "it is asked again and again")
        equal(last_destroyed(h), "RETRY", "the answer while the program runs")
        equal((h.row("web")["state"], peer(h)["debt"], peer(h)["reply"]), ("aborting", "destroying", "retry"),
              "the daemon's view while the program runs")
        said = h.ctl("why", "web")
        expect("0x8001" in said and "reply was retry" in said, "why names the SP and what it says", said)
        open_gate(h)
        h.until_state("web", "null")
        equal(last_destroyed(h), "SUCCESS", "the answer when the program has ended")
        equal(notifier(h, "done")["how"], "returned 0", "how it ended")
        environment = (h.place / "environment").read_text().splitlines()
        for line in (f"LIFECYCLED_VM={vm}", "LIFECYCLED_SP=0x8001", "LIFECYCLED_NOTIFIER=program"):
            expect(line in environment, f"{line} is in its environment", environment)


def a_hold_can_be_watched():
    with some_host({"name": "flush", "hold": "1500ms"}) as h:
        h.ctl("start", "web")
        h.ctl("abort", "--no-block", "web")
        running = until_runs(h)
        equal((running["name"], running["does"]), ("flush", "hold"), "the notifier that runs")
        h.until(lambda: peer(h)["reply"] == "retry", "peers shows RETRY")
        said = h.ctl("why", "web")
        expect("0x8001" in said and "reply was retry" in said, "why names the SP and what it says", said)
        view = h.json("partitions", f"--secure-view={h.run}/inspect.sock")
        equal([(e["secure_side"], e["agrees"]) for e in view], [("destroy-notifying", True)], "the two books")
        h.until_state("web", "null")
        expect(notifier(h, "done")["took-ms"] >= 1500, "it took its time", notifier(h, "done"))


def a_failing_notifier_is_reported_and_no_more():
    with some_host(run("exit 3"), {"name": "nowhere", "run": ["/nowhere"]}, {"name": "bad", "hold": "0s", "fails": True},
                   {"name": "killed", "run": ["/bin/sh", "-c", "kill -9 $$"]}, {"name": "last", "run": ["/bin/true"]}) as h:
        h.ctl("start", "web")
        h.ctl("abort", "web")
        h.until_state("web", "null")
        equal([(n["name"], n["state"], n["how"]) for n in sp(h)["notifiers"]],
              [("program", "failed", "returned 3"), ("nowhere", "failed", "not started: No such file or directory"),
               ("bad", "failed", "returned 1"), ("killed", "failed", "killed by signal 9"), ("last", "done", "returned 0")],
              "what is shown of them, in their order")
        equal(sp(h)["notified"], {"ended": 5, "failed": 4, "unregistered": 0}, "what is counted")
        log = (h.dir / "spmc.log").read_text()
        expect("notifier program of VM" in log and "returned 3" in log, "the failure is in the log", log)


def a_program_does_not_outlive_its_sp():
    for event in ("crash", "stop", "restart", "destroy"):
        with some_host(run("sleep 1000 & echo $! > PLACE/child; read x < PLACE/gate")) as h:
            h.ctl("start", "web")
            h.ctl("abort", "--no-block", "web")
            program = os.pidfd_open(until_runs(h)["pid"])
            child = os.pidfd_open(int(h.until(lambda: (h.place / "child").exists() and (h.place / "child").read_text(), "a child")))
            equal(tell(h, f"{event} 0x8001")[0], 0, f"the SP: {event}")
            for what, fd in (("the program", program), ("what it started", child)):
                expect(host.wait_pidfd(fd), f"{what} is killed at {event}")
                os.close(fd)
            h.until_state("web", "null")
            equal(notifier(h, "failed")["how"], "cut short", f"what is shown of it after {event}")


def a_program_is_found_again_by_the_next_secure_side():
    with some_host(AT_THE_GATE) as h:
        h.ctl("start", "web")
        h.ctl("abort", "--no-block", "web")
        pid = until_runs(h)["pid"]
        h.secure.kill()
        h.secure.wait()
        h.start_secure()
        equal(until_runs(h)["pid"], pid, "the program that runs")
        h.until(lambda: peer(h)["reply"] == "retry", "it is asked again")
        open_gate(h)
        h.until_state("web", "null")
        equal(notifier(h, "failed")["how"], "gone, nobody saw how", "what is shown of it")


def a_program_that_died_meanwhile_is_not_waited_for():
    with some_host(AT_THE_GATE) as h:
        h.ctl("start", "web")
        h.ctl("abort", "--no-block", "web")
        pid = until_runs(h)["pid"]
        h.secure.kill()
        h.secure.wait()
        with contextlib.closing(os.fdopen(os.pidfd_open(pid))) as program:
            os.kill(pid, signal.SIGKILL)
            host.wait_pidfd(program.fileno())
        h.start_secure()
        h.until_state("web", "null")
        equal(notifier(h, "failed")["how"], "gone, nobody saw how", "what is shown of it")


def a_program_ends_with_a_secure_side_that_stops():
    with some_host(AT_THE_GATE) as h:
        h.ctl("start", "web")
        h.ctl("abort", "--no-block", "web")
        program = os.pidfd_open(until_runs(h)["pid"])
        h.secure.kill(signal.SIGTERM)
        equal(h.secure.wait(), 0, "it stops")
        expect(host.wait_pidfd(program), "the program is killed")
        os.close(program)
        h.start_secure()
        h.until_state("web", "null")
        equal(notifier(h, "failed")["how"], "cut short", "what is shown of it")


def unregistering_what_runs_waits_for_its_end():
    with some_host(AT_THE_GATE, {"name": "never", "run": ["/bin/touch", "PLACE/never"]}) as h:
        h.ctl("start", "web")
        vm = h.row("web")["ffa_id"]
        h.ctl("abort", "--no-block", "web")
        until_runs(h)
        waiting = command(h, f"notifier 0x8001 {vm} unregister program")
        equal(tell(h, f"notifier 0x8001 {vm} unregister never"), (0, ""), "one that has not run")
        status, why = tell(h, f"notifier 0x8001 {vm} register late hold 1s")
        expect(status == 1 and "bad-state" in why, "none is registered for a VM that goes", why)
        equal(waiting.poll(), None, "who waits while the program runs")
        open_gate(h)
        equal(waiting.wait(host.LIMIT), 0, "who waited, when it has ended")
        status, why = tell(h, f"notifier 0x8001 {vm} unregister program")
        expect(status == 1 and "not-found" in why, "it has run", why)
        h.until_state("web", "null")
        expect(not (h.place / "never").exists(), "what was unregistered in time never ran")


def the_seed_does_not_wait():
    with some_host(AT_THE_GATE, **{"notifier-contract": "seed"}) as h:
        h.ctl("start", "web")
        h.ctl("abort", "--no-block", "web")
        vm = until_runs(h)["vm"]
        status, why = tell(h, f"notifier 0x8001 {vm} unregister program")
        expect(status == 1 and "not-found" in why, "it is in no list", why)
        open_gate(h)
        h.until_state("web", "null")


def registered_by_command_is_called_as_well():
    with some_host() as h:
        h.ctl("start", "web")
        vm = h.row("web")["ffa_id"]
        equal(tell(h, f"notifier 0x8001 {vm} register mine run /bin/touch {h.place}/called"), (0, ""), "it is registered")
        h.ctl("abort", "web")
        h.until_state("web", "null")
        expect((h.place / "called").exists(), "it was called")


def the_pseudo_vm_makes_way_and_comes_again():
    with some_host(**{"host-client": True}) as h:
        view = f"--secure-view={h.run}/inspect.sock"
        for n in range(3):
            h.until(lambda: sp(h)["pseudo-vm"] == "available", "the pseudo-VM is there")
            equal((sp(h)["vms"], h.json("partitions", view)), ([], []), "it is nobody's VM")
            h.ctl("start", "web")
            equal(sp(h)["pseudo-vm"], None, "the pseudo-VM while web runs")
            equal(sp(h)["notified"]["ended"], n + 1, "its notifiers ran")
            h.ctl("abort", "web")
            h.until_state("web", "null")


if __name__ == "__main__":
    sys.exit(host.main([
        the_end_of_a_program_lets_destroyed_be_answered_0,
        a_hold_can_be_watched,
        a_failing_notifier_is_reported_and_no_more,
        a_program_does_not_outlive_its_sp,
        a_program_is_found_again_by_the_next_secure_side,
        a_program_that_died_meanwhile_is_not_waited_for,
        a_program_ends_with_a_secure_side_that_stops,
        unregistering_what_runs_waits_for_its_end,
        the_seed_does_not_wait,
        registered_by_command_is_called_as_well,
        the_pseudo_vm_makes_way_and_comes_again,
    ], needs_kvm=False))
