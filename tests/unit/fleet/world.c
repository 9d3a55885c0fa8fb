/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

const char *fake_vmm;

int engine_post(struct engine *e, const struct input *in)
{
	if (e->fail > 0) {
		e->fail--;
		return -12;
	}
	assert_true(e->count < sizeof(e->heard) / sizeof(*e->heard));
	e->heard[e->count++] = *in;
	return 0;
}

bool engine_is_behind(const struct engine *e)
{
	return e->behind;
}

static struct engine *heard_by(struct world *w)
{
	return &w->engine;
}

void world_fleet(struct world *w)
{
	assert_int_equal(fleet_new(&w->config, &w->fleet), 0);
	fleet_set_engine(w->fleet, heard_by(w));
	w->ready = 0;
}

static void on_ready(void *arg)
{
	struct world *w = arg;

	w->ready++;
}

void world_listen(struct world *w)
{
	assert_int_equal(fleet_listen(w->fleet, on_ready, w), 0);
}

int world_setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	setenv("NOTIFY_SOCKET", "/nowhere", 1);
	log_open("test", LOG_ERR - 1); /* refusals are expected here */
	strcpy(w->runtime, "/tmp/fleet-XXXXXX");
	strcpy(w->memory, "/dev/shm/fleet-XXXXXX");
	assert_non_null(mkdtemp(w->runtime));
	assert_non_null(mkdtemp(w->memory));
	assert_int_equal(loop_new(&w->loop), 0);
	w->config = (struct fleet_config){
		.loop = w->loop,
		.runtime_dir = w->runtime,
		.memory_dir = w->memory,
		.vmm_path = fake_vmm,
		.incarnation = 1000,
		.vmm_group = (gid_t)-1,
	};
	w->definition = (struct vm_definition){ .vcpu_count = 2, .memory_bytes = 4 << 20 };
	w->definition.limits.console_bytes = 8192;
	world_fleet(w);
	world_listen(w);
	*state = w;
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

int world_teardown(void **state)
{
	struct world *w = *state;

	fleet_free(w->fleet);
	loop_free(w->loop);
	nftw(w->runtime, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	nftw(w->memory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(w);
	return 0;
}

const struct input *world_wait(struct world *w, enum input_kind kind)
{
	for (;;) {
		while (w->engine.read < w->engine.count) {
			const struct input *in = &w->engine.heard[w->engine.read++];

			if (in->kind == kind)
				return in;
			if (in->kind == IN_VMM_GONE && kind != IN_RECLAIMED)
				fail_msg("waits for input %d of a VMM that is gone: %s", kind, in->end.text);
		}
		assert_int_equal(loop_turn(w->loop, true), 0);
	}
}

bool world_heard(const struct world *w, enum input_kind kind, uint64_t life)
{
	for (size_t i = 0; i < w->engine.count; i++)
		if (w->engine.heard[i].kind == kind && w->engine.heard[i].life == life)
			return true;
	return false;
}

void world_wait_ready(struct world *w)
{
	while (!w->ready)
		assert_int_equal(loop_turn(w->loop, true), 0);
}

void world_start(struct world *w, uint64_t life, const char *name)
{
	struct birth_place place = { .life = life, .memory_bytes = 4 << 20, .definition = &w->definition };

	strcpy(w->definition.name, name);
	fleet_ops.start(w->fleet, (struct committed){ life }, &place);
}

struct newborn world_born(struct world *w, uint64_t life, const char *name)
{
	const struct input *in;

	world_start(w, life, name);
	assert_int_equal(world_wait(w, IN_VMM_STARTED)->life, life);
	in = world_wait(w, IN_VMM_NEWBORN);
	assert_int_equal(in->life, life);
	assert_string_equal(in->newborn.name, name);
	fleet_ops.birth(w->fleet, (struct committed){ life + 1 }, life, in->newborn.connection);
	return in->newborn;
}

void world_path(const struct world *w, uint64_t life, const char *file, char path[256])
{
	(void)snprintf(path, 256, "%s/lives/%llu%s%s", w->runtime, (unsigned long long)life, *file ? "/" : "", file);
}
