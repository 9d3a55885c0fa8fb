/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What the fake daemon tells of its secure side: the debts of "stuck" and of "web"; of all together those at SP 0x8001, whose
 * creation slot "slow" has, with two behind it; and three frames of that SP.
 */

#include <string.h>
#include <time.h>

#include "fake-daemon.h"

uint64_t fake_hour(unsigned from_now)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return ((uint64_t)t.tv_sec + 3600 * from_now) * 1000000u;
}

#define PEER "(tqqsssuutttsa{sv})"
#define AT_8001(life, id) (uint64_t)(life), (id), 0x8001
static int list_all_peers(sd_bus_message *m)
{
	uint64_t none = 0;

	return sd_bus_reply_method_return(m, "a" PEER "u", 6,
		AT_8001(42, 1), "known", "answered-0", "ack", 3u, 3u, (uint64_t)1000000, none, none, "web", 0,
		(uint64_t)42, 1, 0x8002, "creating", "-", "-", 1u, 1u, (uint64_t)1000000, none, fake_hour(1), "web", 1, "Place", "s", "sent",
		AT_8001(17, 2), "destroying", "-", "retry", 12u, 15u, (uint64_t)1000000, fake_hour(1), none, "stuck", 2,
		"Stuck", "b", 1, "Place", "s", "probe",
		AT_8001(20, 5), "none", "-", "-", 0u, 0u, none, none, none, "hangup", 2, "Place", "s", "line", "Ticket", "u", 9,
		AT_8001(18, 3), "creating", "-", "busy", 2u, 2u, (uint64_t)2000000, none, fake_hour(3), "slow", 1, "Place", "s", "sent",
		AT_8001(19, 4), "none", "-", "-", 0u, 0u, none, none, none, "broken", 2, "Place", "s", "line", "Ticket", "u", 8,
		0u);
}

int method_list_peers(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	const char *name;
	int r = sd_bus_message_read(m, "s", &name);

	if (r < 0)
		return r;
	if (*name && !fake_find(name))
		return fake_no_such(error, name);
	if (strcmp(name, "stuck") == 0)
		return sd_bus_reply_method_return(m, "a" PEER "u", 2, (uint64_t)17, 2, 0x8001, "destroying", "-", "retry", 12u,
			15u, (uint64_t)1000000, fake_hour(1), (uint64_t)0, "stuck", 2, "Stuck", "b", 1, "Place", "s", "probe",
			(uint64_t)9, 5, 0x8002, "creating", "-", "-", 0u, 0u, (uint64_t)1000000, (uint64_t)0, (uint64_t)0,
			"stuck", 2, "Old", "b", 1, "Novelty", "u", 4u, 0u);
	if (!*name)
		return list_all_peers(m);
	if (strcmp(name, "web") == 0)
		return sd_bus_reply_method_return(m, "a" PEER "u", 1, (uint64_t)42, 1, 0x8001, "known", "answered-0", "ack", 3u, 3u,
			(uint64_t)1000000, (uint64_t)0, (uint64_t)0, "web", 0, 0u);
	return sd_bus_reply_method_return(m, "a" PEER "u", 0, 0u);
}

#define REGISTERS(w0, w1, w2, w3) 8, (uint64_t)(w0), (uint64_t)(w1), (uint64_t)(w2), (uint64_t)(w3), (uint64_t)0, \
	(uint64_t)0, (uint64_t)0, (uint64_t)0
/* The number of the frame that came last; once the first three are known it is all there is. */
static uint64_t later = 3;

int method_trace(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	uint64_t after;
	uint16_t sp;
	int r = sd_bus_message_read(m, "qt", &sp, &after);

	if (r < 0)
		return r;
	if (sp == 0)
		return sd_bus_reply_method_return(m, "a(ttbtqtssat)", 1, (uint64_t)1, (uint64_t)500, 1, (uint64_t)7, 0, (uint64_t)0,
			"", "-", REGISTERS(0x10002, 0, 0, 0));
	if (sp == 0x8001 && after >= 3)
		return sd_bus_reply_method_return(m, "a(ttbtqtssat)", later > after, later, fake_hour(0), 0, (uint64_t)0, 2,
			(uint64_t)17, "stuck", "-", REGISTERS(0x8400006F, 0x8001, 0x80000006, 0));
	if (sp != 0x8001)
		return sd_bus_error_setf(error, ERROR "InvalidArgument", "no Secure Partition has the id 0x%04x", sp);
	return sd_bus_reply_method_return(m, "a(ttbtqtssat)", 3,
		(uint64_t)1, (uint64_t)1000, 0, (uint64_t)0, 1, (uint64_t)42, "web", "-", REGISTERS(0x8400006F, 0x8001, 0x80000004, 0),
		(uint64_t)2, (uint64_t)1300, 1, (uint64_t)300, 1, (uint64_t)42, "web", "retry",
		REGISTERS(0x84000070, 0x80010000, 0x80000005, 0xFFFFFFF9),
		(uint64_t)3, (uint64_t)1400, 1, (uint64_t)90, 1, (uint64_t)42, "web", "preempted",
		REGISTERS(0x84000062, 0x80010003, 0, 0));
}

void fake_send_frame(unsigned skip)
{
	later += 1 + skip;
}
