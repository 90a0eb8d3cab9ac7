/* SPDX-License-Identifier: BSD-3-Clause */

/* An error a human will read: a code and one sentence with the offending value and its place.
 *
 * Threads: any; the caller's memory.
 * Errors:  sl_err_set() returns the code it was given, so that `return sl_err_set(...)` reads well.
 */

#ifndef SL_BASE_ERR_H
#define SL_BASE_ERR_H

#define SL_ERR_TEXT_SIZE 512

struct sl_err {
	int code; /* negative errno, 0: none */
	char text[SL_ERR_TEXT_SIZE];
};

/* Writes code and sentence unless err is NULL. Returns code. */
int sl_err_set(struct sl_err *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Puts "prefix: " before the sentence, to say where it happened. Returns the code in err. */
int sl_err_prefix(struct sl_err *err, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
