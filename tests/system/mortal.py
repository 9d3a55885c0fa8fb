"""A host whose daemon dies at one output of its engine exactly (mortal.c), and counts them."""
import mmap
import os
import signal
import struct

import host
from host import BUILD, Host, equal

NAMES, NAME_SIZE = 2048, 32
HEAD = struct.Struct("<5I")  # struct mortal: when, at, count, died, shown
NEVER, BEFORE, AFTER = range(3)
WHEN = {"before": BEFORE, "after": AFTER}


class MortalHost(Host):
    def __init__(self, **more):
        self.mortal = None
        super().__init__(daemon=False, **more)
        try:
            self.path = self.dir / "mortal"
            with open(self.path, "wb+") as file:
                file.truncate(HEAD.size + NAMES * NAME_SIZE)
                self.mortal = mmap.mmap(file.fileno(), 0)
            self.start_daemon()
        except BaseException:
            self.close()
            raise

    def start_daemon(self, *more, **how):
        return super().start_daemon(*more, program=BUILD / "tests/system/lifecycled-mortal",
                                    environment={"LIFECYCLED_MORTAL": str(self.path)}, **how)

    def close(self):
        super().close()
        if self.mortal:
            self.mortal.close()
            self.mortal = None

    def arm(self, when=NEVER, at=0, shown=False):
        """Outputs count from here, and the daemon dies at that one."""
        HEAD.pack_into(self.mortal, 0, NEVER, at, 0, 0, shown)
        struct.pack_into("<I", self.mortal, 0, when)

    def disarm(self):
        struct.pack_into("<I", self.mortal, 0, NEVER)

    def is_armed(self):
        return HEAD.unpack_from(self.mortal)[0] != NEVER

    def arm_again(self):
        """The same, counted from here."""
        when, at, _, _, shown = HEAD.unpack_from(self.mortal)
        self.arm(when, at, shown)

    def outputs(self):
        """The names of all that left since it was armed."""
        count = min(HEAD.unpack_from(self.mortal)[2], NAMES - 1)
        return [self.name_of(n) for n in range(1, count + 1)]

    def died_at(self):
        """The output at which it did. One that was under way when it was armed may be numbered beyond what was counted since."""
        number = HEAD.unpack_from(self.mortal)[3]
        return self.name_of(number) if number else None

    def name_of(self, number):
        start = HEAD.size + number * NAME_SIZE
        return self.mortal[start:start + NAME_SIZE].split(b"\0")[0].decode()

    def is_dead(self, seconds=0):
        """True if the daemon died by itself, within that time."""
        return host.wait_pidfd(self.daemon.pidfd, seconds)

    def close_daemon(self):
        """It lives still, and is killed now."""
        self.disarm()
        self.kill_daemon()

    def bury_daemon(self):
        equal(self.daemon.wait(), -signal.SIGKILL, f"how the daemon ended\n{self.daemon.log()}\n")
        self.daemon.close()
        self.daemon = None
