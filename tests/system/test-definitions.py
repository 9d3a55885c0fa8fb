#!/usr/bin/env python3
"""Definitions: judged, read again with what differs, put off while a life lasts, taken back; and a daemon that dies after any answer."""
import json
import os
import signal
import subprocess
import sys

import host
from check import needs_kvm
from host import BUILD, GUESTS, Host, definition, equal, expect

FAILED, INVALID, ILLEGAL, CYCLE, NO_SUCH, NO_ARGUMENT, OTHER_SOURCE = 1, 6, 7, 16, 4, 12, 23


def text(name, guest="beat", **more):
    return json.dumps(definition(name, GUESTS / f"{guest}.elf", more))


def put(h, name, guest="beat", **more):
    (h.definitions / f"{name}.json").write_text(text(name, guest, **more))


def reload(h, *options, code=0):
    done = h.ctl("-o", "json", "reload", *options, check=False)
    equal(done.returncode, code, f"reload: {done.stdout} {done.stderr}")
    return {row["name"]: row for row in json.loads(done.stdout)}


def refused(h, code, word, *words, text=None):
    done = h.ctl(*words, check=False, text=text)
    equal(done.returncode, code, f"{words}: {done.stdout} {done.stderr}")
    expect(word in done.stderr, f"{words} says {word}", done.stderr)


def restart_daemon(h):
    h.kill_daemon()
    h.start_daemon()


def cat(h, name, *options):
    return json.loads(h.ctl("-o", "json", "cat", name, *options))


def a_text_is_judged_with_all_that_is_wrong_and_nothing_changes():
    with Host(secure_side=False) as h:
        bad = '{\n "name": "web",\n "memory": { "size": "12Q" },\n "vcpus": { "count": 99 },\n "kernal": "/k"\n}'
        done = h.ctl("-o", "json", "validate", "-", check=False, text=bad)
        equal(done.returncode, INVALID, "its exit code")
        [verdict] = json.loads(done.stdout)
        equal([(p["line"], p["error"]) for p in verdict["problems"]],
              [(3, "InvalidDefinition"), (4, "InvalidDefinition"), (5, "InvalidDefinition"), (1, "InvalidDefinition")], "its problems")
        refused(h, INVALID, "stdin:3:22: memory.size", "validate", "-", text=bad)
        equal(h.ctl("validate", "-", text=text("web")), "stdin: fine, it defines web\n", "a good one")
        equal(h.json("list"), [], "what is defined")
        h.ctl("define", "-", text=text("a", order={"after": ["b"]}))
        refused(h, CYCLE, "b -> a -> b", "validate", "-", text=text("b", order={"requires": ["a"]}))
        equal(h.ctl("validate", "a"), "a: fine, it defines a\n", "a VM by its name")
        refused(h, NO_SUCH, "no VM", "validate", "nobody")


def a_reload_says_what_differs():
    with Host(secure_side=False, daemon=False) as h:
        put(h, "web")
        put(h, "db")
        put(h, "old")
        h.start_daemon()
        put(h, "web", policies={"on-poweroff": "restart"}, memory={"size": "4M"})
        put(h, "new")
        (h.definitions / "old.json").unlink()
        (h.definitions / "db.json").write_text("{")
        wanted = {"web": "changed", "db": "error", "old": "removed", "new": "added"}
        for options, code in ((["--dry-run"], INVALID), ([], INVALID)):
            rows = reload(h, *options, code=code)
            equal({name: row["what"] for name, row in rows.items()}, wanted, f"what reload {options} says")
            equal(list(rows), sorted(rows), "their order")
            equal([(c["key"], c["before"], c["after"], c["at_once"]) for c in rows["web"]["changes"]],
                  [("memory.size", "2M", "4M", False), ("policies.on-poweroff", "stop", "restart", True)], "what differs")
            expect("db.json:1:2" in rows["db"]["text"], "it says where db is wrong", rows["db"])
            equal(sorted(r["name"] for r in h.json("list")),
                  ["db", "old", "web"] if options else ["db", "new", "web"], f"what there is after {options}")
        equal(cat(h, "db")["memory"]["size"], "2M", "a broken file leaves its VM as it was")
        (h.definitions / "db.json").unlink()
        put(h, "db")
        equal({n: r["what"] for n, r in reload(h).items()}, {"web": "unchanged", "db": "unchanged", "new": "unchanged"}, "the next")
        put(h, "new", memory={"size": "8M"})
        said = h.ctl("reload")
        expect("new: changed" in said and "memory.size: 2M -> 8M" in said and "2 unchanged" in said, "a person reads it", said)


