#define _GNU_SOURCE
#include "fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/text.h"
#include "imgio/exif.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    bounds_begin(size, &FUZZ_BOUNDS);
    fuzz_one(data, size);
    bounds_end();
    return 0;
}

uint8_t fuzz_byte(struct fuzz_input *input) {
    return input->size > 0 ? input->data[--input->size] : 0;
}

uint32_t fuzz_number(struct fuzz_input *input) {
    uint32_t high = fuzz_byte(input);
    return high << 8 | fuzz_byte(input);
}

float fuzz_float(struct fuzz_input *input) {
    uint32_t bits = fuzz_number(input) << 16;
    bits |= fuzz_number(input);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

void fuzz_check(bool holds, const char *what) {
    if (!holds) {
        fprintf(stderr, "fuzz_check: %s\n", what);
        abort();
    }
}

void fuzz_check_failure(enum vitlrp_status status, const struct vitlrp_error *err) {
    size_t length = strlen(err->message);
    fuzz_check(status != VITLRP_OK && err->status == status, "the record has another status");
    fuzz_check(status != VITLRP_INTERNAL, err->message);
    fuzz_check(length > 0 && text_is_utf8(err->message, length), "a message that is not UTF-8");
    for (size_t i = 0; i < length; i++) {
        fuzz_check((unsigned char) err->message[i] >= 0x20, "a message with a control byte");
    }
}

void fuzz_touch(const void *data, size_t size) {
    const unsigned char *bytes = data;
    volatile unsigned char sum = 0;
    for (size_t i = 0; i < size; i++) {
        sum = (unsigned char) (sum + bytes[i]);
    }
}

void fuzz_touch_image(const struct image *image) {
    fuzz_check(image->width > 0 && image->height > 0, "a picture without pixels");
    fuzz_touch(image->rgb, (size_t) image->width * (size_t) image->height * 3);
}

struct vitlrp_image_limits fuzz_limits(void) {
    struct vitlrp_image_limits limits = image_limits_default();
    limits.max_pixels = 1 << 20;
    limits.max_codec_bytes = (size_t) 64 << 20;
    return limits;
}

bool fuzz_decoded(enum vitlrp_status (*decode)(const struct decode_input *, struct decoded *,
                                               struct vitlrp_error *),
                  const uint8_t *data, size_t size, struct image *out) {
    struct vitlrp_image_limits limits = fuzz_limits();
    struct decode_input input = {.source = source_over(data, size), .limits = &limits};
    struct decoded decoded = {.orientation = 1};
    struct vitlrp_error err;
    enum vitlrp_status status = decode(&input, &decoded, &err);
    if (status != VITLRP_OK) {
        fuzz_check_failure(status, &err);
        fuzz_check(decoded.image.rgb == NULL, "a picture after a failure");
        return false;
    }
    fuzz_touch_image(&decoded.image);
    fuzz_check(decoded.orientation >= 1 && decoded.orientation <= 8,
               "an orientation without sense");
    if (image_orient(&decoded.image, decoded.orientation, &err) == VITLRP_OK) {
        fuzz_touch_image(&decoded.image);
    }
    *out = decoded.image;
    return true;
}

const char *fuzz_file(const struct fuzz_input *input, int place) {
    static int descriptors[2] = {-1, -1};
    static char paths[2][32];
    if (descriptors[place] < 0) {
        descriptors[place] = memfd_create("fuzz", 0);
        snprintf(paths[place], sizeof paths[place], "/proc/self/fd/%d", descriptors[place]);
    }
    int fd = descriptors[place];
    bool written =
        ftruncate(fd, 0) == 0 &&
        (input->size == 0 || pwrite(fd, input->data, input->size, 0) == (ssize_t) input->size);
    fuzz_check(written, "no memory for a file");
    return paths[place];
}
