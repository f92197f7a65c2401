/* What an evaluation is: the protocol it followed, and for every image and method the perturbation
 * curves and what follows from them. Written by eval/eval_run, read by the reports; plain data. */
#ifndef EVAL_EVAL_RESULTS_H
#define EVAL_EVAL_RESULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/sha256.h"
#include "base/status.h"
#include "eval/segmentation.h"
#include "vit/math/packs.h"

/* Methods of one evaluation: each takes some milliseconds of statistics, however few images there
 * are. The table of methods has fewer. */
#define EVAL_METHOD_LIMIT ((size_t) 64)

/* Fixed for a whole evaluation and printed with its results: the settings of eval/settings.def.
 * steps is K: points 0 to K, point k has floor(k T / K + 0.5) of T patches replaced. precision is
 * the one in use: VITLRP_PRECISION_MIXED in the attributions, VITLRP_PRECISION_BF16 in the curves.
 */
struct eval_protocol {
#define WHOLE(type, member, ...) type member;
#define CHOICE WHOLE
#define SET WHOLE
#include "eval/settings.def"
#undef WHOLE
#undef CHOICE
#undef SET
};

/* The replacements that a protocol names, in the order of their table: how many, which at a place,
 * whether one is among them. The first is that of the numbers which have no replacement's name. */
size_t eval_replacement_count(const struct eval_protocol *protocol);
enum vitlrp_replacement eval_replacement_at(const struct eval_protocol *protocol, size_t place);
bool eval_replacement_has(const struct eval_protocol *protocol, enum vitlrp_replacement which);

/* What a method has curves of, under one protocol: a place. Each replacement is one. Over hidden
 * units the first is the ranking of all their blocks, and with each_block the ranking within each
 * of them follows. Numbers that name no place are those of the first. */
size_t eval_place_count(const struct eval_protocol *protocol);

/* True if places are blocks. */
bool eval_places_are_blocks(const struct eval_protocol *protocol);

/* The block of a place; -1: all. */
int32_t eval_place_block(const struct eval_protocol *protocol, size_t place);

/* As records name a place ("zero"; "all", "3"), and as reports do ("zero"; "all blocks", "block
 * 3").
 */
struct eval_place_name {
    char text[24];
};
struct eval_place_name eval_place_key(const struct eval_protocol *protocol, size_t place);
struct eval_place_name eval_place_title(const struct eval_protocol *protocol, size_t place);

/* MoRF replaces by descending score, LeRF in exactly the reverse order. */
enum eval_curve {
    EVAL_CURVE_MORF_LOGIT,
    EVAL_CURVE_MORF_PROB,
    EVAL_CURVE_LERF_LOGIT,
    EVAL_CURVE_LERF_PROB,
    EVAL_AREAS, /* those before have areas in float32 too */
    EVAL_CURVE_MORF_TOP1 =
        EVAL_AREAS, /* 1 where the largest logit is the expected class's, else 0 */
    EVAL_CURVE_LERF_TOP1,
    EVAL_CURVES
};

bool eval_curve_is_morf(enum eval_curve curve);

/* One method on one image in one place. */
struct eval_curves {
    float *of[EVAL_CURVES];        /* [steps + 1] each; TOP1 is NaN of records without it */
    double fp32_areas[EVAL_AREAS]; /* under the same curves in float32, of an audited image
                                       (eval/audit.h); unused otherwise */
    double units_to_lose, rho_single, pearson_single; /* eval/unit_curve.h; NaN over patches, and
                                                         the last two where nobody asked */
};

/* One method on one image. */
struct eval_method_result {
    bool valid;                   /* false: the method failed on this image */
    struct eval_curves *curves;   /* [places]; owned, with their points (eval_curves_open) */
    float *patches;               /* [grid_height, grid_width]: the scores; owned */
    char map_sha256[SHA256_TEXT]; /* of the file that they were read from; "": they were computed */
    double pointing;              /* 1 or 0; NaN without boxes, as the next two */
    double mass;                  /* share of positive relevance inside the boxes */
    double rank;                  /* relevance rank accuracy */
    double sparseness;            /* eval/concentration.h; NaN of records without it */
    double complexity;
    struct segmentation segmentation;       /* NaN without masks */
    double rho_drop, rho_shapley;           /* eval/agreement.h; NaN where nobody asked */
    double rho_randomized, max_sensitivity; /* eval/sanity.h; likewise */
};

