"""The emulated Arm host: how it is built for, made and booted. What comes from outside is kept in the cache."""
import os
import pathlib
import resource
import select
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "hosts"))
import cache  # noqa: E402

TIME_IS_UP, NO_STATUS = 124, 125  # exit statuses of our own, as timeout(1) has them

# What the product is linked with, for arm64.
SYSROOT = ["libc6-dev", "libsystemd-dev", "libevent-dev", "libjson-c-dev", "zlib1g-dev", "libfdt-dev", "libcmocka-dev"]

CROSS_FILE = """\
[constants]
root = '{root}'
[binaries]
c = 'aarch64-linux-gnu-gcc'
ar = 'aarch64-linux-gnu-ar'
strip = 'aarch64-linux-gnu-strip'
pkgconfig = 'pkg-config'
[properties]
sys_root = root
pkg_config_libdir = [root / 'usr/lib/aarch64-linux-gnu/pkgconfig', root / 'usr/share/pkgconfig']
[built-in options]
c_args = ['--sysroot=' + root]
c_link_args = ['--sysroot=' + root]
[host_machine]
system = 'linux'
cpu_family = 'aarch64'
cpu = 'aarch64'
endian = 'little'
"""

# A Debian by hand: nothing is installed for being "essential" (build-image).
IMAGE = ["linux-image-cloud-arm64", "kmod", "systemd", "systemd-sysv", "udev", "libnss-systemd", "dbus", "polkitd",
         "systemd-container", "base-files", "base-passwd", "libc-bin", "bash", "dash", "coreutils", "util-linux", "mount",
         "grep", "sed", "findutils", "mawk", "diffutils", "hostname", "procps", "tar", "gzip", "strace", "python3",
         "dpkg", "apt", "init-system-helpers", "usr-is-merged", "perl-base",  # to install packages
         "busybox-static",
         "libevent-core-2.1-7", "libjson-c5", "libcmocka0", "zlib1g"]

VMM_TESTS = ["vmm*"]  # what looks different on another kind of host

# Hosts as they are found: what KVM can do differs by CPU, interrupt controller, kernel and how it was booted.
MODES = {
    # EL2 and VHE, GICv3: a server. PAuth in software would cost most of the time, and that there are vectors a sixth of it.
    "vhe": {"machine": "virt,virtualization=on,gic-version=3", "cpu": "max,pauth=off,sve=off,sme=off"},
    # no VHE, GICv2: an older board. With KASLR this kernel isolates its page tables on such a CPU, and each system call would
    # cost QEMU all that it knows of addresses: twice the time.
    "nvhe": {"machine": "virt,virtualization=on,gic-version=2", "cpu": "cortex-a72", "append": "nokaslr", "tests": VMM_TESTS},
    # protected KVM, as on a phone, and a kernel that has KVM's SMCCC filter
    "pkvm": {"machine": "virt,virtualization=on,gic-version=3", "cpu": "max,pauth=off,sve=off,sme=off",
             "kernel": "bookworm-backports", "append": "kvm-arm.mode=protected",
             "tests": [*VMM_TESTS, "mediator"]},
}


def run_logged(what, *command):
    done = subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise SystemExit(f"armhost: {what} failed:\n{done.stdout[-3000:]}")


def say_once(what):
    print(f"armhost: making {what} in {cache.root()} (once)", file=sys.stderr, flush=True)


def cross_file():
    """The path of a meson cross file that builds the whole project for arm64, with Debian's libraries."""
    def make(place):
        say_once("the arm64 sysroot")
        run_logged("mmdebstrap", "unshare", "--mount", "mmdebstrap", "--quiet", "--architectures=arm64",
                   "--variant=extract", f"--include={','.join(SYSROOT)}",
                   "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr", cache.suite(), place / "sysroot")
        final = place.with_name(place.name.removesuffix(".new"))
        (place / "arm64.cross").write_text(CROSS_FILE.format(root=final / "sysroot"))
    return cache.kept("sysroot-arm64", [*SYSROOT, CROSS_FILE], make) / "arm64.cross"


def image(kernel_suite=""):
    """The directory of vmlinuz and root.img."""
    def make(place):
        say_once(f"the Arm host's image{kernel_suite and ' with the kernel of ' + kernel_suite}")
        run_logged("build-image", HERE / "build-image", place, ",".join(IMAGE), kernel_suite)
    scripts = [HERE / name for name in ("build-image", "dpkg-status", "masked-units", "qexit.c")]
    overlay = sorted(path for path in (HERE / "overlay").rglob("*") if path.is_file())
    return cache.kept("armhost", [*IMAGE, kernel_suite, *scripts, *(path.relative_to(HERE) for path in overlay), *overlay], make)


