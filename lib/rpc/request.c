/* SPDX-License-Identifier: BSD-3-Clause */

#include "rpc/request.h"

#include <ctype.h>
#include <event2/buffer.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The page's script, style and questions come from here, and nothing from elsewhere. */
#define SAFE                                                                                       \
	"X-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\n"                             \
	"Referrer-Policy: no-referrer\r\nCross-Origin-Resource-Policy: same-origin\r\n"            \
	"Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "       \
	"connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "          \
	"frame-ancestors 'none'\r\nCache-Control: no-store\r\n"

/* A field of the head: whether more is read after the request. What has a body has its say, and
 * then is left. */
static void read_field(struct sl_request *request, char *line)
{
	char *value = strchr(line, ':');

	if (!value)
		return;
	*value++ = '\0';
	value += strspn(value, " \t");
	if (strcasecmp(line, "Connection") == 0) {
		if (strcasestr(value, "close"))
			request->close = true;
		else if (strcasestr(value, "keep-alive"))
			request->close = false;
	}
	if (strcasecmp(line, "Transfer-Encoding") == 0 ||
	    (strcasecmp(line, "Content-Length") == 0 && strcmp(value, "0") != 0))
		request->close = true;
}

const char *sl_request_read(char *text, struct sl_request *request)
{
	char *line = strsep(&text, "\n"), *method = strsep(&line, " ");
	char *target = strsep(&line, " "), *version = line;
	static char none[1];

	*request = (struct sl_request){.close = true, .query = none};
	if (!target || !version || strncmp(version, "HTTP/1.", 7) != 0)
		return "400 Bad Request";
	request->close = version[7] == '0';
	while ((line = strsep(&text, "\n"))) {
		line[strcspn(line, "\r")] = '\0';
		read_field(request, line);
	}
	request->head = strcmp(method, "HEAD") == 0;
	if (!request->head && strcmp(method, "GET") != 0)
		return "405 Method Not Allowed";
	if (strncasecmp(target, "http://", 7) == 0)
		target += 7 + strcspn(target + 7, "/");
	target[strcspn(target, "#")] = '\0';
	request->path = strsep(&target, "?");
	request->query = target ? target : none;
	return NULL;
}

/* "%2f" and "+", in place. */
static void decode(char *text)
{
	char *to = text;

	for (; *text; text++, to++) {
		char digits[3] = {text[0], text[1] ? text[1] : '\0', '\0'};

		*to = (char)(*text == '+' ? ' ' : *text);
		if (*text != '%' || !isxdigit((unsigned char)text[1]) ||
		    !isxdigit((unsigned char)text[2]))
			continue;
		digits[0] = text[1];
		digits[1] = text[2];
		*to = (char)strtol(digits, NULL, 16);
		text += 2;
	}
	*to = '\0';
}

bool sl_request_pair(char **query, char **name, char **value)
{
	static char none[1];
	char *pair;

	do
		pair = strsep(query, "&");
	while (pair && !*pair);
	if (!pair)
		return false;
	*name = strsep(&pair, "=");
	*value = pair ? pair : none;
	decode(*name);
	decode(*value);
	return true;
}

void sl_request_answer(struct evbuffer *out, const char *status, const char *type, size_t length,
		       bool close, bool stream)
{
	(void)evbuffer_add_printf(out, "HTTP/1.1 %s\r\nContent-Type: %s\r\n" SAFE, status, type);
	if (!stream)
		(void)evbuffer_add_printf(out, "Content-Length: %zu\r\n", length);
	(void)evbuffer_add_printf(out, "%s%s\r\n",
				  strncmp(status, "405", 3) == 0 ? "Allow: GET, HEAD\r\n" : "",
				  close ? "Connection: close\r\n" : "");
}
