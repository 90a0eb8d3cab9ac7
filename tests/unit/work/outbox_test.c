/* SPDX-License-Identifier: BSD-3-Clause */

/* Messages and their way: octets as RFC 7011 has them, and a socket of the loopback interface that gets
 * them all, or does not. */

#include "work/outbox.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "work/ipfix.h"

#define MESSAGES 700u /* more than the ring has room for */

static const struct sl_addr loopback = {.family = SL_FAMILY_IPV4, .octets = {127, 0, 0, 1}};

/* A socket of the loopback interface, and its port. */
static int listen_at(uint16_t *port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(at);
	int fd = socket(AF_INET, SOCK_DGRAM, 0), room = 4 << 20;

	assert_true(fd >= 0);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
	*port = ntohs(at.sin_port);
	return fd;
}

static void wait_ms(long ms)
{
	const struct timespec pause = {0, ms * 1000000};

	(void)nanosleep(&pause, NULL);
}

static void what_is_put_arrives_in_order_and_whole(void **state)
{
	struct sl_outbox_look look;
	struct sl_outbox *outbox;
	struct sl_err err;
	uint16_t port;
	int fd = listen_at(&port);

	(void)state;
	assert_int_equal(sl_outbox_create(&loopback, port, &outbox, &err), 0);
	assert_int_equal(sl_outbox_room(outbox), SL_OUTBOX_SIZE);
	for (uint32_t i = 0; i < MESSAGES; i++) {
		uint8_t *slot = sl_outbox_slot(outbox);
		uint32_t got;

		while (!slot) {
			wait_ms(1);
			slot = sl_outbox_slot(outbox);
		}
		memcpy(slot, &i, sizeof(i));
		sl_outbox_put(outbox, sizeof(i) + i, 5);
		if (i < 100)
			continue;
		assert_int_equal(recv(fd, &got, sizeof(got), MSG_TRUNC), sizeof(got) + i - 100);
		assert_int_equal(got, i - 100);
	}
	sl_outbox_look(outbox, &look);
	assert_int_equal(look.lost, 0);
	assert_int_equal(look.error, 0);
	sl_outbox_destroy(outbox);
	for (uint32_t i = MESSAGES - 100; i < MESSAGES; i++)
		assert_int_equal(recv(fd, &(uint32_t){0}, 4, MSG_TRUNC | MSG_DONTWAIT), 4 + i);
	(void)close(fd);
}

static void what_nobody_takes_is_counted_and_said(void **state)
{
	struct sl_outbox_look look = {0};
	struct sl_outbox *outbox;
	struct sl_err err;
	uint16_t port;

	(void)state;
	(void)close(listen_at(&port));
	assert_int_equal(sl_outbox_create(&loopback, port, &outbox, &err), 0);
	for (uint32_t i = 0; i < 50; i++) {
		memset(sl_outbox_slot(outbox), 0, 8);
		sl_outbox_put(outbox, 8, 3);
	}
	while (look.sent < 50) {
		wait_ms(1);
		sl_outbox_look(outbox, &look);
	}
	/* The first is refused after it was sent; how often the kernel says so it bounds for all on the machine. */
	assert_int_equal(look.lost % 3, 0);
	assert_in_range(look.lost, 3, 49 * 3);
	assert_int_equal(look.error, ECONNREFUSED);
	sl_outbox_destroy(outbox);
}

static uint64_t number(const uint8_t *at, uint32_t size)
{
	uint64_t value = 0;

	for (uint32_t i = 0; i < size; i++)
		value = value << 8 | at[i];
	return value;
}

