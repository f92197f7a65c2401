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

static enum vitlrp_status check_size(const struct input_source *source, const struct resize *resize,
                                     struct vitlrp_error *err) {
    return resize->window_height == source->height && resize->window_width == source->width
               ? VITLRP_OK
               : fail(err, VITLRP_MISMATCH,
                      "becomes an input of %d x %d pixels, the others are %d x %d: a crop would "
                      "make them equal",
                      resize->window_width, resize->window_height, source->width, source->height);
}

static enum vitlrp_status load_bytes(const struct input_source *source, const struct bytes *bytes,
                                     float *input, struct loaded_input *out,
                                     struct vitlrp_error *err) {
    struct photograph_loaded loaded;
    const struct photograph_wishes wishes = {.limits = &source->limits,
                                             .preprocess = source->preprocess,
                                             .whole_pixels = PHOTOGRAPH_WHOLE_PIXELS,
                                             .ignore_exif = source->ignore_exif};
    TRY(sha256_bytes(bytes->data, bytes->size, out->sha256, err));
    TRY(photograph_load(bytes->data, bytes->size, &wishes, &loaded, err));
    enum vitlrp_status status = check_size(source, &loaded.plan.resize, err);
    if (status == VITLRP_OK) {
        out->warning = loaded.photograph.warning;
        out->plan = loaded.plan;
        preprocess_normalise(source->preprocess, &loaded.seen, input);
    }
    photograph_loaded_free(&loaded);
    return status;
}

enum vitlrp_status load_input(const struct input_source *source, const char *path, float *input,
                              struct loaded_input *out, struct vitlrp_error *err) {
    struct bytes bytes;
    TRY(file_read(path, source->limits.max_file_bytes, &bytes, err));
    enum vitlrp_status status = load_bytes(source, &bytes, input, out, err);
    bytes_free(&bytes);
    return status;
}

bool failure_is_systemic(enum vitlrp_status status, const struct vitlrp_error *err) {
    return status == VITLRP_USAGE || status == VITLRP_CANCELLED || error_is_systemic(status, err);
}
