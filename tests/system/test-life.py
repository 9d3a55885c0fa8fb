#!/usr/bin/env python3
"""A guest's whole life on real KVM: births, ends of every kind, aborts in every state, restarts, many at once."""
import contextlib
import json
import os
import platform
import shutil
import signal
import subprocess
import sys

import host
from host import GUESTS, Host, equal, expect

# guest: the cause it ends with by itself
ENDS = {"poweroff": "guest-poweroff", "crash": "guest-panic", "panic": "guest-panic", "reboot": "guest-reboot"}
# guests that go on until they are stopped, and the vCPUs they need
LIVES = {"beat": 1, "silent": 1, "flood": 1, "spin": 1, "smp": 3}
if platform.machine() == "x86_64":  # on arm64, WFI never leaves the kernel: there is no halt that KVM tells of
    ENDS["off"] = "guest-poweroff"
    LIVES["halt"] = 2
STAYS_DOWN = {"on-poweroff": "stop", "on-reboot": "stop", "on-crash": "stop"}


def deaths_are_paid(h):
    for sp in h.inspect()["sps"]:
        equal(sp["vms"], [], f"VMs that {sp['id']} still knows")


def tells_the_secure_side_of_birth_and_death():
    with Host() as h:
        h.define("web")
        h.ctl("start", "web")
        row = h.row("web")
        equal(row["state"], "running", "state after start")
        for sp, known in h.books().items():
            equal(known, {row["ffa_id"]}, f"what SP {sp} knows while web runs")
        h.ctl("abort", "web")
        equal(h.row("web")["state"], "null", "state after abort")
        deaths_are_paid(h)
        for sp in h.inspect()["sps"]:
            said = [(e["message"], e["answer"]) for e in sp["log"]]
            expect(("VM_CREATED", "SUCCESS") in said, f"{sp['id']} took VM_CREATED", said)
            equal(said[-1][0], "VM_DESTROYED", f"the last message to {sp['id']}")
        equal(h.memory_files(), [], "memory that is left")


def a_trusty_is_asked_until_it_is_done():
    with Host() as h:
        h.define("web")
        h.ctl("start", "web")
        h.ctl("abort", "web")
        trusty = next(sp for sp in h.inspect()["sps"] if sp["personality"] == "trusty")
        answers = [(e["message"], e["answer"]) for e in trusty["log"]]
        equal(answers[0], ("VM_CREATED", "RETRY"), "Trusty's first answer")
        expect(("VM_DESTROYED", "RETRY") in answers, "VM_DESTROYED met RETRY while notifiers ran", answers)


def every_end_has_its_cause():
    with Host() as h:
        for guest, cause in ENDS.items():
            h.define(guest, guest, policies=STAYS_DOWN)
            h.ctl("start", "--no-block", guest)
            h.until_state(guest, "null")
            h.until(lambda: h.status(guest)["last_end"], f"{guest} has an end")
            equal(h.status(guest)["last_end"]["cause"], cause, f"cause of {guest}")
        deaths_are_paid(h)


@contextlib.contextmanager
def stopped(process):
    """The secure side answers nothing meanwhile: announcing and retiring last as long as the test needs."""
    os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process.pid, signal.SIGCONT)


def is_over(h, guest, when):
    h.until_state(guest, "null")
    equal(h.status(guest)["last_end"]["cause"], "user-abort", f"cause of {guest}, aborted when {when}")
    deaths_are_paid(h)


