#!/usr/bin/env python3
"""Who waits for whom, from the first to the last. The VMM is the one of tests/unit/fleet, which has no VM: this needs no KVM."""
import re
import sys

import host
from host import BUILD, Host, equal, expect

FAKE_VMM = str(BUILD / "tests/unit/fleet/fake-vmm")
PATIENT = {"announce-timeout": "1h"}


def chain(h, name):
    """Indentation and words of each line of the chain."""
    text = h.ctl("why", name)
    expect("Who waits for whom:\n" in text, "there is a chain", text)
    lines = text.split("Who waits for whom:\n")[1].splitlines()
    return [(len(line) - len(line.lstrip()) - 4, line.strip()) for line in lines]


def a_chain_of_three_ends_at_the_sp_that_holds_it_up():
    with Host(secure=("--sp", "trusty:0x8001:busy=1000000"), options=("--vmm", FAKE_VMM)) as h:
        h.define("store", limits=PATIENT)
        h.define("db", order={"requires": ["store"]})
        h.define("web", order={"requires": ["db"]})
        h.ctl("start", "--no-block", "web")
        h.until(lambda: h.row("store")["substate"] == "announcing" and h.status("store")["waits"]["tries"] > 1, "store is announced")
        found = chain(h, "web")
        equal([depth for depth, _ in found], [0, 2, 4, 6], f"depths of {found}")
        for (_, line), wanted in zip(found, (
                r"web is null, start is under way; it waits on VM 'db', which has to run before it, for .*",
                r"db is null, start is under way; it waits on VM 'store', which has to run before it, for .*",
                r"store is created/announcing, start is under way; it waits on secure partition 0x8001, for .*; "
                r"VM_CREATED was sent \d+ times, the last reply was (busy|retry)",
                r"secure partition 0x8001 \(trusty\) is ok, 1 life owes it something.*")):
            expect(re.fullmatch(wanted, line), f"a line is as {wanted}", line)
        told = h.json("why", "web")[0]["chain"]
        equal([(link["depth"], link.get("name") or hex(link["sp"])) for link in told],
              [(0, "web"), (1, "db"), (2, "store"), (3, "0x8001")], "the chain in JSON")
        equal(told[1]["waits"]["vm"], "store", "on whom the second waits")


def who_waits_for_no_vm_has_a_paragraph_alone():
    with Host(options=("--vmm", FAKE_VMM)) as h:
        h.define("web")
        equal(h.ctl("why", "web"), "web is null. It waits for nothing.\n", "all that is said")
        equal(h.json("why", "web")[0]["chain"][0]["waits"]["on"], "-", "in JSON it is a chain of one")


def a_creation_slot_is_a_link_as_well():
    with Host(secure=("--sp", "trusty:0x8001:busy=1000000"), options=("--vmm", FAKE_VMM)) as h:
        for name in ("first", "second"):
            h.define(name, limits=PATIENT)
            h.ctl("start", "--no-block", name)
            h.until(lambda n=name: h.row(n)["substate"] == "announcing", f"{name} is to be announced")
        h.until(lambda: h.status("second")["waits"]["vm"] == "first", "the second stands in line")
        found = chain(h, "second")
        equal([depth for depth, _ in found], [0, 2, 4], f"depths of {found}")
        expect("it waits on VM 'first', which is ahead of it at the creation slot of secure partition 0x8001" in found[0][1],
               "the slot is named", found)
        expect(found[1][1].startswith("first is created/announcing"), "who has it", found)
        expect("1 life owes it something" in found[2][1], "the SP, which the second one owes nothing yet", found)


if __name__ == "__main__":
    sys.exit(host.main([
        a_chain_of_three_ends_at_the_sp_that_holds_it_up,
        who_waits_for_no_vm_has_a_paragraph_alone,
        a_creation_slot_is_a_link_as_well,
    ]))
