#!/usr/bin/env python3
"""The page about a VM: what it says of the past and of what is used, as somebody reads it."""
import sys

import host
from host import Host, equal, expect


def the_page_tells_the_cpu_time_of_a_life():
    with Host() as h:
        h.define("web", "spin")
        expect("cpu_time_us" not in h.status("web"), "without a life there is none", h.status("web"))
        h.ctl("start", "web")
        h.until(lambda: h.status("web")["cpu_time_us"] > 0, "a guest that never rests has used its CPU")
        expect("\n        CPU: " in h.ctl("status", "web"), "the page", h.ctl("status", "web"))
        h.ctl("abort", "web")
        expect("CPU:" not in h.ctl("status", "web"), "its page afterwards", h.ctl("status", "web"))


def the_first_line_tells_the_last_end():
    with Host() as h:
        h.define("web", "crash")
        equal(h.ctl("status", "web").split("\n")[0], "web  null", "the page of one that never lived")
        h.ctl("start", "web", check=False)
        h.until_state("web", "null")
        first = h.ctl("status", "web").split("\n")[0]
        expect(first.startswith("web  null; its last life ended ") and first.endswith(" ago, because of guest-panic"),
               "the first line", first)


def who_sees_a_vm_run_sees_its_vcpus_run():
    with Host() as h:
        h.define("web", "beat", vcpus={"count": 4})
        for _ in range(20):
            h.ctl("start", "web")
            equal(h.status("web")["vcpus"][0], "running", "the first vCPU, right after the start")
            h.ctl("abort", "web")


def the_reader_says_how_many_lines():
    with Host() as h:
        h.define("web", "crash")
        h.ctl("start", "web", check=False)
        h.until_state("web", "null")
        for words, lines in ((), 2), (("--lines=1",), 1), (("-n", "0"), 0):
            equal(h.ctl("status", "web", *words).count("\n    | "), lines, f"lines of console with {words}")
        expect("--lines takes a number" in h.ctl("status", "web", "-n", "many", check=False).stderr, "what is no number")


if __name__ == "__main__":
    sys.exit(host.main([
        the_page_tells_the_cpu_time_of_a_life,
        the_first_line_tells_the_last_end,
        who_sees_a_vm_run_sees_its_vcpus_run,
        the_reader_says_how_many_lines,
    ]))
