"""Every kind of operation, as a row: how it is prepared, asked for, and what may come of it (test-proof.py).

A row's `outputs` is how many frames, programs, files and answers it makes leave the engine, retries not counted. The proof
fails if there are fewer than this, for then something is not done any more, or is not seen any more.
"""
import contextlib
import json
import os
import shutil
import signal
import subprocess

from host import BUILD, GUESTS, definition, ffa_is_forwarded

VM = "web"
PLAIN = {"options": ("--ids", "0x10-0x17")}  # so few that an id comes back after a few lives
TALKING = {}                                 # guests whose id is fixed
OPTEE = {"secure": ("--sp", "optee:0x8001"), "options": ("--ids", "0x10-0x17")}
STUCK = {"secure": ("--sp", "trusty:0x8001:stuck=1", "--sp", "optee:0x8002"),
         "options": ("--ids", "0x10-0x7000", "--retry", "cap=20ms,active=50ms,probe=100ms")}
OPERATIONS = []


class Operation:
    def __init__(self, name, outputs, prepare, ask, done, undone=None, where=PLAIN, guests=True, settles=None, cap=None, clean=None, needs=lambda: True):
        self.name = name
        self.outputs = outputs
        self.prepare = prepare  # (host): what the other functions are given beside the host
        self.ask = ask          # (host, memo): true if somebody was told that it is done, or will be
        self.done = done        # (host, memo): it is
        self.undone = undone    # (host, memo): it did not begin; None: that may not be
        self.where = where
        self.guests = guests    # another guest runs beside it, and may not notice
        self.ends = settles is None  # it comes to an end whatever becomes of it
        self.settles = settles or (lambda h, memo: True)  # (host, memo): in the end all books agree
        self.cap = cap          # where outputs do not end: so many are died at
        self.clean = clean      # (host, memo): whom the next death may not meet
        self.needs = needs      # what this machine has to have


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


def with_client(prepare, *words, listed):
    """A client that is there before it begins."""
    def begin(h):
        memo = prepare(h)
        client(h, memo, *words)
        h.until(lambda: listed(h, memo), f"{words} is there")
        return memo
    return begin


def has_client(h, memo):
    return memo["client"].poll() is None


def lost_client(h, memo):
    return not has_client(h, memo)


def comes_back(h, memo):
    """The daemon is killed, and another begins."""
    h.kill_daemon()
    h.arm_again()
    h.start_daemon(ready=not h.is_armed())


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


def is_held(h, memo):
    return [lease["unclaimed"] for lease in h.json("leases")] == [False]


def is_not_held(h, memo):
    return not h.json("leases")


def is_bound(h, memo):
    return h.status(VM)["bound"]


def counts_on(name, by=3):
    """A guest does what it does by talking to others, since it was looked at first."""
    def look(h, memo):
        now = h.counter(h.row(name)["life"])
        return now >= memo.setdefault(name, now) + by
    return look


def says_nothing(name, wrong):
    return lambda h, memo: wrong not in h.ctl("console", name)


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

operation("start", 6, defined(), asks("start", "--no-block", VM), running, null)
operation("start, with a bitmap", 6, defined(notifications=True), asks("start", "--no-block", VM), running, null, where=OPTEE)
operation("start, and what it requires", 11, both(gone(VM, "db"), defined(name="db"), defined(order={"requires": ["db"]})),
          asks("start", "--no-block", VM), every(running, row_is("running", name="db")), every(null, row_is("null", name="db")),
          clean=lambda h, memo: gone(VM, "db")(h))
operation("abort", 6, runs(), asks("abort", "--no-block", VM), null, every(running, same_life))
operation("abort, with a bitmap", 6, runs(notifications=True), asks("abort", "--no-block", VM), null, running, where=OPTEE)
operation("abort of a guest that spins", 6, runs("spin"), asks("abort", "--no-block", VM), null, running)
operation("abort of one that others require", 11, both(gone(VM, "db"), defined(name="db"), runs(order={"requires": ["db"]})),
          asks("abort", "--no-block", "db"), every(null, row_is("null", name="db"), ended("dependency")),
          every(running, row_is("running", name="db")), clean=lambda h, memo: gone(VM, "db")(h))
