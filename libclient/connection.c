/* SPDX-License-Identifier: Apache-2.0 */

/* One connection to the daemon's bus, and the last thing that went wrong on it. */

#include "connection.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_TIMEOUT_MS 25000
#define ERROR_TEXT_MAX 1024
#define PERSON_TIMEOUT_US 150000000 /* the daemon gives a person 2 min, and then answers */

struct lifecycle {
	sd_bus *bus;
	unsigned refs;
	uint64_t timeout_us;
	bool interactive;
	struct request_list requests;
	struct lifecycle_error error; /* text is error_text */
	char error_text[ERROR_TEXT_MAX];
	sd_bus_message *daemon_reply; /* holds daemon's strings */
	struct lifecycle_daemon daemon;
};

static void bus_freep(sd_bus **bus)
{
	sd_bus_flush_close_unref(*bus);
}

static int open_address(const char *address, sd_bus **ret)
{
	_cleanup_(bus_freep) sd_bus *bus = NULL;
	int r;

	if (strcmp(address, "system") == 0)
		return sd_bus_open_system(ret);
	r = sd_bus_new(&bus);
	if (r >= 0)
		r = sd_bus_set_address(bus, address);
	if (r >= 0 && strncmp(address, "unixexec:", 9) == 0)
		r = sd_bus_negotiate_fds(bus, 0); /* our end is a socket, and what is behind that program may be a network */
	if (r >= 0)
		r = sd_bus_set_bus_client(bus, 1);
	if (r >= 0)
		r = sd_bus_start(bus);
	if (r >= 0)
		*ret = util_take(&bus);
	return r;
}

static bool is_hang_up(int error)
{
	return error == -ENOTCONN || error == -ECONNRESET || error == -EPIPE || error == -ECONNREFUSED ||
		error == -ESHUTDOWN;
}

int lifecycle_new(const char *address, struct lifecycle **ret)
{
	_cleanup_(lifecycle_unrefp) struct lifecycle *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	l->refs = 1;
	l->error = (struct lifecycle_error){ .size = sizeof(l->error), .text = l->error_text };
	lifecycle_set_timeout(l, 0);
	if (!address)
		address = secure_getenv("LIFECYCLED_BUS");
	r = open_address(address && *address ? address : "system", &l->bus);
	if (r < 0) /* of a bus that is not there even the socket may be missing */
		return r == -ENOENT || is_hang_up(r) ? -ENOTCONN : r;
	*ret = util_take(&l);
	return 0;
}

struct lifecycle *lifecycle_ref(struct lifecycle *l)
{
	if (l)
		l->refs++;
	return l;
}

struct lifecycle *lifecycle_unref(struct lifecycle *l)
{
	if (!l || --l->refs > 0)
		return NULL;
	request_list_clear(&l->requests);
	sd_bus_message_unref(l->daemon_reply);
	sd_bus_flush_close_unref(l->bus);
	free(l);
	return NULL;
}

void lifecycle_set_timeout(struct lifecycle *l, uint64_t milliseconds)
{
	if (!milliseconds) /* sd-bus has a default of its own, which the environment changes */
		milliseconds = DEFAULT_TIMEOUT_MS;
	l->timeout_us = milliseconds < UINT64_MAX / 1000 ? milliseconds * 1000 : UINT64_MAX;
}

void lifecycle_set_interactive(struct lifecycle *l, bool interactive)
{
	l->interactive = interactive;
}

int lifecycle_get_fd(struct lifecycle *l)
{
	return sd_bus_get_fd(l->bus);
}

int lifecycle_get_events(struct lifecycle *l)
{
	return sd_bus_get_events(l->bus);
}

int lifecycle_get_timeout(struct lifecycle *l, uint64_t *ret)
{
	int r = sd_bus_get_timeout(l->bus, ret);

	return r < 0 ? r : 0;
}

int lifecycle_dispatch(struct lifecycle *l)
{
	int r;

	do
		r = sd_bus_process(l->bus, NULL);
	while (r > 0);
	if (r == -ECONNRESET || sd_bus_is_open(l->bus) <= 0)
		return -ENOTCONN;
	return r;
}

const struct lifecycle_error *lifecycle_last_error(const struct lifecycle *l)
{
	return &l->error;
}

int connection_refuse(struct lifecycle *l, int refusal, const char *format, ...)
{
	va_list args;

	l->error.refusal = refusal;
	va_start(args, format);
	(void)vsnprintf(l->error_text, sizeof(l->error_text), format, args);
	va_end(args);
	return -lifecycle_refusal_errno(refusal);
}

int connection_fail(struct lifecycle *l, int error, const char *what)
{
	if (is_hang_up(error))
		return connection_refuse(l, LIFECYCLE_UNREACHABLE, "%s: the bus hung up", what);
	if (error == -ETIMEDOUT)
		return connection_refuse(l, LIFECYCLE_NO_ANSWER, "%s: no answer in time", what);
	(void)connection_refuse(l, LIFECYCLE_LOCAL, "%s: %s", what, strerror(-error));
	return error;
}

