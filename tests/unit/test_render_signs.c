/* Pictures of real maps against their arrays, by every method: no picture shows a sign that its map
 * does not have, and the strongest colour sits on the strongest patch (F1). Over the sample
 * photographs, or over those that are given: test_render_signs PHOTOGRAPH... */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "imgio/decode.h"
#include "support/small_model.h"
#include "vitlrp.h"

#include "support/unit.h"

enum { GRID = 8, CLASSES = 200, ENOUGH_SAMPLES = 8, CERTAIN = 8 };

/* Sample photographs of two shapes. */
static const char *const SAMPLES[] = {PROJECT_DATA "/koala.jpg", PROJECT_DATA "/dam.jpg"};

struct work {
    struct vitlrp_model *model;
    struct vitlrp_session *session;
    struct vitlrp_preprocess preprocess;
    struct vitlrp_image *image;
    struct vitlrp_geometry geometry;
    struct vitlrp_error error;
    int32_t best; /* most likely class */
    float patches[GRID * GRID];
};

#define SUCCEED(work, call)                                                                        \
    do {                                                                                           \
        if ((call) != VITLRP_OK) {                                                                 \
            fail_msg("%s", (work)->error.message);                                                 \
        }                                                                                          \
    } while (0)

static void see(struct work *work, const char *path) {
    float *input = NULL;
    float logits[CLASSES];
    SUCCEED(work, vitlrp_image_open(path, NULL, &work->image, &work->error));
    SUCCEED(work, vitlrp_image_prepare(work->image, &work->preprocess, &input, &work->geometry,
                                       &work->error));
    SUCCEED(work, vitlrp_session_forward(work->session, input, logits, &work->error));
    vitlrp_free(input);
    work->best = 0;
    for (int32_t i = 1; i < CLASSES; i++) {
        work->best = logits[i] > logits[work->best] ? i : work->best;
    }
}

static void attribute(struct work *work, const char *name) {
    struct vitlrp_method_options method;
    struct vitlrp_relevance relevance;
    const struct vitlrp_target target = {work->best, 1.0F};
    SUCCEED(work, vitlrp_method_options_init(&method, name, &work->error));
    method.samples = method.samples > ENOUGH_SAMPLES ? ENOUGH_SAMPLES : method.samples;
    vitlrp_relevance_init(&relevance);
    relevance.patches = work->patches;
    SUCCEED(work,
            vitlrp_session_attribute(work->session, &target, 1, &method, &relevance, &work->error));
}

/* The map alone in colours that tell the sign: white is zero, red above it, blue below. */
static struct image draw(struct work *work) {
    struct vitlrp_render_options options;
    const struct vitlrp_map map = {work->patches, GRID, GRID, &work->geometry};
    const struct vitlrp_image_limits limits = image_limits_default();
    struct decoded decoded;
    unsigned char *data = NULL;
    size_t size = 0;
    vitlrp_render_options_init(&options);
    options.style = VITLRP_STYLE_HEAT;
    options.colormap = "bwr";
    options.upsample = VITLRP_UPSAMPLE_BICUBIC;
    SUCCEED(work, vitlrp_render(work->image, &map, &options, &data, &size, &work->error));
    SUCCEED(work, decode_image(data, size, &limits, &decoded, &work->error));
    vitlrp_free(data);
    return decoded.image;
}

/* The patch below a pixel; -1 outside of the map. */
static int32_t patch_below(const struct vitlrp_geometry *geometry, int32_t x, int32_t y) {
    double column = floor((x + 0.5 - geometry->left) * GRID / geometry->width);
    double row = floor((y + 0.5 - geometry->top) * GRID / geometry->height);
    bool inside = column >= 0.0 && column < GRID && row >= 0.0 && row < GRID;
    return inside ? (int32_t) row * GRID + (int32_t) column : -1;
}

struct shown {
    bool positive, negative;
    int strength[GRID * GRID]; /* of the strongest colour over each patch */
};

