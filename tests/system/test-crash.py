#!/usr/bin/env python3
"""Deaths of the programs themselves: daemon, VMM, secure side. Nothing is lost, no guest notices, no debt goes unpaid."""
import contextlib
import os
import select
import signal
import subprocess
import sys
import time

import host
from host import Host, equal, expect


def picture(h):
    """What must be the same before and after a daemon's death."""
    return {r["name"]: (r["life"], r["ffa_id"], r["state"], h.status(r["name"])["vmm_pid"]) for r in h.json("list")}


def guests_count_on_while_the_daemon_is_dead():
    with Host() as h:
        names = [h.define(f"vm{i}", "beat") for i in range(5)]
        h.ctl("start", *names)
        before = picture(h)
        h.kill_daemon()
        life = before["vm0"][0]
        count = h.counter(life)
        h.until(lambda: h.counter(life) > count + 3, "the guest counts without a daemon")
        h.start_daemon()
        equal(picture(h), before, "lives, ids, states and VMMs after READY")
        h.ctl("abort", *names)
        for sp, known in h.books().items():
            equal(known, set(), f"VMs that SP {sp} still knows")


def a_guest_that_ended_meanwhile_has_its_true_cause():
    with Host() as h:
        h.define("web", "silent", policies={"on-crash": "stop"})
        h.ctl("start", "web")
        pid = h.status("web")["vmm_pid"]
        h.kill_daemon()
        pidfd = os.pidfd_open(pid)
        os.kill(pid, signal.SIGTERM)  # a graceful stop, without a daemon
        h.start_daemon()
        h.until_state("web", "null")
        equal(h.status("web")["last_end"]["cause"], "user-stop", "cause")
        expect(host.wait_pidfd(pidfd), "the VMM is gone")
        os.close(pidfd)


def a_vmm_killed_while_the_daemon_is_dead_is_mourned():
    with Host() as h:
        h.define("web", "silent", policies={"on-crash": "stop"})
        h.ctl("start", "web")
        pid = h.status("web")["vmm_pid"]
        pidfd = os.pidfd_open(pid)
        h.kill_daemon()
        os.kill(pid, signal.SIGKILL)
        expect(host.wait_pidfd(pidfd), "the VMM is dead")
        expect(h.books()["0x8001"], "the SP was not told yet")
        h.start_daemon()
        h.until_state("web", "null")
        equal(h.status("web")["last_end"]["cause"], "vmm-gone", "an honest cause: nobody saw it")
        equal(h.books(), {"0x8001": set(), "0x8002": set()}, "books")
        equal(h.memory_files(), [], "memory")


def debts_outlive_the_daemon():
    """Killed while an SP answers RETRY to VM_DESTROYED: the next daemon pays."""
    with Host(secure=("--sp", "trusty:0x8001:notifiers=30,tick=20000,doorbell=0", "--sp", "optee:0x8002")) as h:
        h.define("web", "silent")
        h.ctl("start", "web")
        h.ctl("abort", "--no-block", "web")
        h.until(lambda: h.row("web")["substate"] == "retiring", "it retires")
        h.kill_daemon()
        h.start_daemon()
        h.until_state("web", "null")
        equal(h.books(), {"0x8001": set(), "0x8002": set()}, "books")


def a_daemon_killed_at_any_moment_of_a_start_or_abort_comes_back():
    """The exhaustive proof is the engine's simulation; here real programs, a few moments of each."""
    with Host() as h:
        for round in range(12):
            name = h.define(f"vm{round}", "silent")
            h.ctl("start", "--no-block", name)
            if round % 3 == 1:
                h.until(lambda: h.row(name)["state"] in ("created", "running"), "it was begun")
            elif round % 3 == 2:
                h.until_state(name, "running")
                h.ctl("abort", "--no-block", name)
            h.kill_daemon()
            h.start_daemon()
            if h.row(name)["state"] != "null":
                h.until(lambda: h.row(name)["state"] in ("running", "null"), "it goes on or ends")
            h.ctl("destroy", name)
        equal(h.books(), {"0x8001": set(), "0x8002": set()}, "books")
        equal(h.memory_files(), [], "memory")


def numbers_go_on_after_a_crash():
    with Host() as h:
        h.define("web", "silent")
        h.ctl("start", "web")
        life, seq = h.row("web")["life"], h.row("web")["sequence"]
        h.kill_daemon()
        h.start_daemon()
        h.ctl("restart", "web")
        expect(h.row("web")["life"] > seq >= life, "a later life has a later number", h.row("web"), seq)
        events = h.ctl("monitor", "--no-follow", "-o", "json").splitlines()
        numbers = [int(e.split('"sequence":')[1].split(",")[0]) for e in events]
        equal(numbers, sorted(set(numbers)), "sequence numbers over the crash")


