#include "imgio/image.h"

#include <assert.h>

#include "base/checked.h"
#include "base/mem.h"

struct vitlrp_image_limits image_limits_default(void) {
    return (struct vitlrp_image_limits) IMAGE_LIMITS_DEFAULT;
}

enum vitlrp_status image_limits_check(const struct vitlrp_image_limits *limits,
                                      struct vitlrp_error *err) {
    if (limits->max_file_bytes < 1 || limits->max_side < 1 || limits->max_pixels < 1 ||
        limits->max_whole_pixels < 1 || limits->max_codec_bytes < 1 || limits->max_jpeg_scans < 1 ||
        limits->max_jpeg_warnings < 1) {
        return fail(err, VITLRP_USAGE, "the limits of pictures must be positive");
    }
    return reserved_check(limits->reserved, sizeof limits->reserved, "limits of pictures", err);
}

enum vitlrp_status image_check_size(const struct vitlrp_image_limits *limits, uint64_t width,
                                    uint64_t height, struct vitlrp_error *err) {
    if (width == 0 || height == 0) {
        return fail(err, VITLRP_FORMAT, "a picture cannot have %llu x %llu pixels",
                    (unsigned long long) width, (unsigned long long) height);
    }
    uint64_t max_side = (uint64_t) limits->max_side;
    if (width > max_side || height > max_side) {
        return fail_limit(err, "the picture has %llu x %llu pixels; the limit is %d a side",
                          (unsigned long long) width, (unsigned long long) height,
                          limits->max_side);
    }
    if (width > (uint64_t) limits->max_pixels / height) {
        return fail_limit(err, "the picture has %llu x %llu pixels; the limit is %lld in all",
                          (unsigned long long) width, (unsigned long long) height,
                          (long long) limits->max_pixels);
    }
    return VITLRP_OK;
}

enum vitlrp_status image_check_whole(const struct vitlrp_image_limits *limits, uint64_t width,
                                     uint64_t height, struct vitlrp_error *err) {
    TRY(image_check_size(limits, width, height, err));
    if (width > (uint64_t) limits->max_whole_pixels / height) {
        return fail_limit(err,
                          "the picture has %llu x %llu pixels; the limit is %lld for all but "
                          "baseline JPEG and PNG that is not interlaced",
                          (unsigned long long) width, (unsigned long long) height,
                          (long long) limits->max_whole_pixels);
    }
    return VITLRP_OK;
}

/* A picture of pixels that are all black, or not set. */
static enum vitlrp_status make_image(int32_t width, int32_t height, bool black, struct image *out,
                                     struct vitlrp_error *err) {
    assert(width > 0 && height > 0);
    size_t pixels = 0;
    uint8_t *rgb = NULL;
    if (checked_mul(&pixels, (size_t) width, (size_t) height)) {
        rgb = black ? mem_calloc(pixels, 3) : mem_alloc_aligned(pixels, 3);
    }
    if (rgb == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a picture of %d x %d pixels", width,
                    height);
    }
    *out = (struct image){.rgb = rgb, .width = width, .height = height};
    return VITLRP_OK;
}

enum vitlrp_status image_alloc(int32_t width, int32_t height, struct image *out,
                               struct vitlrp_error *err) {
    return make_image(width, height, true, out, err);
}

enum vitlrp_status image_alloc_unset(int32_t width, int32_t height, struct image *out,
                                     struct vitlrp_error *err) {
    return make_image(width, height, false, out, err);
}

void image_free(struct image *image) {
    mem_free(image->rgb);
    *image = (struct image){0};
}
