/* SPDX-License-Identifier: BSD-3-Clause */

/* The files of an estate; for estate*.c only.
 *
 * Shape:   a head with magic, version, size and CRC-32C, then octets as pack.h writes them.
 * Threads: control.
 * Memory:  what is read is the caller's, to be freed.
 * Errors:  0 or negative errno. -EBADMSG: torn, or no such file; -EPROTO: of another version; -EPERM: others may
 *          write it, or it is another user's.
 */

#ifndef SL_CARRY_ESTATE_FILE_H
#define SL_CARRY_ESTATE_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "keep/pack.h"

#define SL_ESTATE_INDEX	     "index"
#define SL_ESTATE_BOOT_SIZE  40
#define SL_ESTATE_NAME_SIZE  32
#define SL_ESTATE_TABLES_MAX 1024 /* of a pool */

struct sl_estate_head {
	uint64_t magic;
	uint32_t version;
	uint32_t crc; /* of the octets */
	uint64_t size;
};

/* The name of the pool's file of that serial number. */
void sl_estate_name(uint64_t serial, char name[SL_ESTATE_NAME_SIZE]);

/* Writes a file that was not there. crc: of what was written. */
int sl_estate_file_write(int folder, const char *name, const struct sl_pack *pack, uint32_t *crc);

/* Reads all of a file: *octets, with the head before them; unpack goes over what is behind it. */
int sl_estate_file_read(int folder, const char *name, uint8_t **octets, struct sl_unpack *unpack,
			uint32_t *crc);

/* The highest serial number of the pools' files that are there; 0: there is none. */
uint64_t sl_estate_files_last(int folder);

/* Removes all files of an estate but those whose serial numbers are above; UINT64_MAX and the index: all. */
int sl_estate_files_remove(int folder, uint64_t above);

/* Which boot of the machine this is; "" where nobody says. */
void sl_estate_boot(char boot[SL_ESTATE_BOOT_SIZE]);

#endif
