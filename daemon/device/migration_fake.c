/* SPDX-License-Identifier: Apache-2.0 */
#include "device/migration_fake.h"

#include <errno.h>

#include "device/migration.h"

void migration_fake_init(struct migration_fake *f, const struct migration_script *script)
{
	*f = (struct migration_fake) {
		.script = *script,
		.state = VFIO_DEVICE_STATE_RUNNING,
		.configured = true,
	};
}

static bool fits(const struct migration_rule *r, const struct migration_fake *f, const struct migration_order *o)
{
	return r->kind == o->kind && (!r->from || r->from == f->state) && (!r->to || r->to == o->to);
}

static const struct migration_rule *find_rule(struct migration_fake *f, const struct migration_order *o)
{
	for (unsigned i = 0; i < f->script.count; i++) {
		const struct migration_rule *r = &f->script.rule[i];

		if (!fits(r, f, o))
			continue;
		f->met[i]++;
		if (f->met[i] > r->skip && (!r->times || f->met[i] - r->skip <= r->times))
			return r;
	}
	return NULL;
}

/* What a device that behaves does. */
static void behave(const struct migration_fake *f, struct migration_fake_pending *p)
{
	enum vfio_device_mig_state arc;

	p->then = f->state;
	if (p->order.kind == MIGRATION_DO_RESET)
		p->then = VFIO_DEVICE_STATE_RUNNING;
	if (p->order.kind != MIGRATION_SET_STATE)
		return;
	if (migration_next(f->state, p->order.to, f->script.flags, &arc) != 0 || arc != p->order.to) {
		p->answer.error = EINVAL;
		return;
	}
	p->then = p->order.to;
	p->answer.data_fd = migration_opens_session(f->state, arc);
}

static void misbehave(const struct migration_fake *f, struct migration_fake_pending *p, const struct migration_rule *r)
{
	if (r->error) {
		p->answer.error = r->error;
		p->answer.data_fd = false;
		p->then = f->state;
	}
	if (r->then)
		p->then = r->then - 1;
	if (r->wrong_fd)
		p->answer.data_fd = !p->answer.data_fd;
}

static int fake_submit(void *device, const struct migration_order *order, uint64_t now)
{
	struct migration_fake *f = device;
	const struct migration_rule *r = find_rule(f, order);
	struct migration_fake_pending p = { .is = true, .order = *order, .answer.number = order->number };

	f->orders++;
	if (f->pending.is && order->kind != MIGRATION_DO_RESET)
		return -EBUSY;
	if (f->pending.is) {
		f->late = f->pending;
		f->late.at = now;
		f->late.answer = (struct migration_answer) { .number = f->pending.order.number, .error = ECANCELED };
		f->late.then = f->state;
	}
	behave(f, &p);
	if (r)
		misbehave(f, &p, r);
	p.at = r && r->never ? UINT64_MAX : now + (r && r->has_delay ? r->delay : f->script.delay);
	if (order->kind == MIGRATION_GET_STATE)
		p.answer.state = r && r->says ? r->says - 1u : f->state;
	f->pending = p;
	return 0;
}

static bool take(struct migration_fake_pending *p, uint64_t now, struct migration_answer *ret)
{
	if (!p->is || p->at == UINT64_MAX || now < p->at)
		return false;
	p->is = false;
	*ret = p->answer;
	return true;
}

static bool fake_answered(void *device, uint64_t now, struct migration_answer *ret)
{
	struct migration_fake *f = device;

	if (take(&f->late, now, ret))
		return true;
	if (!take(&f->pending, now, ret))
		return false;
	f->state = f->pending.then;
	if (ret->error == 0 && f->pending.order.kind == MIGRATION_DO_RESET)
		f->configured = false;
	if (ret->error == 0 && f->pending.order.kind == MIGRATION_CONFIGURE)
		f->configured = true;
	return true;
}

static uint64_t fake_next(const void *device)
{
	const struct migration_fake *f = device;
	uint64_t at = f->pending.is ? f->pending.at : UINT64_MAX;

	return f->late.is && f->late.at < at ? f->late.at : at;
}

const struct migration_ops migration_fake_ops = {
	.submit = fake_submit,
	.answered = fake_answered,
	.next = fake_next,
};
