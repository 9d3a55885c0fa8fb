/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the verbs of lifecyclectl share. A verb returns the program's exit code. */

#include <json-c/json.h>
#include <lifecycle.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define _cleanup_(f) __attribute__((cleanup(f)))

enum output {
	OUTPUT_TABLE,
	OUTPUT_JSON,
	OUTPUT_JSON_PRETTY,
	OUTPUT_JSON_SEQ, /* RFC 7464 */
};

enum {
	CLI_FAILED = 1,
	CLI_USAGE = 2,
	CLI_NO_DAEMON = 3,
	CLI_UNHEARD = 19, /* stop: the guest listens to no power key */
	CLI_DIFFERS = 20, /* partitions --secure-view: the two books do not agree */
	CLI_INTERRUPTED = 130,
};

struct cli {
	struct lifecycle *l;
	const char *bus; /* NULL: not given */
	const char *remote; /* --host; NULL: this one */
	char *remote_bus;   /* then bus is that */
	const char *verb; /* that is run */
	enum output output;
	bool output_given;
	bool help, version;
	bool no_pager;
	bool full; /* no line is cut */
	bool legend, quiet, block, raw;
	bool follow; /* console, trace */
	bool force;  /* forget */
	bool pending; /* undefine, cat */
	bool dry_run; /* reload */
	const char *states; /* wait, list: words, with commas between; NULL: not given */
	bool all, value; /* show */
	const char *property[32]; /* show: names, with commas between */
	size_t property_count;
	bool preserve; /* abort */
	bool host;   /* shutdown */
	bool bound;  /* start */
	bool http;   /* metrics */
	const char *textfile, *metrics_format; /* metrics; NULL: not given */
	const char *why; /* lease */
	const char *secure_view; /* partitions: the inspection socket to compare with; NULL: do not */
	bool no_ask; /* nobody is asked for a password */
	bool leave;  /* monitor: at the end of what there is */
	bool colour; /* of standard output */
	bool terminal;
	size_t width; /* of the terminal; 0: lines are as long as they are */
	int timeout_ms; /* LIFECYCLE_FOREVER: not given; see patience.h */
	int grace_ms;   /* lease: that its command gets; the same */
	uint64_t if_life;
	bool has_since;
	uint64_t since;
	char since_epoch[40]; /* of the log that `since` is a number of; "": this one */
	long tail; /* lines; negative: all */
	long lines; /* status: of console and journal */
};

/* output.c: whether it is one of the words that commas divide */
bool has_word(const char *words, const char *word);
/* The VM's state or sub-state is one of these words. One that is both, "running", is the sub-state. */
bool has_state(const char *words, int state, int substate);

/* say.c */
int cli_connect(struct cli *c);
/* A connection in place of the one that is there, and nothing said. 0, or a negative errno: that one is still there. */
int cli_connect_again(struct cli *c);
/* Usage errors send to the help of this verb, from now on. */
void cli_usage_of(const char *verb);
int cli_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* One line to stderr; returns the exit code that belongs to the connection's last error. */
int cli_fail(const struct cli *c, const char *verb, const char *name);
int cli_say_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ask.c: where polkit wants a password, who asks for it on this terminal */
void ask_start(struct cli *c);
void ask_end(void);

/* verbs */
int verb_list(struct cli *c, int argc, char **argv);
int verb_status(struct cli *c, int argc, char **argv);
int verb_show(struct cli *c, int argc, char **argv);
int verb_why(struct cli *c, int argc, char **argv);
int verb_peers(struct cli *c, int argc, char **argv);
int verb_leases(struct cli *c, int argc, char **argv);
int verb_lease(struct cli *c, int argc, char **argv);
int verb_trace(struct cli *c, int argc, char **argv);
int verb_partitions(struct cli *c, int argc, char **argv);
int verb_define(struct cli *c, int argc, char **argv);
int verb_undefine(struct cli *c, int argc, char **argv);
int verb_validate(struct cli *c, int argc, char **argv);
int verb_reload(struct cli *c, int argc, char **argv);
int verb_cat(struct cli *c, int argc, char **argv);
int verb_edit(struct cli *c, int argc, char **argv);
int verb_start(struct cli *c, int argc, char **argv);
int verb_stop(struct cli *c, int argc, char **argv);
int verb_pause(struct cli *c, int argc, char **argv);
int verb_resume(struct cli *c, int argc, char **argv);
int verb_abort(struct cli *c, int argc, char **argv);
int verb_restart(struct cli *c, int argc, char **argv);
int verb_destroy(struct cli *c, int argc, char **argv);
int verb_shutdown(struct cli *c, int argc, char **argv);
int verb_wait(struct cli *c, int argc, char **argv);
int verb_forget(struct cli *c, int argc, char **argv);
int verb_metrics(struct cli *c, int argc, char **argv);
int verb_monitor(struct cli *c, int argc, char **argv);
int verb_events(struct cli *c, int argc, char **argv);
int verb_cancel(struct cli *c, int argc, char **argv);
int verb_log_level(struct cli *c, int argc, char **argv);
int verb_plot(struct cli *c, int argc, char **argv);
int verb_console(struct cli *c, int argc, char **argv);
/* complete.c: for shells, with what was written behind "__complete" */
int complete_print(int argc, char **argv);
int verb_help(struct cli *c, int argc, char **argv);

/* secure_view.c; returns an exit code */
int secure_view(struct cli *c, const char *path);

/* say.c: an SP as an argument, or 0 where that may stand for something else; an exit code */
int cli_parse_sp(const char *verb, const char *text, bool or_0, uint16_t *ret);

/* tail.c: the last lines of a VM's console (negative: all); *ret is for the caller to free. A negative errno. */
int console_tail(struct cli *c, const char *name, long lines, char **ret, size_t *ret_size);
int console_read_all(struct lifecycle_console *console, char **ret, size_t *ret_size);
/* Where the last `lines` lines of text begin. */
size_t tail_start(const char *text, size_t size, long lines);

static inline void list_unrefp(struct lifecycle_vm_list **p)
{
	lifecycle_vm_list_unref(*p);
}

static inline void info_unrefp(struct lifecycle_vm_info **p)
{
	lifecycle_vm_info_unref(*p);
}

static inline void partitions_unrefp(struct lifecycle_partition_list **p)
{
	lifecycle_partition_list_unref(*p);
}

static inline void peers_unrefp(struct lifecycle_peer_list **p)
{
	lifecycle_peer_list_unref(*p);
}

static inline void stream_unrefp(struct lifecycle_stream **p)
{
	lifecycle_stream_unref(*p);
}

static inline void console_unrefp(struct lifecycle_console **p)
{
	lifecycle_console_unref(*p);
}

static inline void json_putp(struct json_object **p)
{
	json_object_put(*p);
}

static inline void free_p(void *p)
{
	free(*(void **)p);
}