def every_guest_is_aborted_in_every_state():
    with Host() as h:
        for guest, vcpus in LIVES.items():
            h.define(guest, guest, vcpus={"count": vcpus})
            h.ctl("start", "--no-block", guest)
            h.ctl("abort", "--no-block", guest)
            is_over(h, guest, "begun")
            with stopped(h.secure):
                h.ctl("start", "--no-block", guest)
                h.until(lambda: h.row(guest)["substate"] == "announcing", f"{guest} is announcing")
                h.ctl("abort", "--no-block", guest)
            is_over(h, guest, "announcing")
            h.ctl("start", guest)
            with stopped(h.secure):
                h.ctl("abort", "--no-block", guest)
                h.until(lambda: h.row(guest)["substate"] == "retiring", f"{guest} is retiring")
                h.ctl("abort", "--no-block", guest)  # the same state: a no-op that succeeds
            is_over(h, guest, "running and retiring")
            refused = h.ctl("abort", guest, check=False)
            equal(refused.returncode, 7, f"exit code of an abort of {guest} without a life")
            expect("there is no life to end" in refused.stderr, "the refusal says why", refused.stderr)


def memory_falls_only_after_the_last_sp_is_done():
    """The host's shared memory itself is looked at: a tmpfs that holds nothing but this guest's pages."""
    with Host(secure=("--sp", "trusty:0x8001:notifiers=40,tick=5000,doorbell=0", "--sp", "optee:0x8002"), daemon=False) as h:
        place = h.dir / "memory"
        place.mkdir(mode=0o700)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64M,mode=0700", "none", place], check=True)
        try:
            h.start_daemon()
            h.define("web", "silent", memory={"size": "16M"})
            h.ctl("start", "web")
            life = h.row("web")["life"]
            with open(place / str(life), "r+b") as memory:  # pages the guest would have touched
                memory.seek(8 << 20)
                memory.write(b"x" * (8 << 20))
            full = pages_used(place)
            expect(full >= 8 << 20, "the guest holds its pages", full)
            h.ctl("abort", "--no-block", "web")
            looks = 0
            while True:
                used, done = pages_used(place), said_done(h, "0x8001")  # in this order: what fell, fell before the look
                if used < full:
                    break
                looks += not done
            expect(done, "memory fell before the SP's own log showed 0 to VM_DESTROYED")
            expect(looks > 0, "memory was there while the SP was not done")
            h.until_state("web", "null")
            equal(pages_used(place), 0, "bytes that are left")
        finally:
            h.kill_daemon()
            subprocess.run(["umount", "-l", place], check=True)


def pages_used(place):
    fs = os.statvfs(place)
    return (fs.f_blocks - fs.f_bfree) * fs.f_frsize


def said_done(h, sp_id):
    log = next(sp for sp in h.inspect()["sps"] if sp["id"] == sp_id)["log"]
    return (log[-1]["message"], log[-1]["answer"]) == ("VM_DESTROYED", "SUCCESS")


def restart_keeps_the_vm_and_begins_another_life():
    with Host() as h:
        h.define("web")
        h.ctl("start", "web")
        before = h.status("web")
        h.ctl("restart", "web")
        after = h.status("web")
        equal(after["state"], "running", "state after restart")
        expect(after["life"] > before["life"], "the life number rises", before, after)
        equal(after["uuid"], before["uuid"], "uuid")
        expect(after["vmm_pid"] != before["vmm_pid"], "another VMM")
        equal(after["last_end"]["cause"], "user-restart", "cause of the life before")
        equal(h.memory_files(), [str(after["life"])], "memory")


def a_guest_that_reboots_comes_back_by_itself():
    with Host() as h:
        h.define("loop", "reboot")
        h.ctl("start", "--no-block", "loop")
        first = h.until(lambda: h.row("loop")["life"], "it lives")
        h.until(lambda: h.row("loop")["life"] not in (0, None, first), "it lives again")
        h.ctl("destroy", "loop")
        equal(h.row("loop"), None, "the VM object after destroy")
        deaths_are_paid(h)


def crashes_are_restarted_up_to_the_limit():
    with Host() as h:
        h.define("weak", "crash", policies={"on-crash": "restart", "restart-delay": "1ms", "restart-limit": 3})
        h.ctl("start", "--no-block", "weak")
        h.until(lambda: h.status("weak")["restarts"] == 3 and h.row("weak")["state"] == "null" and
                h.row("weak")["operation"] == "-", "it is given up after three restarts")
        deaths_are_paid(h)


