/* vitlrp: indexes of hidden units, the folders that `vitlrp concepts` and programs write
 * (data/FORMATS.md): for each unit of a site the images for which it is most relevant, those that
 * activate it most, or both, and its mean activation. Conventions, objects and error handling are
 * those of vitlrp.h.
 */
#ifndef VITLRP_CONCEPTS_H
#define VITLRP_CONCEPTS_H

#include "vitlrp.h"

#ifdef __cplusplus
extern "C" {
#endif

/* An index. Immutable, any thread. */
struct vitlrp_concepts;

/* Opens the folder of a run, of one of its shards, or of one that has not ended: then what is in
 * its state, which a run writes now and then. Its images' files are not read. IO, FORMAT for
 * what no run has written, MISMATCH where the files of the folder are of different runs. *concepts
 * is owned: vitlrp_concepts_close. Any thread. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_concepts_open(const char *folder, struct vitlrp_concepts **concepts,
                     struct vitlrp_error *error);

/* Releases the index and every string that it gave. NULL is fine. */
VITLRP_API void vitlrp_concepts_close(struct vitlrp_concepts *concepts);

struct vitlrp_concepts_info {
    size_t struct_size;
    enum vitlrp_site site;      /* of its units */
    int32_t blocks, width;      /* of the model, units of a block */
    int32_t parts;              /* numbers that a unit is: 1, of a head its outputs */
    int32_t keep;               /* images that a unit keeps of each kind */
    size_t images;              /* that are done, and in the index */
    size_t total;               /* of the run's list, all shards together */
    const char *folder;         /* as it was named */
    const char *dataset;        /* as the run named it */
    const char *method;         /* by which relevance was computed */
    const char *statistic;      /* "sum": relevance over all tokens; "max": of the largest token */
    const char *weights_sha256; /* of the model */
    uint32_t kinds;             /* of images that units keep: VITLRP_CONCEPT_KIND_BIT of each */
    int32_t classes; /* by which relevance is added up too, outputs of the model; 0: not */
};

/* Call it before vitlrp_concepts_describe, which fills the record; its strings live as long as the
 * index. */
#define vitlrp_concepts_info_init(info) vitlrp_concepts_info_init_sized((info), sizeof *(info))
VITLRP_API void vitlrp_concepts_info_init_sized(struct vitlrp_concepts_info *info, size_t size);

VITLRP_API void vitlrp_concepts_describe(const struct vitlrp_concepts *concepts,
                                         struct vitlrp_concepts_info *info);

/* MISMATCH, naming both, for the index of another model: of other weights, of the same ones under
 * another activation, number of heads, epsilon or pool, and the index of an edited model where
 * `model` has other edits. The classes may differ, and `model` may have been edited since. Takes
 * the hash of the weights, once for a model. UNSUPPORTED for random weights. Any thread. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_concepts_check_model(const struct vitlrp_concepts *concepts,
                            const struct vitlrp_model *model, struct vitlrp_error *error);

/* An image of a unit. */
struct vitlrp_concept_reference {
    float score;        /* of the unit there */
    uint32_t image;     /* its place in the run's list, from 0 */
    int32_t token;      /* where the unit was strongest: CLS 0, registers, patches */
    int32_t target;     /* the class that was explained, by the number that users know */
    const char *label;  /* its name; "" if it has none */
    const char *id;     /* the image's name in the data set */
    const char *path;   /* where the run read it: `dataset`, as it was named then, and the id */
    const char *sha256; /* of its file as the run read it, 64 digits */
    const void *reserved[2];
};

/* The images of a unit, by score, then by their place in the list: references [keep] are filled up
 * to *count, which is less where the index has fewer images, and 0 of a kind that it has not. Reads
 * their lines of the run's results at the first call for each. USAGE for a unit that the index does
 * not have; FORMAT for a line that no run has written. Any thread. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_concepts_references(const struct vitlrp_concepts *concepts, const struct vitlrp_unit *unit,
                           enum vitlrp_concept_kind kind,
                           struct vitlrp_concept_reference *references, size_t *count,
                           struct vitlrp_error *error);

/* The mean activation of a unit over the images, mean [parts, 2]: at CLS, and of its means over all
 * other tokens; as vitlrp_edit.constant. MISMATCH for an index without images; USAGE as above. Any
 * thread. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_concepts_mean(const struct vitlrp_concepts *concepts, const struct vitlrp_unit *unit,
                     float *mean, struct vitlrp_error *error);

/* Likewise of all units, means [blocks, width, parts, 2]; as vitlrp_unit_values.baseline. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_concepts_means(const struct vitlrp_concepts *concepts, float *means,
                      struct vitlrp_error *error);

/* The sums of relevance over the images of a class, by the output that is that class: sums [blocks,
 * width], of T * 2^32 (data/FORMATS.md), and over how many images. MISMATCH for an index without
 * them, USAGE for an output that there is not, FORMAT where no file has them. Any thread. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_concepts_class_sums(const struct vitlrp_concepts *concepts, int32_t output, int64_t *sums,
                           size_t *images, struct vitlrp_error *error);

/* ---- Making one ---- */

/* An index in the making: images go in, one after the other, in any order, and then it is written.
 * One thread at a time. */
struct vitlrp_concepts_builder;

struct vitlrp_dataset; /* vitlrp_eval.h */

struct vitlrp_concepts_options {
    size_t struct_size;
    enum vitlrp_site site;
    int32_t keep;                         /* images that a unit keeps of each kind, 1 to 1000 */
    int32_t ignore_exif;                  /* 1: files' orientations were not looked at */
    const char *statistic;                /* as of vitlrp_concepts_info */
    const struct vitlrp_dataset *dataset; /* its images, not those of a shard */
    const struct vitlrp_session *session; /* as those that compute: its arithmetic counts */
    const struct vitlrp_method_options *method; /* as for vitlrp_session_inside */
    const struct vitlrp_preprocess *preprocess; /* of the inputs; NULL: the model's own */
    uint32_t kinds;                             /* as of vitlrp_concepts_info */
    int32_t class_sums;                         /* 1: vitlrp_concepts_class_sums */
};

/* 16 images of each kind of each unit of site fc1, by the sum over tokens. */
#define vitlrp_concepts_options_init(options)                                                      \
    vitlrp_concepts_options_init_sized((options), sizeof *(options))
VITLRP_API void vitlrp_concepts_options_init_sized(struct vitlrp_concepts_options *options,
                                                   size_t size);

/* Begins the index of a model over a dataset; both must outlive it. The options say what the values
 * will be computed with, which run.json states, so that they must be true. Takes the hash of the
 * weights, and memory for the index, which does not grow with its images but for a line of results
 * of each (about 1 kB), and with class_sums 8 bytes for each unit and class that is explained.
 * USAGE for a method that shows no hidden units, for kinds that there are not and for a shard;
 * LIMIT, NOMEM; UNSUPPORTED for random weights. *builder is owned: vitlrp_concepts_builder_close.
 */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_concepts_make(const struct vitlrp_model *model,
                     const struct vitlrp_concepts_options *options,
                     struct vitlrp_concepts_builder **builder, struct vitlrp_error *error);

/* Releases what is being made. NULL is fine. */
VITLRP_API void vitlrp_concepts_builder_close(struct vitlrp_concepts_builder *builder);

/* An image of the dataset, explained or not. */
struct vitlrp_concepts_image {
    size_t place;       /* in the dataset: vitlrp_dataset_image_at */
    const char *sha256; /* of its file as it was read, 64 digits; NULL where it was not */
    enum vitlrp_status
        status;          /* VITLRP_OK; else why it was not explained: the values are not read */
    const char *message; /* likewise */
    const char *warning; /* of its file; NULL: none */
    int32_t target, predicted; /* outputs: of the class that was explained, of the largest logit */
    double probability, predicted_probability; /* of both; NAN where outputs have none */
    float logit;                               /* of the target, at weight 1 and by itself */
    const struct vitlrp_unit_values *units; /* as vitlrp_session_inside fills them, of the site; in
                                               an index without relevance also as
                                               vitlrp_session_forward_units does */
    const struct vitlrp_block_flow *flow;   /* [depth]; not read in an index without relevance */
    const void *reserved[2];
};

/* Adds an image, or that it failed. Of the values, relevance is read (for "max" relevance_max),
 * relevance_token, activation_max, activation_token, activation_mean, and column_mean of heads; of
 * a kind that the index has not, scores and tokens may be NULL. A `baseline` is none of vitlrp
 * concepts'. NUMERIC for values that are not finite or too large to be added up, UNSUPPORTED for a
 * token beyond 65535: the image may then be added as one that failed. USAGE for what is missing,
 * for units of another site and for an image that is there already. After a failure the index is as
 * it was. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_concepts_add(struct vitlrp_concepts_builder *builder,
                    const struct vitlrp_concepts_image *image, struct vitlrp_error *error);

/* Writes the folder, whole or not at all: it gets its name when everything is in it and on the
 * disk. Its files are those of `vitlrp concepts` for the same images, settings and passes, byte for
 * byte but for the command in run.json and messages of failures, and there is no page. A process
 * that is killed meanwhile leaves a folder beside it, NAME.PROCESS.tmp. USAGE while images of the
 * dataset are missing, and where something is called so already that is no empty folder. Any number
 * of times. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_concepts_write(const struct vitlrp_concepts_builder *builder, const char *folder,
                      struct vitlrp_error *error);

#ifdef __cplusplus
}
#endif

#endif
