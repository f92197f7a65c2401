/* Threads with a stack of their own size, whatever the limit of the stack is (ulimit -s). */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

/* pthread_create; false if the system gives no thread. */
bool thread_start(pthread_t *thread, void *(*run)(void *context), void *context);

/* The smaller one of this thread's stack and of those of threads that other libraries start;
 * SIZE_MAX if the system says nothing of either. */
size_t thread_smallest_stack(void);

#endif
