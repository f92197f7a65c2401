#include "imgio/photograph.h"

#include "imgio/decode.h"
#include "imgio/exif.h"

enum vitlrp_status photograph_decode(const void *data, size_t size,
                                     const struct vitlrp_image_limits *limits, bool ignore_exif,
                                     struct photograph *out, struct vitlrp_error *err) {
    struct decoded decoded;
    if (size > limits->max_file_bytes) {
        return fail_limit(err, "the image file has %zu bytes; the limit is %zu", size,
                          limits->max_file_bytes);
    }
    TRY(decode_image(data, size, limits, &decoded, err));
    enum vitlrp_status status =
        ignore_exif ? VITLRP_OK : image_orient(&decoded.image, decoded.orientation, err);
    if (status != VITLRP_OK) {
        image_free(&decoded.image);
        return status;
    }
    *out = (struct photograph){decoded.image, decoded.orientation, decoded.format, decoded.warning};
    return VITLRP_OK;
}

enum vitlrp_status photograph_input(const struct image *upright,
                                    const struct vitlrp_preprocess *preprocess,
                                    const struct preprocess_plan *plan, float *input,
                                    struct vitlrp_error *err) {
    struct image grey = {0};
    struct image pixels = {0};
    enum vitlrp_status status = VITLRP_OK;
    if (preprocess_channels(preprocess) == 1) {
        TRY(preprocess_grey(upright, &grey, err));
        upright = &grey;
    }
    status = preprocess_pixels(plan, upright, &pixels, err);
    if (status == VITLRP_OK) {
        preprocess_normalise(preprocess, &pixels, input);
    }
    image_free(&pixels);
    image_free(&grey);
    return status;
}
