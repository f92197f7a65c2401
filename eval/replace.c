#include "eval/replace.h"

#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "base/random.h"
#include "eval/road.h"

/* The normalised value of a colour from 0 (black) to 1 (white). */
static float normalised(const struct vitlrp_preprocess *preprocess, size_t channel, float colour) {
    return (colour - preprocess->mean[channel]) / preprocess->std[channel];
}

static void plane_fill(float *out, size_t count, float value) {
    for (size_t i = 0; i < count; i++) {
        out[i] = value;
    }
}

static float mean_of(const float *values, size_t count) {
    double sum = 0.0;
    for (size_t i = 0; i < count; i++) {
        sum += (double) values[i];
    }
    return (float) (sum / (double) count);
}

static size_t area_of(const struct replacement_request *request) {
    return request->height * request->width;
}

static size_t channels_of(const struct replacement_request *request) {
    return preprocess_channels(request->preprocess);
}

/* ---- Colours ---- */

static enum vitlrp_status make_zero(const struct replacement_request *request, const float *input,
                                    float *out, struct vitlrp_error *err) {
    (void) input;
    (void) err;
    plane_fill(out, channels_of(request) * area_of(request), 0.0F);
    return VITLRP_OK;
}

static enum vitlrp_status make_black(const struct replacement_request *request, const float *input,
                                     float *out, struct vitlrp_error *err) {
    size_t area = area_of(request);
    (void) input;
    (void) err;
    for (size_t c = 0; c < channels_of(request); c++) {
        plane_fill(out + c * area, area, normalised(request->preprocess, c, 0.0F));
    }
    return VITLRP_OK;
}

static enum vitlrp_status make_mean(const struct replacement_request *request, const float *input,
                                    float *out, struct vitlrp_error *err) {
    size_t area = area_of(request);
    (void) err;
    for (size_t c = 0; c < channels_of(request); c++) {
        plane_fill(out + c * area, area, mean_of(input + c * area, area));
    }
    return VITLRP_OK;
}

/* ---- Chance ---- */

static enum vitlrp_status make_noise(const struct replacement_request *request, const float *input,
                                     float *out, struct vitlrp_error *err) {
    struct random_stream stream = random_open(request->seed);
    size_t area = area_of(request);
    (void) input;
    (void) err;
    for (size_t i = 0; i < channels_of(request) * area; i++) {
        out[i] = normalised(request->preprocess, i / area, (float) random_uniform(&stream));
    }
    return VITLRP_OK;
}

void replacement_noise(uint64_t seed, double deviation, size_t count, float *out) {
    struct random_stream stream = random_open(seed);
    for (size_t i = 0; i < count; i++) {
        out[i] = (float) (deviation * random_normal(&stream));
    }
}

/* What eval/road.h imputes depends on the patches; the noise on it does not. */
static enum vitlrp_status make_road(const struct replacement_request *request, const float *input,
                                    float *out, struct vitlrp_error *err) {
    (void) input;
    (void) err;
    replacement_noise(request->seed, ROAD_NOISE, channels_of(request) * area_of(request), out);
    return VITLRP_OK;
}

/* ---- Blur ---- */

struct blur {
    double *weights; /* [radius + 1]: of the centre and one side */
    double *rows;    /* [height, width]: after the horizontal pass */
    size_t radius;
};

/* The blurred value at `position` of a line of `count` values, `stride` apart. */
static double blurred(const struct blur *blur, const double *line, size_t stride, size_t count,
                      size_t position) {
    size_t first = position > blur->radius ? position - blur->radius : 0;
    size_t last = size_min(position + blur->radius, count - 1);
    double sum = 0.0;
    double weights = 0.0;
    for (size_t i = first; i <= last; i++) {
        double weight = blur->weights[i > position ? i - position : position - i];
        sum += weight * line[i * stride];
        weights += weight;
    }
    return sum / weights;
}

static void blur_plane(const struct blur *blur, size_t height, size_t width, double *plane,
                       float *out) {
    for (size_t i = 0; i < height * width; i++) {
        blur->rows[i] = blurred(blur, plane + i / width * width, 1, width, i % width);
    }
    for (size_t i = 0; i < height * width; i++) {
        out[i] = (float) blurred(blur, blur->rows + i % width, width, height, i / width);
    }
}

static enum vitlrp_status make_blur(const struct replacement_request *request, const float *input,
                                    float *out, struct vitlrp_error *err) {
    size_t area = area_of(request);
    double deviation = 0.5 * (double) size_max(request->patch_height, request->patch_width);
    struct blur blur = {.radius = (size_t) ceil(3.0 * deviation)};
    double *plane = mem_calloc(area, sizeof *plane);
    enum vitlrp_status status = VITLRP_OK;
    blur.weights = mem_calloc(blur.radius + 1, sizeof *blur.weights);
    blur.rows = mem_calloc(area, sizeof *blur.rows);
    if (plane == NULL || blur.weights == NULL || blur.rows == NULL) {
        status = fail(err, VITLRP_NOMEM, "out of memory for a blurred input");
        goto cleanup;
    }
    for (size_t i = 0; i <= blur.radius; i++) {
        double distance = (double) i / deviation;
        blur.weights[i] = exp(-0.5 * distance * distance);
    }
    for (size_t c = 0; c < channels_of(request); c++) {
        for (size_t i = 0; i < area; i++) {
            plane[i] = (double) input[c * area + i];
        }
        blur_plane(&blur, request->height, request->width, plane, out + c * area);
    }
cleanup:
    mem_free(blur.rows);
    mem_free(blur.weights);
    mem_free(plane);
    return status;
}

/* ---- Another image ---- */

static enum vitlrp_status make_donor(const struct replacement_request *request, const float *input,
                                     float *out, struct vitlrp_error *err) {
    (void) input;
    if (request->donor == NULL) {
        return fail(err, VITLRP_USAGE,
                    "donor replaces patches by those of another image of a set: only an evaluation "
                    "has one");
    }
    memcpy(out, request->donor, channels_of(request) * area_of(request) * sizeof *out);
    return VITLRP_OK;
}

/* ---- All of them ---- */

enum vitlrp_status replacement_make(const struct replacement_request *request, const float *input,
                                    float *out, struct vitlrp_error *err) {
    static enum vitlrp_status (*const MAKERS[])(const struct replacement_request *, const float *,
                                                float *, struct vitlrp_error *) = {
#define VITLRP_REPLACEMENT(constant, name, text) [VITLRP_REPLACE_##constant] = make_##name,
#include "vitlrp_replacements.def"
#undef VITLRP_REPLACEMENT
    };
    return MAKERS[request->replacement](request, input, out, err);
}
