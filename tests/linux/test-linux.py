#!/usr/bin/env python3
"""Real Linux guests: Debian's own arm64 kernel with a small initramfs (init, here), led through its life and each of its
ends. LIFECYCLED_LINUX is the folder that guest.py makes; inside a test host it is /payload/linux.
"""
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))
import host  # noqa: E402
from host import Host, equal, expect  # noqa: E402

LINUX = pathlib.Path(os.environ.get("LIFECYCLED_LINUX", "/payload/linux"))
STAYS_DOWN = {"on-poweroff": "stop", "on-reboot": "stop", "on-crash": "stop"}
DAY = 24 * 3600


def boot(h, test, *, kernel="Image", vcpus=1):
    """Starts a guest that is named after what it will do; {what it said when it reached user space}."""
    h.define(test, kernel=str(LINUX / kernel), initrd=str(LINUX / "initramfs"), memory={"size": "128M"},
             vcpus={"count": vcpus}, cmdline=f"quiet test={test}", policies=STAYS_DOWN,
             limits={"build-timeout": "10min"})  # unpacking a kernel takes its time on an emulated host
    start = time.monotonic()
    h.ctl("start", "--no-block", test)
    said = h.until(lambda: said_it_is_up(h, test), f"{test} is in user space")
    print(f"        {test}: user space after {time.monotonic() - start:.1f} s: {said}", flush=True)
    return dict(word.split("=") for word in said.split()[2:])


def said_it_is_up(h, name):
    console = h.ctl("console", name, check=False).stdout
    whole = console.split("\n")[:-1]  # the last one may be half of itself
    lines = [line.strip() for line in whole if line.startswith("guest: up")]
    if not lines and h.row(name)["state"] == "null" and h.status(name)["last_end"]:
        raise host.Failure(f"{name} ended: {h.status(name)['last_end']}\n{console}")
    return lines[0] if lines else None


def ends_with(h, name, cause):
    h.until_state(name, "null")
    end = h.status(name)["last_end"]
    equal(end["cause"], cause, f"cause of {name} ({end})\n{h.ctl('console', name)}\n")


def boots_on_two_vcpus_and_powers_off():
    with Host() as h:
        said = boot(h, "poweroff", vcpus=2)
        equal(said["cpus"], "2", "CPUs that the guest sees")
        expect(abs(int(said["date"]) - time.time()) < DAY, "the guest's clock is the host's", said)
        ends_with(h, "poweroff", "guest-poweroff")


def reboots():
    with Host() as h:
        boot(h, "reboot")
        ends_with(h, "reboot", "guest-reboot")


def a_panic_is_seen():
    with Host() as h:
        boot(h, "panic")
        ends_with(h, "panic", "guest-panic")


def a_hang_is_seen_by_the_watchdog():
    with Host() as h:
        boot(h, "hang")
        ends_with(h, "hang", "guest-watchdog")


def a_watchdog_that_is_fed_lets_live_until_the_power_key_is_pressed():
    """From a kernel that is packed."""
    with Host() as h:
        boot(h, "fed", kernel="vmlinuz")
        h.until(lambda: "guest: fed" in h.ctl("console", "fed"), "the guest outlives its watchdog's time")
        h.ctl("stop", "fed")
        ends_with(h, "fed", "user-stop")
        expect("guest: the power key was pressed" in h.ctl("console", "fed"), "the guest says that it heard")


if __name__ == "__main__":
    if not (LINUX / "Image").exists():
        print(f"FAILED  there is no {LINUX}/Image: set LIFECYCLED_LINUX to what tests/linux/guest.py prints")
        sys.exit(1)
    sys.exit(host.main([
        boots_on_two_vcpus_and_powers_off,
        reboots,
        a_panic_is_seen,
        a_hang_is_seen_by_the_watchdog,
        a_watchdog_that_is_fed_lets_live_until_the_power_key_is_pressed,
    ]))
