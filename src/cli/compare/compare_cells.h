/* The numbers of a comparison: for every class of every image (a row) the map of every column, and
 * how faithful it is. */
#ifndef CLI_COMPARE_CELLS_H
#define CLI_COMPARE_CELLS_H

#include "base/sha256.h"
#include "cli/console.h"
#include "cli/run_watch.h"
#include "compare_columns.h"
#include "figure/figure_map.h"
#include "vitlrp_eval.h"

#define COMPARE_ROWS_MAX 200

struct compare_image {
    const char *path;
    struct figure_pane pane; /* owned */
    float *input;            /* owned: [channels, input_height, input_width] */
    struct vitlrp_geometry geometry;
    bool is_input;            /* there was no preprocessing */
    const char *warning;      /* a constant; NULL: none */
    char sha256[SHA256_TEXT]; /* of the file's bytes; "" unless it was asked for */
};

struct compare_row {
    size_t image; /* its place */
    struct vitlrp_class target, versus;
    double probability, logit; /* of the target */
    double versus_logit;       /* of the contrast */
};

struct compare_cell {
    float *map; /* owned: [height, width], of patches */
    int32_t height, width;
    double sum;                      /* of the map */
    enum vitlrp_precision precision; /* in use */
    double delta_logit, delta_prob;  /* NAN without curves */
    size_t forwards;                 /* of the curves */
};

struct compare_cells {
    const struct compare_columns *columns;
    const struct vitlrp_model *model;
    struct compare_image *images; /* owned */
    size_t image_count;
    struct compare_row *rows; /* owned */
    size_t row_count;
    struct compare_cell *cells; /* owned: [row_count, columns] */
    struct vitlrp_preprocess preprocess;
    struct vitlrp_session_info session; /* that computed the last one */
    bool wants_hashes;                  /* of the images */
    bool wants_one_size;                /* of the maps: MISMATCH otherwise */
    bool has_versus;
    int32_t steps; /* of the curves; 0: none */
    enum vitlrp_replacement replacement;
    struct progress_meter meter; /* counts cells */
    size_t done;
};

/* Explains the images of the command line, with a model that the caller keeps. *out is owned:
 * compare_cells_free, after a failure too. An image that cannot be explained is a failure. */
enum vitlrp_status compare_cells_compute(const struct args *args, struct console *console,
                                         struct vitlrp_model *model, struct compare_cells *out,
                                         struct vitlrp_error *err);

const struct compare_cell *compare_cell_at(const struct compare_cells *cells, size_t row,
                                           size_t column);

/* How many forward passes the curves took. */
size_t compare_cells_forwards(const struct compare_cells *cells);

void compare_cells_free(struct compare_cells *cells);

#endif
