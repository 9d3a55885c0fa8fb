#!/usr/bin/env python3
"""What a verb shows on a terminal while it waits, and that nothing is left of it. An SP whose notifier waits at a gate makes it
wait as long as the test likes. The VMM is the one of tests/unit/fleet, which has no VM: this needs no KVM.
"""
import contextlib
import json
import os
import pathlib
import re
import signal
import sys
import tempfile

import host
from host import BUILD, Host, equal, expect
from terminal import Terminal

FAKE_VMM = str(BUILD / "tests/unit/fleet/fake-vmm")
SPENT = rb"web: aborting/retiring for [\d.]+ m?s, waits on sp 0x8001, tried \d+ times?, at most [\d.]+ (m?s|min [\d.]+ s) more"


@contextlib.contextmanager
def gated_host():
    """The end of each life waits until somebody opens its gate."""
    with tempfile.TemporaryDirectory(prefix="lifecycled-progress-", dir="/dev/shm") as name:
        place = pathlib.Path(name)
        wait = f"gate={place}/gate-$(printf %d $LIFECYCLED_VM); mkfifo $gate; read x < $gate"
        program = {"name": "program", "run": ["/bin/sh", "-c", wait]}
        world = {"sps": [{"id": "0x8001", "personality": "trusty", "notifiers": [program]}]}
        (place / "sps.json").write_text(json.dumps(world))
        with Host(secure=("--sps", str(place / "sps.json")), options=("--vmm", FAKE_VMM)) as h:
            h.place, h.ids = place, {}
            yield h


def open_gate(h, *names):
    """The gate of one of these, whichever waits there first: the SP runs one program at a time."""
    def it():
        for name in names:
            with contextlib.suppress(OSError):  # the program does not wait there yet
                os.close(os.open(h.place / f"gate-{h.ids[name]}", os.O_WRONLY | os.O_NONBLOCK))
                return name
        return None
    return h.until(it, f"a notifier of {names} waits at its gate")


def ctl(h, *words, columns=120, **environment):
    return Terminal([BUILD / "cli/lifecyclectl", "--bus", h.bus_address, *words], columns,
                    {"LIFECYCLED_RUNTIME_DIR": str(h.run), **environment})


def started(h, *names):
    for name in names:
        h.define(name, limits={"stop-timeout": "1s"})
        h.ctl("start", name)
        h.ids[name] = h.row(name)["ffa_id"]


def abort_says_what_it_waits_for_and_ends_with_the_result():
    with gated_host() as h:
        started(h, "web")
        with ctl(h, "abort", "web") as t:
            t.until(lambda w: re.search(SPENT, w), "phase, SP, tries and time left")
            seen = t.written.count(b"\r\033[K")
            t.until(lambda w: w.count(b"\r\033[K") > seen + 1 and re.search(SPENT, w.rsplit(b"\r\033[K", 1)[1]),
                    "the line is written again")
            equal(len(t.screen()), 1, f"lines on the screen meanwhile: {t.screen()}")
            open_gate(h, "web")
            equal(t.wait(), 0, "exit code")
            equal(t.screen(), ["web: has no life"], "what is left on the screen")


def restart_and_start_end_with_the_result():
    with gated_host() as h:
        started(h, "web")
        with ctl(h, "restart", "web") as t:
            t.until(lambda w: b"waits on sp 0x8001" in w, "the SP")
            open_gate(h, "web")
            equal(t.wait(), 0, "exit code")
            expect(len(t.screen()) == 1 and t.screen()[0].startswith("web: running, life "), "the screen", t.screen())


def what_is_interrupted_leaves_no_half_line():
    with gated_host() as h:
        started(h, "web")
        with ctl(h, "abort", "web") as t:
            t.until(lambda w: re.search(SPENT, w), "the line")
            t.write(b"\x03")
            equal(t.wait(), 130, "exit code")
            screen = " ".join(t.screen()).replace("^C", "")
            expect(screen.startswith("lifecyclectl: abort web: interrupted; it is aborting/retiring"), "the screen", t.screen())
        open_gate(h, "web")


def a_narrow_terminal_gets_a_short_line():
    with gated_host() as h:
        started(h, "web")
        with ctl(h, "abort", "web", columns=30) as t:
            t.until(lambda w: b"\r\033[Kweb: aborting/retiring for " in w, "the line")
            expect(len(t.screen()) == 1 and len(t.screen()[0]) < 30, "it fits", t.screen())
            open_gate(h, "web")
            equal(t.wait(), 0, "exit code")


def of_several_it_says_which():
    with gated_host() as h:
        started(h, "web", "db")
        h.ctl("abort", "--no-block", "web")  # its notifier is the first at its gate: the SP runs one at a time
        h.until((h.place / f"gate-{h.ids['web']}").exists, "the notifier of web runs")
        with ctl(h, "abort", "web", "db") as t:
            t.until(lambda w: b"(1 of 2) web: aborting/retiring" in w, "the first")
            open_gate(h, "web")
            t.until(lambda w: b"(2 of 2) db: aborting/retiring" in w, "the second")
            open_gate(h, "db")
            equal(t.wait(), 0, "exit code")
            equal(t.screen(), ["web: has no life", "db: has no life"], "what is left")


def shutdown_says_how_many_are_left():
    with gated_host() as h:
        started(h, "web", "db")
        with ctl(h, "shutdown") as t:
            t.until(lambda w: re.search(rb"0 of 2 VMs have ended; (web|db): aborting/retiring", w), "both are left")
            first = open_gate(h, "web", "db")
            t.until(lambda w: re.search(rb"1 of 2 VMs have ended; (web|db): aborting/retiring", w), "one is left")
            open_gate(h, "db" if first == "web" else "web")
            equal(t.wait(), 0, "exit code")
            equal(sorted(t.screen()), ["db: ended, user-stop", "no VM has a life", "web: ended, user-stop"], "what is left")


def who_looks_at_no_terminal_sees_nothing_of_it():
    with gated_host() as h:
        started(h, "web")
        with ctl(h, "abort", "--quiet", "web") as quiet, ctl(h, "abort", "web", TERM="dumb") as dumb, \
                ctl(h, "abort", "web") as shown:
            shown.until(lambda w: re.search(SPENT, w), "the line, where it is shown")
            open_gate(h, "web")
            equal([t.wait() for t in (quiet, dumb, shown)], [0, 0, 0], "exit codes")
            equal((quiet.written, dumb.written), (b"", b"web: has no life\r\n"), "all that was written")


def a_daemon_that_does_not_answer_is_told():
    with gated_host() as h:
        started(h, "web")
        with ctl(h, "abort", "web") as t:
            t.until(lambda w: re.search(SPENT, w), "the line")
            os.kill(h.daemon.pid, signal.SIGSTOP)
            t.until(lambda w: b"web: lifecycled does not answer" in w, "no answer")
            os.kill(h.daemon.pid, signal.SIGCONT)
            open_gate(h, "web")
            equal(t.wait(), 0, "exit code")
            equal(t.screen(), ["web: has no life"], "what is left on the screen")


if __name__ == "__main__":
    sys.exit(host.main([
        abort_says_what_it_waits_for_and_ends_with_the_result,
        restart_and_start_end_with_the_result,
        what_is_interrupted_leaves_no_half_line,
        a_narrow_terminal_gets_a_short_line,
        of_several_it_says_which,
        shutdown_says_how_many_are_left,
        who_looks_at_no_terminal_sees_nothing_of_it,
        a_daemon_that_does_not_answer_is_told,
    ]))
