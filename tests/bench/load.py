"""A thousand guests at one daemon on this machine: all are started, listed, found again by a new daemon and ended, and
a part of them waits for an SP or ends while others ask. tests/system/crowd.py says what is lost, and that is a failure.
"""
import collections
import subprocess
import time

import cpu
import idle
from common import LIMIT, quantile, us
from crowd import Crowd
from host import Failure, equal

PARTS = 5  # State is asked for in so many windows with and without load, which take turns


def timed(act, *arguments):
    """ns that it took."""
    began = time.monotonic_ns()
    act(*arguments)
    return time.monotonic_ns() - began


def ms(ns):
    return f"{ns / 1e6:.0f} ms"


def against(bench, name, ours, floor, goal="-", met=None):
    bench.row(name, ms(ours), ms(floor), f"{ours / floor:.2f}", goal, met)


def log_size(crowd):
    return (crowd.host.dir / "state/log").stat().st_size


def acted(crowd, act, names):
    """(ns, ns of the daemon's CPU for each of these VMs)"""
    before = cpu.look(crowd.host)
    took = timed(act, names)
    return took, cpu.each(before, cpu.look(crowd.host), len(names))["daemon"]


# ---- State, while there is something to do ----

class States:
    """p99 of State and of the empty property, both of the same moments: [(ours, floor)] by what happened meanwhile."""

    def __init__(self, bench, crowd, runs):
        self.bench, self.crowd, self.runs = bench, crowd, runs
        self.seen = collections.defaultdict(list)

    def window(self, what, meanwhile=None):
        asks = subprocess.Popen(self.bench.command(self.crowd.host, "property", self.runs, vm=self.crowd.spare),
                                stdout=subprocess.PIPE, text=True)
        if meanwhile:
            meanwhile()
        text, _ = asks.communicate(timeout=LIMIT)
        if asks.returncode:
            raise Failure(f"bench-measure property: exit {asks.returncode}")
        lines = {name: list(map(int, numbers)) for name, *numbers in map(str.split, text.splitlines())}
        self.seen[what].append((lines["state-property"], lines["empty-property"]))

    def row(self, what, name):
        """The quantile is that of the windows: a moment in which others took the processors is in one of them."""
        (mine, its), (quiet, its_quiet) = (
            tuple(quantile([window[side][3] for window in self.seen[w]], .5) for side in (0, 1)) for w in (what, "quiet"))
        ratio, before = mine / its, quiet / its_quiet
        self.bench.row(name, f"{mine / 1000:.0f} us", f"{its / 1000:.0f} us", f"{ratio:.2f} ({ratio / before:.2f})",
                       "no change" if what != "quiet" else "-", None if what == "quiet" else ratio <= 1.25 * before)


def shares(names, count):
    """The names in so many parts."""
    return [names[i::count] for i in range(count)]


