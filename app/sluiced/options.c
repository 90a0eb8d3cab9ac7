/* SPDX-License-Identifier: BSD-3-Clause */

#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "lines.h"

#define IDLE_MS_MAX  86400000ull /* a day */
#define FILE_DEFAULT "/etc/sluice/sluice.yaml"

enum {
	OPTION_CHECK = 256,
	OPTION_IDLE,
	OPTION_REPORT,
	OPTION_LEVEL,
	OPTION_DETACH,
	OPTION_DETACH_ON_EXIT,
	OPTION_FORMAT,
	OPTION_VERSION
};

static const char usage[] =
	"Usage: sluiced [-c FILE] [OPTION...]\n"
	"Dispatches packets to weighted workers and nodes as FILE says, until SIGTERM or SIGINT.\n"
	"\n"
	"  -c, --config FILE      the configuration (YAML), " FILE_DEFAULT " unless told;\n"
	"                         SIGHUP reads it again and applies it\n"
	"      --check            read and validate FILE, touch no device, exit\n"
	"      --exit-when-idle MS  end in good order once no packet has come for MS milliseconds\n"
	"      --report FILE      write the statistics to FILE at the end, - for standard output\n"
	"      --detach           take away the XDP programs of FILE's instance that serve on, and "
	"exit\n"
	"      --detach-on-exit   take them away at the end\n"
	"      --log-level LEVEL  error, warning, notice, info (default) or debug\n"
	"      --log-format FORMAT  text (default) or json: an object a line; with time and level\n"
	"                         unless the journal adds them\n"
	"      --version, --help\n"
	"\n"
	"Exit status: 0 fine; 1 the configuration or the command line is wrong; 2 the machine "
	"lacks\n"
	"what the configuration asks for.\n";

static const struct option longs[] = {
	{"config", required_argument, NULL, 'c'},
	{"check", no_argument, NULL, OPTION_CHECK},
	{"exit-when-idle", required_argument, NULL, OPTION_IDLE},
	{"report", required_argument, NULL, OPTION_REPORT},
	{"detach", no_argument, NULL, OPTION_DETACH},
	{"detach-on-exit", no_argument, NULL, OPTION_DETACH_ON_EXIT},
	{"log-level", required_argument, NULL, OPTION_LEVEL},
	{"log-format", required_argument, NULL, OPTION_FORMAT},
	{"version", no_argument, NULL, OPTION_VERSION},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static int parse_idle(const char *text, struct options *options)
{
	char *end;

	errno = 0;
	options->idle_ms = strtoull(text, &end, 10);
	options->idle_set = true;
	if (errno || *end || end == text || *text == '-' || options->idle_ms > IDLE_MS_MAX) {
		sl_log(SL_LOG_ERROR,
		       "--exit-when-idle %s: not a number of milliseconds from 0 to %llu", text,
		       IDLE_MS_MAX);
		return -EINVAL;
	}
	return 0;
}

static int parse_one(int option, struct options *options)
{
	switch (option) {
	case 'c':
		options->file = optarg;
		return 0;
	case OPTION_CHECK:
		options->check = true;
		return 0;
	case OPTION_IDLE:
		return parse_idle(optarg, options);
	case OPTION_DETACH:
		options->detach = true;
		return 0;
	case OPTION_DETACH_ON_EXIT:
		options->detach_on_exit = true;
		return 0;
	case OPTION_REPORT:
		options->report = optarg;
		return 0;
	case OPTION_LEVEL:
		if (sl_log_level_parse(optarg, &options->level) == 0)
			return 0;
		sl_log(SL_LOG_ERROR,
		       "--log-level %s: must be error, warning, notice, info or debug", optarg);
		return -EINVAL;
	case OPTION_FORMAT:
		if (lines_format_parse(optarg, &options->json) == 0)
			return 0;
		sl_log(SL_LOG_ERROR, "--log-format %s: must be text or json", optarg);
		return -EINVAL;
	case OPTION_VERSION:
		printf("sluiced %s\n", SLUICE_VERSION);
		return 1;
	case 'h':
		fputs(usage, stdout);
		return 1;
	default:
		sl_log(SL_LOG_ERROR, "sluiced --help says what there is");
		return -EINVAL;
	}
}

int options_parse(int argc, char **argv, struct options *options)
{
	int option;

	*options = (struct options){.file = FILE_DEFAULT, .level = SL_LOG_INFO};
	while ((option = getopt_long(argc, argv, "c:h", longs, NULL)) != -1) {
		int status = parse_one(option, options);

		if (status != 0)
			return status;
	}
	if (optind < argc) {
		sl_log(SL_LOG_ERROR, "%s: sluiced takes no arguments beside options", argv[optind]);
		return -EINVAL;
	}
	return 0;
}
