/* SPDX-License-Identifier: Apache-2.0 */

/* Property getters: each reads the field of a row that its vtable row names. */

#include "bus/internal.h"

#define GETTER(name)                                                                                         \
	int name(sd_bus *sd, const char *path, const char *interface, const char *property,                  \
		sd_bus_message *reply, void *field, sd_bus_error *error)

GETTER(bus_get_chars)
{
	return sd_bus_message_append(reply, "s", (const char *)field);
}

GETTER(bus_get_uuid)
{
	char text[UUID_TEXT_SIZE];

	bus_uuid_text(field, text);
	return sd_bus_message_append(reply, "s", text);
}

GETTER(bus_get_bool)
{
	return sd_bus_message_append(reply, "b", (int)*(const bool *)field);
}

GETTER(bus_get_usec)
{
	return sd_bus_message_append(reply, "t", *(const uint64_t *)field / 1000);
}

GETTER(bus_get_u16_as_u)
{
	return sd_bus_message_append(reply, "u", (uint32_t) * (const uint16_t *)field);
}

static int append_word(sd_bus_message *reply, enum words list, const void *field)
{
	return sd_bus_message_append(reply, "s", bus_word(list, *(const uint8_t *)field));
}

GETTER(bus_get_state)
{
	return append_word(reply, WORDS_STATE, field);
}

GETTER(bus_get_substate)
{
	return append_word(reply, WORDS_SUBSTATE, field);
}

GETTER(bus_get_cause)
{
	return append_word(reply, WORDS_CAUSE, field);
}

GETTER(bus_get_operation)
{
	return append_word(reply, WORDS_OPERATION, field);
}

GETTER(bus_get_outcome)
{
	return append_word(reply, WORDS_OUTCOME, field);
}

GETTER(bus_get_pending)
{
	return append_word(reply, WORDS_PENDING, field);
}

GETTER(bus_get_profile)
{
	return append_word(reply, WORDS_PROFILE, field);
}

GETTER(bus_get_status)
{
	return append_word(reply, WORDS_STATUS, field);
}
