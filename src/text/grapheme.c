#include <utf8proc.h>

#include "text/pipeline.h"
#include "text/unicode.h"

size_t grapheme_length(const char *bytes, size_t length) {
    int32_t before;
    int32_t state = 0;
    size_t at = character_next(bytes, length, &before);
    while (at < length) {
        int32_t code;
        size_t size = character_next(bytes + at, length - at, &code);
        if (utf8proc_grapheme_break_stateful(before, code, &state)) {
            break;
        }
        before = code;
        at += size;
    }
    return at;
}
