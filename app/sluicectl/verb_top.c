/* SPDX-License-Identifier: BSD-3-Clause */

/* Who has the most a second: nodes, services and drops in one table, refreshing in place on a terminal. */

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "base/number.h"
#include "show.h"
#include "table.h"
#include "verbs.h"

#define INTERVAL_MS 1000
#define FILTER_SIZE 64
#define HEAD_LINES  4 /* beside the rows: totals, keys, a blank one, the table's heads */
#define ESCAPE	    27
#define BACKSPACE   127

enum sort { SORT_PACKETS, SORT_BITS, SORT_NEW, SORT_FLOWS, SORT_NAME, SORT_COUNT };
static const char *const sorts[] = {"packets", "bits", "new flows", "flows", "name"};

struct row {
	char name[2 * 64 + 8];
	const char *kind, *state;
	double figure[SORT_NAME]; /* by enum sort; a second, but flows */
	double share;		  /* of its pool's packets; -1: none */
};

struct top {
	struct command *command;
	const char *pool; /* NULL: all */
	uint64_t interval_ms;
	long long rounds; /* 0: without end */
	json_t *stats, *stats_before, *services, *services_before;
	double seconds; /* between them */
	struct row *rows;
	size_t count, room;
	enum sort sort;
	char filter[FILTER_SIZE];
	bool typing;
};

/* ---- rows ------------------------------------------------------------------------------------ */

static double a_second(const struct top *top, const json_t *now, const json_t *before,
		       const char *member)
{
	double more = get_number(now, member) - get_number(before, member);

	return before && top->seconds > 0 && more > 0 ? more / top->seconds : 0;
}

static struct row *add_row(struct top *top, const char *kind, const char *outer, const char *name)
{
	struct row *row;

	if (top->count == top->room) {
		top->room = top->room ? 2 * top->room : 64;
		top->rows = realloc(top->rows, top->room * sizeof(*top->rows));
		if (!top->rows)
			abort();
	}
	row = &top->rows[top->count];
	*row = (struct row){.kind = kind, .state = "", .share = -1};
	(void)snprintf(row->name, sizeof(row->name), "%s%s%s", outer, *outer ? "/" : "", name);
	if (!top->filter[0] || strcasestr(row->name, top->filter) || strcasestr(kind, top->filter))
		top->count++;
	return row;
}

static void add_nodes(struct top *top, const char *pool, json_t *now, const json_t *before)
{
	json_t *nodes = json_object_get(now, "nodes"), *node;
	const json_t *then = json_object_get(before, "nodes");
	double all = 0;
	const char *name;

	json_object_foreach(nodes, name, node) all +=
		a_second(top, node, json_object_get(then, name), "packets");
	json_object_foreach(nodes, name, node)
	{
		const json_t *old = json_object_get(then, name);
		struct row *row = add_row(top, "node", pool, name);

		row->figure[SORT_PACKETS] = a_second(top, node, old, "packets");
		row->figure[SORT_BITS] = 8 * a_second(top, node, old, "bytes");
		row->figure[SORT_NEW] = a_second(top, node, old, "flows_started");
		row->figure[SORT_FLOWS] = get_number(node, "flows");
		row->state = get_string(node, "state");
		row->share = all > 0 ? row->figure[SORT_PACKETS] / all : 0;
	}
}

static void collect(struct top *top)
{
	json_t *pools = json_object_get(top->stats, "pools"), *row_now;
	const json_t *pools_then = json_object_get(top->stats_before, "pools");
	json_t *services = json_object_get(top->services, "services");
	const json_t *services_then = json_object_get(top->services_before, "services");
	const json_t *dropped_then = json_object_get(top->stats_before, "dropped");
	const char *name;

	top->count = 0;
	json_object_foreach(pools, name, row_now)
	{
		if (!top->pool || strcmp(top->pool, name) == 0)
			add_nodes(top, name, row_now, json_object_get(pools_then, name));
	}
	json_object_foreach(services, name, row_now)
	{
		const json_t *then = json_object_get(services_then, name);
		struct row *row;

		if (top->pool && strcmp(top->pool, get_string(row_now, "pool")) != 0)
			continue;
		row = add_row(top, "service", "", name);
		row->figure[SORT_PACKETS] = a_second(top, row_now, then, "packets");
		row->figure[SORT_BITS] = 8 * a_second(top, row_now, then, "bytes");
		row->figure[SORT_NEW] = a_second(top, row_now, then, "flows_started");
	}
	json_object_foreach(json_object_get(top->stats, "dropped"), name, row_now)
	{
		double more = json_number_value(row_now) - get_number(dropped_then, name);

		if (json_number_value(row_now) > 0 && !top->pool)
			add_row(top, "drop", "", name)->figure[SORT_PACKETS] =
				dropped_then && top->seconds > 0 ? more / top->seconds : 0;
	}
}

static enum sort sort_by;

