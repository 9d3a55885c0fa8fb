/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A question to polkit: may who sent this call do what it asks for? Nothing waits for the answer but the call. It comes, or is
 * given up, in bounded time; a client that leaves the bus takes its question with it, and the dialog that polkit may show.
 *
 * polkit is the owner of a well-known name on the daemon's bus: whoever the bus lets have that name decides.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "bus/internal.h"

#define POLKIT_NAME      "org.freedesktop.PolicyKit1"
#define POLKIT_PATH      "/org/freedesktop/PolicyKit1/Authority"
#define POLKIT_INTERFACE "org.freedesktop.PolicyKit1.Authority"

#define ALLOW_USER_INTERACTION 1u /* CheckAuthorizationFlags */

struct check {
	struct bus *bus;
	struct call *call;
	struct check **owner; /* where its pointer is: NULL as soon as this is over */
	sd_bus_slot *question; /* NULL: polkit has answered */
	sd_bus_slot *gone;
	uint64_t number; /* polkit knows it by that, to be cancelled */
	bool interactive;
	bus_check_done *done;
	void *arg;
};

static int ignore(sd_bus_message *reply, void *arg, sd_bus_error *error)
{
	return 0;
}

static void cancellation_id(const struct check *k, char ret[24])
{
	(void)snprintf(ret, 24, "%llu", (unsigned long long)k->number);
}

/* A polkit that is gone is not started for it. */
static void cancel(struct check *k)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
	char id[24];
	int r;

	cancellation_id(k, id);
	r = sd_bus_message_new_method_call(k->bus->sd, &m, POLKIT_NAME, POLKIT_PATH, POLKIT_INTERFACE, "CancelCheckAuthorization");
	if (r >= 0)
		r = sd_bus_message_set_auto_start(m, 0);
	if (r >= 0)
		r = sd_bus_message_append(m, "s", id);
	if (r >= 0)
		r = sd_bus_message_set_expect_reply(m, 0);
	if (r >= 0)
		r = sd_bus_send(k->bus->sd, m, NULL);
	if (r < 0)
		log_debug("polkit's question %s cannot be taken back: %s", id, strerror(-r));
}

struct check *bus_check_free(struct check *k)
{
	if (!k)
		return NULL;
	if (k->question)
		cancel(k);
	(void)sd_bus_slot_unref(k->question);
	(void)sd_bus_slot_unref(k->gone);
	*k->owner = NULL;
	k->bus->check_count--;
	free(k);
	return NULL;
}

/* Ends the question, then tells whoever asked; `why` is NULL where polkit says yes. */
static void finish(struct check *k, const char *why)
{
	bus_check_done *done = k->done;
	void *arg = k->arg;

	(void)bus_check_free(k);
	done(arg, why);
}

/* ---- what polkit says ---- */

/* Was the question put, and turned down? */
static bool was_dismissed(sd_bus_message *reply)
{
	const char *key, *value;
	bool dismissed = false;

	if (sd_bus_message_enter_container(reply, 'a', "{ss}") < 0)
		return false;
	while (sd_bus_message_read(reply, "{ss}", &key, &value) > 0)
		dismissed |= strcmp(key, "polkit.dismissed") == 0;
	return dismissed;
}

static const char *why_not(const struct check *k, sd_bus_message *reply, bool is_challenge)
{
	if (was_dismissed(reply))
		return "the question for a password was turned down";
	if (!is_challenge)
		return "polkit says no: an administrator may allow it by a rule, or be root";
	if (!k->interactive)
		return "polkit wants a password, and this call allows no question: ask on a terminal, or be root";
	return "polkit wants a password, and got none: it was wrong, or nobody in your session asks for it (pkttyagent does)";
}

/* sd-bus says NoReply for its own patience, the bus for a polkit that left. */
static void answer_error(struct check *k, const sd_bus_error *error)
{
	char text[200];

	if (sd_bus_error_has_name(error, SD_BUS_ERROR_SERVICE_UNKNOWN) || sd_bus_error_has_name(error, SD_BUS_ERROR_NAME_HAS_NO_OWNER)) {
		finish(k, "there is no polkit on this bus to ask: install polkitd, or be root");
		return;
	}
	if (sd_bus_error_has_name(error, SD_BUS_ERROR_NO_REPLY))
		cancel(k);
	(void)snprintf(text, sizeof(text), "polkit does not say whether you may: %s (%s)",
		error->message && *error->message ? error->message : "no text", error->name);
	finish(k, text);
}

