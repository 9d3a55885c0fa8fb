"""What a VM costs that does nothing: the VMM's memory beside the guest's, and what the daemon grows by."""
import pathlib
import re
import subprocess

from host import Failure

MAPPING = re.compile(r"^[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \S+ *(.*)$")


def pss(pid, guest_memory):
    """KiB, without the mappings whose file name `guest_memory` is found in."""
    total, counted = 0, True
    for line in pathlib.Path(f"/proc/{pid}/smaps").read_text().splitlines():
        mapping = MAPPING.match(line)
        if mapping:
            counted = guest_memory not in mapping[1]
        elif counted and line.startswith("Pss:"):
            total += int(line.split()[1])
    return total


def rss(pid):
    return int(re.search(r"^VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M)[1])


def ours(host, names):
    """(KiB of the VMM, KiB of the daemon), each per VM."""
    host.ctl("start", names[0])
    host.ctl("abort", names[0])  # what the daemon allocates once is not the VMs'
    before = rss(host.daemon.pid)
    host.ctl("start", *names)
    grown = rss(host.daemon.pid) - before
    sizes = [pss(pid, str(host.dir / "memory")) for pid in host.vmm_pids()]
    if len(sizes) != len(names):
        raise Failure(f"{len(sizes)} VMMs run, {len(names)} VMs were started")
    host.ctl("abort", *names)
    return sum(sizes) / len(sizes), grown / len(names)


def floors(floor, guest, count):
    """KiB of a bare process with one vCPU, of as many."""
    processes = [subprocess.Popen([floor, guest, "hold"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
                 for _ in range(count)]
    try:
        for process in processes:
            if process.stdout.readline() != b"held\n":
                raise Failure("the floor does not hold")
        return sum(pss(process.pid, "memfd:guest") for process in processes) / count
    finally:
        for process in processes:
            process.stdin.close()
            process.wait()
