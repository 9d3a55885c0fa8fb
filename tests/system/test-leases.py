#!/usr/bin/env python3
"""Leases on real guests: an end waits for who holds it; a holder that lets go, dies, hangs, is deaf; a daemon that dies meanwhile."""
import contextlib
import ctypes
import errno
import os
import signal
import subprocess
import sys

from host import BUILD, LIMIT, Host, equal, expect, main

OBEYS = "echo up; exec sleep 1000"
DEAF = "trap '' TERM; echo up; exec sleep 1000"
PUTS_AWAY = "trap 'until test -e {gate}; do sleep 0.01; done; echo away; exit 3' TERM; echo up; while :; do sleep 0.01; done"


@contextlib.contextmanager
def holder(h, script, *options, name="web"):
    """`lifecyclectl lease` around a shell; both are gone in the end."""
    process = subprocess.Popen([str(BUILD / "cli/lifecyclectl"), "--bus", h.bus_address, "lease", *map(str, options), name, "--", "sh", "-c",
                                script], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               start_new_session=True)
    try:
        equal(process.stdout.readline(), "up\n", f"what the command says ({process.stderr.read() if process.poll() else ''})")
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def runs(h, name="web", **more):
    h.define(name, "beat", **more)
    h.ctl("start", name)
    return h.status(name)["life"]


def leases(h):
    return h.json("leases")


def is_held(h, life, name="web"):
    """No SP was told, and its memory is there."""
    h.until(lambda: h.status(name)["substate"] == "leases", "its end is held")
    for sp, known in h.books().items():
        equal(len(known), 1, f"VMs that SP {sp} knows")
    equal(h.memory_files(), [str(life)], "memory")


def is_gone(h, name="web"):
    h.until_state(name, "null")
    equal(h.memory_files(), [], "memory that is left")
    for sp, known in h.books().items():
        equal(known, set(), f"VMs that SP {sp} still knows")
    equal(leases(h), [], "leases")


def an_end_waits_until_its_holder_let_go():
    with Host() as h:
        life = runs(h)
        gate = h.dir / "gate"
        with holder(h, PUTS_AWAY.format(gate=gate), "--why", "maps its memory") as k:
            row = leases(h)[0]
            equal((row["vm"], row["life"], row["state"], row["pid"], row["comm"], row["why"], row["timeout_ms"], row["until_monotonic_us"]),
                  ("web", life, "held", k.pid, "lifecyclectl", "maps its memory", 5000, 0), "the lease")
            h.ctl("abort", "--no-block", "web")
            is_held(h, life)
            waits = h.status("web")["waits"]
            equal((waits["on"], waits["vm"]), ("lease", f"lifecyclectl[{k.pid}]"), "on whom it waits")
            expect(f"lifecyclectl[{k.pid}]" in h.ctl("why", "web"), "why says who", h.ctl("why", "web"))
            expect("maps its memory" in h.ctl("status", "web"), "status says why", h.ctl("status", "web"))
            equal(leases(h)[0]["state"], "asked", "state")
            is_held(h, life)
            gate.touch()
            out, err = k.communicate(timeout=LIMIT)
            equal((out, k.returncode), ("away\n", 3), "the command")
            expect("user-abort" in err, "it was told why", err)
            is_gone(h)


def who_does_not_let_go_is_revoked_by_name():
    with Host() as h:
        runs(h)
        with holder(h, DEAF, "--timeout", 0.3) as k:
            h.ctl("abort", "web")
            is_gone(h)
            expect(f"of lifecyclectl[{k.pid}], uid {os.getuid()}, on web" in h.daemon.log(), "the journal names it", h.daemon.log())
            expect("revoked" in k.stderr.readline() + k.stderr.readline(), "it is told")


def a_holder_that_dies_lets_go():
    with Host() as h:
        life = runs(h)
        with holder(h, DEAF, "--timeout", 60) as k:
            h.ctl("abort", "--no-block", "web")
            is_held(h, life)
            k.kill()
            is_gone(h)
        runs(h)
        with holder(h, OBEYS, "--timeout", 60) as k:
            k.kill()
            h.until(lambda: not leases(h), "the lease is over")
            h.ctl("abort", "web")
            is_gone(h)


def a_holder_that_hangs_is_revoked():
    with Host() as h:
        runs(h)
        with holder(h, OBEYS, "--timeout", 0.3) as k:
            os.kill(k.pid, signal.SIGSTOP)
            h.ctl("abort", "web")
            is_gone(h)


