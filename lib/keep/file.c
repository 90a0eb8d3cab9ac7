/* SPDX-License-Identifier: BSD-3-Clause */

#include "keep/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/file.h"
#include "base/log.h"
#include "keep/frame.h"
#include "keep/load.h"

struct sl_keep {
	char *path;
	int fd;	       /* locked */
	off_t size;    /* octets of records */
	off_t room;    /* and of zeros behind them, which records are written over */
	uint64_t last; /* generation of the last record in the file */
	bool stale;    /* the file lacks something: to be replaced as a whole */
	bool made;     /* by this start, and it stands not yet */
	char aside_word
		[SL_LOADED_WORD_SIZE]; /* what is at the path gets this name when it is replaced; "": none */
	char *aside;		       /* that name, until the start stands */
	struct timespec written;
	struct sl_pack rest;
};

/* ---- names ----------------------------------------------------------------------------------- */

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Gives the file at the path a second name, so that nothing of it is lost; its only name, where files
 * have one. Returns that name, NULL on failure. */
static char *set_aside(const char *path, const char *word)
{
	char stamp[32] = "", aside[PATH_MAX];
	time_t now = time(NULL);
	struct tm parts;
	int length, rc = -1;

	if (gmtime_r(&now, &parts))
		(void)strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &parts);
	for (int i = 0; i < 100 && rc != 0; i++) {
		length = snprintf(aside, sizeof(aside), i ? "%s.%s-%s-%d" : "%s.%s-%s", path, word,
				  stamp, i);
		if (length >= (int)sizeof(aside))
			return NULL;
		rc = link(path, aside);
		if (rc && errno != EEXIST)
			break;
	}
	if (rc && errno != EEXIST)
		rc = rename(path, aside);
	return rc ? NULL : strdup(aside);
}

/* The file has the name it had, and that alone; a stranger's that got it meanwhile stays. */
static void take_back(const char *path, const char *aside)
{
	struct stat there, second;

	if (lstat(path, &there) && errno == ENOENT)
		(void)rename(aside, path);
	else if (lstat(aside, &second) == 0 && same_file(&there, &second))
		(void)unlink(aside);
}

/* A link stays one: what is replaced is the file that it leads to. A link that another user made is
 * not followed. */
static char *file_of(const char *path)
{
	struct stat at;
	char *file = NULL;

	if (lstat(path, &at) == 0 && S_ISLNK(at.st_mode) &&
	    (at.st_uid == geteuid() || at.st_uid == 0))
		file = realpath(path, NULL);
	return file ? file : strdup(path);
}

/* ---- opening --------------------------------------------------------------------------------- */

static int fail(struct sl_err *err, int rc, const char *path, const char *remedy)
{
	return sl_err_set(err, rc, "control.state %s: %s%s", path, strerror(-rc), remedy);
}

/* The file at the path, or a new one, in a new folder where that is missing. */
static int open_or_make(struct sl_keep *keep)
{
	const int flags = O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW;
	int fd = open(keep->path, flags);

	if (fd >= 0 || errno != ENOENT)
		return fd < 0 ? -errno : fd;
	fd = open(keep->path, flags | O_CREAT | O_EXCL, 0600);
	if (fd < 0 && errno == ENOENT) {
		int rc = sl_file_make_folder(keep->path);

		if (rc)
			return rc;
		fd = open(keep->path, flags | O_CREAT | O_EXCL, 0600);
	}
	keep->made = fd >= 0;
	return fd < 0 ? -errno : fd;
}

/* Opens and locks. Another daemon that starts may make, or replace, the file meanwhile. */
static int open_locked(struct sl_keep *keep, struct sl_err *err)
{
	struct stat own, there;
	int rc;

	for (int tries = 0; tries < 100; tries++) {
		keep->fd = open_or_make(keep);
		if (keep->fd == -EEXIST)
			continue;
		if (keep->fd == -ELOOP)
			return fail(err, -ELOOP, keep->path,
				    ": a link of another user, or to nowhere; name a file");
		if (keep->fd < 0)
			return fail(err, keep->fd, keep->path, "; name a file that can be written");
		if (fstat(keep->fd, &own) || !S_ISREG(own.st_mode))
			return sl_err_set(err, -ENOTSUP,
					  "control.state %s: is no regular file; name another file",
					  keep->path);
		if (flock(keep->fd, LOCK_EX | LOCK_NB))
			break;
		if (stat(keep->path, &there) == 0 && same_file(&own, &there)) {
			if (keep->made &&
			    (rc = sl_file_write(keep->fd, SL_STATE_HEAD, SL_STATE_HEAD_SIZE, 0)))
				sl_log(SL_LOG_WARNING, "control.state %s: %s", keep->path,
				       strerror(-rc));
			return 0;
		}
		keep->made = false;
		(void)close(keep->fd);
		keep->fd = -1;
	}
	keep->made = false;
	return sl_err_set(err, -EBUSY,
			  "control.state %s: another daemon keeps its state there; give each its "
			  "own file",
			  keep->path);
}

