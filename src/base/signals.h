/* Keeping signals away from a thread for a while. */
#ifndef BASE_SIGNALS_H
#define BASE_SIGNALS_H

#include <stdint.h>

/* A sigset_t, which strict C11 does not know. */
struct signals {
    uint64_t set[16];
};

/* Blocks every signal but those that the thread itself causes (SIGSEGV and the like) in the calling
 * thread and stores in *saved what signals_release needs. What is sent to the process meanwhile
 * another thread takes, or this one afterwards. Threads that are made meanwhile begin so. */
void signals_hold(struct signals *saved);
void signals_release(const struct signals *saved);

#endif
