#!/usr/bin/env python3
"""The proof that nothing is lost: of every kind of operation (operations.py) a first run counts the outputs of the engine,
then the real daemon is killed before and after each of them, and another one begins. At some of them, at random, the secure
side is killed with it, or a VMM, or the next daemon at one of its own.

While it is dead nobody may know more than the log. Then what was asked is done, or was never begun; it is done if
somebody was told so, or if it was at an earlier death; all books agree; another guest did not notice.

    test-proof.py                    all of it
    LIFECYCLED_PROOF="abort;restart" these operations
    LIFECYCLED_PROOF_EVERY=5         at one output in five, at random: an emulated host, or a sanitizer, has not the time for all
    LIFECYCLED_PROOF_SEED=7          of where two die at once
    LIFECYCLED_PROOF_WORKERS=1       one host, not several beside each other
"""
import contextlib
import mmap
import os
import random
import select
import signal
import statistics
import struct
import sys
import time

import books
import check
import host
from check import MULTIPLIER
from host import Failure, Host, equal, expect
from mortal import NEVER, WHEN, MortalHost
from operations import OPERATIONS
from workers import Workers, told

WORKERS = int(os.environ.get("LIFECYCLED_PROOF_WORKERS", "4"))
IS_FAST = MULTIPLIER == 1 and os.environ.get("LIFECYCLED_SANITIZE", "none") == "none"
EVERY = int(os.environ.get("LIFECYCLED_PROOF_EVERY", "1" if IS_FAST else "16"))
SEED = int(os.environ.get("LIFECYCLED_PROOF_SEED", random.randrange(10**6)))
COUNTS = 3        # runs that count: what comes together in one turn in one of them does not in another. Where few die, one may do
AT_A_TIME = 8     # deaths of one operation in one host, before the next takes a turn
SHARE_DEAD = 0.8  # of a run's outputs that must be reached again
WITNESS = "witness"
WINDOWS, WINDOW = 7, 0.4 * MULTIPLIER  # seconds
LONGEST = 0x100008  # where the guest keeps its longest step (tests/guests/README.md)


class Room:
    """A host to die in, and the guest that may not notice."""

    def __init__(self, operation):
        self.where = operation.where, operation.guests
        self.host = MortalHost(**operation.where)
        self.witness = None
        if operation.guests:
            self.host.define(WITNESS, "beat")
            self.host.ctl("start", WITNESS)
            self.witness = self.person()
            self.count = self.host.counter(self.witness[0])

    def person(self):
        status = self.host.status(WITNESS)
        return status["life"], status["ffa_id"], status["vmm_pid"], status["state"]

    def goes_on(self):
        if not self.witness:
            return
        equal(self.person(), self.witness, "the guest beside it")
        before, self.count = self.count, self.host.counter(self.witness[0])
        expect(self.count > before, "the guest beside it did not count on")

    def close(self):
        self.host.close()


def settle(room, operation, memo, answered):
    """Whether it was done, once that is clear and all books agree."""
    h = room.host

    def look():
        if operation.done(h, memo):
            return "done"
        return "undone" if not answered and operation.undone and operation.undone(h, memo) else None

    h.until(look, f"it is {'done, as was said' if answered or not operation.undone else 'done, or was not begun'}")
    if operation.settles(h, memo):
        try:
            return h.until(lambda: not books.disagreements(h) and look(), "all books agree")
        except Failure as failure:
            raise Failure(f"{failure}\n    " + "\n    ".join(books.disagreements(h))) from failure
    return look()


def wait_for_death(room, operation, memo, first):
    """True if the daemon died; False if all is over and it has not come so far."""
    h = room.host

    def over():
        return operation.done(h, memo) or not first and operation.undone and operation.undone(h, memo)

    seconds = 0.2
    while not h.is_dead(seconds):
        with contextlib.suppress(Failure):  # it died while it was looked at
            if over() and not h.is_dead(0.1):
                h.disarm()
                return h.is_dead(0)
        seconds = 0.05
    return True


def die(room, operation, memo, first=True):
    """The daemon is to die there: what it died of, and then it is buried; None if it did not come so far."""
    h = room.host
    if not wait_for_death(room, operation, memo, first):
        return None
    h.bury_daemon()
    check_excess(h)
    return h.died_at()


def check_excess(h):
    found = books.excess(h)
    expect(not found, "while the daemon is dead", *found)


