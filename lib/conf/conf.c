/* SPDX-License-Identifier: BSD-3-Clause */

/* The configuration as a whole. */

#include "conf/conf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/key.h"

#define INSTANCE_DEFAULT "sluice"

/* ---- the root ---------------------------------------------------------------------------------*/

static const struct sl_conf_key port = {.name = "ports",
					.type = &sl_conf_mapping,
					.size = sizeof(struct sl_conf_port),
					.table = &sl_conf_port_table};
static const struct sl_conf_key pool = {.name = "pools",
					.type = &sl_conf_mapping,
					.size = sizeof(struct sl_conf_pool),
					.table = &sl_conf_pool_table};
static const struct sl_conf_key class = {.name = "classes",
					 .type = &sl_conf_mapping,
					 .size = sizeof(struct sl_conf_traffic),
					 .table = &sl_conf_traffic_table};
static const struct sl_conf_key service = {.name = "services",
					   .type = &sl_conf_mapping,
					   .size = sizeof(struct sl_conf_service),
					   .table = &sl_conf_service_table};

#define R(member)    SL_MEMBER(sl_conf, member)
#define R_AT(member) (uint32_t) offsetof(struct sl_conf, member)

/* In this order they are read: what is named before what names it. */
static const struct sl_conf_key root_keys[] = {
	SL_KEY("dataplane", mapping, R(dataplane), .table = &sl_conf_dataplane_table),
	SL_KEY_RANGE("ports", list, R(ports), 1, SL_PORTS_MAX, 0, .extra = R_AT(port_count),
		     .flags = SL_KEY_REQUIRED, .element = &port),
	SL_KEY("control", mapping, R(control), .table = &sl_conf_control_table),
	SL_KEY("cluster", mapping, R(cluster), .table = &sl_conf_cluster_table),
	SL_KEY("announce", mapping, R(announce), .table = &sl_conf_announce_table),
	SL_KEY_RANGE("classes", list, R(classes), 1, SL_CLASSES_MAX, 0, .extra = R_AT(class_count),
		     .element = &class),
	SL_KEY_RANGE("pools", list, R(pools), 0, SL_POOLS_MAX, 0, .extra = R_AT(pool_count),
		     .element = &pool),
	SL_KEY_RANGE("services", list, R(services), 1, SL_SERVICES_MAX, 0,
		     .extra = R_AT(service_count), .flags = SL_KEY_REQUIRED, .element = &service),
};

static void check_root(struct sl_conf_reader *reader, const struct sl_conf_found *found,
		       void *object)
{
	(void)found;
	(void)object;
	sl_conf_check_addresses(reader);
	sl_conf_check_devices(reader);
	sl_conf_check_sense(reader);
	sl_conf_check_fallbacks(reader);
	sl_conf_check_classes(reader);
	sl_conf_check_services(reader);
	sl_conf_check_probed(reader);
}

const struct sl_conf_table sl_conf_root_table = {
	.noun = "the configuration",
	.keys = root_keys,
	.key_count = sizeof(root_keys) / sizeof(root_keys[0]),
	.size = sizeof(struct sl_conf),
	.check = check_root,
};

/* ---- defaults that depend on something --------------------------------------------------------*/

char *sl_conf_run_path(const char *instance, const char *name)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	char *path = NULL;
	int length;

	if (geteuid() == 0)
		length = asprintf(&path, "/run/%s/%s", instance, name);
	else if (runtime && runtime[0] == '/')
		length = asprintf(&path, "%s/%s/%s", runtime, instance, name);
	else
		length = asprintf(&path, "/run/user/%u/%s/%s", (unsigned int)geteuid(), instance,
				  name);
	return length < 0 ? NULL : path;
}

char *sl_conf_socket_default(const char *instance)
{
	return sl_conf_run_path(instance, "control.sock");
}

/* The machine's name, where it is one that we take. */
static void host_name(char name[SL_NAME_SIZE])
{
	if (gethostname(name, SL_NAME_SIZE - 1) || !sl_conf_name_valid(name))
		memcpy(name, "localhost", sizeof("localhost"));
}

