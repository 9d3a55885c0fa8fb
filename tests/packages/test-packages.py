#!/usr/bin/env python3
"""The life of the packages on one machine: installed, upgraded under a running guest, removed, purged.

One story: each test goes on where the one before it ended. /payload/packages has the packages, next/ the version after.
"""
import glob
import json
import os
import pathlib
import pwd
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "service"))
import host  # noqa: E402
from host import ctl, equal, expect, needs_kvm, show, systemctl  # noqa: E402

PACKAGES = pathlib.Path("/payload/packages")
NAMES = ["lifecycled", "lifecyclectl", "liblifecycle0", "liblifecycle-dev", "lifecycled-doc"]
USERS = ["lifecycled", "lifecycled-vmm", "lifecycled-spmc", "lifecycled-metrics"]
UNITS = [unit.replace("@.", "@any.") for unit in host.UNITS]

# Where everything on a machine writes, or that we do not install to.
ELSEWHERE = ("/proc", "/sys", "/dev", "/payload", "/tmp", "/var/tmp", "/var/log", "/var/cache", "/var/lib/dpkg", "/run/systemd",
             "/run/log", "/run/host", "/run/dbus")
# What Debian's own tools leave: copies of the user database, which has three users more, and lists that all packages share.
LEFT_BY_TOOLS = {"/etc/passwd-", "/etc/group-", "/etc/shadow-", "/etc/gshadow-", "/etc/.pwd.lock", "/etc/ld.so.cache",
                 "/etc/subuid-", "/etc/subgid-", "/run/agetty.reload"}


def files():
    """Every path of this machine."""
    found = set()
    for place, folders, names in os.walk("/"):
        folders[:] = [f for f in folders if os.path.join(place, f) not in ELSEWHERE]
        found.update(os.path.join(place, name) for name in names + folders)
    return found


def debs(place):
    return sorted(place.glob("*.deb"))


def installed_version(name):
    return host.run("dpkg-query", "-W", "-f", "${db:Status-Abbrev} ${Version}", name, check=False).stdout


def all_are_installed(place):
    for name in NAMES:
        deb = next(place.glob(f"{name}_*.deb"))
        equal(installed_version(name), "ii  " + host.run("dpkg-deb", "-f", deb, "Version").strip(), name)


def life_and_process():
    page = host.status("web")
    return {"life": page["life"], "vmm": page["vmm_pid"], "state": host.row("web")["state"]}


def how_it_ended(life):
    """How each SP let go of the life, and whether the log closes it."""
    lines = pathlib.Path("/run/lifecycled/log/log").read_text().splitlines()
    changes = [change for line in lines for change in json.loads(line[9:]).get("changes", [])]
    its = [change for change in changes if change.get("life") == life]
    return (sorted(c["how"] for c in its if c["kind"] == "debt" and c["state"] == "settled"),
            any(c["kind"] == "life-gone" for c in its))


BEFORE = files()
GUEST = {}  # as it was before the upgrade


def they_install_and_the_daemon_runs():
    host.run("dpkg", "-i", *debs(PACKAGES))
    all_are_installed(PACKAGES)
    expect(host.name_is_owned(), f"{host.BUS_NAME} has an owner", host.journal())
    equal(show("lifecycled.service", "ActiveState", "UnitFileState", "NRestarts"),
          {"ActiveState": "active", "UnitFileState": "enabled", "NRestarts": "0"}, "the daemon")
    for unit in UNITS:
        equal(show(unit, "LoadState", "NeedDaemonReload"), {"LoadState": "loaded", "NeedDaemonReload": "no"}, unit)
    expect("0x8001" in ctl("partitions"), "the daemon has met the secure side", host.journal())
    for user in USERS:
        pwd.getpwnam(user)


