#include "eval/eval_results.h"

#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "base/words.h"

bool eval_replacement_has(const struct eval_protocol *protocol, enum vitlrp_replacement which) {
    return (protocol->replacements >> which & 1) != 0;
}

size_t eval_replacement_count(const struct eval_protocol *protocol) {
    size_t count = 0;
    for (int i = 0; word_of(WORDS_REPLACEMENT, i) != NULL; i++) {
        count += eval_replacement_has(protocol, (enum vitlrp_replacement) i) ? 1 : 0;
    }
    return count;
}

enum vitlrp_replacement eval_replacement_at(const struct eval_protocol *protocol, size_t place) {
    int which = 0;
    for (size_t before = place; word_of(WORDS_REPLACEMENT, which + 1) != NULL; which++) {
        if (eval_replacement_has(protocol, (enum vitlrp_replacement) which) && before-- == 0) {
            break;
        }
    }
    return (enum vitlrp_replacement) which;
}

static size_t points_of(const struct eval_protocol *protocol) {
    return (size_t) protocol->steps + 1;
}

enum vitlrp_status eval_curves_open(const struct eval_protocol *protocol, struct eval_curves **out,
                                    struct vitlrp_error *err) {
    size_t count = eval_replacement_count(protocol);
    size_t floats = EVAL_CURVES * points_of(protocol);
    size_t bytes = 0;
    struct eval_curves *curves = NULL;
    if (checked_mul(&bytes, floats, sizeof(float)) &&
        checked_add(&bytes, bytes, sizeof(struct eval_curves))) {
        curves = mem_calloc(count, bytes);
    }
    if (curves == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for the curves of an image");
    }
    float *next = (float *) (curves + count);
    for (size_t r = 0; r < count; r++) {
        for (size_t c = 0; c < EVAL_CURVES; c++) {
            curves[r].of[c] = next;
            next += points_of(protocol);
        }
    }
    *out = curves;
    return VITLRP_OK;
}

void eval_curves_copy(const struct eval_protocol *protocol, const struct eval_curves *from,
                      struct eval_curves *to) {
    for (size_t r = 0; r < eval_replacement_count(protocol); r++) {
        memcpy(to[r].fp32_areas, from[r].fp32_areas, sizeof to[r].fp32_areas);
        for (size_t c = 0; c < EVAL_CURVES; c++) {
            memcpy(to[r].of[c], from[r].of[c], points_of(protocol) * sizeof(float));
        }
    }
}

void eval_image_drop_results(struct eval_image *image, size_t method_count) {
    for (size_t m = 0; image->methods != NULL && m < method_count; m++) {
        mem_free(image->methods[m].curves);
        mem_free(image->methods[m].patches);
    }
    mem_free(image->methods);
    image->methods = NULL;
}

void eval_image_free(struct eval_image *image, size_t method_count) {
    eval_image_drop_results(image, method_count);
    mem_free(image->message);
    mem_free(image->id);
    *image = (struct eval_image){0};
}

static enum vitlrp_status visit_images(const struct evaluation *evaluation, size_t only,
                                       eval_visit *visit, void *user, struct vitlrp_error *err) {
    if (evaluation->store != NULL) {
        return evaluation->store->visit(evaluation->store, only, visit, user, err);
    }
    for (size_t i = 0; i < evaluation->image_count; i++) {
        const struct eval_image *image = &evaluation->images[i];
        if (only == EVAL_ALL_IMAGES || image->index == only) {
            TRY(visit(user, image, err));
        }
    }
    return VITLRP_OK;
}

enum vitlrp_status evaluation_visit(const struct evaluation *evaluation, eval_visit *visit,
                                    void *user, struct vitlrp_error *err) {
    return visit_images(evaluation, EVAL_ALL_IMAGES, visit, user, err);
}

enum vitlrp_status evaluation_visit_one(const struct evaluation *evaluation, size_t index,
                                        eval_visit *visit, void *user, struct vitlrp_error *err) {
    return visit_images(evaluation, index, visit, user, err);
}

void evaluation_free(struct evaluation *evaluation) {
    if (evaluation == NULL) {
        return;
    }
    for (size_t i = 0; evaluation->images != NULL && i < evaluation->image_count; i++) {
        eval_image_free(&evaluation->images[i], evaluation->method_count);
    }
    for (size_t m = 0; evaluation->methods != NULL && m < evaluation->method_count; m++) {
        mem_free(evaluation->methods[m]);
    }
    if (evaluation->store != NULL) {
        evaluation->store->close(evaluation->store);
    }
    mem_free(evaluation->images);
    mem_free(evaluation->methods);
    mem_free(evaluation->model_name);
    mem_free(evaluation->model_sha256);
    mem_free(evaluation->manifest_sha256);
    mem_free(evaluation->truth_sha256);
    mem_free(evaluation->content_sha256);
    mem_free(evaluation->settings);
    mem_free(evaluation->configuration);
    *evaluation = (struct evaluation){0};
}
