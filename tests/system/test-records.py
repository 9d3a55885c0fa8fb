#!/usr/bin/env python3
"""Records that cannot be loaded: damaged, of another version, or deadly. Each is set aside with a reason, the rest loads, ids stay
burned, and no guest of another VM notices."""
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import zlib

import host
from host import BUILD, Host, equal, expect


def line_of(text):
    return b"%08x " % zlib.crc32(text) + text


def records(h):
    return (h.state / "log").read_bytes().splitlines()


def write_records(h, lines):
    (h.state / "log").write_bytes(b"\n".join(lines) + b"\n")


def change_record(h, words, change):
    """Changes the one line that has all these words."""
    lines = records(h)
    found = [i for i, line in enumerate(lines) if all(word in line for word in words)]
    equal(len(found), 1, f"records with {words}")
    lines[found[0]] = change(lines[found[0]])
    write_records(h, lines)


def aside(h):
    return (h.state / "log.damaged-1").read_text()


def burned(h):
    """{FF-A id: {SP}}"""
    done = subprocess.run(["busctl", f"--address={h.bus_address}", "--json=short", "get-property", "org.lifecycled.Lifecycle1",
                           "/org/lifecycled/Lifecycle1", "org.lifecycled.Lifecycle1.Manager", "BurnedIds"], capture_output=True, text=True,
                          check=True)
    ids = {}
    for row in json.loads(done.stdout)["data"]:
        ids.setdefault(row[0], set()).add(row[1])
    return ids


def picture(h, name):
    row = h.row(name)
    return row["state"], row["life"], row["ffa_id"], h.status(name)["vmm_pid"]


@contextlib.contextmanager
def two_guests():
    with Host() as h:
        for name in ("kept", "lost"):
            h.define(name, "beat")
            h.ctl("start", name)
        yield h


def is_kept(h, before):
    equal(picture(h, "kept"), before, "the other VM")
    count = h.counter(before[1])
    h.until(lambda: h.counter(before[1]) > count + 3, "its guest counts on")


def a_damaged_record_costs_its_own_life_alone():
    with two_guests() as h:
        before, lost = picture(h, "kept"), picture(h, "lost")
        h.kill_daemon()
        change_record(h, [b'"kind":"life"', b'"name":"lost"'], lambda line: line.replace(b'"vcpus":1', b'"vcpus":2'))
        vmm = os.pidfd_open(lost[3])
        h.start_daemon()
        is_kept(h, before)
        expect("its checksum is wrong" in aside(h) and "does not fit" in aside(h), "the reasons", aside(h))
        expect("are set aside in log.damaged-1" in h.daemon.log(), "and the journal says so", h.daemon.log())
        expect(host.wait_pidfd(vmm), "the VMM of a life that nobody knows ends")
        os.close(vmm)
        equal(h.row("lost")["state"], "null", "state")
        h.until(lambda: {0x8000, 0x8001, 0x8002} == burned(h)[lost[2]], "its id is burned at all that were met")
        expect(str(lost[1]) in h.memory_files(), "and its memory is not given back", h.memory_files())
        h.ctl("start", "lost")
        expect(h.row("lost")["ffa_id"] != lost[2] and h.row("lost")["life"] > lost[1] + 1, "the next life has numbers of its own",
               h.row("lost"))
        h.ctl("abort", "lost", "kept")
        equal(h.books(), {sp: {lost[2]} for sp in ("0x8001", "0x8002")}, "what the SPs know still is what is burned")
        h.kill_daemon()
        h.start_daemon()
        equal(h.daemon.log().count("are set aside in"), 1, "times that it was said")
        expect(lost[2] in burned(h), "the id is burned still")
        h.secure.kill(signal.SIGHUP)  # another secure world: it knows nobody
        h.until(lambda: lost[2] not in burned(h), "the id is free")


def all_but_definitions_are_lost(h):
    """The log as damage leaves it that spares the records of VMs alone: no life, no SP, no secure world."""
    spared = (b'"kind":"vm"',)
    lines = [line if any(word in line for word in spared) and b'"kind":"life"' not in line else b"x" + line[1:] for line in records(h)]
    expect(sum(line[:1] == b"x" for line in lines) > 2, "something is damaged")
    write_records(h, lines)


