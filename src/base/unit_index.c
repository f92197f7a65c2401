#include "base/unit_index.h"

#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"

#define MOST_IMAGES ((size_t) 1 << 28) /* of a list: |T| <= 1 of each fits into a sum */

static const double SCALES[UNIT_INDEX_SUMS] = {
    UNIT_INDEX_RELEVANCE_SCALE, UNIT_INDEX_RELEVANCE_SCALE, UNIT_INDEX_ACTIVATION_SCALE,
    UNIT_INDEX_ACTIVATION_SCALE};

void unit_index_share(const float *relevance, size_t blocks, size_t width, float *out) {
    for (size_t block = 0; block < blocks; block++) {
        double sum = 0.0;
        for (size_t i = block * width; i < (block + 1) * width; i++) {
            sum += fabs((double) relevance[i]);
        }
        for (size_t i = block * width; i < (block + 1) * width; i++) {
            out[i] = sum == 0.0 ? 0.0F : (float) ((double) relevance[i] / sum);
        }
    }
}

static enum vitlrp_status check_shape(const struct unit_index_shape *shape,
                                      struct vitlrp_error *err) {
    size_t count;
    if (shape->blocks == 0 || shape->width == 0 || shape->parts == 0 || shape->keep == 0 ||
        shape->images == 0 || shape->kinds == 0 || shape->kinds > UNIT_INDEX_ALL_KINDS ||
        (shape->classes > 0 && !unit_index_keeps(shape, UNIT_INDEX_RELEVANCE))) {
        return fail(err, VITLRP_USAGE, "an index of units has blocks, units, images and kinds");
    }
    bool fits = checked_mul(&count, shape->blocks, shape->width) &&
                checked_mul(&count, count, UNIT_INDEX_SUMS) &&
                checked_mul(&count, count, shape->parts) && checked_mul(&count, count, shape->keep);
    fits = fits && checked_mul(&count, shape->blocks * shape->width, 2 * sizeof(int64_t)) &&
           checked_mul(&count, count, shape->classes) && count <= INT64_MAX / 2;
    if (!fits || shape->images > MOST_IMAGES) {
        return fail(err, VITLRP_LIMIT, "an index of %zu blocks of %zu units, %zu of %zu images",
                    shape->blocks, shape->width, shape->keep, shape->images);
    }
    return VITLRP_OK;
}

enum vitlrp_status unit_index_open(const struct unit_index_shape *shape, struct unit_index *out,
                                   struct vitlrp_error *err) {
    *out = (struct unit_index){.shape = *shape};
    TRY(check_shape(shape, err));
    for (size_t kind = 0; kind < UNIT_INDEX_KINDS; kind++) {
        if (unit_index_keeps(shape, kind)) {
            TRY(topk_open(unit_index_units(shape), shape->keep, &out->best[kind], err));
        }
    }
    out->sums = mem_calloc(unit_index_units(shape) * UNIT_INDEX_SUMS, sizeof *out->sums);
    out->done = mem_calloc(unit_index_done_bytes(shape), 1);
    out->part_sums =
        shape->parts > 1 ? mem_calloc(unit_index_part_sums(shape), sizeof *out->part_sums) : NULL;
    if (shape->classes > 0) {
        out->class_images = mem_calloc(shape->classes, sizeof *out->class_images);
        out->class_digests = mem_calloc(shape->classes, UNIT_INDEX_DIGEST);
    }
    bool has_classes = out->class_images != NULL && out->class_digests != NULL;
    if (out->sums == NULL || out->done == NULL || (shape->parts > 1 && out->part_sums == NULL) ||
        (shape->classes > 0 && !has_classes)) {
        return fail(err, VITLRP_NOMEM, "out of memory for the sums of %zu units",
                    unit_index_units(shape));
    }
    return VITLRP_OK;
}

void unit_index_close(struct unit_index *index) {
    for (size_t kind = 0; kind < UNIT_INDEX_KINDS; kind++) {
        topk_close(&index->best[kind]);
    }
    mem_free(index->sums);
    mem_free(index->part_sums);
    mem_free(index->class_images);
    mem_free(index->class_digests);
    mem_free(index->done);
    *index = (struct unit_index){0};
}

bool unit_index_has(const struct unit_index *index, size_t image) {
    return image < index->shape.images && (index->done[image / 8] >> image % 8 & 1) != 0;
}

int64_t unit_index_most(size_t images) {
    return INT64_MAX / (int64_t) images / 2;
}

/* Below the bound, not at it: of few images it is rounded up as a double. */
static bool all_fit(const float *values, size_t count, double scale, size_t images) {
    for (size_t i = 0; i < count; i++) {
        if (!(fabs((double) values[i]) * scale < (double) unit_index_most(images))) {
            return false; /* NaN too */
        }
    }
    return true;
}

static bool all_finite(const float *values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(values[i])) {
            return false;
        }
    }
    return true;
}

static bool are_tokens(const int32_t *tokens, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (tokens[i] < 0 || (size_t) tokens[i] >= TOPK_MOST_TOKENS) {
            return false;
        }
    }
    return true;
}

