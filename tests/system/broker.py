#!/usr/bin/env python3
"""broker.py SOCKET CONFIG: a private bus of dbus-broker, where systemd runs none.

dbus-broker-launch wants what a service manager gives it: its socket as fd 3, journald's socket, and a bus on which it may look
for that manager; the last may be its own. journald is played here, in a mount namespace of our own (`unshare -m` before this): its
lines go to our stderr. Says one byte on standard output when it can be connected to.
"""
import ctypes
import os
import signal
import socket
import sys

PR_SET_PDEATHSIG = 1


def be_journald(libc):
    os.makedirs("/run/systemd", exist_ok=True)
    if libc.mount(b"tmpfs", b"/run/systemd", b"tmpfs", 0, None) < 0:
        raise OSError(ctypes.get_errno(), "a tmpfs at /run/systemd")
    os.mkdir("/run/systemd/journal")
    journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    journal.bind("/run/systemd/journal/socket")
    if os.fork():
        return
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    os.close(1)
    while True:
        os.write(2, journal.recv(1 << 16) + b"\n")


def main(path, config):
    be_journald(ctypes.CDLL(None, use_errno=True))
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    os.chmod(path, 0o666)  # as dbus-daemon's: who may do what is said in its configuration
    listener.listen(128)
    os.write(1, b"x")
    if listener.fileno() == 3:
        os.set_inheritable(3, True)
    else:
        os.dup2(listener.fileno(), 3)
    os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()), DBUS_SESSION_BUS_ADDRESS=f"unix:path={path}")
    os.execvp("dbus-broker-launch", ["dbus-broker-launch", "--scope", "user", "--config-file", config])


if __name__ == "__main__":
    main(*sys.argv[1:])
