#!/usr/bin/env python3
"""liblifecycle with a real daemon: its examples do what they say, and who waits on the state page is told when the daemon dies."""
import contextlib
import os
import select
import signal
import subprocess
import sys
import time

from host import BUILD, LIMIT, Host, equal, expect, main


class Program:
    """One that speaks in lines."""

    def __init__(self, h, path, *words):
        self.process = subprocess.Popen([str(BUILD / path), *map(str, words)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, env={**os.environ, "LIFECYCLED_BUS": h.bus_address})
        self.ahead = b""
        self.poller = select.poll()
        self.poller.register(self.process.stdout, select.POLLIN)

    def line(self):
        """The next one, without its end; "" where it says no more. It must come in time."""
        while b"\n" not in self.ahead:
            expect(self.poller.poll(LIMIT * 1000), "it says something", self.errors())
            more = os.read(self.process.stdout.fileno(), 65536)
            if not more:
                break
            self.ahead += more
        line, _, self.ahead = self.ahead.partition(b"\n")
        return line.decode()

    def says(self, *lines):
        for line in lines:
            equal(self.line(), line, f"what it says next ({self.errors()})")

    def until(self, true, what):
        """The lines up to the first of which that is true."""
        lines = [self.line()]
        while lines[-1] and not true(lines[-1]):
            lines.append(self.line())
        expect(lines[-1], f"it says {what}", *lines, self.errors())
        return lines

    def errors(self):
        return self.process.stderr.read().decode() if self.process.poll() is not None else "it runs"

    def end(self, code):
        """(what it says until then, errors); it must end by itself."""
        self.process.wait(timeout=LIMIT)
        out, errors = (self.ahead + self.process.stdout.read()).decode(), self.process.stderr.read().decode()
        equal(self.process.returncode, code, f"exit code (errors: {errors})")
        return out, errors

    def kill(self, signo=signal.SIGKILL):
        os.kill(self.process.pid, signo)


@contextlib.contextmanager
def program(h, path, *words):
    p = Program(h, path, *words)
    try:
        yield p
    finally:
        if p.process.poll() is None:
            p.kill()
        p.process.wait()
        for pipe in (p.process.stdin, p.process.stdout, p.process.stderr):
            pipe.close()


def example(h, name, *words):
    return program(h, f"libclient/examples/{name}", *words)


# ---- a loop with poll() ----

def a_poll_loop_starts_a_vm_and_follows_it():
    with Host() as h:
        h.define("web", "silent")
        with example(h, "start-and-follow", "web") as p:
            p.says("web: created, allocating")
            out, _ = p.end(0)
            expect(out.splitlines()[-1].startswith("web: running, "), "it ends when the VM runs", out)
        equal(h.row("web")["state"], "running", "the VM")
        with example(h, "start-and-follow", "web") as p:
            equal(p.end(0)[0], "it is started already\n", "what it says of one that runs")


def a_poll_loop_is_told_why_not():
    with Host() as h:
        h.define("broken", kernel="/nonexistent")
        with example(h, "start-and-follow", "broken") as p:
            out, _ = p.end(1)
            equal(out.splitlines()[-1], "it ended: start-failed", "what it says in the end")
        with example(h, "start-and-follow", "nobody") as p:
            out, errors = p.end(1)
            equal(out, "", "what it says")
            expect("nobody" in errors, "the error names the VM", errors)
        h.kill_daemon()
        with example(h, "start-and-follow", "web") as p:
            expect(p.end(1)[1].strip(), "it says that there is no daemon")


# ---- libevent ----

def a_monitor_with_libevent_goes_on_after_a_crash():
    with Host() as h:
        h.define("web", "silent")
        with example(h, "monitor-libevent") as p:
            p.says("following from here on")
            said = [p.line()]
            expect(said[0].endswith(" web null, life 0"), "the snapshot", said)
            h.ctl("start", "web")
            said += p.until(lambda line: " web running, life " in line, "that web runs")
            h.kill_daemon()
            said += p.until(lambda line: " web running, life " not in line, "that the daemon died")  # sub-states before
            equal(said.pop(), "the daemon hung up: subscribe again", "what it says of that")
            h.start_daemon()
            p.says("following: nothing is missing")
            h.ctl("destroy", "web")
            said += p.until(lambda line: line.endswith(" web is gone"), "that web is gone")
            seqs = [int(line.split(" web ")[0]) for line in said]
            equal(seqs, sorted(set(seqs)), "the sequence numbers rise")
            p.kill(signal.SIGTERM)
            p.end(0)


# ---- sd-event ----

def a_holder_with_sd_event_lets_go_when_it_is_asked():
    with Host() as h:
        h.define("web", "silent")
        h.ctl("start", "web")
        with example(h, "lease-sd-event", "web") as p:
            p.says("held")
            equal([lease["why"] for lease in h.json("leases")], ["an example holds it"], "who holds it")
            h.ctl("abort", "web")
            p.says("asked, for it ends: user-abort")
            p.says("released")
            p.end(0)
        equal(h.row("web")["state"], "null", "the VM")


def a_holder_with_sd_event_claims_its_lease_again():
    with Host() as h:
        h.define("web", "silent")
        h.ctl("start", "web")
        with example(h, "lease-sd-event", "web") as p:
            p.says("held")
            h.kill_daemon()
            p.says("the daemon went away")
            h.start_daemon()
            p.says("claimed again")
            h.ctl("abort", "web")
            p.says("asked, for it ends: user-abort")
            p.says("released")
            p.end(0)
        with example(h, "lease-sd-event", "web") as p:
            expect(p.end(1)[1].strip(), "a VM without a life has no end to hold, and that is said")


# ---- verbs, and waiting for them ----

def a_wait_ends_when_a_verb_is_done():
    with Host() as h:
        h.define("web", "obey")
        h.define("broken", kernel="/nonexistent")
        with program(h, "tests/system/steer-probe") as p:
            def does(verb, name, wanted):
                p.process.stdin.write(f"{verb} {name}\n".encode())
                p.process.stdin.flush()
                equal(p.line(), wanted, f"{verb} {name} ({p.errors()})")
            does("start", "web", "0 running running")
            does("pause", "web", "0 running paused")
            does("resume", "web", "0 running running")
            life = h.row("web")["life"]
            does("restart", "web", "0 running running")
            expect(h.row("web")["life"] > life, "it is the next life that runs")
            h.until(lambda: "listens" in h.ctl("console", "web"), "the guest listens to its power key")
            does("stop", "web", "0 null -")
            equal(h.status("web")["last_end"]["cause"], "user-stop", "how it ended")
            does("start", "broken", "0 null -")
            does("abort", "nobody", "-2 - -")
            does("start!", "web", "0 running running")  # no reply was wanted
            does("preserve", "web", "0 aborting preserved")
            does("abort", "web", "0 null -")
            does("start", "web", "0 running running")
            does("destroy", "web", "-2 - -")
            equal(h.row("web"), None, "the VM")
            p.process.stdin.close()
            p.end(0)


# ---- the state page ----

@contextlib.contextmanager
def reader(h, row):
    with program(h, "tests/system/page-wait", h.run, row["ffa_id"], row["life"]) as p:
        yield p


def running(h, name="web"):
    h.define(name, "silent")
    h.ctl("start", name)
    h.until(lambda: h.row(name)["substate"] == "running", f"{name} runs")
    return h.row(name)


def who_waits_on_the_page_is_told_when_the_daemon_is_killed():
    with Host() as h:
        row = running(h)
        with reader(h, row) as p:
            p.says("running running")
            h.kill_daemon()
            killed = time.monotonic()
            p.says("stale running")
            p.end(0)
            expect(time.monotonic() - killed < LIMIT / 12, "it is told soon", time.monotonic() - killed)
        with reader(h, row) as p:  # of a page that is stale already
            p.says("running running")
            p.says("stale running")
            p.end(0)


def who_waits_on_the_page_sees_what_the_next_daemon_does():
    with Host() as h:
        row = running(h)
        with reader(h, row) as p:
            p.says("running running")
            h.ctl("pause", "web")
            p.until(lambda line: line == "running paused", "that it is paused")
            h.kill_daemon()
            p.says("stale running")
            p.end(0)
        h.start_daemon()
        with reader(h, row) as p:
            p.says("running paused")
            h.ctl("abort", "web")
            equal(p.end(0)[0].splitlines()[-1], "over", "the end of that life")


if __name__ == "__main__":
    sys.exit(main([
        a_poll_loop_starts_a_vm_and_follows_it,
        a_poll_loop_is_told_why_not,
        a_monitor_with_libevent_goes_on_after_a_crash,
        a_holder_with_sd_event_lets_go_when_it_is_asked,
        a_holder_with_sd_event_claims_its_lease_again,
        a_wait_ends_when_a_verb_is_done,
        who_waits_on_the_page_is_told_when_the_daemon_is_killed,
        who_waits_on_the_page_sees_what_the_next_daemon_does,
    ]))