def a_panic_goes_by_its_own_policy():
    with Host() as h:
        h.define("weak", "crash", policies={"on-crash": "restart", "on-panic": "stop"})
        h.define("firm", "crash", policies={"on-crash": "stop", "on-panic": "restart", "restart-delay": "1ms",
                                            "restart-limit": 2})
        h.ctl("start", "--no-block", "weak", "firm")
        h.until(lambda: h.status("firm")["restarts"] == 2 and h.row("firm")["operation"] == "-" and
                h.row("firm")["state"] == "null", "firm is given up after two restarts")
        h.until_state("weak", "null")
        equal(h.status("weak")["restarts"], 0, "restarts of weak")
        equal(h.status("weak")["last_end"]["cause"], "guest-panic", "its cause")


def a_pending_restart_outlives_the_daemon_and_a_stop_cancels_it():
    with Host() as h:
        h.define("weak", "crash", policies={"on-panic": "restart", "restart-delay": "10min"})
        h.ctl("start", "--no-block", "weak")
        h.until(lambda: h.row("weak")["state"] == "null" and h.status("weak")["next_start_monotonic_us"], "it is to come back")
        before = h.status("weak")
        equal(before["waits"]["on"], "timer", "on what it waits")
        equal(before["waits"]["until_monotonic_us"], before["next_start_monotonic_us"], "until when")
        expect("Next start: in " in h.ctl("status", "weak"), "the page says when")
        h.kill_daemon()
        h.start_daemon()
        equal(h.status("weak")["next_start_monotonic_us"], before["next_start_monotonic_us"], "when, after a crash")
        h.ctl("stop", "weak")
        equal((h.status("weak")["next_start_monotonic_us"], h.row("weak")["operation"]), (0, "-"), "what is left of it")


def the_console_is_kept_with_the_last_end():
    with Host() as h:
        h.define("web", "poweroff")
        h.ctl("start", "--no-block", "web")
        h.until_state("web", "null")
        expect("lifecycled test guest" in h.ctl("console", "web"), "what the dead guest said")


def order_is_waited_for():
    with Host() as h:
        h.define("db", "silent")
        h.define("app", "silent", order={"after": ["db"]})
        h.ctl("start", "--no-block", "app")
        status = h.status("app")
        equal(status["state"], "null", "app waits")
        expect("db" in json.dumps(status["waits"]), "it says on whom", status["waits"])
        h.ctl("start", "db")
        h.until_state("app", "running")


def fifty_at_once():
    with Host() as h:
        names = [h.define(f"vm{i}", "silent") for i in range(50)]
        h.ctl("start", *names)
        rows = h.json("list")
        equal({r["state"] for r in rows}, {"running"}, "states")
        equal(len({r["ffa_id"] for r in rows}), 50, "FF-A ids")
        for sp, known in h.books().items():
            equal(len(known), 50, f"VMs that SP {sp} knows")
        h.ctl("abort", *names)
        equal({r["state"] for r in h.json("list")}, {"null"}, "states after abort")
        deaths_are_paid(h)
        equal(h.memory_files(), [], "memory that is left")


def a_start_that_cannot_be_says_why():
    with Host() as h:
        h.define("ghost", kernel="/nonexistent/kernel")
        done = h.ctl("start", "ghost", check=False)
        expect(done.returncode != 0, "start fails")
        expect("/nonexistent/kernel" in done.stderr + h.ctl("status", "ghost"), "it names the file", done.stderr)
        equal(h.status("ghost")["last_end"]["cause"], "start-failed", "cause")
        h.define("fat", memory={"size": "512G"})
        done = h.ctl("start", "fat", check=False)
        equal(done.returncode, 10, "exit code of NoMemory")
        expect("MiB" in done.stderr, "it says how much", done.stderr)
        deaths_are_paid(h)


