#!/usr/bin/env python3
"""A guest and a secure partition that notify each other by FF-A, on real KVM, through deaths of the daemon and of the link."""
import re
import subprocess
import sys

import host
from host import Host, equal, expect, ffa_is_forwarded

SPMC = str(host.BUILD / "daemon/spmc/lifecycled-spmc")
SP, VM = 0x8001, 0x7002
ABORTED, BUSY, DENIED = (f"{number & 0xffffffff:08x}" for number in (-8, -4, -6))


def new_host():
    return Host(secure=("--sp", f"strict:{SP:#x}", "--control", "{dir}/control"))


def tell(h, words):
    done = subprocess.run([SPMC, "--control", f"{h.dir}/control", "--tell", words], stderr=subprocess.PIPE, text=True, timeout=20)
    return done.returncode, done.stderr


def errors(h):
    return [word[-8:] for word in re.findall(r"^error ([0-9a-f]+)", h.ctl("console", "bell"), re.M)]


def taken(h):
    return h.counter(h.row("bell")["life"])


def begin(h):
    """False: this kernel keeps a guest's calls to itself."""
    h.define("bell", "bell-sp", **{"ffa-id": VM, "notifications": True})
    h.ctl("start", "bell")
    if not ffa_is_forwarded():
        return False
    h.until(lambda: "bound" in h.ctl("console", "bell"), "bell has bound its notification")
    return True


def notify(h):
    before = taken(h)
    equal(tell(h, f"notification {SP:#x} {VM} set 1"), (0, ""), "the SP sets it")
    h.until(lambda: taken(h) == before + 1, "it is taken")


def says_nothing_wrong(h):
    expect("wrong" not in h.ctl("console", "bell"), "what bell took", h.ctl("console", "bell"))


def what_an_sp_sets_interrupts_the_guest():
    with new_host() as h:
        if not begin(h):
            return
        for _ in range(20):
            notify(h)
        equal(errors(h), [DENIED], "the SP has bound nothing yet")
        equal(h.counter(h.row("bell")["life"], 0x100008), 0, "it was run without its interrupt")
        equal(tell(h, f"notification {SP:#x} {VM} set 2")[0], 1, "one that is not bound")
        says_nothing_wrong(h)


def a_guest_notifies_an_sp():
    with new_host() as h:
        if not begin(h):
            return
        equal(tell(h, f"notification {SP:#x} {VM} bind 1"), (0, ""), "the SP binds it")
        equal(h.inspect()["sps"][0]["notifications"], 0, "nothing is set yet")
        notify(h)
        h.until(lambda: h.inspect()["sps"][0]["notifications"] == 1, "the SP has it")
        equal(errors(h), [], "errors")


def both_outlive_the_daemon():
    with new_host() as h:
        if not begin(h):
            return
        life = h.row("bell")["life"]
        for _ in range(5):
            notify(h)
            h.kill_daemon()
            before = h.counter(life)
            equal(tell(h, f"notification {SP:#x} {VM} set 1"), (0, ""), "while nobody hears")
            h.start_daemon()
            h.until(lambda: taken(h) == before + 1, "what was set meanwhile is taken")
        notify(h)
        equal(h.row("bell")["life"], life, "it is the same life")
        expect(set(errors(h)) <= {ABORTED, BUSY, DENIED}, "what it was told", errors(h))
        says_nothing_wrong(h)


def what_is_pending_goes_with_the_life():
    with new_host() as h:
        if not begin(h):
            return
        notify(h)
        h.ctl("abort", "bell")
        h.until_state("bell", "null")
        equal(h.inspect()["bitmaps"], [], "bitmaps that are left")
        equal(tell(h, f"notification {SP:#x} {VM} set 1")[0], 1, "nobody is there")
        h.ctl("start", "bell")
        h.until(lambda: "bound" in h.ctl("console", "bell"), "the next life binds it anew")
        notify(h)


if __name__ == "__main__":
    sys.exit(host.main([
        what_an_sp_sets_interrupts_the_guest,
        a_guest_notifies_an_sp,
        both_outlive_the_daemon,
        what_is_pending_goes_with_the_life,
    ]))
