"""What is costly to make and the same for every run (root images, sysroots): made once, kept outside of the tree.

A kept thing is named by a hash of all that went into it, so it can not be stale; it is made in a directory beside and
renamed, so that half of one is never seen; whoever needs it while another makes it waits.
"""
import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess
import time

UNUSED = 14 * 24 * 3600  # seconds after which what no run asked for is removed


def root():
    place = os.environ.get("LIFECYCLED_CACHE")
    return pathlib.Path(place) if place else pathlib.Path.home() / ".cache/lifecycled"


def suite():
    """The Debian release of this machine: the hosts are of the same."""
    for line in pathlib.Path("/etc/os-release").read_text().splitlines():
        if line.startswith("VERSION_CODENAME="):
            return line.split("=")[1].strip('"')
    raise SystemExit("cache: /etc/os-release names no Debian release (VERSION_CODENAME): the test hosts are Debian's")


def kept(kind, inputs, make):
    """The directory `kind` for these inputs (text, or the paths of files); make(directory) fills it if it is not there."""
    digest = hashlib.sha256()
    for item in [suite(), *inputs]:
        digest.update(item.read_bytes() if isinstance(item, pathlib.Path) and item.is_absolute() else str(item).encode())
        digest.update(b"\0")
    place = root() / f"{kind}-{digest.hexdigest()[:16]}"
    root().mkdir(parents=True, exist_ok=True)
    with open(place.with_name(place.name + ".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            fresh = place.with_name(place.name + ".new")
            remove(fresh)
            fresh.mkdir()
            make(fresh)
            fresh.rename(place)
        os.utime(place)
        remove_unused(kind)
    return place


def remove_unused(kind):
    """What no run asked for any more; a lock stays, somebody may wait for it."""
    for other in root().glob(f"{kind}-*"):
        if other.is_dir() and other.stat().st_mtime < time.time() - UNUSED:
            remove(other)


def remove(place):
    """Half of a thing may still have this machine's /dev/shm, /proc and /sys mounted in it, if its maker was killed: never
    reach through these."""
    mounted = [line.split()[1] for line in pathlib.Path("/proc/self/mounts").read_text().splitlines()]
    for point in reversed(mounted):
        if point.startswith(f"{place}/"):
            subprocess.run(["umount", "--lazy", point], check=True)
    if place.exists():
        shutil.rmtree(place)
