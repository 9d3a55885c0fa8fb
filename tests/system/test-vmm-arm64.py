#!/usr/bin/env python3
"""What only arm64 has: undecoded accesses, firmware calls, PSCI's finer points."""
import os
import re
import struct
import sys

import host
from host import Host, equal, expect

NOT_SUPPORTED = "f" * 16
# The kernel says -1 to a call that it does not know, in 64 bits or in 32.
NOT_SUPPORTED_BY_KERNEL = (NOT_SUPPORTED, "0" * 8 + "f" * 8)
STAYS_DOWN = {"on-poweroff": "stop", "on-reboot": "stop", "on-crash": "stop"}
GO = 0x100200  # the guest waits until something is written there
VCPU_1 = 0x100040  # where it counts
FIRST_ANSWER = 4  # of the VMM's KVM_SET_ONE_REG: three give vCPU 0 its registers


def outcome(guest, cause):
    """What the guest said until it ended by this cause, and what the daemon and the VMM said."""
    with Host() as h:
        h.define(guest, guest, policies=STAYS_DOWN)
        h.ctl("start", "--no-block", guest)
        h.until_state(guest, "null")
        end = h.until(lambda: h.status(guest)["last_end"], f"{guest} has an end")
        console = h.ctl("console", guest)
        equal(end["cause"], cause, f"cause of {guest} ({end}); it said:\n{console}")
        return console.splitlines(), h.daemon.log()


def an_access_that_cannot_be_decoded_is_an_external_abort():
    console, _ = outcome("abort", "guest-poweroff")
    expect("fault status: " + "10".rjust(16, "0") in console, "a synchronous external abort", console)


def one_that_comes_back_for_ever_is_an_error():
    outcome("stuck", "vcpu-error")


def is_forwarded(log):
    """What the VMM says of it, held against the kernel's age: the SMCCC filter came with Linux 6.4."""
    said = "cannot forward" not in log
    release = tuple(int(number) for number in re.findall(r"\d+", os.uname().release)[:2])
    equal(said, release >= (6, 4), f"the VMM has the filter on Linux {release}")
    return said


def a_guest_is_suspended_until_it_is_woken_or_told_that_it_cannot_be():
    """Either way it goes on, and can reset itself."""
    with Host() as h:
        h.define("suspend", "suspend", policies=STAYS_DOWN)
        h.ctl("start", "--no-block", "suspend")
        h.until(lambda: h.status("suspend")["vcpus"] == ["off"] or h.row("suspend")["state"] == "null", "off, or over")
        h.until_state("suspend", "null")
        end = h.until(lambda: h.status("suspend")["last_end"], "an end")
        equal(end["cause"], "guest-reboot", f"cause ({end})")
        console = h.ctl("console", "suspend")
        if is_forwarded(h.daemon.log()):
            expect("SYSTEM_SUSPEND: awake with: " + "2a".rjust(16, "0") in console, "it woke as it asked", console)
        else:
            expect("SYSTEM_SUSPEND: " + NOT_SUPPORTED in console, "suspend is not supported", console)


def vcpus_that_are_switched_off_and_on_are_seen():
    with Host() as h:
        h.define("power", "power", vcpus={"count": 2}, policies=STAYS_DOWN)
        h.ctl("start", "power")
        h.until(lambda: "itself: " in h.ctl("console", "power"), "it is off, and vCPU 0 waits")
        seen = h.status("power")["vcpus"]
        ours = is_forwarded(h.daemon.log())
        if ours:  # else KVM alone leads them, and nobody is told
            equal(seen, ["running", "off"], "vCPUs while vCPU 0 waits")
        life = h.row("power")["life"]
        h.poke(life, GO)
        h.until(lambda: "vcpu 1 is on again" in h.ctl("console", "power"), "it is on again")
        h.until(lambda: h.counter(life, VCPU_1) > 1, "vCPU 1 counts")
        equal(h.status("power")["vcpus"], ["running", "running"], "vCPUs that count")
        console = h.ctl("console", "power")
        for name, answer in (("on", 0), ("with", 0x11), ("cycles", 0), ("crooked", -9 if ours else -4), ("nobody", -2), ("itself", -4)):
            line = f"{name}: {answer & (1 << 64) - 1:016x}"
            expect(line in console, f"{name}: {answer}", console)
        h.ctl("pause", "power")
        h.ctl("resume", "power")
        equal(h.status("power")["vcpus"], ["running", "running"], "vCPUs after a pause")
        count = h.counter(life, VCPU_1)
        h.until(lambda: h.counter(life, VCPU_1) > count, "vCPU 1 counts after a pause")
        h.ctl("abort", "power")


