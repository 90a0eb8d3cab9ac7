/* SPDX-License-Identifier: BSD-3-Clause */

/* The keys of the configuration as tables: reading, writing, copying and comparing are one walk
 * over them.
 *
 * Why:     a key is one line; what its value may be, where it is kept and what it is without one
 *          cannot drift apart between the parser and the formatter.
 * Shape:   a table has the keys of one mapping and the struct they fill; a key has a type, and a
 *          list's key has one more for its elements. Checks that need several keys are functions of
 *          the table. For this room alone.
 * Threads: any; tables are constant.
 * Memory:  strings and arrays are from malloc().
 * Errors:  readers report what is wrong and leave the member at its default.
 */

#ifndef SL_CONF_KEY_H
#define SL_CONF_KEY_H

#include <stdio.h>

#include "base/number.h"
#include "conf/conf.h"
#include "yaml/yaml.h"

#define SL_CONF_KEYS_MAX  24
#define SL_CONF_SHOW_SIZE 96

struct sl_conf_reader {
	struct sl_conf *conf; /* being filled; names are looked up in it */
	struct sl_conf_errors *errors;
	uint32_t node_total; /* of all pools */
	uint64_t slot_total; /* of all pools */
	bool no_memory;
};

struct sl_conf_writer {
	FILE *out;
	const struct sl_conf *conf;
	bool hides; /* secrets */
	bool bare;  /* without quotes, as pairs have values */
};

/* What copying, comparing and freeing have to know of a member. */
enum sl_conf_class {
	SL_CONF_PLAIN = 0, /* octets */
	SL_CONF_TEXT = 1,  /* char *, may be NULL */
	SL_CONF_LIST = 2,  /* a pointer, and a uint32_t at `extra` */
	SL_CONF_TABLE = 3, /* the members of another table, from `offset` on */
};

struct sl_conf_key;

struct sl_conf_type {
	enum sl_conf_class class;
	void (*read)(struct sl_conf_reader *reader, const struct sl_conf_key *key,
		     const struct sl_yaml_node *value, void *object);
	/* The value alone; not of lists and tables. */
	void (*write)(struct sl_conf_writer *writer, const struct sl_conf_key *key,
		      const void *object);
};

struct sl_conf_word {
	const char *name; /* NULL: the last */
	uint64_t value;
};

/* sl_conf_key.flags */
#define SL_KEY_REQUIRED 0x01 /* always written; of a key with kinds the table's check asks for it */
#define SL_KEY_ALWAYS	0x02 /* written even when it has its default */
#define SL_KEY_APART	0x04 /* sl_conf_table_differs() leaves it to its caller */
#define SL_KEY_SECRET	0x08 /* only those who may change things see its value */

struct sl_conf_key {
	const char *name;
	const struct sl_conf_type *type;
	uint32_t offset, size;		   /* of the member in its struct */
	uint32_t extra;			   /* of a list's count, or of a `set` flag; 0: none */
	uint32_t flags;			   /* SL_KEY_ */
	uint32_t kinds;			   /* bits of objects that have it; 0: all */
	uint64_t min, max;		   /* of numbers and durations; of a list's entries */
	uint64_t fallback;		   /* of numbers, words and durations */
	const char *text;		   /* of texts, when there is none; NULL stays NULL */
	const struct sl_conf_word *words;  /* of words */
	const struct sl_conf_table *table; /* of mappings */
	const struct sl_conf_key *element; /* of lists; its offset is 0 */
};

#define SL_MEMBER(type_, member)                                                                   \
	.offset = offsetof(struct type_, member), .size = sizeof(((struct type_ *)0)->member)

/* A key on one line: its name, its type behind "sl_conf_", its SL_MEMBER(), and what else it has. */
#define SL_KEY(name_, type_, member_, ...)                                                         \
	{                                                                                          \
		.name = (name_), .type = &sl_conf_##type_, member_, ##__VA_ARGS__                  \
	}
/* With the least, the most and the default value. */
#define SL_KEY_RANGE(name_, type_, member_, min_, max_, fallback_, ...)                            \
	{                                                                                          \
		.name = (name_), .type = &sl_conf_##type_, member_, .min = (min_), .max = (max_),  \
		.fallback = (fallback_), ##__VA_ARGS__                                             \
	}

/* The values of one mapping, by the order of its table's keys; NULL: not there. */
struct sl_conf_found {
	const struct sl_conf_table *table;
	const struct sl_yaml_node *node;
	const struct sl_yaml_node *value[SL_CONF_KEYS_MAX];
};

