#!/usr/bin/env python3
"""Another boot of the host: lives of the one before are over, and what they owe is paid, to a secure world that was kept (kexec)
or settled with one that was not.

The log is made one of another boot; processes, guest memory and the runtime directory go with the boot. No vCPU has to run
for it: the VMM is the one of tests/unit/fleet.
"""
import os
import shutil
import signal
import sys

import host
import logs
from host import Host, equal, expect

FAKE_VMM = str(host.BUILD / "tests/unit/fleet/fake-vmm")
NO_FREE_ID = 9
DESTROYED = "VM_DESTROYED"


def some_host(ids="0x10-0x20", **more):
    return Host(options=("--vmm", FAKE_VMM, "--ids", ids), **more)


def runs(h, *names):
    for name in names:
        h.define(name, policies={"on-crash": "restart"})
        h.ctl("start", name)


def boot(h, keeps_secure_world, start=True):
    """All that does not outlive a boot goes; the state directory, on a disk, stays."""
    h.kill_daemon()
    for pid in list(h.vmm_pids()):
        os.kill(pid, signal.SIGKILL)
    h.until(lambda: not list(h.vmm_pids()), "the VMMs are dead")
    shutil.rmtree(h.dir / "memory")
    shutil.rmtree(h.run / "lives")
    if not keeps_secure_world:
        h.secure.kill()
        h.secure.wait()
        h.secure.close()
        (h.dir / "spmc.state").unlink()
        h.start_secure()
    logs.changed(h.dir / "state/log", logs.of_another_boot)
    if start:
        h.start_daemon()


def debts(h):
    """How each debt was settled, by the log: {(SP, life): how}."""
    return {(c["sp"], c["life"]): c["how"] for turn in logs.read(h.dir / "state/log") for c in turn["changes"]
            if c["kind"] == "debt" and c["state"] == "settled"}


def destroyed(h):
    """What SPs were told of ends, with their answers."""
    return [entry["answer"] for sp in h.inspect()["sps"] for entry in sp["log"] if entry["message"] == DESTROYED]


def all_is_settled(h, *names):
    h.until(lambda: all(h.row(name)["state"] == "null" for name in names), "their lives have settled")
    for name in names:
        end = h.status(name)["last_end"]
        equal((end["cause"], end["text"]), ("host-reboot", "the host was started again"), "the last end")
    for sp, known in h.books().items():
        equal(known, set(), f"VMs that SP {sp} still knows")
    equal(h.memory_files(), [], "memory")


def what_is_owed_to_a_kept_secure_world_is_paid():
    with some_host() as h:
        runs(h, "web", "db")
        lives = {h.row(name)["life"] for name in ("web", "db")}
        instance = h.inspect()["instance"]
        boot(h, keeps_secure_world=True)
        all_is_settled(h, "web", "db")
        equal(h.inspect()["instance"], instance, "it is the same secure world")
        equal(debts(h), {(sp, life): "answered-0" for sp in (0x8001, 0x8002) for life in lives}, "how it was settled")
        equal(destroyed(h).count("SUCCESS"), 4, "ends that SPs took: each once")
        h.ctl("start", "web")  # and a new life is like any other
        equal(len(h.books()["0x8001"]), 1, "VMs that the first SP knows")


def another_secure_world_is_owed_nothing():
    with some_host() as h:
        runs(h, "web", "db")
        lives = {h.row(name)["life"] for name in ("web", "db")}
        boot(h, keeps_secure_world=False)
        all_is_settled(h, "web", "db")
        equal(debts(h), {(sp, life): "secure-world-gone" for sp in (0x8001, 0x8002) for life in lives}, "how it was settled")
        equal(destroyed(h), [], "ends that it was told")


def ids_come_back_with_the_last_debt():
    for kept in (True, False):
        with some_host("0x10-0x10") as h:
            runs(h, "web")
            h.define("db")
            boot(h, kept, start=False)
            h.secure.kill(signal.SIGSTOP)  # nobody can be asked yet
            h.start_daemon()
            equal(h.row("web")["substate"], "retiring", "sub-state")
            equal(h.row("web")["waits_on"], "secure-link", "what it waits on")
            refused = h.ctl("start", "db", check=False)
            equal(refused.returncode, NO_FREE_ID, "exit code of a start with the id that is owed")
            h.secure.kill(signal.SIGCONT)
            all_is_settled(h, "web")
            h.ctl("start", "db")
            equal(h.row("db")["ffa_id"], 0x10, "the id is free")


def an_sp_that_restarted_meanwhile_is_owed_nothing():
    with some_host() as h:
        runs(h, "web")
        life = h.row("web")["life"]
        boot(h, keeps_secure_world=True, start=False)
        os.kill(h.secure.pid, signal.SIGUSR1)  # the first SP
        h.until(lambda: not h.books()["0x8001"], "it has restarted")
        h.start_daemon()
        all_is_settled(h, "web")
        equal(debts(h), {(0x8001, life): "sp-instance-gone", (0x8002, life): "answered-0"}, "how it was settled")


def a_boot_in_the_middle_of_an_end_goes_on_with_it():
    with some_host() as h:
        runs(h, "web")
        h.secure.kill(signal.SIGSTOP)
        h.ctl("abort", "--no-block", "web")
        h.until(lambda: h.row("web")["substate"] == "retiring", "it retires")
        boot(h, keeps_secure_world=True, start=False)
        h.secure.kill(signal.SIGCONT)
        h.start_daemon()
        h.until_state("web", "null")
        equal(h.status("web")["last_end"]["cause"], "user-abort", "cause")
        for sp, known in h.books().items():
            equal(known, set(), f"VMs that SP {sp} still knows")


def two_boots_owe_no_more_than_one():
    with some_host() as h:
        runs(h, "web")
        life = h.row("web")["life"]
        boot(h, keeps_secure_world=True, start=False)
        h.secure.kill(signal.SIGSTOP)
        h.start_daemon()
        equal(h.row("web")["substate"], "retiring", "sub-state")
        (h.run / "lives").mkdir(exist_ok=True)
        boot(h, keeps_secure_world=True, start=False)
        h.secure.kill(signal.SIGCONT)
        h.start_daemon()
        all_is_settled(h, "web")
        equal(set(debts(h).values()), {"answered-0"}, "how it was settled")
        equal({k[1] for k in debts(h)}, {life}, "whose it was")


def who_starts_with_the_host_does_though_its_last_life_settles():
    for kept in (True, False):
        with some_host() as h:
            h.define("web", order={"autostart": True})
            h.ctl("start", "web")
            old = h.row("web")["life"]
            boot(h, kept, start=False)
            h.secure.kill(signal.SIGSTOP)
            h.start_daemon()
            equal(h.row("web")["substate"], "retiring", "sub-state")
            equal(h.row("web")["operation"], "restart", "operation")
            h.secure.kill(signal.SIGCONT)
            h.until_state("web", "running")
            expect(h.row("web")["life"] != old, "it is another life")
            equal(len(h.books()["0x8001"]), 1, "VMs that the first SP knows")


if __name__ == "__main__":
    sys.exit(host.main([
        what_is_owed_to_a_kept_secure_world_is_paid, another_secure_world_is_owed_nothing, ids_come_back_with_the_last_debt,
        an_sp_that_restarted_meanwhile_is_owed_nothing, a_boot_in_the_middle_of_an_end_goes_on_with_it,
        two_boots_owe_no_more_than_one, who_starts_with_the_host_does_though_its_last_life_settles], needs_kvm=False))
