#!/usr/bin/env python3
"""VMs that live with the client that started them: a real client, its end, the daemon's, and the VM's own."""
import signal
import subprocess
import sys

import host
from host import BUILD, Host, equal, expect


class Client:
    """lifecyclectl start --bound, once the VM runs; or as it waits for that."""

    def __init__(self, h, name, runs=True):
        self.process = subprocess.Popen([BUILD / "cli/lifecyclectl", "--bus", h.bus_address, "start", "--bound", name],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if runs:
            self.runs(name)

    def runs(self, name):
        expect("running" in self.process.stdout.readline(), f"{name} runs")

    def end(self, signo=None):
        """Its exit code and what it said."""
        if signo:
            self.process.send_signal(signo)
        out, err = self.process.communicate(timeout=host.LIMIT)
        return self.process.returncode, out + err


def it_ends_with_its_client():
    for signo, code in ((signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)):
        with Host() as h:
            h.define("web")
            client = Client(h, "web")
            expect(h.status("web")["bound"], "it is shown as bound")
            expect("ends with the client" in h.ctl("status", "web"), "the page says so")
            equal(client.end(signo)[0], code, "exit code")
            h.until_state("web", "null")
            equal(h.status("web")["last_end"]["cause"], "client-gone", "why it ended")
            expect(not h.status("web")["bound"], "it is bound no more")
            expect(not any(h.books().values()), "no SP knows it", h.books())
            h.ctl("start", "web")  # and can be started by whoever likes


def its_client_hears_of_its_end():
    with Host() as h:
        h.define("web")
        client = Client(h, "web")
        done = h.ctl("start", "--bound", "web", check=False)
        equal(done.returncode, 7, "exit code of another who would bind it")
        expect("binds what it starts itself" in done.stderr, "it says why", done.stderr)
        h.ctl("abort", "web")
        code, said = client.end()
        equal(code, 0, "exit code")
        expect("ended, user-abort" in said, "it says how", said)


def it_outlives_the_daemon_with_its_client():
    with Host() as h:
        h.define("web")
        client = Client(h, "web")
        life = h.row("web")["life"]
        for _ in range(2):
            h.kill_daemon()
            h.start_daemon()
        h.until(lambda: h.row("web")["state"] == "running", "it runs on")
        # beyond the time that a client has to come back: another one, which does not, is its clock
        h.define("clock")
        other = Client(h, "clock")
        h.kill_daemon()
        other.end(signal.SIGKILL)
        h.start_daemon()
        h.until_state("clock", "null")
        equal(h.status("clock")["last_end"]["cause"], "client-gone", "why the one without a client ended")
        equal((h.row("web")["state"], h.row("web")["life"]), ("running", life), "the one with a client")
        client.end(signal.SIGINT)
        h.until_state("web", "null")
        equal(h.status("web")["last_end"]["cause"], "client-gone", "why it ended")


def it_outlives_the_daemon_while_its_start_waits():
    with Host() as h:
        for name, more in (("db", {}), ("web", {"order": {"after": ["db"]}}), ("clock", {})):
            h.define(name, **more)
        other, client = Client(h, "clock"), Client(h, "web", runs=False)
        h.until(lambda: h.row("web")["operation"] == "start", "its start waits")
        h.kill_daemon()
        other.end(signal.SIGKILL)
        h.start_daemon()
        h.until_state("clock", "null")  # the time to come back is over
        equal(h.row("web")["operation"], "start", "what is under way")
        h.ctl("start", "db")
        client.runs("web")
        client.end(signal.SIGINT)
        h.until_state("web", "null")


def one_that_does_not_run_in_time_ends_and_this_is_said():
    with Host() as h:
        h.define("db")
        h.define("web", order={"after": ["db"]})
        done = h.ctl("start", "--bound", "--timeout", "0.2", "web", check=False)
        equal(done.returncode, 1, "exit code")
        expect("waits on vm 'db'" in done.stderr and "ends, for it is bound" in done.stderr, "what it says", done.stderr)
        h.until(lambda: h.row("web")["operation"] == "-", "its start is cancelled")


def it_is_bound_over_a_restart():
    with Host() as h:
        h.define("web")
        client = Client(h, "web")
        life = h.row("web")["life"]
        h.ctl("restart", "web")
        expect(h.row("web")["life"] > life and h.status("web")["bound"], "another life, bound as well")
        client.end(signal.SIGINT)
        h.until_state("web", "null")


if __name__ == "__main__":
    sys.exit(host.main([
        it_ends_with_its_client,
        its_client_hears_of_its_end,
        it_outlives_the_daemon_with_its_client,
        it_outlives_the_daemon_while_its_start_waits,
        one_that_does_not_run_in_time_ends_and_this_is_said,
        it_is_bound_over_a_restart,
    ]))
