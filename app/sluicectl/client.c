/* SPDX-License-Identifier: BSD-3-Clause */

#include "client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "command.h"

#define PART_NODES   1000 /* of an answer: each has less than 1 KiB, a line 1 MiB */
#define DEFAULT_PATH "/run/sluice/control.sock"
#define PATH_SIZE    sizeof(((struct sockaddr_un *)0)->sun_path)

struct client {
	FILE *in;
	int fd;
	int status;
	long long last_id;
	char *line;
	size_t line_size;
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

/* Tries the path that was given, or the user's own daemon and then the machine's. */
static bool connects_somewhere(int fd, const char **path)
{
	static char own[PATH_SIZE];
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	char by_uid[32];

	if (!*path)
		*path = getenv("SLUICE_SOCKET");
	if (*path && **path)
		return connects(fd, *path);
	*path = DEFAULT_PATH;
	(void)snprintf(by_uid, sizeof(by_uid), "/run/user/%u", (unsigned)geteuid());
	if (!runtime || !*runtime)
		runtime = by_uid;
	if (geteuid() != 0 &&
	    snprintf(own, sizeof(own), "%s/sluice/control.sock", runtime) < (int)sizeof(own)) {
		if (connects(fd, own))
			return true;
		if (errno != ENOENT)
			*path = own;
	}
	return connects(fd, *path);
}

int client_open(const char *path, struct client **out)
{
	struct client *client = calloc(1, sizeof(*client));

	if (!client)
		return complain("no memory");
	client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (client->fd < 0 || !connects_somewhere(client->fd, &path)) {
		int error = errno;

		client_close(client);
		if (error == EACCES || error == EPERM)
			return complain("%s: %s; be root, or a member of the socket's group", path,
					strerror(error));
		(void)complain("no daemon at %s: %s; start sluiced, or name its socket with -s",
			       path, strerror(error));
		return EXIT_NO_DAEMON;
	}
	client->in = fdopen(client->fd, "r");
	if (!client->in) {
		client_close(client);
		return complain("no memory");
	}
	*out = client;
	return EXIT_DONE;
}

void client_close(struct client *client)
{
	if (!client)
		return;
	if (client->in)
		(void)fclose(client->in);
	else if (client->fd >= 0)
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

/* The next message, or NULL when the daemon went, which is told. */
static json_t *receive(struct client *client)
{
	ssize_t length = getline(&client->line, &client->line_size, client->in);
	json_error_t error;
	json_t *message;

	if (length < 0) {
		(void)complain("the daemon closed the connection");
		client->status = EXIT_NO_DAEMON;
		return NULL;
	}
	message = json_loadb(client->line, (size_t)length, 0, &error);
	if (!message) {
		client->status = complain("what came is no JSON: %s", error.text);
		return NULL;
	}
	return message;
}

/* Tells what was refused; a configuration's errors with their places. */
static void tell_error(const json_t *error, const char *file)
{
	const json_t *list = json_object_get(json_object_get(error, "data"), "errors");
	const json_t *entry;
	size_t i;

	if (!file || json_array_size(list) == 0) {
		(void)complain("%s", json_string_value(json_object_get(error, "message")));
		return;
	}
	json_array_foreach(list, i, entry)
	{
		(void)fprintf(stderr, "%s:%lld:%lld: %s\n", file,
			      json_integer_value(json_object_get(entry, "line")),
			      json_integer_value(json_object_get(entry, "column")),
			      json_string_value(json_object_get(entry, "message")));
	}
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
	message = receive(client);
	while (message && !json_object_get(message, "id")) {
		json_decref(message);
		message = receive(client);
	}
	result = json_incref(json_object_get(message, "result"));
	if (message && !result) {
		client->status = EXIT_REFUSED;
		tell_error(json_object_get(message, "error"), file);
	}
	json_decref(message);
	return result;
}

json_t *client_call_parts(struct client *client, const char *method, json_t *params)
{
	json_t *whole = NULL, *part;
	long long from = 0;

	do {
		json_t *asked = params ? json_copy(params) : json_object();

		(void)json_object_set_new(asked, "from", json_integer(from));
		(void)json_object_set_new(asked, "count", json_integer(PART_NODES));
		part = client_call(client, method, asked, NULL);
		from = json_integer_value(json_object_get(part, "next"));
		(void)json_object_del(part, "next");
		if (part && whole) {
			(void)json_object_update_recursive(whole, part);
			json_decref(part);
		} else {
			json_decref(whole);
			whole = part;
		}
	} while (from > 0);
	json_decref(params);
	return whole;
}

json_t *client_event(struct client *client)
{
	json_t *message = receive(client);
	json_t *params = json_incref(json_object_get(message, "params"));

	json_decref(message);
	return params;
}
