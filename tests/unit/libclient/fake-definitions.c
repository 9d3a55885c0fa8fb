/* SPDX-License-Identifier: Apache-2.0 */

/* Definitions of the fake daemon: what a text is worth, and what a reload comes to. */

#include <string.h>

#include "fake-daemon.h"

/* Of a text that is no object two things are wrong; "{cycle}" cannot be with the others. */
static int method_validate(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	const char *text, *source;
	int r = sd_bus_message_read(m, "ss", &text, &source);

	if (r < 0)
		return r;
	if (text[0] != '{')
		return sd_bus_reply_method_return(m, "sa(uuss)", "", 2, 1, 1, "InvalidDefinition", "expected '{'", 3, 7,
			"InvalidDefinition", "memory.size: \033[2J");
	if (strcmp(text, "{cycle}") == 0)
		return sd_bus_reply_method_return(m, "sa(uuss)", "new", 1, 0, 0, "OrderCycle", "new -> web -> new");
	return sd_bus_reply_method_return(m, "sa(uuss)", "new", 0);
}

/* "web" lives. */
static int method_undefine(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	const char *name, *key = "";
	uint64_t life;
	int r = sd_bus_message_read(m, "st", &name, &life);

	if (r >= 0)
		r = sd_bus_message_enter_container(m, 'a', "{sv}");
	if (r >= 0 && sd_bus_message_enter_container(m, 'e', "sv") > 0)
		r = sd_bus_message_read(m, "s", &key);
	if (r < 0)
		return r;
	if (!fake_find(name))
		return fake_no_such(error, name);
	if (strcmp(name, "web") == 0 && strcmp(key, "pending") != 0)
		return sd_bus_error_setf(error, ERROR "IllegalTransition", "cannot undefine web: it is running");
	return sd_bus_reply_method_return(m, "t", (uint64_t)77);
}

static int method_get_definition(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	const char *name;
	int r = sd_bus_message_read(m, "s", &name);

	if (r < 0)
		return r;
	if (!fake_find(name))
		return fake_no_such(error, name);
	return sd_bus_reply_method_return(m, "ss", "{\"name\":\"web\",\"kernel\":\"/k\"}",
		strcmp(name, "slow") == 0 ? "vm.d/slow.json" : "/etc/lifecycled/vm.d/web.json");
}

static int append_changed(sd_bus_message *reply)
{
	return sd_bus_message_append(reply, "(ssssa(sssb))", "web", "changed", "/vm.d/web.json", "", 2, "memory.size", "64M", "128M", 0,
		"policies.on-crash", "", "restart", 1);
}

static int method_reload(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	sd_bus_message *reply = NULL;
	int r = sd_bus_message_new_method_return(m, &reply);

	if (r >= 0)
		r = sd_bus_message_open_container(reply, 'a', "(ssssa(sssb))");
	if (r >= 0)
		r = sd_bus_message_append(reply, "(ssssa(sssb))", "", "error", "/vm.d/a b.json", "the file is not named after a VM", 0);
	if (r >= 0)
		r = sd_bus_message_append(reply, "(ssssa(sssb))", "slow", "unchanged", "/vm.d/slow.json", "", 0);
	if (r >= 0)
		r = append_changed(reply);
	if (r >= 0)
		r = sd_bus_message_append(reply, "(ssssa(sssb))", "zoo", "removed", "", "", 0);
	if (r >= 0)
		r = sd_bus_message_close_container(reply);
	if (r >= 0)
		r = sd_bus_send(NULL, reply, NULL);
	sd_bus_message_unref(reply);
	return r;
}

const sd_bus_vtable definitions_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("Validate", "ssa{sv}", "sa(uuss)", method_validate, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Undefine", "sta{sv}", "t", method_undefine, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("GetDefinition", "sa{sv}", "ss", method_get_definition, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Reload", "a{sv}", "a(ssssa(sssb))", method_reload, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_VTABLE_END
};
