"""Every kind of operation, as a row: how it is prepared, asked for, and what may come of it (test-proof.py).

A row's `outputs` is how many frames, programs, files and answers it makes leave the engine, retries not counted. The proof
fails if there are fewer than this, for then something is not done any more, or is not seen any more.
"""
import contextlib
import os
import signal
import subprocess

from host import BUILD, LIMIT, Host, expect

VM = "web"
PLAIN = {"options": ("--ids", "0x10-0x17")}  # so few that an id comes back after a few lives
TALKING = {}                                 # guests whose id is fixed
OPTEE = {"secure": ("--sp", "optee:0x8001"), "options": ("--ids", "0x10-0x17")}
STUCK = {"secure": ("--sp", "trusty:0x8001:stuck=1", "--sp", "optee:0x8002"),
         "options": ("--ids", "0x10-0x7000", "--retry", "active=50ms,probe=100ms")}
OPERATIONS = []


class Operation:
    def __init__(self, name, outputs, prepare, ask, done, undone=None, where=PLAIN, guests=True, settles=lambda h, memo: True, cap=None, clean=None):
        self.name = name
        self.outputs = outputs
        self.prepare = prepare  # (host): what the other functions are given beside the host
        self.ask = ask          # (host, memo): true if somebody was told that it is done, or will be
        self.done = done        # (host, memo): it is
        self.undone = undone    # (host, memo): it did not begin; None: that may not be
        self.where = where
        self.guests = guests    # another guest runs beside it, and may not notice
        self.settles = settles  # (host, memo): in the end all books agree
        self.cap = cap          # where outputs do not end: so many are died at
        self.clean = clean


def operation(name, outputs, prepare, ask, done, undone=None, **more):
    OPERATIONS.append(Operation(name, outputs, prepare, ask, done, undone, **more))


# ---- how it begins ----

def gone(*names):
    def prepare(h):
        there = {r["name"] for r in h.json("list")}
        for name in names or (VM,):
            if name in there:
                h.ctl("destroy", name)
        return {}
    return prepare


def defined(guest="silent", name=VM, **more):
    def prepare(h):
        gone(name)(h)
        h.define(name, guest, **more)
        return {}
    return prepare


def runs(guest="silent", name=VM, listens=False, **more):
    def prepare(h):
        defined(guest, name, **more)(h)
        h.ctl("start", name)
        if listens:
            h.until(lambda: "listens" in h.ctl("console", name), f"{name} listens to its power key")
        status = h.status(name)
        return {"life": status["life"], "pid": status["vmm_pid"]}
    return prepare


def then(first, *words):
    def prepare(h):
        memo = first(h)
        h.ctl(*words)
        return memo
    return prepare


def both(*prepares):
    def prepare(h):
        return {key: value for memo in [one(h) for one in prepares] for key, value in memo.items()}
    return prepare


# ---- what is asked ----

def asks(*words, text=None):
    def ask(h, memo):
        return h.ctl(*words, check=False, text=text).returncode == 0
    return ask


def redefines(guest="silent", **more):
    def ask(h, memo):
        with contextlib.suppress(Exception):
            h.define(VM, guest, **more)
            return True
        return False
    return ask


def signals(signo):
    def ask(h, memo):
        os.kill(memo["pid"], signo)
    return ask


def client(h, memo, *words):
    memo["client"] = subprocess.Popen([str(BUILD / "cli/lifecyclectl"), "--bus", h.bus_address, *words], stdin=subprocess.DEVNULL,
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)


