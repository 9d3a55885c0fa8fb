/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Without libFuzzer: each seed as it is, then ever more changed.
 *
 *   fuzz-NAME [--runs N] [--seconds N] [--seed N] [FILE or DIRECTORY...]
 *
 * The same inputs for the same seed. One that ends the program is left in the working directory, as fuzz-NAME.found.
 */
#include "fuzz.h"

#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#define LOOK_EACH 1024 /* at the clock */

static uint8_t input[FUZZ_INPUT_MAX];
static size_t input_size;
static char found[256];

/* Its last act: signal-safe. */
static void keep(int signo)
{
	int fd = open(found, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ssize_t n = fd < 0 ? -1 : write(fd, input, input_size);

	signal(signo, SIG_DFL);
	if (n >= 0)
		n = write(STDERR_FILENO, found, strlen(found)) + write(STDERR_FILENO, "\n", 1);
	raise(signo);
}

static void watch(const char *program)
{
	static const int signals[] = { SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGALRM };
	const char *slash = strrchr(program, '/');

	(void)snprintf(found, sizeof(found), "%s.found", slash ? slash + 1 : program);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		signal(signals[i], keep);
}

static void one(void)
{
	uint8_t *exact = malloc(input_size ? input_size : 1); /* so that a sanitizer sees a read beyond it */

	PROMISE(exact);
	memcpy(exact, input, input_size);
	(void)LLVMFuzzerTestOneInput(exact, input_size);
	free(exact);
}

static uint64_t run(uint64_t runs, uint64_t seconds)
{
	time_t end = time(NULL) + (time_t)seconds;
	uint64_t i;

	for (i = 0; seconds || i < runs; i++) {
		if (i % LOOK_EACH == 0) {
			if (seconds && time(NULL) >= end)
				break;
			alarm(60); /* an input that takes so long is one that never ends */
		}
		input_size = fuzz_make(input, sizeof(input));
		one();
	}
	return i;
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "runs", required_argument, NULL, 'r' },
		{ "seconds", required_argument, NULL, 't' }, { "seed", required_argument, NULL, 's' }, { 0 } };
	uint64_t runs = 200000, seconds = 0, seed = 1;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		uint64_t *to = c == 'r' ? &runs : c == 't' ? &seconds : c == 's' ? &seed : NULL;

		if (!to)
			return 2;
		*to = strtoull(optarg, NULL, 10);
	}
	fuzz_begin();
	for (; optind < argc; optind++) {
		int e = fuzz_seed_files(argv[optind]);

		if (e < 0) {
			fprintf(stderr, "%s: %s\n", argv[optind], strerror(-e));
			return 2;
		}
	}
	PROMISE(fuzz_seed_count());
	watch(argv[0]);
	for (size_t i = 0; i < fuzz_seed_count(); i++) {
		input_size = fuzz_seed_get(i, input, sizeof(input));
		one();
	}
	fuzz_random_begin(seed);
	runs = run(runs, seconds);
	printf("%s: %zu seeds, %llu runs\n", argv[0], fuzz_seed_count(), (unsigned long long)runs);
	return 0;
}