static int polkit_answered(sd_bus_message *reply, void *arg, sd_bus_error *ret_error)
{
	struct check *k = arg;
	int is_authorized, is_challenge, r;

	k->question = sd_bus_slot_unref(k->question);
	if (sd_bus_message_is_method_error(reply, NULL)) {
		answer_error(k, sd_bus_message_get_error(reply));
		return 0;
	}
	r = sd_bus_message_enter_container(reply, 'r', "bba{ss}");
	if (r > 0)
		r = sd_bus_message_read(reply, "bb", &is_authorized, &is_challenge);
	if (r <= 0)
		finish(k, "polkit's answer cannot be read");
	else
		finish(k, is_authorized ? NULL : why_not(k, reply, is_challenge));
	return 0;
}

static int client_gone(sd_bus_message *m, void *arg, sd_bus_error *ret_error)
{
	finish(arg, "you left the bus");
	return 0;
}

/* ---- the question ---- */

static int append_detail(sd_bus_message *m, const char *key, const char *value)
{
	return *value ? sd_bus_message_append(m, "{ss}", key, value) : 0;
}

static int append_details(sd_bus_message *m, const struct call *c)
{
	char life[24] = "";
	int r = sd_bus_message_open_container(m, 'a', "{ss}");

	if (c->request.life)
		(void)snprintf(life, sizeof(life), "%llu", (unsigned long long)c->request.life);
	if (r >= 0)
		r = append_detail(m, "verb", c->right->verb);
	if (r >= 0)
		r = append_detail(m, "vm", c->request.name);
	if (r >= 0)
		r = append_detail(m, "life", life);
	if (r >= 0 && c->right->cause != CAUSE_NONE)
		r = append_detail(m, "cause", bus_word(WORDS_CAUSE, c->request.host ? CAUSE_HOST_SHUTDOWN : c->right->cause));
	return r < 0 ? r : sd_bus_message_close_container(m);
}

/* Installed before polkit reads the question: a client that left earlier is unknown to polkit itself. */
static int watch_client(struct check *k, const char *sender)
{
	char match[320];

	(void)snprintf(match, sizeof(match), "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
		"interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='%.128s',arg2=''", sender);
	return sd_bus_add_match_async(k->bus->sd, &k->gone, match, client_gone, ignore, k);
}

static int ask(struct check *k)
{
	const struct bus_config *config = &k->bus->config;
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
	const char *sender = sd_bus_message_get_sender(k->call->message);
	char id[24];
	int r = watch_client(k, sender);

	cancellation_id(k, id);
	if (r >= 0)
		r = sd_bus_message_new_method_call(k->bus->sd, &m, POLKIT_NAME, POLKIT_PATH, POLKIT_INTERFACE, "CheckAuthorization");
	if (r >= 0)
		r = sd_bus_message_append(m, "(sa{sv})s", "system-bus-name", 1, "name", "s", sender, k->call->right->action);
	if (r >= 0)
		r = append_details(m, k->call);
	if (r >= 0)
		r = sd_bus_message_append(m, "us", k->interactive ? ALLOW_USER_INTERACTION : 0u, id);
	if (r < 0)
		return r;
	return sd_bus_call_async(k->bus->sd, &k->question, m, polkit_answered, k,
		1000ull * (k->interactive ? config->check_interactive_ms : config->check_ms));
}

/* `call` must live until it is over. *owner has the check until then. */
int bus_check_new(struct call *call, bus_check_done *done, void *arg, struct check **owner)
{
	struct check *k = calloc(1, sizeof(*k));
	int r;

	if (!k)
		return -ENOMEM;
	k->bus = call->bus;
	k->call = call;
	k->number = ++call->bus->last_check;
	k->interactive = sd_bus_message_get_allow_interactive_authorization(call->message) > 0;
	k->done = done;
	k->arg = arg;
	k->owner = owner;
	call->bus->check_count++;
	r = ask(k);
	if (r < 0) {
		(void)bus_check_free(k);
		return r;
	}
	*owner = k;
	return 0;
}
