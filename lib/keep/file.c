/* SPDX-License-Identifier: BSD-3-Clause */

#include "keep/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <nmmintrin.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"

#define RECORD_HEAD_SIZE 8	      /* length and CRC-32C, little-endian */
#define PADDING_SIZE	 (256u << 10) /* writing over octets that are there needs no new blocks */
#define FILE_SIZE_MAX	 (4ll << 30)  /* what a state file never reaches */

static const char head_line[] = "sluice state 1\n";
#define HEAD_SIZE (sizeof(head_line) - 1)

enum tail_kind { TAIL_HISTORY = 0, TAIL_REST = 1 }; /* first octet of a record */

struct sl_keep {
	char *path;
	int fd;	       /* locked; -1 before the first file */
	off_t size;    /* octets of records */
	off_t room;    /* and of zeros behind them, which records are written over */
	uint64_t last; /* generation of the last record in the file */
	bool stale;    /* the file lacks something: to be replaced as a whole */
	struct sl_pack rest;
};

static uint32_t crc32c(const uint8_t *octets, size_t size)
{
	uint64_t crc = 0xffffffffu;

	for (; size >= 8; size -= 8, octets += 8)
		crc = _mm_crc32_u64(crc, sl_load64(octets));
	for (; size > 0; size--, octets++)
		crc = _mm_crc32_u8((uint32_t)crc, *octets);
	return (uint32_t)crc ^ 0xffffffffu;
}

/* ---- files --------------------------------------------------------------------------------------
 */

static int write_all(int fd, const uint8_t *octets, size_t size, off_t at)
{
	while (size > 0) {
		ssize_t written = pwrite(fd, octets, size, at);

		if (written < 0 && errno != EINTR)
			return -errno;
		octets += written > 0 ? written : 0;
		at += written > 0 ? written : 0;
		size -= written > 0 ? (size_t)written : 0;
	}
	return 0;
}

/* Zeros behind the records. */
static void add_padding(struct sl_pack *octets)
{
	uint8_t *at = sl_pack_reserve(octets, PADDING_SIZE);

	if (!at)
		return;
	memset(at, 0, PADDING_SIZE);
	octets->size += PADDING_SIZE;
}

