#include "eval/eval_results.h"

#include "base/mem.h"

void eval_image_drop_results(struct eval_image *image, size_t method_count) {
    for (size_t m = 0; image->methods != NULL && m < method_count; m++) {
        mem_free(image->methods[m].morf_logit);
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
