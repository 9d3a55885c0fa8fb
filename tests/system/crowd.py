"""A crowd of guests at one daemon, and what must not be lost of it: for the test of that name and for the benchmarks.

The daemon has exactly as many FF-A ids as there are VMs, so that a whole crowd can be started only if every id of the
one before came back.
"""
import json
import os
import signal
import subprocess
import time

import books
from host import BUILD, GUESTS, LIMIT, Host, equal, expect

TRUSTY = 0x8001
SECURE = ("--sp", f"trusty:{TRUSTY:#x}", "--sp", "optee:0x8002", "--control", "{dir}/control")
FIRST_ID = 0x10
COUNTING = 8  # of the guests count every 10 ms; all others have counted once and sleep


def one_line(found):
    return found if len(found) < 600 else f"{found[:600]} ... ({len(found)} characters)"


class Crowd:
    def __init__(self, count):
        self.count = count
        self.spare = "spare"  # defined as well, and never started
        self.names = [f"vm{i:04}" for i in range(count)]
        self.counting = self.names[:COUNTING]
        self.host = Host(secure=SECURE, daemon=False, options=("--ids", f"{FIRST_ID:#x}-{FIRST_ID + count - 1:#x}"))
        self.gate = self.host.dir / "gate"
        os.mkfifo(self.gate)

    def __enter__(self):
        try:
            for name in (*self.names, self.spare):
                self.write(name)
            self.host.start_daemon()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind, error, trace):
        self.close(error)

    def close(self, error=None):
        if self.host.secure:  # it ends in good order, so the notifier at the gate ends with it
            self.host.secure.kill(signal.SIGTERM)
            self.host.secure.wait()
        self.host.__exit__(type(error), error, None)

    def write(self, name):
        guest = "beat" if name in self.counting else "silent"
        definition = {"name": name, "memory": {"size": "2M"}, "kernel": str(GUESTS / f"{guest}.elf"),
                      "policies": {"on-poweroff": "stop", "on-crash": "stop"},
                      # one of so many is on a processor that stands still, now and then (check.LIMIT)
                      "limits": {"build-timeout": f"{int(LIMIT)}s", "announce-timeout": f"{int(LIMIT)}s"}}
        (self.host.definitions / f"{name}.json").write_text(json.dumps(definition))

    # ---- what is asked ----

    def start(self, names=None):
        self.host.ctl("start", *(names or self.names))

    def abort(self, names=None):
        self.host.ctl("abort", *(names or self.names))

    def restart_daemon(self):
        """ns from the next one's exec until it is READY."""
        self.host.kill_daemon()
        excess = books.excess(self.host)
        expect(not excess, "while the daemon is dead", *excess[:5])
        began = time.monotonic_ns()
        self.host.start_daemon()
        return time.monotonic_ns() - began

    # ---- who is there ----

    def persons(self):
        """{name: (life, id, pid, state)}, which a new daemon may not change."""
        found = self.host.json("status", *self.names)
        return {vm["name"]: (vm["life"], vm["ffa_id"], vm["vmm_pid"], vm["state"]) for vm in found}

    def in_state(self, state):
        return [row["name"] for row in self.host.json("list") if row["state"] == state and row["name"] != self.spare]

    def counts(self):
        """Of the guests that count and run."""
        lives = {row["name"]: row["life"] for row in self.host.json("list") if row["state"] == "running"}
        return {name: self.host.counter(lives[name]) for name in self.counting if name in lives}

    # ---- what must be so ----

    def same(self, before, what):
        now = self.persons()
        lost = [f"{name}: {before[name]}, now {now.get(name)}" for name in before if now.get(name) != before[name]]
        expect(not lost, f"{len(lost)} of {self.count} are not who they were: {what}", *lost[:5])

    def all_run(self):
        """A life, an id and a process for each of them, and everybody's books say so."""
        persons = self.persons()
        equal(sorted(persons), self.names, "who is listed")
        ids = set(range(FIRST_ID, FIRST_ID + self.count))
        for what, seen in (("lives", {p[0] for p in persons.values()}), ("processes", {p[2] for p in persons.values()})):
            equal(len(seen), self.count, f"different {what}")
        equal({p[1] for p in persons.values()}, ids, "ids that were given out")
        equal({p[3] for p in persons.values()}, {"running"}, "states")
        self.agree("when all run")

    def all_gone(self):
        self.agree("when all are gone")
        equal(self.in_state("null"), self.names, "who has no life")
        equal(self.host.books(), {"0x8001": set(), "0x8002": set()}, "whom the SPs know")

    def agree(self, when):
        found = ["nobody looked"]

        def do_they():
            found[:] = books.disagreements(self.host)
            return not found
        try:
            self.host.until(do_they, f"all books agree {when}")
        finally:
            for line in found:
                print(f"        {when}: {one_line(line)}", flush=True)

    def count_on(self, before):
        """None of those that counted has begun anew, and each goes on."""
        self.host.until(lambda: all(count > before[name] for name, count in self.counts().items()), "the guests count on")

    # ---- an SP that says RETRY ----

    def close_gate(self, name):
        """Aborts one VM whose notifier ends when the gate opens: as long every VM behind it gets RETRY from that SP."""
        vm = self.host.row(name)["ffa_id"]
        words = f"notifier {TRUSTY:#x} {vm:#x} register gate run /bin/cat {self.gate}"
        subprocess.run([BUILD / "daemon/spmc/lifecycled-spmc", "--control", self.host.dir / "control", "--tell", words],
                       check=True, timeout=LIMIT)
        self.host.ctl("abort", "--no-block", name)
        self.host.until(lambda: any(n["name"] == "gate" and n["state"] == "running" for n in self.trusty()["notifiers"]),
                        "the notifier waits at the gate")

    def trusty(self):
        return next(sp for sp in self.host.inspect()["sps"] if int(sp["id"], 16) == TRUSTY)

    def until_retiring(self, names):
        """Each of them is dead and owed its end by that SP."""
        def are_they():
            rows = {row["name"]: row for row in self.host.json("list")}
            return all((rows[name]["state"], rows[name]["substate"]) == ("aborting", "retiring") for name in names)
        self.host.until(are_they, f"{len(names)} VMs wait for an SP")

    def begin_retry(self, names):
        first, *others = names
        self.close_gate(first)
        self.host.ctl("abort", "--no-block", *others)
        self.until_retiring(names)

    def open_gate(self):
        os.close(os.open(self.gate, os.O_WRONLY))  # returns when somebody waits there


