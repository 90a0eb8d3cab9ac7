/* SPDX-License-Identifier: BSD-3-Clause */

/* What a receive core may run as a filter, beside what libpcap compiles. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <pcap/pcap.h>

#include "base/bytes.h"
#include "lcore/filter.h"

#define RETURN                                                                                     \
	{                                                                                          \
		BPF_RET | BPF_K, 0, 0, 1                                                           \
	}

static int check_two(uint16_t code, uint32_t operand)
{
	const struct sl_filter_step steps[] = {{code, 0, 0, operand}, RETURN};

	return sl_filter_check(steps, 2);
}

static void filters_that_libpcap_compiles_are_taken(void **state)
{
	static const char *const texts[] = {
		"",
		"tcp port 80",
		"udp[4:2] + 7 * 3 % 5 > len / 2 and not ip6",
		"(ip[8] << 3) & 0xf0 != 16 or ip[8] >> 2 = 1 or ip[2] ^ ip[3] = 7",
		"vlan 7 and host 2001:db8::1 and portrange 1000-2000",
		"icmp[icmptype] = icmp-echo or net 192.0.2.0/24 or ether host 02:00:00:00:00:01",
		"tcp[tcpflags] & (tcp-syn|tcp-ack) = tcp-syn and (ip[2:2] | 1) - 4 != -ip[4]",
	};
	pcap_t *pcap = pcap_open_dead(DLT_EN10MB, 65535);

	for (uint32_t t = 0; t < SL_ARRAY_COUNT(texts); t++) {
		struct sl_filter_step steps[SL_FILTER_STEPS_MAX];
		struct bpf_program program;

		assert_int_equal(pcap_compile(pcap, &program, texts[t], 1, 0), 0);
		for (uint32_t i = 0; i < program.bf_len; i++) {
			const struct bpf_insn *from = &program.bf_insns[i];

			steps[i] = (struct sl_filter_step){from->code, from->jt, from->jf, from->k};
		}
		assert_int_equal(sl_filter_check(steps, program.bf_len), 0);
		pcap_freecode(&program);
	}
	pcap_close(pcap);
}

/* All others end libpcap's interpreter, and the process with it, though its own check takes them. */
static void codes_that_the_interpreter_knows_are_taken_and_no_others(void **state)
{
	static const uint8_t known[] = {0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x0c, 0x14,
					0x15, 0x16, 0x1c, 0x1d, 0x20, 0x24, 0x25, 0x28, 0x2c, 0x2d,
					0x30, 0x34, 0x35, 0x3c, 0x3d, 0x40, 0x44, 0x45, 0x48, 0x4c,
					0x4d, 0x50, 0x54, 0x5c, 0x60, 0x61, 0x64, 0x6c, 0x74, 0x7c,
					0x80, 0x81, 0x84, 0x87, 0x94, 0x9c, 0xa4, 0xac, 0xb1};
	uint32_t taken = 0;

	for (uint32_t code = 0; code <= UINT16_MAX; code++)
		if (check_two((uint16_t)code, code == (BPF_JMP | BPF_JA) ? 0 : 1) == 0)
			assert_int_equal(code, known[taken++]);
	assert_int_equal(taken, SL_ARRAY_COUNT(known));
}

static void a_jump_goes_forward_to_a_step_that_is_there(void **state)
{
	struct sl_filter_step steps[] = {RETURN, {BPF_JMP | BPF_JA, 0, 0, 0}, RETURN, RETURN};

	for (uint32_t k = 0; k < 4; k++) {
		steps[1].operand = k;
		assert_int_equal(sl_filter_check(steps, 4), k < 2 ? 0 : -EINVAL);
	}
	steps[1].operand = INT32_MAX;
	assert_int_equal(sl_filter_check(steps, 4), -EINVAL);
	for (uint32_t back = 1; back < 4; back++) {
		steps[1].operand = 0u - back;
		assert_int_equal(sl_filter_check(steps, 4), -ELOOP);
	}
	steps[1] = (struct sl_filter_step){BPF_JMP | BPF_JEQ | BPF_K, 1, 1, 7};
	assert_int_equal(sl_filter_check(steps, 4), 0);
	steps[1].yes = 2;
	assert_int_equal(sl_filter_check(steps, 4), -EINVAL);
	steps[1].yes = 0;
	steps[1].no = 255;
	assert_int_equal(sl_filter_check(steps, 4), -EINVAL);
}

static void operands_that_mean_nothing_are_refused(void **state)
{
	assert_int_equal(check_two(BPF_ALU | BPF_DIV | BPF_K, 0), -EINVAL);
	assert_int_equal(check_two(BPF_ALU | BPF_MOD | BPF_K, 0), -EINVAL);
	assert_int_equal(check_two(BPF_ALU | BPF_LSH | BPF_K, 31), 0);
	assert_int_equal(check_two(BPF_ALU | BPF_LSH | BPF_K, 32), -EINVAL);
	assert_int_equal(check_two(BPF_ALU | BPF_RSH | BPF_K, 32), -EINVAL);
	assert_int_equal(check_two(BPF_ST, BPF_MEMWORDS - 1), 0);
	assert_int_equal(check_two(BPF_ST, BPF_MEMWORDS), -EINVAL);
	assert_int_equal(check_two(BPF_STX, BPF_MEMWORDS), -EINVAL);
	assert_int_equal(check_two(BPF_LD | BPF_MEM, BPF_MEMWORDS), -EINVAL);
	assert_int_equal(check_two(BPF_LDX | BPF_MEM, BPF_MEMWORDS), -EINVAL);
}

static void a_program_ends_with_a_verdict_and_has_steps_but_not_too_many(void **state)
{
	static struct sl_filter_step steps[SL_FILTER_STEPS_MAX + 1];

	for (uint32_t i = 0; i <= SL_FILTER_STEPS_MAX; i++)
		steps[i] = (struct sl_filter_step)RETURN;
	assert_int_equal(sl_filter_check(steps, 0), -EINVAL);
	assert_int_equal(sl_filter_check(steps, SL_FILTER_STEPS_MAX), 0);
	assert_int_equal(sl_filter_check(steps, SL_FILTER_STEPS_MAX + 1), -EINVAL);
	steps[1].code = BPF_LD | BPF_IMM;
	assert_int_equal(sl_filter_check(steps, 2), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(filters_that_libpcap_compiles_are_taken),
		cmocka_unit_test(codes_that_the_interpreter_knows_are_taken_and_no_others),
		cmocka_unit_test(a_jump_goes_forward_to_a_step_that_is_there),
		cmocka_unit_test(operands_that_mean_nothing_are_refused),
		cmocka_unit_test(a_program_ends_with_a_verdict_and_has_steps_but_not_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
