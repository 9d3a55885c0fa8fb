/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Kernel files that are packed with gzip (RFC 1952), as Debian ships arm64 kernels. */

#include <stdbool.h>

#include "vmm/boot/boot.h"

/* What a file that may be packed holds; `head` is its first IMAGE_HEADER bytes. */
bool gzip_is_packed(const uint8_t *head);

/*
 * An EFI zboot image (drivers/firmware/efi/libstub/zboot-header.S): a small program around a packed kernel. Takes the
 * packed part, if it is packed with gzip; else says what it is packed with.
 */
bool zboot_is(const uint8_t *head);

/*
 * Unpacks bytes [offset, offset + length) of `file` into memory of this process, which *ret then reads as if it were
 * the file; boot_close gives it back. More than `max` bytes are refused, so that a small file cannot fill the host.
 */
int gzip_unpack(const struct boot_file *file, uint64_t offset, uint64_t length, uint64_t max, struct boot_file *ret,
	struct failure *f);
int zboot_unpack(
	const struct boot_file *file, const uint8_t *head, uint64_t max, struct boot_file *ret, struct failure *f);
