#!/usr/bin/env python3
"""A VMM that was taken over, on real KVM: whatever it asks of the kernel that is not in its sandbox is its end."""
import ctypes
import errno
import functools
import json
import os
import pathlib
import platform
import pwd
import re
import shutil
import signal
import sys

import host
from host import BUILD, GUESTS, Host, definition, equal, expect

ESCAPE = str(BUILD / "tests/system/vmm-escape")
BATCH = 100
LAST = 470  # system calls that there may be, and some that there are not

# What its threads may ask for, and may go on after: said again here, for the table of the VMM must not be its own proof.
ANY_ARGUMENTS = {
    "main": {"futex", "getpid", "rt_sigreturn", "write", "read", "ppoll", "clock_gettime", "recvmsg", "shutdown",
             "close", "munmap"},
    "vcpu": {"futex", "rt_sigreturn", "restart_syscall", "write", "clock_gettime", "exit", "recvmsg", "writev"},
}
POLL = {"x86_64": {"main": {"poll"}, "vcpu": {"poll"}}, "aarch64": {"main": set(), "vcpu": {"ppoll"}}}
SIGNAL = 34  # SIGRTMIN, by which vCPUs are kicked
AF_UNIX, AF_INET, SEQPACKET, DGRAM = 1, 2, 5 | 0o2000000 | 0o4000, 2
# These may only be asked for with some arguments: none of these.
WRONG_ARGUMENTS = [
    ("ioctl", (0, 0x5412)),                    # TIOCSTI: types into a terminal
    ("ioctl", (0, 0xAE01)),                    # KVM_CREATE_VM
    ("ioctl", (0, 0xAE41)),                    # KVM_CREATE_VCPU
    ("ioctl", (0, 0x4020AE46)),                # KVM_SET_USER_MEMORY_REGION
    ("ioctl", (0, 1 << 32 | 0xAE80)),          # KVM_RUN, and a bit that the kernel does not look at
    ("madvise", (0, 4096, 4)),                 # MADV_DONTNEED
    ("socket", (AF_INET, SEQPACKET, 0)),
    ("socket", (AF_UNIX, DGRAM, 0)),
    ("socket", (AF_UNIX, SEQPACKET, 1)),
    ("connect", (4, 0x400000, 110)),
    ("sendto", (4, 0x400000, 1, 0, 0x400000, 110)),
    ("tgkill", (1, 1, SIGNAL)),
    ("tgkill", ("pid", "pid", 9)),
    ("exit_group", (7,)),
]
# uretprobe and uprobe, which the kernel's own trampolines make in a traced program: a kernel that has them looks for these numbers
# before it asks any filter, so that tracing breaks no sandbox. Whoever makes them elsewhere gets SIGILL, and ENXIO.
# the_kernel_asks_a_filter_about_all_other_calls looks whether it is so on this kernel, with a filter of its own.
TRAMPOLINES = {335: "SIGILL", 336: "returned -1, errno 6"} if platform.machine() == "x86_64" else {}
FILTERED = {name for name, _ in WRONG_ARGUMENTS}


class Filter(ctypes.Structure):
    _fields_ = [("code", ctypes.c_uint16), ("jt", ctypes.c_uint8), ("jf", ctypes.c_uint8), ("k", ctypes.c_uint32)]


class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_uint16), ("filter", ctypes.POINTER(Filter))]


MARK, ASKED = 0x5EC0, 4000  # the first argument of a call that is a question, and the errno that is the filter's answer


def ask_about_all(to):
    """In a process of its own, whose filter answers calls that are a question, and lets others pass."""
    no_new_privs, seccomp, mode_filter = 38, 22, 2
    load, if_equal, give, answer, allow = 0x20, 0x15, 0x06, 0x00050000, 0x7FFF0000
    rows = (Filter * 4)((load, 0, 0, 16), (if_equal, 0, 1, MARK), (give, 0, 0, answer | ASKED), (give, 0, 0, allow))
    libc = ctypes.CDLL(None, use_errno=True)
    signal.signal(signal.SIGILL, lambda *_: None)  # what a trampoline's call elsewhere comes to
    if libc.prctl(no_new_privs, 1, 0, 0, 0) < 0 or libc.prctl(seccomp, mode_filter, ctypes.byref(Program(4, rows)), 0, 0) < 0:
        os._exit(1)
    asked = [libc.syscall(ctypes.c_long(number), MARK, 0, 0, 0, 0, 0) == -1 and ctypes.get_errno() == ASKED for number in range(LAST)]
    os.write(to, json.dumps(asked).encode())


