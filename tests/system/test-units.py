#!/usr/bin/env python3
"""What is installed: systemd accepts the units, the bus its policy, sysusers and tmpfiles their lines; nothing is missing."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import host
from host import BUILD, equal, expect

UNITS = ["lifecycled.service", "lifecycled-spmc.service", "lifecycled-spmc.socket", "lifecycled-spmc-inspect.socket",
         "run-lifecycled-memory.mount", "lifecycled-vm@.service"]
USERS = ["lifecycled", "lifecycled-vmm", "lifecycled-spmc"]
# How exposed a unit is at most, in tenths: 100 is a service that may do anything.
EXPOSURE = {"lifecycled.service": 20, "lifecycled-spmc.service": 20, "lifecycled-vm@.service": 25}
PREFIX = pathlib.Path(subprocess.run(
    ["python3", "-c", "import json,sys; print([o['value'] for o in json.load(sys.stdin) if o['name'] == 'prefix'][0])"],
    input=subprocess.run(["meson", "introspect", "--buildoptions", str(BUILD)], capture_output=True, text=True,
                         check=True).stdout, capture_output=True, text=True, check=True).stdout.strip())


class Installed:
    """The tree as meson installs it, in a directory of its own."""

    def __enter__(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="lifecycled-installed-"))
        done = subprocess.run(["meson", "install", "-C", str(BUILD), "--no-rebuild"], capture_output=True, text=True,
                              env={**os.environ, "DESTDIR": str(self.root)})
        expect(done.returncode == 0, "meson install", done.stdout[-1000:], done.stderr[-1000:])
        self.prefix = self.root / PREFIX.relative_to("/")
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.root)


def run(*command):
    return subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=host.LIMIT)


def systemd_accepts_the_units():
    """In the real root the programs are not there: systemd is given units that name those of the build."""
    with Installed() as tree:
        place = tree.root / "verify"
        place.mkdir()
        for name in UNITS:
            text = (tree.prefix / "lib/systemd/system" / name).read_text()
            (place / name).write_text(text.replace(str(PREFIX / "libexec"), str(tree.prefix / "libexec")))
        done = run("systemd-analyze", "verify", "--man=no", *[place / name for name in UNITS])
        expect(done.returncode == 0 and not done.stderr.strip(), "systemd-analyze verify", done.stdout, done.stderr)
        (place / "lifecycled.service").write_text((place / "lifecycled.service").read_text() + "\n[Servcie]\nType=nix\n")
        done = run("systemd-analyze", "verify", "--man=no", place / "lifecycled.service")
        expect(done.stderr.strip(), "systemd-analyze verify finds a section that is misspelt: else it proves nothing")


def no_unit_is_more_exposed_than_it_must_be():
    with Installed() as tree:
        for name, limit in EXPOSURE.items():
            done = run("systemd-analyze", "security", "--offline=yes", f"--threshold={limit}",
                       tree.prefix / "lib/systemd/system" / name)
            level = next((line for line in done.stdout.splitlines() if "Overall exposure level" in line), "")
            print(f"        {level.strip('→ ')}", flush=True)
            expect(done.returncode == 0 and level, f"{name} is exposed by at most {limit / 10}", level, done.stderr,
                   *[line for line in done.stdout.splitlines() if "✗" in line])


def each_page_a_unit_names_is_there():
    with Installed() as tree:
        for name in UNITS:
            for line in (tree.prefix / "lib/systemd/system" / name).read_text().splitlines():
                if line.startswith("Documentation=man:"):
                    page, section = line.split(":")[1].rstrip(")").split("(")
                    expect((tree.prefix / f"share/man/man{section}/{page}.{section}").exists(), f"{page}({section})")


def the_bus_accepts_the_policy():
    with Installed() as tree:
        policy = tree.prefix / "share/dbus-1/system.d/org.lifecycled.Lifecycle1.conf"
        config = tree.root / "bus.conf"
        config.write_text((host.TESTS / "bus.conf").read_text().replace(
            "</busconfig>", f"<include>{policy}</include></busconfig>"))
        read, write = os.pipe()
        bus = subprocess.Popen(["dbus-daemon", f"--config-file={config}", f"--address=unix:path={tree.root}/bus", "--nofork",
                                "--nopidfile", f"--print-address={write}"], pass_fds=[write], stderr=subprocess.PIPE)
        os.close(write)
        try:
            expect(os.read(read, 1), "the bus starts with the policy")
        finally:
            bus.kill()
            bus.wait()
            os.close(read)


def sysusers_and_tmpfiles_accept_their_lines():
    with Installed() as tree:
        for etc in ("etc", "run", "usr/lib"):
            (tree.root / etc).mkdir(parents=True, exist_ok=True)
        done = run("systemd-sysusers", f"--root={tree.root}", tree.prefix / "lib/sysusers.d/lifecycled.conf")
        expect(done.returncode == 0, "systemd-sysusers", done.stderr)
        groups = {line.split(":")[0]: line.split(":")[3] for line in (tree.root / "etc/group").read_text().splitlines()}
        users = {line.split(":")[0] for line in (tree.root / "etc/passwd").read_text().splitlines()}
        equal(groups["kvm"], "lifecycled-vmm", "who is in the group kvm")
        expect(users.issuperset(USERS), "a user for each program", users)
        with open(tree.root / "etc/passwd", "a") as passwd, open(tree.root / "etc/group", "a") as group:
            passwd.write("root:x:0:0::/root:/bin/sh\n")
            group.write("root:x:0:\n")
        done = run("systemd-tmpfiles", f"--root={tree.root}", "--create", tree.prefix / "lib/tmpfiles.d/lifecycled.conf")
        expect(done.returncode == 0, "systemd-tmpfiles", done.stderr)
        memory = (tree.root / "run/lifecycled/memory").stat()
        owner = next(line.split(":")[2] for line in (tree.root / "etc/passwd").read_text().splitlines()
                     if line.startswith("lifecycled:"))
        equal(str(memory.st_uid), owner, "owner of the memory directory")
        equal(oct((tree.root / "run/lifecycled/memory").stat().st_mode & 0o777), "0o700", "mode of the memory directory")


def pkg_config(tree, *words):
    """What it says of the installed library and, for those beside it, of this host's."""
    place = next(tree.prefix.rglob("liblifecycle.pc")).parent
    paths = run("pkg-config", "--variable", "pc_path", "pkg-config").stdout.strip()
    done = subprocess.run(["pkg-config", *words], capture_output=True, text=True, env={
        **os.environ, "PKG_CONFIG_PATH": f"{place}:{paths}", "PKG_CONFIG_SYSROOT_DIR": str(tree.root)})
    expect(done.returncode == 0, f"pkg-config {' '.join(words)}", done.stderr)
    return done.stdout.split()


