#!/usr/bin/env python3
"""The demo does what the README shows, and leaves nothing behind.

Numbers differ from run to run (times, pids, tries), and so does the order of what happens at once: lines are compared
with their numbers taken out, as sets, section by section.
"""
import os
import pathlib
import re
import subprocess
import sys

import host
from host import equal, expect

TOP = pathlib.Path(__file__).resolve().parents[2]
NUMBER = re.compile(r"\b\d[\d.:]*\b")


def normal(line):
    line = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UUID", line)
    line = re.sub(r"\b[\d.]+ (ms|s|min)\b", "DURATION", line)
    line = re.sub(r", its sandbox lacks [a-z,-]+", "", line)  # an older kernel, or a sanitizer that needs what it forbids
    line = re.sub(r"\b0x[0-7][0-9a-f]{3}\b", "VM-ID", line)  # the first one is random on an empty log
    line = NUMBER.sub("N", line)
    return " ".join(line.replace("N tries", "N try").split())


def sections(text):
    """{title: lines without their numbers}"""
    found, title = {}, None
    for line in text.splitlines():
        if line.startswith("== "):
            title = line
            found[title] = []
        elif title and line.strip():
            found[title].append(normal(line))
    return found


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


def the_demo_does_what_the_readme_shows():
    before = leftovers()
    readme = (TOP / "README.md").read_text()
    shown = sections(readme[readme.index("```console\n") + 11:readme.index("\n```\n", readme.index("```console\n"))])
    done = subprocess.run([TOP / "tests/demo"], capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL,
                          env={**os.environ, "LIFECYCLED_BUILD": str(host.BUILD)})
    equal(done.returncode, 0, f"exit status of the demo\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    real = sections(done.stdout)
    equal(list(real), list(shown), "sections")
    for title, lines in shown.items():
        missing, extra = set(lines) - set(real[title]), set(real[title]) - set(lines)
        expect(not missing and not extra, f"{title}: README and demo differ", f"only in the README: {sorted(missing)}",
               f"only in the demo: {sorted(extra)}")
    equal(leftovers() - before, set(), "what the demo left behind")


if __name__ == "__main__":
    sys.exit(host.main([the_demo_does_what_the_readme_shows]))
