/* SPDX-License-Identifier: Apache-2.0 */
#include "store/uuid.h"

#include <string.h>

static bool dash_follows(unsigned byte)
{
	return byte == 3 || byte == 5 || byte == 7 || byte == 9;
}

void uuid_print(const uint8_t uuid[16], char text[UUID_TEXT_SIZE])
{
	static const char hex[] = "0123456789abcdef";

	for (unsigned i = 0; i < 16; i++) {
		*text++ = hex[uuid[i] >> 4];
		*text++ = hex[uuid[i] & 0xF];
		if (dash_follows(i))
			*text++ = '-';
	}
	*text = '\0';
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool uuid_parse(const char *text, uint8_t uuid[16])
{
	uint8_t parsed[16];

	if (strlen(text) != UUID_TEXT_SIZE - 1)
		return false;
	for (unsigned i = 0; i < 16; i++) {
		int high = hex_digit(text[0]), low = hex_digit(text[1]);

		if (high < 0 || low < 0)
			return false;
		parsed[i] = (uint8_t)(high << 4 | low);
		text += 2;
		if (dash_follows(i) && *text++ != '-')
			return false;
	}
	memcpy(uuid, parsed, 16);
	return true;
}

bool uuid_is_nil(const uint8_t uuid[16])
{
	static const uint8_t nil[16];

	return memcmp(uuid, nil, 16) == 0;
}

static uint64_t fold(uint64_t hash, const void *bytes, size_t length)
{
	const uint8_t *p = bytes;

	while (length--)
		hash = (hash ^ *p++) * 0x100000001B3ull;
	return hash;
}

/* FNV leaves the high bits of a short text nearly alone: stir (any two odd constants do). */
static uint64_t stir(uint64_t x)
{
	x = (x ^ x >> 32) * 0x9E3779B97F4A7C15ull;
	x = (x ^ x >> 29) * 0xC2B2AE3D27D4EB4Full;
	return x ^ x >> 32;
}

/*
 * A definition without a UUID must give the same one at every start, on this host and on no other. SHA-1 (a
 * version 5) would need a library for names that nobody attacks; RFC 9562 keeps version 8 for hashes of one's
 * own. Never change this function: VMs would change their identity.
 */
void uuid_of_name(const uint8_t machine_id[16], const char *name, uint8_t uuid[16])
{
	for (unsigned half = 0; half < 2; half++) {
		uint64_t hash = fold(0xCBF29CE484222325ull, half ? "lifecycled vm b" : "lifecycled vm a", 15);

		hash = stir(fold(fold(hash, machine_id, 16), name, strlen(name)));
		for (unsigned i = 0; i < 8; i++)
			uuid[half * 8 + i] = (uint8_t)(hash >> (56 - 8 * i));
	}
	uuid[6] = (uint8_t)(0x80 | (uuid[6] & 0x0F));
	uuid[8] = (uint8_t)(0x80 | (uuid[8] & 0x3F));
}
