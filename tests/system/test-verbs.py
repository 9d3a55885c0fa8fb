#!/usr/bin/env python3
"""lifecyclectl's verbs for scripts and programs with the real daemon: show, wait, events, cancel, log-level, and across its death."""
import json
import os
import pathlib
import subprocess
import sys
import xml.etree.ElementTree as xml

import host
from host import BUILD, Host, equal, expect
from terminal import Terminal

XML = pathlib.Path(__file__).parents[2] / "proto/org.lifecycled.Lifecycle1.xml"


def properties_of(interface):
    (found,) = [i for i in xml.parse(XML).getroot().iter("interface") if i.get("name") == f"org.lifecycled.Lifecycle1.{interface}"]
    return {p.get("name") for p in found.iter("property")}


def shown(h, *words):
    return dict(line.split("=", 1) for line in h.ctl("show", *words).splitlines())


def begin(h, *words):
    """Like h.ctl_begin, to be read."""
    return subprocess.Popen([str(BUILD / "cli/lifecyclectl"), "--bus", h.bus_address, *words], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, text=True)


def events(h, *words):
    return [json.loads(line) for line in h.ctl("events", "--no-follow", *words).splitlines()]


def show_has_every_property():
    with Host() as h:
        h.define("web")
        equal(set(shown(h, "-a", "web")), properties_of("VM"), "a VM's properties")
        equal(set(shown(h, "-a")), properties_of("Manager"), "the daemon's")
        h.ctl("start", "web")
        web = shown(h, "web")
        equal((web["State"], web["VcpuCount"], web["Life"]), ("running", "1", str(h.row("web")["life"])), "what they say")
        equal(h.ctl("show", "web", "-p", "VmmPid", "--value").strip(), str(h.status("web")["vmm_pid"]), "one value")


def an_empty_host_says_what_to_do():
    """To people: programs get nothing of it."""
    with Host() as h:
        equal(h.ctl("list"), "", "into a pipe")
        with Terminal([BUILD / "cli/lifecyclectl", "--bus", h.bus_address, "--no-pager"], 120) as t:
            equal(t.wait(), 0, "exit code")
            expect(t.screen()[0].startswith("no VM is defined; 'lifecyclectl define FILE' defines one"), "the screen", t.screen())


def events_go_on_at_a_cursor_after_a_crash():
    with Host() as h:
        h.define("web")
        h.ctl("start", "web")
        (last,) = events(h, "-n", "1")
        h.kill_daemon()
        h.start_daemon()
        equal([e for e in events(h, "--since", last["cursor"]) if e["name"] == "web" and e["event"] == "state"], [], "nothing came after it")
        h.ctl("abort", "web")
        after = events(h, "--since", last["cursor"], "web")
        expect("gap" not in {e["event"] for e in after} and all(e["sequence"] > last["sequence"] for e in after), "what came after it", after)
        equal([(e["from"], e["to"]) for e in after if e["event"] == "state" and e["from"] != e["to"]],
              [("running", "aborting"), ("aborting", "null")], "states")
        equal(events(h, "--since", after[0]["cursor"], "web"), after[1:], "any of them is a place to go on from")
        sequence = h.ctl("events", "--no-follow", "-o", "json-seq", "--since", last["cursor"], "web")
        equal([json.loads(text) for text in sequence.split("\x1e")[1:]], after, "as a JSON text sequence")


def a_wait_outlives_the_daemon():
    with Host() as h:
        h.define("web")
        h.define("db")
        h.ctl("start", "web")
        end, run = begin(h, "wait", "db", "web"), begin(h, "wait", "web", "db", "--state=running")
        equal((end.stdout.readline(), run.stdout.readline().split(",")[0]), ("db: has no life\n", "web: running"), "they follow")
        h.kill_daemon()
        h.start_daemon()
        h.ctl("start", "db")
        h.ctl("restart", "web")
        equal((run.wait(30), end.wait(30)), (0, 0), "exit codes")
        expect("db: running, life " in run.stdout.read(), "what the one says")
        expect("web: " in end.stdout.read(), "what the other says")


