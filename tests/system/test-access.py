#!/usr/bin/env python3
"""Who may do what: another user at the real daemon, and what the fds that it gives away are good for.

The VMM is the one of tests/unit/fleet, which has no VM: no KVM is needed. With polkit: tests/service/test-polkit.py.
"""
import hashlib
import os
import signal
import subprocess
import sys

import host
from host import BUILD, GUESTS, Host, equal, expect

FAKE_VMM = str(BUILD / "tests/unit/fleet/fake-vmm")
NOBODY = 65534
DENIED = 13
ROOM = 2 << 20  # what a socket of this machine may hold unread


def some_host():
    h = Host(secure=("--sp", "strict:0x8001"), options=("--vmm", FAKE_VMM))
    os.chmod(h.dir, 0o711)  # others come as far as the bus
    return h


def as_nobody(h, *words, text=None):
    return subprocess.run(["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", BUILD / "cli/lifecyclectl", "--bus",
                           h.bus_address, *map(str, words)], input=text, stdin=None if text else subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=host.LIMIT, env={**os.environ, "LIFECYCLED_RUNTIME_DIR": str(h.run)})


def state_of(path):
    stat = path.stat()
    return stat.st_uid, oct(stat.st_mode), stat.st_size, hashlib.sha256(path.read_bytes()).hexdigest()


def without_polkit_another_user_reads_and_changes_nothing():
    with some_host() as h:
        h.define("web")
        h.ctl("start", "web")
        before = h.row("web")
        equal(as_nobody(h, "list").returncode, 0, "exit code of list")
        kernel = host.json.dumps(host.definition("mine", GUESTS / "beat.elf", {}))
        equal(as_nobody(h, "validate", "-", text=kernel).returncode, 0, "exit code of validate")
        for words in (["start"], ["stop"], ["pause"], ["resume"], ["abort"], ["restart"], ["destroy"], ["undefine"], ["console"],
                      ["forget", "--force"], ["start", "--bound"]):
            done = as_nobody(h, *words, "web")
            equal(done.returncode, DENIED, f"exit code of {' '.join(words)} ({done.stderr.strip()})")
            expect(f"uid {NOBODY} may not" in done.stderr and "install polkitd, or be root" in done.stderr, "it says why and what to do",
                   done.stderr)
        for words in (["reload"], ["shutdown"], ["lease", "web", "--", "true"]):
            equal(as_nobody(h, *words).returncode, DENIED, f"exit code of {words[0]}")
        equal(as_nobody(h, "define", "-", text=kernel).returncode, DENIED, "exit code of define")
        equal(h.row("web"), before, "web")
        equal([r["name"] for r in h.json("list")], ["web"], "VMs")


def what_the_daemon_gives_away_is_good_for_nothing_else():
    with some_host() as h:
        for name in ("web", "bound"):
            h.define(name)
        h.ctl("start", "web")
        life = h.row("web")["life"]
        page = h.run / "state"
        console = h.run / "lives" / str(life) / "console"
        probe = subprocess.Popen([BUILD / "tests/system/fd-probe", h.bus_address, "web", "bound", page], stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, text=True)
        try:
            equal(probe.stdout.readline(), "ready\n", "the probe has its fds")
            h.until_state("bound", "running")
            os.kill(h.daemon.pid, signal.SIGSTOP)  # what it does not read must fit the socket
            before = state_of(page), state_of(console)
            probe.stdin.write("go\n")
            probe.stdin.flush()
            said = list(iter(probe.stdout.readline, "done\n"))
            after = state_of(page), state_of(console)
            os.kill(h.daemon.pid, signal.SIGCONT)
            took = {line.split()[0]: int(line.split()[2]) for line in said if " took " in line}
            equal([line for line in said if " took " not in line], [], "what worked and must not")
            equal(after, before, "page and console")
            equal(set(took), {"stream", "lease", "bound"}, "sockets that were flooded")
            expect(all(0 < n < ROOM for n in took.values()), "what they hold is bounded", took)
            # who writes to such a socket does not know what it is: it is over, and nothing else
            h.until_state("bound", "null")
            equal(h.status("bound")["last_end"]["cause"], "client-gone", "why the VM that was bound ended")
            h.until(lambda: not h.json("leases"), "the lease is let go")
            equal(h.row("web")["life"], life, "the life of web")
            h.ctl("abort", "web")
        finally:
            os.kill(h.daemon.pid, signal.SIGCONT)
            probe.stdin.close()
            equal(probe.wait(host.LIMIT), 0, "exit status of the probe")


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("SKIPPED all: only root can become another user")
        sys.exit(host.SKIPPED)
    sys.exit(host.main([
        without_polkit_another_user_reads_and_changes_nothing,
        what_the_daemon_gives_away_is_good_for_nothing_else,
    ], needs_kvm=False))
