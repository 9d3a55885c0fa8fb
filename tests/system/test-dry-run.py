#!/usr/bin/env python3
"""What lifecyclectl says before a verb, with --dry-run, against what comes of the verb then: in each state, a VM for each verb."""
import json
import os
import signal
import sys

import host
from host import Host, equal, expect

VERBS = ("start", "stop", "pause", "resume", "abort", "abort --preserve", "restart", "destroy", "undefine", "undefine --pending", "cancel")
STEERS = ("start", "stop", "pause", "resume", "abort", "restart", "destroy")


def unborn(h, name):
    h.define(name, "ignore")


def running(h, name):
    h.define(name, "ignore", limits={"stop-timeout": "24h"})
    h.ctl("start", name)
    h.until(lambda: "listens" in h.ctl("console", name), "it listens")


def paused(h, name):
    running(h, name)
    h.ctl("pause", name)


def stopping(h, name):
    running(h, name)
    h.ctl("stop", "--no-block", name)
    h.until(lambda: h.row(name)["operation"] == "stop", "it is asked")


def undefined(h, name):
    """It runs, and goes at the end of its life."""
    running(h, name)
    h.ctl("undefine", "--pending", name)


def kept(h, name):
    running(h, name)
    h.ctl("abort", "--preserve", name)


def waiting(h, name):
    """Its life is over, and the next one is to begin once its delay is."""
    h.define(name, "crash", policies={"on-crash": "restart", "restart-delay": "1h"})
    h.ctl("start", name, check=False)
    h.until(lambda: h.row(name)["state"] == "null" and h.row(name)["waits_on"] == "timer", "it waits for its delay")


def announced(h, name):
    """It has a life, of which no SP has heard yet."""
    h.secure.kill(signal.SIGSTOP)
    h.define(name, "ignore")
    h.ctl("start", "--no-block", name)
    h.until(lambda: h.row(name)["substate"] == "announcing", "it is announced")


def quiescing(*words):
    """Its end has begun, and its VMM does not say that the vCPUs are out."""
    def it(h, name):
        running(h, name)
        os.kill(h.status(name)["vmm_pid"], signal.SIGSTOP)
        h.ctl(*words, "--no-block", name)
        h.until(lambda: h.row(name)["substate"] == "quiescing", "it is quiesced")
    it.__name__ = f"quiescing after {' '.join(words)}"
    return it


def retiring(*words):
    """Its vCPUs are out, and no SP takes that it ends."""
    def it(h, name):
        h.define(name, "ignore")
        h.ctl("start", name)
        h.secure.kill(signal.SIGSTOP)
        if words:
            h.ctl(*words, "--no-block", name)
        else:
            os.kill(h.status(name)["vmm_pid"], signal.SIGKILL)
        h.until(lambda: h.row(name)["substate"] == "retiring" and not h.status(name)["vmm_pid"], "it is retired, and its VMM has left")
    it.__name__ = f"retiring after {' '.join(words) or 'an end of its own'}"
    return it


def ending_before_a_delay(h, name):
    """No SP takes that it ends, and the next life will not begin before its delay is over."""
    h.define(name, "ignore", policies={"on-crash": "restart", "restart-delay": "1h"})
    h.ctl("start", name)
    h.secure.kill(signal.SIGSTOP)
    os.kill(h.status(name)["vmm_pid"], signal.SIGKILL)
    h.until(lambda: h.row(name)["substate"] == "retiring" and h.row(name)["operation"] == "restart" and not h.status(name)["vmm_pid"],
            "it is retired, and the next life waits")


def in_each_state(begin):
    with Host() as h:
        for verb in host.check.some(VERBS):
            name = "web-" + verb.replace(" --", "-")
            try:
                begin(h, name)
                does_as_it_says(h, begin, verb, name)
            finally:
                h.secure.kill(signal.SIGCONT)


def does_as_it_says(h, begin, verb, name):
    words = verb.split()
    before = h.row(name)["sequence"]
    said = h.ctl("--dry-run", *words, name, check=False)
    equal(h.row(name)["sequence"], before, f"{verb}: a rehearsal changes nothing")
    as_json = json.loads(h.ctl("--dry-run", "-o", "json", *words, name, check=False).stdout)[0]
    equal(as_json["exit_code"], said.returncode, f"{verb}: the exit code in JSON")
    if words[0] != "undefine":
        can = h.json("show", "-p", "Can", name)[0]["Can"]
        changes = said.returncode == 0 and ": nothing: " not in said.stdout
        equal(words[-1].lstrip("-") in can, changes, f"{begin.__name__}, {verb}: what lifecycled can do is {can}; '{said.stdout}'")
    more = ["--no-block"] if words[0] in STEERS else []
    done = h.ctl(*words, *more, name, check=False)
    equal(said.returncode, done.returncode, f"{begin.__name__}, {verb}: '{said.stdout}{said.stderr}' and then '{done.stderr}'")
    expect(said.stdout if done.returncode == 0 else "would be refused: " in said.stderr, f"{verb}: words", said)


def an_unborn_vm():
    in_each_state(unborn)


def a_running_vm():
    in_each_state(running)


def a_paused_vm():
    in_each_state(paused)


def a_stopping_vm():
    in_each_state(stopping)


def a_waiting_vm():
    in_each_state(waiting)


def a_vm_without_a_definition():
    in_each_state(undefined)


def a_kept_vm():
    in_each_state(kept)


def an_announced_vm():
    in_each_state(announced)


def a_vm_that_is_quiesced():
    for words in (["abort"], ["restart"], ["destroy"]):
        in_each_state(quiescing(*words))


def a_vm_that_is_retired():
    for words in ([], ["abort"], ["restart"], ["destroy"]):
        in_each_state(retiring(*words))
    in_each_state(ending_before_a_delay)


def who_is_meant_is_looked_at():
    with Host() as h:
        running(h, "web")
        life = h.row("web")["life"]
        for words, code in ((("abort", "nobody"), 4), (("abort", "web", f"--if-life={life + 1}"), 8), (("abort", "web", f"--if-life={life}"), 0)):
            equal(h.ctl("--dry-run", *words, check=False).returncode, code, " ".join(words))
            equal(h.row("web")["life"], life, "life")
        equal(h.ctl("shutdown", "--dry-run"), "web: its life would end\n", "shutdown")
        equal(h.row("web")["state"], "running", "state")
        h.ctl("abort", "web")
        equal(h.ctl("shutdown", "--dry-run"), "no VM has a life\n", "shutdown of nothing")


if __name__ == "__main__":
    sys.exit(host.main([
        an_unborn_vm,
        a_waiting_vm,
        an_announced_vm,
        a_running_vm,
        a_paused_vm,
        a_stopping_vm,
        a_vm_without_a_definition,
        a_kept_vm,
        a_vm_that_is_quiesced,
        a_vm_that_is_retired,
        who_is_meant_is_looked_at,
    ]))
