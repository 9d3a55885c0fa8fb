"""A host of one's own for a test: a private bus, the software secure side, the daemon, all in a directory in /dev/shm. Where
LIFECYCLED_LOG_ON names a directory on a disk, the daemon's log is there.

Nothing here sleeps: a daemon is waited for by its READY=1, a state by the event stream, an exit by its pidfd.
"""
import contextlib
import json
import mmap
import os
import pathlib
import platform
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile

TESTS = pathlib.Path(__file__).resolve().parents[1]
BUILD = pathlib.Path(os.environ["LIFECYCLED_BUILD"])
GUESTS = pathlib.Path(os.environ["LIFECYCLED_GUESTS"])
sys.path.insert(0, str(TESTS))
sys.path.insert(0, str(TESTS / "hosts"))
import check  # noqa: E402
import forked  # noqa: E402
from check import LIMIT, SKIPPED, Failure, definition, equal, expect, have_kvm, main  # noqa: E402,F401 - tests take them from here

LIFECYCLECTL = forked.Program(BUILD / "cli/lifecyclectl", BUILD / "tests/system/libfork-server.so")


def ffa_is_forwarded():
    """On arm64 a guest's FF-A calls reach us from Linux 6.4 on; on x86-64 by the mailbox of the test guests."""
    release = tuple(int(number) for number in re.findall(r"\d+", os.uname().release)[:2])
    return platform.machine() == "x86_64" or release >= (6, 4)


@contextlib.contextmanager
def environment(**more):
    """What programs that are started meanwhile find there."""
    before = {key: os.environ.get(key) for key in more}
    os.environ.update(more)
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                del os.environ[key]
            else:
                os.environ[key] = value


