/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Destroy leases on the bus. Each has a socket (proto/lease.h), one end here and one with its holder: whoever closes his lets go.
 * The leases themselves are the model's; an end that is lost with the daemon is made anew when the holder shows the
 * token. Ends live while there is no bus.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/process.h"
#include "bus/internal.h"

struct lease_end {
	struct list link;
	struct map_node node; /* by token; of two with the same the older is about to go */
	struct bus *bus;
	struct loop_watch *watch;
	int fd;
	int client; /* the holder's, until it is sent */
	uint64_t number; /* what the model knows it by */
	uid_t uid;
	uint8_t token[16];
	bool granted; /* the holder has its end */
	bool released; /* by its holder, who says it once */
	bool over;    /* told so; only its call has use for it still */
};

static uint64_t key_of(const uint8_t token[16])
{
	uint64_t key;

	memcpy(&key, token, sizeof(key));
	return key;
}

static struct lease_end *next_of(struct map_node *n, const uint8_t token[16])
{
	for (; n; n = map_next(n)) {
		struct lease_end *e = container_of(n, struct lease_end, node);

		if (memcmp(e->token, token, sizeof(e->token)) == 0)
			return e;
	}
	return NULL;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

/* Over what was not read the other side would hear of a reset before it hears its last record. */
static void end_drain(const struct lease_end *e)
{
	char byte;

	if (e->fd >= 0 && shutdown(e->fd, SHUT_RD) == 0)
		while (recv(e->fd, &byte, sizeof(byte), MSG_DONTWAIT) > 0)
			;
}

static void end_hang_up(struct lease_end *e)
{
	e->watch = loop_unwatch(e->watch);
	end_drain(e);
	close_fd(&e->fd);
}

struct lease_end *bus_lease_end_free(struct lease_end *e)
{
	if (!e)
		return NULL;
	end_hang_up(e);
	close_fd(&e->client);
	map_remove(&e->bus->lease_ends_by_token, &e->node);
	list_remove(&e->link);
	e->bus->lease_end_count--;
	free(e);
	return NULL;
}

void bus_leases_drop(struct bus *b)
{
	struct lease_end *e;

	while ((e = list_first(&b->lease_ends, struct lease_end, link)))
		(void)bus_lease_end_free(e);
}

/* Its call is gone. Should the lease be taken nevertheless, nobody has it: our end sees the hang-up, and lets go. */
void bus_lease_end_abandon(struct lease_end *e)
{
	close_fd(&e->client);
	e->granted = true;
	if (e->over)
		(void)bus_lease_end_free(e);
}

/* ---- what holders say ---- */

/* Nobody waits for the answer: the holder hears that it is over, from end_over(). Without memory it is seen again at once. */
static int let_go(struct lease_end *e, bool hung_up)
{
	struct input in = { .kind = IN_REQUEST, .request = { .verb = REQUEST_RELEASE_LEASE, .uid = e->uid } };

	memcpy(in.request.lease.token, e->token, sizeof(e->token));
	in.request.lease.holder = e->number;
	in.request.lease.hung_up = hung_up;
	return engine_post(e->bus->config.engine, &in);
}

/* What could not be posted is looked at again. Who lets go says it once: while a disk hangs, repeating it would fill our memory. */
static void end_ready(void *arg, int fd, unsigned events)
{
	struct lease_end *e = arg;
	struct lease_record record;
	ssize_t n = recv(fd, &record, sizeof(record), MSG_DONTWAIT | MSG_TRUNC | MSG_PEEK);
	bool is_record = n == sizeof(record) && record.version == LEASE_VERSION && record.kind == LEASE_RECORD_RELEASE;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (!(is_record && e->released) && let_go(e, !is_record) < 0)
		return;
	if (n > 0 && !is_record)
		log_notice("the holder of a lease, uid %u, says what is no release: it is hung up", (unsigned)e->uid);
	e->released = true;
	if (is_record)
		(void)recv(fd, &record, sizeof(record), MSG_DONTWAIT);
	else
		(void)bus_lease_end_free(e);
}

/* ---- what they are told ---- */

/* A holder that does not read has room for more than it is ever told. */
static void end_tell(struct lease_end *e, enum lease_record_kind kind, const struct lease_word *word)
{
	struct lease_record record = { .version = LEASE_VERSION,
		.kind = (uint16_t)kind,
		.size = sizeof(record),
		.lease = word->lease.number,
		.life = word->life,
		.deadline = word->lease.state == LEASE_ASKED ? word->lease.deadline : 0,
		.state = word->lease.state,
		.cause = word->cause };

	if (e->fd >= 0 && send(e->fd, &record, sizeof(record), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		log_debug("the holder of lease %llu cannot be told: %s", (unsigned long long)word->lease.number, strerror(errno));
}

static void ask(void *who, struct committed proof, const struct lease_word *word)
{
	struct bus *b = who;
	struct lease_end *e = next_of(map_get(&b->lease_ends_by_token, key_of(word->lease.token)), word->lease.token);

	for (; e; e = next_of(map_next(&e->node), word->lease.token))
		end_tell(e, LEASE_RECORD_ASK, word);
}

static void over(void *who, struct committed proof, const struct lease_word *word)
{
	struct bus *b = who;
	struct map_node *n = map_get(&b->lease_ends_by_token, key_of(word->lease.token));
	struct lease_end *e, *next;

	for (e = next_of(n, word->lease.token); e; e = next) {
		next = next_of(map_next(&e->node), word->lease.token);
		end_tell(e, LEASE_RECORD_OVER, word);
		if (e->granted) {
			(void)bus_lease_end_free(e);
		} else {
			e->over = true;
			end_hang_up(e);
		}
	}
}

const struct lease_ops bus_lease_ops = { .ask = ask, .over = over };

/* ---- to take one, to claim it again ---- */

static int end_open(struct lease_end *e)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	e->fd = pair[0];
	e->client = pair[1];
	return loop_watch(e->bus->config.loop, e->fd, LOOP_READ, end_ready, e, &e->watch);
}

static int end_new(struct bus *b, uid_t uid, const uint8_t token[16], struct lease_end **ret)
{
	struct lease_end *e;
	int r = map_reserve(&b->lease_ends_by_token, b->lease_end_count + 1u);

	if (r < 0)
		return r;
	e = calloc(1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	e->bus = b;
	e->fd = e->client = -1;
	e->uid = uid;
	e->number = ++b->last_lease_end;
	memcpy(e->token, token, sizeof(e->token));
	list_append(&b->lease_ends, &e->link);
	map_put(&b->lease_ends_by_token, &e->node, key_of(token));
	b->lease_end_count++;
	r = end_open(e);
	if (r < 0)
		e = bus_lease_end_free(e);
	else
		*ret = e;
	return r;
}

static void post_with_end(struct call *c)
{
	struct lease_request *lease = &c->request.lease;
	int r = end_new(c->bus, bus_caller_uid(c->caller), lease->token, &c->lease);

	if (r < 0) {
		bus_call_refuse(c, bus_refusal_of(r), "no socket can be made for the lease: %s", strerror(-r));
		return;
	}
	lease->holder = c->lease->number;
	lease->pid = bus_caller_pid(c->caller);
	process_name(lease->pid, lease->comm, sizeof(lease->comm));
	bus_call_post(c);
}

static void take_run(struct call *c)
{
	uint8_t *token = c->request.lease.token;

	if (getrandom(token, sizeof(c->request.lease.token), GRND_NONBLOCK) != sizeof(c->request.lease.token))
		bus_call_refuse(c, REFUSED_INTERNAL, "no token can be made for the lease: the host has no random numbers yet");
	else
		post_with_end(c);
}

/* A line for people: in the list, in the journal. */
static int read_reason(struct call *c, const char *why, sd_bus_error *error)
{
	size_t length = strlen(why);

	if (length > LEASE_REASON_MAX)
		return bus_refuse(error, REFUSED_INVALID_ARGUMENT, "why has %zu bytes, %d are allowed", length, LEASE_REASON_MAX);
	for (const char *p = why; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7F)
			return bus_refuse(error, REFUSED_INVALID_ARGUMENT, "why has a control character in it: it is one line of text");
	memcpy(c->request.lease.reason, why, length + 1);
	return 0;
}

int bus_lease_take_submit(struct bus *b, sd_bus_message *m, const char *name, sd_bus_error *error)
{
	_cleanup_(bus_call_freep) struct call *c = NULL;
	const char *why;
	uint64_t timeout;
	int r = bus_call_new(b, m, &c, error);

	if (r >= 0)
		r = sd_bus_message_read(m, "stt", &why, &timeout, &c->request.life);
	if (r >= 0)
		r = bus_read_no_options(m, error);
	if (r >= 0)
		r = read_reason(c, why, error);
	if (r < 0)
		return r;
	if (timeout > LEASE_TIMEOUT_MAX_MS)
		return bus_refuse(error, REFUSED_INVALID_ARGUMENT, "timeout: %llu ms, and a lease holds an end for %u ms at most: ask for less",
			(unsigned long long)timeout, LEASE_TIMEOUT_MAX_MS);
	c->request.lease.timeout_ms = (uint32_t)timeout;
	c->request.verb = REQUEST_LEASE;
	strcpy(c->request.name, name);
	c->run = take_run;
	return bus_call_submit(take_ptr(&c), error);
}

static int with_token(struct bus *b, sd_bus_message *m, enum request_verb verb, void (*run)(struct call *), sd_bus_error *error)
{
	_cleanup_(bus_call_freep) struct call *c = NULL;
	const char *token;
	int r = bus_call_new(b, m, &c, error);

	if (r >= 0)
		r = sd_bus_message_read(m, "s", &token);
	if (r >= 0)
		r = bus_read_no_options(m, error);
	if (r < 0)
		return r;
	if (bus_uuid_parse(token, c->request.lease.token) < 0)
		return bus_refuse(error, REFUSED_INVALID_ARGUMENT, "token: not what TakeDestroyLease gave, 8-4-4-4-12 hex digits");
	c->request.verb = verb;
	c->run = run;
	return bus_call_submit(take_ptr(&c), error);
}

int bus_lease_reclaim_submit(struct bus *b, sd_bus_message *m, sd_bus_error *error)
{
	return with_token(b, m, REQUEST_RECLAIM_LEASE, post_with_end, error);
}

int bus_lease_release_submit(struct bus *b, sd_bus_message *m, sd_bus_error *error)
{
	return with_token(b, m, REQUEST_RELEASE_LEASE, bus_call_post, error);
}

/* The holder has it now, and nobody else: an end that had it before hears nothing more. */
static void grant(struct lease_end *e)
{
	struct bus *b = e->bus;
	struct lease_end *other, *next;

	for (other = next_of(map_get(&b->lease_ends_by_token, key_of(e->token)), e->token); other; other = next) {
		next = next_of(map_next(&other->node), e->token);
		if (other != e && other->granted)
			(void)bus_lease_end_free(other);
	}
	bus_lease_end_abandon(e);
}

/* A reply that does not arrive takes the holder's end with it: that is a hang-up. */
void bus_lease_answer(struct call *c, const struct answer *a)
{
	struct lease_end *e = take_ptr(&c->lease);
	char token[UUID_TEXT_SIZE];

	bus_uuid_text(e->token, token);
	if (c->request.verb == REQUEST_LEASE)
		(void)sd_bus_reply_method_return(c->message, "shtt", token, e->client, a->life, a->seq);
	else
		(void)sd_bus_reply_method_return(c->message, "ht", e->client, a->life);
	grant(e);
	(void)bus_call_free(c);
}

/* ---- who holds what ---- */

static int append_lease(sd_bus_message *reply, const struct vm_row *row, const struct lease_row *k)
{
	int r = sd_bus_message_open_container(reply, 'r', "ttssuussttua{sv}");

	if (r >= 0)
		r = sd_bus_message_append(reply, "ttssuussttu", k->number, row->life, row->name, bus_word(WORDS_LEASE, k->state), k->uid,
			(uint32_t)k->pid, k->comm, k->reason, k->since / 1000, k->until / 1000, k->timeout_ms);
	if (r >= 0)
		r = sd_bus_message_open_container(reply, 'a', "{sv}");
	if (r >= 0 && !k->claimed)
		r = sd_bus_message_append(reply, "{sv}", "Unclaimed", "b", 1);
	if (r >= 0)
		r = sd_bus_message_close_container(reply);
	return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int append_leases(sd_bus_message *reply, const struct vm_row *row)
{
	int r = 0;

	for (uint32_t i = 0; r >= 0 && i < row->lease_count; i++)
		r = append_lease(reply, row, &row->lease[i]);
	return r;
}

/* name: "" for all VMs; else one that there is. */
int bus_append_lease_rows(sd_bus_message *reply, const struct rows *rows, const char *name)
{
	int r = sd_bus_message_open_container(reply, 'a', LEASE_ROW_TYPE);

	if (*name && r >= 0)
		r = append_leases(reply, rows_vm(rows, name));
	for (size_t i = 0; !*name && r >= 0 && i < rows_vm_count(rows); i++)
		r = append_leases(reply, rows_vm_at(rows, i));
	return r < 0 ? r : sd_bus_message_close_container(reply);
}

int bus_get_leases(sd_bus *sd, const char *path, const char *interface, const char *property, sd_bus_message *reply,
	void *userdata, sd_bus_error *error)
{
	int r = sd_bus_message_open_container(reply, 'a', LEASE_ROW_TYPE);

	if (r >= 0)
		r = append_leases(reply, userdata);
	return r < 0 ? r : sd_bus_message_close_container(reply);
}