def another_dies(room, operation, memo, then):
    """What else is killed before the next daemon is ready. True if what is asked for may have become something else by it."""
    h = room.host
    if then == "secure side":
        h.secure.kill()
        h.secure.wait()
        h.secure.close()
        h.start_secure()
    elif then == "VMM":
        pids = sorted(set(h.vmm_pids()) - {room.witness and room.witness[2]})
        with contextlib.suppress(ProcessLookupError):
            if pids:
                os.kill(random.choice(pids), signal.SIGKILL)
        return True
    elif then:
        h.arm(WHEN[then[0]], then[1])
        h.start_daemon(ready=False)
        if not die(room, operation, memo, first=False):
            h.close_daemon()
            check_excess(h)
    return False


def die_once(room, operation, when, at, then=None):
    """(how it went, at what it died) of one death, and of what is to die with it; at None where that was not reached."""
    h = room.host
    memo = operation.prepare(h)
    h.arm(WHEN[when], at)
    name, anything = None, False
    try:
        answered = operation.ask(h, memo)
        name = die(room, operation, memo)
        if name:
            anything = another_dies(room, operation, memo, then)
            h.disarm()
            h.start_daemon()
        how = agree(room, operation, memo) if anything else settle(room, operation, memo, answered)
        room.goes_on()
        return how, name
    except Exception as error:
        raise Failure(f"{operation.name}: killed {when} output {at}, then {then}, of {h.outputs()}: {told(error)}") from error
    finally:
        h.disarm()
        if operation.clean and h.daemon:
            operation.clean(h, memo)


def agree(room, operation, memo):
    """Whatever came of it, all books agree."""
    if operation.ends:
        try:
            room.host.until(lambda: not books.disagreements(room.host), "all books agree")
        except Failure as failure:
            raise Failure(f"{failure}\n    " + "\n    ".join(books.disagreements(room.host))) from failure


def count(room, operation):
    """What leaves the engine when nobody dies."""
    h = room.host
    memo = operation.prepare(h)
    h.arm(NEVER)
    answered = operation.ask(h, memo)
    if operation.cap:
        h.until(lambda: len(h.outputs()) >= operation.cap, "it has so many outputs")
    equal(settle(room, operation, memo, answered), "done", operation.name)
    outputs = h.outputs()[:operation.cap]
    if operation.clean:
        operation.clean(h, memo)
    return outputs


def without_retries(outputs):
    """Acts and answers: how turns are put together, and how often an SP says RETRY, is up to the machine."""
    acts = [name for name in outputs if name not in ("commit", "snapshot")]
    calls = {name for name in acts if name.startswith("call")}
    return [name for name in acts if not name.startswith("call")] + sorted(calls)


def all_but_repeated(outputs):
    """The run to take the deaths from: it has every act, and of what depends on the machine the least, so that all are reached."""
    return len(without_retries(outputs)), -len(outputs)


def counted(room, operation):
    """The run to take the deaths from, of COUNTS, or of fewer that have every act."""
    runs = []
    while len(runs) < COUNTS and (EVERY == 1 or not runs or len(without_retries(runs[-1])) < operation.outputs):
        runs.append(count(room, operation))
    return max(runs, key=all_but_repeated)


# ---- workers: a host each ----

class Worker:
    room = None

    @classmethod
    def room_for(cls, operation):
        if cls.room and cls.room.where != (operation.where, operation.guests):
            cls.leave()
        if not cls.room:
            cls.room = Room(operation)
        return cls.room

    @classmethod
    def leave(cls):
        if cls.room:
            cls.room.close()
            cls.room = None


def work(task):
    """One task: an operation by its number, and its deaths; none: count. The results, or what failed."""
    number, deaths = task
    operation, results = OPERATIONS[number], []
    try:
        room = Worker.room_for(operation)
        if deaths is None:
            return number, counted(room, operation), None
        for when, at, then in deaths:
            results.append((at, when, *die_once(room, operation, when, at, then), then))
        return number, results, None
    except Exception as error:  # noqa: BLE001 - the parent says it
        failure = told(error)
        failure = failure if operation.name in failure else f"{operation.name}: {failure}"
        with contextlib.suppress(Exception):
            Worker.leave()
        Worker.room = None
        return number, results, failure


# ---- the verdict ----

def never_undone_again(operation, results):
    """Once an operation survives a death it survives each later one."""
    done = None
    for at, when, how, name, _ in sorted((r for r in results if not r[4]), key=lambda r: (r[0], r[1] == "after")):
        if how == "undone" and done:
            raise Failure(f"{operation.name}: done though killed {done}, undone when killed {when} output {at} ({name})")
        if how == "done" and name:
            done = done or f"{when} output {at} ({name})"
    return done


