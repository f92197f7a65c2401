/* Resizing, cropping and drawing at sizes without sense: from the bytes come the sizes of
 * photograph, input and map, the filters, and what the map holds. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "fuzz/fuzz.h"
#include "imgio/preprocess.h"
#include "vitlrp.h"

#define MAX_SIDE 40
#define MAX_CELLS 32

static void take_preprocess(struct fuzz_input *input, struct vitlrp_preprocess *out) {
    uint8_t kind = fuzz_byte(input);
    int filter = (kind >> 2 & 1) | (kind >> 5 & 2);
    *out = (struct vitlrp_preprocess){.resize = (enum vitlrp_resize)(kind & 3),
                                      .interpolation = (enum vitlrp_interpolation) filter,
                                      .crop_offset = (enum vitlrp_crop_offset)(kind >> 7),
                                      .resize_to = (int32_t) fuzz_number(input),
                                      .crop_height = fuzz_byte(input),
                                      .crop_width = fuzz_byte(input)};
    if ((kind & 0x10) == 0) {
        out->resize_to %= 64;
    }
    if ((kind & 8) != 0) {
        out->resize_width = out->crop_height + 1;
    }
    for (int i = 0; i < 3; i++) {
        out->mean[i] = 0.5F;
        out->std[i] = (kind & 0x20) != 0 ? fuzz_float(input) : 0.5F;
    }
}

static struct vitlrp_image *take_photo(struct fuzz_input *input) {
    struct vitlrp_image *photo = NULL;
    int32_t width = 1 + fuzz_byte(input) % MAX_SIDE;
    int32_t height = 1 + fuzz_byte(input) % MAX_SIDE;
    size_t size = (size_t) width * (size_t) height * 3;
    uint8_t *rgb = mem_calloc(size, 1);
    fuzz_check(rgb != NULL, "no memory");
    for (size_t i = 0; i < size && input->size > 0; i++) {
        rgb[i] = input->data[i % input->size];
    }
    fuzz_check(vitlrp_image_from_rgb(rgb, height, width, &photo, NULL) == VITLRP_OK, "no photo");
    mem_free(rgb);
    return photo;
}

/* The input's picture as a photograph again. */
static void check_input(const struct vitlrp_preprocess *preprocess,
                        const struct vitlrp_image *photo, const struct vitlrp_geometry *geometry) {
    struct vitlrp_image *again = NULL;
    struct vitlrp_error error;
    size_t count = 3 * (size_t) geometry->input_width * (size_t) geometry->input_height;
    if (count > (size_t) 3 << 20) {
        return;
    }
    float *values = mem_calloc(count, sizeof *values);
    fuzz_check(values != NULL, "no memory");
    if (vitlrp_preprocess_apply(preprocess, photo, values, &error) == VITLRP_OK) {
        fuzz_touch(values, count * sizeof *values);
        enum vitlrp_status status = vitlrp_image_from_input(
            values, geometry->input_height, geometry->input_width, preprocess, &again, &error);
        fuzz_check((status == VITLRP_OK) == (again != NULL), "an image after a failure");
        vitlrp_image_close(again);
    }
    mem_free(values);
}

/* What lies over and under the map. */
static void take_parts(struct fuzz_input *input, struct vitlrp_render_options *options) {
    uint8_t parts = fuzz_byte(input);
    options->kind = (enum vitlrp_map_kind)(parts & 1);
    options->underlay = (enum vitlrp_underlay)((parts >> 1) % 3);
    options->contours = parts >> 3 & 3;
    options->unit = (parts & 1) != 0 ? "logit" : NULL;
    if ((parts & 0x80) != 0) {
        options->format = VITLRP_PICTURE_SVG;
    }
    if ((parts & 0x20) != 0) {
        options->top_percent = fuzz_float(input);
        options->top_as = (enum vitlrp_top_as)((parts >> 1) % 3);
    }
    if ((parts & 0x40) != 0) {
        options->range_low = fuzz_float(input);
        options->range_high = fuzz_float(input);
    }
}

static void draw(struct fuzz_input *input, const struct vitlrp_image *photo,
                 const struct vitlrp_geometry *geometry) {
    static const char *const colormaps[] = {"bwr", "viridis", "jet", "gray", "none"};
    float values[MAX_CELLS * MAX_CELLS];
    uint8_t kind = fuzz_byte(input);
    struct vitlrp_map map = {.values = values,
                             .height = fuzz_byte(input) % (MAX_CELLS + 1),
                             .width = fuzz_byte(input) % (MAX_CELLS + 1),
                             .geometry = geometry};
    struct vitlrp_render_options options;
    unsigned char *file = NULL;
    size_t size = 0;
    struct vitlrp_error error;
    vitlrp_render_options_init(&options);
    options.style = (enum vitlrp_style)(kind % 3);
    options.upsample = (enum vitlrp_upsample)((kind >> 2) % 3);
    options.format = (enum vitlrp_picture_format)(kind >> 4 & 1);
    options.colormap = colormaps[fuzz_byte(input) % 5];
    options.opacity = (kind & 0x20) != 0 ? fuzz_float(input) : -1.0F;
    options.scale = (kind & 0x40) != 0 ? fuzz_float(input) : 0.0F;
    options.caption = (kind & 0x80) != 0 ? "a caption\nof two lines \xC3\xA9 \xFF" : NULL;
    take_parts(input, &options);
    for (size_t i = 0; i < MAX_CELLS * MAX_CELLS; i++) {
        values[i] = input->size > 0 ? (float) input->data[i % input->size] - 128.0F : 0.0F;
    }
    values[0] = (kind & 0x40) != 0 ? fuzz_float(input) : values[0];
    if (vitlrp_render(photo, &map, &options, &file, &size, &error) == VITLRP_OK) {
        fuzz_touch(file, size);
        vitlrp_free(file);
    } else {
        fuzz_check(error.status != VITLRP_INTERNAL && error.message[0] != '\0', error.message);
    }
}

const struct bounds FUZZ_BOUNDS = {0};

void fuzz_one(const uint8_t *data, size_t size) {
    struct fuzz_input input = {data, size};
    struct vitlrp_preprocess preprocess;
    struct vitlrp_geometry geometry;
    struct vitlrp_image_info info;
    take_preprocess(&input, &preprocess);
    bool wild = fuzz_byte(&input) % 8 == 0;
    float wild_left = wild ? fuzz_float(&input) : 0.0F;
    float wild_width = wild ? fuzz_float(&input) : 0.0F;
    struct vitlrp_image *photo = take_photo(&input);
    vitlrp_image_describe(photo, &info);
    if (vitlrp_preprocess_plan(&preprocess, info.width, info.height, &geometry, NULL) ==
        VITLRP_OK) {
        fuzz_check(geometry.width > 0.0 && geometry.height > 0.0 && geometry.input_width > 0 &&
                       geometry.input_height > 0,
                   "a plan of nothing");
        check_input(&preprocess, photo, &geometry);
        if (wild) {
            geometry.left = (double) wild_left;
            geometry.width = (double) wild_width;
        }
        draw(&input, photo, &geometry);
    }
    vitlrp_image_close(photo);
}