def all_holders_are_asked_at_once():
    with Host() as h:
        life = runs(h)
        with holder(h, PUTS_AWAY.format(gate=h.dir / "a")) as a, holder(h, PUTS_AWAY.format(gate=h.dir / "b")) as b:
            h.ctl("destroy", "--no-block", "web")
            is_held(h, life)
            equal([row["state"] for row in leases(h)], ["asked", "asked"], "both")
            (h.dir / "a").touch()
            equal(a.wait(LIMIT), 3, "the first")
            h.until(lambda: len(leases(h)) == 1, "one is left")
            is_held(h, life)
            (h.dir / "b").touch()
            equal(b.wait(LIMIT), 3, "the second")
            h.until(lambda: h.row("web") is None, "it is destroyed")


def a_restart_waits_and_takes_no_lease_along():
    with Host() as h:
        life = runs(h)
        with holder(h, PUTS_AWAY.format(gate=h.dir / "gate")) as k:
            h.ctl("restart", "--no-block", "web")
            is_held(h, life)
            (h.dir / "gate").touch()
            equal(k.wait(LIMIT), 3, "the holder")
            h.until(lambda: (lambda s: s["life"] > life and s["state"] == "running")(h.status("web")), "the next life runs")
            equal(leases(h), [], "leases")


def a_lease_outlives_the_daemon():
    with Host() as h:
        life = runs(h)
        with holder(h, PUTS_AWAY.format(gate=h.dir / "gate")) as k:
            h.kill_daemon()
            h.start_daemon()
            h.until(lambda: [row["unclaimed"] for row in leases(h)] == [False], "it is claimed again")
            h.ctl("abort", "--no-block", "web")
            is_held(h, life)
            (h.dir / "gate").touch()
            equal(k.wait(LIMIT), 3, "the holder")
            is_gone(h)


def a_daemon_that_dies_while_it_waits_goes_on_with_it():
    with Host() as h:
        life = runs(h)
        with holder(h, PUTS_AWAY.format(gate=h.dir / "gate"), "--timeout", 60) as k:
            h.ctl("abort", "--no-block", "web")
            is_held(h, life)
            until = leases(h)[0]["until_monotonic_us"]
            for _ in range(3):
                h.kill_daemon()
                h.start_daemon()
                is_held(h, life)
                equal(leases(h)[0]["until_monotonic_us"], until, "until when it is held")
            h.until(lambda: [row["unclaimed"] for row in leases(h)] == [False], "it is claimed again")
            (h.dir / "gate").touch()
            equal(k.wait(LIMIT), 3, "the holder")
            is_gone(h)


def a_holder_that_dies_with_the_daemon_is_not_waited_for_long():
    with Host() as h:
        runs(h)
        with holder(h, OBEYS, "--timeout", 60) as k:
            h.kill_daemon()
            k.kill()
            h.start_daemon()
            equal([row["unclaimed"] for row in leases(h)], [True], "unclaimed")
            h.until(lambda: not leases(h), "it is over")
            expect("nobody claimed it again" in h.daemon.log(), "the journal says so", h.daemon.log())
            h.ctl("abort", "web")
            is_gone(h)


def what_cannot_be_held_is_refused():
    with Host() as h:
        h.define("web")
        for code, words in ((4, ("nobody", "true")), (7, ("web", "true")), (8, ("--if-life", 99, "web", "true")),
                            (12, ("--timeout", 61, "web", "true")), (12, ("--why", "x" * 64, "web", "true")), (2, ("web",))):
            refused = h.ctl("lease", *words, check=False)
            equal(refused.returncode, code, f"exit code of lease {words}: {refused.stderr}")
            expect(code != 4 or "there is no VM 'nobody'" in refused.stderr, "who there is not", refused.stderr)
        runs(h)
        equal(h.ctl("lease", "web", "--", "sh", "-c", "exit 42", check=False).returncode, 42, "exit code of the command")
        equal(h.ctl("lease", "web", "--", "/nowhere", check=False).returncode, 1, "exit code of none")
        far = h.dir / ("a" * 61 + "\u00e4\u00e4")
        far.symlink_to("/bin/true")
        equal(h.ctl("lease", "web", "--", far), "", "a command with a long name")
        equal(leases(h), [], "leases that are left")