static void messages_are_as_the_rfc_has_them(void **state)
{
	struct sl_ipfix_record record = {.packets = 7,
					 .octets = 700,
					 .start_ms = 0x0102030405060708,
					 .end_ms = 9,
					 .tos = 0x10,
					 .tcp_flags = 0x12,
					 .reason = SL_IPFIX_IDLE};
	struct sl_ipfix ipfix = {.domain = 77, .sequence = 5};
	uint8_t octets[512];
	uint32_t size;

	(void)state;
	record.key.family = SL_FAMILY_IPV4;
	record.key.protocol = 6;
	record.key.sport_be = htons(1024);
	record.key.dport_be = htons(80);
	record.key.src4 = inet_addr("192.0.2.1");
	record.key.dst4 = inet_addr("192.0.2.2");
	sl_ipfix_begin(&ipfix, octets, sizeof(octets));
	assert_true(sl_ipfix_add(&ipfix, &record));
	assert_true(sl_ipfix_add(&ipfix, &record));
	record.key.family = SL_FAMILY_IPV6;
	assert_true(sl_ipfix_add(&ipfix, &record));
	size = sl_ipfix_end(&ipfix, 1234567);
	/* header, a set of two records of 49 octets, one of one of 73 */
	assert_int_equal(size, 16 + 4 + 2 * 49 + 4 + 73);
	assert_int_equal(number(octets, 2), 10);
	assert_int_equal(number(octets + 2, 2), size);
	assert_int_equal(number(octets + 4, 4), 1234);
	assert_int_equal(number(octets + 8, 4), 5);
	assert_int_equal(number(octets + 12, 4), 77);
	assert_int_equal(number(octets + 16, 2), SL_IPFIX_TEMPLATE_V4);
	assert_int_equal(number(octets + 18, 2), 4 + 2 * 49);
	assert_int_equal(number(octets + 20, 4), 0xc0000201);
	assert_int_equal(number(octets + 28, 2), 1024);
	assert_int_equal(octets[32], 6);
	assert_int_equal(number(octets + 34, 2), 0x12);
	assert_int_equal(number(octets + 36, 8), 7);
	assert_int_equal(number(octets + 44, 8), 700);
	assert_int_equal(number(octets + 52, 8), 0x0102030405060708);
	assert_int_equal(octets[68], SL_IPFIX_IDLE);
	assert_int_equal(number(octets + 118, 2), SL_IPFIX_TEMPLATE_V6);
	assert_int_equal(number(octets + 120, 2), 4 + 73);
	assert_int_equal(ipfix.packets, 21);
	assert_int_equal(ipfix.sequence, 8);
}

static void a_message_takes_no_more_than_its_room(void **state)
{
	struct sl_ipfix_record record = {.packets = 1};
	struct sl_ipfix ipfix = {0};
	uint8_t octets[256];

	(void)state;
	record.key.family = SL_FAMILY_IPV4;
	for (uint32_t room = 20 + 48; room <= 20 + 49 * 3; room++) {
		uint32_t count = 0;

		memset(octets, 0xee, sizeof(octets));
		sl_ipfix_begin(&ipfix, octets, room);
		while (sl_ipfix_add(&ipfix, &record))
			count++;
		assert_int_equal(count, (room - 20) / 49);
		assert_true(sl_ipfix_end(&ipfix, 0) <= room);
		assert_int_equal(octets[room], 0xee);
	}
}

static void templates_name_every_element(void **state)
{
	static const uint8_t v4[] = {0, 8, 0, 4, 0, 12, 0, 4, 0, 7, 0, 2, 0, 11, 0, 2};
	struct sl_ipfix ipfix = {0};
	uint8_t octets[SL_IPFIX_SIZE_MIN];
	uint32_t size, record = 0;

	(void)state;
	sl_ipfix_begin(&ipfix, octets, sizeof(octets));
	sl_ipfix_add_templates(&ipfix);
	size = sl_ipfix_end(&ipfix, 0);
	assert_int_equal(size, 16 + 4 + 2 * (4 + 12 * 4));
	assert_int_equal(number(octets + 16, 2), 2);
	assert_int_equal(number(octets + 20, 2), SL_IPFIX_TEMPLATE_V4);
	assert_int_equal(number(octets + 22, 2), 12);
	assert_memory_equal(octets + 24, v4, sizeof(v4));
	for (uint32_t i = 0; i < 12; i++)
		record += (uint32_t)number(octets + 24 + 4 * i + 2, 2);
	assert_int_equal(record, 49);
	assert_int_equal(ipfix.sequence, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_put_arrives_in_order_and_whole),
		cmocka_unit_test(what_nobody_takes_is_counted_and_said),
		cmocka_unit_test(messages_are_as_the_rfc_has_them),
		cmocka_unit_test(a_message_takes_no_more_than_its_room),
		cmocka_unit_test(templates_name_every_element),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
