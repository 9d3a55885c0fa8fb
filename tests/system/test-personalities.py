#!/usr/bin/env python3
"""The real daemon and each kind of secure side that lifecycled-spmc can play: who is told, who forgets, who lies.

No vCPU has to run for it: the VMM is the one of tests/unit/fleet, which has no VM. So this needs no KVM.
"""
import subprocess
import sys

import host
from host import Host, equal, expect

FAKE_VMM = str(host.BUILD / "tests/unit/fleet/fake-vmm")
SPMC = str(host.BUILD / "daemon/spmc/lifecycled-spmc")
HONEST = ("trusty", "optee-spmc", "optee-el3", "optee-hafnium", "hafnium", "el3", "strict", "slow:0x8001:delay=3000")


def some_host(*secure):
    return Host(secure=secure, options=("--vmm", FAKE_VMM))


def every_kind_is_told_of_birth_and_death():
    for kind in HONEST:
        with some_host("--sp", kind if ":" in kind else f"{kind}:0x8001") as h:
            h.define("web")
            for _ in range(3):
                h.ctl("start", "web")
                equal(h.books()["0x8001"], {h.row("web")["ffa_id"]}, f"what {kind} knows while web runs")
                h.ctl("abort", "web")
                h.until_state("web", "null")
                equal(h.books()["0x8001"], set(), f"what {kind} knows when web is gone")


def the_example_is_a_world_to_live_in():
    example = str(host.TESTS.parent / "daemon/spmc/example.json")
    with some_host("--sps", example) as h:
        h.define("web")
        for _ in range(3):
            h.ctl("start", "web")
            known = {sp: ids for sp, ids in h.books().items() if ids}
            expect(len(known) >= 5 and {h.row("web")["ffa_id"]} == set.union(*known.values()), "those who ask for births know", known)
            h.ctl("abort", "web")
            h.until_state("web", "null")
            equal(set.union(*h.books().values()), set(), "what is known when web is gone")


def the_two_books_are_set_side_by_side():
    with some_host("--sp", "strict:0x8001", "--sp", "trusty:0x8002", "--control", "{dir}/control") as h:
        h.define("web")
        h.ctl("start", "web")
        view = f"--secure-view={h.run}/inspect.sock"
        shown = h.json("partitions", view)
        equal([(e["sp"], e["ffa_id"], e["vm"], e["daemon"], e["agrees"]) for e in shown],
              [(sp, h.row("web")["ffa_id"], "web", "known", True) for sp in (0x8001, 0x8002)], "both books")
        equal(h.ctl("partitions", view, check=False).returncode, 0, "exit code where they agree")
        with Host(secure=("--sp", "strict:0x8001"), daemon=False) as other:  # a secure side that knows nobody
            refused = h.ctl("partitions", f"--secure-view={other.run}/inspect.sock", check=False)
            equal(refused.returncode, 20, "exit code where they differ")
            expect("NO" in refused.stdout, "what differs is marked", refused.stdout)
        refused = h.ctl("partitions", "--secure-view=/nowhere", check=False)
        equal(refused.returncode, 1, "exit code where nobody can be asked")
        expect("/nowhere: No such file" in refused.stderr, "who cannot be asked is named", refused.stderr)
        equal(h.ctl("list", view, check=False).returncode, 2, "exit code of a verb that does not take it")


def a_discovery_of_any_kind_is_understood():
    for how in (["--ffa-version", "1.1"], ["--ffa-version", "1.3"], ["--discovery", "rx"], ["--ffa-version", "1.1", "--discovery", "rx"],
                ["--spmc", "hafnium", "--ffa-version", "1.1"]):  # refuses 1.2
        with some_host("--sp", "strict:0x8001", *how) as h:
            h.define("web")
            h.ctl("start", "web")
            equal(h.books()["0x8001"], {h.row("web")["ffa_id"]}, f"what an SP knows with {how}")


def who_speaks_no_version_of_ours_is_not_met():
    with some_host("--sp", "strict:0x8001", "--spmc", "hafnium", "--ffa-version", "1.0") as h:
        h.define("web", limits={"announce-timeout": "300ms"})
        h.ctl("start", "--no-block", "web")
        h.until(lambda: "refuses FF-A 1.2 and 1.1" in h.daemon.log(), "it is said why")
        h.until(lambda: (h.status("web")["last_end"] or {}).get("cause") == "secure-timeout", "web does not run unannounced")


