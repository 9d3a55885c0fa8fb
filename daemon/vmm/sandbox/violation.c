/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A call that is on no list: the kernel does not make it, and sends SIGSYS instead. The handler puts into the last words which
 * call it was, and makes the one call for which the filter itself ends the process, so that it dies of SIGSYS for everybody
 * else. Whoever has taken the VMM over may keep the handler from it, and has gained nothing: the call was not made.
 */
#include "vmm/sandbox/sandbox.h"

#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "vmm/sandbox-filter.h"
#include "vmm/sandbox/calls.h"

#ifndef SYS_SECCOMP
#define SYS_SECCOMP 1
#endif

static const char *const call_names[] = { SANDBOX_CALL_NAMES };

static struct last_words *last_words;

static __thread struct {
	enum sandbox_thread who;
	unsigned index;
} me;

/* Nothing of libc's: a signal may have come anywhere in it. */
struct text {
	char *at, *end;
};

static void put(struct text *t, const char *s)
{
	while (*s && t->at < t->end)
		*t->at++ = *s++;
	*t->at = '\0';
}

static void put_number(struct text *t, unsigned long n, unsigned base)
{
	char digits[24], *p = digits + sizeof(digits) - 1;

	*p = '\0';
	do
		*--p = "0123456789abcdef"[n % base];
	while (n /= base);
	put(t, base == 16 ? "0x" : "");
	put(t, p);
}

static unsigned long argument(const ucontext_t *context, unsigned n)
{
#ifdef __x86_64__
	return (unsigned long)context->uc_mcontext.gregs[n ? REG_RSI : REG_RDI];
#else
	return (unsigned long)context->uc_mcontext.regs[n];
#endif
}

static void name_call(struct text *t, unsigned number)
{
	put_number(t, number, 10);
	if (number < sizeof(call_names) / sizeof(call_names[0]) && call_names[number]) {
		put(t, " (");
		put(t, call_names[number]);
		put(t, ")");
	}
}

static void describe(struct vmm_end *end, const siginfo_t *info, const ucontext_t *context)
{
	struct text t = { end->text, end->text + sizeof(end->text) - 1 };
	unsigned number = (unsigned)info->si_syscall;

	*end = (struct vmm_end) { .cause = CAUSE_VMM_SIGNAL, .detail = { SIGSYS, number }, .vcpu = me.index };
	put(&t, "SIGSYS: ");
	if (me.who == SANDBOX_VCPU) {
		put(&t, "vCPU ");
		put_number(&t, me.index, 10);
		put(&t, "'s");
	} else {
		put(&t, "the VMM's main");
	}
	put(&t, " thread made system call ");
	name_call(&t, number);
	put(&t, " with ");
	put_number(&t, argument(context, 0), 16);
	put(&t, ", ");
	put_number(&t, argument(context, 1), 16);
	put(&t, ": not in its sandbox");
}

enum {
	UNTOLD,
	BEING_TOLD,
	TOLD,
};

static _Atomic uint32_t telling = UNTOLD;

/* True for the first that comes. Another one waits for the first to end the process, but not for ever: whoever has taken the
 * VMM over may hold it up. */
static bool is_first_to_tell(void)
{
	static const struct timespec patience = { .tv_sec = 1 };
	uint32_t how = UNTOLD;

	if (atomic_compare_exchange_strong(&telling, &how, BEING_TOLD))
		return true;
	if (how == BEING_TOLD)
		(void)syscall(SYS_futex, &telling, FUTEX_WAIT_PRIVATE, BEING_TOLD, &patience, NULL, 0);
	return false;
}

/* The first cause is the cause: of two threads, and of a guest that had ended before. */
static void on_violation(int signal_number, siginfo_t *info, void *context)
{
	struct last_words *words = last_words;

	if (words && info->si_code == SYS_SECCOMP && is_first_to_tell()) {
		if (__atomic_load_n(&words->magic, __ATOMIC_ACQUIRE) != LAST_WORDS_MAGIC) {
			describe(&words->end, info, context);
			__atomic_store_n(&words->magic, LAST_WORDS_MAGIC, __ATOMIC_RELEASE);
		}
		atomic_store(&telling, TOLD);
	}
	for (;;)
		(void)syscall(SYS_exit_group, SANDBOX_END_STATUS);
}

void sandbox_last_words(struct last_words *words)
{
	last_words = words;
}

int violation_catch(void)
{
	struct sigaction action = { .sa_sigaction = on_violation, .sa_flags = SA_SIGINFO };

	sigfillset(&action.sa_mask);
	return sigaction(SIGSYS, &action, NULL) < 0 ? -errno : 0;
}

void violation_thread(enum sandbox_thread who, unsigned index)
{
	me.who = who;
	me.index = index;
}
