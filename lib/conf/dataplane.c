/* SPDX-License-Identifier: BSD-3-Clause */

/* The sections `dataplane` and `control`. */

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "conf/key.h"

#define CPU_MAX		  1023
#define EAL_ARGUMENTS_MAX 64
#define TEXT_MAX	  4096
#define SOCKET_PATH_MAX	  107 /* octets that a UNIX address takes */
#define GROUP_MAX	  32
#define MODE_MAX	  0777

/* ---- types that only these sections have ------------------------------------------------------*/

static void read_hash_key(struct sl_conf_reader *reader, const struct sl_conf_key *key,
			  const struct sl_yaml_node *value, void *object)
{
	uint8_t octets[SL_HASH_KEY_SIZE];
	const char *text = value->text;
	bool right = value->kind == SL_YAML_SCALAR && value->length == 2 * sizeof(octets);

	for (size_t i = 0; right && i < 2 * sizeof(octets); i++)
		right = isxdigit((unsigned char)text[i]);
	if (!right) {
		sl_conf_error(reader, value,
			      "`%s` takes 16 octets as 32 hexadecimal digits in quotes", key->name);
		return;
	}
	for (size_t i = 0; i < sizeof(octets); i++) {
		char pair[3] = {text[2 * i], text[2 * i + 1], '\0'};

		octets[i] = (uint8_t)strtoul(pair, NULL, 16);
	}
	memcpy(sl_conf_member(key, object), octets, sizeof(octets));
	sl_conf_mark(key, object);
}

static void write_hash_key(struct sl_conf_writer *writer, const struct sl_conf_key *key,
			   const void *object)
{
	const uint8_t *octets = sl_conf_member_const(key, object);

	(void)fputc('"', writer->out);
	for (size_t i = 0; i < SL_HASH_KEY_SIZE; i++)
		(void)fprintf(writer->out, "%02x", octets[i]);
	(void)fputc('"', writer->out);
}

static void read_mode(struct sl_conf_reader *reader, const struct sl_conf_key *key,
		      const struct sl_yaml_node *value, void *object)
{
	char shown[SL_CONF_SHOW_SIZE];
	bool right = value->kind == SL_YAML_SCALAR && value->length >= 3 && value->length <= 4 &&
		     strspn(value->text, "01234567") == value->length;
	uint64_t mode = right ? strtoul(value->text, NULL, 8) : 0;

	if (right && mode <= MODE_MAX)
		sl_conf_store(key, object, mode);
	else
		sl_conf_error(reader, value,
			      "`%s` takes permissions as octal digits such as \"0660\", not %s",
			      key->name, sl_conf_show(value, shown));
}

static void write_mode(struct sl_conf_writer *writer, const struct sl_conf_key *key,
		       const void *object)
{
	(void)fprintf(writer->out, "\"%04o\"", (unsigned int)sl_conf_load(key, object));
}

static void read_endpoint(struct sl_conf_reader *reader, const struct sl_conf_key *key,
			  const struct sl_yaml_node *value, void *object)
{
	char shown[SL_CONF_SHOW_SIZE];
	struct sl_addr addr;
	uint16_t port;

	if (value->kind == SL_YAML_SCALAR && strlen(value->text) == value->length &&
	    (sl_yaml_is_null(value) || !value->length ||
	     sl_endpoint_parse(value->text, &addr, &port) == 0))
		sl_conf_store_text(reader, key, object, sl_yaml_is_null(value) ? "" : value->text);
	else
		sl_conf_error(reader, value,
			      "`%s` takes an address and a port such as \"127.0.0.1:9464\" or "
			      "\"[::1]:9464\", or \"\" for none, not %s",
			      key->name, sl_conf_show(value, shown));
}

static void write_endpoint(struct sl_conf_writer *writer, const struct sl_conf_key *key,
			   const void *object)
{
	sl_conf_text.write(writer, key, object);
}

static const struct sl_conf_type hash_key = {SL_CONF_PLAIN, read_hash_key, write_hash_key};
static const struct sl_conf_type mode = {SL_CONF_PLAIN, read_mode, write_mode};
static const struct sl_conf_type endpoint = {SL_CONF_TEXT, read_endpoint, write_endpoint};

/* ---- dataplane --------------------------------------------------------------------------------*/

