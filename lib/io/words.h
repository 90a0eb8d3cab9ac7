/* SPDX-License-Identifier: BSD-3-Clause */

/* What libraries say: lines of DPDK, libbpf and libxdp become lines of our log.
 *
 * Why:     a line of their own on standard error has no level for the journal, and nobody asked for
 *          most; of DPDK's the first warning often names the cause of an error.
 * Shape:   DPDK's are for debugging, all of them; warnings of the other two are warnings.
 * Threads: sl_words_open() and _open_printers(): the main thread; the lines may come from any.
 */

#ifndef SL_IO_WORDS_H
#define SL_IO_WORDS_H

/* Before the EAL starts: takes what DPDK logs. */
void sl_words_open(void);
/* When drivers are loaded: takes what the libraries that they brought along print. */
void sl_words_open_printers(void);

/* The first warning or error that DPDK logged since clear (it names the cause, later ones repeat
 * it), without its newline; "" when there was none. Whatever level is logged. */
const char *sl_words_first(void);
void sl_words_clear(void);

#endif
