/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Between the files of the step only. */

#include "model/availability.h"
#include "model/lifecycle.h"

#define NS_PER_MS 1000000ull
#define NS_PER_S 1000000000ull

/* The numbers that are ours to choose: the ladder of quiesce; FFA_RUN after a yield without a hint */
#define LADDER_EXIT (2 * NS_PER_S)
#define LADDER_KILL (5 * NS_PER_S)
#define EXIT_PATIENCE (2 * NS_PER_S)
#define PAUSE_PATIENCE (5 * NS_PER_S)
#define CLIENT_PATIENCE (5 * NS_PER_S) /* for a client to find a new daemon, and to show its token there */
#define MEET_PATIENCE (2 * NS_PER_S) /* for a new daemon to meet the secure side */
#define YIELD_WAIT (1 * NS_PER_MS)
#define CALL_TAKES (2 * NS_PER_S) /* at most: whoever takes longer loses its link (secure/) */
#define CALL_REPEATS 8

struct step {
	struct model *m;
	struct step_out *o;
	uint64_t now, realtime;
};

/* step.c */
void emit(struct step *s, struct change *c);
struct output *put_output(struct step *s, enum output_kind kind, uint64_t life);
void command_vmm(struct step *s, struct life *l, enum vmm_command command);
void touch(struct step *s, struct vm *vm);
void note_caller(struct step *s, const struct life *l); /* before it calls, or has notifications, for the first time */
void set_deadline(struct step *s, struct deadline *d, uint64_t at);
void clear_deadline(struct step *s, struct deadline *d);

/* requests.c */
void step_request(struct step *s, struct request *r);
void set_operation(struct step *s, struct vm *vm, enum operation op, uint64_t deadline);
void end_operation(struct step *s, struct vm *vm, enum outcome outcome); /* not done, and that is to be known */
bool operation_is_under(const struct vm *vm, enum operation op); /* its rank, beside another's */
enum refusal illegal(struct step *s, struct vm *vm, struct answer *a, const char *verb, const char *remedy); /* counted */

/* define.c */
enum refusal ask_define(struct step *s, struct request *r, struct answer *a);
const char *pause_why_not(const struct life *l); /* NULL, or why its VMM would not understand */
enum refusal ask_cancel(struct step *s, struct vm *vm, struct answer *a);
bool cancel_start(struct step *s, struct vm *vm); /* one that waits: true, and it is over */
enum refusal ask_undefine(struct step *s, struct vm *vm, const struct request *r, struct answer *a);
void pending_take(struct step *s, struct vm *vm); /* it has no life now, or begins its next */

/* lease.c: who holds the end of a life */
enum refusal ask_lease(struct step *s, const struct request *r, struct vm *vm, struct answer *a);
enum refusal ask_reclaim_lease(struct step *s, const struct request *r, struct answer *a);
enum refusal ask_release_lease(struct step *s, const struct request *r, struct answer *a);
void leases_ask(struct step *s, struct life *l); /* all holders at once: let go */
void leases_resume(struct step *s, struct life *l);
void leases_drop(struct step *s, struct life *l); /* their holders are gone with the host's last boot */
void lease_timer(struct step *s, struct lease *k);

/* stop.c: the guest is asked to end itself */
void stop_begin(struct step *s, struct vm *vm);
void stop_told(struct step *s, struct life *l);  /* the key was pressed at another's word */
void stop_deaf(struct step *s, struct life *l);  /* nobody listens to it */
void stop_again(struct step *s, struct life *l, bool pressed); /* the VMM is back: it may not have heard */
void stop_timer(struct step *s, struct vm *vm);

/* shutdown.c: all VMs end, each after those that need it */
enum refusal ask_shutdown(struct step *s, bool host);
void shutdown_timer(struct step *s, struct vm *vm);       /* perhaps it is its turn */
void shutdown_quiesced(struct step *s, struct vm *vm); /* no guest of it can run: perhaps it is another's */
void shutdown_look(struct step *s);                       /* order may be another now, or a new daemon goes on */
const struct vm *shutdown_waits_for(const struct model *m, const struct vm *vm); /* NULL: it is its turn, or there is none */

/* bound.c: a VM lives with a client */
void bound_begin(struct step *s, struct vm *vm, const struct bind_request *r);
void bound_over(struct step *s, struct vm *vm); /* if it has no life and none is to come */
void bound_timer(struct step *s, struct vm *vm);
void bound_resume(struct step *s, struct vm *vm, bool same_boot);
enum refusal ask_bind_again(struct step *s, const struct request *r, struct answer *a);
enum refusal ask_unbind(struct step *s, const struct request *r);

