#include "names.h"

#include <string.h>

static const char STEM[] = "{stem}";
static const char CLASS[] = "{class}";

/* The last component of a path. */
static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

const char *name_extension(const char *path) {
    const char *base = base_name(path);
    const char *dot = strrchr(base, '.');
    return dot == NULL || dot == base ? path + strlen(path) : dot;
}

void name_stem(const char *path, struct text *out) {
    if (strcmp(path, "-") == 0) {
        text_append_string(out, "stdin");
        return;
    }
    const char *base = base_name(path);
    text_append(out, base, (size_t) (name_extension(path) - base));
}

/* The length of the placeholder at `text`, or 0. */
static size_t placeholder_length(const char *text, const char *placeholder) {
    size_t length = strlen(placeholder);
    return strncmp(text, placeholder, length) == 0 ? length : 0;
}

enum vitlrp_status name_check(const char *pattern, struct vitlrp_error *err) {
    for (const char *brace = strchr(pattern, '{'); brace != NULL; brace = strchr(brace + 1, '{')) {
        if (placeholder_length(brace, STEM) == 0 && placeholder_length(brace, CLASS) == 0) {
            char shown[120];
            text_escape_name(shown, sizeof shown, pattern);
            return fail(err, VITLRP_USAGE,
                        "output name '%s': only {stem} and {class} can be filled "
                        "in",
                        shown);
        }
    }
    return VITLRP_OK;
}

bool name_has_stem(const char *pattern) {
    return strstr(pattern, STEM) != NULL;
}

bool name_has_class(const char *pattern) {
    return strstr(pattern, CLASS) != NULL;
}

bool name_has_class_folder(const char *pattern) {
    const char *found = strstr(pattern, CLASS);
    return found != NULL && strchr(found, '/') != NULL;
}

void name_add_class(const char *pattern, struct text *out) {
    const char *extension = name_extension(pattern);
    text_append(out, pattern, (size_t) (extension - pattern));
    text_printf(out, ".%s%s", CLASS, extension);
}

enum vitlrp_status name_expand(const char *pattern, const char *stem, const char *class_name,
                               struct text *out, struct vitlrp_error *err) {
    const char *next = pattern;
    while (*next != '\0') {
        size_t stem_length = placeholder_length(next, STEM);
        size_t class_length = class_name != NULL ? placeholder_length(next, CLASS) : 0;
        if (stem_length > 0) {
            text_append_string(out, stem);
            next += stem_length;
        } else if (class_length > 0) {
            text_append_string(out, class_name);
            next += class_length;
        } else {
            text_append(out, next, 1);
            next++;
        }
    }
    return text_check(out, "the name of an output", err);
}