static int compare(const void *one, const void *other)
{
	const struct row *a = one, *b = other;

	if (sort_by != SORT_NAME && a->figure[sort_by] != b->figure[sort_by])
		return a->figure[sort_by] < b->figure[sort_by] ? 1 : -1;
	return strcmp(a->name, b->name);
}

static json_t *row_json(const struct row *row)
{
	char share[16] = "";

	if (row->share >= 0)
		(void)snprintf(share, sizeof(share), "%.1f %%", 100 * row->share);
	return json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:s}", "name", row->name, "kind",
			 row->kind, "state", row->state, "packets",
			 (json_int_t)(row->figure[SORT_PACKETS] + 0.5), "bits",
			 (json_int_t)(row->figure[SORT_BITS] + 0.5), "new",
			 (json_int_t)(row->figure[SORT_NEW] + 0.5), "flows",
			 (json_int_t)(row->figure[SORT_FLOWS] + 0.5), "share", share);
}

static void sort_rows(struct top *top)
{
	sort_by = top->sort;
	if (top->count > 0)
		qsort(top->rows, top->count, sizeof(*top->rows), compare);
}

static void show_rows(struct top *top, size_t most)
{
	static const struct column columns[] = {
		{"NAME", NULL, COLUMN_NAME},
		{"KIND", "kind", COLUMN_TEXT},
		{"STATE", "state", COLUMN_STATE},
		{"PACKETS/S", "packets", COLUMN_INTEGER},
		{"BITS/S", "bits", COLUMN_INTEGER},
		{"NEW/S", "new", COLUMN_INTEGER | COLUMN_SPARE},
		{"FLOWS", "flows", COLUMN_INTEGER | COLUMN_SPARE},
		{"SHARE", "share", COLUMN_TEXT | COLUMN_SPARE},
	};
	struct table *table = table_create(columns, sizeof(columns) / sizeof(columns[0]), 0);

	sort_rows(top);
	for (size_t i = 0; i < top->count && i < most; i++) {
		json_t *object = row_json(&top->rows[i]);

		table_row(table, top->rows[i].name, object, NULL);
		json_decref(object);
	}
	table_print(table, top->filter[0] ? "nothing has these letters" : "nothing to show");
}

static void show_json_rows(struct top *top)
{
	json_t *rows = json_array(), *object;

	sort_rows(top);
	for (size_t i = 0; i < top->count; i++)
		(void)json_array_append_new(rows, row_json(&top->rows[i]));
	object = json_pack("{s:f, s:o}", "seconds", top->seconds, "rows", rows);
	show_json(object);
	json_decref(object);
}

/* ---- asking ---------------------------------------------------------------------------------- */

/* The next figures; false: the daemon went, which was told. */
static bool ask(struct top *top)
{
	json_t *stats = client_call_parts(top->command->client, "stats", NULL);
	json_t *services = stats ? client_call_parts(top->command->client, "services", NULL) : NULL;

	if (!services) {
		json_decref(stats);
		return false;
	}
	json_decref(top->stats_before);
	json_decref(top->services_before);
	top->stats_before = top->stats;
	top->services_before = top->services;
	top->stats = stats;
	top->services = services;
	top->seconds = get_number(stats, "uptime_seconds") -
		       get_number(top->stats_before, "uptime_seconds");
	return true;
}

static void pause_ms(uint64_t ms)
{
	const struct timespec pause = {.tv_sec = (time_t)(ms / 1000),
				       .tv_nsec = (long)(ms % 1000) * 1000000};

	(void)nanosleep(&pause, NULL);
}

/* ---- a terminal ------------------------------------------------------------------------------ */

static struct termios cooked;

static void leave_screen(void)
{
	(void)tcsetattr(STDIN_FILENO, TCSANOW, &cooked);
	printf("\033[?25h\033[?1049l");
	(void)fflush(stdout);
}

static void on_signal(int number)
{
	static const char leave[] = "\033[?25h\033[?1049l";

	(void)tcsetattr(STDIN_FILENO, TCSANOW, &cooked);
	(void)!write(STDOUT_FILENO, leave, sizeof(leave) - 1);
	_exit(128 + number);
}

static void on_resize(int number)
{
	(void)number; /* ends poll() */
}

static void enter_screen(void)
{
	const struct sigaction end = {.sa_handler = on_signal}, resize = {.sa_handler = on_resize};
	struct termios raw;

	(void)tcgetattr(STDIN_FILENO, &cooked);
	(void)sigaction(SIGINT, &end, NULL);
	(void)sigaction(SIGTERM, &end, NULL);
	(void)sigaction(SIGHUP, &end, NULL);
	(void)sigaction(SIGWINCH, &resize, NULL);
	raw = cooked;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	(void)tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	printf("\033[?1049h\033[?25l");
}

static size_t terminal_rows(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > HEAD_LINES)
		return size.ws_row;
	return 24;
}

static size_t terminal_columns(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	return 80;
}

