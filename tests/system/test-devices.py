#!/usr/bin/env python3
"""Devices that a VM is given, with the whole daemon: defined, shown, led at its end and at a restart. They are scripted."""
import contextlib
import json
import os
import subprocess
import sys

import host
from host import BUILD, Host, equal, expect


def fakes(*scripts):
    return [{"type": "vfio-fake", "script": script} for script in scripts]


def shown(h, name="web"):
    return [(d["state"], d["condition"]) for d in h.status(name)["devices"]]


def runs(h, *scripts):
    h.define("web", "beat", devices=fakes(*scripts))
    h.ctl("start", "web")
    h.until(lambda: len(h.status("web")["devices"]) == len(scripts), "its devices are told")


def subchannels(*scripts):
    return [{"type": "ccw-fake", "script": script} for script in scripts]


@contextlib.contextmanager
def watching(h, *words):
    """device-watch, which has begun to look."""
    with subprocess.Popen([BUILD / "tests/system/device-watch", *words], env={**os.environ, "LIFECYCLED_BUS": h.bus_address},
                          stdout=subprocess.PIPE, text=True) as watch:
        try:
            equal(watch.stdout.readline(), "looks\n", "what it says first")
            yield watch
        finally:
            watch.kill()


def all_is_settled(h):
    for sp, known in h.books().items():
        equal(known, set(), f"VMs that SP {sp} still knows")
    equal(h.memory_files(), [], "memory that is left")


def a_script_that_is_wrong_is_refused_with_its_place():
    with Host() as h:
        text = json.dumps({"name": "web", "memory": {"size": "2M"}, "kernel": "/k", "devices": fakes("flags 7", "set halt never")})
        refused = h.ctl("define", "-", text=text, check=False)
        expect(refused.returncode != 0, "it is refused", refused)
        expect("devices[1].script: after 4 letters of the script: there is no such effect" in refused.stderr, "where and why",
               refused.stderr)
        equal(h.row("web"), None, "nothing is defined")


def devices_are_shown_and_outlive_a_daemon():
    with Host() as h:
        runs(h, "", "flags 0")
        equal(shown(h), [("running", "-"), ("running", "unmigratable")], "devices")
        page = h.ctl("status", "web")
        expect("Devices: 0: vfio-fake running\n" in page and "1: vfio-fake running, unmigratable\n" in page, "the page", page)
        h.kill_daemon()
        h.start_daemon()
        h.until(lambda: len(shown(h)) == 2, "they are told to the next daemon")
        h.ctl("abort", "web")
        h.until_state("web", "null")
        equal(shown(h), [], "devices without a life")
        all_is_settled(h)


def a_restart_stops_them_and_begins_with_new_ones():
    with Host() as h:
        runs(h, "delay 20ms", "set stop fail 5 then error; delay 20ms")
        life = h.row("web")["life"]
        h.ctl("restart", "web")
        h.until(lambda: h.row("web")["life"] > life and h.row("web")["state"] == "running", "the next life runs")
        h.until(lambda: shown(h) == [("running", "-")] * 2, "with devices that know nothing of the last one")
        expect("device 1 of 2 failed (abort: set-state stop in running-p2p: Input/output error)" in h.daemon.log(),
               "what became of the old one", h.daemon.log())
        h.ctl("abort", "web")
        h.until_state("web", "null")
        all_is_settled(h)


def a_pause_stops_them_and_a_resume_starts_them():
    with Host() as h:
        runs(h, "", "flags 1; delay 20ms", "flags 0")
        h.ctl("pause", "web")
        equal(shown(h), [("stop", "-"), ("stop", "-"), ("running", "unmigratable")], "devices of a VM that is paused")
        h.ctl("resume", "web")
        h.until(lambda: shown(h)[:2] == [("running", "-")] * 2, "they run again")
        h.ctl("pause", "web")
        h.ctl("abort", "web")
        h.until_state("web", "null")
        all_is_settled(h)


def a_device_that_refuses_a_pause_is_named_and_the_guest_goes_on():
    with Host() as h:
        runs(h, "", "set stop fail 5")
        refused = h.ctl("pause", "web", check=False)
        equal(refused.returncode, 1, "exit code of the pause")
        expect("device 1 (vfio-fake) would not stop: pause: set-state stop in running-p2p: Input/output error" in refused.stderr,
               "why", refused.stderr)
        status = h.status("web")
        equal((status["substate"], status["operation_outcome"]), ("running", "device-refused"), "the VM")
        equal(status["devices"][1]["text"], "pause: set-state stop in running-p2p: Input/output error", "why")
        equal(status["devices"][1]["condition"], "failed", "how it is")
        count = h.counter(status["life"])
        h.until(lambda: h.counter(status["life"]) > count + 1, "the guest counts")
        h.ctl("abort", "web")


