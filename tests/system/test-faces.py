#!/usr/bin/env python3
"""The faces of the running daemon: its introspection against the XML, the state page through the real liblifecycle."""
import errno
import os
import pathlib
import re
import signal
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import host
from host import BUILD, TESTS, Host, equal, expect

XML = TESTS.parent / "proto/org.lifecycled.Lifecycle1.xml"
NAME = "org.lifecycled.Lifecycle1"
ROOT = "/org/lifecycled/Lifecycle1"
LOG_CONTROL = "org.freedesktop.LogControl1"
LOG_PATH = "/org/freedesktop/LogControl1"
FLAGS = ("org.freedesktop.DBus.Property.EmitsChangedSignal",)


def members(interface):
    """{(kind, name): its arguments and what a client can rely on}"""
    found = {}
    for m in interface:
        if m.tag not in ("method", "signal", "property"):
            continue
        arguments = [(a.get("type"), a.get("direction") if m.tag == "method" else "out") for a in m.findall("arg")]
        notes = sorted((a.get("name"), a.get("value")) for a in m.findall("annotation") if a.get("name") in FLAGS)
        if m.tag == "property" and not notes:
            notes = [(FLAGS[0], "true")]
        found[m.tag, m.get("name")] = (arguments or m.get("type"), m.get("access"), notes if m.tag == "property" else None)
    return found


def introspect(h, path):
    done = subprocess.run(["busctl", f"--address={h.bus_address}", "introspect", "--xml-interface", NAME, path],
                          capture_output=True, text=True, timeout=host.LIMIT)
    expect(done.returncode == 0, f"busctl introspect {path}", done.stderr)
    return {i.get("name"): members(i) for i in ElementTree.fromstring(done.stdout).findall("interface")}


def the_running_daemon_is_what_its_xml_says():
    written = {i.get("name"): members(i) for i in ElementTree.parse(XML).getroot().iter("interface")}
    equal(set(written), {f"{NAME}.Manager", f"{NAME}.VM", f"{NAME}.Partition", LOG_CONTROL}, "interfaces in the XML")
    with Host() as h:
        h.define("web", "silent")
        objects = {f"{NAME}.Manager": ROOT, f"{NAME}.VM": f"{ROOT}/vm/web", f"{NAME}.Partition": f"{ROOT}/partition/8001",
                   LOG_CONTROL: LOG_PATH}
        for interface, path in objects.items():
            running = introspect(h, path)
            expect(interface in running, f"{path} has {interface}", running.keys())
            for member in sorted(set(written[interface]) | set(running[interface])):
                equal(running[interface].get(member), written[interface].get(member), f"{interface} {member}")


def busctl(h, *words):
    return subprocess.run(["busctl", f"--address={h.bus_address}", *words], capture_output=True, text=True, timeout=host.LIMIT)


def the_log_level_changes_while_the_daemon_runs():
    """As `systemctl service-log-level` does it, with the same messages."""
    with Host() as h:
        said = lambda: pathlib.Path(h.daemon.log_path).read_text()
        level = [NAME, LOG_PATH, LOG_CONTROL, "LogLevel"]
        equal(busctl(h, "get-property", *level).stdout, 's "info"\n', "the level at first")
        equal(busctl(h, "get-property", NAME, LOG_PATH, LOG_CONTROL, "SyslogIdentifier").stdout, 's "lifecycled"\n', "its name")
        equal(busctl(h, "set-property", *level, "s", "err").returncode, 0, "exit code of busctl")
        equal(busctl(h, "get-property", *level).stdout, 's "err"\n', "the level then")
        expect(said().endswith("sets LogLevel to err\n"), "it says who", said())
        before = said()
        equal(busctl(h, "set-property", *level, "s", "err").returncode, 0, "exit code of busctl")
        equal(said(), before, "that is no error, and is not said")
        done = busctl(h, "set-property", *level, "s", "loud")
        expect(done.returncode != 0 and "write emerg, alert" in done.stderr, "it says what can be written", done.stderr)
        equal(busctl(h, "set-property", NAME, LOG_PATH, LOG_CONTROL, "SyslogIdentifier", "s", "x").returncode, 1, "read only")
        for _ in range(2):  # as it is said before, it is heard the second time
            equal(busctl(h, "set-property", *level, "s", "info").returncode, 0, "exit code of busctl")
        expect(said().endswith("sets LogLevel to info\n") and len(said()) > len(before), "then it speaks again", said())


def what_waits_is_taken_back_over_the_bus():
    with Host() as h:
        h.define("db", "silent")
        h.define("web", "silent", order={"after": ["db"]})
        cancel = ["call", NAME, f"{ROOT}/vm/web", f"{NAME}.VM", "Cancel", "ta{sv}", "0", "0"]
        refused = busctl(h, *cancel)
        expect(refused.returncode == 1 and "nothing waits that could be taken back" in refused.stderr, "why", refused.stderr)
        h.ctl("start", "--no-block", "web")
        equal(h.row("web")["operation"], "start", "what is under way")
        equal(busctl(h, *cancel).returncode, 0, "exit code of busctl")
        equal((h.row("web")["operation"], h.row("web")["state"]), ("-", "null"), "web")
        h.ctl("start", "db")
        equal(h.row("web")["operation"], "-", "nothing starts it when db runs")
        refused = busctl(h, *cancel[:2], f"{ROOT}/vm/db", *cancel[3:])
        expect(refused.returncode == 1 and "running" in refused.stderr, "what runs is not taken back", refused.stderr)


