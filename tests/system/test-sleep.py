#!/usr/bin/env python3
"""A host that slept for a day: no deadline has passed. The next daemon runs in a time namespace where the day is over. (There a
VMM would look like another process, for /proc tells its start time by that clock: so none lives meanwhile.)"""
import os
import sys

import host
from host import Host, equal, expect

DAY = 24 * 3600


def sleeps(h):
    """CLOCK_BOOTTIME jumps, CLOCK_MONOTONIC does not."""
    h.kill_daemon()
    h.start_daemon(before=["unshare", "--time", "--boottime", str(DAY), "--fork", "--kill-child"])


def a_restart_still_waits_for_its_delay():
    with Host() as h:
        h.define("web", "crash", policies={"on-panic": "restart", "restart-delay": "1h", "restart-jitter": 0})
        h.ctl("start", "web", check=False)
        h.until(lambda: h.status("web")["next_start_monotonic_us"], "it is to come back")
        before = h.status("web")["next_start_monotonic_us"]
        sleeps(h)
        equal(h.status("web")["next_start_monotonic_us"], before, "when it comes back")
        equal(h.row("web")["state"], "null", "state")


def a_start_still_waits_for_its_partition():
    with Host() as h:
        h.define("web", "beat", order={"wants-partition": ["0x8007"]}, limits={"partition-timeout": "1h"})
        h.ctl("start", "--no-block", "web")
        before = h.status("web")["waits"]
        equal(before["on"], "sp", "on what it waits")
        sleeps(h)
        equal(h.status("web")["waits"], before, "on what it waits, and until when")
        equal(h.status("web")["operation"], "start", "operation")


def what_is_over_for_a_day_is_not_said_to_be():
    """A life whose debts wait for a secure side: since when is what the host was awake."""
    with Host() as h:
        h.define("web", "beat")
        h.ctl("start", "web")
        h.secure.kill()
        h.ctl("abort", "--no-block", "web")
        h.until(lambda: h.row("web")["substate"] == "retiring" and not h.status("web")["vmm_pid"], "its VMM is gone")
        since = h.status("web")["since_monotonic_us"]
        sleeps(h)
        equal(h.status("web")["since_monotonic_us"], since, "since when it retires")
        expect("for 1 d" not in h.ctl("status", "web") and "24 h" not in h.ctl("status", "web"), "the page", h.ctl("status", "web"))


if __name__ == "__main__":
    if os.system("unshare --time --boottime 1 --fork true 2>/dev/null") != 0:
        print("SKIPPED: no time namespace can be had here (unshare --time)")
        sys.exit(77)
    sys.exit(host.main([
        a_restart_still_waits_for_its_delay,
        a_start_still_waits_for_its_partition,
        what_is_over_for_a_day_is_not_said_to_be,
    ]))
