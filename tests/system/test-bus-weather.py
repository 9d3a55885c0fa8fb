#!/usr/bin/env python3
"""Bad weather on the bus: clients that ask for more than there is, a bus that hangs, takes nothing, or is gone. Guests, leases and
followers go on. (A bus that comes back: test-crash.py.)"""
import contextlib
import os
import pathlib
import pwd
import signal
import subprocess
import sys

import host
from host import BUILD, Host, cpu_seconds, equal, expect

CLEAN = {"0x8001": set(), "0x8002": set()}
IS_QUICK = host.check.MULTIPLIER == 1  # not emulated, where ten thousand of anything take minutes
IS_PLAIN = os.environ.get("LIFECYCLED_SANITIZE", "none") == "none"  # a sanitizer's own memory is without bounds


# ---- clients ----

def subscribe(h, count, uid):
    """A client that asks for `count` streams and reads none: the process, how many it got, how many not, and why."""
    process = subprocess.Popen([*(["setpriv", f"--reuid={uid}", "--clear-groups"] if uid else []), BUILD / "tests/system/subscriber",
                                h.bus_address, str(count)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    given, refused, why = process.stdout.readline().split(" ", 2)
    return process, int(given), int(refused), why


def who_asks_for_ten_thousand_streams_gets_his_share():
    with Host() as h:
        h.dir.chmod(0o755)
        h.define("web", "reboot")
        files = len(os.listdir(f"/proc/{h.daemon.pid}/fd"))
        clients = []
        try:
            users = [user.pw_uid for user in pwd.getpwall() if user.pw_uid][:2]  # the bus takes only those that exist
            for uid, asks, share in (*((uid, 10000 if IS_QUICK and uid == users[0] else 100, 32) for uid in users),
                                     (0, 2000 if IS_QUICK else 1100, 1024 - 32 * len(users))):
                process, given, refused, why = subscribe(h, asks, uid)
                clients.append(process)
                equal((given, refused), (share, asks - share), f"streams that uid {uid} was given, and not ({why.strip()})")
                expect("too many event streams" in why, "it is told why", why)
            equal(h.daemon.log().count("is given no event stream any more"), 1, "times that the journal says so")
            equal(len(os.listdir(f"/proc/{h.daemon.pid}/fd")), files + 1024, "descriptors of the daemon")
            h.ctl("start", "--no-block", "web")  # nobody reads a word of it
            h.until(lambda: h.row("web")["sequence"] > 1500, "hundreds of changes happened")
            h.ctl("abort", "--no-block", "web")
            h.until_state("web", "null")
        finally:
            for process in clients:
                process.kill()
                process.wait()
        h.until(lambda: len(os.listdir(f"/proc/{h.daemon.pid}/fd")) == files, "what they had is free again")
        h.ctl("start", "--timeout=10", "web", check=False)
        h.ctl("destroy", "web")


# ---- the bus ----

def end_bus(h):
    h.bus.kill()
    h.bus.wait()
    (h.dir / "bus").unlink()


def a_bus_that_hangs_holds_up_nobody():
    """It takes what it is sent, for a while, and answers nothing."""
    with Host() as h:
        h.define("web", "beat", policies={"on-crash": "stop"})
        h.ctl("start", "web")
        vmm = h.status("web")["vmm_pid"]
        os.kill(h.bus.pid, signal.SIGSTOP)
        try:
            before = cpu_seconds(h.daemon.pid)
            os.kill(vmm, signal.SIGKILL)
            h.until(lambda: h.books() == CLEAN and not h.memory_files(), "every SP is told, and the memory is given back")
            expect(cpu_seconds(h.daemon.pid) - before < 1, "nobody turns in circles")
        finally:
            os.kill(h.bus.pid, signal.SIGCONT)
        equal(h.end_of("web")["cause"], "vmm-signal", "cause")


def a_daemon_that_is_not_ready_says_what_it_waits_for():
    with Host() as h:
        h.kill_daemon()
        os.kill(h.bus.pid, signal.SIGSTOP)
        try:
            h.start_daemon(ready=False)
            h.until(lambda: "not ready: the bus" in whole_log(h), "it says what it waits for")
        finally:
            os.kill(h.bus.pid, signal.SIGCONT)
        h.daemon.wait_ready()


def resident_bytes(pid):
    return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def a_bus_that_takes_nothing_fills_no_memory():
    with Host() as h:
        names = [h.define(f"busy{i}", "reboot") for i in range(3)]
        h.ctl("start", "--no-block", *names)
        before = resident_bytes(h.daemon.pid)
        os.kill(h.bus.pid, signal.SIGSTOP)
        try:
            h.until(lambda: "the bus does not take what it is sent" in whole_log(h), "the bus is given up")
            more = resident_bytes(h.daemon.pid) - before
            expect(more < 64 << 20 or not IS_PLAIN, f"what was kept for it: {more >> 20} MiB")
        finally:
            os.kill(h.bus.pid, signal.SIGCONT)
        h.until(lambda: h.ctl("list", check=False).returncode == 0, "the daemon is on the bus again")
        h.ctl("destroy", *names)


def whole_log(h):
    return pathlib.Path(h.daemon.log_path).read_text(errors="replace")


def leases_and_bound_vms_go_on_without_a_bus():
    with Host() as h:
        h.define("bound", "beat")
        h.define("held", "beat", policies={"on-crash": "stop"})
        h.ctl("start", "held")
        gate = h.dir / "gate"
        ctl = [str(BUILD / "cli/lifecyclectl"), "--bus", h.bus_address]
        client = subprocess.Popen([*ctl, "start", "--bound", "bound"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        script = f"trap 'until test -e {gate}; do sleep 0.01; done; exit 0' TERM; echo up; while :; do sleep 0.01; done"
        holder = subprocess.Popen([*ctl, "lease", "--timeout=50", "held", "--", "sh", "-c", script], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, text=True, start_new_session=True)
        try:
            equal(holder.stdout.readline(), "up\n", "the lease is had")
            expect("running" in client.stdout.readline(), "the VM runs")
            ids = {name: h.row(name)["ffa_id"] for name in ("bound", "held")}
            vmm = h.status("held")["vmm_pid"]
            end_bus(h)
            client.kill()
            h.until(lambda: h.books()["0x8001"] == {ids["held"]}, "the VM ends with its client")
            os.kill(vmm, signal.SIGKILL)
            h.until(lambda: "is gone" in h.daemon.log(), "the VMM is seen to be dead")
            equal(h.books()["0x8001"], {ids["held"]}, "the holder holds it")
            gate.touch()
            h.until(lambda: h.books() == CLEAN, "the holder was asked, and let go")
            equal(holder.wait(host.LIMIT), 0, "exit code of the holder")
        finally:
            client.kill()
            client.wait()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(holder.pid, signal.SIGKILL)
            holder.wait()
        h.start_bus()
        h.until(lambda: h.ctl("list", check=False).returncode == 0, "the daemon is on the bus again")
        equal(h.status("bound")["last_end"]["cause"], "client-gone", "why it ended")


def streams_go_on_without_a_bus():
    with Host() as h, open(h.dir / "events", "wb") as out:
        h.define("web", "beat", policies={"on-crash": "stop"})
        h.ctl("start", "web")
        follower = subprocess.Popen([BUILD / "cli/lifecyclectl", "--bus", h.bus_address, "-o", "json", "monitor"],
                                    stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        events = h.dir / "events"
        try:
            h.until(lambda: (h.ctl("pause", "web"), h.ctl("resume", "web"), "paused" in events.read_text())[-1], "it follows")
            end_bus(h)
            before = len(events.read_text())
            os.kill(next(h.vmm_pids()), signal.SIGKILL)
            h.until(lambda: '"null"' in events.read_text()[before:], f"it sees the end without a bus: {events.read_text()[before:]}")
            h.start_bus()
            h.until(lambda: h.ctl("list", check=False).returncode == 0, "the daemon is on the bus again")
            before = len(events.read_text())
            h.ctl("start", "web")
            h.until(lambda: '"running"' in events.read_text()[before:], "and sees the next life by the same stream")
        finally:
            follower.kill()
            follower.wait()


if __name__ == "__main__":
    sys.exit(host.main([
        who_asks_for_ten_thousand_streams_gets_his_share,
        a_bus_that_hangs_holds_up_nobody,
        a_daemon_that_is_not_ready_says_what_it_waits_for,
        *([a_bus_that_takes_nothing_fills_no_memory] if IS_QUICK else []),  # the unit test bus-source asks the same everywhere
        leases_and_bound_vms_go_on_without_a_bus,
        streams_go_on_without_a_bus,
    ]))
