/* Names of output files: patterns with {stem} and {class}. Looks at text only, never at the disk.
 */
#ifndef CLI_NAMES_H
#define CLI_NAMES_H

#include <stdbool.h>

#include "base/status.h"
#include "base/text.h"

/* Longest path that is made. */
#define NAME_LIMIT ((size_t) 4096)

/* The image's file name without folder and extension; "stdin" for "-". */
void name_stem(const char *path, struct text *out);

/* Where the extension of the last path component begins (its dot), or its end. */
const char *name_extension(const char *path);

/* USAGE for braces that hold neither stem nor class. */
enum vitlrp_status name_check(const char *pattern, struct vitlrp_error *err);

bool name_has_stem(const char *pattern);
bool name_has_class(const char *pattern);

/* True if {class} is in the folder's name, not only in the file's. */
bool name_has_class_folder(const char *pattern);

/* The pattern with ".{class}" before its extension. */
void name_add_class(const char *pattern, struct text *out);

/* The pattern with its placeholders filled in, in one pass. NULL class_name: {class} stays. */
enum vitlrp_status name_expand(const char *pattern, const char *stem, const char *class_name,
                               struct text *out, struct vitlrp_error *err);

#endif
