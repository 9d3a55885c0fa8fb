"""What the secure side costs: how soon an end is settled, how many messages it takes, what waiting costs, who is held up.

When an SP was asked and what it said is read in the books of lifecycled-spmc, which has a clock reading for each message.
"""
import collections
import time

import cpu
from common import many, quantile, started, us
from host import Failure

TICK_US, NOTIFIERS = 20_000, 2  # a Trusty that is at work for 40 ms when a VM goes
WORK_NS = TICK_US * NOTIFIERS * 1000


def messages(host, name):
    """{VM id: [times of its messages of that name, oldest first]}; an id is not used twice that soon."""
    of = collections.defaultdict(list)
    for entry in host.inspect()["sps"][0]["log"]:
        if entry["message"] == name:
            of[entry["vm"]].append(entry["t"])
    return of


def retired(bench, sp, what, runs):
    """Per life: (ns from "the SP is ready" to "retire done", the back-off step that was under way then)."""
    with started(sp) as host:
        lives = [numbers for _, *numbers in bench.lines(host, what, runs)]
        asked = messages(host, "VM_DESTROYED")
    found = []
    for endpoint, ready, done in lives:
        times = asked[endpoint]
        if len(times) < 2:
            raise Failure(f"VM {endpoint} was settled at once: nothing was waited for")
        # Trusty says when it is ready to nobody: it began when it was asked first, and works for a known time
        found.append((done - (ready or times[0] + WORK_NS), times[-1] - times[-2]))
    return found


# what it is called, the SP, the subcommand
READIES = [("SP ready", "trusty:0x8001:tick={},notifiers={}".format(TICK_US, NOTIFIERS), "retire"),
           ("SP activated", "hafnium:0x8001:boot=0", "activated")]


def settle(bench):
    runs = bench.few(40, 3)
    for name, sp, what in READIES:
        rung = [ns for ns, _ in retired(bench, sp + ",doorbell=1", what, runs)]
        bench.row(f"{name}, doorbell, to retired", f"{us(quantile(rung, .5))}, p90 {us(quantile(rung, .9))}", goal="1 ms",
                  met=quantile(rung, .5) <= 1e6)
        alone = retired(bench, sp + ",doorbell=0", what, runs)
        steps = [ns / step for ns, step in alone]
        bench.row(f"{name}, no bell, to retired", f"p90 {us(quantile([ns for ns, _ in alone], .9))}",
                  us(quantile([step for _, step in alone], .9)), f"{quantile(steps, .5):.2f} (p90 {quantile(steps, .9):.2f})",
                  "1 step", quantile(steps, .5) <= 1)


# ---- messages ----

def sent_each(host, act, count):
    names = [name for name, _ in many(count)]
    act(host, names)
    of = messages(host, "VM_CREATED")
    if len(of) != count:
        raise Failure(f"{len(of)} VMs were announced, {count} were started")
    return sum(map(len, of.values())) / count


def one_by_one(host, names):
    for name in names:
        host.ctl("start", name)


def at_once(host, names):
    host.ctl("start", *names)


def sends(bench):
    count = bench.few(50, 5)
    for how, act in (("one by one", one_by_one), ("at once", at_once)):
        for bell in (1, 0):
            with started(f"trusty:0x8001:doorbell={bell}", vms=many(count)) as host:
                mean = sent_each(host, act, count)
            bench.row(f"messages an announce, {how}, {'doorbell' if bell else 'no bell'}", f"{mean:.2f}", "2",
                      f"{mean / 2:.2f}")


# ---- debts that wait ----

def owed(host):
    sp = [p for p in host.json("partitions") if p["kind"] == "sp"][0]
    return sp["owed"], sp["stuck"], sp["sent"]


def window(host, seconds):
    """{who: share of a core}, messages a second. What is measured is what happens in that time."""
    before, sent, began = cpu.look(host), owed(host)[2], time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - began
    after = cpu.look(host)
    return ({who: (after[who] - before[who]) / took / 1e9 for who in after}, (owed(host)[2] - sent) / took)


def waiting(bench):
    count, seconds = bench.few(1000, 20), bench.few(10, 1)
    names = [name for name, _ in many(count)]
    with started("trusty:0x8001:stuck=1", vms=many(count)) as host:
        host.ctl("start", *names)
        host.ctl("abort", "--no-block", *names)
        host.until(lambda: owed(host)[0] == count, "everybody is owed an end")
        young, _ = window(host, bench.few(3, 1))
        host.until(lambda: owed(host)[1] == count, "every debt is past its active phase")
        old, rate = window(host, seconds)
        if owed(host)[:2] != (count, count):
            raise Failure("debts were settled that nobody can settle")
    bench.row(f"CPU, {count} debts wait", f"{old['daemon'] * 100:.2f} % of a core", goal="1 %", met=old["daemon"] < .01)
    bench.row("  its secure side, and the bus", f"{old['SPMC'] * 100:.2f}, {old['bus'] * 100:.2f} %")
    bench.row("  messages a second", f"{rate:.1f}")
    bench.row("  CPU in their first seconds", f"{young['daemon'] * 100:.1f} % of a core")


# ---- one that is stuck ----

GOOD = [f"strict:{number:#06x}" for number in range(0x8001, 0x8008)]
OTHER = 0x8008


def announces(bench, host, runs):
    return [ns for _, sp, ns in bench.lines(host, "announce", runs) if sp != OTHER]


def held_up(bench):
    """Two hosts take turns. In one of them the eighth SP never answers 0 to VM_DESTROYED; it is the other seven that count."""
    turns, runs = bench.few(25, 2), bench.few(20, 3)
    took = {"well": [], "stuck": []}
    vms = many(turns * runs)
    with started(*GOOD, f"trusty:{OTHER}", vms=vms) as well, started(*GOOD, f"trusty:{OTHER}:stuck=1", vms=vms) as stuck:
        for _ in range(turns):
            took["well"] += announces(bench, well, runs)
            took["stuck"] += announces(bench, stuck, runs)
        if max(p["owed"] for p in stuck.json("partitions") if p["kind"] == "sp") != turns * runs:
            raise Failure("the SP was not stuck")
    for share, name in ((.5, "p50"), (.99, "p99")):
        ours, floor = quantile(took["stuck"], share), quantile(took["well"], share)
        bench.row(f"announce to 7 SPs, the 8th stuck, {name}", us(ours), us(floor), f"{ours / max(floor, 1):.2f}",
                  "no change", ours / max(floor, 1) <= 1.25)


ROWS = [settle, sends, waiting, held_up]