def leaves(h, memo):
    """The client and what it runs are no more."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(memo["client"].pid, signal.SIGKILL)
    memo["client"].wait()


def comes_back(h, memo):
    """The daemon is killed, and another begins."""
    h.kill_daemon()
    h.arm_again()
    h.start_daemon(ready=False)


# ---- what comes of it ----

def row_is(state, substate=None, operation="-", name=VM, **more):
    def look(h, memo):
        row = h.row(name)
        return row is not None and row["state"] == state and substate in (None, row["substate"]) and \
            row["operation"] == operation and all(row[key] == value for key, value in more.items())
    return look


def is_gone(h, memo):
    return h.row(VM) is None


null, running, paused, preserved = row_is("null"), row_is("running", "running"), row_is("running", "paused"), row_is("aborting", "preserved")


def every(*looks):
    return lambda h, memo: all(look(h, memo) for look in looks)


def some(*looks):
    return lambda h, memo: any(look(h, memo) for look in looks)


def same_life(h, memo):
    return h.row(VM)["life"] == memo["life"]


def next_life(h, memo):
    return h.row(VM)["life"] > memo["life"]


def ended(cause, **more):
    def look(h, memo):
        end = h.status(VM)["last_end"]
        return end["cause"] == cause
    return look


def never_ended(h, memo):
    return not h.status(VM)["last_end"]["life"]


# ---- definitions ----

operation("define", 1, gone(), redefines(), null, is_gone)
operation("define anew", 1, defined(), redefines(policies={"on-crash": "restart"}),
          lambda h, memo: h.json("cat", VM)["policies"]["on-crash"] == "restart",
          lambda h, memo: h.json("cat", VM)["policies"]["on-crash"] != "restart")
operation("define, with a life", 1, runs(), redefines(memory={"size": "4M"}), row_is("running", pending="change"),
          row_is("running", pending="-"))
operation("undefine", 1, defined(), asks("undefine", VM), is_gone, null)
operation("undefine, with a life", 1, runs(), asks("undefine", "--pending", VM), row_is("running", pending="removal"),
          row_is("running", pending="-"))

# ---- a life ----

operation("start", 7, defined(), asks("start", "--no-block", VM), running, null)
operation("start, with a bitmap", 6, defined(notifications=True), asks("start", "--no-block", VM), running, null, where=OPTEE)
operation("start, and what it requires", 12, both(gone(VM, "db"), defined(name="db"), defined(order={"requires": ["db"]})),
          asks("start", "--no-block", VM), every(running, row_is("running", name="db")), every(null, row_is("null", name="db")),
          clean=gone(VM, "db"))
operation("abort", 6, runs(), asks("abort", "--no-block", VM), null, every(running, same_life))
operation("abort, with a bitmap", 6, runs(notifications=True), asks("abort", "--no-block", VM), null, running, where=OPTEE)
operation("abort of a guest that spins", 6, runs("spin"), asks("abort", "--no-block", VM), null, running)
operation("abort of one that others require", 11, both(gone(VM, "db"), defined(name="db"), runs(order={"requires": ["db"]})),
          asks("abort", "--no-block", "db"), every(null, row_is("null", name="db"), ended("dependency")),
          every(running, row_is("running", name="db")), clean=gone(VM, "db"))
operation("restart", 12, runs(), asks("restart", "--no-block", VM), every(running, next_life), every(running, same_life))
operation("destroy", 6, runs(), asks("destroy", "--no-block", VM), is_gone, running)
operation("stop", 6, runs("obey", listens=True), asks("stop", "--no-block", VM), every(null, ended("user-stop")), running)
operation("stop of a deaf guest", 2, runs(), asks("stop", "--no-block", VM),
          lambda h, memo: h.status(VM)["operation_outcome"] == "unheard",
          lambda h, memo: h.status(VM)["operation_outcome"] == "-")
operation("abort over a stop", 6, then(runs("ignore", listens=True, limits={"stop-timeout": "24h"}), "stop", "--no-block", VM),
          asks("abort", "--no-block", VM), null, row_is("running", operation="stop"), settles=null)
operation("pause", 2, runs("beat"), asks("pause", "--no-block", VM), paused, running)
operation("resume", 2, then(runs("beat"), "pause", VM), asks("resume", "--no-block", VM), running, paused)
operation("preserve", 2, runs(), asks("abort", "--no-block", "--preserve", VM), preserved, running)
operation("abort of what is preserved", 5, then(runs(), "abort", "--preserve", VM), asks("abort", "--no-block", VM), null, preserved)

# ---- ends that nobody asked for ----

operation("a guest that switches itself off", 11, defined("poweroff", policies={"on-poweroff": "stop"}),
          asks("start", "--no-block", VM), every(null, ended("guest-poweroff")), every(null, never_ended))
operation("a guest that crashes, and its policy", 21, defined("crash", policies={"on-panic": "restart", "restart-limit": 1}),
          asks("start", "--no-block", VM), every(null, ended("guest-panic"), lambda h, memo: h.status(VM)["restarts"] == 1),
          every(null, never_ended))
operation("a VMM that is killed, and its policy", 9, runs(policies={"on-crash": "restart"}), signals(signal.SIGKILL),
          every(running, next_life))
operation("a VMM that is told to stop", 4, runs(), signals(signal.SIGTERM), every(null, ended("user-stop")))
