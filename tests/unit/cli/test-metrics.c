/* SPDX-License-Identifier: Apache-2.0 */

/* Metrics as text, in both formats; which one a request likes best; and requests that are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http.h"
#include "openmetrics.h"

/* A counter with a label that has everything that must be escaped, and an info. */
static char *text_of(enum metrics_format format)
{
	const char *const label[] = { "vm", "a\"b\\c\nd" };
	struct metrics_text t;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	metrics_begin(&t, format, out);
	metrics_family(&t, "x_seconds", "counter", "seconds", "A \"help\" with \\ and\na line.");
	metrics_sample(&t, "_total", 1.5, 1, label);
	metrics_family(&t, "y", "info", "", "Y.");
	metrics_sample(&t, "_info", 1, 0, NULL);
	metrics_family(&t, "z", "fuzzy", "", "Z.");
	metrics_sample(&t, "", 9007199254740991.0, 0, NULL);
	metrics_end(&t);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void openmetrics_has_units_and_an_end(void **unused)
{
	char *text = text_of(METRICS_OPENMETRICS);

	assert_string_equal(text,
		"# HELP x_seconds A \\\"help\\\" with \\\\ and\\na line.\n# TYPE x_seconds counter\n# UNIT x_seconds seconds\n"
		"x_seconds_total{vm=\"a\\\"b\\\\c\\nd\"} 1.5\n"
		"# HELP y Y.\n# TYPE y info\ny_info 1\n"
		"# HELP z Z.\n# TYPE z fuzzy\nz 9007199254740991\n"
		"# EOF\n");
	free(text);
}

static void the_older_format_calls_families_as_their_samples(void **unused)
{
	char *text = text_of(METRICS_PROMETHEUS);

	assert_string_equal(text,
		"# HELP x_seconds_total A \"help\" with \\\\ and\\na line.\n# TYPE x_seconds_total counter\n"
		"x_seconds_total{vm=\"a\\\"b\\\\c\\nd\"} 1.5\n"
		"# HELP y_info Y.\n# TYPE y_info gauge\ny_info 1\n"
		"# HELP z Z.\n# TYPE z untyped\nz 9007199254740991\n");
	free(text);
}

static void numbers_are_written_as_they_are_read(void **unused)
{
	static const struct {
		double value;
		const char *text;
	} numbers[] = {
		{ 0, "n 0\n" },
		{ -3, "n -3\n" },
		{ 0.1, "n 0.1\n" },
		{ 1764171234.567891, "n 1764171234.56789\n" },
		{ 1e300, "n 1e+300\n" },
		{ NAN, "n NaN\n" },
		{ INFINITY, "n +Inf\n" },
		{ -INFINITY, "n -Inf\n" },
	};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		char text[64] = "";
		FILE *out = fmemopen(text, sizeof(text), "w");
		struct metrics_text t;

		metrics_begin(&t, METRICS_PROMETHEUS, out);
		t.name = "n";
		metrics_sample(&t, "", numbers[i].value, 0, NULL);
		assert_int_equal(fclose(out), 0);
		assert_string_equal(text, numbers[i].text);
	}
}

static void the_format_is_the_one_that_is_liked_best(void **unused)
{
	static const struct {
		const char *accept;
		enum metrics_format format;
	} asked[] = {
		{ NULL, METRICS_PROMETHEUS },
		{ "", METRICS_PROMETHEUS },
		{ "*/*", METRICS_PROMETHEUS },
		{ "text/html", METRICS_PROMETHEUS },
		{ "application/openmetrics-text", METRICS_OPENMETRICS },
		{ "Application/OpenMetrics-Text; Version=1.0.0 ; charset=utf-8", METRICS_OPENMETRICS },
		/* Prometheus 2.42 */
		{ "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
		  "text/plain;version=0.0.4;q=0.5,*/*;q=0.1", METRICS_OPENMETRICS },
		{ "text/plain, application/openmetrics-text", METRICS_OPENMETRICS },
		{ "text/plain, application/openmetrics-text;q=0.5", METRICS_PROMETHEUS },
		{ "application/openmetrics-text;q=0", METRICS_PROMETHEUS },
		{ "application/openmetrics-text;q=nonsense", METRICS_PROMETHEUS },
		{ "application/openmetrics-text;version=2.0.0", METRICS_PROMETHEUS },
		{ "application/openmetrics-text;version=2.0.0, application/openmetrics-text;version=1.0.0;q=0.1",
		  METRICS_OPENMETRICS },
		{ ",;,=,;q=", METRICS_PROMETHEUS },
	};

	for (size_t i = 0; i < sizeof(asked) / sizeof(*asked); i++)
		if (metrics_accepted(asked[i].accept) != asked[i].format)
			fail_msg("%s", asked[i].accept);
}

