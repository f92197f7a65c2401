#include "imgio/photograph.h"

#include "base/clock.h"
#include "imgio/decode.h"
#include "imgio/exif.h"
#include "imgio/stream_resize.h"

static enum vitlrp_status check_file(uint64_t size, const struct vitlrp_image_limits *limits,
                                     struct vitlrp_error *err) {
    return size <= limits->max_file_bytes
               ? VITLRP_OK
               : fail_limit(err, "the image file has %llu bytes; the limit is %zu",
                            (unsigned long long) size, limits->max_file_bytes);
}

/* A photograph of a whole picture, which it takes over, failing or not. */
static enum vitlrp_status photograph_turn(struct decoded *decoded, bool ignore_exif,
                                          struct photograph *out, struct vitlrp_error *err) {
    enum vitlrp_status status =
        ignore_exif ? VITLRP_OK : image_orient(&decoded->image, decoded->orientation, err);
    if (status != VITLRP_OK) {
        image_free(&decoded->image);
        return status;
    }
    *out = (struct photograph){.pixels = decoded->image,
                               .width = decoded->image.width,
                               .height = decoded->image.height,
                               .orientation = decoded->orientation,
                               .format = decoded->format,
                               .warning = decoded->warning};
    return VITLRP_OK;
}

enum vitlrp_status photograph_decode(const void *data, size_t size,
                                     const struct vitlrp_image_limits *limits, bool ignore_exif,
                                     struct photograph *out, struct vitlrp_error *err) {
    const struct source memory = source_over(data, size);
    return photograph_decode_file(&memory, limits, ignore_exif, out, err);
}

enum vitlrp_status photograph_decode_file(const struct source *file,
                                          const struct vitlrp_image_limits *limits,
                                          bool ignore_exif, struct photograph *out,
                                          struct vitlrp_error *err) {
    const struct decode_input input = {.source = *file, .limits = limits};
    struct decoded decoded;
    TRY(check_file(file->size, limits, err));
    TRY(decode_rows(&input, &decoded, err));
    return photograph_turn(&decoded, ignore_exif, out, err);
}

/* What the model sees of a picture of the plan's size. */
static enum vitlrp_status photograph_seen(const struct image *upright,
                                          const struct vitlrp_preprocess *preprocess,
                                          const struct preprocess_plan *plan, struct image *out,
                                          struct vitlrp_error *err) {
    struct image grey = {0};
    if (preprocess_channels(preprocess) == 1) {
        TRY(preprocess_grey(upright, &grey, err));
        upright = &grey;
    }
    enum vitlrp_status status = preprocess_pixels(plan, upright, out, err);
    image_free(&grey);
    return status;
}

enum vitlrp_status photograph_input(const struct image *upright,
                                    const struct vitlrp_preprocess *preprocess,
                                    const struct preprocess_plan *plan, float *input,
                                    struct vitlrp_error *err) {
    struct image pixels;
    TRY(photograph_seen(upright, preprocess, plan, &pixels, err));
    preprocess_normalise(preprocess, &pixels, input);
    image_free(&pixels);
    return VITLRP_OK;
}

/* ---- In one go ---- */

/* A file on its way. The streams are there if its rows are taken as they come. */
struct loading {
    const struct photograph_wishes *wishes;
    struct photograph_loaded *out;
    struct stream_resize *seen, *drawn; /* owned */
};

/* The size at which a picture of width x height is drawn; false if that is its own. */
static bool drawn_size(const struct photograph_wishes *wishes, int32_t width, int32_t height,
                       struct resize *out) {
    int32_t longer = width > height ? width : height;
    int64_t most = wishes->max_side;
    if (most <= 0 || longer <= most) {
        return false;
    }
    int32_t drawn_width = (int32_t) ((width * most + longer / 2) / longer);
    int32_t drawn_height = (int32_t) ((height * most + longer / 2) / longer);
    *out = (struct resize){.width = drawn_width > 1 ? drawn_width : 1,
                           .height = drawn_height > 1 ? drawn_height : 1,
                           .filter = RESAMPLE_BILINEAR};
    out->window_width = out->width;
    out->window_height = out->height;
    return true;
}

