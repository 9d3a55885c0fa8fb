/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_DEFINE_H
#define LIFECYCLE_DEFINE_H

/* Definitions: what they say, what would be wrong with one, where they end. Part of lifecycle.h: include that. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <lifecycle/connection.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Defines the VM that the JSON `text` describes (lifecycle.vm(5)), or defines it anew. `source` names the text in errors
 * (a file name; NULL: "-"). *ret_name, if not NULL, is the VM's name, for the caller to free. What a life was built from is
 * not changed by that: see `pending` of lifecycle_vm_details.
 */
int lifecycle_define(struct lifecycle *l, const char *text, const char *source, char **ret_name, uint64_t *ret_seq);

/*
 * The definition goes, and the VM with it: at the end of its life, if `pending`; else it is refused while that lasts. `life`
 * is the one that is meant (0: any).
 */
int lifecycle_undefine(struct lifecycle *l, const char *name, uint64_t life, bool pending, uint64_t *ret_seq);

/* As JSON with every key; `pending`: that of the next life. *ret_source: the path of its file, or "D-Bus". Both are for the caller
 * to free. */
int lifecycle_definition(struct lifecycle *l, const char *name, bool pending, char **ret_text, char **ret_source);

/* Something wrong with a text. */
struct lifecycle_problem {
	size_t size;
	unsigned line, column; /* 0: it has no place */
	int refusal;           /* enum lifecycle_refusal: what lifecycle_define() would say */
	const char *text;
};

/* What lifecycle_define() would say, and nothing changes. An empty list: it is fine. */
struct lifecycle_problem_list;
int lifecycle_validate(struct lifecycle *l, const char *text, const char *source, struct lifecycle_problem_list **ret);
struct lifecycle_problem_list *lifecycle_problem_list_unref(struct lifecycle_problem_list *list);
const char *lifecycle_problem_list_name(const struct lifecycle_problem_list *list); /* the VM's; "": the text does not tell */
size_t lifecycle_problem_list_count(const struct lifecycle_problem_list *list);
const struct lifecycle_problem *lifecycle_problem_list_at(const struct lifecycle_problem_list *list, size_t i);

/* A key that is another now, or in the next life; "": it is left out. */
struct lifecycle_key_change {
	size_t size;
	const char *key, *before, *after;
	bool at_once; /* of a reload: a life that is under way takes it */
};

/* What a reload came to for one VM or file. */
struct lifecycle_reloaded {
	size_t size;
	const char *name; /* "": a file or directory that is no VM's */
	const char *what; /* "added", "changed", "unchanged", "removed", "refused", "error" */
	const char *path; /* of the file; "": it is gone */
	const char *text; /* why it was refused, or cannot be read */
	size_t change_count;
	const struct lifecycle_key_change *const *change; /* of "changed" */
};

/* Reads the files of all VMs again; `dry_run`: only says what would come of it. By name, in byte order. */
struct lifecycle_reload_list;
int lifecycle_reload(struct lifecycle *l, bool dry_run, struct lifecycle_reload_list **ret);
struct lifecycle_reload_list *lifecycle_reload_list_unref(struct lifecycle_reload_list *list);
size_t lifecycle_reload_list_count(const struct lifecycle_reload_list *list);
const struct lifecycle_reloaded *lifecycle_reload_list_at(const struct lifecycle_reload_list *list, size_t i);

#ifdef __cplusplus
}
#endif

#endif