def sighup_is_a_reload():
    with Host(secure_side=False) as h:
        put(h, "web")
        h.daemon.kill(signal.SIGHUP)
        h.until(lambda: h.row("web"), "web is there")
        (h.definitions / "web.json").unlink()
        h.daemon.kill(signal.SIGHUP)
        h.until(lambda: not h.row("web"), "web is gone")


def a_directory_that_cannot_be_read_removes_nothing():
    with Host(secure_side=False) as h:
        put(h, "web")
        reload(h)
        h.definitions.rename(h.dir / "away")
        h.definitions.write_text("no directory")
        equal([r["what"] for r in reload(h, code=INVALID).values()], ["error"], "what reload says")
        expect(h.row("web"), "web stays")
        h.definitions.unlink()
        equal({n: r["what"] for n, r in reload(h).items()}, {"web": "removed"}, "a directory that is not there has no files")


def a_file_that_is_named_after_no_vm_keeps_none_from_going():
    with Host(secure_side=False) as h:
        put(h, "web")
        put(h, "db")
        reload(h)
        (h.definitions / "web.json").rename(h.definitions / "web (old).json")
        for options in (["--dry-run"], []):
            rows = reload(h, *options, code=INVALID)
            equal({n: r["what"] for n, r in rows.items()}, {"": "error", "web": "removed", "db": "unchanged"}, "what reload says")
        equal([r["name"] for r in h.json("list")], ["db"], "what there is")


def a_circle_in_files_is_refused_and_named():
    with Host(secure_side=False) as h:
        put(h, "a", order={"after": ["b"]})
        put(h, "b", order={"after": ["a"]})
        for options in (["--dry-run"], []):
            rows = reload(h, *options, code=INVALID)
            equal({n: r["what"] for n, r in rows.items()}, {"a": "added", "b": "refused"}, f"what reload {options} says")
            equal(len(h.json("list")), 0 if options else 1, "VMs after it")
        expect("b -> a -> b" in rows["b"]["text"], "the circle is named", rows["b"])
        put(h, "a")  # and turned round it is none, though b is in the way when a comes first
        put(h, "b", order={"after": ["a"]})
        reload(h)
        put(h, "a", order={"after": ["b"]})
        put(h, "b")
        for options in (["--dry-run"], []):
            equal({n: r["what"] for n, r in reload(h, *options).items()}, {"a": "changed", "b": "changed"}, "the order turned round")
        equal(cat(h, "a")["order"]["after"], ["b"], "a waits for b")


def a_file_and_d_bus_leave_each_other_alone():
    with Host(secure_side=False) as h:
        put(h, "web")
        reload(h)
        refused(h, OTHER_SOURCE, "defined by a file", "define", "-", text=text("web", memory={"size": "4M"}))
        refused(h, OTHER_SOURCE, "remove that and reload", "undefine", "web")
        refused(h, OTHER_SOURCE, str(h.definitions / "web.json"), "edit", "web")
        h.define("db")
        put(h, "db", memory={"size": "4M"})
        rows = reload(h, code=INVALID)
        equal(rows["db"]["what"], "refused", "a file of a VM that D-Bus defined")
        h.ctl("undefine", "db")
        equal({n: r["what"] for n, r in reload(h).items()}, {"web": "unchanged", "db": "added"}, "once it is undefined")
        expect(h.ctl("cat", "db", check=False).stderr.startswith(f"# db, from {h.definitions}/db.json"), "cat says where from")


def what_is_defined_and_undefined_outlives_a_daemon_that_dies_at_once():
    with Host(secure_side=False) as h:
        for n in range(4):
            h.ctl("define", "-", text=text("web", memory={"size": f"{2 * n + 2}M"}))
            restart_daemon(h)
            equal(cat(h, "web")["memory"]["size"], f"{2 * n + 2}M", "what was answered is stored")
        h.ctl("undefine", "web")
        restart_daemon(h)
        equal(h.row("web"), None, "and so is its end")


def an_editor_changes_it_and_a_mistake_keeps_the_text():
    with Host(secure_side=False) as h:
        h.define("web")
        os.environ["TMPDIR"] = str(h.dir)
        os.environ["EDITOR"] = "sed -i s/2M/4M/"
        equal(h.ctl("edit", "web"), "web: defined\n", "an edit")
        equal(cat(h, "web")["memory"]["size"], "4M", "the memory then")
        os.environ["EDITOR"] = "true"
        equal(h.ctl("edit", "web"), "web: not changed\n", "an edit of nothing")
        equal(list(h.dir.glob("web-*.json")), [], "copies that stay")
        os.environ["EDITOR"] = "sed -i s/4M/4Q/"
        refused(h, INVALID, "memory.size", "edit", "web")
        [kept] = h.dir.glob("web-*.json")
        expect("4Q" in kept.read_text(), "the text is kept")
        equal(cat(h, "web")["memory"]["size"], "4M", "the memory still")
        kept.unlink()
        os.environ["EDITOR"] = "kill -INT $PPID; kill -QUIT $PPID; sed -i s/4M/8M/"
        equal(h.ctl("edit", "web"), "web: defined\n", "an edit in which ^C was pressed")
        equal(cat(h, "web")["memory"]["size"], "8M", "the memory after it")
        os.environ["EDITOR"] = "rm"
        refused(h, FAILED, "the text is gone", "edit", "web")


