#!/usr/bin/env python3
"""Methods on D-Bus with any arguments: each is answered, with a typed error if it is wrong, and the daemon goes on.

No vCPU has to run for it, so this needs no KVM. LIFECYCLED_ARGUMENTS=SEED:COUNT for more of them.
"""
import os
import subprocess
import sys

import host
from host import Host, equal, expect

FAKE_VMM = str(host.BUILD / "tests/unit/fleet/fake-vmm")
LIAR = str(host.BUILD / "tests/system/bus-liar")
XML = str(host.TESTS.parent / "proto/org.lifecycled.Lifecycle1.xml")
SEED, COUNT = os.environ.get("LIFECYCLED_ARGUMENTS", "1:4000").split(":")


def every_call_is_answered_whatever_it_says():
    with Host(options=("--vmm", FAKE_VMM)) as h:
        for name in ("one", "two"):
            h.define(name)
            h.ctl("start", name)
        liar = subprocess.run([LIAR, h.bus_address, XML, SEED, COUNT], capture_output=True, text=True, timeout=600)
        equal(liar.returncode, 0, f"what the caller saw: {liar.stderr}{liar.stdout}")
        expect(h.daemon.child.poll() is None, "the daemon lives", h.daemon.log())
        h.kill_daemon()
        h.start_daemon()  # and what it wrote can be read
        expect("aside" not in h.daemon.log(), "all of the log was loaded", h.daemon.log())
        h.define("after")
        equal(h.row("after")["state"], "null", "it takes one more")


if __name__ == "__main__":
    sys.exit(host.main([every_call_is_answered_whatever_it_says], needs_kvm=False))
