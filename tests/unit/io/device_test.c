/* SPDX-License-Identifier: BSD-3-Clause */

/* What device strings name, and the sentences about what is not there. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "io/device.h"

static char folder[] = "/tmp/sluice-device-XXXXXX";

/* A pcap file: version 2.4, snap length 65535. */
static const uint8_t head[24] = {0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, [16] = 0xff, 0xff, 0, 0, 1};
static const uint8_t record[16 + 20] = {[8] = 20, [12] = 20};

/* Writes count records after a header with this link type, and cuts the file to size (0: not). */
static const char *capture(const char *name, uint8_t link, int count, long size)
{
	static char path[128];
	uint8_t first[sizeof(head)];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "w");
	assert_non_null(file);
	memcpy(first, head, sizeof(head));
	first[20] = link;
	assert_int_equal(fwrite(first, sizeof(first), 1, file), 1);
	for (int i = 0; i < count; i++)
		assert_int_equal(fwrite(record, sizeof(record), 1, file), 1);
	fclose(file);
	if (size > 0)
		assert_int_equal(truncate(path, size), 0);
	return path;
}

static int check(struct sl_device *device, struct sl_err *err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int check(struct sl_device *device, struct sl_err *err, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	err->text[0] = '\0';
	return sl_device_check(text, device, err);
}

static void pci_addresses_are_known_with_and_without_a_domain(void **state)
{
	char address[16];

	(void)state;
	assert_true(sl_device_is_pci("0000:03:00.1", address));
	assert_string_equal(address, "0000:03:00.1");
	assert_true(sl_device_is_pci("3:00.1,arg=1", address));
	assert_string_equal(address, "0000:03:00.1");
	assert_false(sl_device_is_pci("net_null0", NULL));
	assert_false(sl_device_is_pci("03:00.8", NULL));
	assert_false(sl_device_is_pci("03:00.1x", NULL));
}

static void a_card_that_the_kernel_does_not_see_is_unplugged(void **state)
{
	(void)state;
	assert_true(sl_device_is_unplugged("00ff:ff:1f.7"));
	assert_false(sl_device_is_unplugged("net_null0"));
}

static void a_whole_capture_is_one_without_a_note(void **state)
{
	struct sl_device device;
	struct sl_err err;

	(void)state;
	assert_int_equal(
		check(&device, &err, "net_pcap0,rx_pcap=%s", capture("whole.pcap", 1, 3, 0)), 0);
	assert_true(device.is_capture);
	assert_string_equal(device.name, "net_pcap0");
	assert_string_equal(device.note, "");
}

static void a_capture_that_is_cut_is_read_as_far_as_it_goes_and_it_is_said(void **state)
{
	struct sl_device device;
	struct sl_err err;

	(void)state;
	assert_int_equal(check(&device, &err, "net_pcap0,rx_pcap=%s",
			       capture("cut.pcap", 1, 3, sizeof(head) + 2 * sizeof(record) + 9)),
			 0);
	assert_non_null(strstr(device.note, "damaged after frame 2"));
}

static void a_capture_without_frames_is_allowed_and_it_is_said(void **state)
{
	struct sl_device device;
	struct sl_err err;

	(void)state;
	assert_int_equal(
		check(&device, &err, "net_pcap0,rx_pcap=%s", capture("none.pcap", 1, 0, 0)), 0);
	assert_non_null(strstr(device.note, "holds no frames"));
}

static void captures_that_cannot_be_read_are_refused_by_name(void **state)
{
	struct sl_device device;
	struct sl_err err;

	(void)state;
	assert_int_equal(check(&device, &err, "net_pcap0,rx_pcap=%s/absent.pcap", folder), -ENOENT);
	assert_non_null(strstr(err.text, "absent.pcap"));
	assert_int_equal(
		check(&device, &err, "net_pcap0,rx_pcap=%s", capture("head.pcap", 1, 0, 11)),
		-EBADMSG);
	assert_non_null(strstr(err.text, "no whole pcap"));
	assert_int_equal(check(&device, &err, "net_pcap0,rx_pcap=%s", folder), -EINVAL);
	assert_int_equal(truncate(capture("empty.pcap", 1, 0, 0), 0), 0);
	assert_int_equal(check(&device, &err, "net_pcap0,rx_pcap=%s/empty.pcap", folder), -EBADMSG);
	assert_non_null(strstr(err.text, "is empty"));
}

static void a_capture_that_is_not_ethernet_is_refused_with_its_kind(void **state)
{
	struct sl_device device;
	struct sl_err err;

	(void)state;
	assert_int_equal(
		check(&device, &err, "net_pcap0,rx_pcap=%s", capture("sll.pcap", 113, 1, 0)),
		-EPROTO);
	assert_non_null(strstr(err.text, "LINUX_SLL"));
}

static void a_capture_to_write_needs_a_folder_and_must_not_be_one_that_is_read(void **state)
{
	struct sl_device device;
	struct sl_err err;

	(void)state;
	assert_int_equal(check(&device, &err, "net_pcap0,tx_pcap=%s/absent/out.pcap", folder),
			 -ENOENT);
	assert_non_null(strstr(err.text, "absent"));
	assert_int_equal(check(&device, &err, "net_pcap0,tx_pcap=%s/out.pcap", folder), 0);
	capture("same.pcap", 1, 1, 0);
	assert_int_equal(check(&device, &err, "net_pcap0,tx_pcap=%s/same.pcap,rx_pcap=%s/same.pcap",
			       folder, folder),
			 -EINVAL);
	assert_non_null(strstr(err.text, "overwritten"));
}

static void interfaces_that_are_not_there_are_refused_by_name(void **state)
{
	struct sl_device device;
	struct sl_err err;

	(void)state;
	assert_int_equal(check(&device, &err, "net_af_packet0,iface=nosuch0"), -ENODEV);
	assert_non_null(strstr(err.text, "nosuch0"));
	assert_int_equal(check(&device, &err, "net_pcap0,iface=nosuch0"), -ENODEV);
	assert_int_equal(check(&device, &err, "net_af_packet0,iface=lo"), 0);
	assert_int_equal(check(&device, &err, "net_af_packet0,iface=lo,framesz=4096"), 0);
	assert_int_equal(
		check(&device, &err, "net_af_packet0,iface=lo,framesz=9152,blocksz=585728"), 0);
	assert_int_equal(check(&device, &err, "net_af_packet0,iface=lo,framesz=9104,blocksz=65536"),
			 -EINVAL);
	assert_string_equal(
		err.text, "framesz=9104 does not divide blocksz=65536, and frames would be lost: "
			  "give a blocksz that is a multiple of it and of 4096, or leave both out");
	assert_int_equal(check(&device, &err, "net_pcap0,iface=lo"), 0);
	assert_false(device.is_capture);
}

static void the_longest_device_string_is_taken_and_one_more_is_refused(void **state)
{
	struct sl_device device;
	struct sl_err err;
	char text[SL_DEVICE_SIZE + 1];

	(void)state;
	memset(text, 'x', sizeof(text));
	memcpy(text, "net_null0,", 10);
	text[SL_DEVICE_SIZE] = '\0';
	assert_int_equal(sl_device_check(text, &device, &err), -EINVAL);
	text[SL_DEVICE_SIZE - 1] = '\0';
	assert_int_equal(sl_device_check(text, &device, &err), 0);
	assert_int_equal(sl_device_check("", &device, &err), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pci_addresses_are_known_with_and_without_a_domain),
		cmocka_unit_test(a_card_that_the_kernel_does_not_see_is_unplugged),
		cmocka_unit_test(a_whole_capture_is_one_without_a_note),
		cmocka_unit_test(a_capture_that_is_cut_is_read_as_far_as_it_goes_and_it_is_said),
		cmocka_unit_test(a_capture_without_frames_is_allowed_and_it_is_said),
		cmocka_unit_test(captures_that_cannot_be_read_are_refused_by_name),
		cmocka_unit_test(a_capture_that_is_not_ethernet_is_refused_with_its_kind),
		cmocka_unit_test(
			a_capture_to_write_needs_a_folder_and_must_not_be_one_that_is_read),
		cmocka_unit_test(interfaces_that_are_not_there_are_refused_by_name),
		cmocka_unit_test(the_longest_device_string_is_taken_and_one_more_is_refused),
	};
	char command[64];
	int failed;

	if (mkdtemp(folder) == NULL)
		return 99;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command) == 0 ? failed : 99;
}
