/* The inside of a run, for the files that implement it: eval_run.c (the run and all of its images),
 * eval_worker.c (what a thread holds) and eval_image.c (what is measured of an image). */
#ifndef EVAL_EVAL_RUN_PRIVATE_H
#define EVAL_EVAL_RUN_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "eval/curve.h"
#include "eval/eval_run.h"
#include "eval/load_input.h"
#include "eval/localize.h"
#include "eval/map_folder.h"
#include "eval/mask_folder.h"
#include "eval/unit_curve.h"
#include "vit/math/engine.h"

/* One thread's tools. */
struct worker {
    struct engine_watch watch; /* of the curves' batches */
    struct vit_attributor *attributor;
    struct vit_attributor *randomized; /* of the run's randomised model; NULL without one */
    struct vit_batch *curve_batch;     /* NULL if the attributor has one to share */
    struct vit_batch *audit_batch;     /* NULL as well, and without audits */
    struct curve_evaluator *curves;
    struct unit_worker *units; /* eval/eval_units.c; NULL: curves are over patches */
    float *input;              /* [3, height, width] */
    float *donor;              /* likewise; NULL if no replacement needs it */
    float *logits;             /* [classes] */
    double *coverage;          /* [patches] */
};

/* What is known of an image beside its results. */
struct image_state {
    bool finished;
    const char *warning;  /* of its photograph; NULL: none */
    size_t passed_donors; /* that could not be read */
};

struct run {
    const struct eval_run_options *options;
    const struct eval_item *items;
    size_t count;
    struct evaluation *out;
    struct image_state *states; /* [count] */
    struct input_source source;
    struct localize_grid grid;
    const struct gemm_backend *backend;
    struct vit_model *randomized;    /* eval/sanity.h; owned; NULL: none is wanted */
    enum vitlrp_precision precision; /* that the backend has */
    struct worker *workers;
    size_t worker_count;

    atomic_bool stop;      /* also ends the images at work: asked between operations */
    pthread_mutex_t mutex; /* guards what follows, and the observer's calls */
    size_t done, failed;
    bool cancelled;
    enum vitlrp_status status; /* of the first systemic failure */
    struct vitlrp_error err;
};

/* Patches of an image. */
static inline size_t eval_run_patches(const struct run *run) {
    return run->grid.rows * run->grid.columns;
}

/* Asks the observer, until it has said no once. */
bool eval_run_goes_on(struct run *run);

/* True if patches of other images are put in. How many images may lend theirs. */
bool eval_run_has_donors(const struct run *run);
size_t eval_run_donor_count(const struct run *run);

/* The folder of a method whose maps are read. */
struct map_folder eval_run_folder(const struct run *run, const struct eval_run_method *method);

/* That of the masks; its path is NULL if there are none. */
struct mask_folder eval_run_masks(const struct run *run);

/* The options of a worker's attributor. Its list of methods is owned: mem_free. */
enum vitlrp_status eval_worker_attributor(struct run *run, struct vit_attributor_options *out,
                                          struct vitlrp_error *err);

/* Those of its batches. */
struct vit_batch_options eval_worker_batch(const struct run *run, enum vitlrp_precision precision);

/* What it has opened is released by eval_worker_close, after a failure too. */
enum vitlrp_status eval_worker_open(struct run *run, struct worker *worker,
                                    struct vitlrp_error *err);
void eval_worker_close(struct worker *worker);

/* A method's options for an image, with a seed of its own. */
struct vitlrp_method_options eval_run_method_options(const struct eval_run_method *method,
                                                     const struct eval_item *item);

/* The map of a method by an attributor that has seen the input's forward pass, into the request's
 * patches. False in *is_there after a failure that is the method's own. */
enum vitlrp_status eval_run_attribute(struct vit_attributor *attributor,
                                      const struct vit_method *method,
                                      const struct vit_method_request *request, bool *is_there,
                                      struct vitlrp_error *err);

/* Fills the image's record, also with the failure that befell it. What would befall every image is
 * returned. */
enum vitlrp_status eval_run_image(const struct run *run, struct worker *worker,
                                  const struct eval_item *item, struct eval_image *image,
                                  struct vitlrp_error *err);

#endif
