/* SPDX-License-Identifier: Apache-2.0 */

/*
 * org.freedesktop.LogControl1, as org.freedesktop.LogControl1(5) has it: what is logged, and where to, while the daemon runs.
 * `systemctl service-log-level` speaks it.
 *
 * sd-bus answers when a property's setter returns, and polkit has not answered then. So what is to be set is taken as a call
 * before sd-bus looks for a setter.
 */

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "bus/internal.h"

/* What can be set. */
struct setting {
	const char *property;
	int (*number)(const char *word);
	int (*set)(int number);
	const char *words;
};

static int set_level(int level)
{
	log_set_level(level);
	return 0;
}

static int set_target(int target)
{
	return log_set_target((enum log_target)target);
}

static const struct setting settings[] = {
	{ "LogLevel", log_level_from_word, set_level, "emerg, alert, crit, err, warning, notice, info or debug" },
	{ "LogTarget", log_target_from_word, set_target, "auto, journal, console or null" },
};

static const struct setting *setting_of(const char *property)
{
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		if (strcmp(settings[i].property, property) == 0)
			return &settings[i];
	return NULL;
}

static void set_run(struct call *c)
{
	const struct setting *s = setting_of(c->property);
	int r;

	/* before: afterwards nobody may hear it */
	log_notice("uid %u sets %s to %s", (unsigned)c->request.uid, c->property, c->text);
	r = s->set(c->value);
	if (r < 0) {
		bus_call_refuse(c, REFUSED_INVALID_ARGUMENT, "%s cannot be %s here: %s", c->property, c->text, strerror(-r));
		return;
	}
	(void)sd_bus_reply_method_return(c->message, NULL);
	(void)bus_call_free(c);
}

static int read_value(struct call *c, sd_bus_message *m, sd_bus_error *error)
{
	const struct setting *s = setting_of(c->property);
	int r = sd_bus_message_read(m, "v", "s", &c->text);

	if (r == -ENXIO)
		return bus_refuse(error, REFUSED_INVALID_ARGUMENT, "%s is a word: %s", c->property, s->words);
	if (r < 0)
		return r;
	c->value = s->number(c->text);
	if (c->value < 0)
		return bus_refuse(error, REFUSED_INVALID_ARGUMENT, "%s cannot be '%.64s': write %s", c->property, c->text, s->words);
	return 0;
}

/* Every message to the object comes here first; 0 leaves it to the table below. */
static int set(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	_cleanup_(bus_call_freep) struct call *c = NULL;
	const char *interface, *property;
	int r;

	if (!sd_bus_message_is_method_call(m, "org.freedesktop.DBus.Properties", "Set"))
		return 0;
	if (sd_bus_message_has_signature(m, "ssv") <= 0) /* sd-bus overlooks what is behind them */
		return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_SIGNATURE, "Set takes an interface, a property and a value: ssv");
	r = sd_bus_message_read(m, "ss", &interface, &property);
	if (r < 0)
		return r;
	if (strcmp(interface, LOG_CONTROL) != 0 || !setting_of(property))
		return sd_bus_message_rewind(m, true) < 0 ? -EBADMSG : 0;
	r = bus_call_new(userdata, m, &c, error);
	if (r < 0)
		return r;
	c->property = property;
	r = read_value(c, m, error);
	if (r < 0)
		return r;
	c->run = set_run;
	return bus_call_submit(take_ptr(&c), error);
}

static int set_too_late(sd_bus *sd, const char *path, const char *interface, const char *property, sd_bus_message *value,
	void *userdata, sd_bus_error *error)
{
	return bus_refuse(error, REFUSED_INTERNAL, "%s was not asked about", property);
}

static int get_level(sd_bus *sd, const char *path, const char *interface, const char *property, sd_bus_message *reply,
	void *userdata, sd_bus_error *error)
{
	const char *word = log_level_word(log_level());

	return sd_bus_message_append(reply, "s", word ? word : "emerg");
}

static int get_target(sd_bus *sd, const char *path, const char *interface, const char *property, sd_bus_message *reply,
	void *userdata, sd_bus_error *error)
{
	return sd_bus_message_append(reply, "s", log_target_word(log_target()));
}

static int get_identifier(sd_bus *sd, const char *path, const char *interface, const char *property, sd_bus_message *reply,
	void *userdata, sd_bus_error *error)
{
	return sd_bus_message_append(reply, "s", log_identifier());
}

static const sd_bus_vtable log_control_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_WRITABLE_PROPERTY("LogLevel", "s", get_level, set_too_late, 0, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_WRITABLE_PROPERTY("LogTarget", "s", get_target, set_too_late, 0, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_PROPERTY("SyslogIdentifier", "s", get_identifier, 0, 0),
	SD_BUS_VTABLE_END,
};

int bus_log_control_add(struct bus *b)
{
	int r = sd_bus_add_object(b->sd, bus_slot(b), LOG_CONTROL_PATH, set, b);

	return r < 0 ? r : sd_bus_add_object_vtable(b->sd, bus_slot(b), LOG_CONTROL_PATH, LOG_CONTROL, log_control_vtable, b);
}