struct eval_image {
    char *id;                 /* path relative to the dataset; owned */
    size_t index;             /* position in the whole manifest, whatever the shard */
    char sha256[SHA256_TEXT]; /* of the bytes of its file; "": they could not be read */
    enum vitlrp_status status;
    size_t donor; /* index of the image whose patches stood in it, under VITLRP_REPLACE_DONOR */
    char donor_sha256[SHA256_TEXT]; /* of that file's bytes; "": there is none */
    char *message;                  /* why it failed, owned; NULL if it did not */
    int32_t output;                 /* explained; -1, as predicted, of an image that failed */
    int32_t label; /* output of its label, -1 if it has none that the model knows */
    int32_t predicted;
    float logit, probability;           /* of the explained output, unperturbed; the probability,
                                           and all of its curves, are NaN where outputs are none */
    char mask_sha256[SHA256_TEXT];      /* of the file of its mask; "": there is none */
    double shapley_error;               /* of a patch's Shapley value, in logits, or the score's */
    double shapley_split_half;          /* rank correlation of two halves of its samples; NaN, as
                                           the error, where nobody asked */
    struct eval_method_result *methods; /* [method_count], owned; NULL if it failed */
};

/* Images that are not in memory. */
struct eval_store;

struct evaluation {
    struct eval_protocol protocol;
    char **methods; /* names, owned */
    size_t method_count;
    int32_t grid_height, grid_width;
    int32_t unit_count; /* hidden units that curves are over, all blocks together; 0: patches */
    struct eval_image *images; /* by ascending index, owned; NULL with a store */
    size_t image_count;
    struct eval_store *store;            /* owned; NULL: the images are in memory */
    size_t manifest_count;               /* images of the whole dataset, all shards together */
    int32_t shard, shards;               /* 0 of 1 for a whole run */
    bool cancelled;                      /* stopped early: only some images are there */
    enum vitlrp_probability probability; /* as the configuration says; softmax without one */

    /* Hashes and settings that two shards must share to be merged, and that a reader needs to
     * repeat the run. */
    char *model_name, *model_sha256, *manifest_sha256, *truth_sha256, *content_sha256, *settings,
        *configuration; /* owned; the last two are one line of JSON each; truth, content and
                           configuration are NULL of records of older formats */
};

/* Sees one image, which stays the evaluation's and lives as long as the call. */
typedef enum vitlrp_status eval_visit(void *user, const struct eval_image *image,
                                      struct vitlrp_error *err);

/* `only` is the index of the one image to show, where it is there; EVAL_ALL_IMAGES: all of them, by
 * ascending index. Neither fails but by a visit or by what is read. */
#define EVAL_ALL_IMAGES SIZE_MAX
struct eval_store {
    enum vitlrp_status (*visit)(const struct eval_store *store, size_t only, eval_visit *visit,
                                void *user, struct vitlrp_error *err);
    void (*close)(struct eval_store *store);
};

/* Hidden units of the ranking in a place; 0: curves are over patches. */
size_t evaluation_units(const struct evaluation *evaluation, size_t place);

/* Images of its manifest that belong to its shard. */
size_t evaluation_shard_images(const struct evaluation *evaluation);

/* The method of that name; method_count if there is none, or for NULL. */
size_t evaluation_find_method(const struct evaluation *evaluation, const char *name);

/* Shows every image, by ascending index. The first visit that fails is the last, and its status is
 * returned. */
enum vitlrp_status evaluation_visit(const struct evaluation *evaluation, eval_visit *visit,
                                    void *user, struct vitlrp_error *err);

/* Likewise the image of one index; nothing if it is not there. */
enum vitlrp_status evaluation_visit_one(const struct evaluation *evaluation, size_t index,
                                        eval_visit *visit, void *user, struct vitlrp_error *err);

/* Curves of zeros for each place of the protocol, all in one block. *out is owned: mem_free.
 */
enum vitlrp_status eval_curves_open(const struct eval_protocol *protocol, struct eval_curves **out,
                                    struct vitlrp_error *err);

/* Copies curves that were opened for the same protocol. */
void eval_curves_copy(const struct eval_protocol *protocol, const struct eval_curves *from,
                      struct eval_curves *to);

/* Releases what the record holds and clears it; a zeroed record and NULL are fine. */
void evaluation_free(struct evaluation *evaluation);

/* The parts of one image: the results of its methods; all of it. A zeroed record is fine. */
void eval_image_drop_results(struct eval_image *image, size_t method_count);
void eval_image_free(struct eval_image *image, size_t method_count);

#endif