static const struct sl_conf_word idles[] = {
	{"backoff", SL_IDLE_BACKOFF}, {"poll", SL_IDLE_POLL}, {NULL, 0}};
static const struct sl_conf_word queue_fulls[] = {{"auto", SL_QUEUE_FULL_AUTO},
						  {"drop", SL_QUEUE_FULL_DROP},
						  {"wait", SL_QUEUE_FULL_WAIT},
						  {NULL, 0}};
static const struct sl_conf_word hugepages[] = {
	{"auto", SL_AUTO}, {"require", SL_REQUIRE}, {"off", SL_OFF}, {NULL, 0}};

static const struct sl_conf_key rx_cpu = {
	.name = "rx_cpus", .type = &sl_conf_number, .size = sizeof(int), .max = CPU_MAX};
static const struct sl_conf_key worker_cpu = {
	.name = "worker_cpus", .type = &sl_conf_number, .size = sizeof(int), .max = CPU_MAX};
static const struct sl_conf_key eal_argument = {
	.name = "eal", .type = &sl_conf_text, .size = sizeof(char *), .min = 1, .max = TEXT_MAX};

#define D(member)    SL_MEMBER(sl_conf_dataplane, member)
#define D_AT(member) (uint32_t) offsetof(struct sl_conf_dataplane, member)

static const struct sl_conf_key dataplane_keys[] = {
	SL_KEY("instance", name, D(instance)),
	SL_KEY_RANGE("control_cpu", number, D(control_cpu), 0, CPU_MAX, (uint32_t)-1),
	SL_KEY_RANGE("rx_cpus", list, D(rx_cpus), 0, SL_RX_CORES_MAX, 0,
		     .extra = D_AT(rx_cpu_count), .element = &rx_cpu),
	SL_KEY_RANGE("worker_cpus", list, D(worker_cpus), 0, SL_WORKERS_MAX, 0,
		     .extra = D_AT(worker_cpu_count), .element = &worker_cpu),
	SL_KEY("idle", word, D(idle), .words = idles),
	SL_KEY("queue_full", word, D(queue_full), .words = queue_fulls),
	SL_KEY("hugepages", word, D(hugepages), .words = hugepages),
	SL_KEY_RANGE("memory_mb", number, D(memory_mb), 64, 1u << 20, 512),
	SL_KEY_RANGE("packet_buffers", number, D(packet_buffers), 1024, 1u << 23, 32768),
	SL_KEY_RANGE("burst", number, D(burst), 1, SL_BURST_MAX, 32),
	SL_KEY_RANGE("ring_size", power, D(ring_size), 64, 1u << 20, 2048),
	{.name = "hash_key",
	 .type = &hash_key,
	 D(hash_key),
	 .extra = D_AT(hash_key_set),
	 .flags = SL_KEY_APART | SL_KEY_SECRET},
	SL_KEY_RANGE("eal", list, D(eal), 0, EAL_ARGUMENTS_MAX, 0, .extra = D_AT(eal_count),
		     .element = &eal_argument),
};

const struct sl_conf_table sl_conf_dataplane_table = {
	.noun = "dataplane",
	.keys = dataplane_keys,
	.key_count = sizeof(dataplane_keys) / sizeof(dataplane_keys[0]),
	.size = sizeof(struct sl_conf_dataplane),
	.place = D_AT(line),
};

/* ---- control ----------------------------------------------------------------------------------*/

#define C(member) SL_MEMBER(sl_conf_control, member)

static const struct sl_conf_key control_keys[] = {
	SL_KEY_RANGE("socket", text, C(socket), 1, SOCKET_PATH_MAX, 0, .flags = SL_KEY_APART),
	{.name = "mode", .type = &mode, C(mode), .fallback = 0660},
	SL_KEY_RANGE("group", text, C(group), 0, GROUP_MAX, 0, .text = ""),
	SL_KEY_RANGE("state", text, C(state), 0, TEXT_MAX, 0, .text = ""),
	{.name = "metrics", .type = &endpoint, C(metrics), .text = ""},
};

const struct sl_conf_table sl_conf_control_table = {
	.noun = "control",
	.keys = control_keys,
	.key_count = sizeof(control_keys) / sizeof(control_keys[0]),
	.size = sizeof(struct sl_conf_control),
	.place = offsetof(struct sl_conf_control, line),
};