class Page:
    """The state page, read through the real library by a program that keeps it open."""

    def __init__(self, directory):
        self.probe = subprocess.Popen([BUILD / "tests/system/page-probe", str(directory)], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, text=True)

    def ask(self, endpoint, life):
        """(error, state, alive)"""
        self.probe.stdin.write(f"{endpoint} {life}\n")
        self.probe.stdin.flush()
        error, state, alive = self.probe.stdout.readline().split()
        return int(error), state, alive == "1"

    def close(self):
        self.probe.stdin.close()
        equal(self.probe.wait(), 0, "exit status of the probe")


def the_page_says_what_the_bus_says_and_whether_its_writer_lives():
    stale = -errno.ESTALE
    with Host() as h:
        h.define("web", "silent")
        h.ctl("start", "web")
        row = h.row("web")
        page = Page(h.run)
        equal(page.ask(row["ffa_id"], row["life"]), (0, "running", True), "the page")
        equal(page.ask(row["ffa_id"], row["life"] + 1), (stale, "-", True), "another life of that id")
        h.kill_daemon()
        equal(page.ask(row["ffa_id"], row["life"]), (0, "running", False), "readable and stale, once the daemon is dead")
        h.start_daemon()
        equal(page.ask(row["ffa_id"], row["life"]), (0, "running", True), "alive again, on the same mapping")
        h.ctl("abort", "web")
        equal(page.ask(row["ffa_id"], row["life"]), (stale, "-", True), "once the life is gone")
        page.close()


def a_client_that_never_reads_its_stream_hurts_nobody():
    with Host() as h:
        h.define("web", "reboot")
        lazy = subprocess.Popen([BUILD / "cli/lifecyclectl", "--bus", h.bus_address, "monitor"], stdout=subprocess.PIPE)
        try:
            os.kill(lazy.pid, signal.SIGSTOP)
            h.ctl("start", "--no-block", "web")
            h.until(lambda: h.row("web")["sequence"] > 1500, "hundreds of changes happened")
            h.ctl("destroy", "web")
            equal(h.json("list"), [], "VMs")
        finally:
            os.kill(lazy.pid, signal.SIGKILL)
            lazy.wait()


def all_verbs_speak_json():
    with Host() as h:
        h.define("web", "silent")
        for words in (["start", "web"], ["list"], ["status", "web"], ["partitions"], ["console", "web"],
                      ["restart", "web"], ["abort", "web"], ["destroy", "web"]):
            h.json(*words)
        for line in h.ctl("-o", "json", "monitor", "--no-follow").splitlines():
            host.json.loads(line)


TOLD_OF_OPERATIONS = re.compile(r"weak: (?:(?P<begun>\w+) is under way|(?P<over>\w+) is over, (?P<so>.*)|"
                                r"what was asked did not come about: .*)$", re.M)


def operations_told(h):
    """(operation, how it was over, as the journal has it), in order; one that is not over has None."""
    told = []
    for m in TOLD_OF_OPERATIONS.finditer(pathlib.Path(h.daemon.log_path).read_text()):
        if m["begun"]:
            expect(not told or told[-1][1], f"{m[0]}: the one before is over", told)
            told.append((m["begun"], None))
            continue
        expect(told and not told[-1][1] and m["over"] in (None, told[-1][0]), f"{m[0]}: it was under way, and is over once", told)
        told[-1] = (told[-1][0], m["so"] or m[0])
    return told


def the_journal_tells_of_each_operation_that_it_begins_and_is_over():
    with Host() as h:
        h.define("weak", "crash", policies={"on-panic": "restart", "restart-delay": "1h"})
        h.ctl("start", "--no-block", "weak")
        h.until(lambda: h.row("weak")["state"] == "null" and h.row("weak")["operation"] == "start", "its restart waits")
        h.ctl("cancel", "weak")
        h.define("weak", "silent")
        h.ctl("start", "weak")
        h.ctl("restart", "weak")
        h.ctl("pause", "weak")
        h.ctl("resume", "weak")
        h.ctl("stop", "--no-block", "weak")
        h.until(lambda: h.row("weak")["operation"] == "-", "it listens to no power key")
        h.ctl("abort", "weak")
        h.ctl("destroy", "weak")
        h.define("weak", "silent")
        h.ctl("start", "weak")
        h.ctl("destroy", "weak")
        wanted = [
            ("start", "the VM is running"), ("restart", "start takes its place"), ("start", "the VM is null"),
            ("start", "the VM is running"), ("restart", "the VM is running"), ("pause", "the VM is running"),
            ("stop", "weak: what was asked did not come about: unheard"), ("abort", "the VM is null"),
            ("start", "the VM is running"), ("destroy", "and the VM with it")]
        h.until(lambda: operations_told(h)[-1] == wanted[-1], "the last line is there")
        equal(operations_told(h), wanted, "what the journal tells")


def an_output_that_takes_nothing_is_told():
    with open("/dev/full", "w") as full:
        done = subprocess.run([BUILD / "cli/lifecyclectl", "help"], stdout=full, stderr=subprocess.PIPE, text=True)
    equal(done.returncode, 1, "exit code")
    expect("No space left" in done.stderr, "it says why", done.stderr)


if __name__ == "__main__":
    sys.exit(host.main([
        the_running_daemon_is_what_its_xml_says,
        what_waits_is_taken_back_over_the_bus,
        the_log_level_changes_while_the_daemon_runs,
        the_page_says_what_the_bus_says_and_whether_its_writer_lives,
        a_client_that_never_reads_its_stream_hurts_nobody,
        all_verbs_speak_json,
        the_journal_tells_of_each_operation_that_it_begins_and_is_over,
        an_output_that_takes_nothing_is_told,
    ]))