def without_virtualization_nobody_is_told():
    with some_host("--sp", "optee:0x8001:virtualization=0") as h:
        h.define("web")
        h.ctl("start", "web")
        equal(h.books()["0x8001"], set(), "what an SP knows that takes no such messages")
        h.ctl("abort", "web")
        h.until_state("web", "null")


def a_liar_costs_little_and_is_named():
    for trick in ("never-0", "wrong-type", "wrong-ids", "wrong-sender", "interrupt", "yield", "random"):
        with some_host("--sp", f"hostile:0x8001:does={trick}", "--seed", "7") as h:
            h.define("web", limits={"announce-timeout": "1s"})
            h.ctl("start", "--no-block", "web")
            # INVALID_PARAMETERS after an answer that nobody understood is taken for "already there"
            ends = ("aborting", "null", "running") if trick in ("never-0", "random") else ("aborting", "null")
            h.until(lambda: h.row("web")["state"] in ends, f"web gives up an SP that does {trick}")
            logged = h.inspect()["sps"][0]["logged"]
            expect(logged < 3000, f"{trick}: few messages in that second", logged)
            said = h.ctl("why", "web", check=False).stdout + h.ctl("status", "web", check=False).stdout
            expect("0x8001" in said or h.row("web")["state"] in ("null", "running"), f"{trick}: the liar is named", said)


def tell(h, *words):
    return subprocess.run([SPMC, "--control", f"{h.dir}/control", "--tell", " ".join(words)], capture_output=True, text=True,
                          check=False)


def a_partition_that_dies_is_told_again():
    for action in ("restart", "stop", "destroy", "legacy", "propagate"):
        with some_host("--sp", f"hafnium:0x8001:abort-action={action}", "--sp", "strict:0x8002", "--control",
                       "{dir}/control") as h:
            for name in ("web", "db"):
                h.define(name)
                h.ctl("start", name)
            ids = {h.row(name)["ffa_id"] for name in ("web", "db")}
            equal(h.books()["0x8001"], ids, "what the SP knows before")
            equal(tell(h, "crash", "0x8001").returncode, 0, f"the SP crashes, and then: {action}")
            if action in ("stop", "destroy", "legacy"):
                h.ctl("abort", "db")  # nobody is there to be told
                h.until_state("db", "null")
                ids = {h.row("web")["ffa_id"]}
                equal(tell(h, "restart", "0x8001").returncode, 0, "it is there again")
            h.until(lambda: h.books().get("0x8001") == ids, f"after {action} it is told of live VMs again")
            h.ctl("abort", "web")
            h.until_state("web", "null")
            h.until(lambda: not h.books()["0x8002"] - ids, "the other SP is told of ends")
            expect(h.row("web")["ffa_id"] not in h.books()["0x8001"], f"after {action} the end is told, too", h.books())


def live_activation_keeps_what_it_knows():
    with some_host("--sp", "hafnium:0x8001:live-activation=1", "--control", "{dir}/control") as h:
        h.define("web")
        h.define("db")
        h.ctl("start", "web")
        known = h.row("web")["ffa_id"]
        equal(tell(h, "activate", "0x8001").returncode, 0, "its image is exchanged")
        h.ctl("start", "--no-block", "db")
        h.until(lambda: h.row("db")["state"] == "created", "db waits for it")
        h.until(lambda: tell(h, "finish", "0x8001").returncode == 0, "the new image is ready")
        h.until_state("db", "running")
        equal(h.books()["0x8001"], {known, h.row("db")["ffa_id"]}, "what the new image knows")


if __name__ == "__main__":
    sys.exit(host.main([
        every_kind_is_told_of_birth_and_death,
        the_example_is_a_world_to_live_in,
        the_two_books_are_set_side_by_side,
        a_discovery_of_any_kind_is_understood,
        who_speaks_no_version_of_ours_is_not_met,
        without_virtualization_nobody_is_told,
        a_liar_costs_little_and_is_named,
        a_partition_that_dies_is_told_again,
        live_activation_keeps_what_it_knows,
    ], needs_kvm=False))