/* pause.c: the vCPUs stand for a while */
void pause_begin(struct step *s, struct life *l);
void pause_done(struct step *s, struct life *l, uint64_t command); /* all stand, by the PAUSE of that number */
void pause_refused(struct step *s, struct life *l, uint64_t command); /* a device would not stop */
void pause_stays(struct step *s, struct life *l, uint64_t command);   /* a device would not start again */
void pause_end(struct step *s, struct life *l, enum outcome outcome); /* fine if there is none */
void pause_again(struct step *s, struct life *l, bool paused); /* the VMM is back: it may not have heard */
void pause_timer(struct step *s, struct life *l);

/* preserve.c: a life is kept for a post-mortem */
uint64_t preserve_until(const struct step *s, const struct life *l); /* 0: without limit */
void preserve_begin(struct step *s, struct life *l); /* it is there */
void preserve_end(struct step *s, struct life *l);   /* it is kept no longer, or shall not be; fine if it was not to be */
enum refusal ask_preserve(struct step *s, struct vm *vm, struct answer *a);

/* life.c: birth, entry, end, return of what was held */
enum refusal life_begin(struct step *s, struct vm *vm, char *text, size_t size);
enum refusal vm_start(struct step *s, struct vm *vm, char *text, size_t size); /* begins a life, or waits for order */
void wake_for_ids(struct step *s);
bool waits_for_ids(const struct model *m, const struct vm *vm); /* its life cannot begin before SPs are met */
void life_substate(struct step *s, struct life *l, enum vm_substate sub, uint64_t deadline);
void life_abort(struct step *s, struct life *l, enum vm_cause cause, const char *text, bool quiesced);
void life_abort_kept(struct step *s, struct life *l, enum vm_cause cause); /* the same, and it is kept */
void life_let_go(struct step *s, struct life *l); /* it was kept: its end goes on */
void life_quiesced(struct step *s, struct life *l);
void life_leases_over(struct step *s, struct life *l); /* fine if they are not */
void life_advance_retire(struct step *s, struct life *l);
void life_ready(struct step *s, struct life *l);
void life_enter(struct step *s, struct life *l);
void life_entered(struct step *s, struct life *l);
void life_vcpu(struct step *s, struct life *l, uint32_t index, enum vcpu_state state, uint64_t since);
void life_vmm_gone(struct step *s, struct life *l, const struct vmm_end *end);
void life_reclaimed(struct step *s, struct life *l);
void life_leave_behind(struct step *s, struct life *l); /* it goes on settling by itself, its VM without it */
void start_beside(struct step *s, struct vm *vm); /* soon, if its life was stuck before that was asked for, or allowed */
void life_timer(struct step *s, struct life *l);
void life_ladder(struct step *s, struct life *l);
void vm_timer(struct step *s, struct vm *vm);
void vm_gone(struct step *s, struct vm *vm); /* it has no life */
void start_failed(struct step *s, struct vm *vm, enum vm_cause cause, const char *text); /* before there was a life */

/* forget.c, burned.c */
enum refusal ask_forget(struct step *s, const struct request *r, struct answer *a);
void burn_id(struct step *s, const struct life *l, const struct sp *sp);
void burn_lost_ids(struct step *s);
void burned_meet(struct step *s); /* whoever is there now is who may know the lives that the log lost */
void release_burned(struct step *s, const struct sp *sp, uint64_t under_way);

/* exhaustion.c */
void say_no_id(const struct step *s, const struct vm_definition *d, char *text, size_t size);
bool is_id_of_others(const struct step *s, const struct vm_definition *d, char *text, size_t size);

/* birth.c: a VMM and a life find each other */
void step_newborn(struct step *s, const struct input *in);
void waiter_start(struct step *s, struct vm *vm);
void waiter_refuse(struct step *s, struct vm *vm, const char *reason); /* if there is one */

/* vmms.c: what VMMs say */
void step_vmm(struct step *s, struct input *in);