def a_killed_vmm_is_mourned_before_its_id_comes_back():
    """kill -9 of a VMM: the SPs are told; memory falls only after the SP's own log shows 0."""
    with Host(secure=("--sp", "trusty:0x8001:notifiers=40,tick=5000,doorbell=0", "--sp", "optee:0x8002")) as h:
        h.define("web", "silent", policies={"on-crash": "stop"}, **{"ffa_id": 7})
        h.ctl("start", "web")
        status = h.status("web")

        def order_holds():
            books = h.books()  # first the books, then the memory: what is gone at the second look was gone at the first
            if not h.memory_files():
                return True
            return not books["0x8001"] and None

        with stopped(h.secure):
            os.kill(status["vmm_pid"], signal.SIGKILL)
            h.until(lambda: h.row("web")["substate"] == "retiring", "it retires")
            expect(h.memory_files(), "memory is there while the SP is not done")
            refused = h.ctl("start", "web", check=False)
            equal(refused.returncode, 7, "a start while it retires")
        h.until(order_holds, "memory goes after the SP is done")
        h.until_state("web", "null")
        equal(h.status("web")["last_end"]["cause"], "vmm-signal", "cause")
        trusty = next(sp for sp in h.inspect()["sps"] if sp["id"] == "0x8001")
        equal((trusty["log"][-1]["message"], trusty["log"][-1]["answer"]), ("VM_DESTROYED", "SUCCESS"), "its last answer")
        h.ctl("start", "web")
        equal(h.row("web")["ffa_id"], 7, "the fixed id, used again")


def a_restart_whose_next_life_cannot_begin_is_over():
    with Host(daemon=False) as h:
        vmm = h.dir / "vmm"
        shutil.copy(host.BUILD / "daemon/vmm/lifecycled-vmm", vmm)
        h.start_daemon("--vmm", str(vmm))
        h.define("web", "silent")
        h.ctl("start", "web")
        vmm.unlink()
        equal(h.ctl("restart", "web", check=False).returncode, 1, "exit code of a restart without a VMM")
        h.until(lambda: h.row("web")["state"] == "null" and h.row("web")["operation"] == "-", "it is over", 5)
        equal(h.status("web")["last_end"]["cause"], "start-failed", "cause")
        tries = [e for e in h.ctl("monitor", "--no-follow", "-o", "json").splitlines() if '"start-failed"' in e]
        expect(len(tries) <= 3, "one life was tried, in three moves", *tries[:10])


def a_destroyed_vm_takes_its_console_with_it():
    """Also if the daemon dies between the two; another VM of that name has said nothing."""
    with Host() as h:
        for name in ("one", "two"):
            h.define(name, "poweroff")
            h.ctl("start", "--no-block", name)
            h.until(lambda: (h.run / "consoles" / name).exists(), "the console is kept")
            h.until_state(name, "null")
        kept = (h.run / "consoles" / "two").read_bytes()
        h.ctl("destroy", "two")
        equal([p.name for p in (h.run / "consoles").iterdir()], ["one"], "kept consoles")
        h.kill_daemon()
        (h.run / "consoles" / "two").write_bytes(kept)
        h.start_daemon()
        equal([p.name for p in (h.run / "consoles").iterdir()], ["one"], "kept consoles after a crash")


if __name__ == "__main__":
    sys.exit(host.main([
        tells_the_secure_side_of_birth_and_death,
        a_trusty_is_asked_until_it_is_done,
        every_end_has_its_cause,
        every_guest_is_aborted_in_every_state,
        memory_falls_only_after_the_last_sp_is_done,
        restart_keeps_the_vm_and_begins_another_life,
        a_guest_that_reboots_comes_back_by_itself,
        crashes_are_restarted_up_to_the_limit,
        a_panic_goes_by_its_own_policy,
        a_pending_restart_outlives_the_daemon_and_a_stop_cancels_it,
        the_console_is_kept_with_the_last_end,
        a_restart_whose_next_life_cannot_begin_is_over,
        a_destroyed_vm_takes_its_console_with_it,
        order_is_waited_for,
        fifty_at_once,
        a_start_that_cannot_be_says_why,
        a_killed_vmm_is_mourned_before_its_id_comes_back,
    ]))