struct sl_conf_table {
	const char *noun; /* "a node" */
	const struct sl_conf_key *keys;
	uint32_t key_count;
	uint32_t size;	/* of the struct */
	uint32_t place; /* offset of its line and column, 0: none */
	bool flow;	/* written on one line */
	void (*check)(struct sl_conf_reader *reader, const struct sl_conf_found *found,
		      void *object);
	uint32_t (*kind)(const void *object); /* a bit of sl_conf_key.kinds; NULL: no key has any */
};

/* ---- errors: error.c ---------------------------------------------------------------------*/

void sl_conf_error(struct sl_conf_reader *reader, const struct sl_yaml_node *at, const char *format,
		   ...) __attribute__((format(printf, 3, 4)));
void sl_conf_error_at(struct sl_conf_reader *reader, uint32_t line, uint32_t column,
		      const char *format, ...) __attribute__((format(printf, 4, 5)));
void sl_conf_warn_at(struct sl_conf_reader *reader, uint32_t line, uint32_t column,
		     const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Sorts them. Returns what the reading came to: 0, -EINVAL with errors, or -ENOMEM. */
int sl_conf_finish(const struct sl_conf_reader *reader);

/* A value as messages show it: in backquotes, printable, shortened. text has SL_CONF_SHOW_SIZE. */
const char *sl_conf_show(const struct sl_yaml_node *value, char *text);

/* Which of the names tried is the nearest to a mistyped one. Start with {.word = word}. */
#define SL_CONF_GUESSES_MAX 100u /* errors; whoever has more needs no more suggestions */
struct sl_conf_near {
	const char *word;
	const char *best; /* NULL: none is near */
	uint32_t distance;
};
static inline bool sl_conf_near_wanted(const struct sl_conf_reader *reader)
{
	return reader->errors->count < SL_CONF_GUESSES_MAX;
}
void sl_conf_near_try(struct sl_conf_near *near, const char *name);
/* "; did you mean `web`?", or "". text has SL_CONF_SHOW_SIZE. */
const char *sl_conf_near_ask(const struct sl_conf_near *near, char *text);

/* ---- walking: read.c, struct.c, format.c ---------------------------------------*/

void sl_conf_read_table(struct sl_conf_reader *reader, const struct sl_conf_table *table,
			const struct sl_yaml_node *node, void *object);
/* The value of a key, NULL: it is not there. */
const struct sl_yaml_node *sl_conf_found_value(const struct sl_conf_found *found, const char *name);

/* Zeroes the object and gives every member its default. */
int sl_conf_table_defaults(const struct sl_conf_table *table, void *object);
void sl_conf_table_fini(const struct sl_conf_table *table, void *object);
/* On failure `to` is as sl_conf_table_fini() leaves it. */
int sl_conf_table_copy(const struct sl_conf_table *table, const void *from, void *to);
/* The first key that differs, NULL: equal. */
const struct sl_conf_key *sl_conf_table_differs(const struct sl_conf_table *table, const void *a,
						const void *b);
bool sl_conf_key_equal(const struct sl_conf_key *key, const void *a, const void *b);
bool sl_conf_key_is_default(const struct sl_conf_key *key, const void *object);
bool sl_conf_key_applies(const struct sl_conf_table *table, const struct sl_conf_key *key,
			 const void *object);

/* In quotes where another reader of YAML could take it for something else than a text. */
void sl_conf_write_name(struct sl_conf_writer *writer, const char *name);
/* The value of a key, on one line. */
void sl_conf_write_value(struct sl_conf_writer *writer, const struct sl_conf_key *key,
			 const void *object);
/* The pairs of an object's keys but the first, its name, each with a zero behind it. */
void sl_conf_write_pairs(struct sl_conf_writer *writer, const struct sl_conf_table *table,
			 const void *object, uint32_t *count);
/* In double quotes. */
void sl_conf_write_quoted(struct sl_conf_writer *writer, const char *text);

/* ---- checks over all entries -------------------------------------------------------------------*/

void sl_conf_check_addresses(struct sl_conf_reader *reader); /* port.c */
void sl_conf_check_devices(struct sl_conf_reader *reader);   /* device.c */
void sl_conf_check_sense(struct sl_conf_reader *reader);     /* sense.c */
void sl_conf_check_files(struct sl_conf_reader *reader);     /* sense.c; after late defaults */
void sl_conf_check_fallbacks(struct sl_conf_reader *reader); /* pool.c */
void sl_conf_check_services(struct sl_conf_reader *reader);  /* service.c */

/* Checks that go the packets' way: probed.c. Of all pools; of one node by what its port can do. */
void sl_conf_check_probed(struct sl_conf_reader *reader);
void sl_conf_check_probed_node(struct sl_conf_reader *reader, const struct sl_conf_health *pool,
			       const struct sl_conf_node *node);

/* What a node's keys make of its pool's: pool.c. */
void sl_conf_check_node_beside(struct sl_conf_reader *reader, const struct sl_conf_pool *pool,
			       const struct sl_conf_node *node);
/* One remote node against ports and services: sense.c. */
void sl_conf_check_node(struct sl_conf_reader *reader, const struct sl_conf_node *node);
/* One service against ports. */
void sl_conf_check_service(struct sl_conf_reader *reader, const struct sl_conf_service *service);

/* Addresses that are no host's of a network: sense.c. */
struct sl_conf_special {
	struct sl_prefix prefix;
	const char *what;   /* "is loopback" */
	const char *remedy; /* for a service that names it; NULL: one may */
	bool desk;	    /* of a host it is doubtful only: of use at a desk */
};
/* What holds the whole prefix; NULL: it is like any other. */
const struct sl_conf_special *sl_conf_special(const struct sl_prefix *prefix);

/* ---- members ----------------------------------------------------------------------------------*/

static inline void *sl_conf_member(const struct sl_conf_key *key, void *object)
{
	return (char *)object + key->offset;
}

static inline const void *sl_conf_member_const(const struct sl_conf_key *key, const void *object)
{
	return (const char *)object + key->offset;
}

/* Integers of 1, 2, 4 or 8 octets; and the `set` flag. */
void sl_conf_store(const struct sl_conf_key *key, void *object, uint64_t value);
uint64_t sl_conf_load(const struct sl_conf_key *key, const void *object);
void sl_conf_mark(const struct sl_conf_key *key, void *object);
/* Replaces a text. */
void sl_conf_store_text(struct sl_conf_reader *reader, const struct sl_conf_key *key, void *object,
			const char *text);

/* ---- texts: text.c -----------------------------------------------------------------------*/

bool sl_conf_name_valid(const char *name);
/* "tcp" or "6" to 0..255: 0 or -EINVAL. */
int sl_conf_protocol_parse(const char *text, int16_t *protocol);
const char *sl_conf_protocol_name(int16_t protocol); /* NULL: it has none */
bool sl_conf_protocol_has_ports(int16_t protocol);

/* ---- types and tables -------------------------------------------------------------------------*/

/* value.c */
extern const struct sl_conf_type sl_conf_number, sl_conf_power, sl_conf_bool, sl_conf_word,
	sl_conf_duration, sl_conf_weight, sl_conf_name, sl_conf_text, sl_conf_lines;
/* net.c */
extern const struct sl_conf_type sl_conf_mac, sl_conf_addr, sl_conf_host, sl_conf_target,
	sl_conf_prefix, sl_conf_protocol, sl_conf_range, sl_conf_punt, sl_conf_port_ref,
	sl_conf_pool_ref;
/* read.c */
extern const struct sl_conf_type sl_conf_list, sl_conf_mapping;
/* option.c; a list whose element is sl_conf_option_element */
extern const struct sl_conf_type sl_conf_options;
extern const struct sl_conf_key sl_conf_option_element;

extern const struct sl_conf_word sl_conf_outer_dfs[]; /* node.c; of nodes and of pools */

extern const struct sl_conf_table sl_conf_root_table;	   /* struct sl_conf */
extern const struct sl_conf_table sl_conf_dataplane_table; /* dataplane.c */
extern const struct sl_conf_table sl_conf_control_table;   /* dataplane.c */
extern const struct sl_conf_table sl_conf_cluster_table;   /* cluster.c */
extern const struct sl_conf_table sl_conf_announce_table;  /* cluster.c */
extern const struct sl_conf_table sl_conf_port_table;
extern const struct sl_conf_table sl_conf_pool_table;
extern const struct sl_conf_table sl_conf_node_table;
extern const struct sl_conf_table sl_conf_health_table, sl_conf_node_health_table;
/* Errors of what a node's own keys make of its pool's check. */
void sl_conf_check_node_health(struct sl_conf_reader *reader, const struct sl_conf_health *pool,
			       const struct sl_conf_node *node);
extern const struct sl_conf_table sl_conf_traffic_table; /* traffic.c */
extern const struct sl_conf_table sl_conf_service_table;
void sl_conf_check_classes(struct sl_conf_reader *reader);

#endif