def sanitized():
    kind = os.environ["LIFECYCLED_SANITIZE"]
    return [] if kind == "none" else [f"-fsanitize={kind}"]


def the_examples_can_be_built_against_what_is_installed():
    """By the line at the head of each: the header and the shared object that were installed, and nothing of the source tree."""
    with Installed() as tree:
        for source in sorted((host.TESTS.parent / "libclient/examples").glob("*.c")):
            wanted = re.search(r"\$\(pkg-config --cflags --libs (.*)\)", source.read_text()).group(1).split()
            program = tree.root / source.stem
            done = run("cc", "-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter", source, "-o", program,
                       *pkg_config(tree, "--cflags", "--libs", *wanted), *sanitized())
            expect(done.returncode == 0, f"{source.name} compiles and links", done.stderr)
            needed = run("readelf", "-d", program).stdout
            expect("[liblifecycle.so.0]" in needed, f"{source.name} needs the shared object", needed)
        place = next(tree.prefix.rglob("liblifecycle.pc")).parents[1]
        ran = subprocess.run([tree.root / "start-and-follow", "web"], capture_output=True, text=True, timeout=host.LIMIT,
                             env={**os.environ, "LD_LIBRARY_PATH": str(place), "LIFECYCLED_BUS": "unix:path=/nonexistent"})
        equal((ran.returncode, ran.stderr), (1, "no daemon, or no bus, is there\n"), "what it says without a bus")


def the_code_in_the_pages_compiles():
    """A block with a main as it stands; any other as a reader would paste it, with what the text says is there."""
    around = ("#include <errno.h>\n#include <lifecycle.h>\n#include <stdio.h>\nvoid show(const char *, size_t);\n"
              "int paste(struct lifecycle *, const char *, uint16_t, uint64_t);\n"
              "int paste(struct lifecycle *l, const char *text, uint16_t endpoint, uint64_t life)\n{{\n{{\n{}\n}}\nreturn 0;\n}}\n")
    with Installed() as tree:
        flags = pkg_config(tree, "--cflags", "liblifecycle")
        pasted = 0
        for page in sorted((host.TESTS.parent / "man").glob("*.3.scd")):
            for code in re.findall(r"^```\n(.*?)^```$", page.read_text(), re.M | re.S):
                source = tree.root / f"{page.stem}.c"
                code = code.replace("\\\\", "\\")
                source.write_text(code if "int main" in code else around.format(code))
                done = run("cc", "-Wall", "-Wextra", "-Werror", "-Wno-shadow", "-Wno-unused-parameter", "-fsyntax-only", source, *flags)
                expect(done.returncode == 0, f"the code in {page.name}", code, done.stderr)
                pasted += 1
        expect(pasted > 5, "there is code in the pages", pasted)


def the_header_is_plain_c_and_cpp():
    """Each language and standard in which somebody may include it, with all warnings."""
    with Installed() as tree:
        source = tree.root / "any.c"
        source.write_text("#include <lifecycle.h>\nint any;\n")
        flags = pkg_config(tree, "--cflags", "liblifecycle")
        for language, standard in (("c", "c99"), ("c", "c17"), ("c++", "c++11")):
            done = run("cc", "-x", language, f"-std={standard}", "-pedantic", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", source, *flags)
            if "cc1plus" in done.stderr:
                print(f"        no compiler of {language} here", flush=True)
                continue
            expect(done.returncode == 0, f"as {standard}", done.stderr)


if __name__ == "__main__":
    sys.exit(host.main([
        systemd_accepts_the_units,
        no_unit_is_more_exposed_than_it_must_be,
        each_page_a_unit_names_is_there,
        the_bus_accepts_the_policy,
        sysusers_and_tmpfiles_accept_their_lines,
        the_examples_can_be_built_against_what_is_installed,
        the_code_in_the_pages_compiles,
        the_header_is_plain_c_and_cpp,
    ], needs_kvm=False))
