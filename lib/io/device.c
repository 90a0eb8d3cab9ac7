/* SPDX-License-Identifier: BSD-3-Clause */

#include "io/device.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <pcap/pcap.h>

#include "base/bytes.h"
#include "io/form.h"
#include "io/interface.h"
#include "io/port.h"

/* What becomes known while the keys of a device string are read. */
struct look {
	struct sl_device *device;
	bool is_live;	       /* an interface is named */
	struct stat inputs[8]; /* captures that are read: none may be written, too */
	uint32_t input_count;
};

bool sl_device_is_pci(const char *text, char *address)
{
	unsigned int domain = 0, bus, slot, function;
	int end = -1;

	if (sscanf(text, "%4x:%2x:%2x.%1x%n", &domain, &bus, &slot, &function, &end) != 4 ||
	    end < 0) {
		domain = 0;
		end = -1;
		if (sscanf(text, "%2x:%2x.%1x%n", &bus, &slot, &function, &end) != 3 || end < 0)
			return false;
	}
	if ((text[end] != '\0' && text[end] != ',') || slot > 31 || function > 7)
		return false;
	if (address != NULL)
		snprintf(address, 16, "%04x:%02x:%02x.%x", domain & 0xffff, bus & 0xff, slot & 0xff,
			 function & 0xf);
	return true;
}

bool sl_device_is_unplugged(const char *text)
{
	char address[16], path[64];

	if (!sl_device_is_pci(text, address))
		return false;
	(void)snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s", address);
	return access(path, F_OK) != 0;
}

/* Reads a capture through to its end, to know whether it has one. */
static void capture_scan(pcap_t *pcap, const char *path, struct sl_device *device)
{
	struct pcap_pkthdr *header;
	const u_char *octets;
	unsigned long long count = 0, large = 0, first = 0;
	int got;

	while ((got = pcap_next_ex(pcap, &header, &octets)) == 1) {
		count++;
		device->frame_max = SL_MAX(device->frame_max, header->caplen);
		if (header->caplen > SL_DEVICE_FRAME_MAX && large++ == 0)
			first = count;
	}
	if (large > 0)
		snprintf(device->note, sizeof(device->note),
			 "the capture %.200s has %llu frames of more than %d octets, the first is "
			 "frame %llu: they are dropped as truncated",
			 path, large, SL_DEVICE_FRAME_MAX, first);
	if (got == PCAP_ERROR)
		snprintf(device->note, sizeof(device->note),
			 "the capture %.200s is damaged after frame %llu (%.100s): the frames "
			 "before are read",
			 path, count, pcap_geterr(pcap));
	else if (count == 0)
		snprintf(device->note, sizeof(device->note), "the capture %.200s holds no frames",
			 path);
}

static int capture_check(const char *path, struct look *look, struct sl_err *err)
{
	char text[PCAP_ERRBUF_SIZE] = "";
	struct stat status;
	pcap_t *pcap;
	int link;

	if (stat(path, &status) != 0 || access(path, R_OK) != 0)
		return sl_err_set(err, -errno, "the capture %s cannot be read: %s", path,
				  strerror(errno));
	if (!S_ISREG(status.st_mode))
		return sl_err_set(err, -EINVAL, "the capture %s is not a regular file", path);
	if (status.st_size == 0)
		return sl_err_set(err, -EBADMSG,
				  "the capture %s is empty: give a pcap or pcapng file", path);
	pcap = pcap_open_offline(path, text);
	if (pcap == NULL)
		return sl_err_set(err, -EBADMSG,
				  "the capture %s is no whole pcap or pcapng file: %.160s", path,
				  text);
	link = pcap_datalink(pcap);
	if (link != DLT_EN10MB) {
		const char *name = pcap_datalink_val_to_name(link);

		pcap_close(pcap);
		return sl_err_set(err, -EPROTO,
				  "the capture %s holds %s frames, not Ethernet: convert it or "
				  "capture on an Ethernet interface",
				  path, name == NULL ? "unknown" : name);
	}
	if (status.st_size <= SL_DEVICE_CAPTURE_SCAN_MAX)
		capture_scan(pcap, path, look->device);
	else
		look->device->frame_max = SL_MAX(look->device->frame_max, SL_DEVICE_FRAME_MAX);
	pcap_close(pcap);
	if (look->input_count < sizeof(look->inputs) / sizeof(look->inputs[0]))
		look->inputs[look->input_count++] = status;
	return 0;
}

