#!/usr/bin/env python3
"""The demo does what the pages show, to the last line, and leaves nothing behind. What is compared, and how, is in tests/tour."""
import os
import pathlib
import subprocess
import sys
import tempfile

import host
from host import equal, expect

TOP = pathlib.Path(__file__).resolve().parents[2]
LIE = """
# A page
```console
$ echo one; echo two
one
two, which is a lie
$ echo 'vm 0x0001 is not vm 0x0002'
vm 0x0003 is not vm 0x0003
$ sed -n 's/^MemTotal.*/there is memory/p' /proc/meminfo
there is memory
```
"""


def leftovers():
    ours = {str(p) for p in pathlib.Path("/dev/shm").glob("lifecycled-demo.*")}
    for cmdline in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = cmdline.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if "/dev/shm/lifecycled-demo." in words:
            ours.add(words.replace("\0", " "))
    return ours


def demo(*words):
    """Its exit status and what it printed; nothing is left of it."""
    before = leftovers()
    done = subprocess.run([TOP / "tests/demo", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300,
                          stdin=subprocess.DEVNULL, env={**os.environ, "LIFECYCLED_BUILD": str(host.BUILD)})
    equal(leftovers() - before, set(), "what the demo left behind")
    return done.returncode, done.stdout


def the_tour_of_the_readme_is_what_happens():
    status, text = demo()
    equal(status, 0, f"exit status of the demo\n{text}")
    for title in ("Its VMM is killed", "The daemon is killed", "What happened, in order"):
        expect(f"== {title}\n" in text, f"the tour has a part '{title}'", text)


def what_the_page_for_operators_shows_is_what_happens():
    status, text = demo(str(TOP / "docs/operators.md"))
    equal(status, 0, f"exit status\n{text}")
    for title in ("My VM does not end", "A secure partition died", "The disk is full", "I must reboot now"):
        expect(f"== {title}\n" in text, f"there is a part '{title}'", text)


def a_page_that_lies_is_found():
    with tempfile.NamedTemporaryFile("w", suffix=".md") as page:
        page.write(LIE)
        page.flush()
        status, text = demo(page.name)
    equal(status, 1, f"exit status\n{text}")
    expect("line 4:\n  the page: two, which is a lie\n  here:     two\n" in text, "the line is shown, and what it should be", text)
    expect("line 7:\n  0x0002 stands where 0x0003 does, which was 0x0001 before" in text, "two ids are not one", text)
    expect("line 9" not in text and "2 commands print something else" in text, "the others are right", text)


if __name__ == "__main__":
    sys.exit(host.main([the_tour_of_the_readme_is_what_happens, what_the_page_for_operators_shows_is_what_happens, a_page_that_lies_is_found]))
