#!/usr/bin/env python3
"""The journal tells the story of each VM, and the catalog says what it means."""
import json
import re
import socket
import sys

import host
from host import ctl, equal, expect, needs_kvm


def cursor():
    """The end of the journal as it is now."""
    host.run("journalctl", "--sync")
    shown = host.run("journalctl", "-n", "0", "--show-cursor", "--quiet")
    return shown.rsplit("-- cursor: ", 1)[1].strip()


def told_since(place, **wanted):
    """The entries since then that have these fields, as dictionaries. With a filter journalctl would leave out the first."""
    host.run("journalctl", "--sync")
    text = host.run("journalctl", "--after-cursor", place, "-o", "json", "--quiet")
    entries = [json.loads(line) for line in text.splitlines()]
    return [e for e in entries if all(e.get(key) == value for key, value in wanted.items())]


def kinds():
    """{MESSAGE_ID: title} of the catalog that is installed."""
    host.run("journalctl", "--update-catalog")
    rows = [line.split(" ", 2) for line in host.run("journalctl", "--list-catalog").splitlines()]
    return {message: rest.strip() for message, who, rest in rows if who == "lifecycled:"}


def a_vm_has_its_story():
    """From its definition to the end of its life, in order; nothing of another VM is in it."""
    host.fresh()
    titles = kinds()
    place = cursor()
    host.define("web")
    host.define("other")
    ctl("start", "other")
    ctl("start", "web")
    life = host.row("web")["life"]
    ctl("abort", "web")
    host.until_state("web", "null")
    story = told_since(place, VM_NAME="web", SYSLOG_IDENTIFIER="lifecycled")
    known = [titles[e["MESSAGE_ID"]] for e in story if "MESSAGE_ID" in e]
    wanted = ["@VM_NAME@ was defined", "@OPERATION@ of @VM_NAME@ is under way",
              "@VM_NAME@ runs", "@OPERATION@ of @VM_NAME@ is over", "@VM_NAME@ ended: @CAUSE@",
              "@VM_NAME@ has settled life @VM_LIFE@"]
    places = [known.index(title) if title in known else -1 for title in wanted]
    expect(-1 not in places and places == sorted(places), "each step of the life, in order", wanted, known)
    ended = story[known.index("@VM_NAME@ ended: @CAUSE@")]
    equal((ended["CAUSE"], ended["VM_LIFE"], ended["PRIORITY"], ended["_SYSTEMD_UNIT"]),
          ("user-abort", str(life), "6", "lifecycled.service"), "the end's fields")
    equal({e["VM_NAME"] for e in story}, {"web"}, "whose story it is")
    told = host.run("journalctl", "-b", "-x", "VM_NAME=web")
    expect("Subject: web runs" in told and "lifecyclectl console web" in told, "journalctl -x explains it", told)
    ctl("abort", "other")


def the_page_of_a_vm_shows_its_last_lines():
    """Those of lifecycled and of its VMM; what somebody else wrote in the VM's name is not among them."""
    host.fresh()
    host.define("web")
    ctl("start", "web")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.sendto(b"MESSAGE=forged\nVM_NAME=web\nSYSLOG_IDENTIFIER=lifecycled\n", "/run/systemd/journal/socket")
    host.run("journalctl", "--sync")
    lines, runs = host.status("web")["journal"], f"web: life {host.row('web')['life']} is running"
    equal([line["text"].partition(",")[0] for line in lines[-2:]], [runs, "web: start is over"], "the last lines")
    expect(all(line["who"].startswith("lifecycled") and line["text"] != "forged" for line in lines), "whose lines they are", lines)
    page = ctl("status", "web")
    expect(re.search(rf"^Journal, last lines:\n(    .*\n)*    \w+ \d+ [\d:]+ lifecycled\[\d+\]: {runs}", page, re.M), "the page", page)
    equal(len(json.loads(ctl("-o", "json", "status", "-n", "2", "web"))[0]["journal"]), 2, "so many as are asked for")
    ctl("abort", "web")


def what_an_sp_was_told_is_in_it():
    host.fresh()
    sp = next(p for p in json.loads(ctl("-o", "json", "partitions")) if p["kind"] == "sp")
    place = cursor()
    host.define("web")
    ctl("start", "web")
    ctl("abort", "web")
    host.until_state("web", "null")
    told = told_since(place, SP_ID=f"0x{sp['id']:04x}", VM_NAME="web")
    equal([e["DEBT_STATE"] for e in told], ["known", "settled"], "what the SP was told of it")


@needs_kvm
def a_failure_is_a_warning_that_says_what_to_do():
    host.fresh()
    host.define("web", guest="panic")
    place = cursor()
    ctl("start", "web", check=False)
    host.until(lambda: told_since(place, VM_NAME="web", CAUSE="guest-panic"), "the panic is told")
    entry = told_since(place, VM_NAME="web", CAUSE="guest-panic", PRIORITY="4")[0]
    expect("guest-panic" in entry["MESSAGE"], "the message says so", entry["MESSAGE"])
    shown = host.run("journalctl", "-b", "-x", "VM_NAME=web", "CAUSE=guest-panic", "-p", "warning")
    for words in ("Subject: web failed: guest-panic", "lifecyclectl console web", "Documentation: man:lifecycled-journal(7)"):
        expect(words in shown, f"journalctl -x shows '{words}'", shown)


def what_a_vmm_says_is_in_it():
    """Its lines have the name, too, though they come from a unit of their own."""
    host.fresh()
    place = cursor()
    done = host.run("systemctl", "start", host.vmm("nobody"), check=False)
    expect(done.returncode != 0, "a VMM of no VM is refused")
    words = told_since(place, VM_NAME="nobody", SYSLOG_IDENTIFIER="lifecycled-vmm")
    expect(words, "it says so itself, with the name")
    equal(words[0]["_SYSTEMD_UNIT"], host.vmm("nobody"), "whose line it is")


@needs_kvm
def what_a_vmm_says_of_its_guest_has_the_name_once():
    """Its unit gives the name to each line, and itself to what it sends with fields."""
    host.fresh()
    host.define("web")
    host.drop_in("lifecycled-vm@.service", "[Service]\nEnvironment=LIFECYCLED_VMM_INJECT=landlock=95\n")
    try:
        place = cursor()
        ctl("start", "web")
        lines = [line["MESSAGE"] for line in told_since(place, VM_NAME="web", SYSLOG_IDENTIFIER="lifecycled-vmm")]
        expect(any("the sandbox has no Landlock" in line for line in lines), "its sandbox lacks a layer", lines)
    finally:
        host.drop_in("lifecycled-vm@.service", None)
        ctl("destroy", "web")


def each_message_of_the_daemon_has_its_entry():
    """Of all that this machine has said so far."""
    titles = kinds()
    said = [json.loads(line) for line in
            host.run("journalctl", "-b", "-o", "json", "SYSLOG_IDENTIFIER=lifecycled").splitlines()]
    ids = {e["MESSAGE_ID"] for e in said if "MESSAGE_ID" in e}
    expect(len(ids) > 8, f"{len(ids)} kinds were said")
    equal(ids - titles.keys(), set(), "ids without an entry")


if __name__ == "__main__":
    sys.exit(host.main([
        a_vm_has_its_story,
        the_page_of_a_vm_shows_its_last_lines,
        what_an_sp_was_told_is_in_it,
        a_failure_is_a_warning_that_says_what_to_do,
        what_a_vmm_says_is_in_it,
        what_a_vmm_says_of_its_guest_has_the_name_once,
        each_message_of_the_daemon_has_its_entry,
    ], needs_kvm=False))