static struct shown look_at(const struct work *work, const struct image *picture) {
    struct shown shown = {.positive = false};
    for (int32_t y = 0; y < picture->height; y++) {
        for (int32_t x = 0; x < picture->width; x++) {
            const uint8_t *pixel = picture->rgb + 3 * ((ptrdiff_t) y * picture->width + x);
            int32_t patch = patch_below(&work->geometry, x, y);
            if (patch >= 0) {
                int strength = 255 - pixel[1];
                shown.positive = shown.positive || pixel[0] > pixel[2];
                shown.negative = shown.negative || pixel[0] < pixel[2];
                shown.strength[patch] =
                    strength > shown.strength[patch] ? strength : shown.strength[patch];
            }
        }
    }
    return shown;
}

/* What the table says of the method's maps. */
static bool is_signed(struct work *work, const char *method) {
    struct vitlrp_method_info info;
    vitlrp_method_info_init(&info);
    SUCCEED(work, vitlrp_method_describe(method, &info, &work->error));
    return info.kind == VITLRP_MAP_SIGNED;
}

static void check_picture(struct work *work, const char *method) {
    struct image picture = draw(work);
    struct shown shown = look_at(work, &picture);
    float low = INFINITY;
    float high = -INFINITY;
    int32_t strongest = 0;
    int most = 0;
    for (int32_t i = 0; i < GRID * GRID; i++) {
        low = fminf(low, work->patches[i]);
        high = fmaxf(high, work->patches[i]);
        bool stronger = fabsf(work->patches[i]) > fabsf(work->patches[strongest]);
        strongest = stronger ? i : strongest;
        most = shown.strength[i] > most ? shown.strength[i] : most;
    }
    bool signs = (low < 0.0F || !shown.negative) && (high > 0.0F || !shown.positive) &&
                 (low >= 0.0F || is_signed(work, method));
    bool whole = most >= 255 - CERTAIN || (low == 0.0F && high == 0.0F);
    if (!signs || !whole || shown.strength[strongest] < most) {
        fail_msg("%s: map %g to %g, picture with red %d, blue %d; strength %d over "
                 "the strongest patch, %d elsewhere",
                 method, (double) low, (double) high, shown.positive, shown.negative,
                 shown.strength[strongest], most);
    }
    image_free(&picture);
}

static void check_photograph(struct work *work, const char *path) {
    see(work, path);
    for (size_t m = 0; m < vitlrp_method_count(); m++) {
        attribute(work, vitlrp_method_name(m));
        check_picture(work, vitlrp_method_name(m));
    }
    vitlrp_image_close(work->image);
}

static void join_methods(char *names, size_t size) {
    size_t used = 0;
    for (size_t m = 0; m < vitlrp_method_count(); m++) {
        int length =
            snprintf(names + used, size - used, "%s%s", m > 0 ? "," : "", vitlrp_method_name(m));
        assert_true(length > 0 && (size_t) length < size - used);
        used += (size_t) length;
    }
}

struct photographs {
    size_t count;
    const char *const *paths;
};

static void test_pictures_show_what_maps_have(void **state) {
    const struct photographs *photographs = *state;
    struct work work = {.model = NULL};
    struct vitlrp_session_options options;
    char methods[1024];
    join_methods(methods, sizeof methods);
    vitlrp_session_options_init(&options);
    options.methods = methods;
    SUCCEED(&work, vitlrp_model_open(SMALL_MODEL, NULL, &work.model, &work.error));
    vitlrp_model_preprocess(work.model, &work.preprocess);
    SUCCEED(&work, vitlrp_session_open(work.model, &options, &work.session, &work.error));
    for (size_t i = 0; i < photographs->count; i++) {
        check_photograph(&work, photographs->paths[i]);
    }
    vitlrp_session_close(work.session);
    vitlrp_model_close(work.model);
}

int main(int argc, char **argv) {
    struct photographs photographs = {sizeof SAMPLES / sizeof SAMPLES[0], SAMPLES};
    if (argc > 1) {
        photographs = (struct photographs){(size_t) argc - 1, (const char *const *) argv + 1};
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_pictures_show_what_maps_have, &photographs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
