#include "base/base64.h"

#include <stdint.h>
#include <string.h>

#include "base/mem.h"

static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_append(struct text *out, const void *data, size_t size) {
    const unsigned char *bytes = data;
    for (size_t i = 0; i < size; i += 3) {
        size_t rest = size - i;
        uint32_t group = (uint32_t) bytes[i] << 16;
        group |= rest > 1 ? (uint32_t) bytes[i + 1] << 8 : 0;
        group |= rest > 2 ? (uint32_t) bytes[i + 2] : 0;
        char digits[4] = {DIGITS[group >> 18], DIGITS[group >> 12 & 63],
                          rest > 1 ? DIGITS[group >> 6 & 63] : '=',
                          rest > 2 ? DIGITS[group & 63] : '='};
        text_append(out, digits, sizeof digits);
    }
}

/* The value of a digit, or 64. */
static uint32_t digit_value(char digit) {
    const char *found = digit == '\0' ? NULL : strchr(DIGITS, digit);
    return found == NULL ? 64 : (uint32_t) (found - DIGITS);
}

enum vitlrp_status base64_decode(const char *text, size_t length, struct bytes *out,
                                 struct vitlrp_error *err) {
    size_t padding = 0;
    while (padding < 2 && padding < length && text[length - 1 - padding] == '=') {
        padding++;
    }
    unsigned char *data = mem_calloc(length / 4 + 1, 3);
    size_t size = 0;
    uint32_t bad = length % 4 == 0 ? 0 : 64;
    if (data == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu bytes of base64", length);
    }
    for (size_t i = 0; i + 4 <= length; i += 4) {
        uint32_t group = 0;
        for (size_t k = i; k < i + 4; k++) {
            uint32_t value = k < length - padding ? digit_value(text[k]) : 0;
            bad |= value & 64;
            group = group << 6 | (value & 63);
        }
        data[size++] = (unsigned char) (group >> 16);
        data[size++] = (unsigned char) (group >> 8 & 255);
        data[size++] = (unsigned char) (group & 255);
    }
    if (bad != 0) {
        mem_free(data);
        return fail(err, VITLRP_FORMAT, "not base64");
    }
    *out = (struct bytes){.data = data, .size = size - padding};
    return VITLRP_OK;
}
