#!/usr/bin/env python3
"""A life is kept for a post-mortem: its memory can be read, no SP hears of its end, and it is over when somebody says so."""
import os
import signal
import sys

import host
from host import Host, equal, expect


def known(h, ffa_id):
    return all(ffa_id in ids for ids in h.books().values())


def kept(h, name):
    h.until(lambda: h.row(name)["substate"] == "preserved", f"{name} is preserved")
    return h.status(name)


def an_abort_keeps_memory_and_vmm_and_tells_nobody():
    with Host() as h:
        h.define("web", "beat")
        h.ctl("start", "web")
        row = h.row("web")
        h.until(lambda: h.counter(row["life"]) > 10, "it counts")
        expect("preserved" in h.ctl("abort", "--preserve", "web"), "it says so")
        status = kept(h, "web")
        equal((status["waits"]["on"], status["waits"]["until_monotonic_us"]), ("operator", 0), "on what it waits")
        expect("post-mortem" in h.ctl("status", "web"), "the page says what it is")
        expect("somebody who looks" in h.ctl("why", "web"), "why says who is waited for")
        expect(known(h, row["ffa_id"]), "SPs know it still", h.books())
        stands = h.counter(row["life"])
        [pid] = h.vmm_pids()
        with open(f"/proc/{pid}/maps") as maps:
            place = next(line for line in maps if f"/memory/{row['life']}" in line)
        start, offset = int(place.split("-")[0], 16), int(place.split()[2], 16)
        with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:  # as gdb does
            memory.seek(start + 0x100000 - offset)
            equal(int.from_bytes(memory.read(8), "little"), stands, "the guest's counter, seen through its VMM")
        equal(h.ctl("start", "web", check=False).returncode, 7, "exit code of a start")
        equal(h.ctl("stop", "web", check=False).returncode, 7, "exit code of a stop")
        h.ctl("abort", "--preserve", "web")
        equal(h.counter(row["life"]), stands, "the counter later")
        h.ctl("abort", "web")
        equal((h.row("web")["state"], h.memory_files()), ("null", []), "what is left")
        expect(not any(h.books().values()), "no SP knows it", h.books())


def what_is_kept_outlives_daemon_and_vmm():
    with Host() as h:
        h.define("web", "beat")
        h.ctl("start", "web")
        row = h.row("web")
        h.ctl("abort", "--preserve", "web")
        h.kill_daemon()
        h.start_daemon()
        equal(kept(h, "web")["life"], row["life"], "the life, after a crash of the daemon")
        [pid] = h.vmm_pids()
        os.kill(pid, signal.SIGKILL)
        h.until(lambda: not h.status("web")["vmm_pid"], "the death of its VMM is known")
        kept(h, "web")
        equal(h.memory_files(), [str(row["life"])], "memory")
        expect(known(h, row["ffa_id"]), "SPs know it still", h.books())
        h.kill_daemon()
        h.start_daemon()
        kept(h, "web")
        h.ctl("restart", "web")
        equal(h.row("web")["state"], "running", "state after a restart")
        expect(h.row("web")["life"] > row["life"], "it is another life")


def a_panic_is_kept_by_its_policy():
    with Host() as h:
        h.define("web", "crash", policies={"on-panic": "preserve"})
        done = h.ctl("start", "web", check=False)
        status = kept(h, "web")
        equal((status["cause"], status["restarts"]), ("guest-panic", 0), "why it ended")
        expect(done.returncode in (0, 1), "start")
        expect(status["vmm_pid"], "its VMM lives")
        expect("lifecycled test guest" in h.ctl("console", "web"), "what it said")
        h.ctl("destroy", "web")
        equal((h.row("web"), h.memory_files()), (None, []), "what is left")


def its_time_is_over_by_itself():
    with Host() as h:
        h.define("web", "beat", limits={"preserve-timeout": "300ms"})
        h.ctl("start", "web")
        h.ctl("abort", "--preserve", "web")
        h.until_state("web", "null")
        equal(h.memory_files(), [], "memory that is left")


def a_daemon_that_leaves_does_not_wait_for_it():
    with Host() as h:
        h.define("web", "beat")
        h.ctl("start", "web")
        h.ctl("abort", "--preserve", "web")
        h.daemon.kill(signal.SIGTERM)
        equal(h.daemon.wait(), 0, "how the daemon leaves")
        expect("still unpaid" not in h.daemon.log(), "it left at once", h.daemon.log())
        h.daemon.close()
        h.start_daemon()
        kept(h, "web")


if __name__ == "__main__":
    sys.exit(host.main([
        an_abort_keeps_memory_and_vmm_and_tells_nobody,
        what_is_kept_outlives_daemon_and_vmm,
        a_panic_is_kept_by_its_policy,
        its_time_is_over_by_itself,
        a_daemon_that_leaves_does_not_wait_for_it,
    ]))
