#!/usr/bin/env python3
"""The notification bitmap of a VM at the SPMC: made before it runs, taken back before its end is told, over crashes of all.

No vCPU has to run for it: the VMM is the one of tests/unit/fleet, which has no VM. So this needs no KVM.
"""
import os
import signal
import sys

import host
from host import Host, equal, expect

FAKE_VMM = str(host.BUILD / "tests/unit/fleet/fake-vmm")
SPMC = 0x8000


def some_host(*secure):
    return Host(secure=secure or ("--sp", "optee:0x8001", "--sp", "strict:0x8002"), options=("--vmm", FAKE_VMM))


def bitmaps(h):
    return set(h.inspect()["bitmaps"])


def debt(h, name="web"):
    found = [p for p in h.json("peers", name) if p["sp"] == SPMC]
    return (found[0]["debt"], found[0]["how"]) if found else None


def a_vm_has_one_while_it_lives_if_it_asks():
    with some_host() as h:
        h.define("web", notifications=True)
        h.define("plain")
        for name in ("web", "plain"):
            h.ctl("start", name)
        equal(bitmaps(h), {h.row("web")["ffa_id"]}, "who has a bitmap")
        equal(debt(h), ("known", "answered-0"), "what web owes the SPMC")
        equal(debt(h, "plain"), None, "what plain owes it")
        equal([(p["id"], p["owed"]) for p in h.json("partitions") if p["kind"] == "spmc"], [(SPMC, 1)], "the SPMC is listed")
        equal(h.ctl("partitions", f"--secure-view={h.run}/inspect.sock", check=False).returncode, 0, "both books agree")
        h.ctl("abort", "web")
        h.until_state("web", "null")
        equal(bitmaps(h), set(), "bitmaps of a life that is over")
        said = h.ctl("trace", "0x8000")
        expect("FFA_NOTIFICATION_BITMAP_CREATE" in said and "FFA_NOTIFICATION_BITMAP_DESTROY" in said, "the trace has it", said)


def where_there_are_no_notifications_nothing_is_owed():
    with some_host("--sp", "strict:0x8001", "--spmc", "el3") as h:
        h.define("web", notifications=True)
        h.ctl("start", "web")
        equal((h.row("web")["state"], debt(h), bitmaps(h)), ("running", None, set()), "web, and what it owes")
        h.ctl("abort", "web")
        h.until_state("web", "null")


def it_outlives_a_daemon_and_is_paid_by_the_next():
    with some_host() as h:
        h.define("web", notifications=True)
        h.ctl("start", "web")
        vm = h.row("web")["ffa_id"]
        h.kill_daemon()
        equal(bitmaps(h), {vm}, "the bitmap, without a daemon")
        h.start_daemon()
        h.until(lambda: debt(h) == ("known", "answered-0"), "the next daemon knows of it")
        h.ctl("abort", "web")
        h.until_state("web", "null")
        equal(bitmaps(h), set(), "bitmaps in the end")


def another_secure_world_gets_it_anew():
    with some_host() as h:
        h.define("web", notifications=True)
        h.ctl("start", "web")
        vm = h.row("web")["ffa_id"]
        before = h.inspect()["instance"]
        os.kill(h.secure.pid, signal.SIGHUP)
        h.until(lambda: h.inspect()["instance"] != before and bitmaps(h) == {vm}, "the new world has the bitmap")
        h.until(lambda: debt(h) == ("known", "answered-0"), "and the daemon knows")


def why_names_the_spmc_and_it_can_be_forgotten():
    with some_host() as h:
        h.define("web", notifications=True)
        h.ctl("start", "web")
        life = h.row("web")["life"]
        h.secure.kill()
        h.secure.wait()
        h.ctl("abort", "--no-block", "web")
        h.until(lambda: h.row("web")["secure_stuck"], "web is stuck", seconds=host.LIMIT)
        h.ctl("forget", "web", "0x8000", "--force", "--if-life", life)
        equal(debt(h), ("settled", "operator-forgot"), "what web owes the SPMC")
        equal([(p["id"], p["sp"]) for p in h.json("partitions") if p["kind"] == "burned"],
              [(h.row("web")["ffa_id"], SPMC)], "its id is burned there")


if __name__ == "__main__":
    sys.exit(host.main([
        a_vm_has_one_while_it_lives_if_it_asks,
        where_there_are_no_notifications_nothing_is_owed,
        it_outlives_a_daemon_and_is_paid_by_the_next,
        another_secure_world_gets_it_anew,
        why_names_the_spmc_and_it_can_be_forgotten,
    ], needs_kvm=False))
