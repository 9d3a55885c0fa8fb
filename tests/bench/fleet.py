"""A thousand guests that run: a new daemon adopts them, and a new secure world is told of all of them."""
import os
import signal
import subprocess
import time

import cpu
from common import LIMIT, many, quantile, started, us
from host import BUILD, GUESTS, Failure

SPS = [f"optee:{id:#06x}" for id in range(0x8001, 0x8009)]


def span(host, count):
    """ns from the first VM_CREATED to the last answer, of all SPs together, by the secure side's clock."""
    sps = host.inspect()["sps"]
    if any(sp["logged"] != count for sp in sps):
        raise Failure(f"each SP was to hear of {count} VMs once: {[sp['logged'] for sp in sps]}")
    return max(sp["log"][-1]["t"] for sp in sps) - min(sp["log"][0]["t"] for sp in sps)


def bare_frames(host, count):
    """The floor: a program that sends the same frames, as many at a time, and does nothing else."""
    os.kill(host.secure.pid, signal.SIGHUP)
    done = subprocess.run([BUILD / "tests/bench/bench-frames", host.run / "spmc.sock", str(count)], stdout=subprocess.PIPE,
                          timeout=LIMIT, check=False)
    if done.returncode:
        raise Failure(f"bench-frames: exit {done.returncode}")
    return span(host, count)


def adopted(host, count):
    """ns from exec until a daemon is READY and has every guest that it finds running."""
    def all_there():
        return sum(row["state"] == "running" and not row["unreachable"] for row in host.json("list")) == count

    began = time.monotonic_ns()
    host.start_daemon()
    ready = time.monotonic_ns() - began
    if all_there():
        return ready
    host.until(all_there, "every guest is adopted")
    return time.monotonic_ns() - began


def known_everywhere(host):
    ids = {row["ffa_id"] for row in host.json("list")}
    host.until(lambda: all(ids <= known for known in host.books().values()), "every SP knows every VM")


def announced(host, count):
    known_everywhere(host)  # the world was reset for the floor, too
    os.kill(host.secure.pid, signal.SIGHUP)
    known_everywhere(host)
    return span(host, count)


def gap_watcher(bench, host, milliseconds):
    watcher = subprocess.Popen(bench.command(host, "gap", milliseconds, vm="beat"), stdout=subprocess.PIPE, text=True)
    if watcher.stdout.readline() != "watching\n":
        raise Failure("nobody watches the guest's counter")
    return watcher


def gap_of(watcher):
    text, _ = watcher.communicate(timeout=LIMIT)
    if watcher.returncode:
        raise Failure("the guest's counter was not seen to move")
    return int(text.split()[1])


def thousand(bench):
    guests, turns, milliseconds = bench.few(999, 19), bench.few(5, 1), bench.few(4000, 1000)
    count = guests + 1
    took = {"frames": [], "announce": [], "adopt": [], "gap": [], "quiet": []}
    with started(*SPS, vms=[*many(guests), ("beat", GUESTS / "beat.elf")]) as host:
        host.ctl("start", "beat", *(name for name, _ in many(guests)))
        for _ in range(turns):
            took["quiet"].append(gap_of(gap_watcher(bench, host, milliseconds)))
            watcher = gap_watcher(bench, host, milliseconds)
            host.kill_daemon()
            took["frames"].append(bare_frames(host, count))
            took["adopt"].append(adopted(host, count))
            took["gap"].append(gap_of(watcher))
            took["announce"].append(announced(host, count))
    floor, ours = quantile(took["frames"], .5), quantile(took["announce"], .5)
    ratios = [ns / bare for ns, bare in zip(took["announce"], took["frames"])]
    frames = count * len(SPS)
    bench.row(f"announce, {count} VMs to {len(SPS)} SPs", f"{ours / 1e6:.0f} ms", f"{floor / 1e6:.0f} ms",
              f"{quantile(ratios, .5):.2f} (min {min(ratios):.2f})")
    bench.row("  messages a second", f"{frames / ours * 1e9:,.0f}", f"{frames / floor * 1e9:,.0f}")
    bench.row(f"a new daemon adopts {count} guests", f"{quantile(took['adopt'], .5) / 1e6:.0f} ms", goal="1 s",
              met=quantile(took["adopt"], .5) <= 1e9)
    gap, quiet = quantile(took["gap"], .5), quantile(took["quiet"], .5)
    bench.row("  largest gap of a guest's count", f"{gap / 1e6:.1f} ms", f"{quiet / 1e6:.1f} ms", f"{gap / quiet:.2f}",
              "2 x", gap <= 2 * quiet)


def cpu_of_life(bench, count):
    """ns of the daemon's CPU time that a life takes while so many others run."""
    runs = bench.few(100, 2)
    with started("optee:0x8001", vms=[*many(count), ("bench", GUESTS / "silent.elf")]) as host:
        host.ctl("start", *(name for name, _ in many(count)))
        bench.measure(host, "life", runs)  # what is done once is not a life's
        before = cpu.look(host)
        took = bench.measure(host, "life", runs)
        return cpu.each(before, cpu.look(host), took["lived"].p50)["daemon"]


def scale(bench):
    first, *more = bench.few((10, 100, 1000), (2, 10))
    few = cpu_of_life(bench, first)
    for count in more:
        ours = cpu_of_life(bench, count)
        bench.row(f"daemon's CPU of a life among {count}", us(ours), us(few), f"{ours / few:.2f}", "1.2 x",
                  ours / few <= 1.2)


ROWS = [thousand, scale]
