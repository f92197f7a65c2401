/* The public options of an evaluation in the terms of eval: which images, which methods, how they
 * become inputs. What a run and a tuning have in common. */
#ifndef API_EVAL_SETUP_H
#define API_EVAL_SETUP_H

#include <stdbool.h>
#include <stddef.h>

#include "api/handles.h"
#include "base/status.h"
#include "eval/dataset.h"
#include "eval/eval_run.h"
#include "eval/record.h"
#include "imgio/preprocess.h"
#include "vit/math/gemm.h"
#include "vitlrp_eval.h"

struct eval_setup {
    const struct vitlrp_model *model;
    struct vitlrp_eval_options options;  /* with the defaults in the places of NULL and 0 */
    struct vitlrp_preprocess preprocess; /* in use */
    struct eval_run_method *methods;     /* owned */
    size_t method_count;
    struct dataset dataset;
    const struct gemm_backend *backend;   /* in use */
    char *weights_sha256, *configuration; /* owned: of the model, "none" of random weights; a line
                                             of JSON. Taken before the work */
    char *run;                            /* owned: of the options, one line; NULL: none */
    float *unit_means;                    /* [unit_mean_count], owned; NULL: units are off at 0 */
    size_t unit_mean_count;
    struct eval_run_options evaluate; /* points into this struct, which must stay where it is */
};

/* Checks the options and finds the images. Of each method `at_once` variants are run together,
 * which is what the memory of a thread is counted for. *setup must stay in its place;
 * eval_setup_close releases it, after a failure too. */
enum vitlrp_status eval_setup_open(const struct vitlrp_model *model,
                                   const struct vitlrp_eval_options *options, size_t at_once,
                                   struct eval_setup *setup, struct vitlrp_error *err);

void eval_setup_close(struct eval_setup *setup);

/* dataset_open with the model's classes. */
enum vitlrp_status eval_dataset_open(const struct vitlrp_model *model,
                                     const struct dataset_options *options, struct dataset *out,
                                     struct vitlrp_error *err);

/* The part of the rules that the changes name. */
void eval_change_rules(const struct vitlrp_rule_changes *changes, struct vitlrp_rules *rules);

/* Everything that decides about results and is neither protocol, model nor manifest, as one line of
 * JSON. *out is owned: mem_free. */
enum vitlrp_status eval_settings(const struct eval_setup *setup, char **out,
                                 struct vitlrp_error *err);

/* The record of an evaluation that has no images yet: names, hashes, and all classes of the model.
 * *out is owned: record_free. */
enum vitlrp_status eval_record_begin(const struct eval_setup *setup, struct record *out,
                                     struct vitlrp_error *err);

/* Warns where the lock of a journal is missing: its file system has none. */
void eval_say_lock(const struct eval_setup *setup, bool missing);

/* Runs an evaluation whose images are kept in the journal's folder, from where it left off. *out is
 * owned: evaluation_free. */
enum vitlrp_status eval_run_kept(struct eval_setup *setup, struct evaluation *out,
                                 struct vitlrp_error *err);

/* Makes a record of an evaluation: names, hashes, classes and the gallery's pictures. Takes the
 * evaluation over, failing or not. *out is owned: record_free. */
enum vitlrp_status eval_record(const struct eval_setup *setup, struct evaluation *evaluation,
                               struct record *out, struct vitlrp_error *err);

#endif
