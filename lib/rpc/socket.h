/* SPDX-License-Identifier: BSD-3-Clause */

/* The control socket's file and its peers: making, taking over, permissions, credentials.
 *
 * Why:     server.c is about clients; this is about the file system and the kernel.
 * Threads: the control thread.
 * Errors:  0 or negative errno with a sentence that has the remedy.
 */

#ifndef SL_RPC_SOCKET_H
#define SL_RPC_SOCKET_H

#include <sys/un.h>

#include "rpc/server.h"

struct sl_socket {
	int fd;
	int file;     /* the socket's file itself, whatever stands at its path by now */
	dev_t device; /* of the file that is ours */
	ino_t inode;
	bool made_folder; /* it goes with the file */
	gid_t group;	  /* whose members may change */
	uint32_t mode;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
};

/* A listening, non-blocking socket at options->path. */
int sl_socket_open(struct sl_socket *sock, const struct sl_server_options *options,
		   struct sl_err *err);
/* Gives the file mode and group. */
int sl_socket_permit(struct sl_socket *sock, const struct sl_server_options *options,
		     struct sl_err *err);
/* Removes the file if it is still the one that was made, and forgets it. */
void sl_socket_unlink(struct sl_socket *sock);
/* Who is at the other end of a connection, and what they may do by the present mode and group. */
void sl_socket_peer(const struct sl_socket *sock, int fd, struct sl_peer *peer);

#endif