def a_configuration_is_the_admins():
    """What is in /etc outlives an upgrade and a removal."""
    pathlib.Path("/etc/lifecycled/vm.d/kept.json").write_text('{"name": "kept", "memory": {"size": "2M"}, "kernel": "/none"}')
    systemctl("reload", "lifecycled.service")
    host.until(lambda: host.row("kept"), "a definition in /etc is read at a reload")


@needs_kvm
def a_guest_runs():
    host.define("web", limits={"build-timeout": f"{int(host.LIMIT)}s"})  # under emulation all takes longer
    ctl("start", "web")
    equal(host.row("web")["state"], "running", "state after start")
    GUEST.update(life_and_process())


def an_upgrade_replaces_the_daemon_alone():
    daemon, secure_side = show("lifecycled.service", "MainPID"), show("lifecycled-spmc.service", "MainPID")
    host.run("dpkg", "-i", *debs(PACKAGES / "next"))
    all_are_installed(PACKAGES / "next")
    expect(show("lifecycled.service", "MainPID") != daemon, "the daemon was restarted")
    equal(show("lifecycled.service", "ActiveState", "NRestarts"), {"ActiveState": "active", "NRestarts": "0"}, "the daemon")
    equal(show("lifecycled-spmc.service", "MainPID"), secure_side, "the secure side's process after an upgrade")
    expect(host.row("kept"), "the definition in /etc is known to the new daemon")


@needs_kvm
def the_guest_outlived_the_upgrade():
    expect(GUEST, "a guest ran before the upgrade")
    equal(life_and_process(), GUEST, "the guest's life and process")
    os.kill(GUEST["vmm"], 0)  # it lives


def a_removal_keeps_what_is_in_etc():
    host.run("dpkg", "-r", "lifecycled")
    expect(pathlib.Path("/etc/lifecycled/vm.d/kept.json").exists(), "definitions stay")
    expect(not host.name_is_owned(), f"{host.BUS_NAME} has no owner")


@needs_kvm
def the_removal_ended_the_guest_and_told_the_secure_side():
    expect(GUEST, "a guest ran before the removal")
    expect(not os.path.exists(f"/proc/{GUEST['vmm']}"), "the guest's process is gone")
    equal(how_it_ended(GUEST["life"]), (["answered-0", "answered-0"], True),
          "what the two SPs answered to its end; that it is over")


def a_purge_leaves_nothing():
    host.run("dpkg", "-P", *NAMES)
    for name in NAMES:
        expect("ii" not in installed_version(name) and "rc" not in installed_version(name), f"{name} is gone")
    equal(sorted(files() - BEFORE - LEFT_BY_TOOLS), [], "files that were not there before")
    equal(systemctl("list-unit-files", "--no-legend", "lifecycled*", "run-lifecycled*", check=False).stdout, "", "unit files")
    units = systemctl("list-units", "--all", "--no-legend", "--plain", "lifecycled*", "run-lifecycled*").split("\n")
    equal([unit for unit in units if unit and " failed " not in unit], [], "units that are not failed")
    equal([line for line in open("/proc/mounts") if "lifecycled" in line.split()[1]], [], "mounts")
    equal([p for p in glob.glob("/proc/[0-9]*/exe") if "lifecycled" in readlink(p)], [], "processes")
    activatable = host.run("busctl", "call", "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                           "ListActivatableNames")
    expect(host.BUS_NAME not in activatable, "the bus starts no daemon any more")
    for user in USERS:  # as README.Debian says
        pwd.getpwnam(user)


def readlink(path):
    try:
        return os.readlink(path)
    except OSError:
        return ""


if __name__ == "__main__":
    sys.exit(host.main([
        they_install_and_the_daemon_runs,
        a_configuration_is_the_admins,
        a_guest_runs,
        an_upgrade_replaces_the_daemon_alone,
        the_guest_outlived_the_upgrade,
        a_removal_keeps_what_is_in_etc,
        the_removal_ended_the_guest_and_told_the_secure_side,
        a_purge_leaves_nothing,
    ], needs_kvm=False))
