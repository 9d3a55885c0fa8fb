"""What the log costs on a disk, and that nobody who asks waits for it: bench-log, which has the loop and the store alone."""
import os
import subprocess
import tempfile

from common import LIMIT, us
from host import BUILD, Failure


def is_disk(path):
    kind = subprocess.run(["stat", "-f", "-c", "%T", path], capture_output=True, text=True, check=True).stdout.strip()
    return os.access(path, os.W_OK) and kind not in ("tmpfs", "ramfs")


def disk():
    """A directory where a log has to be synced; none: all that can be written here is in memory."""
    return next((path for path in (str(BUILD), "/var/tmp", "/tmp") if is_disk(path)), None)


def measured(turns):
    with tempfile.TemporaryDirectory(dir=disk()) as on_disk, tempfile.TemporaryDirectory(dir="/dev/shm") as in_memory:
        done = subprocess.run([BUILD / "tests/bench/bench-log", on_disk, in_memory, str(turns)], stdout=subprocess.PIPE, text=True,
                              timeout=LIMIT)
    if done.returncode:
        raise Failure(f"bench-log: exit {done.returncode}")
    return {name: list(map(int, numbers)) for name, *numbers in map(str.split, done.stdout.splitlines())}


def log(bench):
    if not disk():
        bench.row("log on a disk", "-", met="there is none here")
        return
    took = measured(bench.few(3000, 50))
    floor, quiet = took["floor-turn"][1], took["memory-query-p99"][1]
    for name, what in (("writer", "log on a disk, a turn"), ("loop", "the same, if the loop wrote it")):
        turn = took[f"{name}-turn"][1]
        bench.row(what, f"{us(turn)}, {1e9 / turn:.0f}/s", us(floor), f"{turn / floor:.2f}")
    for name, what in (("writer", "query meanwhile, p99"), ("loop", "the same, if the loop wrote it (p99)")):
        p99 = took[f"{name}-query-p99"][1]
        bench.row(what, us(p99), us(quiet), f"{p99 / quiet:.1f}")
    bench.row("log on tmpfs, a turn", f"{us(took['memory-turn'][1])}, {1e9 / took['memory-turn'][1]:.0f}/s")


ROWS = [log]