operation("restart", 11, runs(), asks("restart", "--no-block", VM), every(running, next_life), every(running, same_life))
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

operation("a guest that switches itself off", 10, defined("poweroff", policies={"on-poweroff": "stop"}),
          asks("start", "--no-block", VM), every(null, ended("guest-poweroff")), every(null, never_ended))
operation("a guest that crashes, and its policy", 19, defined("crash", policies={"on-panic": "restart", "restart-limit": 1}),
          asks("start", "--no-block", VM), every(null, ended("guest-panic"), lambda h, memo: h.status(VM)["restarts"] == 1),
          every(null, never_ended))
operation("a VMM that is killed, and its policy", 8, runs(policies={"on-crash": "restart"}), signals(signal.SIGKILL),
          every(running, next_life))
operation("a VMM that is told to stop", 4, runs(), signals(signal.SIGTERM), every(null, ended("user-stop")))


# ---- clients that hold an end, or are held to ----

SLEEPS = ("sh", "-c", "exec sleep 1000")
held = with_client(runs(), "lease", VM, "--", *SLEEPS, listed=is_held)
bound = with_client(defined(), "start", "--bound", VM, listed=lambda h, memo: running(h, memo) and is_bound(h, memo))

operation("a lease is taken", 1, runs(), lambda h, memo: client(h, memo, "lease", VM, "--", *SLEEPS),
          every(running, is_held, has_client), every(running, is_not_held, lost_client), clean=leaves)
operation("a lease is let go", 1, held, leaves, every(running, is_not_held))
operation("abort of what is held", 8, held, asks("abort", "--no-block", VM), every(null, is_not_held), every(running, is_held),
          clean=leaves)
operation("start, bound to a client", 6, defined(), lambda h, memo: client(h, memo, "start", "--bound", VM),
          every(running, is_bound, has_client), every(null, lost_client), clean=leaves)
operation("the client of a bound VM goes", 5, bound, leaves, every(null, ended("client-gone")))

# ---- all of them, and order ----


def files(*there):
    """(name, size) of those that vm.d has, and no others."""
    def put(h, memo):
        for file in h.definitions.iterdir():
            file.unlink()
        for name, size in there:
            more = {"memory": {"size": size}, "order": {"autostart": True}}
            (h.definitions / f"{name}.json").write_text(json.dumps(definition(name, GUESTS / "silent.elf", more)))
    return put


def reloads(h, memo):
    files(("one", "4M"), ("three", "2M"))(h, memo)
    return h.ctl("reload", check=False).returncode == 0


def has_files(h):
    files(("one", "2M"), ("two", "2M"))(h, {})
    h.ctl("reload")
    return {}


operation("reload", 3, has_files, reloads,
          lambda h, memo: {name: h.status(name)["memory_bytes"] >> 20 for name in ("one", "three")} == {"one": 4, "three": 2}
          and not h.row("two"), clean=lambda h, memo: (files()(h, memo), h.ctl("reload")))


def in_another_boot(h):
    """A daemon that finds nothing, as after a boot of the host, but for the files of two VMs."""
    files()(h, {})
    h.ctl("reload")
    files(("one", "2M"), ("two", "2M"))(h, {})
    return {}


def boots(h, memo):
    h.kill_daemon()
    shutil.rmtree(h.dir / "state")
    h.arm_again()
    h.start_daemon(ready=not h.is_armed())


operation("autostart", 12, in_another_boot, boots, every(row_is("running", name="one"), row_is("running", name="two")), guests=False,
          clean=lambda h, memo: gone("one", "two")(h))