static struct sl_keep *keep_new(const char *path, struct sl_err *err)
{
	struct sl_keep *keep = calloc(1, sizeof(*keep));

	if (keep)
		keep->path = file_of(path);
	if (!keep || !keep->path) {
		free(keep);
		(void)sl_err_set(err, -ENOMEM, "no memory for control.state %s", path);
		return NULL;
	}
	keep->fd = -1;
	(void)signal(SIGXFSZ, SIG_IGN); /* a limit on files is an error of write(), no end */
	return keep;
}

void sl_keep_stand(struct sl_keep *keep)
{
	if (!keep)
		return;
	free(keep->aside);
	keep->aside = NULL;
	keep->made = false;
}

void sl_keep_destroy(struct sl_keep *keep)
{
	if (!keep)
		return;
	if (keep->made)
		(void)unlink(keep->path);
	else if (keep->aside)
		(void)rename(keep->aside, keep->path);
	if (keep->fd >= 0)
		(void)close(keep->fd);
	sl_pack_fini(&keep->rest);
	free(keep->aside);
	free(keep->path);
	free(keep);
}

const struct sl_pack *sl_keep_rest(const struct sl_keep *keep)
{
	return keep->rest.size > 0 ? &keep->rest : NULL;
}

const char *sl_keep_path(const struct sl_keep *keep)
{
	return keep->path;
}

/* ---- reading --------------------------------------------------------------------------------- */

static uint64_t last_generation(const struct sl_history *history)
{
	uint32_t count = sl_history_count(history);

	return count ? sl_history_record(history, count - 1)->generation : 0;
}

int sl_keep_create(const char *path, struct sl_history *history, struct sl_keep **out,
		   struct sl_keep_found *found, struct sl_err *err)
{
	struct sl_keep *keep = keep_new(path, err);
	struct sl_loaded loaded = {0};
	int rc;

	*found = (struct sl_keep_found){0};
	if (!keep)
		return -ENOMEM;
	rc = open_locked(keep, err);
	if (rc == 0 && !keep->made) {
		rc = sl_load(keep->fd, history, &keep->rest, &loaded);
		if (rc)
			(void)fail(err, rc, keep->path, "");
	}
	if (rc) {
		sl_keep_destroy(keep);
		return rc;
	}
	found->state = loaded.state;
	found->past = loaded.past;
	keep->last = last_generation(history);
	if (!keep->made)
		keep->stale = sl_load_say(&loaded, keep->path, found->note, keep->aside_word);
	*out = keep;
	return 0;
}

int sl_keep_begin(const char *path, const struct sl_history *history, struct sl_keep **out,
		  struct sl_err *err)
{
	struct sl_keep *keep = keep_new(path, err);
	int rc;

	if (!keep)
		return -ENOMEM;
	rc = open_locked(keep, err);
	if (rc == 0 && !keep->made && lseek(keep->fd, 0, SEEK_END) > 0)
		(void)snprintf(keep->aside_word, sizeof(keep->aside_word), "before");
	if (rc == 0)
		rc = sl_keep_rewrite(keep, history, NULL, err);
	if (rc) {
		sl_keep_destroy(keep);
		return rc;
	}
	sl_keep_stand(keep);
	*out = keep;
	return 0;
}

/* ---- writing --------------------------------------------------------------------------------- */

static void note_written(struct sl_keep *keep)
{
	struct stat status;

	if (fstat(keep->fd, &status) == 0)
		keep->written = status.st_mtim;
}

static int write_whole(int fd, const struct sl_history *history, const struct sl_pack *rest,
		       off_t *end)
{
	struct sl_frame_writer writer;
	int rc;

	sl_frame_writer_init(&writer, fd, 0);
	sl_frame_put(&writer, SL_STATE_HEAD, SL_STATE_HEAD_SIZE);
	for (uint32_t i = 0; i < sl_history_count(history); i++)
		sl_frame_add(&writer, SL_STATE_HISTORY, sl_history_record(history, i)->data,
			     sl_history_record(history, i)->size);
	if (rest)
		sl_frame_add(&writer, SL_STATE_REST, rest->data, rest->size);
	*end = sl_frame_place(&writer);
	sl_frame_zeros(&writer);
	rc = sl_frame_flush(&writer);
	sl_frame_writer_fini(&writer);
	return rc == 0 && fsync(fd) ? -errno : rc;
}

/* Looks at what is at the path: true if it is a file that we did not write. -EBUSY when another
 * daemon has it. */
static int look_at_other(const struct sl_keep *keep)
{
	struct stat own, there;
	int fd, rc = 0;

	if (lstat(keep->path, &there) || fstat(keep->fd, &own) || same_file(&own, &there))
		return 0;
	if (!S_ISREG(there.st_mode))
		return -EEXIST;
	fd = open(keep->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB))
		rc = -EBUSY;
	if (fd >= 0)
		(void)close(fd);
	return rc ? rc : 1;
}

