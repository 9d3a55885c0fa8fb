#!/usr/bin/env python3
"""All VMs are ended in order, each after those that need it; nothing starts meanwhile, and nothing comes back."""
import json
import signal
import subprocess
import sys

import host
from host import BUILD, Host, equal, expect


def start(h, *names):
    h.ctl("start", *names)
    for name in names:
        h.until(lambda: "listens" in h.ctl("console", name), f"{name} listens to its power key")


def events(h):
    return [json.loads(line) for line in h.ctl("-o", "json", "monitor", "--no-follow").splitlines()]


def asked_and_over(h):
    """{VM: the number of the change that asked it to end}, and {VM: that after which no guest of it could run}."""
    asked, over = {}, {}
    for e in events(h):
        if e.get("operation") == "stop":
            asked.setdefault(e["name"], e["sequence"])
        if e.get("to_substate") == "retiring":
            over.setdefault(e["name"], e["sequence"])
    return asked, over


def three_in_a_row(h):
    """app needs db, db needs disk; two more stand by themselves."""
    h.define("disk", "obey")
    h.define("db", "obey", order={"requires": ["disk"]})
    h.define("app", "obey", order={"after": ["db"]})
    h.define("one", "obey")
    h.define("two", "obey")
    start(h, "disk", "db", "app", "one", "two")


def each_ends_after_those_that_need_it():
    with Host() as h:
        three_in_a_row(h)
        done = json.loads(h.ctl("-o", "json", "shutdown"))
        equal((done["result"], {v["result"] for v in done["vms"]}), ("done", {"ended"}), "how it went")
        asked, over = asked_and_over(h)
        expect(over["app"] < asked["db"] and over["db"] < asked["disk"], "app, then db, then disk", asked, over)
        expect(max(asked["one"], asked["two"]) < over["app"], "the others did not wait", asked, over)
        for name in ("disk", "db", "app", "one", "two"):
            equal((h.row(name)["state"], h.status(name)["last_end"]["cause"]), ("null", "user-stop"), f"how {name} ended")
        expect(not any(h.books().values()), "no SP knows one", h.books())
        equal(h.memory_files(), [], "memory that is left")
        h.ctl("start", "disk")  # it is over
        expect("no guest runs" in h.ctl("shutdown", "--host-shutdown"), "what it says")
        h.until_state("disk", "null")
        equal(h.status("disk")["last_end"]["cause"], "host-shutdown", "its cause where the host goes down")
        expect("no VM has a life" in h.ctl("shutdown"), "once more, with nothing left")


def nobody_starts_and_nobody_comes_back():
    with Host() as h:
        h.define("slow", "ignore", limits={"stop-timeout": "2s"})
        h.define("web", "obey", policies={"on-poweroff": "restart"})
        h.define("late", "beat", policies={"on-panic": "restart", "restart-delay": "10min"})
        h.define("weak", "crash", policies={"on-panic": "restart", "restart-delay": "10min"})
        h.define("held", "beat")
        start(h, "slow", "web")
        h.ctl("start", "held")
        h.ctl("start", "--no-block", "weak")
        h.until(lambda: h.status("weak")["next_start_monotonic_us"], "weak is to come back")
        h.ctl("abort", "--preserve", "held")
        done = h.ctl("shutdown", "--timeout", "0", check=False)
        equal(done.returncode, 1, "exit code of one that was too short")
        expect("slow is running and waits on guest\n" in done.stderr, "it names who is left", done.stderr)
        refused = h.ctl("start", "late", check=False)
        equal(refused.returncode, 15, "exit code of a start meanwhile")
        expect("shut down" in refused.stderr, "it says why", refused.stderr)
        equal(h.ctl("restart", "slow", check=False).returncode, 15, "exit code of a restart meanwhile")
        h.ctl("shutdown")
        for name in ("slow", "web", "weak", "held"):
            row = h.row(name)
            equal((row["state"], row["operation"]), ("null", "-"), f"what is left of {name}")
        equal(h.status("weak")["next_start_monotonic_us"], 0, "when weak comes back")
        expect("stop-timeout" in h.status("slow")["last_end"]["text"], "slow was ended by force")
        h.ctl("start", "late")


def one_that_cannot_hear_is_ended_by_force():
    with Host() as h:
        h.define("deaf", "spin")
        h.ctl("start", "deaf")
        h.ctl("shutdown")
        equal((h.row("deaf")["state"], h.status("deaf")["last_end"]["cause"]), ("null", "user-stop"), "how it ended")


def a_new_daemon_goes_on_with_it():
    with Host() as h:
        h.define("disk", "obey")
        h.define("app", "ignore", order={"requires": ["disk"]}, limits={"stop-timeout": "3s"})
        start(h, "disk", "app")
        h.ctl("shutdown", "--no-block", "--host-shutdown")
        waits = h.status("disk")["waits"]
        equal((waits["on"], waits["vm"]), ("vm", "app"), "on whom disk waits")
        h.kill_daemon()
        h.start_daemon()
        equal(h.ctl("start", "disk", check=False).returncode in (0, 15), True, "a start")
        h.until_state("disk", "null")
        h.until_state("app", "null")
        asked, over = asked_and_over(h)
        expect(over["app"] < asked["disk"], "app, then disk", asked, over)
        equal({h.status(n)["last_end"]["cause"] for n in ("disk", "app")}, {"host-shutdown"}, "their causes")


def who_leaves_leaves_it_under_way():
    with Host() as h:
        h.define("app", "ignore", limits={"stop-timeout": "3s"})
        start(h, "app")
        ctl = subprocess.Popen([BUILD / "cli/lifecyclectl", "--bus", h.bus_address, "shutdown"], stderr=subprocess.PIPE, text=True)
        h.until(lambda: h.row("app")["operation"] == "stop", "it is under way")
        # what it said when it was interrupted, or that it had not begun to wait yet
        ctl.send_signal(signal.SIGINT)
        said = ctl.communicate(timeout=host.LIMIT)[1]
        expect(ctl.returncode in (130, -signal.SIGINT), "how it left", ctl.returncode, said)
        h.until_state("app", "null")


if __name__ == "__main__":
    sys.exit(host.main([
        each_ends_after_those_that_need_it,
        nobody_starts_and_nobody_comes_back,
        one_that_cannot_hear_is_ended_by_force,
        a_new_daemon_goes_on_with_it,
        who_leaves_leaves_it_under_way,
    ]))
