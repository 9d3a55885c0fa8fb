#!/usr/bin/env python3
"""Clients that follow at random, while VMs come and go at random and the daemon is killed: they read, lag, leave, come back with
their cursor or without. Whenever it is quiet, each one's picture is the daemon's. What each is made of is in followers.c.

    LIFECYCLED_FOLLOW=SEED:ROUNDS  the same again, or more of it
"""
import contextlib
import os
import random
import re
import subprocess
import sys

import host
from check import MULTIPLIER
from host import BUILD, GUESTS, Host, equal, expect

SEED, ROUNDS = (int(n) for n in os.environ.get("LIFECYCLED_FOLLOW", f"{random.randrange(10**6)}:4").split(":"))
FOLLOWERS = 16
FLOCK = 40
RING = 8192  # events that the daemon keeps


class Client:
    """A program that answers each line with one."""

    def __init__(self, name, *words):
        self.child = subprocess.Popen([BUILD / "tests/system" / name, *map(str, words)], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, text=True)

    def tell(self, line):
        with contextlib.suppress(BrokenPipeError):  # then it has said why it ended
            self.child.stdin.write(f"{line}\n")
            self.child.stdin.flush()

    def hear(self):
        line = self.child.stdout.readline().strip()
        expect(line, f"{self.child.args[0].name} ended with {self.child.wait(host.LIMIT) if not line else None}")
        return line

    def close(self):
        self.child.stdin.close()
        equal(self.child.wait(host.LIMIT), 0, f"exit code of {self.child.args[0].name}")


class Round:
    def __init__(self, h, dice):
        self.host, self.dice = h, dice
        def template(size, guest="beat", **more):
            return host.json.dumps({"name": "%s", "memory": {"size": size}, "kernel": str(GUESTS / f"{guest}.elf"), **more})
        self.churn = Client("churn", h.bus_address, SEED, FLOCK, template("2M"),
                            template("2M", order={"requires": ["vm0"]}),  # its restart waits for that one to run
                            template("2M"),
                            template("2M", "crash", policies={"on-panic": "restart", "restart-delay": "20ms", "restart-factor": 1,
                                                              "restart-limit": 0}))
        self.followers = Client("followers", h.bus_address, SEED, FOLLOWERS, template("4M"), template("6M"))
        self.rounds = 0

    def sequence(self):
        done = subprocess.run(["busctl", f"--address={self.host.bus_address}", "get-property", "org.lifecycled.Lifecycle1",
                               "/org/lifecycled/Lifecycle1", "org.lifecycled.Lifecycle1.Manager", "Sequence"],
                              capture_output=True, text=True, timeout=host.LIMIT, check=True)
        return int(done.stdout.split()[1])

    def do(self, things):
        self.churn.tell(things)
        return int(self.churn.hear())

    def do_amid_deaths(self, deaths):
        for _ in range(deaths):
            self.churn.tell(self.dice.randrange(50, 400))
            host.wait_pidfd(self.host.daemon.pidfd, self.dice.choice((0.01, 0.05, 0.2)))  # some moment of it
            self.host.kill_daemon()
            self.host.start_daemon()
            self.churn.hear()

    def is_steady(self):
        return all(r["operation"] == "-" and r["state"] in ("null", "running") and r["substate"] in ("-", "running", "paused")
                   for r in self.host.json("list"))

    def quiet(self):
        for crashes in (name for name in ("vm3",) if self.host.row(name)):
            self.host.ctl("abort", "--no-block", crashes, check=False)  # else it comes back again and again
        self.host.until(self.is_steady, "nothing is under way")
        self.rounds += 1
        self.followers.tell("quiet")
        said = self.followers.hear()
        expect(said.startswith("agree "), f"seed {SEED}, round {self.rounds}: {said}")
        return {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", said)}

    def close(self):
        self.churn.close()
        self.followers.close()


def every_picture_is_the_daemons_whenever_it_is_quiet():
    dice = random.Random(SEED)
    with Host() as h:
        r = Round(h, dice)
        before = r.quiet()
        for _ in range(ROUNDS if MULTIPLIER == 1 else 2):
            taken, first = 0, r.sequence()
            while r.sequence() < first + RING // 2:
                taken += r.do(500)
            r.do_amid_deaths(dice.randrange(1, 4))
            after = r.quiet()
            expect(taken > 0 and after["events"] > before["events"] + RING, f"much happened: {taken} things", after)
            before = after
        first = r.sequence()
        while r.sequence() < first + 2 * RING:  # more than is kept for who sleeps
            r.do(500)
        after = r.quiet()
        print(f"        seed {SEED}: {after}", flush=True)
        r.close()
        for what in ("snapshots", "replays", "gaps", "hangups", "waits"):
            expect(after[what] > 0, f"there were {what}: else this test has tried too little", after)


if __name__ == "__main__":
    sys.exit(host.main([every_picture_is_the_daemons_whenever_it_is_quiet]))
