#!/usr/bin/env python3
"""Daemons and VMMs of neighbouring versions on real KVM: who understands whom, and a guest that pays for neither.

The neighbours are builds of tests/neighbours: `elder` speaks version 2 of the link alone, `later` version 4 and 3, with frames
that are longer and a feature more; `plain` is of this version and has none of the features.
"""
import os
import signal
import sys

import host
from host import BUILD, Host, equal, expect

NEIGHBOURS = BUILD / "tests/neighbours"


def daemon(name):
    return NEIGHBOURS / f"lifecycled-{name}" if name else BUILD / "daemon/main/lifecycled"


def start(h, name, vmm=None):
    """The daemon of that version, which starts VMMs of `vmm`, or its own; None: of this one."""
    vmm = name if vmm is None else vmm
    h.start_daemon(*(["--vmm", str(NEIGHBOURS / f"lifecycled-vmm-{vmm}")] if vmm else []), program=daemon(name))


def replace(h, name, vmm=None):
    h.kill_daemon()
    start(h, name, vmm)


def goes_on(h, life):
    before = h.counter(life)
    h.until(lambda: h.counter(life) > before + 1, "the guest goes on")


def runs(h, guest="beat", **more):
    h.define("web", guest, **more)
    h.ctl("start", "web")
    return h.status("web")


def leads_a_whole_life(h):
    """Everything that daemon and VMM say to each other of a guest that was adopted."""
    status = h.status("web")
    equal((status["state"], status["stale"], status["unreachable"]), ("running", False, False), "the VM")
    goes_on(h, status["life"])
    h.ctl("pause", "web")
    equal(h.status("web")["substate"], "paused", "sub-state")
    h.ctl("resume", "web")
    goes_on(h, status["life"])
    equal(h.ctl("stop", "web", check=False).returncode, 19, "a deaf guest says so")
    h.ctl("abort", "web")
    equal(h.status("web")["last_end"]["cause"], "user-abort", "cause")


def is_stale(h, before):
    now = h.status("web")
    for key in ("life", "vmm_pid", "state", "substate"):
        equal(now[key], before[key], key)
    equal((now["stale"], now["unreachable"]), (True, False), "stale, and not unreachable")
    expect("VMM stale" in h.ctl("list"), "the list says so", h.ctl("list"))
    expect("stale: its VMM is of a version" in h.ctl("status", "web"), "the page says so", h.ctl("status", "web"))
    expect("Its VMM is stale" in h.ctl("why", "web"), "why says so", h.ctl("why", "web"))
    goes_on(h, now["life"])


def one_that_is_not_understood_is_kept_running_and_shown():
    with Host(daemon=False) as h:
        start(h, "elder")
        before = runs(h)
        replace(h, None)  # READY comes at once: it is there, and not waited for
        is_stale(h, before)
        done = h.ctl("pause", "web", check=False)
        expect(done.returncode == 7 and "its VMM is stale" in done.stderr, "what pause says", done)
        done = h.ctl("pause", "--dry-run", "web", check=False)
        expect(done.returncode == 7 and "its VMM is stale" in done.stderr, "what its rehearsal says", done)
        replace(h, None)  # and the next one says the same
        is_stale(h, before)
        replace(h, "elder")  # it waited for one that understands it
        leads_a_whole_life(h)


def one_that_is_too_new_is_stale_as_well():
    with Host() as h:
        before = runs(h)
        replace(h, "elder")
        is_stale(h, before)
        replace(h, None)
        leads_a_whole_life(h)


def a_stale_one_is_aborted_at_once():
    with Host(daemon=False) as h:
        start(h, "elder")
        before = runs(h)
        replace(h, None)
        pidfd = os.pidfd_open(before["vmm_pid"])
        h.ctl("abort", "web")
        expect(host.wait_pidfd(pidfd, 0), "its process is gone")
        os.close(pidfd)
        equal(h.status("web")["last_end"]["cause"], "user-abort", "cause")
        equal(h.memory_files(), [], "memory")
        for sp, known in h.books().items():
            equal(known, set(), f"VMs that SP {sp} still knows")


def a_restart_gives_it_a_new_one():
    with Host(daemon=False) as h:
        start(h, "elder")
        before = runs(h)
        replace(h, None)
        h.ctl("restart", "web")
        now = h.status("web")
        expect(now["life"] > before["life"] and now["vmm_pid"] != before["vmm_pid"], "another life and process", now)
        leads_a_whole_life(h)


