#define _GNU_SOURCE
#include "base/json_build.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/ascii.h"
#include "base/json_scan.h"
#include "base/mem.h"
#include "base/text.h"

/* The grammar holds and nothing nests too deep: json_scan has looked. */
struct build {
    const char *bytes, *next, *end;
    char *word;      /* of the longest token: one of it, terminated */
    locale_t locale; /* whose decimal point is JSON's */
    struct vitlrp_error *err;
};

enum vitlrp_status json_fail_at(const char *bytes, size_t offset, const char *what,
                                struct vitlrp_error *err) {
    size_t line = 1;
    size_t start = 0;
    for (size_t i = 0; i < offset; i++) {
        if (bytes[i] == '\n') {
            line++;
            start = i + 1;
        }
    }
    return fail(err, VITLRP_FORMAT, "not valid JSON: %s (line %zu, column %zu)", what, line,
                offset - start + 1);
}

static enum vitlrp_status fail_here(const struct build *build, const char *what) {
    return json_fail_at(build->bytes, (size_t) (build->next - build->bytes), what, build->err);
}

static enum vitlrp_status fail_memory(const struct build *build) {
    return fail(build->err, VITLRP_NOMEM, "out of memory for %zu bytes of JSON",
                (size_t) (build->end - build->bytes));
}

static void skip_blanks(struct build *build) {
    while (build->next < build->end && json_is_blank(*build->next)) {
        build->next++;
    }
}

/* ---- Words ---- */

/* Behind "\u". */
static unsigned take_unit(struct build *build) {
    unsigned unit = 0;
    for (int i = 0; i < 4; i++) {
        unit = unit * 16 + (unsigned) ascii_hexadecimal((unsigned char) *build->next++);
    }
    return unit;
}

/* Behind a backslash. */
static enum vitlrp_status take_escape(struct build *build, char *out, size_t *length) {
    static const char NAMES[] = "\"\\/bfnrt";
    static const char VALUES[] = "\"\\/\b\f\n\r\t";
    char name = *build->next++;
    if (name != 'u') {
        *out = VALUES[strchr(NAMES, name) - NAMES];
        *length = 1;
        return VITLRP_OK;
    }
    unsigned code = take_unit(build);
    if (code == 0) {
        return fail_here(build, "\\u0000 is not allowed");
    }
    if (code >= 0xD800 && code <= 0xDBFF) {
        build->next += 2;
        code = 0x10000 + ((code - 0xD800) << 10) + (take_unit(build) - 0xDC00);
    }
    *length = text_utf8_put(code, out);
    return VITLRP_OK;
}

/* A string without its quotes, into build->word. */
static enum vitlrp_status take_word(struct build *build, size_t *length) {
    size_t count = 0;
    build->next++;
    while (*build->next != '"') {
        size_t taken = 1;
        if (*build->next == '\\') {
            build->next++;
            TRY(take_escape(build, build->word + count, &taken));
        } else {
            build->word[count] = *build->next++;
        }
        count += taken;
    }
    build->next++;
    build->word[count] = '\0';
    *length = count;
    return VITLRP_OK;
}

/* ---- Values ---- */

static enum vitlrp_status build_value(struct build *build, json_t **out);

static enum vitlrp_status give(const struct build *build, json_t *made, json_t **out) {
    *out = made;
    return made != NULL ? VITLRP_OK : fail_memory(build);
}

static enum vitlrp_status build_string(struct build *build, json_t **out) {
    size_t length = 0;
    TRY(take_word(build, &length));
    return give(build, json_stringn_nocheck(build->word, length), out);
}

