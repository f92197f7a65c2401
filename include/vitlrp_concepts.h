/* vitlrp: indexes of hidden units, the folders that `vitlrp concepts` writes (data/FORMATS.md): for
 * each unit of a site the images for which it is most relevant and those that activate it most, and
 * its mean activation. Conventions, objects and error handling are those of vitlrp.h.
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
 * to *count, which is less where the index has fewer images. Reads their lines of the run's
 * results at the first call for each. USAGE for a unit that the index does not have; FORMAT for a
 * line that no run has written. Any thread. */
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

#ifdef __cplusplus
}
#endif

#endif
