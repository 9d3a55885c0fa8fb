#!/usr/bin/env python3
"""The Linux guest of the tests: Debian's own arm64 kernel, of the release of this machine, with the initramfs of build-initramfs.

folder() gives the directory of Image, vmlinuz (the same, packed with gzip) and initramfs, from the cache; run as a program,
this prints it. The full kernel and not the cloud one: that has no gpio_keys, without which no guest hears its power key.
"""
import gzip
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "hosts"))
import cache  # noqa: E402

PACKAGES = ["linux-image-arm64", "busybox-static"]
PARTS = ["guest.py", "build-initramfs", "init", "power-key"]


def make(place):
    system = place / "system"
    done = subprocess.run(["mmdebstrap", "--quiet", "--architectures=arm64", "--variant=extract",
                           f"--include={','.join(PACKAGES)}",
                           "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr", cache.suite(), system],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise SystemExit(f"the Linux guest cannot be had: mmdebstrap failed:\n{done.stdout[-3000:]}")
    image = next((system / "boot").glob("vmlinuz-*")).read_bytes()
    image = gzip.decompress(image) if image[:2] == b"\x1f\x8b" else image  # Debian ships both, by release
    (place / "Image").write_bytes(image)
    (place / "vmlinuz").write_bytes(gzip.compress(image, 1, mtime=0))
    subprocess.run([HERE / "build-initramfs", system, place / "initramfs"], check=True)
    subprocess.run(["rm", "-rf", system], check=True)


def folder():
    return cache.kept("linux-arm64", [*PACKAGES, *(HERE / part for part in PARTS)], make)


if __name__ == "__main__":
    print(folder())
