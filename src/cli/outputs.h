/* Which files a run writes. Everything that can be wrong with their names is found here, before any
 * work: unknown extensions, several images into one file, two outputs of one name, an output that
 * is an input, a folder that is missing or not writable. */
#ifndef CLI_OUTPUTS_H
#define CLI_OUTPUTS_H

#include <stdbool.h>
#include <stddef.h>

#include "args.h"
#include "base/file.h"
#include "base/json.h"
#include "base/status.h"
#include "base/text.h"
#include "figure_format.h"
#include "guard.h"
#include "names.h"
#include "settings.h"

enum output_kind {
    OUTPUT_PICTURE, /* -o */
    OUTPUT_PAGE,    /* -o NAME.html, in the place of pictures */
    OUTPUT_RAW,
    OUTPUT_LOGITS,
    OUTPUT_INPUT,
    OUTPUT_SCORES,    /* of neurons */
    OUTPUT_ATTENTION, /* likewise */
    OUTPUT_TOKENS,    /* likewise */
    OUTPUT_JSON,
    OUTPUT_KINDS
};

struct outputs {
    char *pattern[OUTPUT_KINDS];               /* owned; NULL: not wanted; "-": standard output */
    bool picture_is_map;                       /* -o NAME.npy: the map itself */
    enum vitlrp_picture_format picture_format; /* of a picture that has a name: outputs_format */
    bool picture_is_unnamed;   /* -o names no file: it is called STEM.heat.png or .jpg */
    const char *method;        /* for names */
    enum figure_format figure; /* -o NAME.svg, .pdf or .apng; FIGURE_NONE: a picture */
    bool stdout_taken;
    struct guard guard; /* of the inputs: whoever opens the model gives it guard_inputs */
};

/* Fills *outputs; outputs_free releases it, after a failure too. USAGE for names that cannot be
 * meant; IO for folders that cannot be written. Creates the folder of `-o FOLDER`. */
enum vitlrp_status outputs_plan(const struct args *args, const struct settings *settings,
                                struct outputs *outputs, struct vitlrp_error *err);

void outputs_free(struct outputs *outputs);

/* The file of one kind for an image and a class (NULL for a kind that has none; of its values, stem
 * and method are set here), appended to *path.
 * USAGE if it turns out to be an input. */
enum vitlrp_status outputs_path(const struct outputs *outputs, enum output_kind kind,
                                const char *image_path, const struct name_values *of_class,
                                struct text *path, struct vitlrp_error *err);

/* The format of an image's picture: where no name says it, that of a camera's JPEG is a JPEG, which
 * is a tenth as large, and any other a PNG. */
enum vitlrp_picture_format outputs_format(const struct outputs *outputs, const char *image_path);

/* True of "-"; NULL is no output. */
bool output_is_stdout(const char *path);

/* Finds out whether a file of that name can be written. IO for a folder in its place, or one around
 * it that is missing or not writable. */
enum vitlrp_status output_check(const char *path, struct vitlrp_error *err);

/* Of an output whose name is known before the work: as output_check, and USAGE if the path is empty
 * or a file that is read. `option` is what writes it. No path (NULL) and standard output ("-") are
 * fine. */
enum vitlrp_status output_claim(struct guard *guard, const char *option, const char *path,
                                struct vitlrp_error *err);

/* As output_claim, of several outputs; USAGE if two of them are one file. */
enum vitlrp_status output_claim_each(struct guard *guard, const char *const *options,
                                     const char *const *paths, size_t count,
                                     struct vitlrp_error *err);

/* USAGE for an array's name that says something else than .npy; NULL is fine. */
enum vitlrp_status output_check_array(const char *option, const char *path,
                                      struct vitlrp_error *err);

/* Writes the bytes whole to the path, or to standard output for "-". */
enum vitlrp_status output_write(const char *path, const void *data, size_t size,
                                struct vitlrp_error *err);

/* Likewise what `fill` writes piece by piece, with output_piece. */
enum vitlrp_status output_fill(const char *path, file_fill *fill, void *user,
                               struct vitlrp_error *err);
enum vitlrp_status output_piece(int descriptor, const void *data, size_t size,
                                struct vitlrp_error *err);

/* The object as indented text with a newline, whole, as output_write. LIMIT beyond 1 GiB. */
enum vitlrp_status output_write_json(const char *path, const json_t *object,
                                     struct vitlrp_error *err);

/* "wrote NAME", a line of a report. */
void output_append_written(struct text *out, const char *path);

#endif
