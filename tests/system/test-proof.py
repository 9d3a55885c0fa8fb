#!/usr/bin/env python3
"""The proof that nothing is lost: of every kind of operation (operations.py) a first run counts the outputs of the engine,
then the real daemon is killed before and after each of them, and another one begins.

While it is dead nobody may know more than the log. Then what was asked is done, or was never begun; it is done if
somebody was told so, or if it was at an earlier death; all books agree; another guest did not notice.

    test-proof.py                    all of it
    LIFECYCLED_PROOF="abort;restart" these operations
    LIFECYCLED_PROOF_EVERY=5         at one output in five, at random: an emulated host has not the time for all
    LIFECYCLED_PROOF_WORKERS=1       one host, not several beside each other
"""
import contextlib
import os
import random
import sys
import time

import books
import host
from check import MULTIPLIER
from host import Failure, equal, expect
from mortal import NEVER, WHEN, MortalHost
from operations import OPERATIONS
from workers import Workers, told

WORKERS = int(os.environ.get("LIFECYCLED_PROOF_WORKERS", "4"))
EVERY = int(os.environ.get("LIFECYCLED_PROOF_EVERY", "1" if MULTIPLIER == 1 else "16"))
COUNTS = 3        # runs that count: what comes together in one turn in one of them does not in another
AT_A_TIME = 8     # deaths of one operation in one host, before the next takes a turn
SHARE_DEAD = 0.8  # of a run's outputs that must be reached again
WITNESS = "witness"


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


def wait_for_death(room, operation, memo):
    """True if the daemon died; False if all is over and it has not come so far."""
    h = room.host
    seconds = 0.2
    while not h.is_dead(seconds):
        with contextlib.suppress(Failure):  # it died while it was looked at
            if operation.done(h, memo) and not h.is_dead(0.1):
                h.disarm()
                return h.is_dead(0)
        seconds = 0.05
    return True


def die_once(room, operation, when, at):
    """(how it went, at what it died) of one death; at None where that was not reached."""
    h = room.host
    memo = operation.prepare(h)
    h.arm(WHEN[when], at)
    died = False
    try:
        answered = operation.ask(h, memo)
        died = wait_for_death(room, operation, memo)
        if died:
            h.bury_daemon()
            found = books.excess(h)
            expect(not found, "while the daemon is dead", *found)
            h.start_daemon()
        how = settle(room, operation, memo, answered)
        room.goes_on()
        return how, h.outputs()[at - 1] if died else None
    except Exception as error:
        raise Failure(f"{operation.name}: killed {when} output {at}, of {h.outputs()}: {error}") from error
    finally:
        h.disarm()
        if operation.clean and h.daemon:
            operation.clean(h, memo)


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
            return number, max((count(room, operation) for _ in range(COUNTS)), key=len), None
        for when, at in deaths:
            results.append((at, when, *die_once(room, operation, when, at)))
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
    for at, when, how, name in sorted(results, key=lambda r: (r[0], r[1] == "after")):
        if how == "undone" and done:
            raise Failure(f"{operation.name}: done though killed {done}, undone when killed {when} output {at} ({name})")
        if how == "done" and name:
            done = done or f"{when} output {at} ({name})"
    return done


def verdict(operation, outputs, results):
    acts = without_retries(outputs)
    dead = [r for r in results if r[3]]
    kept = never_undone_again(operation, results)
    print(f"        {operation.name:<38} N {len(acts):>3}   {len(dead):>3} of {2 * len(outputs):>3} deaths"
          f"{'' if len(acts) == operation.outputs else f'   (it was {operation.outputs})'}"
          f"   from {kept} on", flush=True)
    expect(len(acts) >= operation.outputs, f"{operation.name}: {len(acts)} outputs, it had {operation.outputs}", acts)
    expect(EVERY > 1 or len(dead) >= SHARE_DEAD * len(results), f"{operation.name}: {len(dead)} deaths of {len(results)} were reached")


def chosen():
    names = [name for name in os.environ.get("LIFECYCLED_PROOF", "").split(";") if name]
    unknown = set(names) - {o.name for o in OPERATIONS}
    expect(not unknown, f"there is no operation {unknown}")
    return [i for i, o in enumerate(OPERATIONS) if o.needs() and (not names or o.name in names)]


def deaths_of(counted):
    return [(when, at) for at in range(1, len(counted) + 1) for when in WHEN if random.randrange(EVERY) == 0]


def chunks(deaths):
    return [deaths[i:i + AT_A_TIME] for i in range(0, len(deaths), AT_A_TIME)]


def nothing_is_lost_wherever_the_daemon_dies():
    began, failures, outputs, results = time.monotonic(), [], {}, {}
    with Workers(WORKERS, work, Worker.leave) as workers:
        for number, counted, failure in workers.do([(i, None) for i in chosen()]):
            outputs[number], results[number] = counted, []
            if failure:
                failures.append(failure)
                outputs.pop(number)
        tasks = [(i, chunk) for i, counted in sorted(outputs.items()) for chunk in chunks(deaths_of(counted))]
        for number, some, failure in workers.do(tasks):
            results[number] += some
            if failure:
                print(f"        {failure.splitlines()[0][:300]}", flush=True)
                failures.append(failure)
    for number, counted in sorted(outputs.items()):
        try:
            verdict(OPERATIONS[number], counted, results[number])
        except Failure as failure:
            failures.append(str(failure))
    print(f"        {sum(len([r for r in some if r[3]]) for some in results.values())} deaths in {time.monotonic() - began:.0f} s",
          flush=True)
    expect(not failures, f"{len(failures)} failures", *failures)


if __name__ == "__main__":
    sys.exit(host.main([nothing_is_lost_wherever_the_daemon_dies]))
