#!/usr/bin/env python3
"""Bad input: each gets a clear, typed error, and nothing changes."""
import json
import socket
import struct
import subprocess
import sys

import host
from host import BUILD, GUESTS, Host, equal, expect

KERNEL = str(GUESTS / "silent.elf")
GOOD = {"name": "web", "memory": {"size": "2M"}, "kernel": KERNEL}

# what is wrong, its text, what the error must say
DEFINITIONS = [
    ("an unknown key", json.dumps({**GOOD, "kernle": "/x"}, indent=1), ["kernle", "kernel"]),
    ("a wrong type", json.dumps({**GOOD, "vcpus": {"count": "two"}}, indent=1), ["vcpus.count"]),
    ("a number out of range", json.dumps({**GOOD, "vcpus": {"count": 65}}, indent=1), ["vcpus.count", "64"]),
    ("a name that is a path", json.dumps({**GOOD, "name": "../web"}, indent=1), ["name"]),
    ("a size that is none", json.dumps({**GOOD, "memory": {"size": "12Q"}}, indent=1), ["memory.size", "12Q"]),
    ("a path that is not absolute", json.dumps({**GOOD, "kernel": "vmlinuz"}, indent=1), ["kernel"]),
    ("a truncated text", json.dumps(GOOD, indent=1)[:-4], []),
    ("a duplicate key", '{"name": "web",\n "name": "web2"}', ["name"]),
    ("no JSON at all", "hello", []),
    ("nothing", " ", []),
    ("a huge text", json.dumps({**GOOD, "cmdline": "x" * 70000}), []),
    ("a missing kernel key", json.dumps({"name": "web", "memory": {"size": "2M"}}), ["kernel"]),
]


def nothing_changed(h, before, what):
    equal((h.json("list"), h.memory_files()), before, f"state after {what}")


def malformed_definitions_are_refused_with_their_place():
    with Host() as h:
        before = (h.json("list"), h.memory_files())
        for what, text, words in DEFINITIONS:
            done = h.ctl("define", "-", text=text, check=False)
            equal(done.returncode, 6, f"exit code for {what} ({done.stderr.strip()})")
            for word in words:
                expect(word in done.stderr, f"the error for {what} names {word}", done.stderr)
            nothing_changed(h, before, what)
        done = h.ctl("define", "-", text='{"name": "web",\n  "kernle": "/x"}', check=False)
        expect(":2:3:" in done.stderr, "line and column", done.stderr)


def names_ids_and_uuids_are_not_given_twice():
    with Host() as h:
        h.define("one", "silent", ffa_id=5, uuid="11111111-2222-4333-8444-555555555555")
        for key, value in (("ffa-id", 5), ("uuid", "11111111-2222-4333-8444-555555555555")):
            done = h.ctl("define", "-", text=json.dumps({**GOOD, "name": "two", key: value}), check=False)
            equal(done.returncode, 5, f"exit code for a second {key}")
            expect("one" in done.stderr, "it names the other VM", done.stderr)
        equal([r["name"] for r in h.json("list")], ["one"], "VMs")


def circles_of_order_are_refused():
    with Host() as h:
        h.define("a", "silent", order={"after": ["b"]})
        h.define("b", "silent", order={"after": ["c"]})
        done = h.ctl("define", "-", text=json.dumps({**GOOD, "name": "c", "order": {"after": ["a"]}}), check=False)
        equal(done.returncode, 16, "exit code")


def verbs_on_nobody_and_on_old_lives_are_refused():
    with Host() as h:
        for verb in ("start", "abort", "restart", "destroy", "status", "console"):
            done = h.ctl(verb, "nobody", check=False)
            equal(done.returncode, 4, f"exit code of {verb} nobody ({done.stderr.strip()})")
            expect("nobody" in done.stderr, "it names the VM", done.stderr)
        h.define("web", "silent")
        h.ctl("start", "web")
        done = h.ctl("abort", "--if-life=1", "web", check=False)
        equal(done.returncode, 8, "exit code for a life that is over")
        equal(h.row("web")["state"], "running", "state")
        refused = h.status("web")["refused_transitions"]
        h.ctl("abort", "web")
        equal(h.ctl("abort", "web", check=False).returncode, 7, "exit code of an illegal transition")
        equal(h.status("web")["refused_transitions"], refused + 1, "it is counted")
        expect("cannot abort web" in h.daemon.log(), "and journalled", h.daemon.log())