static int sync_folder(const char *path)
{
	char copy[PATH_MAX];
	int fd, rc;

	(void)snprintf(copy, sizeof(copy), "%s", path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	rc = fsync(fd) ? -errno : 0;
	(void)close(fd);
	return rc;
}

static int read_all(int fd, uint8_t **octets, size_t *size)
{
	struct stat status;
	size_t got = 0;

	if (fstat(fd, &status))
		return -errno;
	if (!S_ISREG(status.st_mode) || status.st_size > FILE_SIZE_MAX)
		return -EINVAL;
	*octets = malloc((size_t)status.st_size + 1);
	if (!*octets)
		return -ENOMEM;
	while (got < (size_t)status.st_size) {
		ssize_t more = pread(fd, *octets + got, (size_t)status.st_size - got, (off_t)got);

		if (more < 0 && errno == EINTR)
			continue;
		if (more <= 0)
			break;
		got += (size_t)more;
	}
	*size = got;
	return 0;
}

/* ---- records ------------------------------------------------------------------------------------
 */

static void add_record(struct sl_pack *out, enum tail_kind kind, const uint8_t *data, size_t size)
{
	uint8_t *at = sl_pack_reserve(out, RECORD_HEAD_SIZE + 1 + size);

	if (!at)
		return;
	at[RECORD_HEAD_SIZE] = (uint8_t)kind;
	memcpy(at + RECORD_HEAD_SIZE + 1, data, size);
	sl_store32(at, (uint32_t)size + 1);
	sl_store32(at + 4, crc32c(at + RECORD_HEAD_SIZE, size + 1));
	out->size += RECORD_HEAD_SIZE + 1 + size;
}

/* What ends the records: nothing, a record cut short, or octets that never were one. */
enum verdict { RECORDS_WHOLE = 0, RECORDS_CUT = 1, RECORDS_DAMAGED = 2 };

static bool all_zero(const uint8_t *octets, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (octets[i])
			return false;
	return true;
}

static int take_record(struct sl_keep *keep, struct sl_history *history, const uint8_t *data,
		       size_t size)
{
	if (size == 0 || keep->rest.size > 0)
		return -EINVAL;
	if (data[0] == TAIL_HISTORY)
		return sl_history_take(history, data + 1, size - 1);
	if (data[0] != TAIL_REST || sl_history_count(history) == 0 || size == 1)
		return -EINVAL;
	if (!sl_pack_reserve(&keep->rest, size - 1))
		return -ENOMEM;
	memcpy(keep->rest.data, data + 1, size - 1);
	keep->rest.size = size - 1;
	return 0;
}

/* keep->size is where the last good record ends. */
static enum verdict take_records(struct sl_keep *keep, struct sl_history *history,
				 const uint8_t *octets, size_t size)
{
	size_t at = HEAD_SIZE;

	if (size < HEAD_SIZE || memcmp(octets, head_line, HEAD_SIZE) != 0)
		return RECORDS_DAMAGED;
	while (at < size && !all_zero(octets + at, size - at)) {
		uint32_t length = size - at >= RECORD_HEAD_SIZE ? sl_load32(octets + at) : 0;
		const uint8_t *data = octets + at + RECORD_HEAD_SIZE;
		bool whole = length > 0 && length <= size - at - RECORD_HEAD_SIZE;
		bool last =
			!whole || all_zero(data + length, size - at - RECORD_HEAD_SIZE - length);

		keep->size = (off_t)at;
		if (!whole || crc32c(data, length) != sl_load32(octets + at + 4))
			return last && sl_history_count(history) ? RECORDS_CUT : RECORDS_DAMAGED;
		if (take_record(keep, history, data, length))
			return RECORDS_DAMAGED;
		at += RECORD_HEAD_SIZE + length;
	}
	keep->size = (off_t)at;
	return sl_history_count(history) ? RECORDS_WHOLE : RECORDS_DAMAGED;
}

/* ---- opening ------------------------------------------------------------------------------------
 */

/* Moves the file aside, or (copy) gives it a second name, so that nothing of it is lost. */
static void set_aside(const char *path, const char *word, bool copy, char *aside, size_t size)
{
	char stamp[32];
	time_t now = time(NULL);
	struct tm parts;

	if (!gmtime_r(&now, &parts) ||
	    strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &parts) == 0)
		stamp[0] = '\0';
	(void)snprintf(aside, size, "%s.%s-%s", path, word, stamp);
	for (int i = 1; i < 100 && access(aside, F_OK) == 0; i++)
		(void)snprintf(aside, size, "%s.%s-%s-%d", path, word, stamp, i);
	if (copy ? link(path, aside) : rename(path, aside))
		(void)snprintf(aside, size, "(nowhere: %s)", strerror(errno));
}

/* Whether history is of use. */
static bool judge(struct sl_keep *keep, struct sl_history *history, enum verdict verdict,
		  char *note)
{
	char aside[PATH_MAX];
	struct sl_past past;
	struct sl_err err = {0};

	if (verdict != RECORDS_DAMAGED) {
		/* Octets may be whole and yet make no sense to this version. */
		const struct sl_history_record *record =
			sl_history_record(history, sl_history_count(history) - 1);

		if (sl_history_state(history, record->generation, &past, &err))
			verdict = RECORDS_DAMAGED;
		else
			sl_past_fini(&past);
	}
	if (verdict == RECORDS_WHOLE)
		return true;
	set_aside(keep->path, "damaged", verdict == RECORDS_CUT, aside, sizeof(aside));
	keep->stale = true;
	if (verdict == RECORDS_CUT) {
		(void)snprintf(note, SL_KEEP_NOTE_SIZE,
			       "control.state %.120s: its last record is cut short and is dropped "
			       "(a change that was never answered); the file as it was is %.180s",
			       keep->path, aside);
		return true;
	}
	(void)snprintf(note, SL_KEEP_NOTE_SIZE,
		       "control.state %.120s: damaged, or no state of sluice: set aside as %.180s; "
		       "starting from the configuration",
		       keep->path, aside);
	sl_pack_fini(&keep->rest);
	return false;
}

