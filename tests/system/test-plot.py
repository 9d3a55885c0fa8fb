#!/usr/bin/env python3
"""The picture of what really happened: it is XML, and says what the events say."""
import re
import sys
import xml.etree.ElementTree as ElementTree

import host
from host import Host, equal, expect

SVG = "{http://www.w3.org/2000/svg}"


def draw(h, *words):
    """{row: (classes of its bars, labels)}; the row of an SP has the name of the VM above it in front."""
    found, vm = {}, None
    for group in ElementTree.fromstring(h.ctl("plot", *words)).iter(f"{SVG}g"):
        if group.get("class") != "row":
            continue
        name = group.find(f"{SVG}text")
        vm = name.text if name.get("class") == "vm" else vm
        found[vm if name.get("class") == "vm" else f"{vm} {name.text}"] = (
            [r.get("class") for r in group.iter(f"{SVG}rect")],
            [t.text for t in group.iter(f"{SVG}text") if t.get("class") == "label"],
            [m.find(f"{SVG}title").text for m in group.iter(f"{SVG}line") if m.get("class") in ("sent", "answer")])
    return found


def lives_are_drawn_as_they_were():
    with Host() as h:
        h.define("web", "beat")
        h.define("crashy", "crash")
        h.ctl("start", "web")
        first = h.row("web")
        h.ctl("start", "crashy", check=False)
        h.until_state("crashy", "null")
        h.ctl("pause", "web")
        h.ctl("resume", "web")
        h.ctl("abort", "web")
        h.ctl("start", "web")
        second = h.row("web")
        found = draw(h)
        bars, labels, _ = found["web"]
        equal(labels, [f"life {first['life']}, 0x{first['ffa_id']:04x}: user-abort", f"life {second['life']}, 0x{second['ffa_id']:04x}"],
              "lives of web")
        for wanted in ("created", "running", "paused", "aborting", "retiring", "reclaiming"):
            expect(wanted in bars, f"web was {wanted}", bars)
        equal(bars[-1], "running", "what web is now")
        expect(found["crashy"][1][0].endswith(": guest-panic"), "why crashy ended", found["crashy"])
        for sp in ("0x8001", "0x8002"):
            for vm, times in (("web", 2), ("crashy", 1)):
                _, labels, _ = found[f"{vm} {sp} VM_CREATED"]
                expect(len(labels) == times and all(re.fullmatch(r"answered-0, \d+ tr(y|ies)", label) for label in labels),
                       f"{vm} was announced to {sp}", labels)
            equal(len(found[f"web {sp} VM_DESTROYED"][1]), 1, f"ends of web told to {sp}")
        marks = found["web 0x8002 VM_CREATED"][2]
        equal([mark.split(",")[0] for mark in marks], ["sent: FFA_MSG_SEND_DIRECT_REQ VM_CREATED", "answer ack VM_CREATED"] * 2,
              "frames about it")


def it_shows_whom_and_what_was_asked_for():
    with Host() as h:
        for name in ("web-1", "web-2", "db"):
            h.define(name, "beat")
            h.ctl("start", name)
        seq = h.row("db")["sequence"]
        h.ctl("abort", "web-1")
        vms = lambda *words: [row for row in draw(h, *words) if " " not in row]  # noqa: E731
        equal(sorted(vms()), ["db", "web-1", "web-2"], "all VMs")
        equal(vms("db"), ["db"], "one of them")
        equal(sorted(vms("web-*")), ["web-1", "web-2"], "those of a pattern")
        since = draw(h, "--since", seq)
        expect("created" not in since["web-1"][0] and since["web-1"][0][0] == "running", "web-1 began before", since["web-1"])
        equal(since["db"][0], ["running"], "db, of which nothing was told since")
        refused = h.ctl("plot", "nobody", check=False)
        equal((refused.returncode, refused.stdout), (4, ""), "a VM that is not there")
        h.ctl("destroy", "web-1")
        equal(vms("web-1"), ["web-1"], "one that is gone is in the log")
        h.define("new", "beat")
        equal(vms("new"), [], "one that never lived")
        refused = h.ctl("plot", "-o", "json", check=False)
        expect(refused.returncode == 2 and "SVG" in refused.stderr, "another format", refused.stderr)


if __name__ == "__main__":
    sys.exit(host.main([
        lives_are_drawn_as_they_were,
        it_shows_whom_and_what_was_asked_for,
    ]))
