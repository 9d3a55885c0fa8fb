#!/usr/bin/env python3
"""As installed, with the real polkit: what a stranger may, what a rule lets him, and what happens without it."""
import os
import pathlib
import pty
import re
import select
import subprocess
import sys
import termios
import time

import host
from host import ctl, equal, expect, systemctl

RULES = pathlib.Path("/etc/polkit-1/rules.d/10-test.rules")
DENIED, WRONG_LIFE = 13, 8
ACTION = "org.lifecycled.Lifecycle1"


def as_user(user, *words, text=None):
    return host.run("setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "lifecyclectl", *words, check=False, text=text)


def denied(done, *parts):
    equal(done.returncode, DENIED, f"exit code ({done.stderr.strip()})")
    for part in parts:
        expect(part in done.stderr, f"it says '{part}'", done.stderr)


def rule(text):
    """The rules of this test, and a polkit that has read them."""
    if text is None:
        RULES.unlink(missing_ok=True)
    else:
        RULES.write_text(text)
    systemctl("restart", "polkit.service")


def user(name):
    if host.run("getent", "passwd", name, check=False).returncode:
        host.run("systemd-sysusers", "-", text=f"u {name} -\n")
    return name


def polkit_knows_the_actions():
    ids = [line for line in host.run("pkaction").splitlines() if line.startswith(ACTION)]
    equal(len(ids), 14, f"actions of {ACTION}")
    for action in ids:
        said = host.run("pkaction", "--verbose", "--action-id", action)
        for who, what in (("any", "auth_admin"), ("inactive", "auth_admin"), ("active", "auth_admin_keep")):
            expect(any(line.split() == ["implicit", who + ":", what] for line in said.splitlines()), f"{action}, {who}: {what}", said)


def a_stranger_reads_and_changes_nothing():
    host.fresh()
    host.define("web")
    stranger = user("stranger")
    expect("web" in as_user(stranger, "list").stdout, "he sees web")
    for words in (["start", "web"], ["destroy", "web"], ["undefine", "web"], ["reload"], ["shutdown"], ["console", "web"],
                  ["stop", "web"]):
        denied(as_user(stranger, *words), "may not", "polkit wants a password, and this call allows no question")
    denied(as_user(stranger, "define", "-", text='{ "name": "mine", "memory": { "size": "2M" }, "kernel": "/k" }'),
           f"may not define mine ({ACTION}.define)")
    equal(host.row("web")["state"], "null", "state of web")
    equal(host.row("mine"), None, "what he defined")


def a_vmm_may_do_nothing_to_another_vm():
    """Whoever takes a VMM over has its user."""
    host.fresh()
    host.define("web")
    for words in (["start", "web"], ["destroy", "web"], ["console", "web"]):
        denied(as_user("lifecycled-vmm", *words))
    equal(host.row("web")["state"], "null", "state of web")


def a_rule_sees_the_verb_the_vm_the_life_and_the_cause():
    host.fresh()
    stranger = user("stranger")
    for name in ("web", "db"):
        host.define(name)
    rule(f"""
polkit.addRule(function(action, subject) {{
    if (action.id == "{ACTION}.start" && action.lookup("vm") == "web" && action.lookup("verb") == "start" &&
        subject.user == "{stranger}")
        return polkit.Result.YES;
    if (action.id == "{ACTION}.abort" && action.lookup("cause") == "user-abort" && action.lookup("life") != undefined)
        return polkit.Result.YES;
    if (action.id == "{ACTION}.restart")
        return polkit.Result.NO;
}});
""")
    try:
        denied(as_user(stranger, "start", "db"), f"may not start db ({ACTION}.start)")
        denied(as_user("lifecycled-spmc", "start", "web"))
        started = as_user(stranger, "start", "web")
        equal(started.returncode, 0, f"exit code of start web ({started.stderr.strip()})")
        life = host.row("web")["life"]
        equal(host.row("web")["state"], "running", "state of web")
        uid = host.run("id", "-u", stranger).strip()
        host.until(lambda: re.search(rf"polkit lets uid {uid} \(lifecyclectl\[\d+\]\) start web", host.journal()), "the journal names him")
        denied(as_user(stranger, "restart", "web"), "polkit says no")
        denied(as_user(stranger, "abort", "web"))  # which life, it did not say
        equal(as_user(stranger, "abort", "web", "--if-life", life + 1).returncode, WRONG_LIFE, "exit code for another life")
        aborted = as_user(stranger, "abort", "web", "--if-life", life)
        equal(aborted.returncode, 0, f"exit code of abort web ({aborted.stderr.strip()})")
        equal(host.row("web")["state"], "null", "state of web")
    finally:
        rule(None)
    denied(as_user(stranger, "start", "web"))


def without_polkit_others_are_refused_and_root_is_not():
    host.fresh()
    stranger = user("stranger")
    systemctl("mask", "--runtime", "--now", "polkit.service")
    try:
        denied(as_user(stranger, "reload"), "polkit")
        ctl("reload")
        done = as_user("lifecycled", "reload")
        equal(done.returncode, 0, f"exit code of the daemon's own user ({done.stderr.strip()})")
    finally:
        systemctl("unmask", "--runtime", "polkit.service")
        systemctl("start", "polkit.service")
    denied(as_user(stranger, "reload"), "password")


PASSWORD = "secret of root"


def set_password():
    """Where the packages' own scripts never ran, as in an image of another architecture, nobody has told PAM what to ask."""
    for kind in ("auth", "account", "password", "session"):
        common = pathlib.Path(f"/etc/pam.d/common-{kind}")
        if not common.exists():
            common.write_text(f"{kind} required pam_unix.so\n")
    host.run("chpasswd", text=f"root:{PASSWORD}\n")


class Terminal:
    """A program of another user on a terminal of its own, in a session: polkit takes an agent from there alone."""

    def __init__(self, name, *words):
        self.said = ""
        go, ready = os.pipe()
        self.pid, self.fd = pty.fork()
        if not self.pid:
            try:
                os.read(go, 1)
                os.execvp("setpriv", ["setpriv", f"--reuid={name}", f"--regid={name}", "--clear-groups", *map(str, words)])
            finally:
                os._exit(127)
        set_password()
        uid = host.run("id", "-u", name).strip()
        host.run("busctl", "call", "org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager",
                 "CreateSession", "uusssssussbssa(sv)", uid, self.pid, "test", "tty", "user", "", "", 0, "", "", "no", "", "", 0)
        os.write(ready, b"x")
        os.close(go)
        os.close(ready)

    def until(self, text):
        deadline = time.monotonic() + host.LIMIT
        while text not in self.said:
            ready = select.select([self.fd], [], [], max(0, deadline - time.monotonic()))[0]
            expect(ready, f"the terminal shows '{text}'", self.said)
            try:
                self.said += os.read(self.fd, 4096).decode(errors="replace")
            except OSError:  # nobody has it any more
                raise host.Failure(f"the terminal does not show '{text}': {self.said}") from None

    def until_asked(self):
        """pkttyagent asks first, then turns the echo off, and forgets what was typed before."""
        self.until("Password: ")
        host.until(lambda: not termios.tcgetattr(self.fd)[3] & termios.ECHO, "the terminal echoes no more")

    def type(self, text):
        os.write(self.fd, text.encode() + b"\n")

    def end(self):
        try:
            while data := os.read(self.fd, 4096):
                self.said += data.decode(errors="replace")
        except OSError:
            pass
        os.close(self.fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def mine():
    pathlib.Path("/run/mine.json").write_text('{ "name": "mine", "memory": { "size": "2M" }, "kernel": "/k" }')


def on_a_terminal_a_password_is_asked_for():
    host.fresh()
    stranger = user("stranger")
    mine()
    refused = Terminal(stranger, "lifecyclectl", "--no-ask-password", "define", "/run/mine.json")
    equal(refused.end(), DENIED, f"exit code of --no-ask-password ({refused.said})")
    expect("allows no question" in refused.said and "Password" not in refused.said, "nobody was asked", refused.said)
    for password, code in (("wrong", DENIED), (PASSWORD, 0)):
        terminal = Terminal(stranger, "lifecyclectl", "define", "/run/mine.json")
        terminal.until("Authentication is required to define the virtual machine 'mine'.")
        terminal.until_asked()
        ctl("list")  # the daemon has other things to do
        terminal.type(password)
        equal(terminal.end(), code, f"exit code with the password '{password}' ({terminal.said})")
        equal(host.row("mine") is not None, code == 0, "it is defined")
    ctl("destroy", "mine")


def a_life_that_ends_while_a_person_is_asked_is_not_followed_by_another():
    host.fresh()
    host.define("web")
    ctl("start", "web")
    life = host.row("web")["life"]
    terminal = Terminal(user("stranger"), "lifecyclectl", "abort", "web", "--if-life", life)
    terminal.until("Authentication is required to abort the virtual machine 'web'.")
    terminal.until_asked()
    ctl("restart", "web")
    terminal.type(PASSWORD)
    equal(terminal.end(), WRONG_LIFE, f"exit code of an abort that was allowed ({terminal.said})")
    expect(f"life {life} of web is over" in terminal.said, "it says so", terminal.said)
    equal((host.row("web")["state"], host.row("web")["life"] > life), ("running", True), "web, in its next life")
    ctl("destroy", "web")


def who_leaves_takes_the_question_with_him():
    host.fresh()
    mine()
    terminal = Terminal(user("stranger"), "lifecyclectl", "define", "/run/mine.json")
    terminal.until_asked()
    terminal.type("\x03")
    expect(terminal.end() != 0, "it ends without a password", terminal.said)
    equal(host.row("mine"), None, "what he asked for")


def has_logind():
    return subprocess.run(["systemctl", "start", "systemd-logind"], capture_output=True).returncode == 0


NEED_A_TERMINAL = [
    on_a_terminal_a_password_is_asked_for,
    a_life_that_ends_while_a_person_is_asked_is_not_followed_by_another,
    who_leaves_takes_the_question_with_him,
]


if __name__ == "__main__":
    with_terminal = has_logind()
    if not with_terminal:
        for test in NEED_A_TERMINAL:
            print(f"NOT TRIED {test.__name__}: there is no logind here, and polkit takes an agent from its sessions alone")
    sys.exit(host.main([
        polkit_knows_the_actions,
        a_stranger_reads_and_changes_nothing,
        a_vmm_may_do_nothing_to_another_vm,
        a_rule_sees_the_verb_the_vm_the_life_and_the_cause,
        without_polkit_others_are_refused_and_root_is_not,
        *(NEED_A_TERMINAL if with_terminal else []),
    ], needs_kvm=False))
