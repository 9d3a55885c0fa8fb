#!/usr/bin/env python3
"""A storm: daemon, VMMs and secure side are killed one and two at a time, while VMs are started, aborted and restarted.
Then it calms down, and everybody's books must agree.

The order of the kills comes from a seed, which is printed; what they hit is up to the machine.
    test-storm.py            60 kills with a new seed
    LIFECYCLED_STORM=7:300   300 kills with the seed 7
"""
import contextlib
import os
import random
import signal
import sys

import books
import host
from host import Host, equal, expect

SEED, KILLS = (int(n) for n in os.environ.get("LIFECYCLED_STORM", f"{random.randrange(10**6)}:60").split(":"))
VMS = 8
TARGETS = [["daemon"], ["vmm"], ["secure"], ["daemon", "vmm"], ["daemon", "secure"], ["vmm", "secure"],
           ["vmm", "vmm", "daemon"]]
REFUSED = 7  # IllegalTransition: what was asked for came too late or too early


class Storm:
    def __init__(self, h, dice):
        self.host = h
        self.dice = dice
        self.names = [f"vm{i}" for i in range(VMS)]
        for name in self.names:
            h.define(name, dice.choice(["beat", "silent", "flood", "poweroff"]),
                     policies={"on-crash": dice.choice(["restart", "stop"]), "restart-limit": 1000})

    def ask(self):
        for _ in range(self.dice.randrange(1, 4)):
            verb = self.dice.choice(["start", "start", "abort", "restart"])
            some = self.dice.sample(self.names, self.dice.randrange(1, 4))
            done = self.host.ctl(verb, "--no-block", *some, check=False)
            expect(done.returncode in (0, REFUSED), f"{verb} {some}: exit {done.returncode}", done.stderr)

    def kill(self, targets):
        for target in targets:
            if target == "vmm":
                pids = sorted(self.host.vmm_pids())
                with contextlib.suppress(ProcessLookupError):
                    if pids:
                        os.kill(self.dice.choice(pids), signal.SIGKILL)
            else:
                getattr(self.host, target).kill()

    def revive(self, targets):
        h = self.host
        for target in self.dice.sample(targets, len(targets)):
            if target == "daemon":
                equal(h.daemon.wait(), -signal.SIGKILL, "how the daemon ended")
                h.daemon.close()
                h.start_daemon()
            elif target == "secure":
                equal(h.secure.wait(), -signal.SIGKILL, "how the secure side ended")
                h.secure.close()
                h.start_secure(*(["--reset"] if self.dice.random() < 0.3 else []))
        for process in (h.daemon, h.secure):
            expect(process.child.poll() is None, f"{process.command[0]} ended by itself", process.log())


def agree(h, when):
    try:
        h.until(lambda: not books.disagreements(h), f"all books agree {when}")
    except host.Failure as failure:
        raise host.Failure(f"{failure}\n    seed {SEED}\n    " + "\n    ".join(books.disagreements(h))) from failure


def after_a_storm_all_books_agree():
    print(f"        LIFECYCLED_STORM={SEED}:{KILLS}", flush=True)
    dice = random.Random(SEED)
    with Host() as h:
        storm = Storm(h, dice)
        kills = 0
        while kills < KILLS:
            storm.ask()
            targets = dice.choice(TARGETS)
            storm.kill(targets)
            storm.revive(targets)
            kills += len(targets)
        agree(h, "after the storm")
        h.ctl("start", *[r["name"] for r in h.json("list") if r["state"] == "null"], check=False)
        agree(h, "with new lives")
        h.ctl("abort", *[r["name"] for r in h.json("list") if r["life"]], check=False)
        agree(h, "at the end")
        equal([r["name"] for r in h.json("list") if r["life"]], [], "VMs with a life")
        equal(h.books(), {"0x8001": set(), "0x8002": set()}, "books")
        numbers = [int(e.split('"sequence":')[1].split(",")[0])
                   for e in h.ctl("monitor", "--no-follow", "-o", "json").splitlines()]
        equal(numbers, sorted(set(numbers)), "sequence numbers over the storm")


if __name__ == "__main__":
    sys.exit(host.main([after_a_storm_all_books_agree]))