static int open_locked(const char *path, struct sl_err *err)
{
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	struct stat status;

	if (fd < 0 && errno == ENOENT)
		return -ENOENT;
	if (fd < 0)
		return sl_err_set(err, -errno,
				  "control.state %s: %s; name a file that can be written", path,
				  strerror(errno));
	if (fstat(fd, &status) || !S_ISREG(status.st_mode)) {
		(void)close(fd);
		return sl_err_set(err, -ENOTSUP,
				  "control.state %s: is no regular file; name another file", path);
	}
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		(void)close(fd);
		return sl_err_set(err, -EBUSY,
				  "control.state %s: another daemon keeps its state there; give "
				  "each its own file",
				  path);
	}
	return fd;
}

static int load(struct sl_keep *keep, struct sl_history *history, bool *found, char *note,
		struct sl_err *err)
{
	enum verdict verdict;
	uint8_t *octets = NULL;
	size_t size = 0;
	int rc;

	keep->fd = open_locked(keep->path, err);
	if (keep->fd < 0)
		return keep->fd == -ENOENT ? 0 : keep->fd;
	rc = read_all(keep->fd, &octets, &size);
	if (rc)
		return sl_err_set(err, rc, "control.state %s: %s", keep->path, strerror(-rc));
	verdict = size == 0 ? RECORDS_DAMAGED : take_records(keep, history, octets, size);
	free(octets);
	*found = judge(keep, history, verdict, note);
	return 0;
}

