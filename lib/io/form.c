/* SPDX-License-Identifier: BSD-3-Clause */

#include "io/form.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/if_packet.h>

#include "base/bytes.h"
#include "io/interface.h"

/* Rings of net_af_packet, when its own frames of 2,048 octets are too small. */
#define BLOCK_FRAMES  64
#define FRAMES_WANTED 512
#define FRAME_STEP    64 /* so many of them are whole pages, whatever the size */
#define FRAME_HEAD    90 /* what the kernel puts before a frame, TPACKET2 with its alignment */
#define FRAME_DEFAULT 2048
#define FRAME_MAX     65536
#define LINK_OVERHEAD 22					     /* Ethernet, two VLAN tags */
#define HEAD_COUNTED  (TPACKET2_HDRLEN - sizeof(struct sockaddr_ll)) /* by the driver */

bool sl_form_is(const char *text, const char *driver)
{
	size_t length = strlen(driver), rest;

	if (strncmp(text, driver, length) != 0)
		return false;
	rest = strcspn(text + length, ",");
	return text[length] == '_' || strspn(text + length, "0123456789_") == rest;
}

bool sl_form_value(const char *text, const char *key, uint32_t nth, char *value, uint32_t size)
{
	size_t length = strlen(key);

	for (const char *at = strchr(text, ','); at != NULL; at = strchr(at, ',')) {
		at++;
		if (strncmp(at, key, length) != 0 || at[length] != '=' || nth-- > 0)
			continue;
		at += length + 1;
		snprintf(value, size, "%.*s", (int)strcspn(at, ","), at);
		return true;
	}
	return false;
}

/* True if the device has a short form, which the configuration has looked at. */
static bool short_form(const char *device, uint16_t queues, char *text)
{
	static const char *const forms[] = {"packet:", "xdp:", "tap:", "vhost:"};
	const char *name = NULL;
	uint32_t form, all;

	for (form = 0; form < SL_ARRAY_COUNT(forms) && name == NULL; form++)
		if (strncmp(device, forms[form], strlen(forms[form])) == 0)
			name = device + strlen(forms[form]);
	if (name == NULL)
		return false;
	form--;
	all = form == 1 ? sl_interface_rx_queues(name) : 0;
	if (form == 0)
		snprintf(text, SL_FORM_SIZE, "net_af_packet_%s,iface=%s,qpairs=%u", name, name,
			 queues);
	else if (form == 1)
		snprintf(text, SL_FORM_SIZE, "net_af_xdp_%s,iface=%s,queue_count=%u", name, name,
			 SL_MAX(all, 1u));
	else if (form == 2)
		snprintf(text, SL_FORM_SIZE, "net_tap_%s,iface=%s", name, name);
	else
		snprintf(text, SL_FORM_SIZE, "net_vhost_%08x,iface=%.1000s,queues=%u",
			 sl_interface_hash(name), name, queues);
	return true;
}

/* Frames that hold the MTU, in blocks without a rest: the driver takes all for one behind the other. */
static void frames_add(uint16_t mtu, char *text)
{
	uint32_t frame = (mtu + LINK_OVERHEAD + FRAME_HEAD + FRAME_STEP - 1u) & ~(FRAME_STEP - 1u);
	size_t used = strlen(text);
	char value[16];

	if (frame <= FRAME_DEFAULT || sl_form_value(text, "framesz", 0, value, sizeof(value)))
		return;
	snprintf(text + used, SL_FORM_SIZE - used, ",framesz=%u,blocksz=%u,framecnt=%u", frame,
		 BLOCK_FRAMES * frame, FRAMES_WANTED);
}

void sl_form_write(const char *device, uint16_t queues, uint16_t mtu, char *text)
{
	char made[SL_FORM_SIZE];

	if (!short_form(device, SL_MAX(queues, 1), made))
		snprintf(made, sizeof(made), "%.1100s", device);
	if (sl_form_is(made, "net_af_packet"))
		frames_add(mtu, made);
	memcpy(text, made, sizeof(made));
}

uint32_t sl_form_room(const char *text)
{
	unsigned long frame;
	char value[16];

	if (!sl_form_is(text, "net_af_packet") ||
	    !sl_form_value(text, "framesz", 0, value, sizeof(value)))
		return 0;
	frame = strtoul(value, NULL, 10);
	return frame > HEAD_COUNTED && frame <= FRAME_MAX ? (uint32_t)(frame - HEAD_COUNTED) : 0;
}

void sl_form_own_mac(const char *text, struct sl_mac *mac)
{
	char value[SL_MAC_TEXT_SIZE + 1];

	if (sl_form_is(text, "net_tap") &&
	    (!sl_form_value(text, "mac", 0, value, sizeof(value)) || strcmp(value, "fixed") == 0))
		mac->octets[SL_MAC_SIZE - 1] ^= 1;
}
