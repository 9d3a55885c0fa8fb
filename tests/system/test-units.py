#!/usr/bin/env python3
"""What is installed: systemd accepts the units, the bus its policy, sysusers and tmpfiles their lines; nothing is missing."""
import os
import pathlib
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


def the_client_can_be_built_against_what_is_installed():
    with Installed() as tree:
        source = tree.root / "hello.c"
        source.write_text('#include <lifecycle.h>\n#include <stdio.h>\n'
                          'int main(void)\n{\n\tputs(lifecycle_state_name(2));\n\treturn 0;\n}\n')
        pc = next(tree.prefix.rglob("liblifecycle.pc")).parent
        flags = subprocess.run(["pkg-config", "--cflags", "--libs", "liblifecycle"], capture_output=True, text=True,
                               check=True, env={**os.environ, "PKG_CONFIG_PATH": str(pc),
                                                "PKG_CONFIG_SYSROOT_DIR": str(tree.root)}).stdout.split()
        program = tree.root / "hello"
        if os.environ["LIFECYCLED_SANITIZE"] != "none":
            flags.append("-fsanitize=" + os.environ["LIFECYCLED_SANITIZE"])
        done = run("cc", source, "-o", program, *flags)
        expect(done.returncode == 0, "it compiles and links", done.stderr)
        ran = subprocess.run([program], capture_output=True, text=True,
                             env={**os.environ, "LD_LIBRARY_PATH": str(pc.parent)})
        equal(ran.stdout, "running\n", "what it prints")


if __name__ == "__main__":
    sys.exit(host.main([
        systemd_accepts_the_units,
        no_unit_is_more_exposed_than_it_must_be,
        each_page_a_unit_names_is_there,
        the_bus_accepts_the_policy,
        sysusers_and_tmpfiles_accept_their_lines,
        the_client_can_be_built_against_what_is_installed,
    ], needs_kvm=False))
