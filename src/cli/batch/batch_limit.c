#include "batch_limit.h"

#include <string.h>

#include "base/parse.h"

#define MOST_IMAGES 10000000

static bool parse_percentage(const char *text, size_t digits, double *out) {
    char number[32];
    if (digits >= sizeof number) {
        return false;
    }
    memcpy(number, text, digits);
    number[digits] = '\0';
    return parse_double(number, 0.0, 100.0, out);
}

bool batch_limit_parse(const char *text, struct batch_limit *limit) {
    size_t length = strlen(text);
    int64_t count = 0;
    *limit = (struct batch_limit){.text = text};
    limit->is_percentage = length > 0 && text[length - 1] == '%';
    if (limit->is_percentage) {
        return parse_percentage(text, length - 1, &limit->most);
    }
    bool parsed = parse_int64(text, 0, MOST_IMAGES, &count);
    limit->most = (double) count;
    return parsed;
}

bool batch_limit_is_passed(const struct batch_limit *limit, size_t failed, size_t done) {
    if (limit->text == NULL) {
        return false;
    }
    if (!limit->is_percentage) {
        return (double) failed > limit->most;
    }
    return done >= BATCH_LIMIT_LEAST && (double) failed * 100.0 > limit->most * (double) done;
}