def a_copy_that_cannot_be_written_does_not_stay():
    with Host(secure_side=False) as h:
        h.define("web")
        os.environ["TMPDIR"] = str(h.dir)
        os.environ["EDITOR"] = "true"
        done = subprocess.run(["sh", "-c", 'trap "" XFSZ; ulimit -f 0; exec "$0" --bus "$1" edit web',
                               str(BUILD / "cli/lifecyclectl"), h.bus_address], capture_output=True, text=True)
        equal(done.returncode, FAILED, f"where nothing can be written: {done.stderr}")
        expect("cannot write" in done.stderr, "it says so", done.stderr)
        equal(list(h.dir.glob("web-*.json")), [], "copies that stay")



@needs_kvm
def a_change_waits_for_the_next_life_and_says_so():
    with Host() as h:
        h.define("web")
        h.ctl("start", "web")
        h.define("web", memory={"size": "4M"}, policies={"on-crash": "restart"})
        row, status = h.row("web"), h.status("web")
        equal(row["pending"], "change", "what list says")
        equal(status["pending_changes"], [{"key": "memory.size", "before": "2M", "after": "4M"}], "what waits")
        equal(status["memory_bytes"], 2 << 20, "its memory")
        expect("memory.size 2M -> 4M (at the next start)" in h.ctl("status", "web"), "status says it")
        expect("change pending" in h.ctl("list"), "list says it")
        equal(cat(h, "web")["policies"]["on-crash"], "restart", "policies are in force at once")
        equal((cat(h, "web")["memory"]["size"], cat(h, "web", "--pending")["memory"]["size"]), ("2M", "4M"), "both definitions")
        restart_daemon(h)
        equal(h.row("web")["pending"], "change", "a new daemon knows it")
        h.define("web", policies={"on-crash": "restart"})
        equal(h.row("web")["pending"], "-", "changed back nothing waits")
        h.define("web", memory={"size": "4M"})
        h.ctl("restart", "web")
        equal((h.status("web")["memory_bytes"], h.row("web")["pending"]), (4 << 20, "-"), "the next life has it")
        refused(h, NO_ARGUMENT, "no change of web is pending", "cat", "web", "--pending")


@needs_kvm
def what_lives_goes_at_the_end_of_its_life():
    with Host() as h:
        put(h, "web", policies={"on-crash": "restart"})
        h.define("db")
        reload(h)
        h.ctl("start", "web", "db")
        refused(h, ILLEGAL, "--pending", "undefine", "db")
        h.ctl("undefine", "--pending", "db")
        (h.definitions / "web.json").unlink()
        equal(reload(h, "--dry-run")["web"]["what"], "removed", "what a dry run says")
        equal(h.row("web")["pending"], "-", "and does")
        equal(reload(h)["web"]["what"], "removed", "what reload says")
        equal({n: h.row(n)["pending"] for n in ("web", "db")}, {"web": "removal", "db": "removal"}, "both wait")
        restart_daemon(h)
        expect("removal (at the end of its life)" in h.ctl("status", "web"), "status says it")
        refused(h, ILLEGAL, "was removed", "restart", "web")
        os.kill(h.status("web")["vmm_pid"], signal.SIGKILL)  # its policy would bring it back
        h.ctl("abort", "db")
        h.until(lambda: not h.json("list"), "both are gone")


if __name__ == "__main__":
    sys.exit(host.main([
        a_text_is_judged_with_all_that_is_wrong_and_nothing_changes,
        a_reload_says_what_differs,
        sighup_is_a_reload,
        a_directory_that_cannot_be_read_removes_nothing,
        a_file_that_is_named_after_no_vm_keeps_none_from_going,
        a_circle_in_files_is_refused_and_named,
        a_file_and_d_bus_leave_each_other_alone,
        what_is_defined_and_undefined_outlives_a_daemon_that_dies_at_once,
        an_editor_changes_it_and_a_mistake_keeps_the_text,
        a_copy_that_cannot_be_written_does_not_stay,
        a_change_waits_for_the_next_life_and_says_so,
        what_lives_goes_at_the_end_of_its_life,
    ], needs_kvm=False))