def verdict(operation, outputs, results):
    acts = without_retries(outputs)
    alone = [r for r in results if not r[4]]
    dead = [r for r in alone if r[3]]
    kept = never_undone_again(operation, results)
    print(f"        {operation.name:<38} N {len(acts):>3}   {len(dead):>3} of {2 * len(outputs):>3} deaths"
          f"{'' if len(acts) == operation.outputs else f'   (it was {operation.outputs})'}"
          f"   from {kept} on", flush=True)
    expect(len(acts) >= operation.outputs, f"{operation.name}: {len(acts)} outputs, it had {operation.outputs}", acts)
    expect(EVERY > 1 or len(dead) >= SHARE_DEAD * len(alone), f"{operation.name}: {len(dead)} deaths of {len(alone)} were reached")


def chosen():
    names = [name for name in os.environ.get("LIFECYCLED_PROOF", "").split(";") if name]
    unknown = set(names) - {o.name for o in OPERATIONS}
    expect(not unknown, f"there is no operation {unknown}")
    if names:
        return [i for i, o in enumerate(OPERATIONS) if o.name in names and o.needs()]
    return check.some([i for i, o in enumerate(OPERATIONS) if o.needs()])


def deaths_of(operation, outputs):
    """Each alone, and some at random in which somebody else dies, too: the secure side, a VMM, or the next daemon."""
    places = [(when, at) for at in range(1, len(outputs) + 1) for when in WHEN]
    second = ["secure side"] * 2 + ["VMM"] * (0 if operation.cap else 2) + [random.choice(places) for _ in range(2) if places]
    return [(*place, None) for place in places if random.randrange(EVERY) == 0] + \
        [(*random.choice(places), then) for then in second if random.randrange(EVERY) == 0]


def chunks(deaths):
    return [deaths[i:i + AT_A_TIME] for i in range(0, len(deaths), AT_A_TIME)]


def nothing_is_lost_wherever_the_daemon_dies():
    began, failures, outputs, results = time.monotonic(), [], {}, {}
    print(f"        LIFECYCLED_PROOF_SEED={SEED}", flush=True)
    random.seed(SEED)
    with Workers(WORKERS, work, Worker.leave) as workers:
        for number, all_outputs, failure in workers.do([(i, None) for i in chosen()]):
            outputs[number], results[number] = all_outputs, []
            if failure:
                failures.append(failure)
                outputs.pop(number)
        tasks = [(i, chunk) for i, its in sorted(outputs.items()) for chunk in chunks(deaths_of(OPERATIONS[i], its))]
        for number, some, failure in workers.do(tasks):
            results[number] += some
            if failure:
                print(f"        {failure[:300]}\n...{failure[-900:]}" if len(failure) > 1200 else f"        {failure}", flush=True)
                failures.append(failure)
    for number, its in sorted(outputs.items()):
        try:
            verdict(OPERATIONS[number], its, results[number])
        except Failure as failure:
            failures.append(str(failure))
    print(f"        {sum(len([r for r in some if r[3]]) for some in results.values())} deaths in {time.monotonic() - began:.0f} s",
          flush=True)
    expect(not failures, f"{len(failures)} failures", *failures)


def longest_step(h, life, act):
    """ns between two looks of a guest at its clock, each 10 ms, in a window in which that happened: the guest says it itself."""
    with open(h.dir / "memory" / str(life), "r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        struct.pack_into("<Q", memory, LONGEST, 0)
        window = time.monotonic() + WINDOW
        act()
        select.poll().poll(max(0, 1000 * (window - time.monotonic())))
        return struct.unpack_from("<Q", memory, LONGEST)[0]


def a_guest_does_not_notice_that_daemons_die():
    with Host() as h:
        h.define("web", "clock")
        h.ctl("start", "web")
        life = h.row("web")["life"]
        h.until(lambda: h.counter(life) > 3, "it looks at its clock")

        def another_daemon():
            h.kill_daemon()
            h.start_daemon()

        quiet, disturbed = [], []
        for _ in range(WINDOWS):
            quiet.append(longest_step(h, life, lambda: None))
            disturbed.append(longest_step(h, life, another_daemon))
        expect(min(quiet + disturbed) > 0, "it goes on in each window")
        without, others = statistics.median(quiet), statistics.median(disturbed)
        print(f"        largest gap of a guest's count, median of {WINDOWS} windows: {others / 1e6:.1f} ms where a daemon died, "
              f"{without / 1e6:.1f} ms where none did", flush=True)
        expect(others <= 2 * without, "the guest stood too long", quiet, disturbed)


if __name__ == "__main__":
    sys.exit(host.main([a_guest_does_not_notice_that_daemons_die, nothing_is_lost_wherever_the_daemon_dies]))