/* The temporary file takes the place of the one at the path. */
static int put_in_place(struct sl_keep *keep, const char *temporary)
{
	int other = look_at_other(keep);
	const char *word = other > 0 ? "before" : keep->aside_word;
	char *aside = NULL;

	if (other < 0)
		return other;
	if (word[0]) {
		aside = set_aside(keep->path, word);
		sl_log(SL_LOG_WARNING, "control.state %s: the file that was there is %s",
		       keep->path, aside ? aside : "lost: it cannot be given another name");
	}
	if (rename(temporary, keep->path)) {
		int rc = -errno;

		if (aside)
			take_back(keep->path, aside);
		free(aside);
		return rc;
	}
	if (aside && !keep->aside && !other)
		keep->aside = aside;
	else
		free(aside);
	keep->aside_word[0] = '\0';
	return 0;
}

static int replace(struct sl_keep *keep, const struct sl_history *history,
		   const struct sl_pack *rest)
{
	char temporary[PATH_MAX];
	off_t end = 0;
	int fd, rc;

	if (snprintf(temporary, sizeof(temporary), "%s.new", keep->path) >= (int)sizeof(temporary))
		return -ENAMETOOLONG;
	fd = sl_file_create(temporary);
	if (fd == -ENOENT && (rc = sl_file_make_folder(temporary)) == 0)
		fd = sl_file_create(temporary);
	if (fd < 0)
		return fd;
	rc = flock(fd, LOCK_EX | LOCK_NB) ? -errno : write_whole(fd, history, rest, &end);
	if (rc == 0)
		rc = put_in_place(keep, temporary);
	if (rc) {
		(void)close(fd);
		(void)unlink(temporary);
		return rc;
	}
	(void)close(keep->fd);
	keep->fd = fd;
	keep->size = end;
	keep->room = end + (off_t)SL_FRAME_ZEROS;
	note_written(keep);
	return sl_file_sync_folder(keep->path);
}

static const char *remedy_of(int rc)
{
	switch (rc) {
	case -EBUSY:
		return "; another daemon keeps its state there now: give each its own file";
	case -EEXIST:
	case -EISDIR:
		return "; something that is no file of ours is in the way: remove it";
	default:
		return "";
	}
}

int sl_keep_rewrite(struct sl_keep *keep, const struct sl_history *history,
		    const struct sl_pack *rest, struct sl_err *err)
{
	int rc = replace(keep, history, rest);

	keep->stale = rc != 0;
	if (rc)
		return fail(err, rc, keep->path, remedy_of(rc));
	keep->last = last_generation(history);
	return 0;
}

/* Appends the records after keep->last. */
static int append_new(struct sl_keep *keep, const struct sl_history *history)
{
	uint32_t count = sl_history_count(history), first = count;
	struct sl_frame_writer writer;
	off_t end;
	int rc;

	while (first > 0 && sl_history_record(history, first - 1)->generation > keep->last)
		first--;
	sl_frame_writer_init(&writer, keep->fd, keep->size);
	for (uint32_t i = first; i < count; i++)
		sl_frame_add(&writer, SL_STATE_HISTORY, sl_history_record(history, i)->data,
			     sl_history_record(history, i)->size);
	end = sl_frame_place(&writer);
	if (end > keep->room)
		sl_frame_zeros(&writer);
	rc = sl_frame_flush(&writer);
	if (rc == 0 && fdatasync(keep->fd))
		rc = -errno;
	if (rc == 0) {
		keep->room = SL_MAX(keep->room, sl_frame_place(&writer));
		keep->size = end;
		keep->last = last_generation(history);
		note_written(keep);
	}
	sl_frame_writer_fini(&writer);
	return rc;
}

/* True if the file at the path is the one that was written last, as it was left. */
static bool is_ours(const struct sl_keep *keep)
{
	struct stat own, there;

	return stat(keep->path, &there) == 0 && fstat(keep->fd, &own) == 0 &&
	       same_file(&own, &there) && own.st_size == keep->room &&
	       own.st_mtim.tv_sec == keep->written.tv_sec &&
	       own.st_mtim.tv_nsec == keep->written.tv_nsec;
}

int sl_keep_sync(struct sl_keep *keep, struct sl_history *history, struct sl_err *err)
{
	bool folded = sl_history_fold(history);
	uint32_t count = sl_history_count(history);
	int rc;

	if (!folded && !keep->stale && (count == 0 || last_generation(history) == keep->last))
		return 0;
	if (folded || keep->stale)
		return sl_keep_rewrite(keep, history, NULL, err);
	if (!is_ours(keep)) {
		rc = sl_keep_rewrite(keep, history, NULL, err);
		if (rc == 0)
			sl_log(SL_LOG_WARNING,
			       "control.state %s: somebody removed or changed the file: written "
			       "anew",
			       keep->path);
		return rc;
	}
	rc = append_new(keep, history);
	if (rc) {
		keep->stale = true;
		return fail(err, rc, keep->path, "");
	}
	return 0;
}
