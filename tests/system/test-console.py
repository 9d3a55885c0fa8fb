#!/usr/bin/env python3
"""However a console ends, the terminal is as it was before, whatever the guest wrote there."""
import fcntl
import os
import pathlib
import platform
import signal
import sys

import host
from host import BUILD, Host, equal, expect
from terminal import Terminal

PIPE = 4096  # bytes that one takes
SYS_WRITE = {"x86_64": "1", "aarch64": "64"}[platform.machine()]

# Ends of what is half said, the first screen, soft reset, cursor, wrapping, mouse, focus and paste, ASCII, colour.
GIVEN_BACK = (b"\x18\x1b\\\x1b[?47l\x1b[!p\x1b[?25h\x1b[?7h\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1004l\x1b[?1006l"
              b"\x1b[?2004l\x1b(B\x0f\x1b[0m\r")


def console(h, *words, says=b"test guest: up"):
    t = Terminal([BUILD / "cli/lifecyclectl", "--bus", h.bus_address, "console", "web", *words])
    t.until(lambda w: says in w, "what the guest said")
    return t


def running():
    h = Host()
    h.define("web", "beat")
    h.ctl("start", "web")
    h.until(lambda: "test guest: up" in h.ctl("console", "web"), "the guest has said something")
    return h


def is_as_it_was(t):
    equal(t.settings(), t.before, "settings of the terminal")
    equal(t.written.count(GIVEN_BACK), 1, f"the terminal is given back once: {t.written!r}")
    after = t.written.split(GIVEN_BACK)[1]
    expect(b"\x1b" not in after, "nothing of the guest comes after that", repr(after))


def a_signal_gives_the_terminal_back():
    with running() as h:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
            with console(h, "--follow", "--raw") as t:
                os.kill(t.child.pid, number)
                equal(t.wait(), 130, f"exit code after {number.name}")
                is_as_it_was(t)


def a_key_gives_the_terminal_back():
    with running() as h:
        for key in (b"\x03", b"\x1c"):
            with console(h, "--follow", "--raw") as t:
                t.write(key)
                equal(t.wait(), 130, f"exit code after {key}")
                is_as_it_was(t)


def the_end_of_the_vm_gives_the_terminal_back():
    with running() as h:
        with console(h, "--follow", "--raw") as t:
            h.ctl("abort", "web")
            equal(t.wait(), 0, "exit code at the end of the life")
            is_as_it_was(t)
            expect(b"the life is over" in t.written, "it says so", t.written)
        h.ctl("start", "web")
        with console(h, "--follow", "--raw") as t:
            h.ctl("destroy", "web")
            equal(t.wait(), 0, "exit code when the VM is gone")
            is_as_it_was(t)


def without_following_it_is_given_back_as_well():
    with running() as h:
        with console(h, "--raw") as t:
            equal(t.wait(), 0, "exit code")
            is_as_it_was(t)
        with console(h) as t:
            equal(t.wait(), 0, "exit code")
            equal((t.settings(), t.written.count(b"\x1b")), (t.before, 0), "one that was not given away is not touched")


def a_daemon_that_dies_ends_no_console_if_it_comes_back():
    with running() as h:
        with console(h, "--follow", "--raw") as t:
            h.kill_daemon()
            seen = t.written.count(b"beat")
            h.start_daemon()
            t.until(lambda w: w.count(b"beat") > seen, "what the guest says after that")
            h.ctl("abort", "web")
            equal(t.wait(), 0, "exit code at the end of the life")
            is_as_it_was(t)


def a_daemon_that_stays_away_is_told():
    with running() as h:
        with console(h, "--follow", "--raw") as t:
            h.kill_daemon()
            equal(t.wait(), 3, "exit code")
            is_as_it_was(t)
            expect(b"lifecycled went away and did not come back; the guest goes on" in t.written, "it says so", t.written)


def waits_to_write(pid):
    return pathlib.Path(f"/proc/{pid}/syscall").read_text().split()[:2] == [SYS_WRITE, "0x1"]


def a_signal_ends_one_whose_output_nobody_takes():
    """^S, or a program behind a pipe that stands: it waits in a write, in which no other thing reaches it."""
    with Host() as h:
        h.define("web", "flood")
        h.ctl("start", "web")
        h.until(lambda: len(h.ctl("console", "web")) > 2 * PIPE, "the guest has said more than a pipe takes")
        for words in ["--follow"], ["--follow", "-o", "json"], ["--follow", "--raw"], []:
            ours, theirs = os.pipe()
            fcntl.fcntl(ours, fcntl.F_SETPIPE_SZ, PIPE)
            child = h.ctl_begin("console", "web", *words, stdout=theirs)
            os.close(theirs)
            h.until(lambda: waits_to_write(child.pid), "it waits in its write")
            child.terminate()
            equal(child.wait(host.LIMIT), 130, f"exit code of console {words}")
            os.close(ours)
        with Terminal([BUILD / "cli/lifecyclectl", "--bus", h.bus_address, "console", "web", "--follow", "--raw"]) as t:
            h.until(lambda: waits_to_write(t.child.pid), "it waits in its write")
            os.kill(t.child.pid, signal.SIGTERM)
            expect(host.wait_pidfd(t.pidfd), "it ends, though nobody reads of the terminal")
            equal(t.child.wait(), 130, "exit code")


def state_of(pid):
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]


def is_stopped_and_goes_on(h, says, writing=False):
    with console(h, "--follow", "--raw", says=says) as t:
        if writing:
            h.until(lambda: waits_to_write(t.child.pid), "it waits in its write")
        os.kill(t.child.pid, signal.SIGTSTP)
        t.until(lambda w: GIVEN_BACK in w, "the terminal is given back")
        h.until(lambda: state_of(t.child.pid) == "T", "it stands")
        t.written = b""
        os.kill(t.child.pid, signal.SIGCONT)
        t.until(lambda w: says in w, "what the guest says after that")
        os.kill(t.child.pid, signal.SIGTERM)
        equal(t.wait(), 130, "exit code")
        is_as_it_was(t)


def one_that_is_stopped_gives_it_back_and_goes_on():
    with running() as h:
        is_stopped_and_goes_on(h, b"beat")


def one_that_is_stopped_while_it_writes_does_so_too():
    with Host() as h:
        h.define("web", "flood")
        h.ctl("start", "web")
        is_stopped_and_goes_on(h, b"XYZ", writing=True)


if __name__ == "__main__":
    sys.exit(host.main([
        a_signal_gives_the_terminal_back,
        a_key_gives_the_terminal_back,
        a_signal_ends_one_whose_output_nobody_takes,
        the_end_of_the_vm_gives_the_terminal_back,
        without_following_it_is_given_back_as_well,
        a_daemon_that_dies_ends_no_console_if_it_comes_back,
        a_daemon_that_stays_away_is_told,
        one_that_is_stopped_gives_it_back_and_goes_on,
        one_that_is_stopped_while_it_writes_does_so_too,
    ]))