def an_id_that_is_lost_is_nobodys_before_sps_are_met():
    with Host(options=("--ids=7-7",)) as h:
        h.define("web", "beat")
        h.ctl("start", "web")
        h.kill_daemon()
        all_but_definitions_are_lost(h)
        h.secure.kill(signal.SIGSTOP)  # it remembers the guest, and is not to be met
        h.start_daemon()
        equal(burned(h), {7: {0}}, "what is kept back")
        h.ctl("start", "web", "--no-block")
        why = h.json("why", "web")[0]
        equal((why["state"], why["operation"], why["waits"]["on"]), ("null", "start", "secure-link"), "on whom the start waits")
        expect(why["waits"]["since_monotonic_us"], "and since when", why)
        h.kill_daemon()
        h.start_daemon()
        equal((burned(h), h.row("web")["waits_on"]), ({7: {0}}, "secure-link"), "the next daemon knows it, too")
        h.secure.kill(signal.SIGCONT)
        h.until(lambda: burned(h) == {7: {0x8000, 0x8001, 0x8002}}, "SPs are met, and each of them may know that guest")
        equal(h.books(), {sp: {7} for sp in ("0x8001", "0x8002")}, "and they do")
        h.until(lambda: h.row("web")["operation"] == "-", "the start is over")
        equal(h.row("web")["life"], 0, "nobody got the id")
        h.secure.kill(signal.SIGHUP)  # another secure world: it knows nobody
        h.until(lambda: not burned(h), "the id is free")
        h.ctl("start", "web")
        equal(h.row("web")["ffa_id"], 7, "the id of the next life")


def a_host_without_a_secure_side_waits_for_nobody():
    with Host(options=("--ids=7-7",), secure_side=False) as h:
        h.define("web", "beat")
        h.ctl("start", "web")
        h.kill_daemon()
        all_but_definitions_are_lost(h)
        h.start_daemon()
        equal(burned(h), {}, "what is kept back")
        h.ctl("start", "web")
        equal(h.row("web")["ffa_id"], 7, "the id of the next life")


def a_record_of_another_version_costs_nothing_else():
    with two_guests() as h:
        before, other = picture(h, "kept"), picture(h, "lost")
        last = h.row("lost")["sequence"]
        h.kill_daemon()
        lines = records(h)
        lines.append(line_of(b'{"first":%d,"last":%d,"t":1,"changes":[{"kind":"dream","seq":%d,"vm":1,"of":"sheep"}]}'
                             % (last + 100, last + 100, last + 100)))
        lines.append(line_of(b'{"first":%d,"last":%d,"t":1,"format":9,"changes":[]}' % (last + 101, last + 101)))
        write_records(h, lines)
        h.start_daemon()
        is_kept(h, before)
        equal(picture(h, "lost"), other, "and the other")
        expect('kind: "dream" is not known; another version of lifecycled wrote it' in aside(h) and '"format":9' in aside(h), "the reasons",
               aside(h))
        h.ctl("restart", "kept")
        expect(h.row("kept")["life"] > last + 101, "no number is used again")


def a_deadly_record_ends_three_daemons_and_no_fourth():
    with two_guests() as h:
        before = picture(h, "kept")
        h.kill_daemon()
        with host.preloaded("deadly-record", DEADLY='"kind":"vm","seq":%d' % number(h, "lost")):
            for death in range(3):
                h.start_daemon(ready=False)
                equal(h.daemon.wait(), -signal.SIGKILL, f"end of daemon {death + 1}")
                h.daemon.close()
                expect(not (h.state / "log.damaged-1").exists(), "nothing is given up early")
            h.start_daemon()
        is_kept(h, before)
        expect("each daemon that loads it ends" in aside(h), "the reason", aside(h))
        expect("3 in a row" in h.daemon.log(), "the journal counts", h.daemon.log())
        expect(not (h.state / "loading").exists(), "nothing is being loaded")
        h.ctl("abort", "kept")


def number(h, name):
    """Of the record that defines it."""
    for line in records(h):
        found = re.search(rb'"kind":"vm","seq":(\d+)', line)
        if found and b'"name":"%s"' % name.encode() in line:
            return int(found.group(1))
    raise host.Failure(f"no record defines {name}")


def a_log_of_another_owner_is_refused():
    with two_guests() as h:
        before = picture(h, "kept")
        h.kill_daemon()
        os.chown(h.state / "log", 1, 1)
        h.start_daemon(ready=False)
        equal(h.daemon.wait(), 1, "exit code")
        expect("/log belongs to uid 1" in h.daemon.log() and f"chown {os.geteuid()} " in h.daemon.log(), "it says what to do", h.daemon.log())
        h.daemon.close()
        os.chown(h.state / "log", os.geteuid(), -1)
        h.start_daemon()
        is_kept(h, before)


if __name__ == "__main__":
    sys.exit(host.main([
        a_damaged_record_costs_its_own_life_alone,
        an_id_that_is_lost_is_nobodys_before_sps_are_met,
        a_host_without_a_secure_side_waits_for_nobody,
        a_record_of_another_version_costs_nothing_else,
        a_deadly_record_ends_three_daemons_and_no_fourth,
        a_log_of_another_owner_is_refused,
    ]))
