/* JPEG and PNG files that are read row by row: what the model sees must be what it sees of the same
 * file decoded whole, and what is refused so must be refused. */
#include <string.h>

#include "fuzz/fuzz.h"
#include "imgio/photograph.h"

const struct bounds FUZZ_BOUNDS = {0};

static struct vitlrp_preprocess take_preprocess(struct fuzz_input *input) {
    static const enum vitlrp_resize RESIZES[] = {VITLRP_RESIZE_SHORT, VITLRP_RESIZE_SQUASH,
                                                 VITLRP_RESIZE_COVER, VITLRP_RESIZE_NONE};
    struct vitlrp_preprocess preprocess = {.std = {1.0F, 1.0F, 1.0F}};
    preprocess.resize = RESIZES[fuzz_byte(input) % 4];
    preprocess.resize_to = fuzz_byte(input) % 64 + 1;
    preprocess.interpolation = (enum vitlrp_interpolation)(fuzz_byte(input) % 5);
    preprocess.crop_width = fuzz_byte(input) % 64;
    preprocess.crop_height = fuzz_byte(input) % 64;
    preprocess.channels = fuzz_byte(input) % 2;
    return preprocess;
}

/* Inputs stay small: a strip that is resized by its short side is long. */
static bool is_small(const struct preprocess_plan *plan) {
    return (int64_t) plan->resize.window_width * plan->resize.window_height < 1 << 20 &&
           plan->resize.width < 1 << 20 && plan->resize.height < 1 << 20;
}

void fuzz_one(const uint8_t *data, size_t size) {
    struct fuzz_input input = {data, size};
    struct vitlrp_image_limits limits = fuzz_limits();
    struct vitlrp_preprocess preprocess = take_preprocess(&input);
    struct photograph_wishes wishes = {.limits = &limits,
                                       .preprocess = &preprocess,
                                       .whole_pixels = PHOTOGRAPH_WHOLE_PIXELS,
                                       .draws = true,
                                       .max_side = 8};
    struct photograph photograph;
    struct photograph_loaded whole = {0};
    struct photograph_loaded rows = {0};
    struct preprocess_plan plan;
    struct vitlrp_error err;
    if (photograph_decode(input.data, input.size, &limits, false, &photograph, &err) == VITLRP_OK) {
        bool fits = preprocess_plan_make(&preprocess, photograph.width, photograph.height, &plan,
                                         &err) == VITLRP_OK &&
                    is_small(&plan);
        image_free(&photograph.pixels);
        if (!fits) {
            return;
        }
    } else { /* how large the input would be is not known before the pixels are */
        preprocess.resize = VITLRP_RESIZE_SQUASH;
        preprocess.crop_width = preprocess.crop_height = 0;
    }
    enum vitlrp_status status = photograph_load(input.data, input.size, &wishes, &whole, &err);
    wishes.whole_pixels = 1;
    enum vitlrp_status again = photograph_load(input.data, input.size, &wishes, &rows, &err);
    fuzz_check((status == VITLRP_OK) == (again == VITLRP_OK),
               "a file that is read in one way only");
    if (status != VITLRP_OK) {
        fuzz_check_failure(again, &err);
        return;
    }
    fuzz_touch_image(&rows.photograph.pixels);
    size_t bytes = (size_t) whole.seen.width * (size_t) whole.seen.height * 3;
    fuzz_check(rows.seen.width == whole.seen.width && rows.seen.height == whole.seen.height &&
                   memcmp(rows.seen.rgb, whole.seen.rgb, bytes) == 0,
               "rows that give another input");
    photograph_loaded_free(&whole);
    photograph_loaded_free(&rows);
}