def a_time_limit_holds_without_a_daemon():
    """Exit code 3 is that of the ten seconds after which it counts as gone."""
    with Host() as h:
        for name in ("web", "db", "deaf"):
            h.define(name, "ignore")
        h.ctl("start", "web", "deaf")
        h.until(lambda: all("listens" in h.ctl("console", name) for name in ("web", "deaf")), "they listen to a power key")
        end = begin(h, "wait", "db", "web", "--timeout", "1.5")
        equal(end.stdout.readline(), "db: has no life\n", "it follows")
        stop, rest = begin(h, "stop", "deaf", "--timeout", "1.5"), begin(h, "shutdown", "--timeout", "1.5")
        h.until(lambda: h.row("deaf")["operation"] == "stop" and h.row("web")["operation"] == "stop", "they were asked for")
        h.kill_daemon()
        equal((end.wait(30), stop.wait(30), rest.wait(30)), (1, 1, 1), "exit codes")


def a_restart_that_waits_is_cancelled():
    with Host() as h:
        h.define("web", "crash", policies={"on-crash": "restart", "restart-delay": "1h"})
        h.ctl("start", "web", check=False)
        h.until(lambda: h.row("web")["waits_on"] == "timer", "its next life waits")
        equal(h.ctl("cancel", "w*"), "web: cancelled\n", "what cancel says")
        equal((h.row("web")["operation"], h.row("web")["waits_on"]), ("-", "-"), "nothing waits")
        refused = h.ctl("cancel", "web", check=False)
        equal(refused.returncode, 7, "exit code")
        expect("nothing waits" in refused.stderr, "why", refused.stderr)


def the_log_level_is_the_daemons():
    with Host() as h:
        before = h.ctl("log-level").strip()
        h.ctl("log-level", "err")
        equal(h.ctl("log-level"), "err\n", "now")
        h.ctl("log-level", before)
        equal(h.json("log-level"), {"level": before}, "again")


SSH = """#!/bin/sh
while [ "$1" != -- ]; do shift; done
shift 2
exec "$@"
"""


def verbs_wait_on_another_host():
    """An ssh that stays here, before the real systemd-stdio-bridge."""
    with Host() as h:
        ssh = h.run / "ssh"
        ssh.write_text(SSH)
        ssh.chmod(0o755)
        os.environ["SYSTEMD_SSH"] = str(ssh)
        h.define("web", "obey")
        h.define("deaf", "silent")
        for words, code, says in (
                (("start", "web", "deaf"), 0, "deaf: running, life "), (("pause", "web"), 0, "web: paused, life "),
                (("resume", "web"), 0, "web: running, life "), (("restart", "web"), 0, "web: running, life ")):
            done = h.ctl("-H", "far", *words, check=False)
            equal((done.returncode, says in done.stdout), (code, True), f"{' '.join(words)}: {done.stdout}{done.stderr}")
        h.until(lambda: "listens" in h.ctl("console", "web"), "it listens")
        equal(h.ctl("-H", "far", "stop", "web"), "web: has no life\n", "stop")
        equal(h.status("web")["last_end"]["cause"], "user-stop", "cause")
        equal(h.ctl("-H", "far", "stop", "deaf", check=False).returncode, 19, "exit code of a stop that nobody heard")
        equal(h.ctl("-H", "far", "abort", "--preserve", "deaf").split(",")[0], "deaf: preserved", "preserve")
        equal(h.ctl("-H", "far", "abort", "deaf"), "deaf: has no life\n", "abort")
        equal(h.ctl("-H", "far", "destroy", "deaf"), "deaf: gone\n", "destroy")
        equal(h.ctl("-H", "far", "wait", "web"), "web: has no life\n", "wait")
        del os.environ["SYSTEMD_SSH"]


if __name__ == "__main__":
    sys.exit(host.main([
        show_has_every_property,
        an_empty_host_says_what_to_do,
        events_go_on_at_a_cursor_after_a_crash,
        a_wait_outlives_the_daemon,
        a_time_limit_holds_without_a_daemon,
        a_restart_that_waits_is_cancelled,
        the_log_level_is_the_daemons,
        verbs_wait_on_another_host,
    ]))
