/* SPDX-License-Identifier: BSD-3-Clause */

/* sluice-node: on servers, takes off the tunnels in which dispatchers send packets. */

#include <errno.h>
#include <getopt.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "base/number.h"
#include "pkt/encap.h"
#include "status.h"

enum { EXIT_WRONG = 1, EXIT_MACHINE = 2 };

enum {
	OPTION_DECAP = 256,
	OPTION_ADDRESS,
	OPTION_FROM,
	OPTION_GUE_PORT,
	OPTION_MODE,
	OPTION_CHANCE,
	OPTION_JSON,
	OPTION_VERSION
};

static const char usage[] =
	"Usage: sluice-node attach IFACE [OPTION...]\n"
	"       sluice-node detach IFACE\n"
	"       sluice-node status [--json]\n"
	"Takes off the tunnels in which sluice's dispatchers send packets to this server, in the\n"
	"kernel, without a tunnel device. What is attached stays until it is detached; attaching\n"
	"again takes the options and the host's addresses as they are now.\n"
	"\n"
	"      --decap LIST       of ipip, gre, gue, vxlan; all unless told\n"
	"      --from LIST        outer sources (addresses, prefixes) whose packets are taken; "
	"all\n"
	"                         unless told\n"
	"      --address LIST     outer destinations beside the addresses of IFACE\n"
	"      --second-chance    TCP segments without a socket here go on to the node that GUE\n"
	"                         names (second_chance of pools)\n"
	"      --gue-port PORT    of GUE, 6080 unless told\n"
	"      --mode MODE        auto (native, else generic), native or generic\n"
	"      --json             status as an object\n"
	"      --version, --help\n"
	"\n"
	"Exit status: 0 done; 1 the command line is wrong, or the interface has another program;\n"
	"2 the machine lacks what it takes.\n";

