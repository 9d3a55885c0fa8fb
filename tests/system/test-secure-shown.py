#!/usr/bin/env python3
"""What is shown of the secure side, as a person and a program read it: pages, frames that go on, old lives, both books.

No vCPU has to run for it: the VMM is the one of tests/unit/fleet, which has no VM. So this needs no KVM.
"""
import contextlib
import json
import signal
import socket
import subprocess
import sys
import threading

import host
from host import BUILD, Host, equal, expect

FAKE_VMM = str(host.BUILD / "tests/unit/fleet/fake-vmm")
STUCK = ("--sp", "trusty:0x8001:stuck=1", "--sp", "optee:0x8002")


def some_host(*secure):
    return Host(secure=secure or STUCK, options=("--vmm", FAKE_VMM))


def page(h, sp="0x8001"):
    return h.json("partitions", sp)[0]


def bus_property(h, sp, name):
    """One property of .Partition as another client reads it."""
    done = subprocess.run(["busctl", f"--address={h.bus_address}", "-j", "get-property", "org.lifecycled.Lifecycle1",
                           f"/org/lifecycled/Lifecycle1/partition/{sp:04x}", "org.lifecycled.Lifecycle1.Partition", name],
                          capture_output=True, text=True, timeout=host.LIMIT)
    expect(done.returncode == 0, f"busctl get-property {name}", done.stderr)
    return json.loads(done.stdout)["data"]


def get_stuck(h, name="web", **more):
    h.define(name, **more)
    h.ctl("start", name)
    h.ctl("abort", "--no-block", name)
    h.until(lambda: h.row(name)["secure_stuck"], f"{name} is stuck at an SP")


def a_page_says_what_an_sp_does_and_did():
    with some_host() as h:
        get_stuck(h)
        row, sp = h.row("web"), page(h)
        equal((sp["profile"], sp["state"], sp["owed"], sp["stuck"], sp["known"]), ("trusty", "ok", 1, 1, 0), "what it is")
        equal([(d["vm"], d["life"], d["debt"], d["stuck"]) for d in sp["under_way"]], [("web", row["life"], "destroying", True)],
              "what is under way")
        expect(sp["under_way"][0]["since_monotonic_us"] < sp["stuck_since_monotonic_us"] < sp["next_probe_monotonic_us"],
               "it was asked, then counted as stuck, and is asked again", sp)
        equal(sp["queues"]["line"] + sp["queues"]["back_off"], 0, "queues of an SP at which one debt waits for the probe")
        equal(sp["verdicts"]["ack"], 1, "VM_CREATED was taken")
        expect(sp["verdicts"]["retry"] == sp["retried"] > 10, "the end was not", sp)
        equal(sum(sp["verdicts"].values()), sp["frames"]["completed"], "each answer is counted once")
        equal(sum(sp["frame_latency_us"]), sp["frames"]["completed"], "each took its time")
        equal((sum(sp["created_retries"]), sum(sp["created_latency_us"])), (1, 1), "one VM_CREATED was done")
        equal((sp["destroyed_retries"], sp["settled"]), ([], {}), "no VM_DESTROYED was")
        equal(sp["last_replies"][-1], "retry", "its last answer")
        other = page(h, "0x8002")
        equal((other["settled"], sum(other["destroyed_retries"]), other["stuck_since_monotonic_us"]), ({"answered-0": 1}, 1, 0),
              "the other SP")
        text = h.ctl("partitions", "0x8001", "0x8002")
        for part in ("0x8001  ok, trusty", "Stuck: 1 of these, the first for ", "; the next probe leaves in ", "  Slot: free\n",
                     "Last answers: retry", "    web  ", "VM_CREATED, messages beyond the first", "#####", "0x8002  ok, optee"):
            expect(part in text, f"the page says '{part}'", text)
        equal(bus_property(h, 0x8001, "StuckSince"), sp["stuck_since_monotonic_us"], "StuckSince on the bus")
        expect(bus_property(h, 0x8001, "NextProbe") >= sp["next_probe_monotonic_us"], "NextProbe on the bus")
        h.secure.kill()
        h.secure.wait()
        h.until(lambda: not page(h)["reachable"], "the link broke")
        expect("the secure side cannot be reached" in h.ctl("partitions", "0x8001"), "the page says so")
        expect("The secure side cannot be reached" in h.ctl("partitions"), "the list does, too")