/* A file that will be written must have a folder we may write to, and must not be one we read. */
static int output_check(const char *path, const struct look *look, struct sl_err *err)
{
	char copy[SL_DEVICE_SIZE];
	const char *folder;
	struct stat status;

	snprintf(copy, sizeof(copy), "%s", path);
	folder = dirname(copy);
	if (access(folder, W_OK | X_OK) != 0)
		return sl_err_set(err, -errno,
				  "the capture %s cannot be written: its folder %s: %s", path,
				  folder, strerror(errno));
	if (stat(path, &status) != 0)
		return 0;
	if (S_ISDIR(status.st_mode) || access(path, W_OK) != 0)
		return sl_err_set(err, -EACCES, "the capture %s cannot be written: %s", path,
				  S_ISDIR(status.st_mode) ? "it is a folder" : strerror(errno));
	for (uint32_t i = 0; i < look->input_count; i++)
		if (status.st_ino == look->inputs[i].st_ino &&
		    status.st_dev == look->inputs[i].st_dev)
			return sl_err_set(err, -EINVAL,
					  "the capture %s would be read and overwritten: give "
					  "rx_pcap and tx_pcap different files",
					  path);
	return 0;
}

static int interface_check(const char *name, struct sl_err *err)
{
	if (sl_interface_is_there(name))
		return 0;
	return sl_err_set(err, -ENODEV,
			  "there is no network interface %s: `ip link` lists those there are",
			  name);
}

/* The driver would join an interface that it did not make, or make one of a name that is cut. */
static int tap_check(const char *name, struct sl_err *err)
{
	if (strlen(name) >= SL_INTERFACE_NAME_SIZE)
		return sl_err_set(err, -EINVAL,
				  "the name of interface %s is longer than %d characters", name,
				  SL_INTERFACE_NAME_SIZE - 1);
	if (!sl_interface_is_there(name))
		return 0;
	return sl_err_set(
		err, -EEXIST,
		"an interface %s is there and is not ours: choose another name, or remove "
		"it (`ip link delete %s`)",
		name, name);
}

/* net_null does not look whether its frames fit the buffers. */
static int null_size_check(const char *value, struct sl_err *err)
{
	char *end;
	unsigned long size = strtoul(value, &end, 0);

	if (*value != '\0' && *end == '\0' && size <= SL_PORT_ROOM)
		return 0;
	return sl_err_set(err, -ERANGE, "size=%s of net_null is more than a buffer's %d octets",
			  value, SL_PORT_ROOM);
}

static bool names_interface(const char *device, const char *key)
{
	if (sl_form_is(device, "net_af_packet") || sl_form_is(device, "net_af_xdp"))
		return strcmp(key, "iface") == 0;
	return sl_form_is(device, "net_pcap") &&
	       (strcmp(key, "iface") == 0 || strcmp(key, "rx_iface") == 0 ||
		strcmp(key, "rx_iface_in") == 0 || strcmp(key, "tx_iface") == 0);
}

/* A socket of AF_XDP gets what comes by its queue: what comes by others is lost, unless ports beside
 * (start_queue) take it. */
static int queues_check(const char *text, struct sl_err *err)
{
	char interface[SL_INTERFACE_NAME_SIZE] = "", value[16] = "1";
	uint32_t there;

	if (!sl_form_is(text, "net_af_xdp") ||
	    sl_form_value(text, "start_queue", 0, value, sizeof(value)) ||
	    !sl_form_value(text, "iface", 0, interface, sizeof(interface)))
		return 0;
	(void)sl_form_value(text, "queue_count", 0, value, sizeof(value));
	there = sl_interface_rx_queues(interface);
	if (there <= strtoul(value, NULL, 10))
		return 0;
	return sl_err_set(
		err, -ERANGE,
		"%s has %u receive queues and the device opens %s, so that what comes by "
		"the others would be lost: give queue_count=%u, or leave the interface %s "
		"(`ethtool -L %s combined %s`, for veth `ethtool -L %s rx %s tx %s`)",
		interface, there, value, there, value, interface, value, interface, value, value);
}

