#!/usr/bin/env python3
"""A crowd of guests at one daemon: nobody of it is lost, whoever dies meanwhile. How long it takes is for tests/bench."""
import signal
import subprocess
import sys

import host
from check import MULTIPLIER
from crowd import Crowd
from host import equal, expect

COUNT = 120 if MULTIPLIER == 1 else 24  # an emulated host has not the time


def everybody_of_a_crowd_lives_and_ends():
    with Crowd(COUNT) as c:
        for _ in range(2):  # the second needs all ids of the first
            c.start()
            c.all_run()
            c.abort()
            c.all_gone()


def a_new_daemon_finds_the_whole_crowd():
    with Crowd(COUNT) as c:
        c.start()
        persons, counts = c.persons(), c.counts()
        for _ in range(3):
            c.restart_daemon()
            c.same(persons, "after the daemon was killed")
            c.all_run()
        c.count_on(counts)


def nobody_is_lost_where_a_part_waits_for_an_sp():
    """Some wait in RETRY, others end beside them, and the daemon dies over it."""
    with Crowd(COUNT) as c:
        c.start()
        waits, ends, rest = c.names[-COUNT // 5:], c.names[-COUNT // 3:-COUNT // 5], c.names[:-COUNT // 3]
        persons, counts = c.persons(), c.counts()
        c.begin_retry(waits)
        c.host.ctl("abort", "--no-block", *ends)
        c.restart_daemon()
        c.until_retiring([*waits, *ends])
        now = c.persons()
        equal([name for name in c.names if now[name][:2] != persons[name][:2]], [], "VMs with another life or id")
        c.same({name: persons[name] for name in rest}, "who has nothing to do with it")
        c.count_on(counts)
        c.open_gate()
        c.host.until(lambda: c.in_state("null") == sorted([*waits, *ends]), "each that waited is gone")
        c.start([*waits, *ends])
        c.all_run()


def a_daemon_that_dies_while_a_crowd_comes_and_goes_loses_nobody():
    with Crowd(COUNT) as c:
        for verb, done, finish in (("start", "running", c.all_run), ("abort", "null", c.all_gone)):
            caller = c.host.ctl_begin(verb, *c.names)
            before = c.host.until(lambda: (lambda some: some if len(some) > COUNT // 10 else None)(c.in_state(done)),
                                  f"some of them are {done}")
            c.restart_daemon()
            caller.wait(host.LIMIT)
            c.agree(f"after a daemon died amid {verb}")
            after = c.in_state(done)
            expect(set(before) <= set(after), f"{sorted(set(before) - set(after))} were {done} and are not any more")
            print(f"        {verb}: the daemon was killed at {len(before)} of {COUNT}, its heir made {len(after)} of it", flush=True)
            rest = sorted(set(c.names) - set(after))
            if rest:
                c.host.ctl(verb, *rest)
            finish()


def a_client_that_gets_few_event_streams_still_does_all_that_it_was_told():
    """Somebody else has nearly all that there are; whoever is followed by the rest makes room for the next."""
    with Crowd(COUNT // 3) as c:
        command = [host.BUILD / "tests/system/subscriber", c.host.bus_address]
        with subprocess.Popen([*command, "1014"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
            equal(other.stdout.readline().split()[:2], ["1014", "0"], "streams that another client got, and did not get")
            c.start()
            c.all_run()
            more = subprocess.run([*command, "11"], input="", stdout=subprocess.PIPE, text=True, timeout=host.LIMIT, check=True)
            equal(more.stdout.split()[:2], ["10", "1"], "streams that are left, and are not")
            c.abort()
            c.all_gone()


def one_interrupt_ends_the_wait_for_all_and_asks_no_more():
    with Crowd(COUNT // 6) as c:
        c.start()
        command = [host.BUILD / "tests/system/subscriber", c.host.bus_address, "1022"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
            equal(other.stdout.readline().split()[:2], ["1022", "0"], "streams that another client got, and did not get")
            c.close_gate(c.names[-1])
            two, rest = c.names[:2], c.names[2:-1]
            caller = subprocess.Popen([host.BUILD / "cli/lifecyclectl", "--bus", c.host.bus_address, "abort", *c.names[:-1]],
                                      stderr=subprocess.PIPE, text=True)
            c.until_retiring(two)
            caller.send_signal(signal.SIGINT)
            _, said = caller.communicate(timeout=host.LIMIT)
            equal(caller.returncode, 128 + signal.SIGINT, f"exit status; it said {said}")
            equal(said.count("interrupted before it was asked for"), len(rest), "VMs that were not asked for")
            equal(c.in_state("running"), rest, "who runs on")
            c.open_gate()
            c.host.until(lambda: c.in_state("null") == [*two, c.names[-1]], "what was asked for goes on")


if __name__ == "__main__":
    sys.exit(host.main([everybody_of_a_crowd_lives_and_ends, a_new_daemon_finds_the_whole_crowd,
                        nobody_is_lost_where_a_part_waits_for_an_sp,
                        a_daemon_that_dies_while_a_crowd_comes_and_goes_loses_nobody,
                        a_client_that_gets_few_event_streams_still_does_all_that_it_was_told,
                        one_interrupt_ends_the_wait_for_all_and_asks_no_more]))
