/* An evaluation with all that its reports need and a file keeps: classes by name, the pictures of
 * the gallery, where the images came from. Reports are functions of a record, so that those of a
 * merged run are those of a single one, byte for byte. */
#ifndef EVAL_RECORD_H
#define EVAL_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "eval/eval_results.h"
#include "eval/report_sink.h"
#include "eval/summary.h"
#include "imgio/image.h"

/* Longest JSON, CSV or HTML that is made. */
#define RECORD_TEXT_LIMIT ((size_t) 1 << 33)

/* Images that the reports show. */
#define RECORD_GALLERY 24

/* Longer side of a picture that is kept; larger inputs are scaled down. */
#define RECORD_PICTURE_SIDE 160

/* A class that an image of the record was explained for, labelled as or predicted to be. */
struct record_class {
    int32_t output;
    int32_t index;      /* the number that users know the class by */
    char *wnid, *label; /* owned; "" if unknown */
};

struct record_picture {
    size_t index;      /* of the image in the manifest */
    struct bytes jpeg; /* owned: what the model saw, at some readable size */
};

/* Strings are owned and valid UTF-8, ids and messages of the evaluation included. */
struct record {
    struct evaluation evaluation;
    char *version;   /* of the program that made it */
    char *dataset;   /* as the user named it */
    char *run;       /* what its program was called with, a line of JSON; NULL: unknown */
    char *reference; /* method that the others are compared with; NULL: none */
    size_t skipped;  /* images left out of the manifest */
    struct record_class *classes; /* owned, by ascending output */
    size_t class_count;
    struct record_picture *pictures; /* owned, by ascending index */
    size_t picture_count;
};

/* Decodes a picture of the gallery. *out is owned: image_free. */
enum vitlrp_status record_picture_open(const struct record_picture *picture, struct image *out,
                                       struct vitlrp_error *err);

/* A zeroed one is fine. */
void record_free(struct record *record);

/* True for the images of the gallery: RECORD_GALLERY of the manifest at most, evenly spaced. */
bool record_shows(const struct record *record, size_t index);

/* The class of an output, or NULL; output -1 has none. */
const struct record_class *record_class_of(const struct record *record, int32_t output);

/* A copy of the text in which bytes that are not UTF-8 (and then backslashes too) became \xNN;
 * NULL if memory is short. Owned: mem_free. */
char *record_text(const char *text);

/* Appends the record as one JSON object, with the summary's means and intervals. Patch scores are
 * kept for the images of the gallery only. Reading it back gives all other numbers bit for bit.
 * With a sink, what is there is passed on and does not stay in *out. Fails as a visit of the
 * images, the sink or the text does. */
enum vitlrp_status record_write(const struct record *record, const struct summary *summary,
                                const struct report_sink *sink, struct text *out,
                                struct vitlrp_error *err);

/* That of a run before its images: what a journal knows its own run by. */
enum vitlrp_status record_write_head(const struct record *head, struct text *out,
                                     struct vitlrp_error *err);

/* FORMAT, saying where, for anything that record_write would not have written, pictures that cannot
 * be decoded among it. *out is owned:
 * record_free. */
enum vitlrp_status record_read(const char *bytes, size_t size, struct record *out,
                               struct vitlrp_error *err);

/* Likewise a file, in which the images stay: they are all looked at, and read again by each visit.
 * The message names the path. *out is owned. */
enum vitlrp_status record_open(const char *path, struct record *out, struct vitlrp_error *err);

#endif
