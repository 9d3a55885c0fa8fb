/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The one door through which every KVM ioctl leaves: the compiler checks the argument's size, a test can make
 * any of them fail with any errno, and a failure has a name.
 */

#include <assert.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>

/* >= 0: what the ioctl returned; < 0: negative errno. */
int kvm_door(int fd, unsigned long request, const char *name, unsigned long argument);

/* /dev/kvm, opened; "open" is its name for kvm_door_inject. */
int kvm_door_open(void);

/* What is injected for a thing that is no ioctl: 0, or negative errno. */
int kvm_door_injected(const char *name);

/*
 * For tests: "NAME=ERRNO[@N]" makes the call named NAME fail with that errno number, from its Nth call on (1
 * if not given). NULL or "" takes it away. -EINVAL if it cannot be read.
 */
int kvm_door_inject(const char *spec);

/* An ioctl whose argument is a struct. */
#define kvm_ask(fd, req, arg)                                                                                          \
	({                                                                                                             \
		static_assert(_IOC_SIZE(req) == sizeof(*(arg)), #req ": wrong struct");                                \
		kvm_door((fd), (req), #req, (unsigned long)(arg));                                                     \
	})

/* An ioctl whose argument is a number, or none. */
#define kvm_ask_value(fd, req, value)                                                                                  \
	({                                                                                                             \
		static_assert(_IOC_SIZE(req) == 0, #req ": takes a struct");                                           \
		kvm_door((fd), (req), #req, (unsigned long)(value));                                                   \
	})
