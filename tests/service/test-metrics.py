#!/usr/bin/env python3
"""lifecycled-metrics.socket: a process for each request, that may do nothing but read; and what the host's kernel knows of a VM."""
import os
import pathlib
import pwd
import re
import socket
import sys

import host
from host import LIMIT, equal, expect, needs_kvm, show, systemctl

SOCKET = "/run/lifecycled/metrics.sock"
TCP = ("127.0.0.1", 9808)


def get(address, path="/metrics"):
    """Status and body, as a user without rights gets them."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family) as s:
        s.settimeout(LIMIT)
        s.connect(address)
        s.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: application/openmetrics-text\r\n\r\n".encode())
        head, _, body = b"".join(iter(lambda: s.recv(65536), b"")).decode().partition("\r\n\r\n")
    expect(head.startswith("HTTP/1.1 "), "an answer", head, host.journal("lifecycled-metrics@*"))
    return int(head.split()[1]), body


def value(body, sample):
    found = re.search(rf"^{re.escape(sample)} (\S+)$", body, re.M)
    expect(found, f"there is {sample}", body[-2000:])
    return float(found[1])


def a_request_is_answered_by_a_process_of_its_own():
    host.fresh()
    systemctl("start", "lifecycled-metrics.socket")
    status, body = get(SOCKET)
    equal((status, body[-6:]), (200, "# EOF\n"), "metrics")
    equal(value(body, 'lifecycle_vms{state="running"}'), 0, "VMs that run")
    equal(get(SOCKET, "/other")[0], 404, "another path")
    host.until(lambda: not host.run("systemctl", "list-units", "--no-legend", "lifecycled-metrics@*").strip(), "none is left over")


@needs_kvm
def what_the_kernel_knows_of_a_vm_is_in_it():
    """Processor time and memory are of the control group of the VM's unit; the process that reads them is nobody's."""
    host.fresh()
    host.define("web")
    host.ctl("start", "web")
    body = get(SOCKET)[1]
    equal(value(body, 'lifecycle_vm_state{vm="web",state="running"}'), 1, "its state")
    expect(value(body, 'lifecycle_vm_cpu_seconds_total{vm="web"}') > 0, "its processor time")
    group = pathlib.Path("/sys/fs/cgroup" + show(host.vmm("web"), "ControlGroup")["ControlGroup"])
    expect((group / "cgroup.procs").exists(), f"its control group is {group}")
    if (group / "memory.current").exists():
        expect(value(body, 'lifecycle_vm_memory_used_bytes{vm="web"}') > 4096, "its memory")
    else:  # this host counts no memory of groups
        expect("lifecycle_vm_memory_used_bytes{" not in body, "what is not known is left out")
    host.ctl("abort", "web")
    host.until_state("web", "null")
    expect("lifecycle_vm_cpu_seconds_total{" not in get(SOCKET)[1], "without a life there is none")


def it_listens_where_a_drop_in_says():
    systemctl("stop", "lifecycled-metrics.socket")
    host.drop_in("lifecycled-metrics.socket", "[Socket]\nListenStream=127.0.0.1:9808\n")
    systemctl("start", "lifecycled-metrics.socket")
    equal(get(TCP)[0], 200, "over TCP")
    equal(get(SOCKET)[0], 200, "and where it did before")
    systemctl("stop", "lifecycled-metrics.socket")
    host.drop_in("lifecycled-metrics.socket", None)


def it_may_do_nothing_but_read():
    """A request that is held open shows the process: a user of its own, no capability, filtered calls."""
    systemctl("start", "lifecycled-metrics.socket")
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(SOCKET)
        unit = host.until(lambda: host.run("systemctl", "list-units", "--no-legend", "--plain", "lifecycled-metrics@*").split()[:1],
                          "its unit is there")[0]
        host.until(lambda: show(unit, "MainPID")["MainPID"] != "0", "its process")
        pid = show(unit, "MainPID")["MainPID"]
        host.until(lambda: os.readlink(f"/proc/{pid}/exe").endswith("/lifecyclectl"), "it is the program")
        fields = dict(line.split(":", 1) for line in open(f"/proc/{pid}/status") if ":" in line)
        equal(int(fields["Uid"].split()[0]), pwd.getpwnam("lifecycled-metrics").pw_uid, "its user")
        equal((int(fields["CapEff"], 16), int(fields["CapBnd"], 16), fields["NoNewPrivs"].strip(), fields["Seccomp"].strip()),
              (0, 0, "1", "2"), "its rights")
    host.until(lambda: show(unit, "ActiveState") == {"ActiveState": "inactive"}, "it ends with its client")


if __name__ == "__main__":
    sys.exit(host.main([
        a_request_is_answered_by_a_process_of_its_own,
        what_the_kernel_knows_of_a_vm_is_in_it,
        it_may_do_nothing_but_read,
        it_listens_where_a_drop_in_says,
    ], needs_kvm=False))
