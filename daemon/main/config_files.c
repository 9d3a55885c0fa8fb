/* SPDX-License-Identifier: Apache-2.0 */
#include "main/config_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/directory.h"
#include "base/trust.h"
#include "main/ini.h"
#include "main/settings.h"
#include "main/value.h"

#define NAME "lifecycled.conf"

/* The first has the first word: of the main file one counts, and of drop-ins of one name. */
static const char *const places[] = { "/etc/lifecycled", "/run/lifecycled", "/usr/lib/lifecycled" };
#define PLACE_COUNT (sizeof(places) / sizeof(*places))

static int refuse_file(const char *path, const char *what)
{
	fprintf(stderr, "lifecycled: %s: %s\n", path, what);
	return -EINVAL;
}

static bool is_null_device(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(1, 3);
}

/* A full text and the byte behind it. It is opened without blocking: a FIFO must not hold the daemon. */
static int read_text(int fd, const char *path, char **ret, size_t *ret_size)
{
	_cleanup_(freep) char *text = malloc(CONFIG_TEXT_MAX + 1);
	size_t size = 0;
	ssize_t n;

	if (!text)
		return -ENOMEM;
	while ((n = read(fd, text + size, CONFIG_TEXT_MAX + 1 - size)) > 0)
		size += (size_t)n;
	if (n < 0)
		return refuse_file(path, strerror(errno));
	if (size > CONFIG_TEXT_MAX)
		return refuse_file(path, "larger than 64 KiB; a configuration is not");
	*ret = take_ptr(&text);
	*ret_size = size;
	return 0;
}

/* 1: taken; 0: it hides others of its name and says nothing. */
static int add_open(struct config_files *c, int fd, const char *path)
{
	struct stat st;
	struct config_file *f = &c->file[c->count];
	int r;

	if (fstat(fd, &st) < 0)
		return refuse_file(path, strerror(errno));
	if (is_null_device(&st))
		return 0;
	if (!S_ISREG(st.st_mode))
		return refuse_file(path, "not a regular file");
	if (!stat_is_trusted(&st))
		return refuse_file(path, "another user owns it, or anybody may write to it; give it to root, mode 0644");
	if (c->count == CONFIG_FILES_MAX)
		return refuse_file(path, "too many files; 128 are read");
	r = read_text(fd, path, &f->text, &f->size);
	if (r < 0)
		return r;
	c->count++; /* from here on it is freed with the others */
	f->path = strdup(path);
	return f->path ? 1 : -ENOMEM;
}

/* -ENOENT: it is not there, and nothing was printed. */
static int add_file(struct config_files *c, const char *path)
{
	_cleanup_(close_fdp) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? -ENOENT : refuse_file(path, strerror(errno));
	return add_open(c, fd, path);
}

/* ---- drop-ins ---- */

struct drop_in {
	char *name;
	size_t place;
};

struct drop_ins {
	struct drop_in of[CONFIG_FILES_MAX];
	size_t count;
};

static void drop_ins_free(struct drop_ins *d)
{
	for (size_t i = 0; i < d->count; i++)
		free(d->of[i].name);
}

static bool is_drop_in(const char *name)
{
	size_t length = strlen(name);

	return *name != '.' && length > 5 && strcmp(name + length - 5, ".conf") == 0;
}

static bool is_hidden(const struct drop_ins *d, const char *name)
{
	for (size_t i = 0; i < d->count; i++)
		if (strcmp(d->of[i].name, name) == 0)
			return true;
	return false;
}

/* In a directory of theirs others may link a file of root to a name of their own. */
static int check_directory(DIR *dir, const char *path)
{
	struct stat st;

	if (fstat(dirfd(dir), &st) < 0)
		return refuse_file(path, strerror(errno));
	return stat_is_trusted(&st) ? 0 :
		refuse_file(path, "another user owns the directory, or anybody may write there; give it to root, mode 0755");
}

static int look_into(struct drop_ins *d, const char *directory, size_t place)
{
	DIR *dir = opendir(directory);
	struct dirent *e;
	int r, more = 0;

	if (!dir)
		return errno == ENOENT || errno == ENOTDIR ? 0 : refuse_file(directory, strerror(errno));
	r = check_directory(dir, directory);
	while (r == 0 && (more = directory_next(dir, &e)) == 1) {
		if (!is_drop_in(e->d_name) || is_hidden(d, e->d_name))
			continue;
		if (d->count == CONFIG_FILES_MAX)
			r = refuse_file(directory, "too many files; 128 are read");
		else if (!(d->of[d->count].name = strdup(e->d_name)))
			r = -ENOMEM;
		else
			d->of[d->count++].place = place;
	}
	(void)closedir(dir);
	return more < 0 ? refuse_file(directory, strerror(-more)) : r;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct drop_in *)a)->name, ((const struct drop_in *)b)->name);
}

