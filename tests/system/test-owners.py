#!/usr/bin/env python3
"""Files of the daemon's that belong to another user, as after a copy or a backup that was put back: what is not needed is set aside or
made anew, and said; what cannot be missed is left alone, and the error says whose it is and what to do. Guests run on."""
import json
import os
import re
import subprocess
import sys

import host
from host import BUILD, Host, equal, expect

OTHER = 12345
NOBODY = 65534


def some_host():
    h = Host()
    h.define("web")
    h.ctl("start", "web")
    return h


def picture(h):
    status = h.status("web")
    return status["life"], status["ffa_id"], status["vmm_pid"], status["state"]


def give(*paths, owner=OTHER):
    for path in paths:
        os.chown(path, owner, owner, follow_symlinks=False)


def said(h, before):
    return (h.dir / "daemon.log").read_text()[before:]


def restart_with(h, *paths):
    """The daemon is killed, these are another user's, and a daemon comes that takes the guest up as it was; what it says."""
    was = picture(h)
    counted = h.counter(was[0])
    h.kill_daemon()
    give(*paths)
    before = (h.dir / "daemon.log").stat().st_size
    h.start_daemon()
    h.until(lambda: h.status("web")["vmm_pid"], "its VMM is back")
    equal(picture(h), was, "the guest")
    h.until(lambda: h.counter(was[0]) > counted, "it runs on")
    return said(h, before)


def refused_with(h, *paths):
    """The daemon is killed, these are another user's, and it does not come; what it says."""
    h.kill_daemon()
    give(*paths)
    before = (h.dir / "daemon.log").stat().st_size
    h.start_daemon(ready=False)
    equal(h.daemon.wait(), 1, "exit code")
    h.daemon.close()
    h.daemon = None
    return said(h, before)


def epoch(h):
    return (h.state / "epoch").read_text()


def another_users_log_is_left_alone_until_it_is_given_back():
    with some_host() as h:
        was, text = picture(h), (h.state / "log").read_bytes()
        error = refused_with(h, h.state / "log")
        expect(f"{h.state}/log belongs to uid {OTHER}" in error, "whose it is", error)
        equal((h.state / "log").read_bytes(), text, "the log")
        remedy = re.search(r"give it back: (.*)", error)
        expect(remedy, "what to do", error)
        subprocess.run(remedy.group(1), shell=True, check=True)
        h.start_daemon()
        h.until(lambda: h.status("web")["vmm_pid"], "its VMM is back")
        equal(picture(h), was, "the guest")


def a_link_in_place_of_the_log_is_named():
    with some_host() as h:
        h.kill_daemon()
        os.rename(h.state / "log", h.dir / "elsewhere")
        os.symlink(h.dir / "elsewhere", h.state / "log")
        h.start_daemon(ready=False)
        equal(h.daemon.wait(), 1, "exit code")
        expect(f"{h.state}/log is a symbolic link" in h.daemon.log(), "what is wrong", h.daemon.log())
        h.daemon.close()
        h.daemon = None


def a_log_that_cannot_be_opened_is_named_too():
    """By a daemon that is not root, whose directory it is."""
    with Host(daemon=False, secure_side=False) as h:
        os.chmod(h.dir, 0o755)
        h.state.mkdir(mode=0o700)
        (h.state / "log").touch(0o600)
        (h.dir / "memory").mkdir()
        give(h.state, h.run, h.dir / "memory", owner=NOBODY)
        done = subprocess.run(["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", BUILD / "daemon/main/lifecycled", "--bus",
                               h.bus_address, "--state-dir", h.state, "--runtime-dir", h.run, "--memory-dir", h.dir / "memory",
                               "--secure", "none"], capture_output=True, text=True, timeout=host.LIMIT)
        equal(done.returncode, 1, "exit code")
        expect("/log belongs to uid 0" in done.stderr and f"chown {NOBODY} " in done.stderr, "whose it is, and what to do", done.stderr)