@functools.cache
def asked_about():
    """Whether the kernel asks a filter about each call, by number."""
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            ask_about_all(theirs)
            status = 0
        finally:
            os._exit(status)
    os.close(theirs)
    with open(ours, "rb") as answer:
        said = answer.read()
    equal(os.waitpid(pid, 0)[1], 0, "how the process ended that sets a filter and asks")
    return json.loads(said)


def call_names():
    """{number: name}, of this architecture."""
    text = (BUILD / "daemon/vmm/sandbox-filter.h").read_text()
    return {int(number): name for number, name in re.findall(r'\[(\d+)\] = "(\w+)"', text)}


def escapes(h, wanted):
    """{name of a VM: how its last life ended}, of VMs whose VMM makes the call `wanted` has under that name."""
    ends = {}
    names = sorted(wanted)
    for at in range(0, len(names), BATCH):
        batch = names[at:at + BATCH]
        for name in batch:
            (h.definitions / f"{name}.json").write_text(json.dumps(definition(
                name, GUESTS / "beat.elf", {"cmdline": f"escape={wanted[name]}", "policies": {"on-crash": "stop"}})))
        h.ctl("reload")
        h.ctl("start", "--no-block", *batch)
        h.until(lambda: all(row["state"] == "null" and row["operation"] == "-" for row in h.json("list")), "every life ended")
        ends.update({status["name"]: status["last_end"] for status in h.json("status", *batch)})
        for name in batch:
            (h.definitions / f"{name}.json").unlink()
        h.ctl("reload")
    return ends


def all_end_in_sigsys(wanted, says):
    with Host(secure_side=False, options=["--vmm", ESCAPE]) as h:
        ends = escapes(h, wanted)
    equal(len(ends), len(wanted), "lives")
    others = []
    for name, end in sorted(ends.items()):
        number = int(wanted[name].split(":")[1])
        if number in TRAMPOLINES and not asked_about()[number]:
            expect(TRAMPOLINES[number] in end["text"], f"{name} ({wanted[name]}) comes to nothing: {TRAMPOLINES[number]}", end)
        elif end["cause"] != "vmm-signal" or "SIGSYS" not in end["text"] or says(name) not in end["text"]:
            others.append(f"{name} ({wanted[name]}) ends by {end['cause']}, '{end['text']}', not by SIGSYS as '{says(name)}'")
    expect(not others, f"{len(others)} of {len(ends)}: {'; '.join(others[:3])}", *others[3:])


def walk(thread):
    names, machine = call_names(), platform.machine()
    allowed = ANY_ARGUMENTS[thread] | POLL[machine][thread] | FILTERED
    missing = allowed - set(names.values())
    equal(missing, set(), "names that are no system calls here")
    numbers = [n for n in range(LAST) if names.get(n) not in allowed]
    expect(len(numbers) > 300, "there is something to walk", len(numbers))
    numbers = host.check.some(numbers)
    whose = "the VMM's main thread" if thread == "main" else "vCPU 0's thread"
    wanted = {f"{thread}-{n}": f"{thread}:{n}:0x1000" for n in numbers}

    def says(name):
        number = int(name.split("-")[1])
        return f"{whose} made system call {number}" + (f" ({names[number]}) with 0x1000" if number in names else " with 0x1000")

    all_end_in_sigsys(wanted, says)


def every_call_of_a_vcpu_that_is_not_on_its_list_ends_in_sigsys():
    walk("vcpu")


def every_call_of_the_main_thread_that_is_not_on_its_list_ends_in_sigsys():
    walk("main")


def a_call_that_is_listed_with_other_arguments_ends_in_sigsys():
    numbers = {name: number for number, name in call_names().items()}
    wanted, names = {}, {}
    for thread in ("main", "vcpu"):
        for i, (name, arguments) in enumerate(WRONG_ARGUMENTS):
            vm = f"{thread}-{i}-{name.replace('_', '-')}"
            wanted[vm] = ":".join(map(str, (thread, numbers[name], *arguments)))
            names[vm] = f"system call {numbers[name]} ({name})"
    # One thread's list is not the other's.
    for thread, name in (("vcpu", "exit_group"), ("vcpu", "munmap"), ("vcpu", "close"), ("vcpu", "read"), ("main", "writev")):
        wanted[f"{thread}-{name.replace('_', '-')}"] = f"{thread}:{numbers[name]}"
        names[f"{thread}-{name.replace('_', '-')}"] = f"system call {numbers[name]} ({name})"
    all_end_in_sigsys(wanted, names.get)


def a_call_of_another_abi_ends_in_sigsys():
    """x32 has its own numbers for the same machine. The filter itself ends the process: nobody names the call."""
    all_end_in_sigsys({"x32": f"vcpu:{0x40000000 | 39}"}, lambda _: "ended by signal 31")