def without_a_daemon_the_client_says_so():
    with Host(daemon=False, secure_side=False) as h:
        done = h.ctl("list", check=False)
        equal(done.returncode, 3, "exit code")
        expect("lifecycled" in done.stderr, "it says what is missing", done.stderr)


def options_that_make_no_sense_are_refused():
    for options, words in ((["--starter", "systemd", "--bus", "none"], ["--starter systemd", "--bus"]),
                           (["--starter", "init"], ["auto, spawn or systemd"]),
                           (["--vmm-group", "nobody-has-this"], ["there is no such group"]),
                           (["--vmm-user", "nobody-has-this"], ["there is no such user"]),
                           (["--vmm-user", "nobody", "--starter", "systemd"], ["--vmm-user", "unit"])):
        done = subprocess.run([BUILD / "daemon/main/lifecycled", *options], capture_output=True, text=True,
                              timeout=host.LIMIT)
        equal(done.returncode, 2, f"exit code with {options}")
        expect(all(word in done.stderr for word in words), f"{options}: it says what and why", done.stderr)


def send(path, kind, *messages):
    with socket.socket(socket.AF_UNIX, kind) as s:
        s.settimeout(host.LIMIT)
        s.connect(str(path))
        for m in messages:
            s.send(m)
        try:
            return s.recv(65536)
        except ConnectionResetError:
            return b""


def strangers_on_the_vmm_socket_are_hung_up_on():
    with Host() as h:
        h.define("web", "silent")
        h.ctl("start", "web")
        header = struct.pack("<IHHQQ", 0x4C4D4D56, 1, 1, 0, 0)
        for frame in (b"x", b"\0" * 4096, header, header + b"web".ljust(64, b"\0"), header + b"y" * 64):
            send(h.run / "vmm.sock", socket.SOCK_SEQPACKET, frame)
        equal(h.row("web")["state"], "running", "state")
        h.ctl("abort", "web")


def strangers_on_the_secure_link_are_hung_up_on():
    with Host() as h:
        h.define("web", "silent")
        h.ctl("start", "web")
        for frame in (b"x", b"\0" * 200, struct.pack("<IHHQ", 0x4C534346, 1, 3, 1) + b"\0" * 144):
            equal(send(h.run / "spmc.sock", socket.SOCK_SEQPACKET, frame), b"", "an answer to garbage")
        h.ctl("abort", "web")
        equal(h.books(), {"0x8001": set(), "0x8002": set()}, "books")


def a_path_in_any_language_is_told_of():
    """It is cut where an error has no room for more, which may be in the middle of a character: D-Bus would take none of it."""
    with Host() as h:
        h.ctl("define", "-", text=json.dumps({**GOOD, "kernel": "/nowhere/" + "\u0436" * 40 + "x"}))
        done = h.ctl("start", "web", check=False)
        expect("kernel " + "\u0436" * 23 + "x cannot be opened" in done.stderr, "why it did not start", done.stderr)
        expect("cannot be opened" in h.status("web")["last_end"]["text"], "and it is kept", h.status("web"))
        equal([r["name"] for r in h.json("list")], ["web"], "VMs")


def a_bad_file_in_vm_d_does_not_keep_the_others_out():
    with Host(daemon=False) as h:
        (h.definitions / "web.json").write_text(json.dumps(GOOD))
        (h.definitions / "bad.json").write_text('{"name": "bad", "kernel": 7}')
        (h.definitions / "other.json").write_text(json.dumps({**GOOD, "name": "another"}))
        h.start_daemon()
        h.until(lambda: h.row("web"), "web is defined")
        equal([r["name"] for r in h.json("list")], ["web"], "VMs")
        expect("bad.json" in h.daemon.log() and "other.json" in h.daemon.log(), "both are named in the log", h.daemon.log())


if __name__ == "__main__":
    sys.exit(host.main([
        malformed_definitions_are_refused_with_their_place,
        names_ids_and_uuids_are_not_given_twice,
        circles_of_order_are_refused,
        verbs_on_nobody_and_on_old_lives_are_refused,
        without_a_daemon_the_client_says_so,
        options_that_make_no_sense_are_refused,
        strangers_on_the_vmm_socket_are_hung_up_on,
        strangers_on_the_secure_link_are_hung_up_on,
        a_path_in_any_language_is_told_of,
        a_bad_file_in_vm_d_does_not_keep_the_others_out,
    ]))
