#!/usr/bin/env python3
"""README's lines for a new host, each as it stands there, in the directory of the packages."""
import pathlib
import re
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "service"))
import host  # noqa: E402
from host import equal, expect, needs_kvm  # noqa: E402

MARK = "<!-- each line is run by tests/packages/test-readme.py -->"
KERNEL = pathlib.Path("/var/lib/lifecycled/images/web/Image")  # the reader's own, which a definition names


def lines():
    text = pathlib.Path("/payload/README.md").read_text()
    expect(text.count(MARK) == 1, f"README.md has the mark once: {MARK}")
    block = re.match(r"\n+((?: {4}.*\n)+)", text.split(MARK)[1])
    expect(block, "an indented block follows the mark")
    return [line.strip() for line in block.group(1).splitlines()]


def run(line):
    print(f"# {line}", flush=True)
    print(host.run("sh", "-euc", f"cd /payload/packages; {line}"), flush=True)


def four_lines_install_it():
    equal(len(lines()), 5, "lines")
    expect(any(str(KERNEL) in line for line in lines()), f"a definition names {KERNEL}", *lines())
    KERNEL.parent.mkdir(parents=True)
    shutil.copy(host.GUESTS / "beat.elf", KERNEL)
    for line in lines()[:-1]:
        run(line)
    expect(host.row("web"), "the VM is known")


@needs_kvm
def the_fifth_starts_a_guest():
    run(lines()[-1])
    equal(host.row("web")["state"], "running", "the guest")
    host.until(lambda: "beat" in host.ctl("console", "web"), "the guest says beat")


if __name__ == "__main__":
    sys.exit(host.main([four_lines_install_it, the_fifth_starts_a_guest], needs_kvm=False))