def the_kernel_asks_a_filter_about_all_other_calls():
    silent = [n for n in range(LAST) if not asked_about()[n]]
    print(f"calls of which no filter is asked on Linux {os.uname().release}: {silent or 'none'}")
    equal([n for n in silent if n not in TRAMPOLINES], [], "calls that no filter can keep back")


def a_call_that_is_listed_comes_back():
    """So the VMM of these tests does make calls, and lives."""
    numbers = {name: number for number, name in call_names().items()}
    with Host(secure_side=False, options=["--vmm", ESCAPE]) as h:
        ends = escapes(h, {"web": f"main:{numbers['getpid']}"})
    equal(ends["web"]["cause"], "guest-panic", "cause")
    expect(f"escaped: system call {numbers['getpid']} returned" in ends["web"]["text"], "what it returned", ends)


def no_thread_has_any_right_left():
    with Host() as h:
        h.define("web", "smp", vcpus={"count": 4})
        h.ctl("start", "web")
        pid = h.status("web")["vmm_pid"]
        tasks = list(pathlib.Path(f"/proc/{pid}/task").iterdir())
        expect(len(tasks) >= 5, "threads of its own", tasks)
        for task in tasks:
            fields = dict(line.split(":\t", 1) for line in (task / "status").read_text().splitlines() if ":\t" in line)
            equal({int(fields[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")}, {0}, "capabilities")
            equal((fields["NoNewPrivs"], fields["Seccomp"]), ("1", "2"), "no new rights, and a filter")
        equal(os.stat(f"/proc/{pid}/mem").st_uid, 0, "whose its memory is to look at")
        core = [line for line in pathlib.Path(f"/proc/{pid}/limits").read_text().splitlines() if "core file" in line]
        equal(core[0].split()[4:6], ["0", "0"], "limit of a core file")
        h.ctl("abort", "web")


def no_file_of_its_life_can_be_made_larger():
    """It has what it needs of them mapped; by a descriptor it could fill the places of all others."""
    with Host(secure_side=False) as h:
        h.define("web", "smp", vcpus={"count": 2})
        h.ctl("start", "web")
        fds = {fd.name: os.readlink(fd) for fd in pathlib.Path(f"/proc/{h.status('web')['vmm_pid']}/fd").iterdir()}
        expect(len(fds) > 5, "there are descriptors to look at", fds)
        equal([to for to in fds.values() if "/lives/" in to or to.startswith(str(h.dir / "memory"))], [], "files of its life")
        h.kill_daemon()
        h.start_daemon()
        equal(h.row("web")["state"], "running", "its lock holds all the same")
        h.ctl("abort", "web")


def without(layers, **options):
    """What KVM's door makes of a kernel that has not got a layer, or cannot give it."""
    os.environ["LIFECYCLED_VMM_INJECT"] = layers
    try:
        h = Host(**options)
    finally:
        del os.environ["LIFECYCLED_VMM_INJECT"]
    return h


def landlock_version():
    create_ruleset, version = 444, 1
    return ctypes.CDLL(None).syscall(create_ruleset, None, 0, version)


def lacks_here(*more):
    """What is shown on this kernel, where `more` is taken away besides."""
    return ",".join(sorted({*more, *([] if landlock_version() > 0 else ["landlock"])})) or "-"


def what_a_kernel_lacks_is_told_and_the_guest_runs():
    for layer, error in (("landlock", errno.EOPNOTSUPP), ("seccomp", errno.EOPNOTSUPP)):
        with without(f"{layer}={error}") as h:
            h.define("web")
            h.ctl("start", "web")
            equal(h.status("web")["sandbox_lacks"], lacks_here(layer), "what it lacks")
            expect(f"its sandbox lacks {lacks_here(layer)}" in h.ctl("status", "web"), "people are told", h.ctl("status", "web"))
            expect("the sandbox has no" in h.daemon.log(), "and the journal", h.daemon.log())
            h.kill_daemon()
            h.start_daemon()
            h.until(lambda: h.status("web")["sandbox_lacks"] == lacks_here(layer), "the next daemon is told, too")
            h.ctl("abort", "web")
            equal(h.status("web")["sandbox_lacks"], "-", "nothing is lacking where no VMM is")
    with Host() as h:
        h.define("web")
        h.ctl("start", "web")
        equal(h.status("web")["sandbox_lacks"], lacks_here(), "what one lacks on this kernel")


def without_seccomp_there_is_landlock():
    """Each layer holds by itself: no file, and no signal to another process from Landlock's sixth version on."""
    numbers = {name: number for number, name in call_names().items()}
    wanted = {}
    if landlock_version() >= 1:
        wanted.update({f"{thread}-file": f"{thread}:{numbers['openat']}:-100:file:0" for thread in ("main", "vcpu")})
    if landlock_version() >= 6:
        wanted["signal"] = f"main:{numbers['kill']}:{os.getpid()}:0"
    with without(f"seccomp={errno.EOPNOTSUPP}", secure_side=False, options=["--vmm", ESCAPE]) as h:
        ends = escapes(h, wanted)
    refusals = {"main-file": errno.EACCES, "vcpu-file": errno.EACCES, "signal": errno.EPERM}
    for name, end in ends.items():
        expect(end["text"].endswith(f"returned -1, errno {refusals[name]}"), f"{name} is refused", end)


def a_sandbox_that_cannot_be_closed_is_no_start():
    """Of the main thread, or of a vCPU's: whose it is, is decided by who comes first."""
    for layer in ("landlock=12", "seccomp=12", "landlock=12@2", "seccomp=12@2"):
        with without(layer) as h:
            h.define("web")
            h.ctl("start", "web", check=False)
            h.until(lambda: h.row("web")["state"] == "null" and h.status("web")["last_end"]["cause"] != "-", "it ends")
            end = h.status("web")["last_end"]
            expect(end["cause"] in ("start-failed", "vmm-exit"), "cause", end)
            if "@2" in layer:
                expect("sandbox cannot be closed: Cannot allocate memory" in end["text"] or end["cause"] == "vmm-exit", "why", end)
            else:
                expect("sandbox" in h.daemon.log(), "the journal says why", h.daemon.log())
            for sp, known in h.books().items():
                equal(known, set(), f"VMs that SP {sp} still knows")


def ids(pid):
    """{field: its numbers} of a process: real, effective, saved and of the file system; and all groups."""
    fields = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line)
    return {name: set(map(int, fields[name].split())) for name in ("Uid", "Gid", "Groups")}


def a_vmm_that_root_starts_becomes_the_user_it_is_given():
    """It opens its images as that user, and finds the next daemon as that user."""
    user = pwd.getpwnam("nobody")
    with Host(options=["--vmm-user", "nobody"]) as h:
        h.dir.chmod(0o755)
        shutil.copy(GUESTS / "beat.elf", h.dir)
        secret = pathlib.Path(shutil.copy(GUESTS / "beat.elf", h.dir / "secret.elf"))
        secret.chmod(0o600)
        h.define("web", kernel=str(h.dir / "beat.elf"))
        h.ctl("start", "web")
        status = h.status("web")
        equal(ids(status["vmm_pid"]), {"Uid": {user.pw_uid}, "Gid": {user.pw_gid}, "Groups": set()},
              "whose process it is")
        h.kill_daemon()
        h.start_daemon()
        again = h.until(lambda: (lambda s: s if s["state"] == "running" else None)(h.status("web")), "it is adopted")
        equal((again["life"], again["vmm_pid"]), (status["life"], status["vmm_pid"]), "life and process")
        h.ctl("abort", "web")
        h.define("thief", kernel=str(secret))
        h.ctl("start", "thief", check=False)
        end = h.until(lambda: (lambda e: e if e["cause"] != "-" else None)(h.status("thief")["last_end"]), "it does not start")
        equal(end["cause"], "start-failed", "cause")
        expect("secret.elf" in end["text"] and "Permission denied" in end["text"], "why", end)


if __name__ == "__main__":
    sanitized = os.environ.get("LIFECYCLED_SANITIZE", "none") != "none"
    if sanitized:
        print("SKIPPED: a VMM with a sanitizer has no seccomp filter", flush=True)
        sys.exit(host.SKIPPED)
    sys.exit(host.main([
        the_kernel_asks_a_filter_about_all_other_calls,
        a_call_that_is_listed_comes_back,
        every_call_of_a_vcpu_that_is_not_on_its_list_ends_in_sigsys,
        every_call_of_the_main_thread_that_is_not_on_its_list_ends_in_sigsys,
        a_call_that_is_listed_with_other_arguments_ends_in_sigsys,
        *([a_call_of_another_abi_ends_in_sigsys] if platform.machine() == "x86_64" else []),
        no_thread_has_any_right_left,
        no_file_of_its_life_can_be_made_larger,
        what_a_kernel_lacks_is_told_and_the_guest_runs,
        without_seccomp_there_is_landlock,
        a_sandbox_that_cannot_be_closed_is_no_start,
        *([a_vmm_that_root_starts_becomes_the_user_it_is_given] if os.geteuid() == 0 else []),
    ]))
