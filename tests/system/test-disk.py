#!/usr/bin/env python3
"""A log on a disk that hangs, fails, or loses its daemon in the middle of a sync: changes wait, nobody who only asks does."""
import contextlib
import errno
import os
import signal
import socket
import subprocess
import sys
import time

import host
from host import BUILD, Host, equal, expect


def is_disk(path):
    kind = subprocess.run(["stat", "-f", "-c", "%T", path], capture_output=True, text=True, check=True).stdout.strip()
    return kind not in ("tmpfs", "ramfs")


def disk():
    """A directory where a log has to be synced; none: there is only memory here."""
    return next((path for path in (str(BUILD), "/var/tmp", "/tmp", "/root") if os.access(path, os.W_OK) and is_disk(path)), None)


class OnDisk(Host):
    """A host whose log is on a disk, which waits or fails as it is told."""

    def __init__(self):
        super().__init__(log_on=disk())

    def start_daemon(self, *more, ready=True, before=()):
        self.orders = self.run / "disk.sock"
        super().start_daemon(*more, ready=ready, before=(str(BUILD / "tests/system/slow-disk"), str(self.orders), *before))
        return self.daemon

    def define(self, name, guest="beat", **more):
        """The time for a start begins when it is asked for, also where the disk then keeps the VMM from being started."""
        return super().define(name, guest, limits={"build-timeout": "10min"}, **more)

    def tell_disk(self, words):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(host.LIMIT)
            s.connect(str(self.orders))
            s.sendall(words.encode() + b"\n")
            return s.recv(64).decode().strip()

    def syncs(self):
        """How many wait now, and how many there were."""
        return tuple(map(int, self.tell_disk("look").split()))

    def begin(self, *words):
        """A request that is not waited for."""
        return subprocess.Popen([str(BUILD / "cli/lifecyclectl"), "--bus", self.bus_address, *words],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def until_a_sync_waits(self):
        self.until(lambda: self.syncs()[0], "a sync waits")

    def is_stuck(self):
        said = subprocess.run(["busctl", f"--address={self.bus_address}", "get-property", "org.lifecycled.Lifecycle1",
                               "/org/lifecycled/Lifecycle1", "org.lifecycled.Lifecycle1.Manager", "DiskStuck"],
                              capture_output=True, text=True, check=True, timeout=host.LIMIT).stdout
        return said.split() == ["b", "true"]

    def close(self):
        with contextlib.suppress(OSError):
            self.tell_disk("go")
        super().close()


def ends_well(request, what):
    out, _ = request.communicate(timeout=host.LIMIT)
    equal((request.returncode, out), (0, out), what)


def a_request_waits_no_longer_than_it_was_told():
    with OnDisk() as h:
        h.define("web", "silent")
        h.tell_disk("hold")
        begun = time.monotonic()
        done = h.ctl("start", "web", "--timeout=1", check=False)
        took = time.monotonic() - begun
        expect(done.returncode == 1 and "no answer in time" in done.stderr, f"it is given up: {done.returncode}", done.stderr)
        expect(1 <= took < 20, f"after a second: {took:.1f} s")  # without --timeout it is 25 s
        h.tell_disk("go")
        h.until_state("web", "running")  # what was asked for goes on


def a_turn_is_synced_before_it_is_answered():
    with OnDisk() as h:
        before = h.syncs()[1]
        h.define("web", "silent")
        expect(h.syncs()[1] > before, "a definition was answered without a sync")
        h.kill_daemon()
        h.start_daemon()
        expect(h.row("web"), "what was answered is known to the next daemon")


def queries_are_answered_while_the_disk_hangs():
    with OnDisk() as h:
        h.define("old", "beat")
        h.define("new", "silent")
        h.ctl("start", "old")
        vmms, books = sorted(h.vmm_pids()), h.books()
        h.tell_disk("hold")
        start = h.begin("start", "new")
        h.until_a_sync_waits()
        h.until(h.is_stuck, "the disk is named")
        equal(h.row("new")["waits_on"], "disk", "on what the start waits")
        expect("disk" in h.ctl("why", "new"), "why names the disk")
        count = h.counter(h.row("old")["life"])
        for _ in range(20):
            equal(h.row("old")["state"], "running", "state of a VM that nobody asked anything")
            equal(h.row("new")["state"], "null", "state of a VM whose start is not stored")
        h.until(lambda: h.counter(h.row("old")["life"]) > count + 2, "the guest counts on")
        equal(h.syncs()[0], 1, "syncs that wait")
        equal(sorted(h.vmm_pids()), vmms, "VMMs, before the start is stored")
        equal(h.books(), books, "what SPs know, before the start is stored")
        expect(start.poll() is None, "the start was answered before it was stored")
        h.tell_disk("go")
        ends_well(start, "the start")
        expect(not h.is_stuck(), "the disk is named still")
        h.until_state("new", "running")


def who_asks_behind_a_turn_that_the_disk_holds_up_is_told_so():
    with OnDisk() as h:
        for name in ("first", "behind", "late", "bystander"):
            h.define(name, "silent")
        h.ctl("start", "late")
        waits = {name: h.json("why", name)[0]["waits"] for name in ("behind", "late", "bystander")}
        equal({w["on"] for w in waits.values()}, {"-"}, "on what anybody waits before")
        place = str(h.state)
        h.tell_disk("hold")
        requests = [h.begin("start", "first")]
        h.until_a_sync_waits()
        requests.append(h.begin("start", "behind"))  # before the disk is named, or after: both are told
        h.until(h.is_stuck, "the disk is named")
        requests.append(h.begin("abort", "late"))
        for name in ("first", "behind", "late"):
            h.until(lambda n=name: h.row(n)["waits_on"] == "disk", f"{name} waits on the disk")
            why = h.json("why", name)[0]
            equal((why["waits"]["on"], why["waits"]["log_directory"]), ("disk", place), f"on what {name} waits")
            expect(f"waits on the disk, which does not take the log in {place}, for " in why["text"], "why says it", why["text"])
        begun = [h.json("why", name)[0]["waits"]["since_monotonic_us"] for name in ("first", "behind", "late")]
        equal(begun, sorted(begun), "since when each waits, in the order in which they asked")
        equal(h.json("why", "bystander")[0]["waits"], waits["bystander"], "whom nobody asked anything")
        equal(h.row("late")["state"], "running", "state of a VM whose abort is not stored")
        equal(h.syncs()[0], 1, "syncs that wait")
        h.tell_disk("go")
        for request in requests:
            ends_well(request, "what was asked")
        equal([r["waits_on"] for r in h.json("list")], ["-"] * 4, "on what anybody waits after")
        equal((h.row("behind")["state"], h.row("late")["state"]), ("running", "null"), "states after")


def what_came_while_the_disk_hung_is_one_line():
    with OnDisk() as h:
        names = [h.define(f"vm{i}", "silent") for i in range(60)]
        h.tell_disk("hold")
        first = h.begin("undefine", names[0])
        h.until_a_sync_waits()
        seen = h.syncs()[1]
        others = subprocess.Popen([str(BUILD / "tests/system/undefine-all"), h.bus_address, *names[1:]], text=True,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        equal(others.stdout.readline(), "asked\n", "all are with the daemon")
        equal(len(h.json("list")), len(names), "VMs, while nothing is stored")
        equal(h.syncs(), (1, seen), "syncs, while one hangs")
        h.tell_disk("go")
        equal(others.stdout.readline(), "answered\n", "all are answered")
        ends_well(first, "undefine")
        equal(h.json("list"), [], "VMs")
        equal(h.syncs()[1] - seen, 1, f"syncs for {len(names) - 1} requests that waited together")
        equal(others.wait(), 0, "exit status")
        others.stdout.close()


def a_write_that_fails_is_tried_again():
    with OnDisk() as h:
        h.define("web", "silent")
        for error in (errno.EIO, errno.ENOSPC):
            h.tell_disk(f"fail {error}")
            start = h.begin("start", "web")
            h.until(h.is_stuck, "the disk is named")
            equal(h.row("web")["waits_on"], "disk", "on what the start waits")
            tries = h.syncs()[1]
            h.until(lambda: h.syncs()[1] > tries + 2, "it is tried again and again")
            equal(h.row("web")["state"], "null", "state")
            expect(os.strerror(error) in h.daemon.log(), "the log names the error", h.daemon.log())
            h.tell_disk("go")
            ends_well(start, "the start")
            h.ctl("abort", "web")
        h.kill_daemon()
        h.start_daemon()
        equal(h.row("web")["state"], "null", "state after a restart")
        h.ctl("start", "web")


def a_daemon_killed_in_the_middle_of_a_sync_loses_nothing_it_told():
    with OnDisk() as h:
        h.define("old", "beat")
        h.define("new", "silent")
        h.ctl("start", "old")
        life = h.row("old")["life"]
        h.tell_disk("hold")
        start = h.begin("start", "new")
        h.until_a_sync_waits()
        h.kill_daemon()
        start.communicate(timeout=host.LIMIT)
        expect(start.returncode != 0, "a start that was not stored was answered well")
        count = h.counter(life)
        h.start_daemon()
        equal(h.row("old")["life"], life, "the life that ran")
        h.until(lambda: h.counter(life) > count + 2, "its guest counts on")
        h.ctl("start", "new")  # it has begun, or begins now: the line may have reached the disk
        h.until_state("new", "running")
        h.ctl("abort", "old", "new")
        for sp, known in h.books().items():
            equal(known, set(), f"VMs that SP {sp} still knows")


def a_daemon_that_leaves_waits_for_what_is_under_way():
    with OnDisk() as h:
        h.define("web", "silent")
        h.tell_disk("hold")
        request = h.begin("undefine", "web")
        h.until_a_sync_waits()
        h.daemon.kill(signal.SIGTERM)
        h.until(lambda: "leaving" in h.daemon.log(), "it was told")
        expect(not host.wait_pidfd(h.daemon.pidfd, 0), "it did not wait")
        h.tell_disk("go")
        equal(h.daemon.wait(), 0, "its exit status")
        expect("unpaid" not in h.daemon.log(), "it left as soon as that was stored", h.daemon.log())
        ends_well(request, "what was under way")
        h.daemon.close()
        h.start_daemon()
        equal(h.json("list"), [], "VMs")


def a_daemon_that_leaves_does_not_wait_for_ever():
    with OnDisk() as h:
        h.define("old", "beat")
        h.define("web", "silent")
        h.ctl("start", "old")
        life = h.row("old")["life"]
        h.tell_disk("hold")
        request = h.begin("undefine", "web")
        h.until_a_sync_waits()
        begin = time.monotonic()
        h.daemon.kill(signal.SIGTERM)
        equal(h.daemon.wait(), 0, "its exit status")
        expect(time.monotonic() - begin >= 5, "it waited for the disk")
        request.communicate(timeout=host.LIMIT)
        expect("disk does not take the log" in h.daemon.log(), "it says why", h.daemon.log())
        h.daemon.close()
        h.start_daemon()
        equal(h.row("old")["life"], life, "the life that ran")
        h.ctl("abort", "old")


if __name__ == "__main__":
    if not disk():
        print("SKIPPED: all that can be written here is in memory, a log there is never synced")
        sys.exit(host.SKIPPED)
    sys.exit(host.main([
        a_request_waits_no_longer_than_it_was_told,
        a_turn_is_synced_before_it_is_answered,
        queries_are_answered_while_the_disk_hangs,
        who_asks_behind_a_turn_that_the_disk_holds_up_is_told_so,
        what_came_while_the_disk_hung_is_one_line,
        a_write_that_fails_is_tried_again,
        a_daemon_killed_in_the_middle_of_a_sync_loses_nothing_it_told,
        a_daemon_that_leaves_waits_for_what_is_under_way,
        a_daemon_that_leaves_does_not_wait_for_ever,
    ]))
