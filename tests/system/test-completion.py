#!/usr/bin/env python3
"""Completion in real shells: what is typed is completed by bash, zsh and fish as they do it for people. The VMM is the one of
tests/unit/fleet, which has no VM: this needs no KVM.
"""
import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import host
from host import BUILD, TESTS, Host, equal, expect
from terminal import Terminal

SCRIPTS = TESTS.parent / "cli/completion"
BASH_COMPLETION = "/usr/share/bash-completion/bash_completion"
SPS = ("--sp", "trusty:0x8001", "--sp", "optee:0x9003")

# What is typed before a tab, and what the line is then. {bus} is the address of the bus.
LINES = (
    ("lifecyclectl stat", "lifecyclectl status"),
    ("lifecyclectl -q partit", "lifecyclectl -q partitions"),
    ("lifecyclectl start --no-b", "lifecyclectl start --no-block"),
    ("lifecyclectl abort --pres", "lifecyclectl abort --preserve"),
    ("lifecyclectl start --pres", "lifecyclectl start --pres"),
    ("lifecyclectl list --output json-p", "lifecyclectl list --output json-pretty"),
    ("lifecyclectl list --output=json-p", "lifecyclectl list --output=json-pretty"),
    ("lifecyclectl list -o ta", "lifecyclectl list -o table"),
    ("lifecyclectl list --state runn", "lifecyclectl list --state running"),
    ("lifecyclectl list --state=null,runn", "lifecyclectl list --state=null,running"),
    ("lifecyclectl status we", "lifecyclectl status web.1-a"),
    ("lifecyclectl abort --timeout 5 0_", "lifecyclectl abort --timeout 5 0_.-x"),
    ("lifecyclectl start web.1-a d", "lifecyclectl start web.1-a db"),
    ("lifecyclectl start web.1-a w", "lifecyclectl start web.1-a w"),
    ("lifecyclectl console db we", "lifecyclectl console db we"),
    ("lifecyclectl --bus {bus} status d", "lifecyclectl --bus {bus} status db"),
    ("lifecyclectl --bus={bus} status d", "lifecyclectl --bus={bus} status db"),
    ("lifecyclectl --bus unix:path=/nowhere status d", "lifecyclectl --bus unix:path=/nowhere status d"),
    ("lifecyclectl partitions 0x9", "lifecyclectl partitions 0x9003"),
    ("lifecyclectl trace 0x9", "lifecyclectl trace 0x9003"),
    ("lifecyclectl forget db 0x9", "lifecyclectl forget db 0x9003"),
    ("lifecyclectl define my", "lifecyclectl define my guest.json"),
    ("lifecyclectl validate my", "lifecyclectl validate my guest.json"),
    ("lifecyclectl validate we", "lifecyclectl validate web.1-a"),
    ("lifecyclectl lease d", "lifecyclectl lease db"),
    ("lifecyclectl lease db -- xyzz", "lifecyclectl lease db -- xyzzy-command"),
    ("lifecyclectl show db -p Vcpus", "lifecyclectl show db -p Vcpus"),
    ("lifecyclectl show db -p VcpuCo", "lifecyclectl show db -p VcpuCount"),
    ("lifecyclectl show db --property=Life,VcpuCo", "lifecyclectl show db --property=Life,VcpuCount"),
    ("lifecyclectl show -p VmC", "lifecyclectl show -p VmCount"),
    ("lifecyclectl log-level deb", "lifecyclectl log-level debug"),
    ("lifecyclectl help plo", "lifecyclectl help plot"),
    ("lifecyclectl reload d", "lifecyclectl reload d"),
)


@contextlib.contextmanager
def place():
    """A host with VMs, and a directory with a file whose name has a blank, a command, and our program in its PATH."""
    with tempfile.TemporaryDirectory(prefix="lifecycled-completion-", dir="/dev/shm") as name:
        at = pathlib.Path(name)
        (at / "bin").mkdir()
        (at / "bin/lifecyclectl").symlink_to(BUILD / "cli/lifecyclectl")
        (at / "bin/xyzzy-command").write_text("#!/bin/sh\n")
        (at / "bin/xyzzy-command").chmod(0o755)
        (at / "work").mkdir()
        (at / "work/my guest.json").write_text("{}")
        with Host(secure=SPS, options=("--vmm", str(BUILD / "tests/unit/fleet/fake-vmm"))) as h:
            for vm in ("web.1-a", "0_.-x", "db"):
                h.define(vm)
            h.until(lambda: len(h.ctl("--quiet", "partitions").split()) >= 2, "the SPs are known")
            yield h, at


def environment(h, at):
    return {"LIFECYCLED_BUS": h.bus_address, "PATH": f"{at}/bin:{os.environ['PATH']}", "HOME": str(at), "ZDOTDIR": str(at),
            "XDG_CONFIG_HOME": str(at), "XDG_DATA_HOME": str(at), "LC_ALL": "C.UTF-8"}


def typed(t, line):
    """The line after a tab: an echo in front of it prints it, with a word that does not stand in what was typed."""
    seen = len(t.written)
    t.write(line + "\t")
    t.write("\x01echo R''ESULT: \r")  # to the front of the line, and go
    t.until(lambda w: re.search(rb"RESULT: [^\n]*\n", w[seen:]), f"'{line}' is completed")
    found = re.search(rb"RESULT: ([^\r\n]*)", t.written[seen:]).group(1).decode()
    return found.rstrip()