static int read_request(const char *text, size_t size, struct http_request *ret)
{
	size_t piece = 7 + size / 64;
	int fd[2], status;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	for (size_t i = 0; i < size; i += piece)
		assert_true(send(fd[0], text + i, size - i < piece ? size - i : piece, MSG_NOSIGNAL) > 0);
	assert_int_equal(shutdown(fd[0], SHUT_WR), 0);
	status = http_read(fd[1], ret);
	close(fd[0]);
	close(fd[1]);
	return status;
}

static void a_request_is_read(void **unused)
{
	static const char text[] = "GET /metrics?name=x HTTP/1.1\r\nHost: h\r\naccept: text/plain\r\nACCEPT:*/*\r\n\r\nrest";
	struct http_request r;

	assert_int_equal(read_request(text, sizeof(text) - 1, &r), 0);
	assert_string_equal(r.method, "GET");
	assert_string_equal(r.path, "/metrics");
	assert_string_equal(r.accept, " text/plain,*/*");
}

static void what_is_no_request_has_its_status(void **unused)
{
	static const struct {
		const char *text;
		int status;
	} bad[] = {
		{ "", 400 },
		{ "\r\n\r\n", 400 },
		{ "GET\r\n\r\n", 400 },
		{ "GET /\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\n", 400 }, /* it is not whole */
		{ "GET / SPDY/1.1\r\n\r\n", 400 },
		{ "GET metrics HTTP/1.1\r\n\r\n", 400 },
		{ "GET  /metrics HTTP/1.1\r\n\r\n", 400 },
		{ "AMETHODTHATISMUCHTOOLONG / HTTP/1.1\r\n\r\n", 400 },
		{ "GET / HTTP/2.0\r\n\r\n", 505 },
	};
	struct http_request r;
	char *many;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (read_request(bad[i].text, strlen(bad[i].text), &r) != bad[i].status)
			fail_msg("%s", bad[i].text);
	assert_int_equal(read_request("GET / HT\0P/1.1\r\n\r\n", 18, &r), 400);
	many = malloc(2 * HTTP_HEAD_MAX);
	memset(many, 'a', 2 * HTTP_HEAD_MAX);
	memcpy(many, "GET / HTTP/1.1\r\nX: ", 19);
	assert_int_equal(read_request(many, 2 * HTTP_HEAD_MAX, &r), 431);
	free(many);
}

static void more_accepts_than_there_is_room_for_do_no_harm(void **unused)
{
	static char text[HTTP_HEAD_MAX] = "GET / HTTP/1.1\r\n";
	struct http_request r;

	for (int i = 0; i < 300; i++)
		strcat(text, "Accept: text/plain\r\n");
	strcat(text, "\r\n");
	assert_int_equal(read_request(text, strlen(text), &r), 0);
	assert_true(strlen(r.accept) < sizeof(r.accept));
	assert_int_equal(metrics_accepted(r.accept), METRICS_PROMETHEUS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(openmetrics_has_units_and_an_end),
		cmocka_unit_test(the_older_format_calls_families_as_their_samples),
		cmocka_unit_test(numbers_are_written_as_they_are_read),
		cmocka_unit_test(the_format_is_the_one_that_is_liked_best),
		cmocka_unit_test(a_request_is_read),
		cmocka_unit_test(what_is_no_request_has_its_status),
		cmocka_unit_test(more_accepts_than_there_is_room_for_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
