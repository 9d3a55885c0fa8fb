#!/usr/bin/env python3
"""The Linux guest of the tests: Debian's own kernel, of the release of this machine, with the initramfs of build-initramfs.

folder() gives the directory, from the cache, of what an Arm host needs: Image, vmlinuz (the same, packed with gzip) and
initramfs; run as a program, this prints it. fill() makes one for either architecture, from an unpacked system.
"""
import gzip
import pathlib
import struct
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "hosts"))
import cache  # noqa: E402

# On arm64 the full kernel and not the cloud one: that has no gpio_keys, without which no guest hears its power key.
PACKAGES = {"arm64": ["linux-image-arm64", "busybox-static"], "amd64": ["linux-image-cloud-amd64", "busybox-static"]}
PARTS = [HERE / name for name in ("guest.py", "build-initramfs", "init", "power-key")] + [HERE.parent / "hosts/initramfs.py"]


def unpack(architecture, system):
    # in a mount namespace of its own: what it mounts, a run that is cut short can not leave behind
    done = subprocess.run(["unshare", "--mount", "mmdebstrap", "--quiet", f"--architectures={architecture}", "--variant=extract",
                           f"--include={','.join(PACKAGES[architecture])}",
                           "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr", cache.suite(), system],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise SystemExit(f"the Linux guest cannot be had: mmdebstrap failed:\n{done.stdout[-3000:]}")


def arm64_kernels(kernel, place):
    image = gzip.decompress(kernel) if kernel[:2] == b"\x1f\x8b" else kernel  # Debian ships both, by release
    (place / "Image").write_bytes(image)
    (place / "vmlinuz").write_bytes(gzip.compress(image, 1, mtime=0))


def amd64_kernels(kernel, place):
    """vmlinuz as it is, a bzImage; vmlinux is its payload unpacked (arch/x86/boot.rst): LZ4, and its size behind it."""
    start = (kernel[0x1f1] + 1) * 512
    offset, length = struct.unpack_from("<II", kernel, 0x248)
    packed = kernel[start + offset:start + offset + length - 4]
    (place / "vmlinuz").write_bytes(kernel)
    (place / "vmlinux").write_bytes(subprocess.run(["lz4", "-dc"], input=packed, stdout=subprocess.PIPE, check=True).stdout)


def fill(architecture, system, place):
    kernels = {"arm64": arm64_kernels, "amd64": amd64_kernels}[architecture]
    kernels(next((system / "boot").glob("vmlinuz-*")).read_bytes(), place)
    subprocess.run([HERE / "build-initramfs", system, place / "initramfs"], check=True)


def make(place):
    system = place / "system"
    unpack("arm64", system)
    fill("arm64", system, place)
    subprocess.run(["rm", "-rf", system], check=True)


def folder():
    return cache.kept("linux-arm64", [*PACKAGES["arm64"], *PARTS], make)


if __name__ == "__main__":
    print(folder())
