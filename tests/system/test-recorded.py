#!/usr/bin/env python3
"""Calls that clients made (tests/fuzz/corpus/bus), made again, as they are and changed: each is answered, typed, the daemon stays
as large as it was, and guests that nobody named run on.

LIFECYCLED_RECORDED=SEED:COUNT for more of them. `--for SECONDS KEPT` goes on for so long, with what was kept in the file KEPT and
what is new: that is what tests/fuzz/run bus does.
"""
import json
import os
import pathlib
import re
import subprocess
import sys
import time

import host
from check import needs_kvm
from host import BUILD, GUESTS, Host, equal, expect

FAKE_VMM = str(BUILD / "tests/unit/fleet/fake-vmm")
CORPUS = host.TESTS / "fuzz/corpus/bus"
XML = host.TESTS.parent / "proto/org.lifecycled.Lifecycle1.xml"
SEED, COUNT = map(int, os.environ.get("LIFECYCLED_RECORDED", "1:6000").split(":"))
SANITIZED = os.environ.get("LIFECYCLED_SANITIZE", "none") != "none"
GROWTH_KIB = 32768 if SANITIZED else 2048
LARGE_KIB = 8192
# AddressSanitizer keeps the last 256 MiB that were freed, and the daemon would grow by them.
os.environ["ASAN_OPTIONS"] = ":".join(filter(None, [os.environ.get("ASAN_OPTIONS"), "quarantine_size_mb=16"]))
SPARED = "bystander"
ROUNDS = 4
KINDS = 100  # of answers that are told apart in a run; 150 and more as it stands
SPS = ("--sp", "trusty:0x8001", "--sp", "optee:0x8002")


def recorded():
    return [json.loads(line) for path in sorted(CORPUS.iterdir()) for line in path.read_text().splitlines()]


def replay(h, *more, corpus=CORPUS):
    """What it says of its run."""
    done = subprocess.run([BUILD / "tests/system/bus-replay", "--bus", h.bus_address, "--xml", XML, "--corpus", corpus, "--guests", GUESTS,
                           "--dir", h.dir, *map(str, more)], capture_output=True, text=True)
    equal(done.returncode, 0, f"what the caller saw: {done.stderr}{done.stdout}")
    expect(h.daemon.child.poll() is None, "the daemon lives", h.daemon.log())
    print(done.stdout, end="")
    return [int(n) for n in re.findall(r"\d+", done.stdout)]


def size_of(pid):
    """Its own memory in KiB, and its fds."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"RssAnon:\s+(\d+)", status).group(1)), len(os.listdir(f"/proc/{pid}/fd"))


def nothing_is_defined(h):
    """Ends all there is; True if there was nothing."""
    names = [r["name"] for r in h.json("list")]
    if names:
        h.ctl("destroy", "--no-block", "--", *names, check=False)
    return not names


def every_method_and_option_was_recorded():
    xml = XML.read_text()
    methods = {(i.split('"')[0], name) for i in xml.split('<interface name="')[1:] for name in re.findall(r'<method name="(\w+)"', i)}
    expect(len(methods) > 30, "methods of the XML", methods)
    equal(methods - {(c["interface"], c["member"]) for c in recorded()}, set(), "methods without a recorded call; tests/fuzz/record-bus makes them")
    options = {o for path in (host.TESTS.parent / "daemon/bus").glob("*.c") for o in re.findall(r'bus_read_option\(m, "([\w-]+)"', path.read_text())}
    expect(len(options) > 3, "options that the daemon reads", options)
    said = {pair[0] for c in recorded() if c["signature"].endswith("a{sv}") for pair in c["arguments"][-1]}
    equal(options - said, set(), "options without a recorded call")


def calls_as_they_were_recorded_are_taken():
    with Host(secure=SPS, options=("--vmm", FAKE_VMM)) as h:
        calls, taken, _ = replay(h, "--exact")
        equal(calls, len(recorded()), "calls")
        expect(2 * taken > calls, "most are taken", taken)


def changed_calls_are_answered_and_leave_nothing_behind():
    with Host(secure=SPS, options=("--vmm", FAKE_VMM)) as h:
        sizes = []
        for i in range(ROUNDS):
            kinds = replay(h, "--seed", ROUNDS * SEED + i, "--count", COUNT // ROUNDS)[2]
            h.kill_daemon()  # what was bound and shut down is over; and what it wrote can be read
            h.start_daemon()
            expect("aside" not in h.daemon.log(), "all of the log was loaded", h.daemon.log())
            expect(kinds > KINDS, "kinds of answers", kinds)
        for i in range(ROUNDS):
            replay(h, "--seed", ROUNDS * (SEED + 1) + i, "--count", COUNT // ROUNDS)
            h.until(lambda: nothing_is_defined(h), "nothing is defined")
            sizes.append(size_of(h.daemon.pid))
        print("KiB and fds after each round:", sizes)
        expect(sizes[-1][0] < sizes[0][0] + GROWTH_KIB, "the daemon stays as large as it was", sizes)
        expect(sizes[-1][1] <= sizes[0][1] + 4, "and has as many fds", sizes)


@needs_kvm
def guests_that_nobody_named_run_on():
    with Host(secure=SPS) as h:
        h.define(SPARED)
        h.ctl("start", SPARED)
        life, before = h.row(SPARED)["life"], h.counter(h.row(SPARED)["life"])
        replay(h, "--seed", SEED, "--count", COUNT // ROUNDS, "--spare", f"{SPARED}:{life}")
        equal((h.row(SPARED)["life"], h.row(SPARED)["state"]), (life, "running"), "its life and state")
        now = h.counter(life)
        expect(now > before, "it counted on", before, now)
        h.until(lambda: h.counter(life) > now, "it still counts")
        wrong = {r["name"]: r["cause"] for r in h.json("list") if r["cause"] in ("vmm-protocol", "vmm-signal", "vmm-gone", "internal")}
        equal(wrong, {}, "ends that are nobody's wish")


def go_on_for(seconds, kept):
    """A daemon a minute, so that one can be seen to grow."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with Host(secure=SPS, options=("--vmm", FAKE_VMM)) as h:
            for i in range(ROUNDS):
                replay(h, "--seed", int(time.time()), "--seconds", min(15, max(1, int(until - time.monotonic()))), "--keep", kept)
            h.until(lambda: nothing_is_defined(h), "nothing is defined")
            kib = size_of(h.daemon.pid)[0]
            expect(kib < GROWTH_KIB + LARGE_KIB, "its memory is bounded", kib)
            h.kill_daemon()
            h.start_daemon()
            expect("aside" not in h.daemon.log(), "all of the log was loaded", h.daemon.log())


if __name__ == "__main__":
    if sys.argv[1:2] == ["--for"]:
        go_on_for(int(sys.argv[2]), sys.argv[3])
        sys.exit(0)
    sys.exit(host.main([
        every_method_and_option_was_recorded,
        calls_as_they_were_recorded_are_taken,
        changed_calls_are_answered_and_leave_nothing_behind,
        guests_that_nobody_named_run_on,
    ], needs_kvm=False))