def an_older_log_is_set_aside():
    with some_host() as h:
        other = h.dir / "other.d"
        for kernel, folder in (("/k", h.definitions), ("/another", other)):
            folder.mkdir(exist_ok=True)
            for n in range(400):
                (folder / f"db{n}.json").write_text(f'{{"name": "db{n}", "memory": {{"size": "2M"}}, "kernel": "{kernel}"}}')
        for _ in range(60):  # so many events that the log begins anew with a snapshot
            h.ctl("reload")
            if (h.state / "log.1").exists():
                break
            os.rename(h.definitions, h.dir / "before")
            os.rename(other, h.definitions)
            os.rename(h.dir / "before", other)
        h.until((h.state / "log.1").exists, "the log began anew")
        text = restart_with(h, h.state / "log.1")
        expect("log.1 belongs to uid" in text and "set aside" in text, "it is said", text)
        equal((h.state / "log.damaged-1").stat().st_uid, OTHER, "what was set aside")
        equal(len(h.json("list")), 401, "VMs: the rest is there")


def what_can_be_made_anew_is_made_anew():
    with some_host() as h:
        was = epoch(h)
        (h.state / "loading").touch(0o600)
        text = restart_with(h, h.state / "epoch", h.state / "loading", h.run / "state")
        for word in ("epoch is another user's", "loading was another user's", "state page was another user's"):
            expect(word in text, f"'{word}' is said", text)
        expect(epoch(h) != was, "another epoch: cursors of a copy are void", was)
        for path in (h.state / "epoch", h.run / "state"):
            equal(path.stat().st_uid, os.geteuid(), f"who has {path.name} now")
        h.ctl("abort", "web")


def what_a_crash_left_of_another_user_is_not_written_into():
    with some_host() as h:
        names = [h.state / name for name in ("log.new", "epoch.new", "lost.new")]
        for path in names:
            path.touch(0o600)
        (h.state / "epoch").unlink()
        restart_with(h, *names)
        equal({p.name for p in h.state.iterdir() if p.stat().st_uid != os.geteuid() and p.name != "lost.new"}, set(), "files of others")


def ids_that_another_users_file_keeps_back_are_kept_back():
    with Host(options=("--ids", "0x10-0x12")) as h:
        h.until(lambda: {"0x8001", "0x8002"} <= {f"{p['id']:#x}" for p in h.json("partitions")}, "its SPs are on record: they may know the ids")
        h.kill_daemon()
        (h.state / "lost").write_text("lifecycled lost 1 5\n16\n17\n")
        give(h.state / "lost")
        h.start_daemon()
        h.define("web")
        h.ctl("start", "web")
        equal(h.row("web")["ffa_id"], 0x12, "the only id that is not kept back")


def a_directory_of_another_user_is_refused_and_named():
    for name in ("lives", "consoles"):
        with some_host() as h:
            was = picture(h)
            error = refused_with(h, h.run / name)
            expect(f"directory {h.run}/{name} has owner {OTHER}" in error and "must belong to user" in error, "what is wrong", error)
            give(h.run / name, owner=os.geteuid())
            h.start_daemon()
            h.until(lambda: h.status("web")["vmm_pid"], "its VMM is back")
            equal(picture(h), was, "the guest")


def definitions_in_a_directory_of_another_user_are_passed_over():
    with Host() as h:
        text = '{"name": "%s", "memory": {"size": "2M"}, "kernel": "/k"}'
        (h.definitions / "old.json").write_text(text % "old")
        h.ctl("reload")
        (h.definitions / "new.json").write_text(text % "new")
        for change, back in ((lambda: give(h.definitions), lambda: give(h.definitions, owner=0)),
                             (lambda: os.chmod(h.definitions, 0o757), lambda: os.chmod(h.definitions, 0o755))):
            change()
            done = h.ctl("reload", check=False)
            expect("another user owns the directory" in done.stdout + done.stderr, "it is said", done.stdout, done.stderr)
            equal([r["name"] for r in h.json("list")], ["old"], "VMs: as they were")
            back()
        h.ctl("reload")
        equal(sorted(r["name"] for r in h.json("list")), ["new", "old"], "VMs")


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("SKIPPED all: only root can give a file away")
        sys.exit(host.SKIPPED)
    sys.exit(host.main([
        another_users_log_is_left_alone_until_it_is_given_back,
        a_link_in_place_of_the_log_is_named,
        a_log_that_cannot_be_opened_is_named_too,
        an_older_log_is_set_aside,
        what_can_be_made_anew_is_made_anew,
        what_a_crash_left_of_another_user_is_not_written_into,
        ids_that_another_users_file_keeps_back_are_kept_back,
        a_directory_of_another_user_is_refused_and_named,
        definitions_in_a_directory_of_another_user_are_passed_over,
    ]))
