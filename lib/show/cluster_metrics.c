/* SPDX-License-Identifier: BSD-3-Clause */

#include "show/cluster_metrics.h"

#include <jansson.h>
#include <string.h>

static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

static void head(FILE *out, const char *name, const char *help)
{
	(void)fprintf(out, "# HELP sluice_cluster_%s %s\n# TYPE sluice_cluster_%s gauge\n", name,
		      help, name);
}

static void write_number(FILE *out, const json_t *object, const char *member, const char *name,
			 const char *help)
{
	head(out, name, help);
	(void)fprintf(out, "sluice_cluster_%s %" JSON_INTEGER_FORMAT "\n", name,
		      json_integer_value(json_object_get(object, member)));
}

/* What is for a label's value: others' names come from the store. */
static void write_label(FILE *out, const char *name, const char *value)
{
	(void)fprintf(out, "%s=\"", name);
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			(void)fputc('\\', out);
		(void)fputc(*value == '\n' ? ' ' : *value, out);
	}
	(void)fputc('"', out);
}

static void write_members(FILE *out, const json_t *members, const char *member, const char *name,
			  double unit, const char *help)
{
	const json_t *row;
	size_t i;

	head(out, name, help);
	json_array_foreach(members, i, row)
	{
		(void)fprintf(out, "sluice_cluster_%s{", name);
		write_label(out, "member", text_of(row, "name"));
		(void)fprintf(out, "} %.15g\n",
			      (double)json_integer_value(json_object_get(row, member)) * unit);
	}
}

void sl_cluster_metrics_write(FILE *out, const struct json_t *cluster)
{
	const json_t *members = json_object_get(cluster, "members"), *row;
	const char *state = text_of(cluster, "state");
	size_t i;

	if (!cluster || strcmp(state, "off") == 0)
		return;
	head(out, "state", "How this member stands in its cluster, as a label: 1.");
	(void)fprintf(out, "sluice_cluster_state{");
	write_label(out, "cluster", text_of(cluster, "name"));
	(void)fputc(',', out);
	write_label(out, "state", state);
	(void)fprintf(out, "} 1\n");
	head(out, "up", "Whether this member has a quorum, and all that the cluster decided.");
	(void)fprintf(out, "sluice_cluster_up %d\n", strcmp(state, "member") == 0);
	write_number(out, cluster, "generation", "generation",
		     "The cluster's last change that this member has.");
	write_number(out, cluster, "log", "log_entries",
		     "Changes in the store since its checkpoint.");
	write_number(out, cluster, "waiting", "waiting_changes",
		     "Changes of this member that the store has not decided.");
	head(out, "member_state", "The state that a member is in, as a label: 1.");
	json_array_foreach(members, i, row)
	{
		(void)fprintf(out, "sluice_cluster_member_state{");
		write_label(out, "member", text_of(row, "name"));
		(void)fputc(',', out);
		write_label(out, "state", text_of(row, "state"));
		(void)fprintf(out, "} 1\n");
	}
	write_members(out, members, "generation", "member_generation", 1,
		      "The cluster's last change that a member has.");
	write_members(out, members, "lag_ms", "member_lag_seconds", 1e-3,
		      "For how long a member has lacked what the cluster decided.");
}
