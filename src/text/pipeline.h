/* What a tokenizer.json does to a text before its model sees it: normalisers, then pre-tokenizers,
 * which divide it into parts that are encoded one by one. Those that SigLIP's and SigLIP 2's files
 * have; every other one, and every setting of them that is not known, is refused by name. */
#ifndef TEXT_PIPELINE_H
#define TEXT_PIPELINE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "text/aligned.h"
#include "text/charsmap.h"

#define PIPELINE_MAX_STEPS ((size_t) 16)
#define PIPELINE_MAX_TEXT ((size_t) 32) /* bytes of a pattern, and of what replaces it */

struct pipeline_text {
    char bytes[PIPELINE_MAX_TEXT];
    size_t length;
};

struct pipeline_step {
    enum {
        STEP_PRECOMPILED,      /* the charsmap */
        STEP_LOWERCASE,        /* character by character */
        STEP_STRIP,            /* White_Space at the ends */
        STEP_REPLACE,          /* a text by another */
        STEP_REPLACE_SPACES,   /* two spaces and more by a text */
        STEP_PREPEND,          /* a text in front, unless there is none */
        STEP_WHITESPACE_SPLIT, /* parts end at White_Space, which is dropped */
        STEP_METASPACE,        /* spaces become U+2581, one in front; parts begin there */
        STEP_SPLIT             /* parts end behind a text */
    } kind;
    struct pipeline_text pattern, content;
    bool strips_left, strips_right;
    enum metaspace { METASPACE_ALWAYS, METASPACE_FIRST, METASPACE_NEVER } scheme;
    bool splits;
};

struct pipeline {
    struct pipeline_step steps[PIPELINE_MAX_STEPS]; /* in their order */
    size_t count;
    struct charsmap charsmap; /* owned: pipeline_free */
    bool has_charsmap;
};

/* Appends the steps of a "normalizer" or "pre_tokenizer"; NULL has none. UNSUPPORTED for what is
 * not known, FORMAT for what is damaged, LIMIT, NOMEM. */
enum vitlrp_status pipeline_read(struct pipeline *pipeline, const json_t *value,
                                 struct vitlrp_error *err);
void pipeline_free(struct pipeline *pipeline); /* a zeroed one is fine */

/* A text in parts. */
struct divided {
    struct aligned text;
    struct part {
        size_t begin, end;
    } * parts; /* [count]; owned */
    size_t count, capacity;
};

/* Runs all steps over bytes [begin, end) of a text, which is UTF-8. *out is owned: divided_free,
 * also after a failure. LIMIT, NOMEM. */
enum vitlrp_status pipeline_run(const struct pipeline *pipeline, const char *bytes, size_t begin,
                                size_t end, struct divided *out, struct vitlrp_error *err);
void divided_free(struct divided *divided);

/* UNSUPPORTED if an object has a key that is not of the list (which ends with NULL). `what` names
 * the object. */
enum vitlrp_status pipeline_check_keys(const json_t *object, const char *const *keys,
                                       const char *what, struct vitlrp_error *err);

/* Bytes of the grapheme cluster (UAX 29) that a text begins with. */
size_t grapheme_length(const char *bytes, size_t length);

#endif
