/* SPDX-License-Identifier: Apache-2.0 */

/* How a VMM ended: by what it said, by what it wrote, by what the kernel tells its parent; else nobody knows. */

#include "fleet/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/text.h"

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

void end_set(struct vmm_end *end, uint32_t cause, const char *format, ...)
{
	va_list args;

	*end = (struct vmm_end){ .cause = cause };
	va_start(args, format);
	(void)vsnprintf(end->text, sizeof(end->text), format, args);
	va_end(args);
	text_clean(end->text, sizeof(end->text)); /* of what systemd said it may have been cut */
}

static void judge_status(int code, int status, struct vmm_end *ret)
{
	const char *signal;

	if (code == CLD_EXITED) {
		end_set(ret, CAUSE_VMM_EXIT, "the VMM exited with status %d and left no last words", status);
		ret->detail[0] = (uint64_t)status;
		return;
	}
	signal = sigabbrev_np(status);
	end_set(ret, CAUSE_VMM_SIGNAL, "the VMM was ended by signal %d (%s%s)%s", status,
		signal ? "SIG" : "", signal ? signal : "?", code == CLD_DUMPED ? " and dumped core" : "");
	ret->detail[0] = (uint64_t)status;
}

/*
 * Reaps a child, whatever is believed of its end. One that died under a debugger may not be ready for it yet: then
 * nobody saw why, and it stays a zombie until the daemon goes.
 */
static bool wait_status(const struct vmm *v, siginfo_t *info)
{
	memset(info, 0, sizeof(*info));
	return v->child && waitid((idtype_t)P_PIDFD, (id_t)v->pidfd, info, WEXITED | WNOHANG) == 0 &&
		info->si_pid != 0;
}

/* Results that say more than the process's status does (systemd.service(5), $SERVICE_RESULT). */
static const struct {
	const char *result;
	enum vm_cause cause;
	const char *text;
} results[] = {
	{ "oom-kill", CAUSE_OOM, "the kernel was out of memory for this VMM and killed it: its memory, or the host's, is too small" },
	{ "timeout", CAUSE_USER_STOP, "systemd was told to stop the VM and killed it when its time was over" },
	{ "watchdog", CAUSE_VMM_SIGNAL, "systemd killed the VMM, for it gave no sign of life" },
};

void judge_unit(const struct unit_death *death, struct vmm_end *ret)
{
	if (!death->known)
		return;
	for (size_t i = 0; i < sizeof(results) / sizeof(*results); i++) {
		if (strcmp(death->result, results[i].result) == 0) {
			end_set(ret, results[i].cause, "%s", results[i].text);
			return;
		}
	}
	if (death->code)
		judge_status(death->code, death->status, ret);
}

bool judge_death(struct vmm *v, struct vmm_end *ret)
{
	siginfo_t info;
	bool known = wait_status(v, &info);

	if (v->judged)
		*ret = v->end;
	else if (life_last_words(v->fleet->places, v->life, ret) == 0)
		return true;
	else if (known)
		judge_status(info.si_code, info.si_status, ret);
	else
		end_set(ret, CAUSE_VMM_GONE, "the VMM is dead and nobody saw why");
	return v->judged || known;
}
