/* What the readers of preprocessing share, and the one of our own metadata. */
#include "api/preprocess_read.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "base/json.h"
#include "base/parse.h"
#include "base/print_plain.h"
#include "base/words.h"

#define MAX_SIDE 65536

const float PREPROCESS_HALVES[3] = {0.5F, 0.5F, 0.5F};
const float PREPROCESS_IMAGENET_MEAN[3] = {0.485F, 0.456F, 0.406F};
const float PREPROCESS_IMAGENET_STD[3] = {0.229F, 0.224F, 0.225F};
const float PREPROCESS_CLIP_MEAN[3] = {0.48145466F, 0.4578275F, 0.40821073F};
const float PREPROCESS_CLIP_STD[3] = {0.26862954F, 0.26130258F, 0.27577711F};

void preprocess_normalise_by(struct vitlrp_preprocess *out, const float mean[3],
                             const float std[3]) {
    memcpy(out->mean, mean, sizeof out->mean);
    memcpy(out->std, std, sizeof out->std);
}

void preprocess_unsupported(struct preprocess_read *read, const char *format, ...) {
    char what[160];
    va_list arguments;
    va_start(arguments, format);
    print_plain_list(what, sizeof what, format, arguments);
    va_end(arguments);
    log_message(read->log, LOG_LEVEL_WARNING,
                "%s: %s: %s is not supported: say how pictures are resized, and check crop, "
                "interpolation, mean and std",
                read->model, read->file, what);
    read->out.resize = VITLRP_RESIZE_UNKNOWN;
}

enum vitlrp_status preprocess_read_triple(const json_t *object, const char *key, bool positive,
                                          float out[3], struct vitlrp_error *err) {
    const json_t *value = json_object_get(object, key);
    if (value == NULL || json_is_null(value)) {
        return VITLRP_OK;
    }
    size_t count = json_is_array(value) ? json_array_size(value) : 1;
    for (size_t i = 0; i < 3; i++) {
        const json_t *item =
            json_is_array(value) ? json_array_get(value, count == 1 ? 0 : i) : value;
        double number = json_number_value(item);
        if ((count != 1 && count != 3) || !json_is_number(item) || fabs(number) > 1e6 ||
            (positive && number < 1e-6)) {
            return fail(err, VITLRP_MISMATCH, "\"%s\" must be three %snumbers, or one for all", key,
                        positive ? "positive " : "");
        }
        out[i] = (float) number;
    }
    return VITLRP_OK;
}

const json_t *preprocess_stated(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    return json_is_null(value) ? NULL : value;
}

bool preprocess_side(const json_t *value, int32_t *out) {
    if (!json_is_integer(value) || json_integer_value(value) < 1 ||
        json_integer_value(value) > MAX_SIDE) {
        return false;
    }
    *out = (int32_t) json_integer_value(value);
    return true;
}

void preprocess_read_interpolation(struct preprocess_read *read, const char *name) {
    if (name == NULL) {
        return;
    }
    int found = word_find(WORDS_INTERPOLATION, name);
    if (found < 0) {
        preprocess_unsupported(read, "interpolation \"%.40s\"", name);
    } else {
        read->out.interpolation = (enum vitlrp_interpolation) found;
    }
}

/* "short:256", "squash:224" or "none". */
static enum vitlrp_status read_resize(const char *text, struct vitlrp_preprocess *out,
                                      struct vitlrp_error *err) {
    int64_t size = 0;
    const char *colon = text == NULL ? NULL : strchr(text, ':');
    if (text == NULL) {
        return VITLRP_OK;
    }
    if (strcmp(text, "none") == 0) {
        out->resize = VITLRP_RESIZE_NONE;
        return VITLRP_OK;
    }
    size_t length = colon == NULL ? 0 : (size_t) (colon - text);
    bool is_short = length == 5 && memcmp(text, "short", 5) == 0;
    bool is_squash = length == 6 && memcmp(text, "squash", 6) == 0;
    if ((!is_short && !is_squash) || !parse_int64(colon + 1, 1, MAX_SIDE, &size)) {
        return fail(err, VITLRP_MISMATCH,
                    "\"resize\" must be short:SIZE, squash:SIZE or none, not \"%.40s\"", text);
    }
    out->resize = is_short ? VITLRP_RESIZE_SHORT : VITLRP_RESIZE_SQUASH;
    out->resize_to = (int32_t) size;
    return VITLRP_OK;
}

/* A size, or [height, width]; none without the key. */
static bool read_crop(const json_t *value, struct vitlrp_preprocess *out) {
    bool is_pair = json_is_array(value) && json_array_size(value) == 2;
    if (value == NULL || json_is_null(value)) {
        out->crop_height = out->crop_width = 0;
        return true;
    }
    return preprocess_side(is_pair ? json_array_get(value, 0) : value, &out->crop_height) &&
           preprocess_side(is_pair ? json_array_get(value, 1) : value, &out->crop_width);
}

enum vitlrp_status preprocess_from_metadata(const json_t *object, struct preprocess_read *read,
                                            struct vitlrp_error *err) {
    struct vitlrp_preprocess *out = &read->out;
    const char *interpolation = json_get_string(object, "interpolation");
    TRY(read_resize(json_get_string(object, "resize"), out, err));
    if (interpolation != NULL && word_find(WORDS_INTERPOLATION, interpolation) < 0) {
        return fail(err, VITLRP_UNSUPPORTED, "interpolation \"%.40s\" is not supported",
                    interpolation);
    }
    preprocess_read_interpolation(read, interpolation);
    if (!read_crop(json_object_get(object, "crop"), out)) {
        return fail(err, VITLRP_MISMATCH, "\"crop\" must be a size, or [height, width]");
    }
    TRY(preprocess_read_triple(object, "mean", false, out->mean, err));
    return preprocess_read_triple(object, "std", true, out->std, err);
}
