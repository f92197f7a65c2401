/* What a run knows of the hidden units of one site after some of its images: for each unit the
 * images for which it is most relevant and those that activate it most (base/topk), and exact sums.
 *
 * Sums are of integers: a value is multiplied by a power of two and rounded (half to even) once for
 * each image. So, as of the tables, state(A) + state(B) = state(A and B) bit for bit, for any
 * division of the images, any order and any number of threads. An image counts once. An image that
 * could make a sum overflow is refused, by a bound that follows from the number of images alone. */
#ifndef BASE_UNIT_INDEX_H
#define BASE_UNIT_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/sha256.h"
#include "base/status.h"
#include "base/topk.h"

/* As enum vitlrp_concept_kind. An index has one of them, or both. */
enum unit_index_kind { UNIT_INDEX_RELEVANCE, UNIT_INDEX_ACTIVATION, UNIT_INDEX_KINDS };

#define UNIT_INDEX_ALL_KINDS ((1U << UNIT_INDEX_KINDS) - 1) /* a set of them has a bit for each */

/* Of a unit: its relevance T, max(T, 0), its activation at CLS, and the mean of that at the other
 * tokens. */
enum unit_index_sum {
    UNIT_INDEX_SUM_RELEVANCE,
    UNIT_INDEX_SUM_POSITIVE,
    UNIT_INDEX_SUM_CLS,
    UNIT_INDEX_SUM_OTHERS,
    UNIT_INDEX_SUMS
};

#define UNIT_INDEX_RELEVANCE_SCALE 4294967296.0 /* 2^32 */
#define UNIT_INDEX_ACTIVATION_SCALE 1048576.0   /* 2^20 */

#define UNIT_INDEX_DIGEST (SHA256_TEXT - 1)

struct unit_index_shape {
    size_t blocks, width; /* of the site */
    size_t parts;         /* numbers that a unit is: 1, of a head its outputs */
    size_t keep;          /* images that a unit keeps of each kind */
    size_t images;        /* of the run's list */
    unsigned kinds;       /* of which images are kept; without relevance its sums are 0 */
    size_t classes; /* outputs, by which relevance is added up too (base/class_rows); 0: not */
};

struct unit_index {
    struct unit_index_shape shape;
    struct topk best[UNIT_INDEX_KINDS]; /* of [blocks, width] units; empty of a kind not kept */
    int64_t *sums;                      /* owned: [blocks, width, UNIT_INDEX_SUMS] */
    int64_t *part_sums; /* owned: [blocks, width, parts, 2], at CLS and the mean of the others; NULL
                           where parts is 1: the last two of `sums` */
    uint64_t *class_images; /* owned: [classes], images that were explained by each */
    char *class_digests; /* owned: [classes, UNIT_INDEX_DIGEST], of each row of sums; zeros without
                            images */
    unsigned char *done; /* owned: a bit for each image, from the lowest on */
    size_t count;        /* of images that are done */
};

/* The values of an image's units, [blocks, width] each, of others. Scores and tokens of a kind that
 * is not kept are not read. */
struct unit_index_image {
    uint32_t image, target; /* its place in the list, the class that was explained */
    size_t output;          /* of that class; read in an index with classes */
    const float *relevance; /* T: the score of unit_index_share */
    const float *activation;
    const int32_t *relevance_token, *activation_token; /* where they are largest */
    const float *means; /* [blocks, width, 2]: of the activation, at CLS and at the other tokens */
    const float *parts; /* [blocks, width, parts, 2]: likewise of each; NULL where parts is 1 */
};

/* T of each unit: R_u / sum_v |R_v| over the units of its block, in double, rounded to float: every
 * image weighs the same. 0 in a block where nothing is relevant. May be in place. */
void unit_index_share(const float *relevance, size_t blocks, size_t width, float *out);

/* Without images. *out is owned: unit_index_close, after a failure too. NOMEM, LIMIT; USAGE for a
 * shape with a zero in it, and for kinds that there are not. */
enum vitlrp_status unit_index_open(const struct unit_index_shape *shape, struct unit_index *out,
                                   struct vitlrp_error *err);
void unit_index_close(struct unit_index *index);

/* Units of all blocks, numbers in part_sums where there are any, bytes of `done`. */
static inline size_t unit_index_units(const struct unit_index_shape *shape) {
    return shape->blocks * shape->width;
}

static inline bool unit_index_keeps(const struct unit_index_shape *shape, size_t kind) {
    return (shape->kinds >> kind & 1U) != 0;
}

static inline size_t unit_index_part_sums(const struct unit_index_shape *shape) {
    return unit_index_units(shape) * shape->parts * 2;
}

static inline size_t unit_index_done_bytes(const struct unit_index_shape *shape) {
    return (shape->images + 7) / 8;
}

/* The largest number that an image may add to a sum, so that those of so many fit. */
int64_t unit_index_most(size_t images);

bool unit_index_has(const struct unit_index *index, size_t image);

/* T as it is added up. */
int64_t unit_index_whole_share(float share);

/* What unit_index_add refuses. */
enum vitlrp_status unit_index_check(const struct unit_index *index,
                                    const struct unit_index_image *image, struct vitlrp_error *err);

/* Adds an image; one that is done already stays as it was. NUMERIC for a value that is not finite,
 * or too large for the sums, UNSUPPORTED for a token beyond TOPK_MOST_TOKENS: the index is then as
 * it was. One thread at a time. */
enum vitlrp_status unit_index_add(struct unit_index *index, const struct unit_index_image *image,
                                  struct vitlrp_error *err);

/* Adds what another one has; the hash of a row that both have is left to class_rows_join. MISMATCH,
 * with nothing changed, for another shape, or where an image is in both. */
enum vitlrp_status unit_index_merge(struct unit_index *index, const struct unit_index *other,
                                    struct vitlrp_error *err);

/* ---- base/unit_index_state.c: the state of a run that may go on ---- */

/* Writes the file whole, in place of the one that is there; `settings` is the hash of what decides
 * about the values, 64 digits. The same index is the same bytes. */
enum vitlrp_status unit_index_write(const struct unit_index *index, const char *settings,
                                    int folder, const char *name, struct vitlrp_error *err);

/* Reads one back; settings gets its hash. FORMAT for what this did not write, by its checksum and
 * by what an index can be. *out is owned: unit_index_close, after a failure too. */
enum vitlrp_status unit_index_read(int folder, const char *name, char settings[SHA256_TEXT],
                                   struct unit_index *out, struct vitlrp_error *err);

/* ---- base/unit_index_arrays.c: what NumPy reads ---- */

/* Means of the activation over the images, at CLS and at the other tokens, of each number that the
 * units are, [blocks, width, parts, 2]: `count` of them from `first` on; 0 without images. */
void unit_index_means(const struct unit_index *index, size_t first, size_t count, float *out);

/* SITE.relevance.{score,image,token,class}.npy, SITE.activation.*, SITE.sums.npy, SITE.mean.npy,
 * and SITE.classes.npy, which base/class_rows writes. */
#define UNIT_INDEX_ARRAYS ((size_t) 4 * UNIT_INDEX_KINDS + 3)
#define UNIT_INDEX_MOST_NAME ((size_t) 64)
void unit_index_array_names(const char *site, char names[UNIT_INDEX_ARRAYS][UNIT_INDEX_MOST_NAME]);

/* Writes all but the last into the folder, each whole; no arrays of a kind that is not kept. */
enum vitlrp_status unit_index_write_arrays(const struct unit_index *index, const char *site,
                                           int folder, struct vitlrp_error *err);

#endif