def the_same_secure_world_comes_back():
    with Host() as h:
        h.define("web", "silent")
        h.ctl("start", "web")
        instance = h.inspect()["instance"]
        h.secure.kill()
        h.secure.wait()
        h.secure.close()
        h.start_secure()
        equal(h.inspect()["instance"], instance, "instance")
        equal(h.row("web")["state"], "running", "the guest went on")
        h.ctl("abort", "web")
        equal(h.books(), {"0x8001": set(), "0x8002": set()}, "books")
        created = [e for sp in h.inspect()["sps"] for e in sp["log"]
                   if e["message"] == "VM_CREATED" and e["answer"] == "SUCCESS"]
        equal(len(created), 2, "VM_CREATED answered 0 (SUCCESS), once for each SP")


def a_reset_secure_world_is_told_of_live_vms_again():
    with Host() as h:
        h.define("live", "silent")
        h.define("dead", "silent")
        h.ctl("start", "live", "dead")
        h.secure.kill()
        h.secure.wait()
        h.secure.close()
        h.ctl("abort", "--no-block", "dead")
        h.until(lambda: h.row("dead")["substate"] == "retiring", "it retires")
        waits = h.status("dead")["waits"]
        equal(waits["on"], "secure-link", "it says on what it waits")
        h.start_secure("--reset")
        h.until_state("dead", "null")
        live = h.row("live")
        h.until(lambda: all(known == {live["ffa_id"]} for known in h.books().values()), "both SPs know the live VM again")
        equal(live["state"], "running", "the guest went on")


def a_stopped_secure_side_does_not_slow_queries():
    with Host() as h:
        h.define("web", "silent")
        h.ctl("start", "web")
        quick = timed(lambda: h.ctl("list"))
        os.kill(h.secure.pid, signal.SIGSTOP)
        try:
            h.ctl("abort", "--no-block", "web")
            h.until(lambda: h.row("web")["substate"] == "retiring", "it retires")
            slow = timed(lambda: h.ctl("list"))
            print(f"        list: median {quick * 1000:.1f} ms, {slow * 1000:.1f} ms with the secure side stopped")
            expect(h.status("web")["waits"]["on"] in ("sp", "secure-link"), "it says on whom it waits",
                   h.status("web")["waits"])
        finally:
            os.kill(h.secure.pid, signal.SIGCONT)
        h.until_state("web", "null")


