/* SPDX-License-Identifier: BSD-3-Clause */

#include "base/process.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define STAT_SIZE 1024
#define FIELDS                                                                                     \
	"%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64                         \
	" %*d %*d %*d %*d %*d %*d %" SCNu64 " %*u %" SCNd64

static uint32_t count_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	uint32_t count = 0;

	if (!folder)
		return 0;
	for (const struct dirent *entry = readdir(folder); entry; entry = readdir(folder))
		count += entry->d_name[0] != '.';
	(void)closedir(folder);
	return count > 0 ? count - 1 : 0; /* the folder's own */
}

/* The fields behind the name, which may have anything in it. */
static const char *read_stat(char text[STAT_SIZE])
{
	FILE *file = fopen("/proc/self/stat", "re");
	size_t size = file ? fread(text, 1, STAT_SIZE - 1, file) : 0;
	const char *end;

	if (file)
		(void)fclose(file);
	text[size] = '\0';
	end = strrchr(text, ')');
	return end ? end + 2 : NULL;
}

int sl_process_look(struct sl_process *process)
{
	char text[STAT_SIZE];
	const char *fields = read_stat(text);
	double ticks = (double)sysconf(_SC_CLK_TCK);
	uint64_t user, system, start;
	struct timespec wall, boot;
	int64_t pages;

	if (!fields || sscanf(fields, FIELDS, &user, &system, &start, &pages) != 4)
		return -EIO;
	(void)clock_gettime(CLOCK_REALTIME, &wall);
	(void)clock_gettime(CLOCK_BOOTTIME, &boot);
	*process = (struct sl_process){
		.cpu_s = (double)(user + system) / ticks,
		.start_s = (double)(wall.tv_sec - boot.tv_sec) +
			   (double)(wall.tv_nsec - boot.tv_nsec) / 1e9 + (double)start / ticks,
		.resident = (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE),
		.descriptors = count_descriptors(),
	};
	return 0;
}
