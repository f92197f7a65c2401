#define _GNU_SOURCE
#include "base/thread.h"

#include <stdint.h>

/* OpenBLAS and oneDNN need some hundred KiB. */
#define STACK_BYTES ((size_t) 2 << 20)

bool thread_start(pthread_t *thread, void *(*run)(void *context), void *context) {
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0) {
        return false;
    }
    bool started = pthread_attr_setstacksize(&attributes, STACK_BYTES) == 0 &&
                   pthread_create(thread, &attributes, run, context) == 0;
    pthread_attr_destroy(&attributes);
    return started;
}

size_t thread_smallest_stack(void) {
    pthread_attr_t attributes;
    /* What the system does not say (of its first thread it needs /proc) counts as enough. */
    size_t own = SIZE_MAX;
    size_t others = SIZE_MAX;
    if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
        pthread_attr_getstacksize(&attributes, &own);
        pthread_attr_destroy(&attributes);
    }
    if (pthread_getattr_default_np(&attributes) == 0) {
        pthread_attr_getstacksize(&attributes, &others);
        pthread_attr_destroy(&attributes);
    }
    return own < others ? own : others;
}