static int late_defaults(struct sl_conf *conf)
{
	struct sl_conf_dataplane *dataplane = &conf->dataplane;

	if (!dataplane->instance[0])
		memcpy(dataplane->instance, INSTANCE_DEFAULT, sizeof(INSTANCE_DEFAULT));
	if (!conf->control.socket)
		conf->control.socket = sl_conf_socket_default(dataplane->instance);
	if (conf->cluster.name[0] && !conf->cluster.member[0])
		host_name(conf->cluster.member);
	return conf->control.socket ? 0 : -ENOMEM;
}

/* ---- reading ----------------------------------------------------------------------------------*/

static int read_tree(struct sl_conf_reader *reader, const char *text, size_t length)
{
	struct sl_yaml_error error = {0};
	struct sl_yaml *tree = NULL;
	int err = 0;

	if (length > SL_CONF_TEXT_MAX) {
		sl_conf_error_at(reader, 1, 1, "the text is larger than 16 MiB");
		return sl_conf_finish(reader);
	}
	err = sl_yaml_parse(text, length, &tree, &error);
	if (err == -EINVAL)
		sl_conf_error_at(reader, error.line, error.column, "%s", error.text);
	else if (err)
		reader->no_memory = true;
	else if (!tree)
		sl_conf_error_at(reader, 1, 1,
				 "the configuration is empty; it needs `ports` and `services`");
	else
		sl_conf_read_table(reader, &sl_conf_root_table, sl_yaml_root(tree), reader->conf);
	sl_yaml_destroy(tree);
	return sl_conf_finish(reader);
}

int sl_conf_parse(const char *text, size_t length, struct sl_conf **conf,
		  struct sl_conf_errors *errors)
{
	struct sl_conf_reader reader = {.errors = errors};
	int err;

	memset(errors, 0, sizeof(*errors));
	reader.conf = calloc(1, sizeof(*reader.conf));
	if (!reader.conf)
		return -ENOMEM;
	err = sl_conf_table_defaults(&sl_conf_root_table, reader.conf);
	if (!err)
		err = read_tree(&reader, text, length);
	if (!err)
		err = late_defaults(reader.conf);
	if (!err) {
		sl_conf_check_files(&reader);
		err = sl_conf_finish(&reader);
	}
	if (err)
		sl_conf_destroy(reader.conf);
	else
		*conf = reader.conf;
	return err;
}

void sl_conf_destroy(struct sl_conf *conf)
{
	if (!conf)
		return;
	sl_conf_fini(conf);
	free(conf);
}

void sl_conf_fini(struct sl_conf *conf)
{
	sl_conf_table_fini(&sl_conf_root_table, conf);
}

struct sl_conf *sl_conf_copy(const struct sl_conf *conf)
{
	struct sl_conf *copy = calloc(1, sizeof(*copy));

	if (copy && sl_conf_table_copy(&sl_conf_root_table, conf, copy)) {
		free(copy);
		copy = NULL;
	}
	return copy;
}

/* ---- parts of it -------------------------------------------------------------------------------*/

int sl_conf_node_copy(const struct sl_conf_node *from, struct sl_conf_node *to)
{
	struct sl_conf_node copy;
	int err = sl_conf_table_copy(&sl_conf_node_table, from, &copy);

	if (!err)
		*to = copy;
	return err;
}

int sl_conf_pool_copy(const struct sl_conf_pool *from, struct sl_conf_pool *to)
{
	struct sl_conf_pool bare = *from, copy;
	int err;

	bare.nodes = NULL;
	bare.node_count = 0;
	err = sl_conf_table_copy(&sl_conf_pool_table, &bare, &copy);
	if (!err)
		*to = copy;
	return err;
}

void sl_conf_pool_fini(struct sl_conf_pool *conf)
{
	sl_conf_table_fini(&sl_conf_pool_table, conf);
}