def a_guest_whose_device_does_not_start_again_is_shown_as_paused():
    with Host() as h:
        runs(h, "", "set stop>running-p2p fail 5 times 1")
        life = h.row("web")["life"]
        h.ctl("pause", "web")
        stays = h.ctl("resume", "web", check=False)
        equal(stays.returncode, 1, "exit code of the resume")
        expect("device 1 (vfio-fake) does not start again: resume: set-state running-p2p in stop: Input/output error" in stays.stderr,
               "why", stays.stderr)
        status = h.status("web")
        equal((status["substate"], status["operation_outcome"]), ("paused", "device-stopped"), "the VM")
        count = h.counter(life)
        h.kill_daemon()
        h.start_daemon()
        equal(h.status("web")["operation_outcome"], "device-stopped", "what the next daemon says")
        equal(h.counter(life), count, "the guest's counter")
        h.ctl("resume", "web")  # the device thinks better of it
        status = h.status("web")
        equal((status["substate"], status["operation_outcome"]), ("running", "-"), "the VM")
        h.until(lambda: h.counter(life) > count + 1, "the guest counts")
        h.ctl("abort", "web")


def a_pause_waits_for_the_program_of_a_subchannel():
    with Host() as h:
        h.define("web", "beat", devices=subchannels("program 0ms; start after 900ms") + fakes(""))
        h.ctl("start", "web")
        h.until(lambda: shown(h) == [("busy", "-"), ("running", "-")], "the channel has a program")
        with watching(h, "web", "pause: a program is with the channel") as watch:
            waits = h.ctl_begin("pause", "web")
            equal(watch.stdout.read(), "busy running\n", "it is waited for before anything stops")
            equal(waits.wait(timeout=host.LIMIT), 0, "exit code of the pause")
        equal(shown(h), [("idle", "-"), ("stop", "-")], "devices of a VM that is paused")
        h.ctl("resume", "web")
        h.until(lambda: shown(h) == [("idle", "-"), ("running", "-")], "they run again")
        h.ctl("abort", "web")
        h.until_state("web", "null")
        all_is_settled(h)


def a_channel_that_does_not_end_its_program_refuses_a_pause():
    with Host() as h:
        h.define("web", "beat", devices=subchannels("program 0ms; start silent"))
        h.ctl("start", "web")
        h.until(lambda: shown(h) == [("busy", "-")], "the channel has a program")
        refused = h.ctl("pause", "web", check=False)
        equal(refused.returncode, 1, "exit code of the pause")
        expect("device 0 (ccw-fake) would not stop: pause: a program was with the channel for too long" in refused.stderr, "why",
               refused.stderr)
        status = h.status("web")
        equal((status["substate"], status["operation_outcome"]), ("running", "device-refused"), "the VM")
        count = h.counter(status["life"])
        h.until(lambda: h.counter(status["life"]) > count + 1, "the guest counts")
        h.ctl("abort", "web")  # cancel takes the program away
        h.until_state("web", "null")
        all_is_settled(h)


def a_restart_quiesces_the_channel_and_begins_with_a_new_one():
    with Host() as h:
        h.define("web", "beat", devices=subchannels("program 0ms; start silent; cancel fail 16; halt silent; halt after 500ms"))
        h.ctl("start", "web")
        h.until(lambda: shown(h) == [("busy", "-")], "the channel has a program")
        life = h.row("web")["life"]
        with watching(h, "web", "abort: halt, try 2") as watch:
            again = h.ctl_begin("restart", "web")
            equal(again.wait(timeout=host.LIMIT), 0, "exit code of the restart")
            equal(watch.stdout.read(), "quiescing\n", "the device, when the ladder is shown")
        expect(h.row("web")["life"] > life, "another life", h.row("web"))
        h.until(lambda: shown(h) == [("busy", "-")], "with a channel that knows nothing of the last one")
        h.ctl("abort", "web")
        h.until_state("web", "null")
        all_is_settled(h)


def a_channel_that_hangs_holds_no_end_up_for_ever():
    with Host() as h:
        h.define("web", "beat", devices=subchannels(
            "program 0ms; start silent; cancel fail 16; halt silent always; clear silent always", "itself after 10ms gone"))
        h.ctl("start", "web")
        h.until(lambda: shown(h) == [("busy", "-"), ("not-operational", "dead")], "one is busy, one went away")
        equal(h.status("web")["devices"][1]["text"], "gone", "what became of it")
        h.ctl("abort", "web")
        h.until_state("web", "null")
        all_is_settled(h)


def devices_that_hang_hold_no_end_up_for_ever():
    """Four that answer nothing need longer than the daemon's patience: the VMM is ended, and all is settled."""
    with Host() as h:
        runs(h, *["set never; reset never"] * 4)
        h.ctl("abort", "web")
        h.until_state("web", "null")
        equal(h.status("web")["last_end"]["cause"], "user-abort", "cause")
        all_is_settled(h)


if __name__ == "__main__":
    sys.exit(host.main([
        a_script_that_is_wrong_is_refused_with_its_place,
        devices_are_shown_and_outlive_a_daemon,
        a_restart_stops_them_and_begins_with_new_ones,
        a_pause_stops_them_and_a_resume_starts_them,
        a_device_that_refuses_a_pause_is_named_and_the_guest_goes_on,
        a_guest_whose_device_does_not_start_again_is_shown_as_paused,
        a_pause_waits_for_the_program_of_a_subchannel,
        a_channel_that_does_not_end_its_program_refuses_a_pause,
        a_restart_quiesces_the_channel_and_begins_with_a_new_one,
        a_channel_that_hangs_holds_no_end_up_for_ever,
        devices_that_hang_hold_no_end_up_for_ever,
    ]))