def preloaded(name, **more):
    """Programs that are started meanwhile have one of our libraries in front of theirs, also before a sanitizer's."""
    options = ":".join(filter(None, [os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0"]))
    return environment(LD_PRELOAD=str(BUILD / f"tests/system/lib{name}.so"), ASAN_OPTIONS=options, **more)


class Process:
    """A process we started; ended by its pid, never by its name."""

    def __init__(self, log, command, ready=True, environment=None):
        self.command = command
        self.log_path = log
        self.notify_dir = tempfile.mkdtemp(prefix="lifecycled-notify-")
        path = os.path.join(self.notify_dir, "socket")
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        listener.bind(path)
        with open(log, "ab") as out:
            self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                          env={**os.environ, **(environment or {}), "NOTIFY_SOCKET": path})
        self.pid = self.child.pid
        self.pidfd = os.pidfd_open(self.pid)
        self.listener = listener
        if ready:
            try:
                self.wait_ready()
            except BaseException:  # nobody else knows of it
                self.close()
                raise

    def wait_ready(self):
        poller = select.poll()
        poller.register(self.listener, select.POLLIN)
        poller.register(self.pidfd, select.POLLIN)
        while True:
            ready = poller.poll(LIMIT * 1000)
            expect(ready, f"{self.command[0]} did not become ready", self.log(), self.stands_where())
            if any(fd == self.listener.fileno() for fd, _ in ready):
                if b"READY=1" in self.listener.recv(4096).split(b"\n"):
                    return
            else:
                raise Failure(f"{self.command[0]} ended before it was ready: {self.child.wait()}\n{self.log()}")

    def stands_where(self):
        """What the kernel says that it does: runs, sleeps, and in which system call."""
        told = []
        for name in ("stat", "wchan", "syscall", "stack"):
            with contextlib.suppress(OSError):
                told.append(f"{name}: {pathlib.Path(f'/proc/{self.pid}/{name}').read_text().strip()}")
        return "\n".join(told)

    def log(self):
        return pathlib.Path(self.log_path).read_text(errors="replace")[-3000:]

    def kill(self, signo=signal.SIGKILL):
        if self.child.poll() is None:
            os.kill(self.pid, signo)

    def wait(self):
        """Its exit status, negative for a signal."""
        expect(wait_pidfd(self.pidfd), f"{self.command[0]} does not end", self.log())
        return self.child.wait()

    def close(self):
        """Also once more: a test that fails may have been half through with it."""
        if self.pidfd < 0:
            return
        self.kill()
        self.child.wait()
        os.close(self.pidfd)
        self.pidfd = -1
        self.listener.close()
        shutil.rmtree(self.notify_dir, ignore_errors=True)


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wait_pidfd(pidfd, seconds=LIMIT):
    poller = select.poll()
    poller.register(pidfd, select.POLLIN)
    return bool(poller.poll(seconds * 1000))


class Host:
    def __init__(self, *, secure=("--sp", "trusty:0x8001", "--sp", "optee:0x8002"), secure_side=True, daemon=True,
                 options=(), log_on=os.environ.get("LIFECYCLED_LOG_ON"), bus=os.environ.get("LIFECYCLED_TEST_BUS", "dbus-daemon")):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="lifecycled-test-", dir="/dev/shm"))
        self.disk = tempfile.mkdtemp(prefix="lifecycled-log-", dir=log_on) if log_on else None
        self.state = pathlib.Path(self.disk or self.dir) / "state"
        self.run = self.dir / "run"
        self.run.mkdir()
        self.definitions = self.dir / "vm.d"
        self.definitions.mkdir()
        self.bus_address = f"unix:path={self.dir}/bus"
        self.secure_options = list(secure)
        self.options = list(options)
        self.has_secure_side = secure_side
        self.bus_program = bus
        self.bus = self.secure = self.daemon = None
        self.seen_vmms = set()
        try:
            self.start_bus()
            if secure_side:
                self.start_secure()
            if daemon:
                self.start_daemon()
        except BaseException:
            self.close()
            raise

    # ---- its programs ----

    def start_bus(self):
        config, path = f"{TESTS}/bus.conf", self.dir / "bus"
        command = ["dbus-daemon", f"--config-file={config}", f"--address={self.bus_address}", "--nofork", "--print-address=1", "--nopidfile"]
        if self.bus_program == "dbus-broker":
            path.unlink(missing_ok=True)
            command = ["unshare", "--mount", sys.executable, f"{TESTS}/system/broker.py", path, config]
        read, write = os.pipe()
        self.bus = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=write, stderr=open(self.dir / "bus.log", "ab"))
        os.close(write)
        expect(os.read(read, 1), "the bus did not start", (self.dir / "bus.log").read_text())  # it says something once it listens
        os.close(read)

    def start_secure(self, *more):
        self.secure = Process(self.dir / "spmc.log", [
            str(BUILD / "daemon/spmc/lifecycled-spmc"), "--socket", str(self.run / "spmc.sock"), "--inspect",
            str(self.run / "inspect.sock"), "--state", str(self.dir / "spmc.state"), *(o.format(dir=self.dir) for o in self.secure_options), *more])

    def start_daemon(self, *more, ready=True, before=(), program=BUILD / "daemon/main/lifecycled", environment=None):
        self.daemon = Process(self.dir / "daemon.log", [
            *before, str(program), "--bus", self.bus_address, "--state-dir", str(self.state),
            "--runtime-dir", str(self.run), "--memory-dir", str(self.dir / "memory"), "--vmm",
            str(BUILD / "daemon/vmm/lifecycled-vmm"), "--definitions", str(self.definitions), "--config", "none", "--secure",
            str(self.run / "spmc.sock") if self.has_secure_side else "none", *self.options, *more], ready=ready, environment=environment)
        return self.daemon

    def kill_daemon(self):
        self.daemon.kill()
        self.daemon.wait()
        self.daemon.close()
        self.daemon = None

    def close(self):
        for process in (self.daemon, self.secure):
            if process:
                process.close()
        for pid in self.vmm_pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self.bus:
            self.bus.kill()
            self.bus.wait()
        shutil.rmtree(self.dir, ignore_errors=True)
        if self.disk:
            shutil.rmtree(self.disk, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if error and self.daemon:
            print("---- daemon ----\n" + self.daemon.log(), file=sys.stderr)
        self.close()

    def vmm_pids(self):
        """Every VMM of this host, by the socket it was told: whoever has that path in its arguments is ours."""
        socket_path = os.fsencode(self.run / "vmm.sock")
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            with contextlib.suppress(OSError):
                if socket_path in (entry / "cmdline").read_bytes().split(b"\0"):
                    yield int(entry.name)

    # ---- what a user does ----

    def ctl(self, *words, check=True, text=None):
        """lifecyclectl; its standard output, or with check=False the whole result."""
        done = LIFECYCLECTL.run("--bus", self.bus_address, *words, text=text, timeout=LIMIT,
                                environment={**os.environ, "LIFECYCLED_RUNTIME_DIR": str(self.run)})
        if not check:
            return done
        expect(done.returncode == 0, f"lifecyclectl {' '.join(map(str, words))}: exit {done.returncode}", done.stderr)
        return done.stdout

    def ctl_begin(self, *words, stdout=subprocess.DEVNULL):
        """The same, not waited for; who calls it waits."""
        return subprocess.Popen([str(BUILD / "cli/lifecyclectl"), "--bus", self.bus_address, *map(str, words)],
                                stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.DEVNULL)

    def json(self, *words):
        return json.loads(self.ctl("-o", "json", *words))

    def define(self, name, guest="beat", **more):
        """Defines a VM that runs one of our guests; `more` is merged into the definition."""
        self.ctl("define", "-", text=json.dumps(definition(name, GUESTS / f"{guest}.elf", more)))
        return name

    def row(self, name):
        rows = [r for r in self.json("list") if r["name"] == name]
        return rows[0] if rows else None

    def status(self, name):
        status = self.json("status", name)
        return status[0] if isinstance(status, list) else status

    # ---- what can be seen from outside ----

    def inspect(self):
        """What the secure side says of itself."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(LIMIT)
            s.connect(str(self.run / "inspect.sock"))
            text = b"".join(iter(lambda: s.recv(65536), b""))
        return json.loads(text)

    def books(self):
        """{SP id: {VM ids it knows}}"""
        return {sp["id"]: {vm["id"] for vm in sp["vms"]} for sp in self.inspect()["sps"]}

    def memory_files(self):
        return sorted(p.name for p in (self.dir / "memory").iterdir())

    def counter(self, life, offset=0x100000):
        """The number a counting guest keeps in its memory (tests/guests/README.md)."""
        with open(self.dir / "memory" / str(life), "rb") as memory:
            view = mmap.mmap(memory.fileno(), 0, access=mmap.ACCESS_READ)
            value = struct.unpack_from("<Q", view, offset)[0]
            view.close()
        return value

    def poke(self, life, offset, value=1):
        """Writes a number into a guest's memory."""
        with open(self.dir / "memory" / str(life), "r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
            struct.pack_into("<Q", memory, offset, value)

    def until(self, true, what, seconds=LIMIT):
        """Looks again and again for what has no bell of its own."""
        return check.until(true, seconds, lambda: f"it did not come to this: {what}\n{self.daemon.log() if self.daemon else ''}")

    def until_state(self, name, state, seconds=LIMIT):
        return self.until(lambda: (lambda r: r if r and r["state"] == state else None)(self.row(name)),
                          f"{name} is {state}; it is {self.row(name)}", seconds)

    def end_of(self, name):
        """How its life ended, once that is over."""
        self.until_state(name, "null")
        return self.status(name)["last_end"]
