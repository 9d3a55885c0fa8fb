"""CPU time of a life: what else the machine does makes it wait, but not work more."""
import os
import pathlib

TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def of_threads(pid):
    """ns that the threads of a process have run so far."""
    return sum(int(path.read_text().split()[0]) for path in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"))


def of_children(pid):
    """ns that its children had run when they ended. The kernel tells it in ticks: good for many of them."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) * TICK_NS


def look(host):
    used = {"daemon": of_threads(host.daemon.pid), "VMM": of_children(host.daemon.pid), "bus": of_threads(host.bus.pid)}
    if host.secure:
        used["SPMC"] = of_threads(host.secure.pid)
    return used


def each(before, after, lives):
    return {who: (after[who] - before[who]) / lives for who in after}
