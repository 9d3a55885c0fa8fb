#!/usr/bin/env python3
"""Logs that daemons of other versions wrote, before and after this one: what they know is known. Fixtures are in
tests/fixtures/log, one for each version of the form; `keep` there makes the next one. No vCPU has to run for it.
"""
import json
import re
import shutil
import sys

import host
import logs
from host import Host, equal, expect

FIXTURES = host.TESTS / "fixtures/log"
VERSIONS = sorted(p.name for p in FIXTURES.iterdir() if p.is_dir())
NAMES = ["bound", "ended", "example", "kept", "owing", "paused", "web"]


def begun_from(fixture, change=lambda text: text):
    """A host whose daemon finds that log."""
    h = Host(daemon=False)
    try:
        shutil.copytree(FIXTURES / fixture, h.state)
        h.dir.joinpath("state").chmod(0o700)
        logs.changed(h.dir / "state/log", lambda text: change(logs.of_another_boot(text)))
        h.start_daemon()
    except BaseException:
        h.close()
        raise
    return h


def knows_it_all(h):
    """The host was started again, with another secure world: lives are over and owe nothing; VMs and definitions stay."""
    expect("cannot be loaded" not in h.daemon.log(), "each record is loaded", h.daemon.log())
    h.until(lambda: all(r["state"] == "null" for r in h.json("list")), "all lives have settled")
    equal(sorted(r["name"] for r in h.json("list")), NAMES, "VMs")
    ends = {name: h.status(name)["last_end"]["cause"] for name in NAMES if name != "example"}
    equal(ends, {"bound": "host-reboot", "ended": "user-abort", "kept": "user-abort", "owing": "host-reboot", "paused": "host-reboot",
                 "web": "host-reboot"}, "how each ended last")
    equal(h.status("web")["vcpu_count"], 1, "the definition that waited for the end of the life")
    equal(h.status("example")["memory_bytes"], 64 << 20, "memory of the one that has every key")
    equal(h.memory_files(), [], "memory")


def each_version_of_the_log_is_loaded():
    expect(VERSIONS, "there are fixtures")
    for version in VERSIONS:
        with begun_from(version) as h:
            knows_it_all(h)


def today_writes_the_last_of_them():
    """Who changes what is written makes the next fixture."""
    with Host() as h:
        h.ctl("define", "-", text='{ "name": "web", "memory": { "size": "2M" }, "kernel": "/k" }')
        equal({turn["v"] for turn in logs.read(h.dir / "state/log")}, {int(VERSIONS[-1])}, "version of the log")


def later(text):
    """As a version of tomorrow might have written it: a number, a field in each change and in each definition."""
    turn = json.loads(text)
    turn["v"] = 1000
    turn["weather"] = "fine"
    for change in turn["changes"]:
        change["mood"] = 7
        if "definition" in change:
            change["definition"]["smell"] = {"of": "roses"}
            change["definition"]["vcpus"] = {**change["definition"].get("vcpus", {}), "colour": "blue"}
    return json.dumps(turn, separators=(",", ":"))


def what_a_later_version_says_beyond_is_left_alone():
    with begun_from(VERSIONS[-1], later) as h:
        knows_it_all(h)


def a_cause_of_a_later_version_is_an_end():
    with begun_from(VERSIONS[-1], lambda text: later(text).replace('"user-abort"', '"abducted"')) as h:
        expect("cannot be loaded" not in h.daemon.log(), "each record is loaded", h.daemon.log())
        equal(h.status("ended")["last_end"]["cause"], "vmm-exit", "cause")


def the_same_in_a_line_of_this_version_is_set_aside():
    """Then it is no version that added it, but damage."""
    with begun_from(VERSIONS[-1], lambda text: re.sub(r'"v":1000', f'"v":{VERSIONS[-1]}', later(text)).replace(
            '"weather":"fine",', "").replace(',"weather":"fine"', "")) as h:
        expect("cannot be loaded" in h.daemon.log(), "it is said", h.daemon.log())


if __name__ == "__main__":
    sys.exit(host.main([
        each_version_of_the_log_is_loaded, today_writes_the_last_of_them, what_a_later_version_says_beyond_is_left_alone,
        a_cause_of_a_later_version_is_an_end, the_same_in_a_line_of_this_version_is_set_aside], needs_kvm=False))
