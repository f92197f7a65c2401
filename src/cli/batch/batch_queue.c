#include "batch_queue.h"

#include <pthread.h>

#include "base/mem.h"

struct batch_queue {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    void **items; /* owned: a ring */
    size_t capacity, first, count;
    bool ended;
};

enum vitlrp_status batch_queue_open(size_t capacity, struct batch_queue **out,
                                    struct vitlrp_error *err) {
    struct batch_queue *queue = mem_calloc(1, sizeof *queue);
    void **items = mem_calloc(capacity, sizeof *items);
    if (queue == NULL || items == NULL) {
        mem_free(queue);
        mem_free(items);
        return fail(err, VITLRP_NOMEM, "out of memory for a queue");
    }
    queue->items = items;
    queue->capacity = capacity;
    pthread_mutex_init(&queue->mutex, NULL);
    pthread_cond_init(&queue->changed, NULL);
    *out = queue;
    return VITLRP_OK;
}

void batch_queue_close(struct batch_queue *queue) {
    if (queue != NULL) {
        pthread_cond_destroy(&queue->changed);
        pthread_mutex_destroy(&queue->mutex);
        mem_free(queue->items);
        mem_free(queue);
    }
}

void batch_queue_push(struct batch_queue *queue, void *item) {
    pthread_mutex_lock(&queue->mutex);
    while (queue->count == queue->capacity) {
        pthread_cond_wait(&queue->changed, &queue->mutex);
    }
    queue->items[(queue->first + queue->count) % queue->capacity] = item;
    queue->count++;
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->mutex);
}

void *batch_queue_pop(struct batch_queue *queue) {
    void *item = NULL;
    pthread_mutex_lock(&queue->mutex);
    while (queue->count == 0 && !queue->ended) {
        pthread_cond_wait(&queue->changed, &queue->mutex);
    }
    if (queue->count > 0) {
        item = queue->items[queue->first];
        queue->first = (queue->first + 1) % queue->capacity;
        queue->count--;
        pthread_cond_broadcast(&queue->changed);
    }
    pthread_mutex_unlock(&queue->mutex);
    return item;
}

void batch_queue_end(struct batch_queue *queue) {
    pthread_mutex_lock(&queue->mutex);
    queue->ended = true;
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->mutex);
}
