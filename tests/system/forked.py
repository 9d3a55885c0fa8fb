"""Runs a program again and again without starting it each time: fork-server.c forks it from one that stands before its main()."""
import contextlib
import os
import select
import signal
import socket
import struct
import subprocess


class Program:
    """It is started at its first run, and ends with the last process that knows of it. Processes and threads may share it."""

    def __init__(self, path, library):
        self.path, self.library = str(path), str(library)
        self.socket = self.server = None

    def begin(self):
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        options = ":".join(filter(None, [os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0"]))
        with theirs:
            more = {"LD_PRELOAD": self.library, "LD_BIND_NOW": "1", "ASAN_OPTIONS": options, "FORK_SERVER": str(theirs.fileno())}
            self.server = subprocess.Popen([self.path], stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()], env={**os.environ, **more})

    def ask(self, words, stdin, stdout, stderr, environment):
        """The end of a pipe from which its pid and its wait status can be read."""
        if not self.socket:
            self.begin()
        text = [os.getcwd(), str(len(words)), *words, *(f"{key}={value}" for key, value in environment.items())]
        ours, theirs = os.pipe()
        try:
            socket.send_fds(self.socket, [b"".join(os.fsencode(word) + b"\0" for word in text)], [stdin, stdout, stderr, theirs])
        except BaseException:
            os.close(ours)
            raise
        finally:
            os.close(theirs)
        return ours

    def run(self, *arguments, text=None, timeout=None, environment=os.environ):
        """A subprocess.CompletedProcess, as subprocess.run() gives it; standard input is `text`, or nothing."""
        words = [self.path, *map(str, arguments)]
        with contextlib.ExitStack() as stack:
            def file(name):
                fd = os.memfd_create(name)
                stack.callback(os.close, fd)
                return fd

            stdin, stdout, stderr = map(file, ("stdin", "stdout", "stderr"))
            os.pwrite(stdin, (text or "").encode(), 0)
            status = self.ask(words, stdin, stdout, stderr, environment)
            stack.callback(os.close, status)
            code = end_of(status, words, timeout)
            out, error = (os.pread(fd, os.fstat(fd).st_size, 0).decode() for fd in (stdout, stderr))
        return subprocess.CompletedProcess(words, code, out, error)


def number_from(pipe):
    said = os.read(pipe, 4)
    if len(said) != 4:
        raise RuntimeError("the fork server is gone")
    return struct.unpack("i", said)[0]


def end_of(pipe, words, timeout):
    """Its exit code, negative for a signal. When its time is up it is killed, and told by subprocess.TimeoutExpired."""
    pid = number_from(pipe)
    poller = select.poll()
    poller.register(pipe, select.POLLIN)
    if timeout and not poller.poll(timeout * 1000):
        os.kill(pid, signal.SIGKILL)
        number_from(pipe)
        raise subprocess.TimeoutExpired(words, timeout)
    return os.waitstatus_to_exitcode(number_from(pipe))
