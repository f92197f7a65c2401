#include "eval/record.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "eval/spread.h"
#include "imgio/decode.h"

void record_free(struct record *record) {
    evaluation_free(&record->evaluation);
    for (size_t i = 0; i < record->class_count; i++) {
        mem_free(record->classes[i].wnid);
        mem_free(record->classes[i].label);
    }
    for (size_t i = 0; i < record->picture_count; i++) {
        bytes_free(&record->pictures[i].jpeg);
    }
    mem_free(record->version);
    mem_free(record->dataset);
    mem_free(record->run);
    mem_free(record->reference);
    mem_free(record->classes);
    mem_free(record->pictures);
    *record = (struct record){0};
}

enum vitlrp_status record_picture_open(const struct record_picture *picture, struct image *out,
                                       struct vitlrp_error *err) {
    struct vitlrp_image_limits limits = image_limits_default();
    struct decoded decoded = {0};
    limits.max_side = RECORD_PICTURE_SIDE;
    enum vitlrp_status status =
        decode_image(picture->jpeg.data, picture->jpeg.size, &limits, &decoded, err);
    *out = decoded.image;
    status = error_topic(err, status, VITLRP_TOPIC_NONE); /* these limits are fixed */
    return error_prefix(err, status, "a picture of the gallery");
}

bool record_shows(const struct record *record, size_t index) {
    size_t count = record->evaluation.manifest_count;
    if (count <= RECORD_GALLERY) {
        return index < count;
    }
    for (size_t k = 0; k < RECORD_GALLERY; k++) {
        if (spread_place(k, RECORD_GALLERY, count) == index) {
            return true;
        }
    }
    return false;
}

static int compare_outputs(const void *left, const void *right) {
    int32_t a = ((const struct record_class *) left)->output;
    int32_t b = ((const struct record_class *) right)->output;
    return (a > b) - (a < b);
}

const struct record_class *record_class_of(const struct record *record, int32_t output) {
    const struct record_class key = {.output = output};
    return record->class_count == 0
               ? NULL
               : bsearch(&key, record->classes, record->class_count, sizeof key, compare_outputs);
}

char *record_text(const char *text) {
    size_t length = strlen(text);
    if (text_is_utf8(text, length)) {
        return mem_strdup(text);
    }
    struct text escaped = {.limit = 4 * length + 1};
    text_append_escaped(&escaped, text);
    if (escaped.failed) {
        text_free(&escaped);
        return NULL;
    }
    return escaped.data;
}
