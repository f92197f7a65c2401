#include "api/token_classes.h"

#include <stdbool.h>

#include "api/text_classes.h"
#include "base/checked.h"
#include "base/mem.h"
#include "vit/math/engine.h"

#define AT_ONCE ((size_t) 128) /* texts of a pass */

static size_t length_of(const int32_t *ids, size_t width) {
    while (width > 0 && ids[width - 1] == -1) {
        width--;
    }
    return width;
}

/* The texts [first, first + count). */
static enum vitlrp_status embed(struct vit_text *tower, const struct vitlrp_token_rows *rows,
                                size_t first, size_t count, float *out, struct vitlrp_error *err) {
    struct vit_ids texts[AT_ONCE];
    for (size_t i = 0; i < count; i++) {
        const int32_t *ids = rows->ids + (first + i) * rows->width;
        texts[i] = (struct vit_ids){ids, length_of(ids, rows->width)};
    }
    return vit_text_forward(tower, texts, count, out, err);
}

static enum vitlrp_status embed_all(struct vit_text *tower, const struct vitlrp_token_rows *rows,
                                    const struct vitlrp_session_observer *observer, size_t width,
                                    float *out, struct vitlrp_error *err) {
    for (size_t done = 0; done < rows->count;) {
        size_t count = size_min(AT_ONCE, rows->count - done);
        TRY(embed(tower, rows, done, count, out + done * width, err));
        done += count;
        if (observer->progress != NULL) {
            observer->progress(observer->user, done, rows->count);
        }
    }
    for (size_t i = 0; i < rows->count; i++) {
        text_row_normalise(out + i * width, width);
    }
    return VITLRP_OK;
}

static enum vitlrp_status make_rows(const struct vit_model *tower,
                                    const struct vitlrp_token_rows *rows,
                                    const struct vitlrp_text_options *options, float **out,
                                    struct vitlrp_error *err) {
    size_t width = (size_t) tower->config.classes;
    struct engine_watch watch = {.cancelled = options->observer.cancelled,
                                 .user = options->observer.user};
    struct vit_text_options opening = text_tower_options(options);
    struct vit_text *text = NULL;
    *out = mem_calloc(rows->count, width * sizeof **out);
    if (*out == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for the embeddings of %zu texts",
                    rows->count);
    }
    engine_watch_begin(&watch);
    opening.watch = &watch;
    enum vitlrp_status status = vit_text_open(tower, &opening, &text, err);
    if (status == VITLRP_OK) {
        status = embed_all(text, rows, &options->observer, width, *out, err);
    }
    vit_text_close(text);
    return status;
}

enum vitlrp_status token_classes_make(const struct vitlrp_model *image,
                                      const struct vitlrp_token_rows *rows,
                                      const struct vitlrp_text_options *options,
                                      struct vit_model **tower, float **out,
                                      struct vitlrp_error *err) {
    size_t total = 0;
    if (rows->count == 0 || rows->width == 0 || !checked_mul(&total, rows->count, rows->width)) {
        return fail(err, VITLRP_USAGE, "no text is given");
    }
    TRY(text_options_check(options, err));
    TRY(text_tower_load(image->vit, options, tower, err));
    return make_rows(*tower, rows, options, out, err);
}