/* The driver takes slots of a ring for one behind the other, the kernel starts each block anew: after the
 * first block they would part. */
static int slots_check(const char *text, struct sl_err *err)
{
	char value[16] = "2048";
	unsigned long frame, block = (unsigned long)sysconf(_SC_PAGESIZE);

	if (!sl_form_is(text, "net_af_packet"))
		return 0;
	(void)sl_form_value(text, "framesz", 0, value, sizeof(value));
	frame = strtoul(value, NULL, 10);
	if (sl_form_value(text, "blocksz", 0, value, sizeof(value)))
		block = strtoul(value, NULL, 10);
	if (frame > 0 && block % frame == 0)
		return 0;
	return sl_err_set(err, -EINVAL,
			  "framesz=%lu does not divide blocksz=%lu, and frames would be lost: give "
			  "a blocksz that is a multiple of it and of %ld, or leave both out",
			  frame, block, sysconf(_SC_PAGESIZE));
}

/* One pass over the keys; outputs are looked at in the second pass, when all inputs are known. */
static int keys_check(char *keys, bool outputs, struct look *look, struct sl_err *err)
{
	bool is_pcap = sl_form_is(look->device->name, "net_pcap");
	bool is_null = sl_form_is(look->device->name, "net_null");
	bool is_tap = sl_form_is(look->device->name, "net_tap");
	char *rest = keys, *item;

	while ((item = strsep(&rest, ",")) != NULL) {
		char *value = strchr(item, '=');
		int rc = 0;

		if (value == NULL)
			continue;
		*value++ = '\0';
		if (outputs && is_pcap && strcmp(item, "tx_pcap") == 0)
			rc = output_check(value, look, err);
		else if (!outputs && is_tap && strcmp(item, "iface") == 0)
			rc = tap_check(value, err);
		else if (!outputs && is_null && strcmp(item, "size") == 0)
			rc = null_size_check(value, err);
		else if (!outputs && is_pcap && strcmp(item, "rx_pcap") == 0)
			rc = capture_check(value, look, err);
		else if (!outputs && names_interface(look->device->name, item)) {
			rc = interface_check(value, err);
			look->is_live = true;
		}
		if (rc != 0)
			return rc;
	}
	return 0;
}

int sl_device_check(const char *text, struct sl_device *device, struct sl_err *err)
{
	struct sl_device found = {0};
	struct look look = {.device = &found};
	char copy[SL_DEVICE_SIZE], address[16];
	size_t length = strcspn(text, ",");
	int rc;

	if (strlen(text) >= sizeof(copy))
		return sl_err_set(err, -EINVAL, "the device string is longer than %zu characters",
				  sizeof(copy) - 1);
	if (sl_device_is_pci(text, address)) {
		found.is_pci = true;
		memcpy(found.name, address, sizeof(address));
		*device = found;
		return 0;
	}
	if (length == 0 || length >= sizeof(found.name))
		return sl_err_set(err, -EINVAL,
				  "\"%s\" is no device: give a PCI address, packet:IFACE, "
				  "xdp:IFACE, tap:NAME, vhost:PATH or a DPDK device string as "
				  "net_pcap0,rx_pcap=FILE",
				  text);
	memcpy(found.name, text, length);
	for (int pass = 0; pass < 2; pass++) {
		snprintf(copy, sizeof(copy), "%s", text[length] == ',' ? text + length + 1 : "");
		rc = keys_check(copy, pass == 1, &look, err);
		if (rc != 0)
			return rc;
	}
	rc = queues_check(text, err);
	if (rc == 0)
		rc = slots_check(text, err);
	if (rc != 0)
		return rc;
	found.is_capture = sl_form_is(found.name, "net_pcap") && !look.is_live;
	*device = found;
	return 0;
}