/* secure.c: what a life owes, and the queues in front of each SP */
void announce(struct step *s, struct life *l);
void announce_late(struct step *s, struct life *l, struct sp *sp);
bool announce_again(struct step *s, struct life *l, struct sp *sp);
bool is_announced(const struct model *m, const struct life *l);
void announce_check(struct step *s, struct life *l); /* every SP knows: ready */
void retire_debts(struct step *s, struct life *l);
bool debts_are_done(const struct life *l);
void retire_debt(struct step *s, struct life *l, struct sp *sp);
bool settle_unwanted(struct step *s, struct life *l, struct sp *sp); /* true: it was to be told of the end, and is not */
void mark_stuck(struct step *s, struct life *l);
void debt_timer(struct step *s, struct debt *d);
void patience_timer(struct step *s, struct debt *d);
void pump(struct step *s, struct sp *sp);
void queue_debt(struct step *s, struct sp *sp, struct debt *d, enum debt_queue queue);
void debt_move(struct step *s, struct life *l, struct debt *d, enum debt_state to, enum debt_how how);
const struct burned *forgotten_call(const struct step *s, const struct sp *sp);
void sp_lost(struct step *s, struct sp *sp, enum debt_how how);
void probe_timer(struct step *s, struct sp *sp);
void resume_timer(struct step *s, struct sp *sp);
void rest_timer(struct step *s, struct sp *sp);

/* bitmap.c: the SPMC is one more debtor */
struct sp *bitmap_spmc(struct model *m); /* NULL: it has no notifications */
void bitmap_announce(struct step *s, struct life *l); /* if it is its turn */
bool bitmap_is_owed(const struct model *m, const struct life *l); /* VM_DESTROYED waits for it */
struct debt *bitmap_next(struct step *s, struct sp *spmc); /* whose message is to be sent; NULL: nobody's */
bool bitmap_is_put_aside(const struct sp *sp, const struct life *l); /* an SP has to know the life first */
void bitmap_retire(struct step *s, struct life *l);
void bitmap_resume(struct step *s, struct life *l);    /* the secure side is met */
bool bitmap_drained(struct step *s, struct sp *sp, struct debt *d, enum verdict verdict); /* true: that was all */

/* pace.c: how often an SP is spoken to */
const struct retry_rule *pace_rule(const struct model *m, const struct sp *sp);
uint64_t pace_jitter(struct model *m, unsigned percent, uint64_t delay); /* as much more or less, at random */
/* Until the next try. `crowd`: so many that wait stand back for each other; 0: for nobody. */
uint64_t pace_delay(struct step *s, const struct sp *sp, uint8_t *doubled, uint32_t crowd);
void pace_rest(struct step *s, struct sp *sp, const struct debt *d);        /* it took nothing: leave it alone a while */
void pace_wake(struct step *s, struct sp *sp);
bool debt_is_late(const struct step *s, const struct sp *sp, const struct debt *d);
bool pace_is_late(const struct step *s, const struct sp *sp, uint64_t since); /* what began then is background work now */
void pace_run(struct step *s, struct sp *sp, bool late, uint64_t wait); /* when to FFA_RUN, `wait` ns at least */

/* counts.c: what is shown of the above */
void count_queue(struct sp *sp, const struct debt *d, enum debt_queue to);
void count_send(struct step *s, struct debt *d); /* also the tries, of which the model itself makes use */
void count_reply(struct step *s, struct sp *sp, enum verdict verdict);
void count_move(struct step *s, const struct debt *d, enum debt_state to, enum debt_how how);
void count_change(struct step *s, const struct change *c); /* before it is applied */
void count_refused(struct step *s, struct vm *vm);

/* reply.c: an SP answered */
void step_reply(struct step *s, const struct secure_reply *r);
enum verdict verdict_of_run(enum verdict verdict, uint8_t kind); /* of an answer to FFA_RUN */
bool must_be_open(struct step *s, struct sp *sp, enum verdict verdict, bool was_run);
void sp_spoke(struct step *s, struct sp *sp, enum verdict verdict); /* what an answer to a guest's call says of the SP itself */
enum debt_face debt_face_of(const struct debt *d);
void sp_set_status(struct step *s, struct sp *sp, enum sp_status status);
void release_queue(struct step *s, struct sp *sp, struct list *queue); /* its debts are sent now */
void close_target(struct step *s, struct sp *sp);                      /* no call can be open there any more */
void after_move(struct step *s, struct life *l);                       /* a debt moved: does its life go on? */
void send_again(struct step *s, struct sp *sp, struct debt *d, bool rest);

/* world.c: the secure side comes and goes */
void step_secure(struct step *s, struct input *in);
bool take_back_call(struct step *s, struct sp *sp);
void answer_lost(struct step *s, struct sp *sp);
void replay(struct step *s, struct sp *sp, struct life *l); /* what may have been sent and was not answered */
