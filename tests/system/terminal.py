"""A terminal for a test: a program with a pty of its own, what it wrote there, and what of that can still be seen."""
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time

import host
from host import expect


class Terminal:
    """The controlling terminal of `command`. Its bytes are in `written`, as they came."""

    def __init__(self, command, columns=80, environment=None):
        self.master, slave = pty.openpty()
        self.slave = slave  # kept open: what it is set to can be asked for after the program's end
        self.columns = columns
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.before = termios.tcgetattr(slave)
        self.written = b""

        def own():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
            signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the nohup of whoever runs the tests is for another terminal

        self.child = subprocess.Popen([str(word) for word in command], stdin=slave, stdout=slave, stderr=slave, preexec_fn=own,
                                      env={**os.environ, "TERM": "xterm", **(environment or {})})
        self.pidfd = os.pidfd_open(self.child.pid)

    def read(self, milliseconds):
        """What comes within the time; False if nothing did, or the program has ended and all is read."""
        poller = select.poll()
        poller.register(self.master, select.POLLIN)
        poller.register(self.pidfd, select.POLLIN)
        ready = {fd for fd, _ in poller.poll(milliseconds)}
        if self.master in ready:
            self.written += os.read(self.master, 65536)
        return self.master in ready

    def until(self, true, what):
        """Reads until true() of what was written."""
        end = time.monotonic() + host.LIMIT
        while not true(self.written):
            expect(self.read(host.LIMIT * 1000) and time.monotonic() < end, f"the terminal did not come to this: {what}", repr(self.written[-2000:]))

    def write(self, text):
        os.write(self.master, text if isinstance(text, bytes) else text.encode())

    def wait(self):
        """Its exit status, negative for a signal; everything that it wrote is read."""
        end = time.monotonic() + host.LIMIT
        while not host.wait_pidfd(self.pidfd, 0):
            self.read(1000)  # what a terminal holds is soon full, and its program waits
            expect(time.monotonic() < end, f"{self.child.args[0]} does not end", repr(self.written[-2000:]))
        while self.read(0):
            pass
        return self.child.wait()

    def settings(self):
        return termios.tcgetattr(self.slave)

    def screen(self):
        """The lines that can be seen: as far as our programs go, a terminal is CR, LF and 'clear to the end of the line'."""
        lines, row, column = [""], 0, 0
        text = self.written.decode(errors="replace")
        while text:
            if text.startswith("\033[K"):
                lines[row] = lines[row][:column]
                text = text[3:]
                continue
            if text[0] == "\r":
                column = 0
            elif text[0] == "\n":
                row += 1
                lines += [""] * (row == len(lines))
            else:
                expect(text[0] != "\033", "an escape sequence that this does not know", repr(text[:20]))
                lines[row] = (lines[row].ljust(column) + text[0] if column >= len(lines[row])
                              else lines[row][:column] + text[0] + lines[row][column + 1:])
                column += 1
                if column == self.columns:  # it wraps
                    row, column = row + 1, 0
                    lines += [""] * (row == len(lines))
            text = text[1:]
        return [line.rstrip() for line in lines if line.rstrip()]

    def close(self):
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()
        os.close(self.pidfd)
        os.close(self.master)
        os.close(self.slave)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.close()
