#!/usr/bin/env python3
"""VMMs that lie, hang and flood: theirs is the VM that ends, and nobody else notices. A VMM breaks out of its guest at worst;
what it says is checked as what a stranger says.

No vCPU has to run for it, so this needs no KVM. LIFECYCLED_LIES=SEED:COUNT for more of them.
"""
import os
import sys

import host
from host import Host, equal, expect

LYING_VMM = str(host.BUILD / "tests/system/lying-vmm")
SEED, COUNT = (int(n) for n in os.environ.get("LIFECYCLED_LIES", "1:24").split(":"))
STAYS_DOWN = {"policies": {"on-poweroff": "stop", "on-reboot": "stop", "on-crash": "stop"}}
HONEST = ("one", "two")


class Neighbours:
    """A host on which honest VMs run, and how they were."""

    def __init__(self):
        self.host = Host(options=("--vmm", LYING_VMM))

    def __enter__(self):
        h = self.host.__enter__()
        for name in HONEST:
            h.define(name)
            h.ctl("start", name)
        self.were = self.rows()
        return self

    def rows(self):
        return {name: {key: self.host.row(name)[key] for key in ("state", "life", "ffa_id")} for name in HONEST}

    def are_as_before(self, what):
        expect(self.host.daemon.child.poll() is None, f"the daemon lives after {what}", self.host.daemon.log())
        equal(self.rows(), self.were, f"the others after {what}")

    def end_of(self, name, seconds=host.LIMIT):
        """Waits until it has no life any more: the cause of its end."""
        self.host.until_state(name, "null", seconds)
        for sp, known in self.host.books().items():
            equal(known, {was["ffa_id"] for was in self.were.values()}, f"whom SP {sp} knows after {name}")
        equal(len(self.host.memory_files()), len(HONEST), f"memories after {name}")
        self.are_as_before(name)
        return self.host.status(name)["last_end"]["cause"]

    def __exit__(self, kind, error, trace):
        return self.host.__exit__(kind, error, trace)


def liars(kind, **more):
    """Each ends; the causes of all."""
    causes = []
    with Neighbours() as n:
        for seed in range(SEED, SEED + COUNT):
            name = f"{kind}-{seed}"
            n.host.define(name, **STAYS_DOWN, **more)
            n.host.ctl("start", name, check=False)
            causes.append(n.end_of(name))
            n.host.ctl("undefine", name)
        n.host.ctl("abort", *HONEST[:1])
        equal(n.host.row(HONEST[0])["state"], "null", "an honest one obeys still")
    return causes


def one_that_lies_while_it_runs_is_ended():
    causes = liars("lies")
    expect(causes.count("vmm-protocol") > COUNT / 2, "most are caught at a lie", causes)


def one_that_lies_while_it_builds_is_ended():
    causes = liars("early")
    expect(causes.count("vmm-protocol") > COUNT / 2, "most are caught at a lie", causes)


def one_that_lies_at_its_birth_gets_none():
    liars("born", limits={"build-timeout": "500ms"})


def more_than_one_call_at_once_is_a_lie():
    with Neighbours() as n:
        n.host.define("window", **STAYS_DOWN)
        n.host.ctl("start", "window", check=False)
        equal(n.end_of("window"), "vmm-protocol", "the cause")


def one_that_floods_holds_nobody_up():
    with Neighbours() as n:
        n.host.define("flood", **STAYS_DOWN)
        n.host.ctl("start", "flood")
        for _ in range(5):
            n.host.ctl("abort", "two")
            n.host.ctl("start", "two")
        n.were = n.rows()
        equal(n.host.row("flood")["state"], "running", "what it says is true")
        n.host.ctl("abort", "flood")
        equal(n.end_of("flood"), "user-abort", "the cause")


def one_that_hangs_is_killed():
    with Neighbours() as n:
        for name, cause in (("hung", "user-abort"), ("stillborn", None)):
            n.host.define(name, **STAYS_DOWN, limits={"build-timeout": "500ms"})
            n.host.ctl("start", name, check=False)
            if cause:
                n.host.ctl("abort", name)
            equal(n.end_of(name), cause or "start-failed", f"the cause of {name}")


if __name__ == "__main__":
    sys.exit(host.main([
        one_that_lies_while_it_runs_is_ended,
        one_that_lies_while_it_builds_is_ended,
        one_that_lies_at_its_birth_gets_none,
        more_than_one_call_at_once_is_a_lie,
        one_that_floods_holds_nobody_up,
        one_that_hangs_is_killed,
    ], needs_kvm=False))
