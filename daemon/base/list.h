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

static inline void list_append(struct list *head, struct list *node)
{
	node->prev = head->prev;
	node->next = head;
	head->prev->next = node;
	head->prev = node;
}

#ifdef __clang_analyzer__
/*
 * clang's analyser does not follow what taking a node out does to its neighbours, and would meet what was freed in its list again:
 * for it a list is another one each time that it is looked at.
 */
struct list *list_look(struct list *node);
#define list_next(node)     list_look((struct list *)(node))
#define list_is_empty(head) (list_next(head) == (head))
#define list_remove(node)   ((void)list_look(node))
#else
static inline struct list *list_next(const struct list *node)
{
	return node->next;
}

static inline bool list_is_empty(const struct list *head)
{
	return head->next == head;
}

/* Takes a node out of whatever list it is in; a node in none stays as it is. */
static inline void list_remove(struct list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_init(node);
}
#endif

#define list_first(head, type, member)                                                                                 \
	(list_is_empty(head) ? NULL : container_of(list_next(head), type, member))

#define list_for_each(pos, head, member)                                                                               \
	for (pos = container_of(list_next(head), __typeof__(*pos), member); &pos->member != (head);                       \
		pos = container_of(pos->member.next, __typeof__(*pos), member))

/* The same, when the body may take `pos` out of the list. */
#define list_for_each_safe(pos, next_, head, member)                                                                   \
	for (pos = container_of(list_next(head), __typeof__(*pos), member),                                               \
	    next_ = container_of(pos->member.next, __typeof__(*pos), member);                                          \
		&pos->member != (head);                                                                                \
		pos = next_, next_ = container_of(pos->member.next, __typeof__(*pos), member))
