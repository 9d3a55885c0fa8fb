"""What all rows of the benchmarks share: hosts to measure in, bench-measure, and the table."""
import collections
import json
import os
import subprocess

from host import BUILD, GUESTS, LIMIT as WAIT, Failure, Host

FLOOR = BUILD / "tests/bench/bench-floor"
LIMIT = 2 * WAIT  # seconds after which a measure is a failure

Took = collections.namedtuple("Took", "p10 p50 p90 p99", defaults=[None])  # some say no p99


class Bench:
    def __init__(self, runs, quick):
        self.runs = runs
        self.quick = quick
        self.printed = set()

    def command(self, host, what, runs=None, vm="bench"):
        return [BUILD / "tests/bench/bench-measure", "--bus", host.bus_address, "--run", host.run, "--memory",
                host.dir / "memory", "--floor", FLOOR, "--guest", GUESTS / "silent.elf", "--control", host.dir / "control",
                "--vm", vm, "--runs", str(runs or self.runs), what]

    def lines(self, host, what, runs=None):
        """One subcommand of bench-measure: [[word, number, ...]]."""
        done = subprocess.run(self.command(host, what, runs), stdout=subprocess.PIPE, text=True, timeout=LIMIT)
        if done.returncode:
            raise Failure(f"bench-measure {what}: exit {done.returncode}\n{host.daemon.log()}")
        return [[line[0], *map(int, line[1:])] for line in map(str.split, done.stdout.splitlines())]

    def measure(self, host, what, runs=None):
        """The same, of a subcommand that says quantiles: {name: Took}."""
        return {name: Took(*numbers) for name, *numbers in self.lines(host, what, runs)}

    def few(self, runs, quick):
        return quick if self.quick else runs

    def head(self):
        print(f"{'':<41}{'ours':>22}{'floor':>11}{'ratio':>18}{'goal':>10}  met")

    def row(self, name, ours, floor="-", ratio="-", goal="-", met=None):
        verdict = met if isinstance(met, str) else {True: "yes", False: "NO", None: "-"}[met]
        print(f"{name:<41}{ours:>22}{floor:>11}{ratio:>18}{goal:>10}  {verdict}", flush=True)
        self.printed.add(name)

    def ratio_row(self, name, ours, floor, goal):
        """Two Tooks. The fastest tenths are what a busy machine hurts least."""
        p50, p10 = ours.p50 / max(floor.p50, 1), ours.p10 / max(floor.p10, 1)
        met = "yes" if p50 <= goal and p10 <= goal else "p10" if p10 <= goal else "p50" if p50 <= goal else "NO"
        self.row(name, us(ours.p50), us(floor.p50), f"{p50:.2f} (p10 {p10:.2f})", f"{goal} x", met)


def us(ns):
    return f"{ns / 1000:.0f} us"


def quantile(values, share):
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


def load():
    """What else the machine does, in words."""
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"


def write_definition(host, name, kernel):
    definition = {"name": name, "memory": {"size": "2M"}, "kernel": str(kernel),
                  "policies": {"on-poweroff": "stop", "on-crash": "stop"}}
    (host.definitions / f"{name}.json").write_text(json.dumps(definition))


def started(*sps, vms=(("bench", GUESTS / "silent.elf"),)):
    """A host whose daemon runs and knows these VMs; without SPs it has no secure side."""
    secure = [word for sp in sps for word in ("--sp", sp)] + ["--control", "{dir}/control"]
    host = Host(secure=secure, secure_side=bool(sps), daemon=False)
    try:
        for name, kernel in vms:
            write_definition(host, name, kernel)
        host.start_daemon()
    except BaseException:
        host.close()
        raise
    return host


def many(count, guest="silent"):
    """So many definitions."""
    return [(f"vm{i:04}", GUESTS / f"{guest}.elf") for i in range(count)]

