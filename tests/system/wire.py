"""The secure link, seen and cut: a relay between the daemon and lifecycled-spmc (proto/secure-link.h).

It keeps the account that FFA_RUN is for an open call alone, and can cut the link, or end the daemon, at one frame exactly:
that frame does not arrive.
"""
import os
import select
import signal
import socket
import struct
import threading

HEADER = struct.Struct("<IHHQ")
REGISTERS = struct.Struct("<18Q")
SUBMIT, COMPLETE = 3, 4
ERROR, INTERRUPT, YIELD, RUN, REQUEST, RESPONSE = 0x84000060, 0x84000062, 0x8400006C, 0x8400006D, 0x8400006F, 0x84000070
MESSAGES = {0x80000004: "VM_CREATED", 0x80000006: "VM_DESTROYED"}


class Wire(threading.Thread):
    """cut_at: (WHAT, MESSAGE): what is not delivered, "interrupt", "run" or "answer" (to FFA_RUN), of which open message."""

    def __init__(self, listen_at, forward_to):
        super().__init__(daemon=True)
        self.forward_to = str(forward_to)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(str(listen_at))
        self.listener.listen(4)
        self.stop_read, self.stop_write = os.pipe()
        self.cut_at = self.victim = None
        self.was_cut = threading.Event()
        self.calls = {}    # id: registers of what is under way
        self.open = {}     # SP: the message that waits for FFA_RUN there
        self.runs = []     # (SP, message that was open there or None), of every FFA_RUN that arrived
        self.broken = None  # what went wrong in here
        self.start()

    def close(self):
        os.write(self.stop_write, b"x")
        self.join()
        self.listener.close()
        os.close(self.stop_read)
        os.close(self.stop_write)

    def run(self):
        try:
            while self.wait(self.listener):
                self.relay(self.listener.accept()[0])
        except Exception as e:  # pylint: disable=broad-except # told by the test's own thread
            self.broken = e

    def wait(self, *sockets):
        """Those that can be read; none: it is over."""
        ready = select.select([self.stop_read, *sockets], [], [])[0]
        return [] if self.stop_read in ready else ready

    def relay(self, daemon):
        spmc = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with daemon, spmc:
            spmc.connect(self.forward_to)
            while True:
                ready = self.wait(daemon, spmc)
                if not ready:
                    return
                if not all(self.pass_on(source, daemon, spmc) for source in ready):
                    self.drain(spmc)
                    return

    def pass_on(self, source, daemon, spmc):
        """One frame. False: the link is over."""
        try:
            frame, fds, _, _ = socket.recv_fds(source, 65536, 4)
            if not frame:
                return False
            point = self.look(frame)
            if point and point == self.cut_at:
                if source is daemon:
                    self.calls.pop(HEADER.unpack_from(frame)[3])
                self.cut()
                return False
            socket.send_fds(spmc if source is daemon else daemon, [frame], fds)
            for fd in fds:
                os.close(fd)
        except (ConnectionError, BrokenPipeError):
            return False
        return True

    def drain(self, spmc):
        """What was answered on a link that is over reaches nobody, but it happened."""
        while self.calls and self.wait(spmc):
            frame = spmc.recv(65536)
            if not frame:
                break
            self.look(frame)
        self.calls.clear()

    def cut(self):
        self.cut_at = None
        if self.victim:
            os.kill(self.victim, signal.SIGKILL)
        self.was_cut.set()

    def look(self, frame):
        """(WHAT, MESSAGE) of a frame at which can be cut. A SUBMIT that is cut does not arrive, a COMPLETE was the SPMC's."""
        kind, ident = HEADER.unpack_from(frame)[2:]
        if kind not in (SUBMIT, COMPLETE):
            return None
        x = REGISTERS.unpack_from(frame, HEADER.size)
        return self.look_at_call(ident, x) if kind == SUBMIT else self.look_at_answer(self.calls.pop(ident), x)

    def look_at_call(self, ident, x):
        self.calls[ident] = x
        if x[0] != RUN:
            return None
        message = self.open.get(x[1] >> 16)
        if self.cut_at != ("run", message):
            self.runs.append((x[1] >> 16, message))
        return "run", message

    def look_at_answer(self, call, x):
        if call[0] not in (RUN, REQUEST):
            return None
        sp = call[1] >> 16 if call[0] == RUN else call[1] & 0xFFFF
        message = self.open.get(sp) if call[0] == RUN else MESSAGES.get(call[2])
        if x[0] in (INTERRUPT, YIELD):
            self.open[sp] = message
            return "interrupt", message
        if x[0] == RESPONSE:
            self.open.pop(sp, None)
        return ("answer", message) if call[0] == RUN else None