static enum vitlrp_status build_number(struct build *build, json_t **out) {
    size_t length = 0;
    while (build->next + length < build->end &&
           strchr("+-0123456789.eE", build->next[length]) != NULL) {
        length++;
    }
    memcpy(build->word, build->next, length);
    build->word[length] = '\0';
    errno = 0;
    if (strpbrk(build->word, ".eE") == NULL) {
        long long whole = strtoll(build->word, NULL, 10);
        if (errno == ERANGE) {
            return fail_here(build, "a number that is too large");
        }
        build->next += length;
        return give(build, json_integer(whole), out);
    }
    double real = strtod_l(build->word, NULL, build->locale);
    if (!isfinite(real)) {
        return fail_here(build, "a number that is too large");
    }
    build->next += length;
    return give(build, json_real(real), out);
}

/* The value of a key is put in as it is made: then the object owns it. */
static enum vitlrp_status build_member(struct build *build, json_t *object) {
    size_t length = 0;
    json_t *value = NULL;
    const char *start = build->next;
    TRY(take_word(build, &length));
    if (json_object_get(object, build->word) != NULL) {
        build->next = start;
        return fail_here(build, "a duplicate key");
    }
    char *key = mem_strdup(build->word);
    if (key == NULL) {
        return fail_memory(build);
    }
    skip_blanks(build);
    build->next++;
    enum vitlrp_status status = build_value(build, &value);
    if (status == VITLRP_OK && json_object_set_new_nocheck(object, key, value) != 0) {
        status = fail_memory(build);
    }
    mem_free(key);
    return status;
}

static enum vitlrp_status build_item(struct build *build, json_t *array) {
    json_t *value = NULL;
    TRY(build_value(build, &value));
    return json_array_append_new(array, value) == 0 ? VITLRP_OK : fail_memory(build);
}

static enum vitlrp_status build_container(struct build *build, char closing, json_t **out) {
    bool is_object = closing == '}';
    json_t *made = is_object ? json_object() : json_array();
    enum vitlrp_status status = made == NULL ? fail_memory(build) : VITLRP_OK;
    build->next++;
    skip_blanks(build);
    while (status == VITLRP_OK && *build->next != closing) {
        status = is_object ? build_member(build, made) : build_item(build, made);
        skip_blanks(build);
        if (status == VITLRP_OK && *build->next == ',') {
            build->next++;
            skip_blanks(build);
        }
    }
    if (status != VITLRP_OK) {
        json_decref(made);
        return status;
    }
    build->next++;
    *out = made;
    return VITLRP_OK;
}

static enum vitlrp_status build_value(struct build *build, json_t **out) {
    skip_blanks(build);
    switch (*build->next) {
    case '{':
        return build_container(build, '}', out);
    case '[':
        return build_container(build, ']', out);
    case '"':
        return build_string(build, out);
    case 't':
        build->next += strlen("true");
        return give(build, json_true(), out);
    case 'f':
        build->next += strlen("false");
        return give(build, json_false(), out);
    case 'n':
        build->next += strlen("null");
        return give(build, json_null(), out);
    default:
        return build_number(build, out);
    }
}

/* Where text that is not UTF-8 begins; the size if there is none. */
static size_t utf8_prefix(const char *bytes, size_t size) {
    size_t at = 0;
    for (size_t step = 1; at < size && step > 0; at += step) {
        step = text_utf8_length(bytes + at, size - at);
    }
    return at;
}

enum vitlrp_status json_build(const char *bytes, size_t size, const struct json_cost *cost,
                              json_t **out, struct vitlrp_error *err) {
    struct build build = {.bytes = bytes, .next = bytes, .end = bytes + size, .err = err};
    json_t *made = NULL;
    size_t sound = utf8_prefix(bytes, size);
    if (sound < size) {
        return json_fail_at(bytes, sound, "not UTF-8", err);
    }
    build.word = mem_calloc(cost->longest + 1, 1);
    build.locale = newlocale(LC_NUMERIC_MASK, "C", (locale_t) 0);
    enum vitlrp_status status = build.word == NULL || build.locale == (locale_t) 0
                                    ? fail_memory(&build)
                                    : build_value(&build, &made);
    if (build.locale != (locale_t) 0) {
        freelocale(build.locale);
    }
    mem_free(build.word);
    *out = status == VITLRP_OK ? made : *out;
    return status;
}
