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