/* A link stays one: what is replaced is the file that it leads to. */
static char *file_of(const char *path)
{
	struct stat at;
	bool is_link = lstat(path, &at) == 0 && S_ISLNK(at.st_mode);
	char *file = is_link ? realpath(path, NULL) : NULL;

	return file ? file : strdup(path);
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

int sl_keep_create(const char *path, struct sl_history *history, struct sl_keep **out, bool *found,
		   char note[SL_KEEP_NOTE_SIZE], struct sl_err *err)
{
	struct sl_keep *keep = keep_new(path, err);
	int rc;

	note[0] = '\0';
	*found = false;
	if (!keep)
		return -ENOMEM;
	rc = load(keep, history, found, note, err);
	if (rc) {
		sl_keep_destroy(keep);
		return rc;
	}
	if (*found)
		keep->last = sl_history_record(history, sl_history_count(history) - 1)->generation;
	*out = keep;
	return 0;
}

int sl_keep_begin(const char *path, const struct sl_history *history, struct sl_keep **out,
		  struct sl_err *err)
{
	struct sl_keep *keep = keep_new(path, err);
	char aside[PATH_MAX] = "";
	int rc;

	if (!keep)
		return -ENOMEM;
	keep->fd = open_locked(keep->path, err);
	rc = keep->fd < 0 && keep->fd != -ENOENT ? keep->fd : 0;
	if (rc == 0 && keep->fd >= 0 && lseek(keep->fd, 0, SEEK_END) > 0)
		set_aside(keep->path, "before", true, aside, sizeof(aside));
	if (rc == 0)
		rc = sl_keep_rewrite(keep, history, NULL, err);
	if (rc == 0) {
		*out = keep;
		return 0;
	}
	if (aside[0] && aside[0] != '(')
		(void)unlink(aside);
	sl_keep_destroy(keep);
	return rc;
}

void sl_keep_destroy(struct sl_keep *keep)
{
	if (!keep)
		return;
	if (keep->fd >= 0)
		(void)close(keep->fd);
	sl_pack_fini(&keep->rest);
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

/* ---- writing ------------------------------------------------------------------------------------
 */

static int write_temporary(const char *path, const struct sl_pack *octets, int *out)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int rc;

	if (fd < 0)
		return -errno;
	rc = flock(fd, LOCK_EX | LOCK_NB) ? -errno : 0;
	if (rc == 0)
		rc = write_all(fd, octets->data, octets->size, 0);
	if (rc == 0 && fsync(fd))
		rc = -errno;
	if (rc) {
		(void)close(fd);
		(void)unlink(path);
		return rc;
	}
	*out = fd;
	return 0;
}

static int replace(struct sl_keep *keep, const struct sl_pack *octets)
{
	char temporary[PATH_MAX];
	int fd = -1, rc;

	if (snprintf(temporary, sizeof(temporary), "%s.new", keep->path) >= (int)sizeof(temporary))
		return -ENAMETOOLONG;
	rc = write_temporary(temporary, octets, &fd);
	if (rc)
		return rc;
	if (rename(temporary, keep->path)) {
		rc = -errno;
		(void)close(fd);
		(void)unlink(temporary);
		return rc;
	}
	if (keep->fd >= 0)
		(void)close(keep->fd);
	keep->fd = fd;
	keep->room = (off_t)octets->size;
	keep->size = keep->room - (off_t)PADDING_SIZE;
	return sync_folder(keep->path);
}

int sl_keep_rewrite(struct sl_keep *keep, const struct sl_history *history,
		    const struct sl_pack *rest, struct sl_err *err)
{
	uint32_t count = sl_history_count(history);
	struct sl_pack octets = {0};
	uint8_t *at = sl_pack_reserve(&octets, HEAD_SIZE);
	int rc;

	if (at) {
		memcpy(at, head_line, HEAD_SIZE);
		octets.size = HEAD_SIZE;
	}
	for (uint32_t i = 0; i < count; i++)
		add_record(&octets, TAIL_HISTORY, sl_history_record(history, i)->data,
			   sl_history_record(history, i)->size);
	if (rest)
		add_record(&octets, TAIL_REST, rest->data, rest->size);
	add_padding(&octets);
	rc = octets.failed ? -ENOMEM : replace(keep, &octets);
	sl_pack_fini(&octets);
	keep->stale = rc != 0;
	if (rc)
		return sl_err_set(err, rc, "control.state %s: %s", keep->path, strerror(-rc));
	keep->last = sl_history_record(history, count - 1)->generation;
	return 0;
}

/* Appends the records after keep->last. */
static int append_new(struct sl_keep *keep, const struct sl_history *history)
{
	uint32_t count = sl_history_count(history), first = count;
	struct sl_pack octets = {0};
	size_t size;
	int rc;

	while (first > 0 && sl_history_record(history, first - 1)->generation > keep->last)
		first--;
	for (uint32_t i = first; i < count; i++)
		add_record(&octets, TAIL_HISTORY, sl_history_record(history, i)->data,
			   sl_history_record(history, i)->size);
	size = octets.size;
	if (keep->size + (off_t)size > keep->room)
		add_padding(&octets);
	rc = octets.failed ? -ENOMEM : write_all(keep->fd, octets.data, octets.size, keep->size);
	if (rc == 0 && fdatasync(keep->fd))
		rc = -errno;
	if (rc == 0) {
		keep->room = SL_MAX(keep->room, keep->size + (off_t)octets.size);
		keep->size += (off_t)size;
		keep->last = sl_history_record(history, count - 1)->generation;
	}
	sl_pack_fini(&octets);
	return rc;
}

int sl_keep_sync(struct sl_keep *keep, struct sl_history *history, struct sl_err *err)
{
	bool folded = sl_history_fold(history);
	uint32_t count = sl_history_count(history);
	int rc;

	if (folded || keep->stale || keep->fd < 0)
		return sl_keep_rewrite(keep, history, NULL, err);
	if (count == 0 || sl_history_record(history, count - 1)->generation == keep->last)
		return 0;
	rc = append_new(keep, history);
	if (rc) {
		keep->stale = true;
		return sl_err_set(err, rc, "control.state %s: %s", keep->path, strerror(-rc));
	}
	return 0;
}