int connection_bad_name(struct lifecycle *l, int error, const char *what)
{
	if (error == -EINVAL)
		return connection_refuse(l, LIFECYCLE_REFUSED_INVALID_ARGUMENT, "%s: a name must be UTF-8 text", what);
	return connection_fail(l, error, what);
}

int connection_bad_reply(struct lifecycle *l, int error, const char *what)
{
	(void)connection_refuse(l, LIFECYCLE_LOCAL, "%s: the daemon's answer cannot be read: %s (is it of another version?)",
		what, strerror(-error));
	return error;
}

struct request_list *connection_requests(struct lifecycle *l)
{
	return &l->requests;
}

struct lifecycle_daemon *connection_keep_daemon(struct lifecycle *l, sd_bus_message *reply)
{
	sd_bus_message_unref(l->daemon_reply);
	l->daemon_reply = reply;
	l->daemon = (struct lifecycle_daemon){
		.size = sizeof(l->daemon), .version = "", .epoch = "", .secure_side = ""
	};
	return &l->daemon;
}

int connection_prepare(struct lifecycle *l, const struct call_target *target, sd_bus_message **ret)
{
	int r;

	if (target->gives_fd && sd_bus_can_send(l->bus, SD_BUS_TYPE_UNIX_FD) == 0) {
		(void)connection_refuse(l, LIFECYCLE_LOCAL, "%s: this connection passes no descriptors, as one to another host",
			target->method);
		return -EOPNOTSUPP;
	}
	r = sd_bus_message_new_method_call(l->bus, ret, BUS_NAME, target->path, target->interface, target->method);
	if (r >= 0)
		r = sd_bus_message_set_allow_interactive_authorization(*ret, target->changes && l->interactive);
	return r < 0 ? connection_fail(l, r, target->method) : 0;
}

int connection_error(struct lifecycle *l, int r, const sd_bus_error *error, const char *method)
{
	int refusal;

	if (!sd_bus_error_is_set(error) || is_hang_up(r))
		return connection_fail(l, r, method);
	refusal = error_to_refusal(error->name);
	if (refusal == LIFECYCLE_NO_ANSWER && sd_bus_error_has_name(error, SD_BUS_ERROR_NO_REPLY) && error->message)
		return connection_refuse(l, refusal, "%s: no answer: %s", method, error->message); /* as of a daemon that died */
	if (refusal == LIFECYCLE_NO_ANSWER)
		return connection_refuse(l, refusal, "%s: no answer in time", method);
	(void)connection_refuse(l, refusal, "%s%s", refusal == LIFECYCLE_UNREACHABLE ? "lifecycled is not there: " : "",
		error->message && *error->message ? error->message : error->name);
	return refusal == LIFECYCLE_LOCAL && r < 0 ? r : -lifecycle_refusal_errno(refusal);
}

uint64_t connection_patience(const struct lifecycle *l, sd_bus_message *request)
{
	bool asks = sd_bus_message_get_allow_interactive_authorization(request) > 0;

	return asks && l->timeout_us < PERSON_TIMEOUT_US ? PERSON_TIMEOUT_US : l->timeout_us;
}

int connection_call(struct lifecycle *l, sd_bus_message *request, sd_bus_message **ret)
{
	return connection_call_for(l, request, connection_patience(l, request), ret);
}

int connection_call_for(struct lifecycle *l, sd_bus_message *request, uint64_t usec, sd_bus_message **ret)
{
	_cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
	int r = sd_bus_call(l->bus, request, usec, &error, ret);

	if (r < 0)
		r = connection_error(l, r, &error, sd_bus_message_get_member(request));
	sd_bus_message_unref(request);
	return r < 0 ? r : 0;
}

int connection_get_all(struct lifecycle *l, const char *path, const char *interface, sd_bus_message **ret)
{
	struct call_target target = { path, BUS_PROPERTIES, "GetAll" };
	sd_bus_message *request = NULL;
	int r = connection_prepare(l, &target, &request);

	if (r < 0)
		return r;
	r = sd_bus_message_append(request, "s", interface);
	if (r < 0) {
		sd_bus_message_unref(request);
		return connection_fail(l, r, "GetAll");
	}
	return connection_call(l, request, ret);
}

int connection_change(struct lifecycle *l, sd_bus_message *request, const char *what, uint64_t *ret_seq)
{
	_cleanup_(message_unrefp) sd_bus_message *reply = NULL;
	uint64_t seq;
	int r = connection_call(l, request, &reply);

	if (r < 0)
		return r;
	r = sd_bus_message_read(reply, "t", &seq);
	if (r < 0)
		return connection_bad_reply(l, r, what);
	if (ret_seq)
		*ret_seq = seq;
	return 0;
}