static void draw(struct top *top)
{
	const json_t *now = json_object_get(top->stats, "balance");
	const json_t *then = json_object_get(top->stats_before, "balance");
	char line[256];

	collect(top);
	printf("\033[H\033[2J");
	(void)snprintf(
		line, sizeof(line),
		"generation %lld  in %.0f/s  to nodes %.0f/s  to workers %.0f/s  dropped %.0f/s",
		get_integer(top->stats, "generation"), a_second(top, now, then, "received"),
		a_second(top, now, then, "forwarded"), a_second(top, now, then, "delivered"),
		a_second(top, now, then, "dropped"));
	printf("%.*s\n", (int)terminal_columns(), line);
	(void)snprintf(line, sizeof(line), "s sort: %s   / filter: %s%s   q ends", sorts[top->sort],
		       top->filter, top->typing ? "_" : "");
	printf("%.*s\n\n", (int)terminal_columns(), line);
	show_rows(top, terminal_rows() - HEAD_LINES - 1);
	(void)fflush(stdout);
}

static void type(struct top *top, char key)
{
	size_t length = strlen(top->filter);

	if (key == '\n' || key == '\r') {
		top->typing = false;
	} else if (key == ESCAPE) {
		top->typing = false;
		top->filter[0] = '\0';
	} else if (key == BACKSPACE || key == '\b') {
		top->filter[length ? length - 1 : 0] = '\0';
	} else if (key >= ' ' && key < BACKSPACE && length + 1 < sizeof(top->filter)) {
		top->filter[length] = key;
		top->filter[length + 1] = '\0';
	}
}

/* False: it ends. */
static bool press(struct top *top, char key)
{
	if (top->typing) {
		type(top, key);
		return true;
	}
	if (key == 's')
		top->sort = (enum sort)((top->sort + 1) % SORT_COUNT);
	if (key == '/')
		top->typing = true;
	if (key == ESCAPE)
		top->filter[0] = '\0';
	return key != 'q';
}

static uint64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Until the next round is due; false: it ends. */
static bool wait_keys(struct top *top)
{
	uint64_t end = now_ms() + top->interval_ms, now;
	struct pollfd keys = {.fd = STDIN_FILENO, .events = POLLIN};
	char key;

	while ((now = now_ms()) < end) {
		int ready = poll(&keys, 1, (int)(end - now));

		if (ready > 0 && read(STDIN_FILENO, &key, 1) <= 0)
			return false;
		if (ready > 0 && !press(top, key))
			return false;
		if (ready != 0)
			draw(top);
	}
	return true;
}

static int run_screen(struct top *top)
{
	bool goes_on = true;
	long long i = 0;

	enter_screen();
	while (goes_on && ask(top)) {
		draw(top);
		goes_on = (top->rounds == 0 || ++i < top->rounds) && wait_keys(top);
	}
	leave_screen();
	return goes_on ? client_status(top->command->client) : EXIT_DONE;
}

static int run_plain(struct top *top)
{
	long long rounds = top->rounds ? top->rounds : 1;

	if (!ask(top))
		return client_status(top->command->client);
	for (long long i = 0; i < rounds; i++) {
		pause_ms(top->interval_ms);
		if (!ask(top))
			return client_status(top->command->client);
		if (i > 0 && !top->command->json)
			putchar('\n');
		collect(top);
		if (top->command->json)
			show_json_rows(top);
		else
			show_rows(top, SIZE_MAX);
		(void)fflush(stdout);
	}
	return EXIT_DONE;
}

/* ---- the verb -------------------------------------------------------------------------------- */

/* A pool that there is not is refused with what the daemon says of it. */
static int check_pool(const struct top *top)
{
	struct client *client = top->command->client;
	json_t *nodes = NULL;

	if (!top->pool)
		return EXIT_DONE;
	nodes = client_call(client, "nodes", json_pack("{s:s, s:i}", "pool", top->pool, "count", 1),
			    NULL);
	json_decref(nodes);
	return nodes ? EXIT_DONE : client_status(client);
}

int verb_top(struct command *command)
{
	const char *interval = command_option(command, "interval");
	const char *count = command_option(command, "count");
	struct top top = {.command = command,
			  .pool = command->word_count ? command->words[0] : NULL,
			  .interval_ms = INTERVAL_MS};
	int rc;

	if (interval && (sl_duration_parse(interval, &top.interval_ms) || top.interval_ms == 0))
		return complain("--interval %s is no duration: write 500ms or 2s", interval);
	if (count && !parse_count("--count", count, &top.rounds))
		return EXIT_REFUSED;
	rc = check_pool(&top);
	if (rc == EXIT_DONE)
		rc = show_fancy() && isatty(STDIN_FILENO) && !command->json ? run_screen(&top)
									    : run_plain(&top);
	json_decref(top.stats);
	json_decref(top.stats_before);
	json_decref(top.services);
	json_decref(top.services_before);
	free(top.rows);
	return rc;
}
