"""A container with systemd as PID 1 over a Debian root of its own, and this machine's /dev/kvm if there is one."""
import contextlib
import inspect
import os
import pathlib
import select
import shlex
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "hosts"))
import cache  # noqa: E402

TIME_IS_UP, NO_STATUS = 124, 125  # exit statuses of our own, as timeout(1) has them

# systemd and what the product talks to; the daemon's libraries; what tests are made of
PACKAGES = ["systemd", "systemd-sysv", "libnss-systemd", "dbus", "polkitd", "systemd-container", "procps", "strace",
            "libevent-core-2.1-7", "libjson-c5", "zlib1g", "python3"]
KVM_GROUP = 900  # Debian's udev makes the group; there is no udev in a container

TARGET = """\
[Unit]
Requires=multi-user.target
Wants=host-test.service
After=multi-user.target
AllowIsolate=yes
"""
# The status is written, and the container ended, also when the command's shell dies.
SERVICE = """\
[Unit]
After=multi-user.target
[Service]
Type=exec
WorkingDirectory=/payload
Environment=PATH=/payload:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin HOME=/root OUT=/payload/out
ExecStart=/bin/sh /run/host/test/command
ExecStopPost=/bin/sh /run/host/test/end
StandardOutput=append:/run/host/test/output
StandardError=inherit
"""
END = """\
[ "$EXIT_CODE" = exited ] || { echo "container: the test ended: $EXIT_CODE $EXIT_STATUS"; EXIT_STATUS=125; }
mkdir -p /payload/out
journalctl -b -o short-monotonic --no-pager >/payload/out/journal.txt
echo "$EXIT_STATUS" >/run/host/test/status
systemctl exit "$EXIT_STATUS"
"""


def make_root(place):
    print(f"container: making the root image in {place.parent} (once, about half a minute)", file=sys.stderr, flush=True)
    with open(place / "log", "wb") as log:
        done = subprocess.run(["unshare", "--mount", "mmdebstrap", "--quiet", "--variant=minbase",
                               f"--include={','.join(PACKAGES)}", cache.suite(), str(place / "root")],
                              stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    if done.returncode:
        raise SystemExit(f"container: mmdebstrap failed:\n{(place / 'log').read_text()[-3000:]}")
    groups = place / "root/etc/group"
    if "\nkvm:" not in groups.read_text():
        groups.write_text(groups.read_text() + f"kvm:x:{KVM_GROUP}:\n")
    (place / "root/payload").mkdir()


def root():
    """The root directory, made at the first call. It is never changed: each boot writes to an overlay of its own."""
    return cache.kept("container", [inspect.getsource(make_root), PACKAGES], make_root) / "root"


def kvm_node(place, root_dir):
    """A node of the container's own: its udev rules, chgrp and chmod must not touch this machine's."""
    if not os.path.exists("/dev/kvm"):
        return []
    node = place / "kvm"
    group = next(line.split(":")[2] for line in (root_dir / "etc/group").read_text().splitlines()
                 if line.startswith("kvm:"))
    device = os.stat("/dev/kvm")
    os.mknod(node, device.st_mode, device.st_rdev)
    os.chown(node, 0, int(group))
    os.chmod(node, 0o660)
    return [f"--bind={node}:/dev/kvm"]


def relay(source, child, limit):
    """Copies what the test says until the container has ended; False if the time is up before."""
    ended = os.pidfd_open(child.pid)
    poller = select.poll()
    poller.register(source, select.POLLIN)
    poller.register(ended, select.POLLIN)
    deadline = time.monotonic() + limit
    try:
        while True:
            ready = [fd for fd, _ in poller.poll(max(0, deadline - time.monotonic()) * 1000)]
            if source in ready:
                sys.stdout.buffer.write(os.read(source, 65536))
                sys.stdout.buffer.flush()
            elif ended in ready:
                return True
            else:
                return False
    finally:
        os.close(ended)


def boot(payload, command, limit=120, options=()):
    """Boots over `payload` (a directory, /payload inside) and runs `command` as root; gives its exit status."""
    root_dir = root()
    with tempfile.TemporaryDirectory(prefix="lifecycled-container-") as name:
        place = pathlib.Path(name)
        (place / "command").write_text(f"exec {shlex.join(map(str, command))}\n")
        (place / "end").write_text(END)
        (place / "host-test.target").write_text(TARGET)
        (place / "host-test.service").write_text(SERVICE)
        os.mkfifo(place / "output")
        output = os.open(place / "output", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        units = [f"--bind-ro={place / unit}:/etc/systemd/system/{unit}" for unit in ("host-test.target", "host-test.service")]
        with open(place / "console", "wb") as console:
            child = subprocess.Popen(
                ["systemd-nspawn", "-q", "-D", str(root_dir), "--volatile=overlay", f"--machine=lifecycled-{os.getpid()}",
                 "--register=no", "--keep-unit", "--boot", "--capability=all", "--system-call-filter=bpf landlock_create_ruleset landlock_restrict_self",
                 *kvm_node(place, root_dir), f"--bind={pathlib.Path(payload).resolve()}:/payload",
                 f"--bind={place}:/run/host/test", *units, *options, "--", "--unit=host-test.target"],
                env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},  # pure cgroup v2 inside, on any machine
                stdin=subprocess.DEVNULL, stdout=console, stderr=console)
        in_time = False
        try:
            in_time = relay(output, child, limit)
        finally:
            if not in_time:
                child.kill()  # SIGTERM would be an orderly shutdown
            child.wait()
            os.close(output)
        with contextlib.suppress(OSError, ValueError):
            return int((place / "status").read_text())
        print(f"container: no exit status ({'time is up' if not in_time else 'it ended'}); end of its console:\n"
              + (place / "console").read_text(errors="replace")[-3000:], file=sys.stderr)
        return NO_STATUS if in_time else TIME_IS_UP


def check_tools():
    missing = [tool for tool in ("mmdebstrap", "systemd-nspawn") if not shutil.which(tool)]
    if missing or os.geteuid() != 0:
        raise SystemExit("container: needs root and " + (" and ".join(missing) or "nothing else") + ": tests/setup installs it")
