/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The file is one JSON object: what options_set_world knows, "schedule", an object of events and their milliseconds, and
 * "sps", a list of objects of what options_set_sp knows beside "personality". Keys come in any order, but defaults go by
 * the personality: an SP is collected first. Its "notifiers" may be a list instead of a number: of objects with "hold" or
 * "run".
 */

#include "spmc/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "spmc/event.h"
#include "spmc/personality.h"
#include "spmc/reader.h"
#include "spmc/schedule.h"
#include "spmc/span.h"

#define FILE_MAX    1048576
#define OPTIONS_MAX 48 /* of one SP */

struct pair {
	char name[32];
	char value[READER_SCALAR];
	const char *at;
};

struct pairs {
	struct pair pair[OPTIONS_MAX];
	size_t count;
};

struct file {
	struct world_config *config;
	struct pairs seen; /* of the world's own keys: one that comes twice is a mistake */
	struct pairs events;
	struct pairs sp;
	struct sp_notifier list[SP_NOTIFIERS]; /* the SP's notifiers, if they are a list */
	uint32_t listed;
	size_t words; /* bytes of the program that is read */
};

static const struct pair *find_pair(const struct pairs *p, const char *name)
{
	for (size_t i = 0; i < p->count; i++)
		if (strcmp(p->pair[i].name, name) == 0)
			return &p->pair[i];
	return NULL;
}

static int add_pair(struct reader *r, struct pairs *p, const char *key)
{
	struct pair *pair = &p->pair[p->count];

	if (find_pair(p, key))
		return reader_complain(r, r->value, "this key is there twice; remove one");
	if (p->count == OPTIONS_MAX || strlen(key) >= sizeof(pair->name))
		return reader_complain(r, r->value, "there is no such option; see lifecycled-spmc(8)");
	*pair = (struct pair) { .at = r->value };
	strcpy(pair->name, key);
	p->count++;
	return 0;
}

/* ---- notifiers ---- */

static int read_word(struct reader *r, void *context)
{
	struct file *f = context;
	char *command = f->list[f->listed].callback.command, word[READER_SCALAR];
	size_t length;

	if (reader_scalar(r, word) < 0)
		return -EINVAL;
	length = strlen(word) + 1;
	if (length == 1)
		return reader_complain(r, r->value, "an empty word; remove it");
	if (f->words + length + 1 > NOTIFIER_COMMAND)
		return reader_complain(r, r->value, "the command is longer than %d bytes", NOTIFIER_COMMAND - 2);
	memcpy(command + f->words, word, length);
	f->words += length;
	return 0;
}

static int take_kind(struct reader *r, struct notifier_callback *c, enum notifier_kind kind)
{
	if (c->kind != NOTIFIER_NONE)
		return reader_complain(r, r->value, "a notifier has one of \"hold\" and \"run\"; make two of it");
	c->kind = (uint8_t)kind;
	return 0;
}

static int read_hold(struct reader *r, struct file *f, struct sp_notifier *n)
{
	char value[READER_SCALAR];

	if (take_kind(r, &n->callback, NOTIFIER_HOLD) < 0 || reader_scalar(r, value) < 0)
		return -EINVAL;
	if (span_parse(value, &n->callback.hold) < 0)
		return reader_complain(r, r->value, "must be %s, such as \"2s\"", SPAN_IS);
	return 0;
}

static int read_run(struct reader *r, struct file *f, struct sp_notifier *n)
{
	f->words = 0;
	if (take_kind(r, &n->callback, NOTIFIER_RUN) < 0 || reader_array(r, read_word, f) < 0)
		return -EINVAL;
	if (n->callback.command[0] != '/')
		return reader_complain(r, r->value, "the first word must be the program's path, from / on");
	return 0;
}

static int read_fails(struct reader *r, struct file *f, struct sp_notifier *n)
{
	char value[READER_SCALAR];

	if (reader_scalar(r, value) < 0)
		return -EINVAL;
	if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
		return reader_complain(r, r->value, "must be true or false");
	n->callback.fails = *value == 't';
	return 0;
}

static int read_name(struct reader *r, struct file *f, struct sp_notifier *n)
{
	const struct notifier_callback any = { .kind = NOTIFIER_HOLD };
	char value[READER_SCALAR];
	struct notifier probe;

	if (reader_scalar(r, value) < 0)
		return -EINVAL;
	if (notifier_init(&probe, 0, value, &any) != NOTIFIER_OK)
		return reader_complain(
			r, r->value, "must be 1 to %d letters, digits, '.', '_' and '-'", NOTIFIER_NAME - 1);
	memcpy(n->name, probe.name, sizeof(n->name));
	return 0;
}

static int read_notifier_key(struct reader *r, void *context, const char *key)
{
	static const struct {
		const char *name;
		int (*read)(struct reader *r, struct file *f, struct sp_notifier *n);
	} keys[] = { { "hold", read_hold }, { "run", read_run }, { "fails", read_fails }, { "name", read_name } };
	struct file *f = context;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strcmp(keys[i].name, key) == 0)
			return keys[i].read(r, f, &f->list[f->listed]);
	return reader_complain(
		r, r->value, "a notifier has \"hold\" or \"run\", \"name\" and \"fails\", and nothing else");
}

/* One without a name has its number for one. */
static void name_it(struct sp_notifier *n, uint32_t number)
{
	if (!n->name[0])
		(void)snprintf(n->name, sizeof(n->name), "%u", number);
}

