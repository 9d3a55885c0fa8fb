"""The system calls of one floor and of one life, counted by strace, side by side."""
import collections
import os
import pathlib
import re
import shutil
import signal
import subprocess

from host import Failure

# "1234 read(3, ..." and "1234 <... read resumed>": the second half of a call is not another one
CALL = re.compile(r"^(\d+)\s+(\w+)\((.*)$")
COLUMNS = ["floor", "VMM", "daemon"]
LIMIT = 30


class CannotTrace(Exception):
    pass


def name_of(call, arguments):
    """An ioctl is named by its request: that is what KVM is asked for."""
    request = re.match(r"\d+(?:<[^>]*>)?, ([A-Z_0-9]+)", arguments) if call == "ioctl" else None
    return f"ioctl {request[1]}" if request else call


def count(path, of):
    """{column: {name: how often}}; `of` says whose a thread is."""
    counts = collections.defaultdict(collections.Counter)
    for line in pathlib.Path(path).read_text(errors="replace").splitlines():
        call = CALL.match(line)
        if call:
            counts[of(int(call[1]))][name_of(call[2], call[3])] += 1
    return counts


def trace_floor(log, spawn_floor):
    """`spawn_floor` is a command that spawns one: what its child does from its first moment is the floor's."""
    done = subprocess.run(["strace", "-f", "-o", log, *spawn_floor], capture_output=True, text=True, timeout=LIMIT)
    if done.returncode:
        raise CannotTrace(done.stderr.strip())
    parent = int(pathlib.Path(log).read_text(errors="replace").split(None, 1)[0])
    return count(log, lambda thread: "parent" if thread == parent else "floor")["floor"]


def attach(pid, log):
    tracer = subprocess.Popen(["strace", "-f", "-o", log, "-p", str(pid)], stderr=subprocess.PIPE, text=True)
    said = tracer.stderr.readline()  # it says so once it is attached
    if "attached" not in said:
        tracer.wait()
        raise CannotTrace(said.strip())
    return tracer


def threads(pid):
    return {int(entry) for entry in os.listdir(f"/proc/{pid}/task")}


def trace_life(log, daemon, one_life):
    own = threads(daemon)
    tracer = attach(daemon, log)
    try:
        one_life()
        own |= threads(daemon)
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.stderr.read()
        tracer.wait(LIMIT)
    return count(log, lambda thread: "daemon" if thread in own else "VMM")


def table(columns):
    names = sorted({name for column in columns.values() for name in column})
    print(f"{'':<36}" + "".join(f"{column:>8}" for column in COLUMNS))
    for name in names:
        print(f"{name:<36}" + "".join(f"{columns[c][name] or '-':>8}" for c in COLUMNS))
    print(f"{'all':<36}" + "".join(f"{sum(columns[c].values()):>8}" for c in COLUMNS))


def show(host, spawn_floor, one_life):
    try:
        if not shutil.which("strace"):
            raise CannotTrace("strace is not installed: tests/setup does it")
        one_life()  # what is done once in a daemon's life is not a guest's
        columns = trace_life(host.dir / "life.strace", host.daemon.pid, one_life)
        columns["floor"] = trace_floor(host.dir / "floor.strace", spawn_floor)
    except CannotTrace as why:
        print(f"!!!! THE SYSTEM CALLS ARE NOT LISTED: {why}")
        return
    if not columns["VMM"] or not columns["daemon"]:
        raise Failure("strace saw no VMM or no daemon")
    table(columns)
