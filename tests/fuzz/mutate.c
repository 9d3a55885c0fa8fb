/* SPDX-License-Identifier: Apache-2.0 */
/* Where inputs come from: seeds, and many small changes of them. The same for the same number that it begins with. */
#include "fuzz.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>

struct seed {
	uint8_t *data;
	size_t size;
};

static struct seed *seeds;
static size_t seed_count, seed_room;
static uint64_t state = 1;

void fuzz_random_begin(uint64_t seed)
{
	state = seed ? seed : 1;
}

uint64_t fuzz_random(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

void fuzz_seed(const void *data, size_t size)
{
	struct seed s = { malloc(size + 1), size < FUZZ_INPUT_MAX ? size : FUZZ_INPUT_MAX };

	if (seed_count == seed_room) {
		seed_room = seed_room ? 2 * seed_room : 64;
		seeds = realloc(seeds, seed_room * sizeof(*seeds));
	}
	PROMISE(s.data && seeds);
	memcpy(s.data, data, s.size);
	seeds[seed_count++] = s;
}

size_t fuzz_seed_count(void)
{
	return seed_count;
}

size_t fuzz_seed_get(size_t i, uint8_t *data, size_t room)
{
	size_t size = seeds[i].size < room ? seeds[i].size : room;

	memcpy(data, seeds[i].data, size);
	return size;
}

static int seed_file(const char *path)
{
	uint8_t data[FUZZ_INPUT_MAX];
	FILE *f = fopen(path, "re");
	size_t size;

	if (!f)
		return -errno;
	size = fread(data, 1, sizeof(data), f);
	fclose(f);
	fuzz_seed(data, size);
	return 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

int fuzz_seed_files(const char *path)
{
	struct dirent **entry;
	int n = scandir(path, &entry, NULL, by_name), e = 0; /* in order: the same inputs at each run */

	if (n < 0)
		return errno == ENOTDIR ? seed_file(path) : -errno;
	for (int i = 0; i < n; i++) {
		char inner[4096];

		(void)snprintf(inner, sizeof(inner), "%s/%s", path, entry[i]->d_name);
		if (e == 0 && entry[i]->d_name[0] != '.')
			e = seed_file(inner);
		free(entry[i]);
	}
	free(entry);
	return e;
}

/* ---- changes: each returns the new size ---- */

static size_t put(uint8_t *data, size_t size, size_t room, size_t at, size_t gone, const void *with, size_t count)
{
	if (at > size || gone > size - at || size - gone + count > room)
		return size;
	memmove(data + at + count, data + at + gone, size - at - gone);
	memcpy(data + at, with, count);
	return size - gone + count;
}

/* Most that is decided is decided by what comes first. */
static size_t place_in(size_t size)
{
	return fuzz_random() % (size > 64 && fuzz_random() & 1 ? 64 : size);
}

static size_t change_byte(uint8_t *data, size_t size, size_t room)
{
	static const uint8_t telling[] = { 0, 1, 4, 5, 6, 7, 0x60, 0x61, 0x62, 0x6C, 0x6D, 0x6F, 0x70, 0x7F, 0x80, 0x84, 0xFF };

	data[place_in(size)] = fuzz_random() & 1 ? (uint8_t)fuzz_random() : telling[fuzz_random() % sizeof(telling)];
	return size;
}

static size_t change_bit(uint8_t *data, size_t size, size_t room)
{
	data[place_in(size)] ^= (uint8_t)(1u << fuzz_random() % 8);
	return size;
}

/* A number at its edge, where one of that width may be. */
static size_t change_number(uint8_t *data, size_t size, size_t room)
{
	static const uint64_t edges[] = { 0, 1, 2, 63, 64, 65, 127, 128, 255, 256, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF,
		0x80000000, 0xFFFFFFFF, 0x7FFFFFFFFFFFFFFF, 0x8000000000000000, UINT64_MAX };
	size_t width = 1u << fuzz_random() % 4, at;
	uint64_t value = edges[fuzz_random() % (sizeof(edges) / sizeof(edges[0]))];

	if (size < width)
		return size;
	at = place_in(size - width + 1);
	if (fuzz_random() & 1)
		at -= at % width;
	memcpy(data + at, &value, width);
	return size;
}

static size_t remove_some(uint8_t *data, size_t size, size_t room)
{
	size_t at = fuzz_random() % size, count = 1 + fuzz_random() % (fuzz_random() % 4 ? 8 : size);

	return put(data, size, room, at, count < size - at ? count : size - at, "", 0);
}

static size_t repeat_some(uint8_t *data, size_t size, size_t room)
{
	uint8_t copy[1024];
	size_t at = fuzz_random() % size, count = 1 + fuzz_random() % (fuzz_random() % 4 ? 16 : sizeof(copy));

	if (count > size - at)
		count = size - at;
	memcpy(copy, data + at, count);
	return put(data, size, room, fuzz_random() % (size + 1), 0, copy, count);
}

static size_t cut_short(uint8_t *data, size_t size, size_t room)
{
	return size - fuzz_random() % (size < 16 ? size : 16);
}

/* A part of another seed. */
static size_t take_from_other(uint8_t *data, size_t size, size_t room)
{
	const struct seed *other = seed_count ? &seeds[fuzz_random() % seed_count] : NULL;
	size_t from, count, at = fuzz_random() % (size + 1);

	if (!other || !other->size)
		return size;
	from = fuzz_random() % other->size;
	count = 1 + fuzz_random() % (other->size - from);
	return put(data, size, room, at, fuzz_random() & 1 ? fuzz_random() % (size - at + 1) : 0, other->data + from, count);
}

static bool in_word(uint8_t c, bool number)
{
	return number ? isdigit(c) : isalnum(c) || c == '-' || c == '_' || c == '.' || c == '/';
}

/* The word or number around a place, as text has them. */
static size_t word_around(const uint8_t *data, size_t size, size_t *at, bool number)
{
	size_t end = *at;

	while (*at && in_word(data[*at - 1], number))
		(*at)--;
	while (end < size && in_word(data[end], number))
		end++;
	return end - *at;
}

static size_t change_word(uint8_t *data, size_t size, size_t room)
{
	static const char *const numbers[] = { "0", "1", "2", "-1", "64", "65", "255", "256", "32766", "32767", "65535", "65536",
		"2147483648", "4294967295", "4294967296", "9223372036854775807", "9223372036854775808", "18446744073709551615",
		"18446744073709551616", "1e3", "0.5" };
	size_t at = fuzz_random() % size, length, count = 0;
	bool number = fuzz_random() & 1;
	const char *word;

	while (fuzz_format.words[count])
		count++;
	for (unsigned i = 0; i < 64 && !in_word(data[at], number); i++)
		at = (at + 1) % size;
	if (!in_word(data[at], number))
		return size;
	length = word_around(data, size, &at, number);
	word = number ? numbers[fuzz_random() % (sizeof(numbers) / sizeof(numbers[0]))] : fuzz_format.words[fuzz_random() % count];
	return put(data, size, room, at, length, word, strlen(word));
}

static size_t swap_rows(uint8_t *data, size_t size, size_t room)
{
	size_t row = fuzz_format.row, count = size / row, at, to;

	if (!count)
		return size;
	at = fuzz_random() % count;
	to = fuzz_random() % count;
	for (size_t i = 0; i < row && at != to; i++) {
		uint8_t byte = data[at * row + i];

		data[at * row + i] = data[to * row + i];
		data[to * row + i] = byte;
	}
	return size;
}

typedef size_t change_fn(uint8_t *data, size_t size, size_t room);

size_t fuzz_change(uint8_t *data, size_t size, size_t room)
{
	static change_fn *const pieces[] = { change_byte, change_bit, change_number, remove_some, repeat_some, cut_short,
		take_from_other, change_byte, change_number };
	static change_fn *const rows[] = { change_byte, change_byte, change_byte, change_bit, change_number, swap_rows };
	uint64_t which = fuzz_random();

	if (!size)
		return size;
	if (fuzz_format.row)
		return rows[which % (sizeof(rows) / sizeof(rows[0]))](data, size, room);
	if (fuzz_format.words && which & 0x8000)
		return change_word(data, size, room);
	return pieces[which % (sizeof(pieces) / sizeof(pieces[0]))](data, size, room);
}

size_t fuzz_make(uint8_t *data, size_t room)
{
	size_t size = 0;

	for (uint64_t n = fuzz_format.row ? 1 + fuzz_random() % 8 : 1; n > 0; n--)
		size += fuzz_seed_get(fuzz_random() % seed_count, data + size, room - size);
	for (uint64_t n = fuzz_random() % 8; n > 0; n--)
		size = fuzz_change(data, size, room);
	return fuzz_format.row && size ? size - fuzz_random() % 8 : size;
}