def ffa_is_spoken_by_either_conduit():
    console, log = outcome("ffa", "guest-poweroff")
    allowed = ("10002".rjust(16, "0"),) if is_forwarded(log) else NOT_SUPPORTED_BY_KERNEL
    for conduit in ("smc", "hvc"):
        expect(any(f"FFA_VERSION by {conduit}: {answer}" in console for answer in allowed), f"the answer by {conduit}",
               console)


def ffa_calls_are_answered_by_the_vmm_where_kvm_can_forward_them():
    """An answer that fails is noticed exactly where the answer is the VMM's."""
    with Host() as h:
        h.kill_daemon()
        os.environ["LIFECYCLED_VMM_INJECT"] = f"KVM_SET_ONE_REG=5@{FIRST_ANSWER}"
        try:
            h.start_daemon()
        finally:
            del os.environ["LIFECYCLED_VMM_INJECT"]
        h.define("ffa", "ffa", policies=STAYS_DOWN)
        h.ctl("start", "--no-block", "ffa")
        h.until_state("ffa", "null")
        end = h.until(lambda: h.status("ffa")["last_end"], "it has an end")
        equal(end["cause"], "vcpu-error" if is_forwarded(h.daemon.log()) else "guest-poweroff", f"cause ({end})")


def empty_tree():
    """A device tree with nothing in it (Devicetree Specification 0.4, s.5): header, no reservation, a root without a name."""
    reservations, root = bytes(16), struct.pack(">IIII", 1, 0, 2, 9)
    at = 40 + len(reservations)
    head = struct.pack(">10I", 0xd00dfeed, at + len(root), at, at + len(root), 40, 17, 16, 0, 0, len(root))
    return head + reservations + root


def a_definition_may_bring_its_own_tree():
    with Host() as h:
        dtb = h.dir / "own.dtb"
        dtb.write_bytes(empty_tree())
        h.define("own", "poweroff", memory={"size": "8M"}, dtb=str(dtb), cmdline="said=here", policies=STAYS_DOWN)
        h.ctl("start", "--no-block", "own")
        h.until_state("own", "null")
        equal(h.until(lambda: h.status("own")["last_end"], "an end")["cause"], "guest-poweroff", "cause")


def a_tree_that_is_none_is_refused_with_the_reason():
    for content, why in ((b"no tree at all" * 8, "BADMAGIC"), (empty_tree()[:60], "TRUNCATED")):
        with Host() as h:
            dtb = h.dir / "bad.dtb"
            dtb.write_bytes(content)
            h.define("bad", "poweroff", memory={"size": "8M"}, dtb=str(dtb), policies=STAYS_DOWN)
            done = h.ctl("start", "bad", check=False)
            expect(done.returncode != 0, "start fails")
            end = h.until(lambda: h.status("bad")["last_end"], "an end")
            equal(end["cause"], "start-failed", f"cause ({end})")
            expect(why in end["text"] and "bad.dtb" in end["text"], f"it says {why}, and of which file", end)


if __name__ == "__main__":
    sys.exit(host.main([
        an_access_that_cannot_be_decoded_is_an_external_abort,
        one_that_comes_back_for_ever_is_an_error,
        a_guest_is_suspended_until_it_is_woken_or_told_that_it_cannot_be,
        vcpus_that_are_switched_off_and_on_are_seen,
        ffa_is_spoken_by_either_conduit,
        ffa_calls_are_answered_by_the_vmm_where_kvm_can_forward_them,
        a_definition_may_bring_its_own_tree,
        a_tree_that_is_none_is_refused_with_the_reason,
    ]))
