/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_PROPERTIES_H
#define LIFECYCLE_PROPERTIES_H

/* All that the daemon tells of itself or of a VM, also what this library has no field for. Part of lifecycle.h: include that. */

#include <stddef.h>
#include <lifecycle/connection.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A property as of org.lifecycled.Lifecycle1(5). */
struct lifecycle_property {
	size_t size;
	const char *name;
	const char *signature; /* its D-Bus type */
	const char *value;     /* as JSON; a struct is an array */
};

struct lifecycle_property_list;

/* Of a VM; `name` NULL: of the daemon. */
int lifecycle_properties(struct lifecycle *l, const char *name, struct lifecycle_property_list **ret);
struct lifecycle_property_list *lifecycle_property_list_unref(struct lifecycle_property_list *list);
size_t lifecycle_property_list_count(const struct lifecycle_property_list *list);
const struct lifecycle_property *lifecycle_property_list_at(const struct lifecycle_property_list *list, size_t i);

#ifdef __cplusplus
}
#endif

#endif
