/* SPDX-License-Identifier: Apache-2.0 */

/*
 * partitions --secure-view: the two books side by side. What the daemon believes that SPs know of VMs, and what they say
 * themselves at the inspection socket of lifecycled-spmc(8).
 */

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "peers.h"

#define DOCUMENT_MAX (64u << 20)
#define PATIENCE_S 5
#define LOOKS 5 /* the books are read one after the other: what differs is looked at again */

struct entry {
	uint16_t sp, endpoint;
	const char *vm;    /* owned by `peers` or `burned`; NULL: the daemon knows of none */
	uint64_t life;
	int debt, how;     /* LIFECYCLE_DEBT_NONE: nothing is owed */
	const char *theirs; /* state in the SP's book, owned by `document`; NULL: not in it */
};

struct view {
	struct lifecycle_peer_list *peers;
	struct lifecycle_burned_list *burned;
	struct json_object *document;
	struct entry *entry;
	size_t count, size;
	unsigned differ;
	uint64_t left_out; /* that one side or the other could not show: of these nothing is known */
};

static void view_clear(struct view *v)
{
	lifecycle_peer_list_unref(v->peers);
	lifecycle_burned_list_unref(v->burned);
	json_object_put(v->document);
	free(v->entry);
	*v = (struct view){ 0 };
}

/* ---- the SPs' own word ---- */

static int dial(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval patience = { .tv_sec = PATIENCE_S };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (strlen(path) >= sizeof(address.sun_path))
		errno = ENAMETOOLONG;
	else {
		strcpy(address.sun_path, path);
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
		if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
			return fd;
	}
	(void)close(fd);
	return -errno;
}

/* One JSON document up to end of file; NULL with errno. */
static struct json_object *read_document(const char *path)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *document = NULL;
	int fd = dial(path), why = fd < 0 ? -fd : tokener ? EBADMSG : ENOMEM;
	char bytes[65536];
	size_t total = 0;
	ssize_t n;

	while (fd >= 0 && tokener && !document && (n = read(fd, bytes, sizeof(bytes))) > 0 && total < DOCUMENT_MAX) {
		total += (size_t)n;
		document = json_tokener_parse_ex(tokener, bytes, (int)n);
		if (!document && json_tokener_get_error(tokener) != json_tokener_continue)
			break;
	}
	if (fd >= 0)
		(void)close(fd);
	if (tokener)
		json_tokener_free(tokener);
	errno = why;
	return document;
}

/* ---- side by side ---- */

static struct entry *entry_of(struct view *v, uint16_t sp, uint16_t endpoint)
{
	for (size_t i = 0; i < v->count; i++)
		if (v->entry[i].sp == sp && v->entry[i].endpoint == endpoint)
			return &v->entry[i];
	if (v->count == v->size) {
		v->size = v->size ? 2 * v->size : 64;
		v->entry = realloc(v->entry, v->size * sizeof(*v->entry));
		if (!v->entry)
			abort();
	}
	v->entry[v->count] = (struct entry){ .sp = sp, .endpoint = endpoint };
	return &v->entry[v->count++];
}

static void add_ours(struct view *v)
{
	for (size_t i = 0; i < lifecycle_peer_list_count(v->peers); i++) {
		const struct lifecycle_peer *p = lifecycle_peer_list_at(v->peers, i);
		struct entry *e;

		if (p->debt == LIFECYCLE_DEBT_NONE || p->debt == LIFECYCLE_DEBT_SETTLED)
			continue;
		e = entry_of(v, p->sp, p->endpoint);
		e->vm = p->vm;
		e->life = p->life;
		e->debt = p->debt;
		e->how = p->how;
	}
}

/* What an operator forgot may be in an SP's book for ever: that is why the id is burned. */
static void add_burned(struct view *v)
{
	for (size_t i = 0; i < lifecycle_burned_list_count(v->burned); i++) {
		const struct lifecycle_burned *b = lifecycle_burned_list_at(v->burned, i);
		struct entry *e = b->sp ? entry_of(v, b->sp, b->endpoint) : NULL;

		if (!e)
			continue;
		e->vm = b->name;
		e->life = b->life;
		e->debt = LIFECYCLE_DEBT_SETTLED;
		e->how = LIFECYCLE_HOW_FORGOT;
	}
}

static const char *text_at(struct json_object *o, const char *key)
{
	struct json_object *value;

	return json_object_object_get_ex(o, key, &value) ? json_object_get_string(value) : "";
}

static uint64_t left_out_at(struct json_object *o)
{
	struct json_object *number;

	return json_object_object_get_ex(o, "left_out", &number) ? json_object_get_uint64(number) : 0;
}