def a_partition_tells_its_version():
    with some_host("--sp", "strict:0x8001", "--ffa-version", "1.3") as h:
        h.until(lambda: "0x8001" in h.ctl("partitions"), "the SP is met")
        expect(page(h)["ffa_version"] >> 16 == 1, "its own FF-A version", page(h))
        equal(bus_property(h, 0x8001, "Version"), page(h)["ffa_version"], "Version on the bus")
        expect("FF-A version: 1." in h.ctl("partitions", "0x8001"), "the page has it")


def who_stands_in_line_is_named_in_order():
    with some_host("--sp", "hostile:0x8001:does=yield") as h:  # whose VM is being made has its slot for ever
        for name in ("first", "third", "second"):
            h.define(name, limits={"announce-timeout": "600s"})
        h.ctl("start", "--no-block", "first")
        h.until(lambda: page(h)["slot_life"], "first has the creation slot")
        for name in ("second", "third"):
            h.ctl("start", "--no-block", name)
            h.until(lambda n=name: n in [d["vm"] for d in page(h)["under_way"] if d["ticket"]], f"{name} stands in line")
        seen, first = page(h), h.row("first")
        equal((seen["slot_life"], seen["in_flight"], seen["queues"]["line"]), (first["life"], True, 2), "who has the slot")
        equal([d["vm"] for d in seen["under_way"] if d["place"] == "line"], ["second", "third"], "the line, in order")
        text = h.ctl("partitions", "0x8001")
        expect(f"Slot: creates first, life {first['life']}; in line behind: second, third\n" in text, "the page names them", text)
        expect("In flight: VM_CREATED of first, life " in text and "Deadline: in 9 min " in text, "the call that is in flight", text)
        peer = h.json("peers", "first")[0]
        equal((peer["life"], peer["debt"], peer["how"], peer["reply"], peer["tries"]), (first["life"], "creating", "-", "yielded", 1),
              "where first stands")
        equal(peer["until_monotonic_us"] - peer["since_monotonic_us"], 600_000_000, "its deadline")
        equal(seen["deadline_monotonic_us"], peer["until_monotonic_us"], "the first deadline at this SP")
        line = h.ctl("peers", "first", "--no-legend")
        equal([line.split()[i] for i in (0, 3, 4)], ["first", "0x8001", "creating"], "the same for a person")
        expect("yielded" in line and " in 9 min " in line, "last reply and deadline", line)


def old_lives_are_listed_one_by_one():
    with some_host() as h:
        h.define("web", policies={"on-stuck": "new-id"})
        h.ctl("start", "web")
        first = h.row("web")
        h.ctl("restart", "web", "--timeout", "30")
        status, row = h.status("web"), h.row("web")
        equal((row["old_lives"], row["stuck_sps"]), (1, [0x8001]), "what a list says of it")
        equal(status["stuck_sps"], [0x8001], "what its page says")
        equal([(p["life"], p["ffa_id"], p["sp"], p["debt"], p["place"], p["reply"]) for p in status["old_peers"]],
              [(first["life"], first["ffa_id"], 0x8001, "destroying", "probe", "retry")], "its old life")
        old = status["old_peers"][0]
        expect(old["tries"] > 10 and 0 < old["since_monotonic_us"] < old["next_monotonic_us"], "since when, how often, when again", old)
        equal([p for p in h.json("peers", "web") if p["old"]][0]["life"], first["life"], "peers has it, too")
        text = h.ctl("status", "web")
        expect("Old lives that still settle: 1\n" in text and f"\n    {first['life']} " in text, "the page lists it", text)
        expect("stuck: secure partition 0x8001 has not taken the end" in text, "and where it is stuck", text)
        expect("stuck at 0x8001, 1 old life settles" in h.ctl("list"), "the note of a list", h.ctl("list"))


