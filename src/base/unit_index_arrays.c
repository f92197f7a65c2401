#include <stdio.h>

#include "base/draft.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/npy.h"
#include "base/unit_index.h"
#include "base/words.h"

/* Of each image that a unit keeps, and of all. */
static const char *const OF_BEST[] = {"score", "image", "token", "class"};
static const char *const OF_ALL[] = {"sums", "mean", "classes"};

struct out {
    const char *site;
    int folder;
};

static enum vitlrp_status write_array(const struct out *out, const char *what,
                                      const struct npy_array *array, struct vitlrp_error *err) {
    char name[UNIT_INDEX_MOST_NAME];
    struct bytes bytes = {0};
    snprintf(name, sizeof name, "%s.%s.npy", out->site, what);
    const struct draft_place place = {.folder = out->folder, .name = name, .staging = -1};
    enum vitlrp_status status = npy_encode(array, &bytes, err);
    if (status == VITLRP_OK) {
        status = draft_put(&place, bytes.data, bytes.size, err);
    }
    bytes_free(&bytes);
    return error_prefix(err, status, name);
}

void unit_index_array_names(const char *site, char names[UNIT_INDEX_ARRAYS][UNIT_INDEX_MOST_NAME]) {
    size_t count = 0;
    for (size_t i = 0; i < sizeof OF_ALL / sizeof OF_ALL[0]; i++) {
        snprintf(names[count++], UNIT_INDEX_MOST_NAME, "%s.%s.npy", site, OF_ALL[i]);
    }
    for (size_t i = 0; i < UNIT_INDEX_KINDS * (sizeof OF_BEST / sizeof OF_BEST[0]); i++) {
        snprintf(names[count++], UNIT_INDEX_MOST_NAME, "%s.%s.%s.npy", site,
                 word_of(WORDS_CONCEPT_KIND, (int64_t) (i % UNIT_INDEX_KINDS)),
                 OF_BEST[i / UNIT_INDEX_KINDS]);
    }
}

/* What the units keep of one kind. */
static enum vitlrp_status write_best(const struct unit_index *index, size_t kind,
                                     const struct out *out, struct vitlrp_error *err) {
    const struct topk *best = &index->best[kind];
    const size_t shape[] = {index->shape.blocks, index->shape.width, index->shape.keep};
    const struct npy_array arrays[] = {{'f', sizeof *best->score, best->score, 3, shape},
                                       {'u', sizeof *best->image, best->image, 3, shape},
                                       {'u', sizeof *best->token, best->token, 3, shape},
                                       {'u', sizeof *best->target, best->target, 3, shape}};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
        char what[UNIT_INDEX_MOST_NAME / 2];
        snprintf(what, sizeof what, "%s.%s", word_of(WORDS_CONCEPT_KIND, (int64_t) kind),
                 OF_BEST[i]);
        TRY(write_array(out, what, &arrays[i], err));
    }
    return VITLRP_OK;
}

void unit_index_means(const struct unit_index *index, size_t first, size_t count, float *out) {
    double scale = UNIT_INDEX_ACTIVATION_SCALE * (double) index->count;
    for (size_t i = first; i < first + count; i++) {
        int64_t sum = index->part_sums != NULL
                          ? index->part_sums[i]
                          : index->sums[i / 2 * UNIT_INDEX_SUMS + UNIT_INDEX_SUM_CLS + i % 2];
        out[i - first] = index->count == 0 ? 0.0F : (float) ((double) sum / scale);
    }
}

static enum vitlrp_status write_means(const struct unit_index *index, const struct out *out,
                                      struct vitlrp_error *err) {
    const struct unit_index_shape *of = &index->shape;
    const size_t of_units[] = {of->blocks, of->width, 2};
    const size_t of_parts[] = {of->blocks, of->width, of->parts, 2};
    float *means = mem_calloc(unit_index_part_sums(of), sizeof *means);
    if (means == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for the means of the units");
    }
    unit_index_means(index, 0, unit_index_part_sums(of), means);
    const struct npy_array array = {'f', sizeof *means, means, of->parts > 1 ? 4 : 3,
                                    of->parts > 1 ? of_parts : of_units};
    enum vitlrp_status status = write_array(out, "mean", &array, err);
    mem_free(means);
    return status;
}

enum vitlrp_status unit_index_write_arrays(const struct unit_index *index, const char *site,
                                           int folder, struct vitlrp_error *err) {
    const struct out out = {site, folder};
    const size_t shape[] = {index->shape.blocks, index->shape.width, UNIT_INDEX_SUMS};
    const struct npy_array sums = {'i', sizeof *index->sums, index->sums, 3, shape};
    for (size_t kind = 0; kind < UNIT_INDEX_KINDS; kind++) {
        if (unit_index_keeps(&index->shape, kind)) {
            TRY(write_best(index, kind, &out, err));
        }
    }
    TRY(write_array(&out, "sums", &sums, err));
    return write_means(index, &out, err);
}
