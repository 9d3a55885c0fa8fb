/* SPDX-License-Identifier: Apache-2.0 */

/* What two definitions of a VM differ in, key by key, in the words of the file. */

#include <stdio.h>
#include <string.h>

#include "store/buffer.h"
#include "store/definition.h"
#include "store/definition_read.h"
#include "store/json_place.h"

struct comparing {
	const struct vm_definition *old, *new;
	struct buffer before, after;
	definition_change_fn *each;
	void *ctx;
	int result;
};

#define IS_WITHIN(member)                                                                                              \
	(rule->offset >= offsetof(struct vm_definition, member) &&                                                     \
		rule->offset < offsetof(struct vm_definition, member) + sizeof(((struct vm_definition *)0)->member)) ||
bool rule_is_at_once(const struct rule *rule)
{
	return DEFINITION_AT_ONCE(IS_WITHIN) false;
}

/* Without the quotes of a text that stands alone. */
static const char *word(struct buffer *b)
{
	char *text;
	size_t last = b->length;

	buffer_char(b, '\0');
	if (b->error)
		return "";
	text = b->data;
	if (last < 2 || text[0] != '"')
		return text;
	text[last - 1] = '\0';
	return text + 1;
}

static const char *value(struct comparing *c, struct buffer *b, const struct vm_definition *d, const struct rule *rule)
{
	buffer_reset(b);
	if (!rule_is_left_out(d, rule))
		rule_print(b, d, rule);
	if (b->error)
		c->result = b->error;
	return word(b);
}

static void compare(struct comparing *c, const struct rules *rules, const char *outer)
{
	for (size_t i = 0; i < rules->count && c->result == 0; i++) {
		const struct rule *rule = &rules->rule[i];
		struct definition_change change;
		char path[JSON_PATH_MAX];

		(void)snprintf(path, sizeof(path), "%s%s%s", outer, *outer ? "." : "", rule->key);
		if (rule->inner) {
			compare(c, rule->inner, path);
			continue;
		}
		change = (struct definition_change) { path, value(c, &c->before, c->old, rule),
			value(c, &c->after, c->new, rule), rule_is_at_once(rule) };
		if (c->result == 0 && strcmp(change.old, change.new) != 0)
			c->result = c->each(c->ctx, &change);
	}
}

int definition_differences(
	const struct vm_definition *old, const struct vm_definition *new, definition_change_fn *each, void *ctx)
{
	struct comparing c = { .old = old, .new = new, .each = each, .ctx = ctx };

	compare(&c, &definition_rules, "");
	buffer_free(&c.before);
	buffer_free(&c.after);
	return c.result;
}