@contextlib.contextmanager
def following(h, *words):
    trail = subprocess.Popen([BUILD / "cli/lifecyclectl", "--bus", h.bus_address, "-o", "json", "trace", "--follow", *words],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    alarm = threading.Timer(host.LIMIT, trail.kill)  # a frame that never comes ends the test, too
    alarm.start()
    try:
        yield trail
    finally:
        alarm.cancel()
        trail.kill()
        trail.communicate()


def frames_until(trail, wanted):
    """The frames that come up to the first one that is wanted."""
    seen = []
    while not seen or not wanted(seen[-1]):
        line = trail.stdout.readline()
        expect(line, "the trace goes on", seen)
        seen.append(json.loads(line))
        expect("missed" not in seen[-1], "none was missed", seen[-1])
    return seen


def frames_go_on_as_they_come():
    with some_host("--sp", "strict:0x8001", "--sp", "optee:0x8002") as h, following(h) as all_sps, following(h, "0x8002") as one:
        def of(sp, message):
            return lambda f: f["sp"] == sp and f["message"] == message and f["answer"] and f["status"] == "SUCCESS"

        h.define("web")
        h.ctl("start", "web")
        before = frames_until(all_sps, of(0x8002, "VM_CREATED"))
        equal({f["sp"] for f in frames_until(one, of(0x8002, "VM_CREATED"))}, {0x8002}, "whose frames a trace of one SP has")
        h.kill_daemon()
        h.start_daemon()
        h.ctl("abort", "web")
        after = frames_until(all_sps, of(0x8001, "VM_DESTROYED"))
        frames_until(one, of(0x8002, "VM_DESTROYED"))
        for sp in (0, 0x8001, 0x8002):
            for name, seen in (("first", before), ("second", after)):
                numbers = [f["number"] for f in seen if f["sp"] == sp]
                equal(numbers, list(range(1, 1 + len(numbers))), f"numbers of {sp:#x} of the {name} daemon")
        expect(any(f["function"] == "FFA_VERSION" for f in after if f["sp"] == 0), "discovery of the second daemon", after)
        for trail in (all_sps, one):
            trail.send_signal(signal.SIGINT)
            said = trail.communicate()[1]
            equal(trail.returncode, 130, "exit code after ^C")
            expect("hung up; waiting for it to come back" in said, "it said that the daemon went", said)


class OtherBook:
    """An inspection socket that says what it is told to say, to each who asks."""

    def __init__(self, path, document):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        self.text = json.dumps(document).encode()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                client = self.listener.accept()[0]
                client.sendall(self.text)
                client.close()


def a_view_that_is_not_whole_is_no_agreement():
    with some_host("--sp", "strict:0x8001") as h:
        h.define("web")
        h.ctl("start", "web")
        book = h.inspect()
        OtherBook(h.run / "whole.sock", book)
        whole = h.ctl("partitions", f"--secure-view={h.run}/whole.sock", check=False)
        equal((whole.returncode, whole.stderr), (0, ""), "a view that is whole")
        book["sps"][0]["left_out"] = 7
        OtherBook(h.run / "part.sock", book)
        part = h.ctl("partitions", f"--secure-view={h.run}/part.sock", check=False)
        equal(part.returncode, 1, "exit code where something was left out")
        expect("not whole: 7 entries were left out" in part.stderr, "it is said", part.stderr)
        book["sps"][0]["vms"] = []
        OtherBook(h.run / "wrong.sock", book)
        equal(h.ctl("partitions", f"--secure-view={h.run}/wrong.sock", check=False).returncode, 20,
              "exit code where what is shown differs, too")


if __name__ == "__main__":
    sys.exit(host.main([
        a_page_says_what_an_sp_does_and_did,
        a_partition_tells_its_version,
        who_stands_in_line_is_named_in_order,
        old_lives_are_listed_one_by_one,
        frames_go_on_as_they_come,
        a_view_that_is_not_whole_is_no_agreement,
    ], needs_kvm=False))
