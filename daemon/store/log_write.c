/* SPDX-License-Identifier: Apache-2.0 */
#include "store/log_write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "store/log_owner.h"

static int write_at(int fd, const char *data, size_t length, uint64_t at)
{
	while (length) {
		ssize_t n = pwrite(fd, data, length, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		data += n;
		at += (uint64_t)n;
		length -= (size_t)n;
	}
	return 0;
}

/* Into a file that is new. */
int log_write_all(int fd, const char *data, size_t length)
{
	return write_at(fd, data, length, 0);
}

int log_sync_directory(const struct log_file *f)
{
	return f->volatile_place || fsync(f->directory) == 0 ? 0 : -errno;
}

static int sync_file(const struct log_file *f, int fd)
{
	return f->volatile_place || fdatasync(fd) == 0 ? 0 : -errno;
}

static int sync_names(struct log_file *f)
{
	int e = log_sync_directory(f);

	f->unsynced = e < 0;
	return e;
}

/*
 * Cuts off what a failed write left. Until that works nothing may be appended: it would stand before the rest of another
 * line. After a failed sync it is more than tidiness: the kernel may take the pages for written, so they are written again.
 */
static int cut_back(struct log_file *f)
{
	if (ftruncate(f->log, (off_t)f->size) < 0)
		return -errno;
	f->ragged = false;
	return 0;
}

static int append(struct log_file *f, const char *data, size_t length)
{
	int e = f->ragged ? cut_back(f) : 0;

	if (e == 0 && f->unsynced)
		e = sync_names(f);
	if (e < 0)
		return e;
	e = write_at(f->log, data, length, f->size);
	if (e == 0)
		e = sync_file(f, f->log);
	if (e < 0) {
		f->ragged = true;
		(void)cut_back(f);
		return e;
	}
	f->size += length;
	return 0;
}

static int write_new(struct log_file *f, const struct buffer *text, int *ret_fd)
{
	_cleanup_(close_fdp) int fd = owner_make(f->directory, "log.new", O_RDWR);
	int e;

	if (fd < 0)
		return fd;
	e = log_write_all(fd, text->data, text->length);
	if (e == 0)
		e = sync_file(f, fd);
	if (e < 0) {
		(void)unlinkat(f->directory, "log.new", 0);
		return e;
	}
	*ret_fd = take_fd(&fd);
	return 0;
}

/*
 * Each step leaves a directory that loads to the same state: with log.new beside a whole log it is unread;
 * with `log` gone the load takes log.1, which is that log; after the second rename the snapshot and log.1
 * fit. An empty log is replaced at once: it is not worth losing log.1.
 */
static int rotate(struct log_file *f)
{
	bool keep = f->size > 0;
	int e;

	if (keep && renameat(f->directory, "log", f->directory, "log.1") < 0)
		return -errno;
	if (renameat(f->directory, "log.new", f->directory, "log") < 0) {
		e = -errno;
		if (keep && renameat(f->directory, "log.1", f->directory, "log") < 0)
			log_error("the log stays under the name log.1 until the next start: %s",
				strerror(errno));
		return e;
	}
	return 0;
}

static int begin_anew(struct log_file *f, const struct buffer *text, bool *ret_began)
{
	_cleanup_(close_fdp) int fd = -1;
	int e = f->ragged ? cut_back(f) : 0; /* it becomes log.1 and must be whole */

	if (e == 0)
		e = write_new(f, text, &fd);
	if (e == 0)
		e = rotate(f);
	if (e < 0)
		return e;
	close(f->log);
	f->log = take_fd(&fd);
	f->size = text->length;
	*ret_began = true;
	return sync_names(f);
}

void log_run(struct log_file *f, struct log_job *job)
{
	job->began_anew = false;
	job->error = job->snapshot ? begin_anew(f, &job->text, &job->began_anew)
				   : append(f, job->text.data, job->text.length);
	job->size = f->size;
}
