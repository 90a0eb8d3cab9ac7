/* SPDX-License-Identifier: BSD-3-Clause */

#include "client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "command.h"

#define PART_COUNT 1000 /* of an answer: each row has less than 1 KiB, a line 1 MiB */
#define INSTANCE   "sluice"
#define PATH_SIZE  sizeof(((struct sockaddr_un *)0)->sun_path)
#define TEXT_MAX   67108864 /* octets of an answer; ours have 1 MiB */

struct client {
	int fd;
	int status;
	uint64_t timeout_ms;
	long long last_id;
	char *line; /* what came and was not read yet begins at line + begin */
	size_t begin, end, room;
	char path[PATH_SIZE];
};

static bool connects(int fd, const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof(addr.sun_path)) {
		errno = ENAMETOOLONG;
		return false;
	}
	memcpy(addr.sun_path, path, strlen(path) + 1);
	return connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0;
}

/* Tries the path that was given, or the user's own daemon of the instance and then the machine's. */
static bool connects_somewhere(int fd, const struct client_target *target, char path[PATH_SIZE])
{
	const char *given = target->path, *runtime = getenv("XDG_RUNTIME_DIR");
	const char *instance = target->instance ? target->instance : INSTANCE;
	char by_uid[32], own[PATH_SIZE];

	if (!given && !target->instance)
		given = getenv("SLUICE_SOCKET");
	if (given && *given) {
		(void)snprintf(path, PATH_SIZE, "%s", given);
		return connects(fd, given);
	}
	(void)snprintf(by_uid, sizeof(by_uid), "/run/user/%u", (unsigned)geteuid());
	if (!runtime || !*runtime)
		runtime = by_uid;
	if (geteuid() != 0 && snprintf(own, sizeof(own), "%s/%s/control.sock", runtime, instance) <
				      (int)sizeof(own)) {
		memcpy(path, own, sizeof(own));
		if (connects(fd, own))
			return true;
		if (errno != ENOENT)
			return false;
	}
	(void)snprintf(path, PATH_SIZE, "/run/%s/control.sock", instance);
	return connects(fd, path);
}

