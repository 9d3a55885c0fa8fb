"""What every Python test is made of: expectations, the limit of a wait, and a main that runs sentences."""
import os
import random
import select
import signal
import sys
import time

# An emulated host is 20 to 50 times slower than this machine: whoever runs tests there says by how much to wait longer.
MULTIPLIER = float(os.environ.get("LIFECYCLED_TIMEOUT_MULTIPLIER", "1"))
# Seconds after which a wait is a failure. A processor of a nested host was seen to stand still for a minute, a guest on it, until
# the kernel's watch over RCU woke it; whoever was on that processor goes on as if nothing had been.
LIMIT = 120 + 60 * MULTIPLIER
# One in so many of what a test has very many of, at random: where each takes seconds, and another machine tries all.
FEWER = int(os.environ.get("LIFECYCLED_FEWER", "1"))
SKIPPED = 77


class Failure(Exception):
    pass


def expect(true, message, *details):
    if not true:
        raise Failure(message + "".join(f"\n    {d}" for d in details))


def equal(got, wanted, what):
    expect(got == wanted, f"{what}: {got!r}, expected {wanted!r}")


def until(true, seconds, given_up):
    """Looks again and again for what has no bell of its own; what it gave, once that is true. A look that starts programs
    must not take the processors away from what it looks for, so two thirds of the time nobody looks."""
    deadline = time.monotonic() + seconds
    while True:
        start = time.monotonic()
        value = true()
        if value:
            return value
        now = time.monotonic()
        if now > deadline:
            raise Failure(given_up())
        select.poll().poll(max(5, 2000 * (now - start)))


def definition(name, kernel, more):
    """Of a VM that runs this image; `more` is merged into it, with _ for -. It may build and be announced as long as a host of this kind needs."""
    merged = {"name": name, "memory": {"size": "2M"}, "kernel": str(kernel)}
    merged.update({key.replace("_", "-"): value for key, value in more.items()})
    if MULTIPLIER > 1:
        slow = {"build-timeout": f"{int(10 * MULTIPLIER)}s", "announce-timeout": f"{int(5 * MULTIPLIER)}s"}
        merged["limits"] = {**slow, **merged.get("limits", {})}
    return merged


def some(things):
    """All of them, or as many as are tried here, in their order."""
    chosen = set(random.sample(range(len(things)), -(-len(things) // FEWER)))
    return [thing for i, thing in enumerate(things) if i in chosen]


def have_kvm():
    return os.access("/dev/kvm", os.R_OK | os.W_OK)


def needs_kvm(test):
    """Marks a test that runs a guest, in a file where others do not."""
    test.needs_kvm = True
    return test


def end_by_exception():
    """A run that is cut short tidies up: what it began is ended on the way out. It is not cut short twice."""
    def leave(*_):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        sys.exit(128 + signal.SIGTERM)
    signal.signal(signal.SIGTERM, leave)


def run(test):
    """True if it passed."""
    start = time.monotonic()
    try:
        test()
    except Exception as error:  # noqa: BLE001 - a test may fail in any way
        kind = "" if isinstance(error, Failure) else type(error).__name__ + ": "
        print(f"FAILED  {test.__name__}: {kind}{error}", flush=True)
        return False
    print(f"ok      {test.__name__} ({time.monotonic() - start:.1f} s)", flush=True)
    return True


def main(tests, needs_kvm=True):
    """Runs the functions given, or those named on the command line; a sentence for each. The exit status is for sys.exit."""
    end_by_exception()
    # A shell has what it runs in the background ignore these, and so do the programs that are started here.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    kvm, failed, skipped = have_kvm(), 0, 0
    for test in tests:
        if sys.argv[1:] and test.__name__ not in sys.argv[1:]:
            continue
        if (needs_kvm or getattr(test, "needs_kvm", False)) and not kvm:
            print(f"SKIPPED {test.__name__}: there is no /dev/kvm that can be used here: no vCPU can run", flush=True)
            skipped += 1
        elif not run(test):
            failed += 1
    return 1 if failed else SKIPPED if skipped else 0
