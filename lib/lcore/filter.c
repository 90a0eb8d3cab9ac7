/* SPDX-License-Identifier: BSD-3-Clause */

/* McCanne, Jacobson: The BSD Packet Filter (1993), section 3: the machine and its codes. */

#include "lcore/filter.h"

#include <errno.h>
#include <linux/bpf_common.h>
#include <stdbool.h>

#include "base/bytes.h"

/* What linux/filter.h has for the classic machine alone. */
#define MEMORY_WORDS 16u
#define TO_A	     0x10u /* of BPF_RET: returns the accumulator */
#define TAX	     0x00u
#define TXA	     0x80u

static const uint16_t codes[] = {
	BPF_LD | BPF_IMM,
	BPF_LD | BPF_MEM,
	BPF_LD | BPF_W | BPF_LEN,
	BPF_LD | BPF_W | BPF_ABS,
	BPF_LD | BPF_H | BPF_ABS,
	BPF_LD | BPF_B | BPF_ABS,
	BPF_LD | BPF_W | BPF_IND,
	BPF_LD | BPF_H | BPF_IND,
	BPF_LD | BPF_B | BPF_IND,
	BPF_LDX | BPF_IMM,
	BPF_LDX | BPF_MEM,
	BPF_LDX | BPF_W | BPF_LEN,
	BPF_LDX | BPF_B | BPF_MSH,
	BPF_ST,
	BPF_STX,
	BPF_ALU | BPF_ADD, /* BPF_K */
	BPF_ALU | BPF_ADD | BPF_X,
	BPF_ALU | BPF_SUB | BPF_K,
	BPF_ALU | BPF_SUB | BPF_X,
	BPF_ALU | BPF_MUL | BPF_K,
	BPF_ALU | BPF_MUL | BPF_X,
	BPF_ALU | BPF_DIV | BPF_K,
	BPF_ALU | BPF_DIV | BPF_X,
	BPF_ALU | BPF_MOD | BPF_K,
	BPF_ALU | BPF_MOD | BPF_X,
	BPF_ALU | BPF_AND | BPF_K,
	BPF_ALU | BPF_AND | BPF_X,
	BPF_ALU | BPF_OR | BPF_K,
	BPF_ALU | BPF_OR | BPF_X,
	BPF_ALU | BPF_XOR | BPF_K,
	BPF_ALU | BPF_XOR | BPF_X,
	BPF_ALU | BPF_LSH | BPF_K,
	BPF_ALU | BPF_LSH | BPF_X,
	BPF_ALU | BPF_RSH | BPF_K,
	BPF_ALU | BPF_RSH | BPF_X,
	BPF_ALU | BPF_NEG,
	BPF_JMP | BPF_JA,
	BPF_JMP | BPF_JEQ | BPF_K,
	BPF_JMP | BPF_JEQ | BPF_X,
	BPF_JMP | BPF_JGT | BPF_K,
	BPF_JMP | BPF_JGT | BPF_X,
	BPF_JMP | BPF_JGE | BPF_K,
	BPF_JMP | BPF_JGE | BPF_X,
	BPF_JMP | BPF_JSET | BPF_K,
	BPF_JMP | BPF_JSET | BPF_X,
	BPF_RET | BPF_K,
	BPF_RET | TO_A,
	BPF_MISC | TAX,
	BPF_MISC | TXA,
};

static bool is_known(uint16_t code)
{
	for (uint32_t i = 0; i < SL_ARRAY_COUNT(codes); i++)
		if (codes[i] == code)
			return true;
	return false;
}

/* left: steps behind this one. An operand that leads back is a negative number. */
static int check_jump(const struct sl_filter_step *step, uint32_t left)
{
	if (BPF_OP(step->code) != BPF_JA)
		return step->yes < left && step->no < left ? 0 : -EINVAL;
	if (step->operand > INT32_MAX)
		return -ELOOP;
	return step->operand < left ? 0 : -EINVAL;
}

static int check_step(const struct sl_filter_step *step, uint32_t left)
{
	uint16_t code = step->code;
	bool memory;

	if (!is_known(code))
		return -EINVAL;
	if (BPF_CLASS(code) == BPF_JMP)
		return check_jump(step, left);
	memory = code == BPF_ST || code == BPF_STX || code == (BPF_LD | BPF_MEM) ||
		 code == (BPF_LDX | BPF_MEM);
	if (memory && step->operand >= MEMORY_WORDS)
		return -EINVAL;
	if ((code == (BPF_ALU | BPF_DIV | BPF_K) || code == (BPF_ALU | BPF_MOD | BPF_K)) &&
	    step->operand == 0)
		return -EINVAL;
	/* the interpreter shifts words of 32 bits */
	if ((code == (BPF_ALU | BPF_LSH | BPF_K) || code == (BPF_ALU | BPF_RSH | BPF_K)) &&
	    step->operand > 31)
		return -EINVAL;
	return 0;
}

int sl_filter_check(const struct sl_filter_step *steps, uint32_t count)
{
	int rc;

	if (count == 0 || count > SL_FILTER_STEPS_MAX)
		return -EINVAL;
	for (uint32_t i = 0; i < count; i++) {
		rc = check_step(&steps[i], count - 1 - i);
		if (rc)
			return rc;
	}
	return BPF_CLASS(steps[count - 1].code) == BPF_RET ? 0 : -EINVAL;
}
