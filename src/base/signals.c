#define _POSIX_C_SOURCE 200809L
#include "base/signals.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>

_Static_assert(sizeof(sigset_t) <= sizeof(struct signals), "no room for a sigset_t");

void signals_hold(struct signals *saved) {
    static const int OWN_FAULTS[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT};
    sigset_t held;
    sigset_t before;
    sigfillset(&held);
    for (size_t i = 0; i < sizeof OWN_FAULTS / sizeof *OWN_FAULTS; i++) {
        sigdelset(&held, OWN_FAULTS[i]);
    }
    pthread_sigmask(SIG_BLOCK, &held, &before);
    memcpy(saved, &before, sizeof before);
}

void signals_release(const struct signals *saved) {
    sigset_t before;
    memcpy(&before, saved, sizeof before);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}
