#!/usr/bin/env python3
"""Real Linux guests: Debian's own arm64 kernel with a small initramfs (init, here), led through its life and each of its ends."""
import os
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))
import host  # noqa: E402
from host import Host, equal, expect  # noqa: E402

LINUX = pathlib.Path(os.environ.get("LIFECYCLED_LINUX", "/nonexistent"))
BOOT = 300  # seconds: a kernel takes its time on an emulated host
STAYS_DOWN = {"on-poweroff": "stop", "on-reboot": "stop", "on-crash": "stop"}
DAY = 24 * 3600


def boot(h, name, test, *, kernel="Image", vcpus=1, more=""):
    h.define(name, kernel=str(LINUX / kernel), initrd=str(LINUX / "initramfs"), memory={"size": "256M"},
             vcpus={"count": vcpus}, cmdline=f"quiet test={test} {more}", policies=STAYS_DOWN)
    start = time.monotonic()
    h.ctl("start", "--no-block", name)
    said = h.until(lambda: said_it_is_up(h, name), f"{name} is in user space", BOOT)
    print(f"        {name}: user space after {time.monotonic() - start:.1f} s: {said}", flush=True)
    return dict(word.split("=") for word in said.split()[2:])


def said_it_is_up(h, name):
    console = h.ctl("console", name, check=False).stdout
    lines = [line.strip() for line in console.splitlines() if line.startswith("guest: up")]
    if not lines and h.row(name)["state"] == "null" and h.status(name)["last_end"]:
        raise host.Failure(f"{name} ended: {h.status(name)['last_end']}\n{console}")
    return lines[0] if lines else None


def ends_with(h, name, cause):
    h.until_state(name, "null", BOOT)
    end = h.status(name)["last_end"]
    equal(end["cause"], cause, f"cause of {name} ({end})\n{h.ctl('console', name)}\n")
    return end


def powers_off():
    with Host() as h:
        boot(h, "off", "poweroff")
        ends_with(h, "off", "guest-poweroff")


def reboots():
    with Host() as h:
        boot(h, "again", "reboot")
        ends_with(h, "again", "guest-reboot")


def is_unpacked():
    """The same kernel, gzip'ed as other distributions ship it."""
    with Host() as h:
        boot(h, "packed", "poweroff", kernel="vmlinuz")
        ends_with(h, "packed", "guest-poweroff")


def knows_the_time_and_its_cpus():
    with Host() as h:
        said = boot(h, "two", "idle", vcpus=2)
        equal(said["cpus"], "2", "CPUs that the guest sees")
        expect(abs(int(said["date"]) - time.time()) < DAY, "the guest's clock is the host's", said)
        equal([v["state"] for v in h.status("two")["vcpus"]], ["running", "running"], "vCPU states")
        h.ctl("abort", "two")
        ends_with(h, "two", "user-abort")


def a_hang_is_seen_by_the_watchdog():
    with Host() as h:
        boot(h, "hung", "hang")
        ends_with(h, "hung", "guest-watchdog")


def a_watchdog_that_is_fed_lets_live():
    with Host() as h:
        boot(h, "fed", "fed")
        h.until(lambda: "guest: fed" in h.ctl("console", "fed"), "the guest outlives its watchdog's time", BOOT)
        equal(h.row("fed")["state"], "running", "state")


def obeys_its_power_key():
    """SIGTERM to the VMM is a stop: it presses the key."""
    with Host() as h:
        boot(h, "polite", "idle")
        os.kill(h.status("polite")["vmm_pid"], signal.SIGTERM)
        ends_with(h, "polite", "user-stop")
        expect("the power key was pressed" in h.ctl("console", "polite"), "the guest says that it heard")


if __name__ == "__main__":
    if not (LINUX / "Image").exists():
        print("SKIPPED: LIFECYCLED_LINUX names no folder with Image, vmlinuz and initramfs (tests/linux/build-guest)")
        sys.exit(host.SKIPPED)
    sys.exit(host.main([
        powers_off,
        reboots,
        is_unpacked,
        knows_the_time_and_its_cpus,
        a_hang_is_seen_by_the_watchdog,
        a_watchdog_that_is_fed_lets_live,
        obeys_its_power_key,
    ]))
