#define _POSIX_C_SOURCE 200809L
#include "base/thread.h"

#include <stddef.h>

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
