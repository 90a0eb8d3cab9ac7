/* SPDX-License-Identifier: BSD-3-Clause */

#include "carry/estate_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/file.h"
#include "carry/estate.h"
#include "keep/frame.h"

#define MAGIC	  0x6574617473656c73ull
#define FILE_MAX  (1u << 30) /* of a file */
#define POOL	  "pool-"
#define BOOT_PATH "/proc/sys/kernel/random/boot_id"

void sl_estate_name(uint64_t serial, char name[SL_ESTATE_NAME_SIZE])
{
	(void)snprintf(name, SL_ESTATE_NAME_SIZE, POOL "%" PRIu64, serial);
}

int sl_estate_file_write(int folder, const char *name, const struct sl_pack *pack, uint32_t *crc)
{
	struct sl_estate_head head = {.magic = MAGIC,
				      .version = SL_ESTATE_VERSION,
				      .crc = sl_frame_crc(pack->data, pack->size),
				      .size = pack->size};
	int fd, rc;

	if (pack->failed)
		return -ENOMEM;
	if (unlinkat(folder, name, 0) && errno != ENOENT)
		return -errno;
	fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	rc = sl_file_write(fd, &head, sizeof(head), 0);
	if (rc == 0)
		rc = sl_file_write(fd, pack->data, pack->size, sizeof(head));
	(void)close(fd);
	*crc = head.crc;
	return rc;
}

static int read_checked(int fd, uint8_t **octets, struct sl_unpack *unpack, uint32_t *crc)
{
	struct sl_estate_head head;
	struct stat status;
	uint8_t *read;
	size_t size;

	if (fstat(fd, &status))
		return -errno;
	if (!S_ISREG(status.st_mode) || status.st_uid != geteuid() || (status.st_mode & 077))
		return -EPERM;
	if (status.st_size < (off_t)sizeof(head) || status.st_size > (off_t)FILE_MAX)
		return -EBADMSG;
	size = (size_t)status.st_size;
	read = malloc(size);
	if (!read)
		return -ENOMEM;
	*octets = read;
	if (sl_file_read(fd, read, size, 0) != (ssize_t)size)
		return -EBADMSG;
	memcpy(&head, read, sizeof(head));
	if (head.magic != MAGIC)
		return -EBADMSG;
	if (head.version != SL_ESTATE_VERSION)
		return -EPROTO;
	read += sizeof(head);
	if (head.size != size - sizeof(head) || sl_frame_crc(read, head.size) != head.crc)
		return -EBADMSG;
	*unpack = (struct sl_unpack){.at = read, .end = read + head.size};
	*crc = head.crc;
	return 0;
}

int sl_estate_file_read(int folder, const char *name, uint8_t **octets, struct sl_unpack *unpack,
			uint32_t *crc)
{
	int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), rc;

	*octets = NULL;
	if (fd < 0)
		return errno == ELOOP ? -EPERM : -errno;
	rc = read_checked(fd, octets, unpack, crc);
	(void)close(fd);
	if (rc) {
		free(*octets);
		*octets = NULL;
	}
	return rc;
}

/* 0: it is no pool's. */
static uint64_t serial_of(const char *name)
{
	return strncmp(name, POOL, strlen(POOL)) == 0 ? strtoull(name + strlen(POOL), NULL, 10) : 0;
}

static DIR *list_files(int folder)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);

	if (!list && fd >= 0)
		(void)close(fd);
	return list;
}

uint64_t sl_estate_files_last(int folder)
{
	DIR *list = list_files(folder);
	struct dirent *entry;
	uint64_t last = 0;

	while (list && (entry = readdir(list)))
		last = SL_MAX(last, serial_of(entry->d_name));
	if (list)
		(void)closedir(list);
	return last < UINT64_MAX / 2 ? last : 0;
}

static bool goes(const char *name, uint64_t above)
{
	if (serial_of(name))
		return serial_of(name) <= above;
	return above == UINT64_MAX && strncmp(name, SL_ESTATE_INDEX, strlen(SL_ESTATE_INDEX)) == 0;
}

int sl_estate_files_remove(int folder, uint64_t above)
{
	DIR *list = list_files(folder);
	struct dirent *entry;
	int removed = 0;

	if (!list)
		return -errno;
	while ((entry = readdir(list)))
		removed += goes(entry->d_name, above) && unlinkat(folder, entry->d_name, 0) == 0;
	(void)closedir(list);
	return removed;
}

void sl_estate_boot(char boot[SL_ESTATE_BOOT_SIZE])
{
	int fd = open(BOOT_PATH, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? 0 : sl_file_read(fd, boot, SL_ESTATE_BOOT_SIZE - 1, 0);

	if (fd >= 0)
		(void)close(fd);
	boot[SL_MAX(got, 0)] = '\0';
}