static int read_notifier(struct reader *r, void *context)
{
	struct file *f = context;
	struct sp_notifier *n = &f->list[f->listed];

	if (f->listed == SP_NOTIFIERS)
		return reader_complain(r, r->at, "an SP has at most %d of them", SP_NOTIFIERS);
	*n = (struct sp_notifier){ 0 };
	if (reader_object(r, read_notifier_key, f) < 0)
		return -EINVAL;
	name_it(n, f->listed + 1);
	if (n->callback.kind == NOTIFIER_NONE)
		return reader_complain(r, r->value, "a notifier needs \"hold\" or \"run\"");
	if (n->callback.fails && n->callback.kind == NOTIFIER_RUN)
		return reader_complain(r, r->value, "whether a program fails it says itself; remove \"fails\"");
	for (uint32_t i = 0; i < f->listed; i++)
		if (strcmp(f->list[i].name, n->name) == 0)
			return reader_complain(
				r, r->value, "two notifiers are called '%s'; name one differently", n->name);
	f->listed++;
	return 0;
}

/* A plain number is what options_set_sp takes. */
static bool is_list(const struct pair *p)
{
	return strcmp(p->name, "notifiers") == 0 && *p->at == '[';
}

static int set_list(struct reader *r, const struct file *f, struct sp_config *c, const char *at)
{
	if (!personality_get(c->personality)->register_notifier)
		return reader_complain(r, at, "an SP that is %s has no notifiers; trusty has",
			personality_get(c->personality)->name);
	memcpy(c->list, f->list, sizeof(c->list));
	c->listed = f->listed;
	c->notifiers = 0;
	return 0;
}

/* ---- SPs ---- */

static int read_option(struct reader *r, void *context, const char *key)
{
	struct file *f = context;
	struct pair *pair = &f->sp.pair[f->sp.count];

	if (add_pair(r, &f->sp, key) < 0)
		return -EINVAL;
	if (strcmp(key, "notifiers") == 0 && reader_is_array(r)) {
		pair->at = r->at;
		return reader_array(r, read_notifier, f);
	}
	if (reader_scalar(r, pair->value) < 0)
		return -EINVAL;
	pair->at = r->value;
	return 0;
}

/* The complaint of an option says its name and value itself; the line goes before it. */
static int point_at(struct reader *r, const char *at)
{
	struct complaint what = *r->why;

	return reader_complain(r, at, "%s", what.text);
}

static int apply(struct reader *r, struct file *f, struct sp_config *c)
{
	const struct pair *personality = find_pair(&f->sp, "personality");

	if (!personality)
		return reader_complain(r, r->value, "an SP needs a \"personality\"");
	if (options_begin_sp(c, personality->value, r->why) < 0)
		return point_at(r, personality->at);
	for (size_t i = 0; i < f->sp.count; i++) {
		const struct pair *p = &f->sp.pair[i];

		if (is_list(p) && set_list(r, f, c, p->at) < 0)
			return -EINVAL;
		if (p != personality && !is_list(p) && options_set_sp(c, p->name, p->value, r->why) < 0)
			return point_at(r, p->at);
	}
	return 0;
}

static int read_sp(struct reader *r, void *context)
{
	struct file *f = context;
	struct sp_config c;

	f->sp.count = 0;
	f->listed = 0;
	memset(f->list, 0, sizeof(f->list));
	if (reader_object(r, read_option, f) < 0 || apply(r, f, &c) < 0)
		return -EINVAL;
	return options_end_sp(f->config, &c, r->why) < 0 ? point_at(r, r->value) : 0;
}

static int read_event(struct reader *r, void *context, const char *key)
{
	struct file *f = context;
	char ms[READER_SCALAR];

	if (event_find(key) < 0)
		return schedule_set(f->config, key, "", r->why) < 0 ? point_at(r, r->value) : 0;
	if (add_pair(r, &f->events, key) < 0 || reader_scalar(r, ms) < 0)
		return -EINVAL;
	return schedule_set(f->config, key, ms, r->why) < 0 ? point_at(r, r->value) : 0;
}

static int read_setting(struct reader *r, void *context, const char *key)
{
	struct file *f = context;
	char value[READER_SCALAR];

	if (add_pair(r, &f->seen, key) < 0)
		return -EINVAL;
	if (strcmp(key, "sps") == 0)
		return reader_array(r, read_sp, f);
	if (strcmp(key, "schedule") == 0)
		return reader_object(r, read_event, f);
	if (reader_scalar(r, value) < 0)
		return -EINVAL;
	return options_set_world(f->config, key, value, r->why) < 0 ? point_at(r, r->value) : 0;
}

static int load(const char *path, char **ret)
{
	_cleanup_(close_fdp) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	_cleanup_(freep) char *text = NULL;
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EBADF;
	if (st.st_size > FILE_MAX)
		return -EFBIG;
	text = calloc(1, (size_t)st.st_size + 1);
	if (!text)
		return -ENOMEM;
	n = read(fd, text, (size_t)st.st_size);
	if (n != st.st_size)
		return n < 0 ? -errno : -EIO;
	*ret = take_ptr(&text);
	return 0;
}

int file_read(struct world_config *config, const char *path, struct complaint *why)
{
	_cleanup_(freep) struct file *f = calloc(1, sizeof(*f));
	_cleanup_(freep) char *text = NULL;
	struct reader r = { .file = path, .why = why };
	int error = f ? load(path, &text) : -ENOMEM;

	if (error == -EBADF)
		return complain(why, "%s: is not a regular file", path);
	if (error == -EFBIG)
		return complain(why, "%s: is larger than %d bytes", path, FILE_MAX);
	if (error < 0)
		return complain(why, "%s: %s", path, strerror(-error));
	f->config = config;
	r.text = r.at = r.value = text;
	if (reader_object(&r, read_setting, f) < 0)
		return -EINVAL;
	return reader_end(&r);
}
