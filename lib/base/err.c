/* SPDX-License-Identifier: BSD-3-Clause */

#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int sl_err_set(struct sl_err *err, int code, const char *format, ...)
{
	va_list args;

	if (!err)
		return code;
	err->code = code;
	va_start(args, format);
	(void)vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	return code;
}

int sl_err_prefix(struct sl_err *err, const char *format, ...)
{
	char tail[SL_ERR_TEXT_SIZE];
	va_list args;
	int length;

	if (!err)
		return 0;
	memcpy(tail, err->text, sizeof(tail));
	va_start(args, format);
	length = vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	if (length >= 0 && (size_t)length < sizeof(err->text))
		(void)snprintf(err->text + length, sizeof(err->text) - (size_t)length, ": %s",
			       tail);
	return err->code;
}
