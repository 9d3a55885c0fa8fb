"""What daemon, secure side, files and processes say of each other, seen from outside: in the end all must agree, and at no
moment may anybody know more than the log."""
import json
import pathlib

from host import Failure


OLD = ".old"  # what was left of a life that is begun anew, until it is removed


def log_lines(state):
    """The turns of the log, the oldest first, but for a torn tail."""
    for line in (pathlib.Path(state) / "log").read_bytes().split(b"\n")[:-1]:
        yield json.loads(line[9:])


def stored_lives(h):
    """{life: its FF-A id} of all that the log holds and that are not over. A snapshot tells all of them again."""
    lives = {}
    for turn in log_lines(h.state):
        for change in turn["changes"]:
            if change["kind"] == "life":
                lives[change["life"]] = change["endpoint"]
            elif change["kind"] == "life-gone":
                lives.pop(change["life"])
    return lives


def burned_ids(h):
    """Those that an operator had forgotten, which SPs may know for ever."""
    return [change["endpoint"] for turn in log_lines(h.state) for change in turn["changes"]
            if change["kind"] == "burned" and not change.get("released")]


def excess(h):
    """What is there and is not in the log: while the daemon is dead nobody may know of a life what it did not store before."""
    lives, burned = stored_lives(h), burned_ids(h)
    ids = list(lives.values())
    memory, found = set(h.memory_files()), []
    for sp, known in h.books().items():
        known -= set(burned)
        found += [f"SP {sp} knows {vm:#x}, which no stored life has" for vm in known if vm not in ids]
        found += [f"SP {sp} knows {vm:#x}, whose memory is gone" for vm in known
                  if vm in ids and not any(str(life) in memory for life, its in lives.items() if its == vm)]
    found += [f"the id {vm:#x} was given to two lives at once" for vm in set(ids) if ids.count(vm) > 1]
    for what, names in (("memory", memory), ("directory", {p.name for p in (h.run / "lives").iterdir()})):
        found += [f"{what} of life {name}, which is not stored" for name in names
                  if int(name.removesuffix(OLD)) not in lives]
    return found


def disagreements(h):
    """What differs between the daemon, the secure side, the files and the processes, once all is settled."""
    try:
        return differences(h, h.json("list"))
    except Failure as failure:  # a VM went between two looks
        return [str(failure)]


def differences(h, rows):
    live = [r for r in rows if r["life"]]
    lives = {str(r["life"]) for r in live}
    document = h.inspect()
    ids = sorted(r["ffa_id"] for r in live)
    views = {f"known to SP {sp['id']}": ([vm["id"] for vm in sp["vms"]], ids) for sp in document["sps"]}
    views["panicked SPs"] = ([sp["id"] for sp in document["sps"] if sp["panicked"]], [])
    views["under way"] = ([r for r in rows if r["operation"] != "-" or r["old_lives"] or r["unreachable"] or
                           (r["state"], r["substate"]) not in SETTLED], [])
    views["memory"] = (set(h.memory_files()), lives)
    views["directories"] = ({p.name for p in (h.run / "lives").iterdir()}, lives)
    pids = {s["vmm_pid"] for s in h.json("status", *(r["name"] for r in live))} - {0} if live else set()  # 0: it is dead, what is kept is not
    views["VMMs"] = (set(h.vmm_pids()), pids)
    return [f"{what}: {seen}, expected {wanted}" for what, (seen, wanted) in views.items() if seen != wanted]


SETTLED = {("null", "-"), ("running", "running"), ("running", "paused"), ("aborting", "preserved")}
