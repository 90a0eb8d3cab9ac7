/* SPDX-License-Identifier: BSD-3-Clause */

#include "base/lasting.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/shm.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/limit.h"
#include "base/log.h"

#define HUGE_SIZE ((size_t)2 << 20)
#define MODE	  0600
#define MAGIC	  0x676e697473616c73ull
#define PAGES	  4096 /* a tail has one of its own: tables end before it */

/* Headers of the C library have neither of them yet. */
#define COLLAPSE  25	 /* MADV_COLLAPSE */
#define NORESERVE 010000 /* SHM_NORESERVE */

/* The last octets of a segment. */
struct tail {
	uint64_t magic, number;
	char instance[SL_NAME_SIZE];
};

_Static_assert(sizeof(struct tail) <= PAGES, "a tail is within its page");

static struct {
	char instance[SL_NAME_SIZE];
	bool begun, leaves, said;
} lasting;

void sl_lasting_begin(const char *instance)
{
	lasting.begun = instance != NULL;
	lasting.leaves = lasting.said = false;
	memset(lasting.instance, 0, sizeof(lasting.instance));
	if (instance)
		memcpy(lasting.instance, instance, strnlen(instance, SL_NAME_LENGTH_MAX));
}

void sl_lasting_leave(void)
{
	lasting.leaves = true;
}

static size_t room_of(size_t size)
{
	return sl_align_up(size + PAGES, HUGE_SIZE);
}

/* Of a segment of that room. */
static struct tail *tail_of(void *memory, size_t room)
{
	return (struct tail *)(void *)((uint8_t *)memory + room - PAGES);
}

/* Attaches the segment where a huge page begins. */
static void *attach(int id, size_t room)
{
	size_t around = room + HUGE_SIZE;
	uint8_t *raw =
		mmap(NULL, around, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uint8_t *start;
	size_t head;

	if (raw == MAP_FAILED)
		return NULL;
	head = (HUGE_SIZE - ((uintptr_t)raw & (HUGE_SIZE - 1))) & (HUGE_SIZE - 1);
	start = raw + head;
	if (head)
		(void)munmap(raw, head);
	if (HUGE_SIZE - head)
		(void)munmap(start + room, HUGE_SIZE - head);
	if (shmat(id, start, SHM_REMAP) != start) {
		(void)munmap(start, room);
		return NULL;
	}
	(void)madvise(start, room, MADV_HUGEPAGE);
	return start;
}

static void say(int error)
{
	if (!lasting.said)
		sl_log(SL_LOG_NOTICE,
		       "flow tables end with the process: no shared memory for them: %s",
		       strerror(error));
	lasting.said = true;
}

static void *make(size_t size, struct sl_lasting_mark *mark)
{
	size_t room = room_of(size);
	uint64_t number = 0;
	uint8_t *memory;
	int id;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number) || number == 0)
		return NULL;
	id = shmget(IPC_PRIVATE, room, IPC_CREAT | IPC_EXCL | NORESERVE | MODE);
	if (id < 0)
		return NULL;
	memory = attach(id, room);
	if (!memory) {
		(void)shmctl(id, IPC_RMID, NULL);
		return NULL;
	}
	*tail_of(memory, room) = (struct tail){.magic = MAGIC, .number = number};
	memcpy(tail_of(memory, room)->instance, lasting.instance, sizeof(lasting.instance));
	*mark = (struct sl_lasting_mark){.number = number, .id = id};
	return memory;
}

void *sl_lasting_alloc(size_t size, struct sl_lasting_mark *mark)
{
	void *memory;

	if (!lasting.begun)
		return NULL;
	memory = make(size, mark);
	if (!memory)
		say(errno);
	return memory;
}

void sl_lasting_free(void *memory, size_t size, const struct sl_lasting_mark *mark)
{
	(void)size;
	if (!memory)
		return;
	(void)shmdt(memory);
	if (!lasting.leaves)
		(void)shmctl(mark->id, IPC_RMID, NULL);
}

/* Only what has a page already becomes a huge one. */
void sl_lasting_gather(void *memory, size_t size)
{
	const uint8_t *octets = memory;
	size_t whole = size & ~(HUGE_SIZE - 1);

	for (size_t at = 0; at < whole; at += HUGE_SIZE)
		(void)__atomic_load_n(&octets[at], __ATOMIC_RELAXED);
	if (whole)
		(void)madvise(memory, whole, COLLAPSE);
}

/* ---- what others left ------------------------------------------------------------------------ */

/* Of our user, for nobody else, and as large as one of ours can be. */
static bool may_be_ours(const struct shmid_ds *segment)
{
	return segment->shm_perm.uid == geteuid() && (segment->shm_perm.mode & 0777) == MODE &&
	       segment->shm_segsz >= HUGE_SIZE && segment->shm_segsz % HUGE_SIZE == 0;
}

static bool is_of(const struct tail *tail, const char *instance)
{
	return tail->magic == MAGIC &&
	       strncmp(tail->instance, instance, sizeof(tail->instance)) == 0;
}

const void *sl_lasting_open(const char *instance, const struct sl_lasting_mark *mark, size_t size,
			    uint64_t *died_s)
{
	struct shmid_ds segment;
	const struct tail *tail;
	void *memory;

	if (shmctl(mark->id, IPC_STAT, &segment) || !may_be_ours(&segment) ||
	    segment.shm_segsz != room_of(size))
		return NULL;
	memory = shmat(mark->id, NULL, SHM_RDONLY);
	if ((intptr_t)memory == -1)
		return NULL;
	tail = tail_of(memory, segment.shm_segsz);
	if (!is_of(tail, instance) || tail->number != mark->number) {
		(void)shmdt(memory);
		return NULL;
	}
	*died_s = segment.shm_nattch ? 0 : (uint64_t)segment.shm_dtime;
	return memory;
}

void sl_lasting_close(const void *memory)
{
	(void)shmdt(memory);
}

static bool remove_one(const char *instance, int id, const struct shmid_ds *segment)
{
	void *memory;
	bool ours;

	if (!may_be_ours(segment) || segment->shm_nattch)
		return false;
	memory = shmat(id, NULL, SHM_RDONLY);
	if ((intptr_t)memory == -1)
		return false;
	ours = is_of(tail_of(memory, segment->shm_segsz), instance);
	(void)shmdt(memory);
	return ours && shmctl(id, IPC_RMID, NULL) == 0;
}

uint32_t sl_lasting_remove(const char *instance)
{
	struct shm_info info;
	struct shmid_ds segment;
	int last = shmctl(0, SHM_INFO, (struct shmid_ds *)(void *)&info);
	uint32_t removed = 0;

	for (int place = 0; place <= last; place++) {
		int id = shmctl(place, SHM_STAT, &segment);

		removed += id >= 0 && remove_one(instance, id, &segment);
	}
	return removed;
}
