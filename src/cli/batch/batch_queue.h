/* A bounded queue between threads. */
#ifndef CLI_BATCH_QUEUE_H
#define CLI_BATCH_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

struct batch_queue;

/* Room for `capacity` items. *out is owned: batch_queue_close. */
enum vitlrp_status batch_queue_open(size_t capacity, struct batch_queue **out,
                                    struct vitlrp_error *err);

/* No thread may be in it any more; it must be empty. NULL is ignored. */
void batch_queue_close(struct batch_queue *queue);

/* Waits for room. */
void batch_queue_push(struct batch_queue *queue, void *item);

/* Waits for an item; NULL when the queue is empty and has ended. */
void *batch_queue_pop(struct batch_queue *queue);

/* Nothing more will be pushed. */
void batch_queue_end(struct batch_queue *queue);

#endif