enum vitlrp_status unit_index_check(const struct unit_index *index,
                                    const struct unit_index_image *image,
                                    struct vitlrp_error *err) {
    const struct unit_index_shape *shape = &index->shape;
    size_t units = unit_index_units(shape);
    if (shape->classes > 0 && image->output >= shape->classes) {
        return fail(err, VITLRP_USAGE, "there is no class %zu of the %zu of the index",
                    image->output, shape->classes);
    }
    if (image->image >= shape->images) {
        return fail(err, VITLRP_USAGE, "image %u is none of the %zu of the index",
                    (unsigned) image->image, shape->images);
    }
    bool relevance = unit_index_keeps(shape, UNIT_INDEX_RELEVANCE);
    bool activation = unit_index_keeps(shape, UNIT_INDEX_ACTIVATION);
    bool fit = (!relevance ||
                all_fit(image->relevance, units, UNIT_INDEX_RELEVANCE_SCALE, shape->images)) &&
               all_fit(image->means, 2 * units, UNIT_INDEX_ACTIVATION_SCALE, shape->images) &&
               (shape->parts == 1 || all_fit(image->parts, unit_index_part_sums(shape),
                                             UNIT_INDEX_ACTIVATION_SCALE, shape->images));
    if (!fit || (activation && !all_finite(image->activation, units))) {
        return fail(err, VITLRP_NUMERIC,
                    "a hidden unit's relevance or activation is not finite, or too large to be "
                    "added up over %zu images",
                    shape->images);
    }
    if ((relevance && !are_tokens(image->relevance_token, units)) ||
        (activation && !are_tokens(image->activation_token, units))) {
        return fail(err, VITLRP_UNSUPPORTED, "an index of units knows %zu tokens of an image",
                    TOPK_MOST_TOKENS);
    }
    return VITLRP_OK;
}

static int64_t whole(double value, double scale) {
    return (int64_t) nearbyint(value * scale);
}

int64_t unit_index_whole_share(float share) {
    return whole((double) share, UNIT_INDEX_RELEVANCE_SCALE);
}

static void add_sums(struct unit_index *index, const struct unit_index_image *image) {
    bool relevance = unit_index_keeps(&index->shape, UNIT_INDEX_RELEVANCE);
    for (size_t unit = 0; unit < unit_index_units(&index->shape); unit++) {
        double share = relevance ? (double) image->relevance[unit] : 0.0;
        const double values[UNIT_INDEX_SUMS] = {share, fmax(share, 0.0),
                                                (double) image->means[2 * unit],
                                                (double) image->means[2 * unit + 1]};
        for (size_t i = 0; i < UNIT_INDEX_SUMS; i++) {
            index->sums[unit * UNIT_INDEX_SUMS + i] += whole(values[i], SCALES[i]);
        }
    }
    for (size_t i = 0; index->part_sums != NULL && i < unit_index_part_sums(&index->shape); i++) {
        index->part_sums[i] += whole((double) image->parts[i], UNIT_INDEX_ACTIVATION_SCALE);
    }
}

static void add_entries(struct topk *best, const float *scores, const int32_t *tokens,
                        const struct unit_index_image *image) {
    for (size_t unit = 0; unit < best->units; unit++) {
        topk_add(best, unit,
                 &(struct topk_entry){scores[unit], image->image, image->target,
                                      (uint16_t) tokens[unit]});
    }
}

enum vitlrp_status unit_index_add(struct unit_index *index, const struct unit_index_image *image,
                                  struct vitlrp_error *err) {
    TRY(unit_index_check(index, image, err));
    if (unit_index_has(index, image->image)) {
        return VITLRP_OK;
    }
    add_sums(index, image);
    add_entries(&index->best[UNIT_INDEX_RELEVANCE], image->relevance, image->relevance_token,
                image);
    add_entries(&index->best[UNIT_INDEX_ACTIVATION], image->activation, image->activation_token,
                image);
    if (index->class_images != NULL) {
        index->class_images[image->output]++;
    }
    index->done[image->image / 8] |= (unsigned char) (1U << image->image % 8);
    index->count++;
    return VITLRP_OK;
}

static bool same_shape(const struct unit_index_shape *a, const struct unit_index_shape *b) {
    return a->blocks == b->blocks && a->width == b->width && a->parts == b->parts &&
           a->keep == b->keep && a->images == b->images && a->kinds == b->kinds &&
           a->classes == b->classes;
}

static void merge_classes(struct unit_index *index, const struct unit_index *other) {
    for (size_t i = 0; i < index->shape.classes; i++) {
        char *digest = index->class_digests + i * UNIT_INDEX_DIGEST;
        if (index->class_images[i] == 0) {
            memcpy(digest, other->class_digests + i * UNIT_INDEX_DIGEST, UNIT_INDEX_DIGEST);
        } else if (other->class_images[i] > 0) {
            memset(digest, 0, UNIT_INDEX_DIGEST);
        }
        index->class_images[i] += other->class_images[i];
    }
}

enum vitlrp_status unit_index_merge(struct unit_index *index, const struct unit_index *other,
                                    struct vitlrp_error *err) {
    const struct unit_index_shape *shape = &index->shape;
    if (!same_shape(shape, &other->shape)) {
        return fail(err, VITLRP_MISMATCH, "indexes of other units, or of other images");
    }
    for (size_t i = 0; i < shape->images; i++) {
        if (unit_index_has(index, i) && unit_index_has(other, i)) {
            return fail(err, VITLRP_MISMATCH, "image %zu is in both indexes", i);
        }
    }
    for (size_t kind = 0; kind < UNIT_INDEX_KINDS; kind++) {
        topk_merge(&index->best[kind], &other->best[kind]);
    }
    for (size_t i = 0; i < unit_index_units(shape) * UNIT_INDEX_SUMS; i++) {
        index->sums[i] += other->sums[i];
    }
    for (size_t i = 0; index->part_sums != NULL && i < unit_index_part_sums(shape); i++) {
        index->part_sums[i] += other->part_sums[i];
    }
    merge_classes(index, other);
    for (size_t i = 0; i < unit_index_done_bytes(shape); i++) {
        index->done[i] |= other->done[i];
    }
    index->count += other->count;
    return VITLRP_OK;
}