/* How long one send or receive may take; 0: as long as it does. */
static void set_timeout(const struct client *client, uint64_t ms)
{
	struct timeval wait = {.tv_sec = (time_t)(ms / 1000),
			       .tv_usec = (suseconds_t)(ms % 1000) * 1000};

	(void)setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	(void)setsockopt(client->fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
}

static int complain_silent(struct client *client)
{
	(void)complain("the daemon at %s does not answer within %llu ms: it is stopped, or busy; "
		       "--timeout gives it longer",
		       client->path, (unsigned long long)client->timeout_ms);
	client->status = EXIT_NO_DAEMON;
	return client->status;
}

static int complain_unreachable(const char *path, int error)
{
	if (error == EACCES || error == EPERM)
		return complain("%s: %s; be root, or a member of the socket's group", path,
				strerror(error));
	(void)complain("no daemon at %s: %s; start sluiced, or name its socket with -s", path,
		       strerror(error));
	return EXIT_NO_DAEMON;
}

int client_open(const struct client_target *target, struct client **out)
{
	struct client *client = calloc(1, sizeof(*client));
	int rc = EXIT_DONE;

	if (!client)
		return complain("no memory");
	client->timeout_ms = target->timeout_ms;
	client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	set_timeout(client, client->timeout_ms);
	if (client->fd < 0 || !connects_somewhere(client->fd, target, client->path))
		rc = target->quiet     ? EXIT_NO_DAEMON
		     : errno == EAGAIN ? complain_silent(client)
				       : complain_unreachable(client->path, errno);
	if (rc) {
		client_close(client);
		return rc;
	}
	*out = client;
	return EXIT_DONE;
}

void client_close(struct client *client)
{
	if (!client)
		return;
	if (client->fd >= 0)
		(void)close(client->fd);
	free(client->line);
	free(client);
}

int client_status(const struct client *client)
{
	return client->status;
}

static int send_all(int fd, const char *text, size_t length)
{
	while (length > 0) {
		ssize_t sent = send(fd, text, length, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return -errno;
		text += sent;
		length -= (size_t)sent;
	}
	return 0;
}

/* Reads until a line is there. Returns its length with its newline, which may be less at the end of
 * everything, 0 at the end, or negative errno. */
static ssize_t read_line(struct client *client)
{
	for (size_t looked = client->begin;;) {
		char *newline = looked < client->end
					? memchr(client->line + looked, '\n', client->end - looked)
					: NULL;
		ssize_t got;

		if (newline)
			return newline + 1 - (client->line + client->begin);
		looked = client->end - client->begin;
		if (client->begin > 0)
			memmove(client->line, client->line + client->begin, looked);
		client->begin = 0;
		client->end = looked;
		if (client->end == client->room) {
			client->room = client->room ? 2 * client->room : 65536;
			client->line = client->room > TEXT_MAX
					       ? NULL
					       : realloc(client->line, client->room);
			if (!client->line)
				return -ENOMEM;
		}
		got = recv(client->fd, client->line + client->end, client->room - client->end, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : (ssize_t)client->end;
		client->end += (size_t)got;
	}
}

/* What a terminal would take for a command; newlines and tabs are text. */
static bool is_control(const char *text)
{
	unsigned char c = (unsigned char)text[0];

	return (c < 0x20 && c != '\n' && c != '\t') || c == 0x7f ||
	       (c == 0xc2 && ((unsigned char)text[1] & 0xe0) == 0x80);
}

static bool has_control(const char *text)
{
	for (; *text; text++)
		if (is_control(text))
			return true;
	return false;
}

static void make_plain(char *text)
{
	for (; *text; text++)
		if (is_control(text)) {
			text[1] = (unsigned char)*text == 0xc2 ? '?' : text[1];
			*text = '?';
		}
}

/* Without control characters, whoever speaks: a new reference instead of value's. */
static json_t *clean(json_t *value)
{
	json_t *member, *object;
	const char *key;
	char *text;
	size_t i;

	if (json_is_string(value) && has_control(json_string_value(value))) {
		text = strdup(json_string_value(value));
		if (text)
			make_plain(text);
		json_decref(value);
		value = json_string(text ? text : "");
		free(text);
	} else if (json_is_array(value)) {
		json_array_foreach(value, i, member)(void)
			json_array_set_new(value, i, clean(json_incref(member)));
	} else if (json_is_object(value)) {
		object = json_object();
		json_object_foreach(value, key, member)
		{
			text = strdup(key);
			if (text)
				make_plain(text);
			(void)json_object_set_new(object, text ? text : "",
						  clean(json_incref(member)));
			free(text);
		}
		json_decref(value);
		value = object;
	}
	return value;
}

/* The next message, an object; or NULL when the daemon went, is silent, or is none of ours, which is
 * told. */
static json_t *receive(struct client *client)
{
	ssize_t length = read_line(client);
	json_error_t error;
	json_t *message;

	if (length == -EAGAIN) {
		(void)complain_silent(client);
		return NULL;
	}
	if (length <= 0) {
		(void)complain("the daemon closed the connection");
		client->status = EXIT_NO_DAEMON;
		return NULL;
	}
	message = json_loadb(client->line + client->begin, (size_t)length, 0, &error);
	client->begin += (size_t)length;
	if (!json_is_object(message)) {
		client->status = complain("what came is no answer of sluiced%s%s",
					  message ? "" : ": ", message ? "" : error.text);
		json_decref(message);
		return NULL;
	}
	return clean(message);
}

/* Tells what was refused; a configuration's errors with their places. */
static void tell_error(const json_t *error, const char *file)
{
	const json_t *list = json_object_get(json_object_get(error, "data"), "errors");
	const char *sentence = json_string_value(json_object_get(error, "message"));
	const json_t *entry;
	size_t i;

	if (!file || json_array_size(list) == 0) {
		(void)complain("%s", sentence ? sentence : "refused, without a reason");
		return;
	}
	json_array_foreach(list, i, entry)
	{
		sentence = json_string_value(json_object_get(entry, "message"));
		(void)fprintf(stderr, "%s:%lld:%lld: %s\n", file,
			      json_integer_value(json_object_get(entry, "line")),
			      json_integer_value(json_object_get(entry, "column")),
			      sentence ? sentence : "");
	}
}

/* The answer to the last request; what is told in between is passed over. */
static json_t *receive_answer(struct client *client)
{
	json_t *message = receive(client);

	while (message && json_object_get(message, "method")) {
		json_decref(message);
		message = receive(client);
	}
	if (message && json_integer_value(json_object_get(message, "id")) != client->last_id &&
	    !json_object_get(message, "error")) {
		client->status = complain("what came is no answer to what was asked");
		json_decref(message);
		return NULL;
	}
	return message;
}

json_t *client_call(struct client *client, const char *method, json_t *params, const char *file)
{
	json_t *request =
		json_pack("{s:s, s:I, s:s, s:o*}", "jsonrpc", "2.0", "id",
			  (json_int_t)++client->last_id, "method", method, "params", params);
	char *text = json_dumps(request, JSON_COMPACT);
	json_t *message, *result;
	int rc;

	json_decref(request);
	if (!text) {
		client->status = complain("the request is no UTF-8 text");
		return NULL;
	}
	rc = send_all(client->fd, text, strlen(text));
	if (rc == 0)
		rc = send_all(client->fd, "\n", 1);
	free(text);
	if (rc == -EAGAIN) {
		(void)complain_silent(client);
		return NULL;
	}
	message = receive_answer(client);
	result = json_incref(json_object_get(message, "result"));
	if (message && !result) {
		client->status = EXIT_REFUSED;
		tell_error(json_object_get(message, "error"), file);
	}
	json_decref(message);
	return result;
}

/* Puts a part behind the whole: objects member by member, lists at their end. */
static void put_together(json_t *whole, json_t *part)
{
	const char *name;
	json_t *value;

	json_object_foreach(part, name, value)
	{
		json_t *had = json_object_get(whole, name);

		if (json_is_array(had) && json_is_array(value))
			(void)json_array_extend(had, value);
		else if (json_is_object(had) && json_is_object(value))
			put_together(had, value);
		else
			(void)json_object_set(whole, name, value);
	}
}

json_t *client_call_parts(struct client *client, const char *method, json_t *params)
{
	json_t *whole = NULL, *part;
	long long from = 0;

	do {
		json_t *asked = params ? json_copy(params) : json_object();

		(void)json_object_set_new(asked, "from", json_integer(from));
		(void)json_object_set_new(asked, "count", json_integer(PART_COUNT));
		part = client_call(client, method, asked, NULL);
		from = json_integer_value(json_object_get(part, "next"));
		(void)json_object_del(part, "next");
		if (part && whole) {
			put_together(whole, part);
			json_decref(part);
		} else {
			json_decref(whole);
			whole = part;
		}
	} while (from > 0);
	json_decref(params);
	return whole;
}

void client_wait_long(struct client *client)
{
	set_timeout(client, 0);
}

json_t *client_event(struct client *client)
{
	json_t *message = receive(client);
	json_t *params = json_incref(json_object_get(message, "params"));

	json_decref(message);
	return params;
}