def a_stale_one_hears_a_stop():
    """The power key is pressed by SIGTERM, which each version understands."""
    with Host(daemon=False) as h:
        start(h, "elder")
        runs(h, "obey")
        replace(h, None)
        h.ctl("stop", "web")
        equal(h.status("web")["state"], "null", "state")
        equal(h.status("web")["last_end"]["cause"], "user-stop", "cause")
        expect("the guest" in h.status("web")["last_end"]["text"], "in the VMM's words", h.status("web")["last_end"])


def the_end_of_a_stale_guest_is_found_in_its_last_words():
    """It can tell nobody, and waits for a word that nobody can say."""
    with Host(daemon=False) as h:
        start(h, "elder")
        h.define("web", "stall", watch={"vcpu-stall": "1s"}, policies={"on-crash": "stop"})
        h.ctl("start", "web")
        replace(h, None)
        h.until_state("web", "null")
        equal(h.status("web")["last_end"]["cause"], "vcpu-stall", "cause")
        equal(h.memory_files(), [], "memory")


def a_newer_daemon_leads_an_older_vmm():
    with Host() as h:
        runs(h)
        replace(h, "later")
        leads_a_whole_life(h)


def an_older_daemon_leads_a_newer_vmm():
    with Host(daemon=False) as h:
        start(h, "later")
        runs(h)
        replace(h, None)
        leads_a_whole_life(h)


def each_gives_birth_to_the_other():
    """An upgrade that has replaced one program, and has not started the other anew."""
    for name, vmm in ((None, "later"), ("later", "")):
        with Host(daemon=False) as h:
            start(h, name, vmm)
            runs(h)
            leads_a_whole_life(h)


def a_birth_that_is_not_understood_fails_with_its_reason():
    for name, vmm in ((None, "elder"), ("elder", "")):
        with Host(daemon=False) as h:
            start(h, name, vmm)
            h.define("web", "beat", policies={"on-start-failure": "stop", "on-crash": "stop"})
            done = h.ctl("start", "web", check=False)
            expect(done.returncode != 0, "it does not start", done)
            h.until_state("web", "null")
            expect("of the link" in h.daemon.log(), "the journal says why", h.daemon.log())
            equal(h.memory_files(), [], "memory")


def what_a_vmm_cannot_do_is_refused_with_its_reason():
    with Host(daemon=False) as h:
        start(h, None, "plain")
        life = runs(h)["life"]
        for _ in range(2):
            done = h.ctl("pause", "web", check=False)
            equal(done.returncode, 7, "exit code")
            expect("its VMM is of a version that knows no pause" in done.stderr, "what it says", done.stderr)
            equal(h.status("web")["substate"], "running", "sub-state")
            goes_on(h, life)
            replace(h, None)  # the next daemon knows, too
        h.ctl("restart", "web")
        leads_a_whole_life(h)


def a_definition_that_a_vmm_cannot_keep_does_not_start():
    with Host(daemon=False) as h:
        start(h, None, "plain")
        for name, more in (("bitmap", {"notifications": True}), ("disk", {"devices": [{"type": "vfio-fake"}]})):
            h.define(name, "beat", policies={"on-start-failure": "stop"}, **more)
            done = h.ctl("start", name, check=False)
            expect(done.returncode != 0, "it does not start", done)
            h.until_state(name, "null")
            end = h.status(name)["last_end"]
            equal(end["cause"], "start-failed", "cause")
            expect("the VMM is of a version that knows no" in end["text"], "why", end)


def sigterm_reaches_one_that_nobody_understands():
    with Host(daemon=False) as h:
        start(h, "elder")
        status = runs(h, "obey")
        replace(h, None)
        os.kill(status["vmm_pid"], signal.SIGTERM)
        h.until_state("web", "null")
        equal(h.status("web")["last_end"]["cause"], "user-stop", "cause")


if __name__ == "__main__":
    sys.exit(host.main([
        one_that_is_not_understood_is_kept_running_and_shown, one_that_is_too_new_is_stale_as_well,
        a_stale_one_is_aborted_at_once, a_restart_gives_it_a_new_one, a_stale_one_hears_a_stop,
        the_end_of_a_stale_guest_is_found_in_its_last_words, a_newer_daemon_leads_an_older_vmm,
        an_older_daemon_leads_a_newer_vmm, each_gives_birth_to_the_other,
        a_birth_that_is_not_understood_fails_with_its_reason, what_a_vmm_cannot_do_is_refused_with_its_reason,
        a_definition_that_a_vmm_cannot_keep_does_not_start, sigterm_reaches_one_that_nobody_understands]))
