/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/ffa/notifications.h"

/* The interrupt is high for as long as there is something to FFA_NOTIFICATION_GET. */
static void set_lines(struct ffa_notifications *n, unsigned vcpu_count)
{
	uint64_t pending = n->is.secure | (n->is.pending || n->is.secure_global);

	for (unsigned i = 0; i < vcpu_count; i++)
		pending |= (uint64_t)(n->is.vcpu[i] != 0) << i;
	atomic_store(&n->pending, pending);
	for (unsigned i = 0; i < vcpu_count; i++)
		irq_line_set(&n->line[i], pending >> i & 1);
}

static void bind(struct vmm_notification_state *is, const struct vmm_notify *f)
{
	for (unsigned i = 0; i < 64; i++)
		if (f->bitmap >> i & 1)
			is->sender[i] = f->sender;
	is->per_vcpu = f->per_vcpu ? is->per_vcpu | f->bitmap : is->per_vcpu & ~f->bitmap;
}

static void set_secure(struct vmm_notification_state *is, uint16_t vcpu, bool set)
{
	if (vcpu == VMM_NOTIFY_GLOBAL)
		is->secure_global = set;
	else
		is->secure = set ? is->secure | 1ull << vcpu : is->secure & ~(1ull << vcpu);
}

const char *ffa_notifications_take(struct ffa_notifications *n, const struct vmm_notify *f, unsigned vcpu_count)
{
	if (f->reserved || f->per_vcpu > 1)
		return "a NOTIFY with an unknown field";
	if (f->what == VMM_NOTIFY_BOUND) {
		bind(&n->is, f);
		return NULL;
	}
	if (f->what != VMM_NOTIFY_PENDING && (f->what != VMM_NOTIFY_SECURE || f->bitmap > 1))
		return "a NOTIFY of unknown kind";
	if (f->vcpu != VMM_NOTIFY_GLOBAL && f->vcpu >= vcpu_count)
		return "a NOTIFY for a vCPU that there is not";
	if (f->what == VMM_NOTIFY_SECURE)
		set_secure(&n->is, f->vcpu, f->bitmap);
	else if (f->vcpu == VMM_NOTIFY_GLOBAL)
		n->is.pending = f->bitmap;
	else
		n->is.vcpu[f->vcpu] = f->bitmap;
	set_lines(n, vcpu_count);
	return NULL;
}