def begin_again_with_sanitizer():
    """Where the library is built with AddressSanitizer, a Python that loads it must have the runtime from the beginning."""
    if "address" not in os.environ.get("LIFECYCLED_SANITIZE", ""):
        return
    if os.environ.pop("LD_PRELOAD", None):
        del os.environ["ASAN_OPTIONS"]  # of Python alone
        return
    runtime = subprocess.run(["gcc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True).stdout
    os.execve(sys.executable, [sys.executable, *sys.argv],
              {**os.environ, "LD_PRELOAD": runtime.strip(), "ASAN_OPTIONS": "detect_leaks=0"})


def library():
    lib = ctypes.CDLL(str(BUILD / "libclient/liblifecycle.so.0"))
    lib.lifecycle_lease_token.restype = ctypes.c_char_p
    lib.lifecycle_lease_life.restype = ctypes.c_uint64
    return lib


def connect(lib, h):
    l = ctypes.c_void_p()
    equal(lib.lifecycle_new(h.bus_address.encode(), ctypes.byref(l)), 0, "lifecycle_new")
    return l


def take(lib, l, name=b"web"):
    lease = ctypes.c_void_p()
    return lib.lifecycle_lease_take(l, name, ctypes.c_uint64(0), b"tests", ctypes.c_uint64(0), ctypes.byref(lease)), lease


def a_program_hands_a_lease_on_and_lets_go():
    lib = library()
    with Host() as h:
        life = runs(h)
        one, two = connect(lib, h), connect(lib, h)
        r, old = take(lib, one)
        equal((r, lib.lifecycle_lease_life(old)), (0, life), "taken")
        token, new = lib.lifecycle_lease_token(old), ctypes.c_void_p()
        equal(lib.lifecycle_lease_reclaim(two, token, ctypes.byref(new)), 0, "claimed by another")
        equal(lib.lifecycle_lease_wait(old, int(LIMIT * 1000)), 0, "the first end hears of it")
        equal(lib.lifecycle_lease_state(old), -errno.ENOTCONN, "the first end")
        lib.lifecycle_lease_unref(old)
        equal(lib.lifecycle_lease_state(new), 0, "the second end")
        h.ctl("abort", "--no-block", "web")
        is_held(h, life)
        equal(lib.lifecycle_lease_wait(new, int(LIMIT * 1000)), 0, "it hears")
        equal(lib.lifecycle_lease_state(new), 1, "asked")
        equal(lib.lifecycle_lease_release(new, int(LIMIT * 1000)), 2, "released")
        is_gone(h)
        equal(lib.lifecycle_lease_reclaim(two, token, ctypes.byref(old)), -errno.ENOLCK, "a lease that is over")
        equal(lib.lifecycle_lease_reclaim(two, b"nonsense", ctypes.byref(old)), -errno.EINVAL, "no token")
        lib.lifecycle_lease_unref(new)
        lib.lifecycle_unref(one)
        lib.lifecycle_unref(two)


def there_are_so_many_of_a_life():
    lib = library()
    with Host() as h:
        runs(h)
        l = connect(lib, h)
        taken = []
        for _ in range(16):
            r, lease = take(lib, l)
            equal(r, 0, "taken")
            taken.append(lease)
        equal(take(lib, l)[0], -errno.EDQUOT, "one more")
        lib.lifecycle_lease_unref(taken.pop())
        h.until(lambda: len(leases(h)) == 15, "one is over")
        equal(take(lib, l)[0], 0, "one more")
        h.ctl("abort", "--no-block", "web")
        for lease in taken:
            lib.lifecycle_lease_unref(lease)
        lib.lifecycle_unref(l)


if __name__ == "__main__":
    begin_again_with_sanitizer()
    sys.exit(main([
        an_end_waits_until_its_holder_let_go,
        who_does_not_let_go_is_revoked_by_name,
        a_holder_that_dies_lets_go,
        a_holder_that_hangs_is_revoked,
        all_holders_are_asked_at_once,
        a_restart_waits_and_takes_no_lease_along,
        a_lease_outlives_the_daemon,
        a_daemon_that_dies_while_it_waits_goes_on_with_it,
        a_holder_that_dies_with_the_daemon_is_not_waited_for_long,
        what_cannot_be_held_is_refused,
        a_program_hands_a_lease_on_and_lets_go,
        there_are_so_many_of_a_life,
    ]))