static void add_theirs(struct view *v, struct json_object *sp)
{
	uint16_t id = (uint16_t)strtoul(text_at(sp, "id"), NULL, 0);
	struct json_object *vms;

	v->left_out += left_out_at(sp);
	if (!json_object_object_get_ex(sp, "vms", &vms))
		return;
	for (size_t i = 0; i < json_object_array_length(vms); i++) {
		struct json_object *vm = json_object_array_get_idx(vms, i), *number;

		if (json_object_object_get_ex(vm, "id", &number))
			entry_of(v, id, (uint16_t)json_object_get_int(number))->theirs = text_at(vm, "state");
	}
}

/* The SPMC's own: VMs that have a notification bitmap. */
static void add_bitmaps(struct view *v)
{
	struct json_object *vms;

	if (!json_object_object_get_ex(v->document, "bitmaps", &vms))
		return;
	for (size_t i = 0; i < json_object_array_length(vms); i++)
		entry_of(v, SPMC_ID, (uint16_t)json_object_get_int(json_object_array_get_idx(vms, i)))->theirs = "bitmap";
}

/* What is under way may be there or not; and who wants no VM_CREATED need not have heard. */
static bool agrees(const struct entry *e)
{
	if (!e->vm)
		return false;
	return e->theirs || e->debt != LIFECYCLE_DEBT_KNOWN || e->how == LIFECYCLE_HOW_UNTOLD;
}

/* 0, or an exit code, said. */
static int look(struct cli *c, const char *path, struct view *v)
{
	struct json_object *sps;

	v->document = read_document(path);
	if (!v->document)
		return cli_say_error("partitions: the secure side cannot be read at %s: %s; --secure-view=SOCKET names another",
			path, strerror(errno));
	if (!json_object_object_get_ex(v->document, "sps", &sps))
		return cli_say_error("partitions: %s is not an inspection socket of lifecycled-spmc", path);
	if (lifecycle_peers(c->l, NULL, &v->peers) < 0 || lifecycle_burned(c->l, &v->burned) < 0)
		return cli_fail(c, "partitions", NULL);
	v->left_out = left_out_at(v->document) + lifecycle_peer_list_left_out(v->peers);
	add_ours(v);
	add_burned(v);
	for (size_t i = 0; i < json_object_array_length(sps); i++)
		add_theirs(v, json_object_array_get_idx(sps, i));
	add_bitmaps(v);
	for (size_t i = 0; i < v->count; i++)
		v->differ += !agrees(&v->entry[i]);
	return 0;
}

static struct json_object *entry_to_json(const struct entry *e)
{
	struct json_object *o = json_object_new_object();

	json_add_number(o, "sp", e->sp);
	json_add_number(o, "ffa_id", e->endpoint);
	json_add_string(o, "vm", e->vm ? e->vm : "");
	json_add_number(o, "life", e->life);
	json_add_string(o, "daemon", lifecycle_debt_name(e->debt));
	json_add_string(o, "secure_side", e->theirs ? e->theirs : "-");
	json_add_bool(o, "agrees", agrees(e));
	return o;
}

static void add_row(struct table *t, const struct entry *e)
{
	table_add(t, COLOUR_NONE, "0x%04x", e->sp);
	table_add(t, COLOUR_NONE, "0x%04x", e->endpoint);
	table_add(t, COLOUR_NONE, "%s", e->vm ? e->vm : "-");
	table_add(t, COLOUR_NONE, "%" PRIu64, e->life);
	table_add(t, COLOUR_NONE, "%s", lifecycle_debt_name(e->debt));
	table_add(t, COLOUR_NONE, "%s", e->theirs ? e->theirs : "-");
	table_add(t, agrees(e) ? COLOUR_NONE : COLOUR_BAD, "%s", agrees(e) ? "yes" : "NO");
}

static void show(const struct cli *c, const struct view *v)
{
	static const char *const header[] = { "SP", "FF-A ID", "VM", "LIFE", "DAEMON", "SECURE SIDE", "AGREES" };
	struct table t = { .header = header, .columns = sizeof(header) / sizeof(*header) };
	struct json_object *array = wants_json(c) ? json_object_new_array() : NULL;

	for (size_t i = 0; i < v->count; i++) {
		if (array)
			(void)json_object_array_add(array, entry_to_json(&v->entry[i]));
		else
			add_row(&t, &v->entry[i]);
	}
	if (array)
		json_print(c, array);
	else
		table_print(&t, c);
}

/* What was left out may agree or not: that is no agreement. */
static int judge(const struct view *v)
{
	if (v->left_out)
		(void)cli_say_error("partitions: this view is not whole: %" PRIu64 " entries were left out for want of memory; "
			"whether the two sides agree on these is not known", v->left_out);
	return v->differ ? CLI_DIFFERS : v->left_out ? CLI_FAILED : 0;
}

int secure_view(struct cli *c, const char *path)
{
	struct view v = { 0 };
	int code = 0;

	for (int looks = 0; looks < LOOKS && !code && (!looks || v.differ); looks++) {
		view_clear(&v);
		code = look(c, path, &v);
	}
	if (!code) {
		show(c, &v);
		code = judge(&v);
	}
	view_clear(&v);
	return code;
}
