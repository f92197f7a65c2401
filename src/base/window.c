#include "base/window.h"

#include <stdbool.h>

#include "base/mem.h"

enum vitlrp_status window_open(const struct source *source, struct window *out,
                               struct vitlrp_error *err) {
    struct window window = {.source = source};
    if (source->memory == NULL) {
        window.block = mem_calloc(WINDOW_BYTES, 1);
        if (window.block == NULL) {
            return fail(err, VITLRP_NOMEM, "out of memory for a block of a file");
        }
    }
    *out = window;
    return VITLRP_OK;
}

enum vitlrp_status window_look(struct window *window, uint64_t at, size_t need,
                               const unsigned char **data, size_t *size, struct vitlrp_error *err) {
    uint64_t left = at < window->source->size ? window->source->size - at : 0;
    uint64_t wanted = need < left ? need : left;
    *data = window->block;
    *size = 0;
    if (left == 0) {
        return VITLRP_OK;
    }
    if (window->block == NULL) {
        *data = window->source->memory + at;
        *size = (size_t) left;
        return VITLRP_OK;
    }
    bool is_held = at >= window->begin && at - window->begin < window->held &&
                   window->held - (at - window->begin) >= wanted;
    if (!is_held) {
        size_t count = left < WINDOW_BYTES ? (size_t) left : WINDOW_BYTES;
        window->held = 0;
        TRY(source_read(window->source, at, window->block, count, err));
        window->begin = at;
        window->held = count;
    }
    *data = window->block + (at - window->begin);
    *size = window->held - (size_t) (at - window->begin);
    return VITLRP_OK;
}

void window_close(struct window *window) {
    mem_free(window->block);
    *window = (struct window){0};
}

enum vitlrp_status feed_open(const struct source *source, struct sha256 *hash, struct feed *out,
                             struct vitlrp_error *err) {
    *out = (struct feed){.hash = hash};
    return window_open(source, &out->window, err);
}

enum vitlrp_status feed_next(struct feed *feed, const unsigned char **data, size_t *size,
                             struct vitlrp_error *err) {
    TRY(window_look(&feed->window, feed->at, 1, data, size, err));
    if (feed->hash != NULL) {
        sha256_add(feed->hash, *data, *size);
    }
    feed->at += *size;
    return VITLRP_OK;
}

enum vitlrp_status feed_finish(struct feed *feed, struct vitlrp_error *err) {
    const unsigned char *data = NULL;
    size_t size = 0;
    do {
        TRY(feed_next(feed, &data, &size, err));
    } while (size > 0);
    return VITLRP_OK;
}

void feed_close(struct feed *feed) {
    window_close(&feed->window);
    feed->hash = NULL;
}