def completes_as_people_type(shell, begin):
    with place() as (h, at):
        with Terminal(shell, 1000, environment(h, at)) as t:
            t.write(f"cd {at}/work\r")
            for line in begin:
                t.write(line.format(at=at) + "\r")
            t.write("echo READ''Y\r")
            t.until(lambda w: b"READY\r\n" in w, "the shell is ready")
            for before, after in LINES:
                equal(typed(t, before.format(bus=h.bus_address)), after.format(bus=h.bus_address), f"'{before}' after a tab")


def bash_completes():
    completes_as_people_type(["bash", "--norc", "--noprofile", "-i"],
                             ["PS1=", "bind 'set bell-style none'", f"source {SCRIPTS}/lifecyclectl.bash"])


def bash_loads_it_by_itself():
    """bash-completion looks for a script of the command's name when its first argument is completed."""
    with place() as (h, at), Terminal(["bash", "--norc", "--noprofile", "-i"], 1000,
                                      {**environment(h, at), "XDG_DATA_DIRS": str(at / "share")}) as t:
        (at / "share/bash-completion/completions").mkdir(parents=True)
        shutil.copy(SCRIPTS / "lifecyclectl.bash", at / "share/bash-completion/completions/lifecyclectl")
        t.write(f"PS1=; bind 'set bell-style none'; source {BASH_COMPLETION}; echo READ''Y\r")
        t.until(lambda w: b"READY\r\n" in w, "the shell is ready")
        equal(typed(t, "lifecyclectl status we"), "lifecyclectl status web.1-a", "the first line, after a tab")
        equal(typed(t, "lifecyclectl list --output=json-p"), "lifecyclectl list --output=json-pretty", "another one")


def zsh_completes():
    with tempfile.TemporaryDirectory(prefix="lifecycled-zsh-", dir="/dev/shm") as functions:
        shutil.copy(SCRIPTS / "lifecyclectl.zsh", f"{functions}/_lifecyclectl")
        completes_as_people_type(["zsh", "-f", "-i"],
                                 ["PS1= RPS1=", "bindkey -e", "unsetopt beep prompt_sp", f"fpath=({functions} $fpath)",
                                  "autoload -Uz compinit && compinit -u -D"])


def fish(h, at, line):
    """All that fish offers: words and what it says of them."""
    done = subprocess.run(["fish", "--no-config", "-c", f"source {SCRIPTS}/lifecyclectl.fish; complete -C \"$argv\"", line],
                          capture_output=True, text=True, timeout=host.LIMIT, cwd=at / "work",
                          env={**os.environ, **environment(h, at)})
    expect(done.returncode == 0 and not done.stderr, f"fish completes '{line}'", done.stderr)
    return dict((offer.split("\t") + [""])[:2] for offer in done.stdout.splitlines())


def fish_completes():
    with place() as (h, at):
        for before, after in LINES:
            before, after = before.format(bus=h.bus_address), after.format(bus=h.bus_address)
            offered = list(fish(h, at, before))
            wanted = [] if before == after else [after[before.rindex(" ") + 1:]]
            equal([word.replace("\\", "") for word in offered], wanted, f"what fish offers after '{before}'")
        offered = fish(h, at, "lifecyclectl status ")
        equal(offered, {"web.1-a": "null", "0_.-x": "null", "db": "null"}, "VMs, and how they are")
        offered = fish(h, at, "lifecyclectl ")
        expect(offered["plot"] == "Draw lives over time, as SVG" and "__complete" not in offered, "verbs, and what they do", offered)


def everything_that_help_shows_is_offered():
    with place() as (h, at):
        def offered(*words):
            done = subprocess.run([BUILD / "cli/lifecyclectl", "__complete", *words], capture_output=True, text=True, check=True,
                                  env={**os.environ, **environment(h, at)})
            return [line.split("\t")[0] for line in done.stdout.splitlines()]
        verbs = h.json("help")
        equal(offered(""), [verb["verb"] for verb in verbs], "verbs")
        for verb in verbs:
            equal([word for word in offered(verb["verb"], "--") if word.startswith("--")],
                  [f"--{option['option']}" for option in verb["options"]], f"options of {verb['verb']}")
            if "NAME" in verb["arguments"]:
                expect("db" in offered(verb["verb"], ""), f"{verb['verb']} takes a VM", offered(verb["verb"], ""))
        h.daemon.kill()
        h.daemon.wait()
        equal(offered("status", ""), [], "names without a daemon")
        expect("status" in offered("sta"), "verbs without a daemon")


def shells_are_there():
    missing = [shell for shell in ("bash", "zsh", "fish") if not shutil.which(shell)]
    missing += [] if os.path.exists(BASH_COMPLETION) else ["bash-completion"]
    expect(not missing, "shells are missing; tests/setup installs " + ", ".join(missing))


if __name__ == "__main__":
    sys.exit(host.main([
        shells_are_there,
        bash_completes,
        bash_loads_it_by_itself,
        zsh_completes,
        fish_completes,
        everything_that_help_shows_is_offered,
    ]))