def disturbed(bench, crowd):
    """A tenth sits in RETRY, half as many are aborted, while somebody asks for the State of a VM."""
    states = States(bench, crowd, bench.few(2000, 100))
    tenth = max(crowd.count // 10, 2)
    waits, ends = crowd.names[-tenth:], crowd.names[-tenth - tenth // 2:-tenth]
    for _ in range(PARTS):
        states.window("quiet")
    crowd.begin_retry(waits)
    for part in shares(ends, min(PARTS, len(ends))):
        states.window("retry")
        states.window("abort", lambda part=part: crowd.host.ctl("abort", "--no-block", *part))
    crowd.until_retiring([*waits, *ends])
    took = crowd.restart_daemon()
    crowd.until_retiring([*waits, *ends])
    crowd.open_gate()
    gone = sorted([*waits, *ends])
    settled = timed(crowd.host.until, lambda: crowd.in_state("null") == gone, "all that waited are gone")
    states.row("quiet", f"p99 of State, {crowd.count} run")
    states.row("retry", f"  {len(waits)} of them in RETRY")
    states.row("abort", f"  and {len(ends)} others abort")
    bench.row(f"  a new daemon then, until it is READY", ms(took))
    bench.row(f"  {len(gone)} settled once the SP is ready", ms(settled))
    return gone


# ---- the crowd ----

def floor(bench, host, count):
    """ns to start as many bare guests, and to end them."""
    lines = {name: int(ns) for name, ns in bench.lines(host, "crowd", count)}
    return lines["held"], lines["ended"]


def pss(crowd):
    """KiB of each VMM beside guest memory, of a tenth of them."""
    pids = [person[2] for person in crowd.persons().values()][::10]
    return sum(idle.pss(pid, str(crowd.host.dir / "memory")) for pid in pids) / len(pids)


def found_again(bench, crowd, empty):
    persons, counts = crowd.persons(), crowd.counts()
    took = []
    for _ in range(bench.few(3, 1)):
        took.append(crowd.restart_daemon())
        crowd.same(persons, "after the daemon was killed")
    crowd.count_on(counts)
    ours = quantile(took, .5)
    against(bench, f"a new daemon is READY, {crowd.count} live", ours, empty, "1 s", ours <= 1e9)


def all_start(bench, crowd, floor):
    """The first tenth is the measure of the rest: what one more costs may not depend on how many there are."""
    tenth = crowd.count // 10
    log, rss = log_size(crowd), idle.rss(crowd.host.daemon.pid)
    first, few = acted(crowd, crowd.start, crowd.names[:tenth])
    log = (log_size(crowd) - log) / tenth  # before it is compacted
    rest, many = acted(crowd, crowd.start, crowd.names[tenth:])
    rss = (idle.rss(crowd.host.daemon.pid) - rss) / crowd.count
    crowd.all_run()
    took = first + rest
    against(bench, f"{crowd.count} guests started", took, floor)
    bench.row("  a second", f"{crowd.count / took * 1e9:.0f}", f"{crowd.count / floor * 1e9:.0f}")
    bench.row("  the daemon's CPU, each", us(many), us(few), f"{many / few:.2f}", "1.2 x", many / few <= 1.2)
    bench.row("  the daemon grows by, each", f"{rss:.1f} KiB", goal="8 KiB", met=rss <= 8)
    bench.row("  the log grows by, each", f"{log:.0f} bytes")
    kib = pss(crowd)
    bench.row("  PSS of a VMM", f"{kib:.0f} KiB", goal="256 KiB", met=kib <= 256)


def listed(bench, crowd):
    took = bench.measure(crowd.host, "list", bench.few(20, 2))
    equal(took["vms"].p50, crowd.count + 1, "how many VMs the list has")
    bench.row(f"list of {crowd.count} that run", f"{took['list'].p50 / 1e6:.2f} ms", goal="10 ms",
              met=took["list"].p50 <= 10e6)


def all_end(bench, crowd, floor):
    """The whole crowd at once, then the last tenth of another one; that needs every id of the first."""
    tenth = crowd.count // 10
    took, many = acted(crowd, crowd.abort, crowd.names)
    crowd.all_gone()
    crowd.start()
    crowd.all_run()
    crowd.abort(crowd.names[tenth:])
    _, few = acted(crowd, crowd.abort, crowd.names[:tenth])
    crowd.all_gone()
    against(bench, f"{crowd.count} guests aborted", took, floor)
    bench.row("  the daemon's CPU, each", us(many), us(few), f"{many / few:.2f}", "1.2 x", many / few <= 1.2)


def load(bench):
    with Crowd(bench.few(1000, 40)) as crowd:
        empty = crowd.restart_daemon()  # has the same definitions, and nobody to find again
        held, ended = floor(bench, crowd.host, crowd.count)
        all_start(bench, crowd, held)
        listed(bench, crowd)
        found_again(bench, crowd, empty)
        crowd.start(disturbed(bench, crowd))
        crowd.all_run()
        all_end(bench, crowd, ended)


ROWS = [load]
