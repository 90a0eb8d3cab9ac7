/* SPDX-License-Identifier: BSD-3-Clause */

/* Files: whole writes, files that nobody else can have prepared, folders.
 *
 * Why:     short writes, links in other users' folders and missing folders are met in one place.
 * Threads: any.
 * Errors:  0 or negative errno.
 */

#ifndef SL_BASE_FILE_H
#define SL_BASE_FILE_H

#include <stddef.h>
#include <sys/types.h>

/* Writes all octets at an offset. */
int sl_file_write(int fd, const void *octets, size_t size, off_t at);

/* Reads size octets at an offset, or up to the end of the file. Returns how many, or negative errno. */
ssize_t sl_file_read(int fd, void *octets, size_t size, off_t at);

/* Creates a file with mode 0600 for reading and writing and returns its descriptor. What was at the
 * path is removed first; a link is removed, never followed. */
int sl_file_create(const char *path);

/* Makes the folder of path with mode 0700, and the folders above it. 0 if it is there. */
int sl_file_make_folder(const char *path);

/* Waits until the entries of the folder of path are on the disk. */
int sl_file_sync_folder(const char *path);

#endif
