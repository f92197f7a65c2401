/* Finds rule parameters for a model: gammas per kind of layer that give the best Delta on a
 * calibration set, and what that is worth on images that the search has not seen. */
#ifndef EVAL_TUNE_H
#define EVAL_TUNE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/run_folder.h"
#include "base/status.h"
#include "eval/eval_run.h"
#include "eval/item.h"
#include "eval/statistics.h"
#include "eval/tune_step.h"
#include "vit/methods/method.h"

/* Candidates that are evaluated together: an evaluation of so many methods. */
#define TUNE_MOST_AT_ONCE 10

/* Replacements of a protocol at most, and those of one by their places. */
#define TUNE_REPLACEMENTS VITLRP_REPLACEMENTS_MAX

/* The kinds of layers that share a gamma. */
enum tune_kind { TUNE_CONV, TUNE_MLP, TUNE_ATTENTION, TUNE_HEAD, TUNE_KINDS };

/* "conv", "fc1/fc2", "qkv/proj", "head". */
const char *tune_kind_name(enum tune_kind kind);

/* Sets every gamma of a kind. */
void tune_set(struct vitlrp_rules *rules, enum tune_kind kind, float gamma);

enum tune_stage { TUNE_PRESET, TUNE_COARSE, TUNE_FINE };

struct tune_trial {
    enum tune_stage stage;
    enum tune_kind kind; /* varied; of no meaning for TUNE_PRESET */
    struct vitlrp_rules rules;
    struct vitlrp_statistic delta[TUNE_REPLACEMENTS]; /* Delta (logit) on the calibration set */
    double gain; /* the smallest of what it gains there over the preset, of all replacements */
};

struct tune_options {
    const struct eval_run_options *evaluate; /* its methods are not read */
    const struct vit_method *method;         /* reads rules */
    struct vitlrp_method_options preset;     /* where the search starts, and what it must beat */
    /* After every trial, from the calling thread. NULL: nobody looks. */
    void (*tried)(void *user, const struct tune_trial *trial);
    void *user;
    struct run_folder *journal; /* of tune_places results; NULL: nothing is kept */
};

struct tune_result {
    struct vitlrp_rules best;
    struct tune_trial *trials; /* everything tried, in that order, the preset first; owned */
    size_t trial_count;
    size_t best_trial;

    /* Delta (logit) on the held-out images, under each replacement: of the preset, of the best, and
     * best - preset, paired: exactly 0 if the preset is the best. */
    struct vitlrp_statistic held_preset[TUNE_REPLACEMENTS], held_best[TUNE_REPLACEMENTS],
        held_gain[TUNE_REPLACEMENTS];

    /* Of the images as they were read: for each its name, a zero byte, the hash of its bytes ("" of
     * one that could not be read) and a newline. */
    char calibration_sha256[SHA256_TEXT], held_out_sha256[SHA256_TEXT];
};

/* Results that a search keeps at most, of each image in each step; false if they cannot be counted.
 */
bool tune_places(size_t calibration, size_t held_out, size_t *places);

/* What tune_run refuses before the work: USAGE for a method without rules and for no images,
 * MISMATCH for a gain that nothing could measure. */
enum vitlrp_status tune_check(const struct vit_method *method, size_t calibration, size_t held_out,
                              struct vitlrp_error *err);

/* Coordinate by coordinate over the gammas 0, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 10 and
 * infinity, until a round changes nothing or two are done; then by smaller factors around what was
 * found. A coordinate is moved only for a larger gain; of equal ones the first tried stays. The
 * candidates of one coordinate are evaluated together: one forward pass an image, and points of
 * their curves shared.
 * With a journal, what an earlier run has done is taken from there, and the result has the same
 * bits. As tune_check; CANCELLED if the observer says so; IO if a calibration image changed between
 * two trials, which are then of two images; MISMATCH if no image of a set could be used: a gain
 * that was not measured is none. *out is owned: tune_result_free. */
enum vitlrp_status tune_run(const struct tune_options *options,
                            const struct tune_images *calibration,
                            const struct tune_images *held_out, struct tune_result *out,
                            struct vitlrp_error *err);

void tune_result_free(struct tune_result *result);

#endif