operation("shutdown", 11, both(gone(VM, "db"), runs("obey", "db", listens=True), runs("obey", listens=True, order={"requires": ["db"]})),
          asks("shutdown", "--no-block"), every(null, row_is("null", name="db"), ended("user-stop")),
          every(running, row_is("running", name="db")), guests=False, clean=lambda h, memo: gone(VM, "db")(h))
operation("abort of a start that waits", 1,
          then(both(gone(VM, "db"), defined(name="db"), defined(order={"after": ["db"]})), "start", "--no-block", VM),
          asks("abort", "--no-block", VM), null, row_is("null", operation="start"), settles=null,
          clean=lambda h, memo: gone(VM, "db")(h))

# ---- a secure world that comes and goes ----


def restarts(h, memo):
    return h.inspect()["sps"][0]["counts"]["events"].get("restart", 0)


def looks_at_world(first):
    def prepare(h):
        world = h.inspect()
        return {**first(h), "resets": world["resets"], "restarts": restarts(h, {})}
    return prepare


def tells_secure_side(signo):
    def ask(h, memo):
        os.kill(h.secure.pid, signo)
    return ask


operation("an SP restarts", 2, looks_at_world(runs()), tells_secure_side(signal.SIGUSR1),
          every(running, same_life, lambda h, memo: restarts(h, memo) > memo["restarts"]))
operation("the secure world is another", 4, looks_at_world(runs()), tells_secure_side(signal.SIGHUP),
          every(running, same_life, lambda h, memo: h.inspect()["resets"] > memo["resets"]))


def stuck(h):
    memo = runs()(h)
    h.ctl("abort", "--no-block", VM)
    h.until(lambda: h.row(VM)["secure_stuck"] and not h.status(VM)["vmm_pid"], "it is stuck at an SP, and nothing else")
    return memo


def forgets(h, memo):
    h.until(lambda: null(h, memo) or h.row(VM)["secure_stuck"], "it is stuck again, or over")
    h.ctl("forget", "--force", VM, check=False)
    h.until(lambda: null(h, memo), "it is forgotten")


operation("forget", 2, stuck, asks("forget", "--force", VM), null, row_is("aborting", "retiring", operation="abort"), where=STUCK,
          settles=lambda h, memo: False, clean=forgets)

# ---- another daemon ----

operation("adoption", 3, both(gone(VM, "db"), then(runs("beat", "db"), "pause", "db"), runs()), comes_back,
          every(running, same_life, row_is("running", "paused", name="db")), clean=lambda h, memo: gone(VM, "db")(h))

# ---- guests that talk ----


def talk(*guests):
    """(name, its definition beside the guest of that name); those that talk from the last death on do so still."""
    def prepare(h):
        for name, more in guests:
            if not h.row(name):
                gone(*(r["name"] for r in h.json("list")))(h)
                for name, more in guests:
                    h.define(name, name, **more)
                h.ctl("start", *(name for name, _ in guests))
                break
        look, memo = every(*(counts_on(name) for name, _ in guests)), {}
        h.until(lambda: look(h, memo), "they talk")
        return {}
    return prepare


def conversation(what, outputs, *guests, right=lambda h, memo: True):
    operation(what, outputs, talk(*guests), lambda h, memo: None, every(*(counts_on(name) for name, _ in guests), right), where=TALKING,
              guests=False, cap=16, needs=ffa_is_forwarded)


conversation("guests that call each other", 16, ("serve", {"ffa-id": 0x7001}), ("ask", {}))
conversation("guests that send each other messages", 16, ("box", {"ffa-id": 0x7001}), ("post", {}), right=says_nothing("box", "bad"))
conversation("guests that notify each other", 16, ("bell", {"ffa-id": 0x7002, "notifications": True}), ("ring", {"ffa-id": 0x7003}),
             right=says_nothing("bell", "wrong"))
conversation("a guest that calls an SP", 9, ("ask-sp", {}))
