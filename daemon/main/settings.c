/* SPDX-License-Identifier: Apache-2.0 */
#include "main/settings.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "config.h"
#include "main/value.h"
#include "main/vmm_user.h"
#include "proto/ffa.h"

static int take_level(struct options *o, const char *text)
{
	static const char *const words[] = { [LOG_ERR] = "error", [LOG_WARNING] = "warning", [LOG_NOTICE] = "notice",
		[LOG_INFO] = "info", [LOG_DEBUG] = "debug" };
	int level = option_word(text, words, sizeof(words) / sizeof(*words));

	if (level < 0)
		return value_refuse(text, "write error, warning, notice, info or debug");
	o->log_level = level;
	return 0;
}

static int take_starter(struct options *o, const char *text)
{
	static const char *const words[] = { [STARTER_AUTO] = "auto", [STARTER_SPAWN] = "spawn",
		[STARTER_SYSTEMD] = "systemd" };
	int starter = option_word(text, words, sizeof(words) / sizeof(*words));

	if (starter < 0)
		return value_refuse(text, "write auto, spawn or systemd");
	o->starter = (enum starter)starter;
	return 0;
}

static int take_group(struct options *o, const char *text)
{
	const struct group *group = getgrnam(text);

	if (!group)
		return value_refuse(text, "there is no such group; see systemd-sysusers(8)");
	o->vmm_group = group->gr_gid;
	return 0;
}

static int take_user(struct options *o, const char *text)
{
	return vmm_user_option(text, o);
}

static int take_ids(struct options *o, const char *text)
{
	char *end, remedy[96];
	unsigned long first = strtoul(text, &end, 0), last = *end == '-' ? strtoul(end + 1, &end, 0) : 0;

	if (*end || first < FFA_ID_VM_FIRST || last > FFA_ID_VM_LAST || first > last) {
		(void)snprintf(remedy, sizeof(remedy), "write FIRST-LAST, both from 0x%04x to 0x%04x, the lower one first",
			FFA_ID_VM_FIRST, FFA_ID_VM_LAST);
		return value_refuse(text, remedy);
	}
	o->first_id = (uint16_t)first;
	o->last_id = (uint16_t)last;
	return 0;
}

static int take_directory(struct options *o, const char *text)
{
	if (o->definition_count == DEFINITION_DIRS_MAX)
		return value_refuse(text, "at most 8 directories");
	o->definitions[o->definition_count++] = text;
	return 0;
}

_Static_assert(DEFINITION_DIRS_MAX == 8, "the message above says so");

static int take_profile(struct options *o, const char *text)
{
	return secure_options_profile(&o->side, text);
}

static int take_sp(struct options *o, const char *text)
{
	return secure_options_sp(&o->side, text);
}

static int take_retry(struct options *o, const char *text)
{
	return secure_options_retry(&o->side, text);
}

static int take_discover_every(struct options *o, const char *text)
{
	return secure_options_discover_every(&o->side, text);
}

static int take_frame_timeout(struct options *o, const char *text)
{
	return secure_options_frame_timeout(&o->side, text);
}

#define FIELDS(first, last)                                                                                            \
	.from = offsetof(struct options, first),                                                                       \
	.size = offsetof(struct options, last) + sizeof(((struct options *)NULL)->last) - offsetof(struct options, first)
#define FIELD(field) FIELDS(field, field)

const struct setting settings[] = {
	{ "bus", "Daemon", "Bus", FIELD(bus) },
	{ "state-dir", "Daemon", "StateDirectory", FIELD(state_dir) },
	{ "runtime-dir", "Daemon", "RuntimeDirectory", FIELD(runtime_dir) },
	{ "memory-dir", "Daemon", "MemoryDirectory", FIELD(memory_dir) },
	{ "huge-dir", "Daemon", "HugePagesDirectory", FIELD(huge_dir) },
	{ "definitions", "Daemon", "Definitions", take_directory, FIELD(definition_count), .many = true },
	{ "ids", "Daemon", "Ids", take_ids, FIELDS(first_id, last_id) },
	{ "log-level", "Daemon", "LogLevel", take_level, FIELD(log_level) },
	{ "vmm", "VMM", "Program", FIELD(vmm) },
	{ "starter", "VMM", "Starter", take_starter, FIELD(starter) },
	{ "vmm-group", "VMM", "Group", take_group, FIELD(vmm_group) },
	{ "vmm-user", "VMM", "User", take_user, FIELDS(vmm_user, vmm_identity) },
	{ "secure", "SecureSide", "Socket", FIELD(secure) },
	{ "sp-profile", "SecureSide", "Profile", take_profile, FIELD(side.profile_count), .many = true },
	{ "sp", "SecureSide", "Partition", take_sp, FIELD(side.listed_count), .many = true },
	{ "retry", "SecureSide", "Retry", take_retry, FIELDS(side.retry, side.retry_for_count), .many = true },
	{ "discover-every", "SecureSide", "DiscoverEvery", take_discover_every, FIELD(side.discover_every) },
	{ "frame-timeout", "SecureSide", "FrameTimeout", take_frame_timeout, FIELD(side.frame_timeout) },
};
const size_t setting_count = sizeof(settings) / sizeof(*settings);
_Static_assert(sizeof(settings) / sizeof(*settings) == OPTION_SETTINGS_MAX, "each has a place for where it comes from");

void settings_default(struct options *o)
{
	*o = (struct options){
		.bus = "system",
		.state_dir = "/run/lifecycled/log",
		.runtime_dir = "/run/lifecycled",
		.memory_dir = "/run/lifecycled/memory",
		.vmm = VMM_PATH,
		.vmm_group = (gid_t)-1,
		.vmm_user = (uid_t)-1,
		.secure = "/run/lifecycled/spmc.sock",
		.log_level = LOG_INFO,
	};
	secure_options_init(&o->side);
}

void setting_reset(const struct setting *s, struct options *o)
{
	struct options defaults;

	settings_default(&defaults);
	memcpy((char *)o + s->from, (const char *)&defaults + s->from, s->size);
}

int setting_take(const struct setting *s, struct options *o, const char *value)
{
	if (s->take)
		return s->take(o, value);
	if (!*value)
		return value_refuse(value, "write a value");
	memcpy((char *)o + s->from, &value, sizeof(value));
	return 0;
}

const struct setting *setting_find(const char *section, const char *key)
{
	for (size_t i = 0; i < setting_count; i++)
		if (strcmp(settings[i].section, section) == 0 && strcmp(settings[i].key, key) == 0)
			return &settings[i];
	return NULL;
}

bool setting_section_exists(const char *section)
{
	for (size_t i = 0; i < setting_count; i++)
		if (strcmp(settings[i].section, section) == 0)
			return true;
	return false;
}

void setting_came_from(const struct setting *s, struct options *o, const struct value_origin *place, const char *value)
{
	o->origin[s - settings] = (struct option_origin){ place->file, place->line, place->column, value };
}

const char *setting_origin(const char *option, const struct options *o, char *to, size_t size)
{
	size_t i = 0;

	while (i + 1 < setting_count && strcmp(settings[i].option, option) != 0)
		i++;
	if (o->origin[i].file)
		(void)snprintf(to, size, "%s:%u:%u: %s=%s", o->origin[i].file, o->origin[i].line, o->origin[i].column, settings[i].key,
			o->origin[i].value ? o->origin[i].value : "");
	else
		(void)snprintf(to, size, "--%s%s%s", option, o->origin[i].value ? " " : "", o->origin[i].value ? o->origin[i].value : "");
	return to;
}