static int add_drop_ins(struct config_files *c, const char *root)
{
	_cleanup_(drop_ins_free) struct drop_ins d = { .count = 0 };
	char path[PATH_MAX];

	for (size_t i = 0; i < PLACE_COUNT; i++) {
		int r;

		(void)snprintf(path, sizeof(path), "%s%s/" NAME ".d", root, places[i]);
		r = look_into(&d, path, i);
		if (r < 0)
			return r;
	}
	qsort(d.of, d.count, sizeof(*d.of), compare_names);
	for (size_t i = 0; i < d.count; i++) {
		int r;

		(void)snprintf(path, sizeof(path), "%s%s/" NAME ".d/%s", root, places[d.of[i].place], d.of[i].name);
		r = add_file(c, path);
		if (r < 0 && r != -ENOENT) /* it may have gone meanwhile */
			return r;
	}
	return 0;
}

static int add_main(struct config_files *c, const char *root)
{
	char path[PATH_MAX];
	int r = -ENOENT;

	for (size_t i = 0; r == -ENOENT && i < PLACE_COUNT; i++) {
		(void)snprintf(path, sizeof(path), "%s%s/" NAME, root, places[i]);
		r = add_file(c, path);
	}
	return r < 0 && r != -ENOENT ? r : 0;
}

int config_files_read(struct config_files *c, const char *root, const char *only)
{
	int r;

	if (only) {
		r = add_file(c, only);
		return r == -ENOENT ? refuse_file(only, strerror(ENOENT)) : r < 0 ? r : 0;
	}
	r = add_main(c, root);
	return r < 0 ? r : add_drop_ins(c, root);
}

void config_files_print(const struct config_files *c, FILE *to)
{
	for (size_t i = 0; i < c->count; i++) {
		const struct config_file *f = &c->file[i];

		(void)fprintf(to, "%s# %s\n", i ? "\n" : "", f->path);
		(void)fwrite(f->text, 1, f->size, to);
		if (f->size && f->text[f->size - 1] != '\n')
			(void)fputc('\n', to);
	}
}

/* ---- what they say ---- */

static void warn(struct config_files *c, const struct config_file *f, const struct ini_item *item)
{
	c->warnings++;
	if (setting_section_exists(item->section))
		fprintf(stderr, "lifecycled: %s:%u: [%s] has no %s=; it is not looked at, see lifecycled.conf(5)\n", f->path, item->line,
			item->section, item->key);
	else
		fprintf(stderr, "lifecycled: %s:%u: there is no [%s]; %s= is not looked at, see lifecycled.conf(5)\n", f->path,
			item->line, item->section, item->key);
}

/* An empty value takes back what was said before. */
static int take_item(struct config_files *c, const struct config_file *f, const struct ini_item *item, struct options *o)
{
	const struct setting *s = setting_find(item->section, item->key);
	struct value_origin origin = { f->path, item->line, item->column, item->section, item->key };
	int r = 0;

	if (!s) {
		warn(c, f, item);
		return 0;
	}
	value_from(&origin);
	if (*item->value)
		r = setting_take(s, o, item->value);
	else
		setting_reset(s, o);
	value_from(NULL);
	setting_came_from(s, o, &origin, *item->value ? item->value : NULL);
	return r;
}

static int take_file(struct config_files *c, const struct config_file *f, struct options *o)
{
	const char *problem = NULL;
	struct ini_item item;
	struct ini ini;
	int r = ini_begin(&ini, f->text, f->size, &item, &problem);

	while (r == 0 && (r = ini_next(&ini, &item, &problem)) == 1)
		r = take_item(c, f, &item, o);
	if (problem)
		fprintf(stderr, "lifecycled: %s:%u:%u: %s\n", f->path, item.line, item.column, problem);
	return r < 0 ? -EINVAL : 0;
}

int config_files_take(struct config_files *c, struct options *o)
{
	for (size_t i = 0; i < c->count; i++) {
		int r = take_file(c, &c->file[i], o);

		if (r < 0)
			return r;
	}
	return 0;
}

struct config_files *config_files_free(struct config_files *c)
{
	if (!c)
		return NULL;
	for (size_t i = 0; i < c->count; i++) {
		free(c->file[i].path);
		free(c->file[i].text);
	}
	free(c);
	return NULL;
}
