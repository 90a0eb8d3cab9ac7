/* SPDX-License-Identifier: BSD-3-Clause */

/* Device strings: short forms, and what the device of one port has no other may have. The strings alone
 * tell. */

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "conf/key.h"

#define CLAIM_SIZE    1024
#define INTERFACE_MAX 15 /* characters of an interface's name */

/* The PCI address at the start of a device string, written in one way; false: there is none. Digits
 * may be of either case, zeros in front and the domain left out. */
static bool pci(const char *device, char *text)
{
	unsigned int domain = 0, bus, slot, function;
	int end = -1;

	if (sscanf(device, "%4x:%2x:%2x.%1x%n", &domain, &bus, &slot, &function, &end) != 4) {
		domain = 0;
		end = -1;
		if (sscanf(device, "%2x:%2x.%1x%n", &bus, &slot, &function, &end) != 3)
			return false;
	}
	if (device[end] != '\0' && device[end] != ',')
		return false;
	(void)snprintf(text, CLAIM_SIZE, "the device %04x:%02x:%02x.%x", domain, bus, slot,
		       function);
	return true;
}

/* The nth thing that a device has for itself: its name, its interface, the captures it writes. False:
 * there are no more. */
static bool claim(const char *device, uint32_t nth, char *text)
{
	static const char *const forms[] = {"packet:", "tap:", "xdp:"};
	static const char *const keys[] = {",iface=", ",tx_pcap=", ",tx_iface="};
	const char *at = device;

	if (nth == 0) {
		if (!pci(device, text))
			(void)snprintf(text, CLAIM_SIZE, "the device %.*s", (int)strcspn(at, ","),
				       at);
		return true;
	}
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (strncmp(device, forms[i], strlen(forms[i])) == 0 && --nth == 0) {
			(void)snprintf(text, CLAIM_SIZE, "the interface %s",
				       device + strlen(forms[i]));
			return true;
		}
	/* Sockets of AF_XDP with a queue each share an interface. */
	for (size_t i = strstr(device, ",start_queue=") ? 1 : 0; i < sizeof(keys) / sizeof(keys[0]);
	     i++)
		for (at = strstr(device, keys[i]); at; at = strstr(at, keys[i])) {
			at += strlen(keys[i]);
			if (--nth > 0)
				continue;
			(void)snprintf(text, CLAIM_SIZE, "the %s %.*s",
				       i == 1 ? "capture" : "interface", (int)strcspn(at, ","), at);
			return true;
		}
	return false;
}

static bool claims(const char *device, const char *wanted)
{
	char text[CLAIM_SIZE];

	for (uint32_t i = 0; claim(device, i, text); i++)
		if (strcmp(text, wanted) == 0)
			return true;
	return false;
}

/* The short forms: a name that no interface can have, a path that no device string can carry. */
static void check_form(struct sl_conf_reader *reader, const struct sl_conf_port *port)
{
	static const char *const forms[] = {"packet:", "tap:", "xdp:", "vhost:"};
	const char *device = port->device;

	for (size_t i = 0; i < SL_ARRAY_COUNT(forms); i++) {
		const char *name = device + strlen(forms[i]);
		size_t length;

		if (strncmp(device, forms[i], strlen(forms[i])) != 0)
			continue;
		length = strlen(name);
		if (forms[i][0] == 'v' && (length == 0 || strchr(name, ',')))
			sl_conf_error_at(reader, port->line, port->column,
					 "port `%s`: \"%s\": vhost: takes the path of a socket, "
					 "without commas",
					 port->name, device);
		else if (forms[i][0] != 'v' &&
			 (length == 0 || length > INTERFACE_MAX || strpbrk(name, "/, ")))
			sl_conf_error_at(reader, port->line, port->column,
					 "port `%s`: \"%s\": the name of an interface has 1 to %d "
					 "characters, none of them a slash, comma or space",
					 port->name, device, INTERFACE_MAX);
	}
}

static void check_device(struct sl_conf_reader *reader, const struct sl_conf_port *port)
{
	char text[CLAIM_SIZE];

	for (const struct sl_conf_port *other = reader->conf->ports; other < port; other++)
		for (uint32_t i = 0; other->device && claim(port->device, i, text); i++) {
			if (strcmp(text, "the capture /dev/null") == 0 ||
			    !claims(other->device, text))
				continue;
			sl_conf_error_at(reader, port->line, port->column,
					 "%s of port `%s` is that of port `%s` of line %u, too; "
					 "each serves one port",
					 text, port->name, other->name, other->line);
			return;
		}
}

void sl_conf_check_devices(struct sl_conf_reader *reader)
{
	for (uint32_t i = 0; i < reader->conf->port_count; i++)
		if (reader->conf->ports[i].device) {
			check_form(reader, &reader->conf->ports[i]);
			check_device(reader, &reader->conf->ports[i]);
		}
}
