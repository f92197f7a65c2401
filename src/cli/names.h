/* Names of output files: patterns with {stem}, {class} and more. Looks at text only, never at the
 * disk. */
#ifndef CLI_NAMES_H
#define CLI_NAMES_H

#include <stdbool.h>

#include "base/status.h"
#include "base/text.h"

/* Longest path that is made. */
#define NAME_LIMIT ((size_t) 4096)

/* The last component of a path. */
const char *name_base(const char *path);

/* The image's file name without folder and extension; "stdin" for "-". */
void name_stem(const char *path, struct text *out);

/* Where the extension of the last path component begins (its dot), or its end. */
const char *name_extension(const char *path);

/* USAGE for braces that hold something else. */
enum vitlrp_status name_check(const char *pattern, struct vitlrp_error *err);

bool name_has_stem(const char *pattern);

/* True if the class decides about the name: {class}, {label} or {prob}. */
bool name_has_class(const char *pattern);

/* True if every class has a name of its own. */
bool name_tells_classes(const char *pattern);

/* True if the class decides about the folder's name, not only in the file's. */
bool name_has_class_folder(const char *pattern);

/* The pattern with ".{class}" before its extension. */
void name_add_class(const char *pattern, struct text *out);

/* What placeholders stand for. NULL: it is not known yet, and stays. */
struct name_values {
    const char *stem;
    const char *number, *label, *probability; /* of the class */
    const char *method;
};

/* The pattern with its placeholders filled in, in one pass. */
enum vitlrp_status name_expand(const char *pattern, const struct name_values *values,
                               struct text *out, struct vitlrp_error *err);

/* Appends words as a part of a file's name: blanks, and what has no place there, become "_". False
 * if more than blanks were changed, or something is left out. */
bool name_clean(const char *words, struct text *out);

#endif
