#!/usr/bin/env python3
"""FF-A ids of the real daemon: who gets which, what is said when there is none, and what an operator may give up.

No vCPU has to run for it: the VMM is the one of tests/unit/fleet, which has no VM. So this needs no KVM.
"""
import os
import re
import signal
import sys

import host
from host import Host, equal, expect

FAKE_VMM = str(host.BUILD / "tests/unit/fleet/fake-vmm")
STUCK = ("--sp", "trusty:0x8001:stuck=1", "--sp", "optee:0x8002")
NO_SUCH_VM, NO_FREE_ID, ILLEGAL, INVALID, USAGE = 4, 9, 7, 12, 2


def some_host(ids="0x10-0x10", secure=STUCK):
    return Host(secure=secure, options=("--vmm", FAKE_VMM, "--ids", ids))


def burned(h):
    return [(p["id"], p["sp"], p["life"]) for p in h.json("partitions") if p["kind"] == "burned"]


def get_stuck(h, name="web"):
    """Its life, over, with an SP that never takes the end."""
    h.define(name)
    h.ctl("start", name)
    life = h.row(name)["life"]
    h.ctl("abort", "--no-block", name)
    h.until(lambda: h.row(name)["secure_stuck"], f"{name} is stuck at an SP")
    return life


def a_start_is_told_why_there_is_no_id():
    with some_host(secure=("--sp", "strict:0x8001")) as h:
        h.define("web")
        h.define("db")
        h.ctl("start", "web")
        h.define("fixed", **{"ffa-id": 0x10})
        equal(h.row("web")["ffa_id"], 0x10, "the only id there is")
        for name in ("db", "fixed"):
            refused = h.ctl("start", name, check=False)
            equal(refused.returncode, NO_FREE_ID, f"exit code of start {name}")
            expect("1 live, 0 settle" in refused.stderr or "of web, which goes on" in refused.stderr,
                   "it is said who has it", refused.stderr)
        beyond = h.ctl("define", "-", check=False,
                       text='{ "name": "far", "memory": { "size": "2M" }, "kernel": "/k", "ffa-id": 17 }')
        expect("not this daemon's to give: take one of 16-16" in beyond.stderr, "ffa-id beyond --ids", beyond.stderr)


def an_operator_forgets_and_the_id_stays_burned():
    with some_host() as h:
        life = get_stuck(h)
        equal(h.ctl("forget", "web", check=False).returncode, USAGE, "exit code without --force")
        equal(h.memory_files(), [str(life)], "memory of a life that is stuck")
        refused = h.ctl("forget", "web", "0x8002", "--force", check=False)
        equal(refused.returncode, ILLEGAL, "exit code where nothing is owed")
        h.ctl("forget", "web", "0x8001", "--force", "--if-life", life)
        h.until_state("web", "null")
        equal(h.memory_files(), [], "memory of a life that was forgotten")
        equal(burned(h), [(0x10, 0x8001, life)], "what is burned")
        expect(f"uid {os.geteuid()} had life {life} of web, id 0x0010, forgotten" in h.daemon.log(), "the journal has it",
               h.daemon.log())
        equal(h.books()["0x8001"], {0x10}, "what the SP still knows")
        equal(h.ctl("partitions", f"--secure-view={h.run}/inspect.sock", check=False).returncode, 0,
              "what is burned is no difference of the two books")
        h.kill_daemon()
        h.start_daemon()
        equal(burned(h), [(0x10, 0x8001, life)], "what is burned, for a daemon that came after")
        h.until(lambda: any(p["kind"] == "sp" and p["state"] == "ok" for p in h.json("partitions")), "the SPs are met")
        refused = h.ctl("start", "web", check=False)
        equal(refused.returncode, NO_FREE_ID, "exit code of a start without an id")
        expect("1 burned" in refused.stderr, "it is said what became of the id", refused.stderr)
        os.kill(h.secure.pid, signal.SIGUSR1)  # the first SP is another instance
        h.until(lambda: not burned(h), "the id is free again")
        h.ctl("start", "web")
        equal(h.row("web")["ffa_id"], 0x10, "the id that was burned")


def a_life_whose_vm_is_gone_is_named_by_its_number():
    with some_host("0x10-0x11") as h:
        h.define("web", policies={"on-stuck": "new-id"})
        h.ctl("start", "web")
        first = h.row("web")
        old = first["life"]
        h.ctl("restart", "web", "--timeout", "30")
        now = h.row("web")
        expect(now["life"] > old and now["ffa_id"] != first["ffa_id"] and now["old_lives"] == 1, "it went on with another id", now)
        h.ctl("destroy", "--no-block", "web")
        h.until(lambda: h.row("web")["secure_stuck"], "the second life is stuck, too")
        refused = h.ctl("forget", "web", "--force", check=False)
        equal(refused.returncode, INVALID, "exit code where two lives are called web")
        h.ctl("forget", now["life"], "--force")
        h.until(lambda: not h.row("web"), "the VM is gone")
        h.until(lambda: h.memory_files() == [str(old)], "the memory of the old life is all there is")
        equal(h.ctl("forget", "web", "--force", check=False).returncode, NO_SUCH_VM, "exit code of a VM that is gone")
        h.kill_daemon()
        h.start_daemon()
        h.until(lambda: h.ctl("forget", old, "--force", check=False).returncode == 0, "the number alone names it")
        h.until(lambda: not h.memory_files(), "its memory is back")
        equal(sorted(burned(h)), sorted([(first["ffa_id"], 0x8001, old), (now["ffa_id"], 0x8001, now["life"])]),
              "what is burned")


def an_empty_log_begins_at_a_random_id_and_says_so():
    with some_host("0x100-0x1ff", secure=("--sp", "strict:0x8001")) as h:
        at = int(re.search(r"random place, 0x([0-9a-f]{4})", h.daemon.log())[1], 16)
        h.kill_daemon()
        h.start_daemon()
        h.define("web")
        h.ctl("start", "web")
        equal(h.row("web")["ffa_id"], at, "the first id, given out by the daemon after")


if __name__ == "__main__":
    sys.exit(host.main([
        a_start_is_told_why_there_is_no_id,
        an_operator_forgets_and_the_id_stays_burned,
        a_life_whose_vm_is_gone_is_named_by_its_number,
        an_empty_log_begins_at_a_random_id_and_says_so,
    ], needs_kvm=False))