def make_disk(payload, command, disk):
    """The second disk: the payload, and the command to run in it. No journal, so that it can be read after any end."""
    (payload / ".armhost-command").write_text(f"exec {shlex.join(map(str, command))}\n")
    used = sum(path.lstat().st_size + 4096 for path in payload.rglob("*")) >> 20
    with open(disk, "wb") as file:
        file.truncate((used * 5 // 4 + 256) << 20)  # sparse
    run_logged("mke2fs", "mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-L", "payload", "-d", payload, disk)


def qemu(mode, disk, console, cpus, memory):
    """Without random addresses, what QEMU translated of a program or library once is good for every process that runs it.
    One NVMe controller (built into Debian's kernel: no initramfs), root and payload its namespaces. What is written to
    the root disk is thrown away. The kernel's console goes to a file, the test's output to a PCI serial port."""
    from_cache = image(mode.get("kernel", ""))
    append = ("root=PARTUUID=61726d68-01 rw console=ttyAMA0 quiet panic=-1 norandmaps systemd.unit=host-test.target "
              + mode.get("append", ""))
    return ["qemu-system-aarch64", "-nodefaults", "-display", "none", "-no-reboot", "-M", mode["machine"],
            "-cpu", mode["cpu"], "-smp", str(cpus), "-m", memory, "-accel", "tcg,thread=multi",
            "-kernel", str(from_cache / "vmlinuz"), "-append", append, "-device", "nvme,id=nvme0,serial=armhost",
            "-drive", f"if=none,id=root,file={from_cache / 'root.img'},format=raw,snapshot=on",
            "-device", "nvme-ns,drive=root,bus=nvme0,nsid=1",
            "-drive", f"if=none,id=work,file={disk},format=raw,cache=unsafe",
            "-device", "nvme-ns,drive=work,bus=nvme0,nsid=2",
            "-serial", f"file:{console}", "-chardev", "stdio,id=out,signal=on", "-device", "pci-serial,chardev=out",
            "-semihosting-config", "enable=on,target=native,userspace=on"]


class Clock:
    """What passed since it was made: wall time, and what processes that were waited for used of the processors since. Where
    others are waited for beside, use run_timed() and say its figure."""

    def __init__(self):
        self.start, self.used = time.monotonic(), self.cpu()

    @staticmethod
    def cpu():
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    def said(self, cpu):
        return f"{time.monotonic() - self.start:.0f} s wall, {cpu:.0f} s CPU"

    def __str__(self):
        return self.said(self.cpu() - self.used)


AT_WORK = set()  # of run_timed()


def end_all():
    """This run is cut short: who waits in another thread comes back."""
    for child in list(AT_WORK):
        child.terminate()


def run_timed(command, limit=None, prefix="", silent=False):
    """(was it in time, what it and what it waited for used of the processors). With a prefix that stands before each line
    of what it says."""
    out = subprocess.PIPE if prefix else subprocess.DEVNULL if silent else None
    child = subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=out)
    AT_WORK.add(child)
    pidfd, poller = os.pidfd_open(child.pid), select.poll()
    try:
        reader = threading.Thread(target=repeat, args=(child.stdout, prefix), daemon=True) if prefix else None
        if reader:
            reader.start()
        poller.register(pidfd, select.POLLIN)
        in_time = bool(poller.poll(limit and limit * 1000))
        if not in_time:
            child.kill()
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if reader:
            reader.join()
        return in_time, used.ru_utime + used.ru_stime
    finally:
        AT_WORK.discard(child)
        os.close(pidfd)
        if child.returncode is None:  # this run is cut short
            child.kill()
            child.wait()


def repeat(lines, prefix):
    for line in lines:
        sys.stdout.buffer.write(prefix.encode() + line)
        sys.stdout.buffer.flush()


def debugfs(request, disk):
    return subprocess.run(["debugfs", "-R", request, str(disk)], capture_output=True, text=True).stdout


def boot(mode, payload, command, results, limit=300, cpus=2, memory="2G", prefix=""):
    """Boots the host of this mode over a copy of `payload` and runs `command` in it as root; gives its exit status. What
    it leaves in $OUT comes back to `results`, with journal.txt and console.txt; what the boot took is told after `prefix`."""
    results.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="lifecycled-armhost-") as name:
        place = pathlib.Path(name)
        disk, console = place / "payload.ext4", place / "console"
        make_disk(payload, command, disk)
        clock = Clock()
        in_time, cpu = run_timed(qemu(MODES[mode], disk, console, cpus, memory), limit, prefix)
        if prefix:
            print(f"armhost: {prefix}{clock.said(cpu)}", flush=True)
        debugfs(f"rdump /out {place}", disk)
        if (place / "out").exists():
            shutil.copytree(place / "out", results, dirs_exist_ok=True)
        if console.exists():
            shutil.copy2(console, results / "console.txt")
        status = debugfs("cat .armhost-status", disk).strip()
        if status:
            return int(status)
        print(f"armhost: no exit status ({'it ended' if in_time else 'time is up'}); end of its console:\n"
              + (results / "console.txt").read_text(errors="replace")[-3000:], file=sys.stderr)
        return NO_STATUS if in_time else TIME_IS_UP


def check_tools():
    tools = ["mmdebstrap", "depmod", "mke2fs", "debugfs", "sfdisk", "qemu-system-aarch64", "aarch64-linux-gnu-gcc", "meson"]
    missing = [tool for tool in tools if not shutil.which(tool)]
    if missing or os.geteuid() != 0:
        raise SystemExit("armhost: needs root and " + (", ".join(missing) or "nothing else") + ": tests/setup installs it")
