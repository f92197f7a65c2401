/* Runs an evaluation: methods over images, curves and localisation of each. Decides nothing about
 * which images there are (eval/dataset) or how results are shown (the reports). */
#ifndef EVAL_EVAL_RUN_H
#define EVAL_EVAL_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "eval/eval_results.h"
#include "eval/item.h"
#include "imgio/image.h"
#include "imgio/preprocess.h"
#include "vit/methods/method.h"
#include "vit/model/model.h"

struct eval_run_method {
    const char *name; /* in the results; one method may run twice with different options */
    const struct vit_method *method;
    const char *maps; /* the folder that its maps are read from (eval/map_folder.h), the method
                         being MAPS_OF_A_FOLDER; NULL: they are computed */
    struct vitlrp_method_options
        options; /* the seed is derived anew for every image from this one */
};

struct eval_run_options {
    const struct vit_model *model;
    const struct vitlrp_preprocess *preprocess; /* must yield inputs of one size */
    struct vitlrp_image_limits limits;
    bool ignore_exif;
    const struct eval_run_method *methods;
    size_t method_count;
    struct eval_protocol protocol;
    size_t threads; /* images at the same time */
    const char *backend;
    const float *unit_means; /* of hidden units of the protocol's site, as vitlrp_unit_values has a
                                baseline: what those that are off are at, and what scores are
                                counted from, under VITLRP_REPLACE_MEAN; NULL otherwise */
    struct vitlrp_inputs inputs; /* gets the name of every map and mask */
    const char *truth_masks;     /* a folder (eval/mask_folder.h); NULL: none */
    size_t manifest_count; /* images of the whole dataset, of which audits are chosen; 0: `count` */
    const char *const *donors; /* [manifest_count], by index: files whose patches may stand in other
                                  images, for VITLRP_REPLACE_DONOR; NULL: the items themselves */
    struct vitlrp_eval_observer observer;
    /* Gets every image as soon as it is done, from any thread, and `out` of eval_run has none then;
     * NULL: they stay in memory. A failure ends the run. */
    enum vitlrp_status (*keep)(void *user, const struct eval_image *image,
                               struct vitlrp_error *err);
    void *keep_user;
    size_t done_before, failed_before; /* images that are done already, for the observer */
    struct vitlrp_log log; /* gets the warnings of photographs when the images are done, in the
                              calling thread and the images' order */
};

/* The model, the preprocessing and the methods are the caller's; everything else gets defaults. */
struct eval_run_options eval_run_options_default(void);

/* At most so many bytes are held by each thread of a run, beside the model: its sessions and
 * batches, and the photograph that it is at. */
enum vitlrp_status eval_run_thread_bytes(const struct eval_run_options *options, size_t *bytes,
                                         struct vitlrp_error *err);

/* What is known of an evaluation before its images: the precision in use, the grid, the names of
 * the methods. *out is owned, after a failure too: evaluation_free. */
enum vitlrp_status eval_run_describe(const struct eval_run_options *options, struct evaluation *out,
                                     struct vitlrp_error *err);

/* Finds maps and masks of all images, and reads none. MISMATCH, naming folder and image, where one
 * is missing. */
enum vitlrp_status eval_run_find_files(const struct eval_run_options *options,
                                       const struct eval_item *items, size_t count,
                                       struct vitlrp_error *err);

/* *out is owned: evaluation_free. An image that can't be read, or whose label is needed and not the
 * model's, is recorded with its status and message; so is a method that fails on an image. What
 * would befall every image (no memory, no file descriptors) ends the run and is returned, as is
 * USAGE for methods, preprocessing or protocol that make no sense. A cancelled run is VITLRP_OK
 * with out->cancelled and the images that were finished; those at work end within an operation and
 * are left out. Results are in the order of the items, whose indices must ascend, and have the same
 * bits for any number of threads. The caller sets names, hashes, settings and the shard, which is 0
 * of 1. All maps of folders are read once before the work begins: what is wrong with one ends the
 * run. */
enum vitlrp_status eval_run(const struct eval_run_options *options, const struct eval_item *items,
                            size_t count, struct evaluation *out, struct vitlrp_error *err);

#endif