static const struct option longs[] = {
	{"decap", required_argument, NULL, OPTION_DECAP},
	{"address", required_argument, NULL, OPTION_ADDRESS},
	{"from", required_argument, NULL, OPTION_FROM},
	{"gue-port", required_argument, NULL, OPTION_GUE_PORT},
	{"mode", required_argument, NULL, OPTION_MODE},
	{"second-chance", no_argument, NULL, OPTION_CHANCE},
	{"json", no_argument, NULL, OPTION_JSON},
	{"version", no_argument, NULL, OPTION_VERSION},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

struct options {
	struct sl_decap_spec spec;
	struct sl_addr addresses[SL_DECAP_OWN_MAX];
	struct sl_prefix from[SL_DECAP_FROM_MAX];
	const char *of_attach; /* an option that only attach takes */
	bool json;
};

/* ---- options --------------------------------------------------------------------------------- */

static int wrong(const char *option, const char *text, const char *what)
{
	fprintf(stderr, "sluice-node: %s %s: %s\n", option, text, what);
	return -EINVAL;
}

/* Calls take for each word of a list with commas, whose octets are overwritten. */
static int each_word(char *list, struct options *options,
		     int (*take)(struct options *options, const char *word))
{
	char *rest = list;
	int status = 0;

	while (rest && status == 0) {
		char *word = strsep(&rest, ",");

		status = take(options, word);
	}
	return status;
}

static int take_tunnel(struct options *options, const char *word)
{
	for (uint32_t t = SL_ENCAP_IPIP; t <= SL_ENCAP_VXLAN; t++)
		if (strcmp(word, sl_encap_name((enum sl_encap_type)t)) == 0) {
			options->spec.tunnels |= 1u << t;
			return 0;
		}
	return wrong("--decap", word, "must be ipip, gre, gue or vxlan, with commas between");
}

static int take_address(struct options *options, const char *word)
{
	if (options->spec.address_count == SL_ARRAY_COUNT(options->addresses))
		return wrong("--address", word, "these are too many");
	if (sl_addr_parse(word, &options->addresses[options->spec.address_count]) != 0)
		return wrong("--address", word, "must be IPv4 or IPv6 addresses");
	options->spec.address_count++;
	return 0;
}

static int take_from(struct options *options, const char *word)
{
	if (options->spec.from_count == SL_ARRAY_COUNT(options->from))
		return wrong("--from", word, "these are too many");
	if (sl_prefix_parse(word, &options->from[options->spec.from_count], NULL) != 0)
		return wrong("--from", word,
			     "must be addresses or prefixes (without bits behind the prefix)");
	options->spec.from_count++;
	return 0;
}

static int take_port(struct options *options, const char *word)
{
	uint64_t port;

	if (sl_number_parse(word, &port) != 0 || port == 0 || port > UINT16_MAX ||
	    port == SL_VXLAN_PORT)
		return wrong("--gue-port", word, "must be a port from 1 to 65535, not VXLAN's");
	options->spec.gue_port = (uint16_t)port;
	return 0;
}

static int take_mode(struct options *options, const char *word)
{
	static const char *const names[] = {"auto", "native", "generic"};

	for (uint32_t m = 0; m < SL_ARRAY_COUNT(names); m++)
		if (strcmp(word, names[m]) == 0) {
			options->spec.mode = (enum sl_xdp_mode)m;
			return 0;
		}
	return wrong("--mode", word, "must be auto, native or generic");
}

/* 0, negative, or 1: all is said. */
static int take_option(int option, struct options *options)
{
	if (option >= OPTION_DECAP && option <= OPTION_CHANCE)
		options->of_attach = longs[option - OPTION_DECAP].name;
	switch (option) {
	case OPTION_DECAP:
		return each_word(optarg, options, take_tunnel);
	case OPTION_ADDRESS:
		return each_word(optarg, options, take_address);
	case OPTION_FROM:
		return each_word(optarg, options, take_from);
	case OPTION_GUE_PORT:
		return take_port(options, optarg);
	case OPTION_MODE:
		return take_mode(options, optarg);
	case OPTION_CHANCE:
		options->spec.second_chance = true;
		return 0;
	case OPTION_JSON:
		options->json = true;
		return 0;
	case OPTION_VERSION:
		printf("sluice-node %s\n", SLUICE_VERSION);
		return 1;
	case 'h':
		fputs(usage, stdout);
		return 1;
	default:
		fputs("sluice-node --help says what there is\n", stderr);
		return -EINVAL;
	}
}

/* ---- commands -------------------------------------------------------------------------------- */

/* The machine's fault, or the command's. */
static int say(const struct sl_err *err)
{
	fprintf(stderr, "sluice-node: %s\n", err->text);
	return err->code == -EBUSY || err->code == -ENODEV || err->code == -EADDRNOTAVAIL
		       ? EXIT_WRONG
		       : EXIT_MACHINE;
}

static int attach(struct options *options)
{
	struct sl_decap_state state;
	struct sl_err err;

	if (!options->spec.tunnels)
		options->spec.tunnels = 1u << SL_ENCAP_IPIP | 1u << SL_ENCAP_GRE |
					1u << SL_ENCAP_GUE | 1u << SL_ENCAP_VXLAN;
	if (sl_decap_attach(&options->spec, &state, &err) < 0)
		return say(&err);
	status_line(&state);
	return 0;
}

static int detach(struct options *options)
{
	struct sl_err err;
	int status = sl_decap_detach(options->spec.interface, &err);

	if (status < 0)
		return say(&err);
	printf("%s: %s\n", options->spec.interface,
	       status > 0 ? "detached" : "nothing was attached");
	return 0;
}

static int show(struct options *options)
{
	struct sl_err err;

	return status_show(options->json, &err) < 0 ? say(&err) : 0;
}

static const struct command {
	const char *name;
	bool takes_interface;
	int (*run)(struct options *options);
} commands[] = {
	{"attach", true, attach},
	{"detach", true, detach},
	{"status", false, show},
};

static const struct command *find_command(int argc, char **argv)
{
	for (uint32_t c = 0; argc > 0 && c < SL_ARRAY_COUNT(commands); c++)
		if (strcmp(argv[0], commands[c].name) == 0)
			return &commands[c];
	return NULL;
}

int main(int argc, char **argv)
{
	static struct options options;
	const struct command *command;
	int option, status = 0;

	options.spec = (struct sl_decap_spec){
		.gue_port = SL_GUE_PORT, .addresses = options.addresses, .from = options.from};
	while (status == 0 && (option = getopt_long(argc, argv, "h", longs, NULL)) != -1)
		status = take_option(option, &options);
	if (status != 0)
		return status > 0 ? 0 : EXIT_WRONG;
	argc -= optind;
	argv += optind;
	command = find_command(argc, argv);
	if (!command || argc != 1 + command->takes_interface) {
		fputs(usage, stderr);
		return EXIT_WRONG;
	}
	if (command->takes_interface)
		options.spec.interface = argv[1];
	if (command->takes_interface && strlen(argv[1]) >= IF_NAMESIZE)
		return wrong("interface", argv[1], "no interface has such a name") ? EXIT_WRONG : 0;
	if ((options.of_attach && command->run != attach) ||
	    (options.json && command->run != show)) {
		fprintf(stderr, "sluice-node: --%s does not go with %s\n",
			options.json ? "json" : options.of_attach, command->name);
		return EXIT_WRONG;
	}
	return command->run(&options);
}
