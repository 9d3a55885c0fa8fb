#!/usr/bin/env python3
"""lifecycled.conf and the real daemon: it is led by a file alone, and refuses one that is wrong before it touches anything."""
import os
import subprocess
import sys

import host
from host import BUILD, Host, Process, equal, expect

DAEMON = str(BUILD / "daemon/main/lifecycled")


def text(h, **more):
    """All that Host gives on the command line, as a file."""
    keys = {"Bus": h.bus_address, "StateDirectory": h.state, "RuntimeDirectory": h.run, "MemoryDirectory": h.dir / "memory",
            "Definitions": h.definitions, **more}
    return ("# made by a test\n[Daemon]\n" + "".join(f"{key}={value}\n" for key, value in keys.items())
            + f"\n[VMM]\nProgram={BUILD}/tests/unit/fleet/fake-vmm\nStarter=spawn\n[SecureSide]\nSocket={h.run}/spmc.sock\nRetry=cap=50ms\n")


def write(h, words):
    path = h.dir / "lifecycled.conf"
    path.write_text(words)
    path.chmod(0o644)
    return str(path)


def ask(*words):
    done = subprocess.run([DAEMON, *words], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=host.LIMIT)
    return done.returncode, done.stdout, done.stderr


def a_file_alone_leads_it():
    with Host(daemon=False) as h:
        path = write(h, text(h, Ids="0x0123-0x0123"))
        h.daemon = Process(h.dir / "daemon.log", [DAEMON, "--config", path])
        h.define("web")
        h.ctl("start", "web")
        equal(h.row("web")["ffa_id"], 0x123, "the id is one of the file's")
        expect((h.state / "log").exists(), "the log is where the file says")


def the_command_line_has_the_last_word():
    with Host(daemon=False) as h:
        path = write(h, text(h, Ids="0x0123-0x0123"))
        h.daemon = Process(h.dir / "daemon.log", [DAEMON, "--ids", "0x0456-0x0456", "--config", path])
        h.define("web")
        h.ctl("start", "web")
        equal(h.row("web")["ffa_id"], 0x456, "the id is one of the command line's")


def a_wrong_file_starts_nothing():
    with Host(daemon=False) as h:
        path = write(h, text(h, LogLevel="loud"))
        status, out, err = ask("--config", path)
        equal((status, out), (2, ""), "exit status and output")
        equal(err, f"lifecycled: {path}:8:10: LogLevel=loud: write error, warning, notice, info or debug\n", "what is said")
        expect(not h.state.exists(), "nothing was made")


def a_check_says_what_a_start_would():
    with Host(daemon=False) as h:
        path = write(h, text(h))
        equal(ask("--config", path, "--check-config"), (0, "", ""), "a file that is right")
        equal(ask("--config", path, "--cat-config"), (0, f"# {path}\n{text(h)}", ""), "the file")
        path = write(h, text(h, Colour="red"))
        status, _, err = ask("--config", path, "--check-config")
        equal(status, 1, "exit status of a key that is not known")
        expect(f"{path}:8: [Daemon] has no Colour=" in err, "it is named", err)
        equal(ask("--config", path, "--check-config", "--ids", "7")[0], 2, "exit status of a wrong option")
        equal(ask("--config", str(h.dir / "none"), "--check-config")[0], 2, "exit status of a file that is not there")
        os.chmod(path, 0o666)
        expect("anybody may write to it" in ask("--config", path, "--check-config")[2], "who may write to it is looked at")


if __name__ == "__main__":
    sys.exit(host.main([a_file_alone_leads_it, the_command_line_has_the_last_word, a_wrong_file_starts_nothing,
                        a_check_says_what_a_start_would], needs_kvm=False))
