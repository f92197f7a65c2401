/* vitlrp: benchmarks of explanations by perturbation (eval/PROTOCOL.md), and the search for the
 * gammas that do best in them. Conventions, objects and error handling are those of vitlrp.h.
 */
#ifndef VITLRP_EVAL_H
#define VITLRP_EVAL_H

#include "vitlrp.h"

#ifdef __cplusplus
extern "C" {
#endif

/* An index of hidden units: vitlrp_concepts.h. */
struct vitlrp_concepts;

/* ---- Evaluation ---- */

/* Rule parameters that override a method's own. NAN keeps the method's value. */
struct vitlrp_rule_changes {
    float gamma[VITLRP_ROLES_MAX]; /* by enum vitlrp_role */
    float epsilon;
    float attention_share; /* 0: VITLRP_ATTENTION_CP, 0.5: _ATTNLRP, others to 1: _SHARE */
};

/* All NAN. */
VITLRP_API void vitlrp_rule_changes_init(struct vitlrp_rule_changes *changes);

/* Maps that were made elsewhere, measured as a method is. For each image the folder has a file:
 * the first that is there of ID.npy, STEM.npy and STEM.raw.npy, ID being the image's path relative
 * to the dataset and STEM that without its ending; then of the same without folders. It holds
 * float32 or float64 values of shape (rows, columns) of the patches, or of the pixels of the
 * model's input, which are summed over patches. */
struct vitlrp_eval_maps {
    const char *name; /* in the results: letters, digits, '.', '_', '+' and '-'; of no method */
    const char *folder;
};

struct vitlrp_eval_options {
    size_t struct_size;

    /* Images: a folder (ImageFolder, or flat with a file of labels), a file with one path a line
     * and optionally a tab and a label, or "-" for such a list on standard input. Their order is
     * that of their paths' bytes. */
    const char *dataset;
    const char *truth; /* file of labels; NULL: a file of labels in the folder (data/FORMATS.md),
                          else the names of the folders directly under the dataset's. A list has its
                          own labels */
    const char *boxes; /* CSV of objects' boxes, for the localisation metrics; NULL: none */
    size_t limit;      /* number of images, spread evenly over all of them; 0: all */
    int32_t shard, shards; /* only images i with i % shards == shard; default 0 of 1 */

    const char *const *methods; /* names; NULL: attnlrp, cp-lrp, attnlrp-eps, chefer, rollout,
                                   input-x-gradient, random; for units without chefer and rollout,
                                   with activation */
    size_t method_count;
    const char *reference; /* the method that the others are compared with, image by image; NULL:
                              rollout, if it is run; for units input-x-gradient */
    const struct vitlrp_rule_changes *rules; /* for all methods with gammas of their own,
                                          attnlrp-eps and libra excepted; NULL: none */

    int32_t steps;         /* points of a curve, less one; default 28 */
    uint32_t replacements; /* VITLRP_REPLACEMENT_BIT of each, in one number; default that of
                              VITLRP_REPLACE_ZERO. Methods attribute once and are measured under
                              all of them */
    enum vitlrp_eval_target target;
    uint64_t seed; /* of everything random; at most INT64_MAX */

    const struct vitlrp_preprocess *preprocess; /* NULL: the model's; every image must become an
                                                   input of one size */
    int32_t ignore_exif;
    struct vitlrp_image_limits image_limits;
    int32_t threads;     /* images at the same time; 0: one per available processor */
    const char *backend; /* as of sessions */
    struct vitlrp_eval_observer observer;
    struct vitlrp_log log; /* gets facts about the dataset, and warnings: those of its photographs
                              once the images are done */

    /* MIXED changes the attributions, BF16X3 both. BF16 changes the forward passes of the curves,
     * which are most of the work; attributions stay in fp32, and one image of every 20 has its
     * curves in fp32 too: vitlrp_evaluation_audit. Where the backend or the processor has nothing
     * faster, the run uses fp32 and sends a warning to the log. */
    enum vitlrp_precision precision;

    size_t max_bytes; /* of all threads together, besides the model. If it is not enough for all
                         threads, fewer do the work, and the log gets a warning; if it is not enough
                         for one, the result is LIMIT; 0: no limit */
    struct vitlrp_inputs inputs;

    /* A folder that keeps every image's results as soon as they are there, so that nothing is lost
     * when the process is killed, and that memory does not grow with their number. It is created if
     * it is not there, and no other process may write to it meanwhile. A call with the same options
     * goes on where an earlier one was ended; images that failed are not done again, unless
     * retry_failed says so. USAGE, naming what differs, if the folder holds another run. The
     * evaluation reads from it; it may be removed when that is closed: vitlrp_journal_remove. The
     * observer is told once before the first image what there is already. NULL: results are in
     * memory only. */
    const char *journal;

    const struct vitlrp_eval_maps *maps; /* run beside the methods, and alone if methods is NULL;
                                            NULL: none */
    size_t map_count;
    enum vitlrp_score score; /* of the methods that read it (VITLRP_READS_SCORE); USAGE, as of
                                masks, samples and rules, if it is not the default and none does */
    enum vitlrp_masks masks; /* likewise (VITLRP_READS_MASKS) */

    /* Agreement: the rank correlation over patches of each map with the drops of the score without
     * each token, and with Shapley values that are sampled from at least so many coalitions
     * ("rho_drop" and "rho_shapley"). It takes one forward pass more for each patch of an image and
     * each coalition (eval/PROTOCOL.md). 0 (default): none; else at least 1024. */
    int32_t coalitions;
    /* Images of the journal that failed are done once more. Others whose files have changed are
     * too, whatever this says. */
    int32_t retry_failed;

    /* A folder of masks, for the metrics of segmentation ("pixel_accuracy", "mean_iou",
     * "average_precision"); NULL: none. For each image it has a picture of the upright photograph's
     * size, black where the object is not: the first that is there of ID.png and STEM.png, then of
     * the same without folders. */
    const char *truth_masks;

    /* Curves replace squares of regions x regions neighbouring patches at a time, by their mean
     * score, from the upper left corner on; those at the other edges may be smaller
     * (eval/PROTOCOL.md). 1 (default): single patches. USAGE if the grid is one square. */
    int32_t regions;

    /* Curves over hidden units in the place of patches: all neurons or heads of block_count blocks
     * from first_block on (block_count 0: of all from there on) form one ranking, and units that
     * are off are at 0 in every token. Curves have 15 points then, at set shares of the units
     * (eval/PROTOCOL.md), so steps must be 14, or as it is by default; USAGE for other replacements
     * than VITLRP_REPLACE_ZERO or _MEAN, for regions, coalitions and maps. Methods are attnlrp,
     * attnlrp-eps, cp-lrp, libra, input-x-gradient (the gradient times the unit's value),
     * integrated-gradients (the unit's conductance), random, and "activation": the sum of a unit's
     * values over tokens. */
    enum vitlrp_eval_units units;
    int32_t first_block, block_count;
    int32_t each_block; /* 1: curves over each of these blocks by itself too (vitlrp_metric_query
                           .block); a method that finds what matters over the depth need not find
                           what does within a block */
    int32_t samples;    /* of the methods that read them (VITLRP_READS_SAMPLES); 0: their own */
    int32_t single;     /* the correlation of scores with what the logit loses without each of so
                           many units, which are drawn for each image ("rho_single" and
                           "pearson_single"): as many forward passes more. 0 (default): none */
    int32_t reserved;
    /* With VITLRP_REPLACE_MEAN alone, units that are off are at their means over the images of this
     * index of the site, at CLS and at all other tokens, and scores are counted from there: (a -
     * mean) G. The caller's, and not needed after the call; vitlrp_concepts_check_model must hold.
     * NULL: none, as everywhere else (USAGE). */
    const struct vitlrp_concepts *concepts;

    /* A JSON object that the record states as `run`: the caller's own words for what it was called
     * with (data/FORMATS.md). It decides nothing, and records that differ in it merge: the first
     * one's stays. USAGE for other text. NULL: none. */
    const char *run;

    /* Sanity checks of the maps (eval/PROTOCOL.md), over patches; 0 (default): none.
     * Rank correlation of each map with that of a model of which so many parts are drawn anew
     * ("rho_randomized"): the head with its norm, then the blocks from the last to the first, then
     * the embedding; all of them if it has fewer. The model is copied once. */
    int32_t randomized;
    /* The largest relative change of each map under so many inputs with a little noise
     * ("max_sensitivity"). Every method explains an image as many times more. */
    int32_t sensitivity;
};

/* The defaults above; every other field is 0 or NULL. */
#define vitlrp_eval_options_init(options)                                                          \
    vitlrp_eval_options_init_sized((options), sizeof *(options))
VITLRP_API void vitlrp_eval_options_init_sized(struct vitlrp_eval_options *options, size_t size);

/* A field of vitlrp_eval_options that is fixed for a whole evaluation and is in the "protocol" of
 * its record: steps, replacements, target, seed, precision, score, masks, coalitions, regions,
 * units, first_block, block_count, each_block, samples, single, randomized, sensitivity; more may
 * follow. For programs that
 * offer them all to their users. */
struct vitlrp_eval_setting {
    size_t struct_size;
    const char *name;        /* in records and reports, and of the command's option: "steps" */
    const char *enumeration; /* vitlrp_word has a word for each value (of a set: for each bit);
                                NULL: a whole number */
    int64_t low, high;       /* the range of a whole number */
    size_t offset,
        size;          /* of the field in vitlrp_eval_options: 4 bytes with a sign, or 8 without */
    const char *field; /* its name there */
    int32_t is_set; /* 1: bit i of the field says that value i is chosen; one bit at least is 1 */
    int32_t reserved;
};

/* Call it before vitlrp_eval_setting_at, which fills the record. The strings are constants. */
#define vitlrp_eval_setting_init(setting)                                                          \
    vitlrp_eval_setting_init_sized((setting), sizeof *(setting))
VITLRP_API void vitlrp_eval_setting_init_sized(struct vitlrp_eval_setting *setting, size_t size);

/* The setting of a place, from 0; USAGE beyond the last. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_eval_setting_at(size_t index, struct vitlrp_eval_setting *setting,
                       struct vitlrp_error *error);

/* ---- Datasets ---- */

/* The images of a dataset in their fixed order, with their labels. Immutable. */
struct vitlrp_dataset;

struct vitlrp_dataset_options {
    size_t struct_size;
    const char *path;  /* as the dataset of an evaluation */
    const char *truth; /* this field and the next ones, too */
    enum vitlrp_eval_target target;
    size_t limit;
    int32_t shard, shards;
    struct vitlrp_inputs inputs;
};

/* Shard 0 of 1, no path. */
#define vitlrp_dataset_options_init(options)                                                       \
    vitlrp_dataset_options_init_sized((options), sizeof *(options))
VITLRP_API void vitlrp_dataset_options_init_sized(struct vitlrp_dataset_options *options,
                                                  size_t size);

/* Finds the images; reads a little of each of them (content_sha256). FORMAT if there is none,
 * MISMATCH if none can be used, or if a file of labels or boxes that was named says nothing about
 * them. *dataset is owned: vitlrp_dataset_close; it does not need the model. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_dataset_open(const struct vitlrp_model *model, const struct vitlrp_dataset_options *options,
                    struct vitlrp_dataset **dataset, struct vitlrp_error *error);

/* Releases the dataset and the strings that it has described. */
VITLRP_API void vitlrp_dataset_close(struct vitlrp_dataset *dataset);

struct vitlrp_dataset_info {
    size_t struct_size;
    size_t images;              /* of the shard */
    size_t manifest;            /* of all shards together */
    size_t found;               /* before any were left out */
    size_t skipped;             /* left out: no label that the model knows */
    const char *sha256;         /* of every name and label of the manifest (data/FORMATS.md) */
    size_t unread;              /* folders that must not be read, with what lies below them */
    const char *first_unread;   /* NULL if there is none */
    const char *truth_sha256;   /* of the file of labels; "" if there is none */
    const char *content_sha256; /* of what the images' files hold (data/FORMATS.md) */
    size_t own_pictures;        /* that the program wrote, and that are passed over */
    size_t not_read;            /* pictures of kinds that are not read */
    const char *not_read_kinds; /* "2 heic, 1 webp"; NULL if there is none */
    const char *silent_truth;   /* a file of labels in the folder that names none of the images, and
                                   is not taken for their labels; NULL if there is none */
};

/* Call it before vitlrp_dataset_describe, which fills the record; its strings live as long
 * as the dataset. */
#define vitlrp_dataset_info_init(info) vitlrp_dataset_info_init_sized((info), sizeof *(info))
VITLRP_API void vitlrp_dataset_info_init_sized(struct vitlrp_dataset_info *info, size_t size);
VITLRP_API void vitlrp_dataset_describe(const struct vitlrp_dataset *dataset,
                                        struct vitlrp_dataset_info *info);

struct vitlrp_dataset_image {
    const char *path; /* to open */
    const char *id;   /* path relative to the dataset's folder; in a list, the path itself */
    size_t index;     /* in the manifest */
    int32_t label;    /* output; -1 without a label that the model knows */
    int32_t reserved[3];
};

/* The image at a place of the shard; USAGE beyond the last. Any thread. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_dataset_image_at(const struct vitlrp_dataset *dataset, size_t place,
                        struct vitlrp_dataset_image *image, struct vitlrp_error *error);

/* ---- Results ---- */

/* Measurements of methods on images, and their statistics. Immutable. */
struct vitlrp_evaluation;

/* Runs methods over a dataset and removes patches in the order of their relevance, once the most
 * and once the least relevant first. The result does not depend on the number of threads. Images
 * that cannot be read are recorded, and the call still succeeds. A cancelled run gives VITLRP_OK
 * and the images that were finished. *evaluation is owned: vitlrp_evaluation_close; it does not
 * need the model. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_evaluate(const struct vitlrp_model *model, const struct vitlrp_eval_options *options,
                struct vitlrp_evaluation **evaluation, struct vitlrp_error *error);

/* Removes a journal whose results are written elsewhere, and its folder if that is empty then. IO
 * if another process writes to it. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status vitlrp_journal_remove(const char *folder,
                                                                     struct vitlrp_error *error);

/* Reads an evaluation from the bytes of vitlrp_evaluation_json. Its numbers have the same bits;
 * only the gallery's images have patch scores. FORMAT, with the place, for anything else.
 * *evaluation is owned. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_evaluation_read(const void *data, size_t size, struct vitlrp_evaluation **evaluation,
                       struct vitlrp_error *error);

/* Joins the shards of one run to the run as if it had not been divided: its reports have the same
 * bytes. MISMATCH, with the reason, if the parts are not of one run, or if some are missing.
 * Messages count parts from 1. *evaluation is owned; the parts stay. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_evaluation_merge(const struct vitlrp_evaluation *const *parts, size_t count,
                        struct vitlrp_evaluation **evaluation, struct vitlrp_error *error);

/* Likewise of files (of vitlrp_evaluation_json) and folders (vitlrp_eval_options.journal), without
 * their images in memory: every report reads them again. Where a folder is among them, the run may
 * still be going on: images and whole shards may be missing, which makes the evaluation
 * "cancelled". It has no pictures of shards that were not ended. Messages name the path.
 * *evaluation is owned; the files must stay as they are while it is open, but for journals, which
 * may grow. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_evaluation_open(const char *const *paths, size_t count,
                       struct vitlrp_evaluation **evaluation, struct vitlrp_error *error);

/* Changes the method that the others are compared with to `reference`, in the paired differences of
 * all reports. USAGE, and no change, if that method was not run. One thread at a time. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_evaluation_compare(struct vitlrp_evaluation *evaluation, const char *reference,
                          struct vitlrp_error *error);

/* Releases the evaluation and the strings that it has described. */
VITLRP_API void vitlrp_evaluation_close(struct vitlrp_evaluation *evaluation);

struct vitlrp_evaluation_info {
    size_t struct_size;
    size_t images;   /* in it, failed ones included */
    size_t failed;   /* that could not be measured */
    size_t manifest; /* of the whole dataset, all shards together */
    size_t skipped;  /* left out of the manifest: no label that the model knows */
    size_t methods;
    int32_t shard, shards;
    int32_t cancelled;        /* 1: the run was stopped before its end */
    const char *first_failed; /* name of the first image that failed; NULL if none did */
    const char *first_error;  /* why it did */
    const char *reference;    /* method that the others are compared with; NULL if there is none */
    enum vitlrp_precision precision; /* that was in use */
    size_t audited; /* images whose curves were computed in fp32 too, failed ones excluded */
};

/* Call it before vitlrp_evaluation_describe, which fills the record; its strings live as long as
 * the evaluation. */
#define vitlrp_evaluation_info_init(info) vitlrp_evaluation_info_init_sized((info), sizeof *(info))
VITLRP_API void vitlrp_evaluation_info_init_sized(struct vitlrp_evaluation_info *info, size_t size);
VITLRP_API void vitlrp_evaluation_describe(const struct vitlrp_evaluation *evaluation,
                                           struct vitlrp_evaluation_info *info);

/* The value that a setting had, by its name: precision is the one that was in use. USAGE for
 * another name. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_evaluation_setting(const struct vitlrp_evaluation *evaluation, const char *name,
                          int64_t *value, struct vitlrp_error *error);

/* The methods that were run, in that order: 0 to info.methods - 1, NULL beyond. */
VITLRP_API const char *vitlrp_evaluation_method(const struct vitlrp_evaluation *evaluation,
                                                size_t index);

/* A metric of a method: "delta_logit", "delta_prob", "morf_logit", "morf_prob", "lerf_logit",
 * "lerf_prob", "aopc_logit", "aopc_prob", "insertion", "deletion", "pointing", "mass", "rank",
 * "morf_top1", "lerf_top1", "comprehensiveness", "sufficiency", "sparseness", "complexity",
 * "rho_drop", "rho_shapley", "pixel_accuracy", "mean_iou", "average_precision", "rho_randomized",
 * "max_sensitivity", and over hidden units "drop_1", "mean_drop_10", "units_to_lose", "rho_single",
 * "pearson_single"; n = 0 of what was not measured. Or "paired_delta_logit", "paired_delta_prob":
 * the difference from the reference, image by image; n = 0 without a reference. USAGE for another
 * name or a method that was not run. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_evaluation_metric(const struct vitlrp_evaluation *evaluation, const char *method,
                         const char *metric, struct vitlrp_statistic *statistic,
                         struct vitlrp_error *error);

/* What is asked for, and what was found: a metric under one of several replacements. */
struct vitlrp_metric_query {
    size_t struct_size;
    const char
        *method; /* in; NULL: of the run itself, whose metrics are "shapley_error", the standard
                    error of a patch's Shapley value, and "shapley_split_half", the rank
                    correlation of two halves of their samples; n = 0 without coalitions */
    const char *metric;  /* in: of vitlrp_evaluation_metric */
    int32_t replacement; /* in: an enum vitlrp_replacement; -1 (default): the first of the run's */
    int32_t block;       /* in: of a run with each_block, a block's own curves; -1 (default): those
                            of all */
    struct vitlrp_statistic statistic; /* out */
    struct vitlrp_audit
        audit; /* out: as of vitlrp_evaluation_audit; n = 0 for others than its metrics */
    size_t
        rank; /* out: the method's place by delta_logit under the replacement, from 1; 0: of none */
};

/* The defaults above; every other field is 0 or NULL. */
#define vitlrp_metric_query_init(query) vitlrp_metric_query_init_sized((query), sizeof *(query))
VITLRP_API void vitlrp_metric_query_init_sized(struct vitlrp_metric_query *query, size_t size);

/* Answers it. USAGE as vitlrp_evaluation_metric, and for a replacement that was not run. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_evaluation_query(const struct vitlrp_evaluation *evaluation,
                        struct vitlrp_metric_query *query, struct vitlrp_error *error);

/* "delta_logit", "delta_prob", "morf_logit", "morf_prob", "lerf_logit" or "lerf_prob" of a method;
 * n = 0 if the curves are in fp32. USAGE for another name or a method that was not run. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_evaluation_audit(const struct vitlrp_evaluation *evaluation, const char *method,
                        const char *metric, struct vitlrp_audit *audit, struct vitlrp_error *error);

/* Reports. *data is owned (vitlrp_free); *size does not count the zero byte at its end. Equal
 * evaluations give equal bytes. */

/* A report that is made piece by piece, so that it needs not be in memory. `write` gets the pieces
 * in their order; another value than 0 ends the call, with IO. */
struct vitlrp_sink {
    int32_t (*write)(void *user, const void *data, size_t size);
    void *user;
};

/* The same bytes as of vitlrp_evaluation_json, and of vitlrp_evaluation_csv. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_evaluation_json_to(const struct vitlrp_evaluation *evaluation,
                          const struct vitlrp_sink *sink, struct vitlrp_error *error);
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_evaluation_csv_to(const struct vitlrp_evaluation *evaluation, const struct vitlrp_sink *sink,
                         struct vitlrp_error *error);

/* Everything, as one JSON object. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_evaluation_json(const struct vitlrp_evaluation *evaluation, char **data, size_t *size,
                       struct vitlrp_error *error);

/* One row for each image and method. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_evaluation_csv(const struct vitlrp_evaluation *evaluation, char **data, size_t *size,
                      struct vitlrp_error *error);

/* One page that loads nothing from elsewhere. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_evaluation_html(const struct vitlrp_evaluation *evaluation, char **data, size_t *size,
                       struct vitlrp_error *error);

/* A table for a terminal, best method first. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_evaluation_table(const struct vitlrp_evaluation *evaluation, char **data, size_t *size,
                        struct vitlrp_error *error);

/* ---- Curves of one map ---- */

/* What the evaluation measures of a map: the model's output while patches are replaced, the most
 * relevant first (MoRF) and the least relevant first (LeRF). */
struct vitlrp_curves {
    size_t struct_size;
    int32_t input_height, input_width;   /* in: of the input; 0: as trained */
    int32_t output;                      /* in: which output is followed */
    int32_t steps;                       /* in: points of a curve, less one; default 28 */
    enum vitlrp_replacement replacement; /* in */
    uint64_t seed;                       /* in: of a replacement with noise */
    const struct vitlrp_preprocess
        *preprocess;                /* in: by which the input was made; NULL: the model's */
    int32_t threads;                /* in: 0: one per available processor */
    const char *backend;            /* in: as of sessions */
    float *morf_logit;              /* [steps + 1], of the caller; NULL: not filled */
    float *lerf_logit;              /* likewise */
    double delta_logit, delta_prob; /* out: the area between LeRF and MoRF; NAN where outputs are no
                                       probabilities */
    size_t forwards;                /* out: how many inputs were computed */
    int32_t has_versus;             /* in: 1: what is followed is the output less this other one, of
                                       logits and of probabilities; default 0 */
    int32_t versus;
};

/* The defaults above; every other field is 0 or NULL. */
#define vitlrp_curves_init(curves) vitlrp_curves_init_sized((curves), sizeof *(curves))
VITLRP_API void vitlrp_curves_init_sized(struct vitlrp_curves *curves, size_t size);

/* Measures a map of patches [grid_height, grid_width] of a normalised input [3, input_height,
 * input_width], as an evaluation does that has nothing else: the numbers are those of its record.
 * NUMERIC if the map or a logit is not finite. Any thread. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_curves_measure(const struct vitlrp_model *model, const float *input, const float *patches,
                      struct vitlrp_curves *curves, struct vitlrp_error *error);

/* ---- Tuning ---- */

/* One setting that was tried. */
struct vitlrp_tune_trial {
    const char *stage; /* "preset", "coarse", "fine" */
    const char *kind;  /* layers whose gamma was varied: "conv", "fc1/fc2", "qkv/proj", "head"; ""
                          for the preset */
    struct vitlrp_rules rules;
    struct vitlrp_statistic delta; /* Delta (logit) on the calibration images, under the first of
                                      the replacements */
    double gain; /* the smallest of what it gains there over the preset, of all replacements: what
                    the search looks for */
};

struct vitlrp_tune_options {
    size_t struct_size;
    /* The search reads dataset, limit, protocol, preprocessing, threads, observer and journal. It
     * tunes the first of the methods, which must have gammas (default "attnlrp"), and begins at its
     * rules with the rule changes. Images 0, 2, 4... of the manifest calibrate; the others are held
     * out. The journal is a folder as of an evaluation, of its own format: the same call goes on
     * where an earlier one was ended. It may be removed after the call. */
    const struct vitlrp_eval_options *evaluation;
    void (*tried)(void *user, const struct vitlrp_tune_trial *trial); /* after every trial; may be
                                                                         NULL */
    void *user;
};

/* Every field is NULL. */
#define vitlrp_tune_options_init(options)                                                          \
    vitlrp_tune_options_init_sized((options), sizeof *(options))
VITLRP_API void vitlrp_tune_options_init_sized(struct vitlrp_tune_options *options, size_t size);

/* What tuning came to under one replacement: Delta (logit). */
struct vitlrp_tune_gain {
    enum vitlrp_replacement replacement;
    struct vitlrp_statistic calibration_preset, calibration_tuned;
    struct vitlrp_statistic preset, tuned; /* on the held-out images */
    struct vitlrp_statistic gain;          /* tuned - preset there, paired */
};

struct vitlrp_tune_result {
    size_t struct_size;
    const char *method;        /* a constant */
    struct vitlrp_rules rules; /* the best found */
    size_t trials, calibration_images, held_out_images;
    /* Under the first replacement, as the first of `replacements`. */
    struct vitlrp_statistic calibration_preset, calibration_tuned; /* Delta (logit) */
    struct vitlrp_statistic preset, tuned;                         /* on the held-out images */
    struct vitlrp_statistic gain; /* tuned - preset there, paired */
    /* 64 hexadecimal digits each, terminated. */
    char manifest_sha256[72];    /* of every name and label of the manifest */
    char truth_sha256[72];       /* of the file of labels; "" if there is none */
    char calibration_sha256[72]; /* of the name and the hash of every image, as they were read */
    char held_out_sha256[72];
    struct vitlrp_tune_gain replacements[VITLRP_REPLACEMENTS_MAX]; /* in their order */
    size_t replacement_count;
};

/* Call it before vitlrp_tune, which fills the record. */
#define vitlrp_tune_result_init(result) vitlrp_tune_result_init_sized((result), sizeof *(result))
VITLRP_API void vitlrp_tune_result_init_sized(struct vitlrp_tune_result *result, size_t size);

/* Searches the gamma of each kind of layer for the largest Delta on the calibration images, coarse
 * to fine, and measures the gain on images that the search has not seen. Under several replacements
 * a setting is as good as the smallest of its gains over the preset (eval/PROTOCOL.md). CANCELLED
 * if the observer says so; MISMATCH if there is nothing to tune with, or to measure the gain on. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_tune(const struct vitlrp_model *model, const struct vitlrp_tune_options *options,
            struct vitlrp_tune_result *result, struct vitlrp_error *error);

/* ---- Without some of the patches ---- */

/* An input, and room for forward passes of it in which patches are replaced, as evaluations replace
 * them (eval/PROTOCOL.md). One thread at a time. */
struct vitlrp_removal;

struct vitlrp_removal_options {
    size_t struct_size;
    int32_t input_height, input_width;          /* 0: as trained */
    int32_t threads;                            /* 0: one per available processor */
    const char *backend;                        /* as of sessions */
    size_t max_bytes;                           /* refuse to open beyond this; 0: no limit */
    enum vitlrp_replacement replacement;        /* default VITLRP_REPLACE_ZERO */
    uint64_t seed;                              /* of replacements with noise */
    const struct vitlrp_preprocess *preprocess; /* that made the input: what black is and what noise
                                                   is follow from it; NULL: the model's own */
    struct vitlrp_session_observer observer;    /* of the passes; progress is of
                                                   vitlrp_removal_logits only */
};

/* The defaults above; every other field is 0 or NULL. */
#define vitlrp_removal_options_init(options)                                                       \
    vitlrp_removal_options_init_sized((options), sizeof *(options))
VITLRP_API void vitlrp_removal_options_init_sized(struct vitlrp_removal_options *options,
                                                  size_t size);

/* Copies the input [3, input_height, input_width] (one channel for a grey model), as of
 * vitlrp_session_forward. Allocates everything that the passes need, but for what oneDNN takes.
 * NULL options: the defaults. LIMIT beyond max_bytes, NUMERIC for an input that is not finite.
 * *removal is owned: vitlrp_removal_close; the model must outlive it. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_removal_open(const struct vitlrp_model *model, const struct vitlrp_removal_options *options,
                    const float *input, struct vitlrp_removal **removal,
                    struct vitlrp_error *error);

/* Releases it; its model stays. */
VITLRP_API void vitlrp_removal_close(struct vitlrp_removal *removal);

struct vitlrp_removal_info {
    size_t struct_size;
    int32_t grid_height, grid_width; /* patches */
    size_t at_once;  /* versions that are computed together: a good number for one call */
    size_t forwards; /* versions that were computed since it opened */
};

/* Call it before vitlrp_removal_describe, which fills the record. */
#define vitlrp_removal_info_init(info) vitlrp_removal_info_init_sized((info), sizeof *(info))
VITLRP_API void vitlrp_removal_info_init_sized(struct vitlrp_removal_info *info, size_t size);
VITLRP_API void vitlrp_removal_describe(const struct vitlrp_removal *removal,
                                        struct vitlrp_removal_info *info);

/* logits [count, classes] of `count` versions of the input; masks [count, grid_height, grid_width]
 * are 0 where a patch is shown and 1 where it is replaced; USAGE for another value. The logits of a
 * version do not depend on the number of threads; their last bits may differ with `count`. NUMERIC
 * if a logit is not finite. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status vitlrp_removal_logits(struct vitlrp_removal *removal,
                                                                     const uint8_t *masks,
                                                                     size_t count, float *logits,
                                                                     struct vitlrp_error *error);

/* What to look for, and what was found. The model decides for a class where its logit is above that
 * of `versus`; without one, where it is the largest of all, the first of equal ones, or, where each
 * class has a probability by itself, where that is above a half. */
struct vitlrp_patch_search {
    size_t struct_size;
    const float *scores; /* [grid_height, grid_width]: a map. Patches are taken in the order of
                            their scores, the largest first, equal ones by their place */
    int32_t output;      /* of the class */
    int32_t versus;      /* another output; -1 (default): none */
    enum vitlrp_patch_goal goal;
    int32_t prunings; /* tries to leave a patch out again, at most; default 64 */
    uint8_t *set;     /* out [grid_height, grid_width]: 1 in the patches of the set. The caller's */
    float *logits;  /* out [classes], or NULL: with the set alone, or without it; of the last try if
                       there is no set. The caller's */
    int32_t found;  /* out: 1 if there is a set */
    int32_t count;  /* out: its patches; 0 where the class is decided for without any patch */
    int32_t prefix; /* out: of so many first patches of the order it is a part */
    int32_t forwards; /* out: passes that it took */
};

/* The defaults above; every other field is 0 or NULL. */
#define vitlrp_patch_search_init(search) vitlrp_patch_search_init_sized((search), sizeof *(search))
VITLRP_API void vitlrp_patch_search_init_sized(struct vitlrp_patch_search *search, size_t size);

/* Finds a set of patches that reaches the goal: a beginning of the order, by doubling its length
 * and halving the rest, from which patches are then left out one by one, the least relevant first.
 * A forward pass has shown that the set reaches the goal. It need not be the smallest. The same set
 * for any number of threads. OK without a set too. USAGE for a class out of range, and without
 * `versus` for a model whose outputs are no probabilities; NUMERIC if a score is NaN or a logit is
 * not finite; CANCELLED as above. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_removal_search(struct vitlrp_removal *removal, struct vitlrp_patch_search *search,
                      struct vitlrp_error *error);

/* ---- Cost of an evaluation ---- */

struct vitlrp_eval_cost {
    size_t struct_size;
    int32_t images;         /* in: 0: one for each thread; default 50; out: how many there were */
    int32_t methods, steps; /* in: defaults 8, 28 */
    int32_t threads;        /* in: 0: one per available processor; out: how many there were */
    enum vitlrp_precision precision; /* in: of the evaluator, not MIXED; the plain inputs are in
                                        fp32; out: that was in use */
    const char *backend;             /* in: as of sessions; out: its name, a constant */
    size_t points;                   /* out: inputs that were computed, by either side */
    double evaluator_seconds; /* out: thread seconds of the curves, orders and masks included */
    double plain_seconds;     /* out: of as many inputs in whole batches */
    size_t single_points;     /* out: inputs that a session of one thread computed one by one */
    double single_seconds;    /* out: of those */
};

/* The defaults above. */
#define vitlrp_eval_cost_init(cost) vitlrp_eval_cost_init_sized((cost), sizeof *(cost))
VITLRP_API void vitlrp_eval_cost_init_sized(struct vitlrp_eval_cost *cost, size_t size);

/* Compares the time of the evaluator's forward passes with that of plain ones, in batches and one
 * by one, on images that it makes: the measure of `vitlrp bench --eval`. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status vitlrp_eval_measure(const struct vitlrp_model *model,
                                                                   struct vitlrp_eval_cost *cost,
                                                                   struct vitlrp_error *error);

#ifdef __cplusplus
}
#endif

#endif
