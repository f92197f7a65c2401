#include "eval/load_input.h"

#include <errno.h>

#include "base/file.h"
#include "imgio/photograph.h"

void input_source_size(struct input_source *source, const struct vit_model *model) {
    const struct vitlrp_preprocess *preprocess = source->preprocess;
    source->height = model->config.image_height;
    source->width = model->config.image_width;
    if (preprocess->resize == VITLRP_RESIZE_SQUASH) {
        source->height = source->width = preprocess->resize_to;
    }
    if (preprocess->crop_height > 0) {
        source->height = preprocess->crop_height;
    }
    if (preprocess->crop_width > 0) {
        source->width = preprocess->crop_width;
    }
}

static enum vitlrp_status preprocess_photograph(const struct input_source *source,
                                                const struct image *photograph, float *input,
                                                struct preprocess_plan *plan,
                                                struct vitlrp_error *err) {
    TRY(preprocess_plan_make(source->preprocess, photograph->width, photograph->height, plan, err));
    if (plan->resize.window_height != source->height ||
        plan->resize.window_width != source->width) {
        return fail(err, VITLRP_MISMATCH,
                    "becomes an input of %d x %d pixels, the others are %d x %d: a crop would make "
                    "them equal",
                    plan->resize.window_width, plan->resize.window_height, source->width,
                    source->height);
    }
    return photograph_input(photograph, source->preprocess, plan, input, err);
}

enum vitlrp_status load_input(const struct input_source *source, const char *path, float *input,
                              struct loaded_input *out, struct vitlrp_error *err) {
    struct bytes bytes;
    struct photograph photograph;
    TRY(file_read(path, source->limits.max_file_bytes, &bytes, err));
    enum vitlrp_status status = sha256_bytes(bytes.data, bytes.size, out->sha256, err);
    if (status == VITLRP_OK) {
        status = photograph_decode(bytes.data, bytes.size, &source->limits, source->ignore_exif,
                                   &photograph, err);
    }
    bytes_free(&bytes);
    if (status != VITLRP_OK) {
        return status;
    }
    out->warning = photograph.warning;
    status = preprocess_photograph(source, &photograph.pixels, input, &out->plan, err);
    image_free(&photograph.pixels);
    return status;
}

bool failure_is_systemic(enum vitlrp_status status, const struct vitlrp_error *err) {
    return status == VITLRP_USAGE || status == VITLRP_CANCELLED || error_is_systemic(status, err);
}
