/* SPDX-License-Identifier: BSD-3-Clause */

/* What is under `control` and changes while the daemon runs: who may use the socket, where metrics
 * are, which file keeps the state. Done before a change is made, so that one which cannot be done is
 * refused as a whole. */

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ctl/inside.h"

/* The two configurations, and what of them differs. */
struct live {
	struct sl_control *control;
	const struct sl_conf_control *old, *new;
	bool permits, metrics, state;
	bool guest; /* who asks is told nothing of the machine's files and ports */
};

static struct sl_server_options server_options(const struct sl_conf_control *conf)
{
	return (struct sl_server_options){
		.path = conf->socket, .mode = conf->mode, .group = conf->group};
}

/* Two spellings of one path: the file is in use already. */
static bool is_same_file(const char *one, const char *other)
{
	char a[PATH_MAX], b[PATH_MAX];

	return *one && *other && realpath(one, a) && realpath(other, b) && strcmp(a, b) == 0;
}

/* Whether a state file could be begun there, and whether something is there that would be set aside,
 * which the configuration file may not be. Opens nothing. */
static int check_state(const char *path, const char *file, bool *occupied, struct sl_err *err)
{
	char copy[PATH_MAX];
	struct stat status, other;

	*occupied = false;
	if (stat(path, &status) == 0) {
		if (!S_ISREG(status.st_mode))
			return sl_err_set(err, -EINVAL, "control.state %s: is no file", path);
		if (file && stat(file, &other) == 0 && other.st_dev == status.st_dev &&
		    other.st_ino == status.st_ino)
			return sl_err_set(err, -EINVAL,
					  "control.state %s: is the configuration file; name "
					  "another file",
					  path);
		*occupied = status.st_size > 0;
		return 0;
	}
	(void)snprintf(copy, sizeof(copy), "%s", path);
	if (errno == ENOENT && stat(dirname(copy), &status) == 0)
		return 0;
	return sl_err_set(err, -EINVAL, "control.state %s: %s", path, strerror(errno));
}

/* Every reason why it cannot be done that can be known before it is. */
static int check(const struct live *live, struct sl_change_result *result, struct sl_err *err)
{
	const struct sl_conf_control *new = live->new;
	struct sl_server_options options = server_options(new);
	struct sl_err reasons[3] = {0};
	bool occupied = false;
	int rc = 0;

	if (live->permits)
		(void)sl_server_check(&options, &reasons[0]);
	if (live->state && !live->guest && new->state[0] != '\0')
		(void)check_state(new->state, live->control->spec.file, &occupied, &reasons[1]);
	if (live->metrics && !live->guest)
		(void)sl_http_check(live->control->http, new->metrics, &reasons[2]);
	for (int i = 0; i < 3 && rc == 0; i++)
		if (reasons[i].code)
			rc = sl_change_refuse(result, new->line, new->column, "%s",
					      reasons[i].text);
	if (rc == 0 && occupied)
		rc = sl_change_warn(
			result,
			"control.state %s: what is there is set aside, as %s.before- and "
			"the time",
			new->state, new->state);
	return rc ? sl_err_set(err, rc, "no memory") : sl_change_refused(result, -EINVAL, err);
}

static int change(const struct live *live, struct sl_err *err)
{
	struct sl_control *control = live->control;
	struct sl_server_options options = server_options(live->new);
	struct sl_keep *keep = NULL;
	int rc = 0;

	/* One that was left in this turn, too: this change may lead back to it. */
	if (live->state)
		sl_control_save_former(control);
	if (live->permits)
		rc = sl_server_permit(control->server, &options, err);
	if (rc)
		goto undo_permits;
	if (live->metrics)
		rc = sl_http_listen(control->http, live->new->metrics, err);
	if (rc)
		goto undo_permits;
	if (live->state && live->new->state[0] != '\0')
		rc = sl_keep_begin(live->new->state, control->scope.history, &keep, err);
	if (rc)
		goto undo_metrics;
	if (live->state) {
		sl_keep_destroy(control->former);
		control->former = control->keep;
		control->keep = keep;
		control->failing = false;
	}
	return 0;
undo_metrics:
	if (live->metrics)
		(void)sl_http_listen(control->http, live->old->metrics, NULL);
undo_permits:
	options = server_options(live->old);
	if (live->permits)
		(void)sl_server_permit(control->server, &options, NULL);
	return rc;
}

int sl_live_prepare(void *context, const struct sl_model_event *event, bool dry_run,
		    struct sl_err *err)
{
	struct live live = {.control = context,
			    .old = &event->before->conf->control,
			    .new = &event->after->conf->control};
	int rc;

	live.permits =
		live.old->mode != live.new->mode || strcmp(live.old->group, live.new->group) != 0;
	live.metrics = strcmp(live.old->metrics, live.new->metrics) != 0;
	live.state = strcmp(live.old->state, live.new->state) != 0 &&
		     !is_same_file(live.old->state, live.new->state);
	live.guest = event->change->guest;
	rc = check(&live, event->result, err);
	if (rc || dry_run)
		return rc;
	return change(&live, err) ? -EINVAL : 0;
}