/* Takes the rows of a large picture, unless all its pixels are to be drawn. */
static enum vitlrp_status begin_rows(void *user, int32_t width, int32_t height, int32_t orientation,
                                     bool *takes, struct vitlrp_error *err) {
    struct loading *loading = user;
    const struct photograph_wishes *wishes = loading->wishes;
    struct photograph *photograph = &loading->out->photograph;
    struct preprocess_plan *plan = &loading->out->plan;
    struct resize drawn;
    struct stream_source source = {
        .width = width, .height = height, .orientation = wishes->ignore_exif ? 1 : orientation};
    bool is_turned = source.orientation >= 5;
    photograph->width = is_turned ? height : width;
    photograph->height = is_turned ? width : height;
    bool is_smaller = drawn_size(wishes, photograph->width, photograph->height, &drawn);
    *takes = (int64_t) width * height > wishes->whole_pixels && (is_smaller || !wishes->draws);
    if (!*takes) {
        return VITLRP_OK;
    }
    TRY(preprocess_plan_make(wishes->preprocess, photograph->width, photograph->height, plan, err));
    if (wishes->draws) {
        source.any_order = true;
        TRY(stream_resize_open(&source, &drawn, &loading->drawn, err));
        source.any_order = false;
    }
    struct resize inner = preprocess_inner(plan);
    source.in_grey = preprocess_channels(wishes->preprocess) == 1;
    return stream_resize_open(&source, &inner, &loading->seen, err);
}

static void take_row(void *user, const uint8_t *rgb) {
    struct loading *loading = user;
    stream_resize_add(loading->seen, rgb);
    if (loading->drawn != NULL) {
        stream_resize_add(loading->drawn, rgb);
    }
}

/* The results of the streams. */
static enum vitlrp_status end_rows(struct loading *loading, struct vitlrp_error *err) {
    struct photograph_loaded *out = loading->out;
    struct image part;
    TRY(stream_resize_take(loading->seen, &part, err));
    TRY(preprocess_surround(&out->plan, &part, &out->seen, err));
    return loading->drawn == NULL
               ? VITLRP_OK
               : stream_resize_take(loading->drawn, &out->photograph.pixels, err);
}

/* Makes the pixels of a whole picture what is to be drawn. */
static enum vitlrp_status keep_drawn(const struct photograph_wishes *wishes,
                                     struct photograph *photograph, struct vitlrp_error *err) {
    struct resize drawn;
    struct image smaller;
    if (!wishes->draws) {
        image_free(&photograph->pixels);
        return VITLRP_OK;
    }
    if (!drawn_size(wishes, photograph->width, photograph->height, &drawn)) {
        return VITLRP_OK;
    }
    TRY(image_resize(&photograph->pixels, &drawn, &smaller, err));
    image_free(&photograph->pixels);
    photograph->pixels = smaller;
    return VITLRP_OK;
}

static enum vitlrp_status see_whole(const struct photograph_wishes *wishes,
                                    struct photograph_loaded *out, struct vitlrp_error *err) {
    struct photograph *photograph = &out->photograph;
    TRY(preprocess_plan_make(wishes->preprocess, photograph->width, photograph->height, &out->plan,
                             err));
    TRY(photograph_seen(&photograph->pixels, wishes->preprocess, &out->plan, &out->seen, err));
    return keep_drawn(wishes, photograph, err);
}

static enum vitlrp_status load_rows(struct loading *loading, const struct decode_input *input,
                                    struct vitlrp_error *err) {
    struct photograph_loaded *out = loading->out;
    struct photograph *photograph = &out->photograph;
    struct decoded decoded;
    TRY(decode_rows(input, &decoded, err));
    if (loading->seen == NULL) {
        TRY(photograph_turn(&decoded, loading->wishes->ignore_exif, photograph, err));
    }
    double start = clock_seconds();
    photograph->orientation = decoded.orientation;
    photograph->format = decoded.format;
    photograph->warning = decoded.warning;
    TRY(loading->seen == NULL ? see_whole(loading->wishes, out, err) : end_rows(loading, err));
    out->prepare_ms = (clock_seconds() - start) * 1000.0;
    return VITLRP_OK;
}

enum vitlrp_status photograph_load(const void *data, size_t size,
                                   const struct photograph_wishes *wishes,
                                   struct photograph_loaded *out, struct vitlrp_error *err) {
    const struct source memory = source_over(data, size);
    return photograph_load_file(&memory, NULL, wishes, out, err);
}

enum vitlrp_status photograph_load_file(const struct source *file, struct sha256 *hash,
                                        const struct photograph_wishes *wishes,
                                        struct photograph_loaded *out, struct vitlrp_error *err) {
    struct photograph_loaded made = {0};
    struct loading loading = {.wishes = wishes, .out = &made};
    const struct row_sink sink = {&loading, begin_rows, take_row};
    const struct decode_input input = {*file, wishes->limits, &sink, hash};
    TRY(check_file(file->size, wishes->limits, err));
    enum vitlrp_status status = load_rows(&loading, &input, err);
    stream_resize_close(loading.seen);
    stream_resize_close(loading.drawn);
    if (status != VITLRP_OK) {
        photograph_loaded_free(&made);
        return status;
    }
    *out = made;
    return VITLRP_OK;
}

void photograph_loaded_free(struct photograph_loaded *loaded) {
    image_free(&loaded->photograph.pixels);
    image_free(&loaded->seen);
    *loaded = (struct photograph_loaded){0};
}
