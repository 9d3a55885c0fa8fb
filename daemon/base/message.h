/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The kinds of messages that have a meaning of their own in the journal: each has an id that never changes (MESSAGE_ID=,
 * systemd.journal-fields(7)), a priority, and a title. units/lifecycled.catalog says what it means and what to do. A new
 * kind is a row here, with an id of `systemd-id128 new`, and an entry there; the test `catalog-explains-each-message`
 * holds both together.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/log.h"

#define MESSAGES(X)                                                                                                    \
	X(MESSAGE_DAEMON_READY, "a4e25cdfa4af0a0563fa07b7f6719495", LOG_INFO, \
		"lifecycled is ready") \
	X(MESSAGE_DAEMON_LEAVING, "857e5095a7778bb8436067e2f4836bd2", LOG_INFO, \
		"lifecycled leaves") \
	X(MESSAGE_DEBTS_UNPAID, "4f6f39a6a19f58e47c1e6cb6a7a58d10", LOG_WARNING, \
		"lifecycled left before all Secure Partitions were told") \
	X(MESSAGE_DAEMON_STUCK, "4a57bbe20211001d0122342f61a4a17c", LOG_ERR, \
		"lifecycled does not move") \
	X(MESSAGE_LOG_FAILS, "c2eac40e010e86fb9e72d9b479a95913", LOG_ERR, \
		"The log of lifecycled cannot be written") \
	X(MESSAGE_LOG_WORKS, "78ceb79ef08162158ec4db4b486a8c0e", LOG_NOTICE, \
		"The log of lifecycled can be written again") \
	X(MESSAGE_LOG_LOST, "045e672ecae197192d2e8cbdb04a023c", LOG_WARNING, \
		"A part of the log of lifecycled is lost") \
	X(MESSAGE_BUS_GONE, "200916691ce1e671f5c3546e7702d390", LOG_WARNING, \
		"lifecycled has lost the bus") \
	X(MESSAGE_BUS_BACK, "f0c541bc133aeb41157eacd3b793dcfa", LOG_NOTICE, \
		"lifecycled is on the bus again") \
	X(MESSAGE_DEFINITION_READ, "0d31beede4bef1dabfb6c35cb663cd31", LOG_INFO, \
		"The definition of @VM_NAME@ was read from a file") \
	X(MESSAGE_DEFINITION_REFUSED, "9cfa0ccb6581a3c379270598a28bf45c", LOG_ERR, \
		"A definition could not be used") \
	X(MESSAGE_VM_DEFINED, "9360618ccb35326372a90cc3fe12b5de", LOG_INFO, \
		"@VM_NAME@ was defined") \
	X(MESSAGE_VM_GONE, "4936ea1fb583cd0c4d2607ac4ea2e43c", LOG_INFO, \
		"@VM_NAME@ is not defined any more") \
	X(MESSAGE_LIFE_BEGUN, "9c5cb49ce20e04d0ac571918df14d074", LOG_INFO, \
		"@VM_NAME@ begins life @VM_LIFE@") \
	X(MESSAGE_LIFE_RUNNING, "251216fe009a52189a0448e865217335", LOG_INFO, \
		"@VM_NAME@ runs") \
	X(MESSAGE_LIFE_PAUSED, "db8229cbdae438b164b75c67b1142fcf", LOG_INFO, \
		"@VM_NAME@ is paused") \
	X(MESSAGE_LIFE_RESUMED, "2c4f4a791ff83bab718b163a62a8b6b4", LOG_INFO, \
		"@VM_NAME@ goes on") \
	X(MESSAGE_LIFE_ENDED, "d093cc18f87ad180d0410b904075da17", LOG_INFO, \
		"@VM_NAME@ ended: @CAUSE@") \
	X(MESSAGE_LIFE_FAILED, "d8c4665fdbe3864e128da15e35ac8613", LOG_WARNING, \
		"@VM_NAME@ failed: @CAUSE@") \
	X(MESSAGE_LIFE_PRESERVED, "2ede0991fa0b28e65ea000d1d7ffd2ce", LOG_NOTICE, \
		"@VM_NAME@ is kept for a post-mortem") \
	X(MESSAGE_LIFE_SETTLED, "ffb038f51a51e4b1ba4bcc27ec14d6d7", LOG_INFO, \
		"@VM_NAME@ has settled life @VM_LIFE@") \
	X(MESSAGE_LIFE_MOVED, "069c504f72f2171d5ad1d03c660ccdf8", LOG_DEBUG, \
		"@VM_NAME@ goes on to @SUBSTATE@") \
	X(MESSAGE_LIFE_STUCK, "bb82eb4f050fec72d3432479f7d5d51e", LOG_WARNING, \
		"The end of @VM_NAME@ is stuck at the secure side") \
	X(MESSAGE_LIFE_FREED, "cfbf620c0552be49e45f30f346d96591", LOG_NOTICE, \
		"The end of @VM_NAME@ is stuck no more") \
	X(MESSAGE_OPERATION_BEGUN, "1730a92b6789a020d24ae0ac8f046b5f", LOG_INFO, \
		"@OPERATION@ of @VM_NAME@ is under way") \
	X(MESSAGE_OPERATION_OVER, "4156f195e104427c987c87fb9e0e5759", LOG_INFO, \
		"@OPERATION@ of @VM_NAME@ is over") \
	X(MESSAGE_OPERATION_FAILED, "0303a62b7db1c7108f3e29c908ba830c", LOG_WARNING, \
		"What was asked of @VM_NAME@ did not come about: @OUTCOME@") \
	X(MESSAGE_SP_KNOWS, "25cdaef376caf4e02b306ceb4a061274", LOG_INFO, \
		"A Secure Partition knows @VM_NAME@") \
	X(MESSAGE_SP_REJECTED, "36aeaf798f776c8b79ec344677f03d31", LOG_WARNING, \
		"A Secure Partition refuses @VM_NAME@") \
	X(MESSAGE_DEBT_SETTLED, "181e215a16f09371e6774024d2b2a34d", LOG_INFO, \
		"A Secure Partition knows the end of @VM_NAME@") \
	X(MESSAGE_DEBT_LAPSED, "ed3a8327c3a20dea2509b0a634af77b0", LOG_NOTICE, \
		"A Secure Partition need not hear of the end of @VM_NAME@ any more") \
	X(MESSAGE_DEBT_MOVED, "194b0b6afe19825e6488aba6b6e69495", LOG_DEBUG, \
		"A Secure Partition is being told of @VM_NAME@") \
	X(MESSAGE_REFUSED, "820f2c1c31e6c286370d226a8f5f3ec0", LOG_NOTICE, \
		"A request was refused") \
	X(MESSAGE_FORGOT, "7aa6878a94d85b4b81f7167c36583bda", LOG_WARNING, \
		"An operator forgot what a Secure Partition is owed") \
	X(MESSAGE_LEASE_OVER, "6d440d620c0aee0978a0926382837c51", LOG_WARNING, \
		"The lease of a client on @VM_NAME@ was ended") \
	X(MESSAGE_VMM_STARTED, "ab91cb25518f83016382bc8c5babd998", LOG_INFO, \
		"The VMM of @VM_NAME@ was started") \
	X(MESSAGE_VMM_LEFT, "6621a6f905afda349a11323228d14947", LOG_INFO, \
		"The VMM of @VM_NAME@ left") \
	X(MESSAGE_VMM_DIED, "e10f361a004edb9532e288ab99c1e2aa", LOG_NOTICE, \
		"The VMM of @VM_NAME@ is gone") \
	X(MESSAGE_VMM_FAILED, "b43786715c94313efafc649126717669", LOG_ERR, \
		"The VMM of @VM_NAME@ could not be started") \
	X(MESSAGE_VMM_BROKE_RULES, "c2bdb11d3f8d1f8d13dcb99cc4f61a00", LOG_ERR, \
		"The VMM of @VM_NAME@ broke the rules of its link") \
	X(MESSAGE_VMM_REFUSED, "b17aaa1970f5da25cd668dd0e54b4ecc", LOG_WARNING, \
		"A process that wanted to be a VMM was refused") \
	X(MESSAGE_VMM_STALE, "d17ebd841450ac420118dc0b88bb63db", LOG_WARNING, \
		"The VMM of @VM_NAME@ is of another version") \
	X(MESSAGE_VMM_UNREACHABLE, "f44deb2ba081adbce3ffcac6e6ca9a8e", LOG_WARNING, \
		"The VMM of @VM_NAME@ cannot be reached") \
	X(MESSAGE_SANDBOX_LACKS, "d155954b4b53351706fb05138966da92", LOG_WARNING, \
		"The sandbox of a VMM is incomplete") \
	X(MESSAGE_SP_MET, "2f3eb3db6ca6510611302cd4e905f843", LOG_INFO, \
		"A Secure Partition was met") \
	X(MESSAGE_SP_DEGRADED, "b562ec3f8aa660b7cff1baff7ba4b4d8", LOG_WARNING, \
		"A Secure Partition is degraded") \
	X(MESSAGE_SP_GONE, "40ce096fb3ee0400f2039ba1554d13aa", LOG_WARNING, \
		"A Secure Partition is gone") \
	X(MESSAGE_WORLD_MET, "2ff61c36d15230fe7bbef1ca4e63efa5", LOG_NOTICE, \
		"A secure world was met") \
	X(MESSAGE_SECURE_LINK_DOWN, "523fdb407ece88c8534b40d6d573f85d", LOG_WARNING, \
		"The secure side cannot be reached") \
	X(MESSAGE_SP_BROKE_RULES, "7684674a9fff64e01f13f270be251dd8", LOG_ERR, \
		"A Secure Partition answered outside the protocol") \
	X(MESSAGE_SP_TOO_MANY, "b401ee054171a3c39de1e43615cb292e", LOG_ERR, \
		"There are more Secure Partitions than the daemon can keep") \
	X(MESSAGE_POLKIT_ALLOWED, "8ab66969ef90473ea465e26647158044", LOG_INFO, \
		"A user was allowed to act")

#define MESSAGE_ENUM_ENTRY(symbol, id, priority, title) symbol,
enum message { MESSAGES(MESSAGE_ENUM_ENTRY) MESSAGE_COUNT };

#define LOG_FIELDS_BYTES 1024

/* Fields of one line, for the journal alone. One that has no room is left out as a whole. */
struct log_fields {
	char text[LOG_FIELDS_BYTES];
	size_t length;
};

/* The key is upper case. What would end the field, or is no text, becomes a blank. */
void log_field(struct log_fields *f, const char *key, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Of whom: VM_NAME and VM_LIFE; life 0: none is meant. Answers `f`. */
struct log_fields *log_life(struct log_fields *f, const char *name, uint64_t life);
#define OF_LIFE(name, life) log_life(&(struct log_fields){ .length = 0 }, (name), (life))

struct log_fields *log_sp(struct log_fields *f, uint16_t sp); /* SP_ID */
#define OF_SP(sp) log_sp(&(struct log_fields){ .length = 0 }, (sp))

/* `f`: NULL, if the text says all. */
void log_message(enum message kind, const struct log_fields *f, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