def timed(call, runs=9):
    taken = []
    for _ in range(runs):
        start = time.monotonic()
        call()
        taken.append(time.monotonic() - start)
    return sorted(taken)[runs // 2]


def sigterm_leaves_guests_running():
    with Host() as h:
        h.define("web", "beat")
        h.ctl("start", "web")
        before = picture(h)
        h.daemon.kill(signal.SIGTERM)
        equal(h.daemon.wait(), 0, "exit status of the daemon")
        h.daemon.close()
        count = h.counter(before["web"][0])
        h.until(lambda: h.counter(before["web"][0]) > count, "the guest counts on")
        h.start_daemon()
        equal(picture(h), before, "everything was adopted")


def a_daemon_that_is_short_of_descriptors_ends_no_guest():
    """It does not come up, or takes a VMM's connection later: one that it refused would end its guest."""
    names = [f"web{i}" for i in range(6)]
    with Host(secure_side=False) as h:
        idle = len(os.listdir(f"/proc/{h.daemon.pid}/fd"))
        for name in names:
            h.define(name, "beat")
        h.ctl("start", *names)
        pids = {name: h.status(name)["vmm_pid"] for name in names}
        h.kill_daemon()
        for limit in range(idle - 2, idle + 2 * len(names), 2):
            h.start_daemon(before=("prlimit", f"--nofile={limit}"), ready=False)
            poller = select.poll()
            poller.register(h.daemon.listener, select.POLLIN)
            poller.register(h.daemon.pidfd, select.POLLIN)
            expect(poller.poll(host.LIMIT * 1000), f"with {limit} descriptors it is ready, or ends", h.daemon.log())
            h.kill_daemon()
        h.start_daemon()
        h.until(lambda: all(row["state"] == "running" for row in h.json("list")), "all run on")
        equal({name: h.status(name)["vmm_pid"] for name in names}, pids, "VMMs")


def a_second_daemon_is_refused():
    with Host() as h:
        h.define("web", "silent")
        h.ctl("start", "web")
        before = picture(h)
        second = host.Process(h.dir / "second.log", h.daemon.command, ready=False)
        expect(second.wait() != 0, "the second daemon leaves")
        expect(f"pid {h.daemon.pid}" in second.log(), "it says who holds the state", second.log())
        second.close()
        other = [w.replace(str(h.state), str(h.dir / "other-state")).replace(str(h.run), str(h.dir / "other-run"))
                 for w in h.daemon.command]
        second = host.Process(h.dir / "second.log", other, ready=False)
        expect(second.wait() != 0, "a second daemon on the same bus name leaves, too")
        expect("owns org.lifecycled.Lifecycle1" in second.log(), "it says why", second.log())
        second.close()
        equal(picture(h), before, "the first one goes on")


def a_full_disk_holds_changes_and_says_so():
    with Host(daemon=False) as h:
        place = h.state
        place.mkdir(mode=0o700)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=0700", "none", place], check=True)
        try:
            h.start_daemon()
            h.define("web", "silent")
            h.ctl("start", "web")
            with open(place / "filler", "wb", buffering=0) as filler, contextlib.suppress(OSError):
                while filler.write(b"x" * 512):
                    pass
            pid = h.status("web")["vmm_pid"]
            os.kill(pid, signal.SIGKILL)  # a change that nobody asked for, so nobody waits for its answer
            h.until(lambda: "cannot be written" in h.daemon.log(), "the log is full")
            expect(h.row("web")["state"] in ("running", "aborting"), "only what is stored is shown", h.row("web"))
            equal(h.status("web")["waits"]["on"], "disk", "and it says on what the rest waits")
            (place / "filler").unlink()
            h.until_state("web", "null")
            equal(h.books(), {"0x8001": set(), "0x8002": set()}, "books")
        finally:
            h.kill_daemon()
            subprocess.run(["umount", "-l", place], check=True)


def the_log_survives_a_torn_tail():
    with Host() as h:
        h.define("web", "silent")
        h.ctl("start", "web")
        before = picture(h)
        h.kill_daemon()
        with open(h.state / "log", "ab") as log:
            log.write(b'00000000 {"first":99999,"last":99999,"t":1,"chan')
        h.start_daemon()
        equal(picture(h), before, "everything but the torn line")
        h.ctl("abort", "web")


def break_bus(h):
    h.bus.kill()
    h.bus.wait()
    (h.dir / "bus").unlink()


def a_bus_that_comes_back_is_served_again():
    with Host() as h:
        h.define("web", "silent")
        h.ctl("start", "web")
        before = picture(h)
        for _ in range(3):
            break_bus(h)
            equal(h.ctl("list", check=False).returncode, 3, "exit code without a bus")
            h.start_bus()
            h.until(lambda: h.ctl("list", check=False).returncode == 0, "the daemon is on the bus again")
        equal(picture(h), before, "nobody noticed")


def a_name_that_was_taken_meanwhile_is_asked_for_again():
    with Host() as h:
        h.define("web", "silent")
        os.kill(h.daemon.pid, signal.SIGSTOP)
        break_bus(h)
        h.start_bus()
        other = [w.replace(str(h.state), str(h.dir / "other-state")).replace(str(h.run), str(h.dir / "other-run"))
                 for w in h.daemon.command]
        second = host.Process(h.dir / "second.log", other)
        os.kill(h.daemon.pid, signal.SIGCONT)
        h.until(lambda: "owns org.lifecycled.Lifecycle1" in h.daemon.log(), "it says who has its name")
        second.kill(signal.SIGTERM)
        second.wait()
        second.close()
        h.until(lambda: h.ctl("status", "web", check=False).returncode == 0, "it has its name again")


if __name__ == "__main__":
    sys.exit(host.main([
        guests_count_on_while_the_daemon_is_dead,
        a_guest_that_ended_meanwhile_has_its_true_cause,
        a_vmm_killed_while_the_daemon_is_dead_is_mourned,
        debts_outlive_the_daemon,
        a_daemon_killed_at_any_moment_of_a_start_or_abort_comes_back,
        numbers_go_on_after_a_crash,
        the_same_secure_world_comes_back,
        a_reset_secure_world_is_told_of_live_vms_again,
        a_stopped_secure_side_does_not_slow_queries,
        sigterm_leaves_guests_running,
        a_daemon_that_is_short_of_descriptors_ends_no_guest,
        a_second_daemon_is_refused,
        a_full_disk_holds_changes_and_says_so,
        the_log_survives_a_torn_tail,
        a_bus_that_comes_back_is_served_again,
        a_name_that_was_taken_meanwhile_is_asked_for_again,
    ]))
