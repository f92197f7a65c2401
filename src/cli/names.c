#include "names.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define LABEL_LIMIT 60 /* bytes of a label in a name */

#define STEM "{stem}"
#define CLASS "{class}"

const char *name_base(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

const char *name_extension(const char *path) {
    const char *base = name_base(path);
    const char *dot = strrchr(base, '.');
    return dot == NULL || dot == base ? path + strlen(path) : dot;
}

void name_stem(const char *path, struct text *out) {
    if (strcmp(path, "-") == 0) {
        text_append_string(out, "stdin");
        return;
    }
    const char *base = name_base(path);
    text_append(out, base, (size_t) (name_extension(path) - base));
}

/* What braces may hold. */
static const struct placeholder {
    const char *text;
    size_t value; /* in struct name_values */
    bool of_class;
} PLACEHOLDERS[] = {
    {STEM, offsetof(struct name_values, stem), false},
    {CLASS, offsetof(struct name_values, number), true},
    {"{label}", offsetof(struct name_values, label), true},
    {"{prob}", offsetof(struct name_values, probability), true},
    {"{method}", offsetof(struct name_values, method), false},
};

#define PLACEHOLDER_COUNT (sizeof PLACEHOLDERS / sizeof PLACEHOLDERS[0])

/* The placeholder that begins at `text`, or NULL. */
static const struct placeholder *placeholder_at(const char *text) {
    for (size_t i = 0; i < PLACEHOLDER_COUNT; i++) {
        if (strncmp(text, PLACEHOLDERS[i].text, strlen(PLACEHOLDERS[i].text)) == 0) {
            return &PLACEHOLDERS[i];
        }
    }
    return NULL;
}

enum vitlrp_status name_check(const char *pattern, struct vitlrp_error *err) {
    for (const char *brace = strchr(pattern, '{'); brace != NULL; brace = strchr(brace + 1, '{')) {
        if (placeholder_at(brace) == NULL) {
            char shown[120];
            text_escape_name(shown, sizeof shown, pattern);
            return fail(
                err, VITLRP_USAGE,
                "output name '%s': only {stem}, {class}, {label}, {prob} and {method} can be "
                "filled in",
                shown);
        }
    }
    return VITLRP_OK;
}

bool name_has_stem(const char *pattern) {
    return strstr(pattern, STEM) != NULL;
}

/* The first placeholder that the class decides about, or NULL. */
static const char *find_class(const char *pattern) {
    const char *next = pattern;
    while ((next = strchr(next, '{')) != NULL) {
        const struct placeholder *found = placeholder_at(next);
        if (found != NULL && found->of_class) {
            return next;
        }
        next++;
    }
    return NULL;
}

bool name_has_class(const char *pattern) {
    return find_class(pattern) != NULL;
}

bool name_has_class_folder(const char *pattern) {
    const char *found = find_class(pattern);
    return found != NULL && strchr(found, '/') != NULL;
}

bool name_tells_classes(const char *pattern) {
    return strstr(pattern, CLASS) != NULL || strstr(pattern, "{label}") != NULL;
}

void name_add_class(const char *pattern, struct text *out) {
    const char *extension = name_extension(pattern);
    text_append(out, pattern, (size_t) (extension - pattern));
    text_printf(out, ".%s%s", CLASS, extension);
}

enum vitlrp_status name_expand(const char *pattern, const struct name_values *values,
                               struct text *out, struct vitlrp_error *err) {
    const char *next = pattern;
    while (*next != '\0') {
        const struct placeholder *found = placeholder_at(next);
        const char *value = NULL;
        if (found != NULL) {
            memcpy(&value, (const char *) values + found->value, sizeof value);
        }
        if (value != NULL) {
            text_append_string(out, value);
            next += strlen(found->text);
        } else {
            text_append(out, next, 1);
            next++;
        }
    }
    return text_check(out, "the name of an output", err);
}

/* Of a character that has no place in the name of a file: its bytes; else 0. */
static size_t odd_length(const char *text, size_t left) {
    uint32_t code;
    if (*text == '/' || *text == '\\' || text_utf8_length(text, left) == 0) {
        return 1;
    }
    return text_hostile_length(text, left, &code);
}

bool name_clean(const char *words, struct text *out) {
    size_t left = strlen(words);
    size_t start = out->length;
    bool is_clean = left > 0;
    while (left > 0) {
        size_t odd = out->length == start && *words == '.' ? 1 : odd_length(words, left);
        size_t length = odd > 0 ? odd : text_utf8_length(words, left);
        if (out->length - start + length > LABEL_LIMIT) {
            return false;
        }
        if (odd > 0 || *words == ' ') {
            text_append_string(out, "_");
        } else {
            text_append(out, words, length);
        }
        is_clean = is_clean && odd == 0;
        words += length;
        left -= length;
    }
    return is_clean;
}
