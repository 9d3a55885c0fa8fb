/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Every way a request can be refused: the name after org.lifecycled.Lifecycle1.Error. on D-Bus, the errno of
 * liblifecycle, the exit code of lifecyclectl. One row is one kind of trouble; the text beside it says which and what
 * to do.
 */

#include <errno.h>

#define REFUSALS(X)                                                                                                    \
	X(REFUSED_NOT, "Success", 0, 0)                                                                                \
	X(REFUSED_NO_SUCH_VM, "NoSuchVM", ENOENT, 4)                                                                   \
	X(REFUSED_EXISTS, "Exists", EEXIST, 5)              /* another VM has this name, UUID or fixed FF-A id */       \
	X(REFUSED_INVALID_DEFINITION, "InvalidDefinition", EBADMSG, 6)                                                 \
	X(REFUSED_ILLEGAL_TRANSITION, "IllegalTransition", EBUSY, 7)                                                   \
	X(REFUSED_WRONG_LIFE, "WrongLife", ESTALE, 8)       /* the life that was expected is over */                    \
	X(REFUSED_NO_FREE_ID, "NoFreeId", ENOSPC, 9)        /* every FF-A id lives or still has debts */                \
	X(REFUSED_NO_MEMORY, "NoMemory", ENOMEM, 10)        /* the memory place is too small, or the daemon's own ran out */ \
	X(REFUSED_NO_HUGE_PAGES, "NoHugePages", ENODEV, 11)                                                            \
	X(REFUSED_INVALID_ARGUMENT, "InvalidArgument", EINVAL, 12)                                                     \
	X(REFUSED_ACCESS, "AccessDenied", EACCES, 13)                                                                  \
	X(REFUSED_NO_CONSOLE, "NoConsole", ENXIO, 14)                                                                  \
	X(REFUSED_SHUTTING_DOWN, "ShuttingDown", ESHUTDOWN, 15)                                                        \
	X(REFUSED_CYCLE, "OrderCycle", ELOOP, 16)           /* `after` leads back to the VM itself */                   \
	X(REFUSED_LIMIT, "LimitReached", EDQUOT, 17)        /* too many VMs, subscribers or waiting requests */         \
	X(REFUSED_INTERNAL, "Internal", EIO, 18)                                                                       \
	X(REFUSED_OTHER_SOURCE, "OtherSource", EXDEV, 23)   /* a file in vm.d defines this VM, or D-Bus did: only that one may */ \
	X(REFUSED_NOT_BOUND, "NotBound", ENOLINK, 22)       /* no VM is bound by that token any more */ \
	X(REFUSED_NO_SUCH_LEASE, "NoSuchLease", ENOLCK, 21) /* it is over, or never was */

#define REFUSAL_ENUM_ENTRY(symbol, name, error, code) symbol,
enum refusal { REFUSALS(REFUSAL_ENUM_ENTRY) REFUSAL_COUNT };

/* Exit codes of lifecyclectl beside those of the table. */
enum {
	EXIT_FAILED = 1,    /* anything without a row of its own */
	EXIT_USAGE = 2,
	EXIT_NO_DAEMON = 3, /* the daemon or the bus cannot be reached */
	EXIT_UNHEARD = 19,  /* a stop was accepted, and the guest listens to no power key */
};
