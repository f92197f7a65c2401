#include "eval/eval_results.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "base/words.h"

bool eval_replacement_has(const struct eval_protocol *protocol, enum vitlrp_replacement which) {
    return (protocol->replacements >> which & 1) != 0;
}

size_t eval_replacement_count(const struct eval_protocol *protocol) {
    size_t count = 0;
    for (int i = 0; word_of(WORDS_REPLACEMENT, i) != NULL; i++) {
        count += eval_replacement_has(protocol, (enum vitlrp_replacement) i) ? 1 : 0;
    }
    return count;
}

enum vitlrp_replacement eval_replacement_at(const struct eval_protocol *protocol, size_t place) {
    int which = 0;
    for (size_t before = place; word_of(WORDS_REPLACEMENT, which + 1) != NULL; which++) {
        if (eval_replacement_has(protocol, (enum vitlrp_replacement) which) && before-- == 0) {
            break;
        }
    }
    return (enum vitlrp_replacement) which;
}

bool eval_places_are_blocks(const struct eval_protocol *protocol) {
    return protocol->units != VITLRP_UNITS_PATCH && protocol->each_block != 0;
}

size_t eval_place_count(const struct eval_protocol *protocol) {
    return eval_places_are_blocks(protocol) ? 1 + (size_t) protocol->block_count
                                            : eval_replacement_count(protocol);
}

int32_t eval_place_block(const struct eval_protocol *protocol, size_t place) {
    return place == 0 || !eval_places_are_blocks(protocol)
               ? -1
               : protocol->first_block + (int32_t) place - 1;
}

static struct eval_place_name name_place(const struct eval_protocol *protocol, size_t place,
                                         const char *all, const char *before) {
    struct eval_place_name name;
    if (!eval_places_are_blocks(protocol)) {
        snprintf(name.text, sizeof name.text, "%s",
                 word_of(WORDS_REPLACEMENT, eval_replacement_at(protocol, place)));
    } else if (place == 0) {
        snprintf(name.text, sizeof name.text, "%s", all);
    } else {
        snprintf(name.text, sizeof name.text, "%s%d", before, eval_place_block(protocol, place));
    }
    return name;
}

struct eval_place_name eval_place_key(const struct eval_protocol *protocol, size_t place) {
    return name_place(protocol, place, "all", "");
}

struct eval_place_name eval_place_title(const struct eval_protocol *protocol, size_t place) {
    return name_place(protocol, place, "all blocks", "block ");
}

bool eval_curve_is_morf(enum eval_curve curve) {
    return curve == EVAL_CURVE_MORF_LOGIT || curve == EVAL_CURVE_MORF_PROB ||
           curve == EVAL_CURVE_MORF_TOP1;
}

static size_t points_of(const struct eval_protocol *protocol) {
    return (size_t) protocol->steps + 1;
}

enum vitlrp_status eval_curves_open(const struct eval_protocol *protocol, struct eval_curves **out,
                                    struct vitlrp_error *err) {
    size_t count = eval_place_count(protocol);
    size_t floats = EVAL_CURVES * points_of(protocol);
    size_t bytes = 0;
    struct eval_curves *curves = NULL;
    if (checked_mul(&bytes, floats, sizeof(float)) &&
        checked_add(&bytes, bytes, sizeof(struct eval_curves))) {
        curves = mem_calloc(count, bytes);
    }
    if (curves == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for the curves of an image");
    }
    float *next = (float *) (curves + count);
    for (size_t r = 0; r < count; r++) {
        curves[r].units_to_lose = curves[r].rho_single = curves[r].pearson_single = NAN;
        for (size_t c = 0; c < EVAL_CURVES; c++) {
            curves[r].of[c] = next;
            next += points_of(protocol);
        }
    }
    *out = curves;
    return VITLRP_OK;
}

void eval_curves_copy(const struct eval_protocol *protocol, const struct eval_curves *from,
                      struct eval_curves *to) {
    for (size_t r = 0; r < eval_place_count(protocol); r++) {
        memcpy(to[r].fp32_areas, from[r].fp32_areas, sizeof to[r].fp32_areas);
        to[r].units_to_lose = from[r].units_to_lose;
        to[r].rho_single = from[r].rho_single;
        to[r].pearson_single = from[r].pearson_single;
        for (size_t c = 0; c < EVAL_CURVES; c++) {
            memcpy(to[r].of[c], from[r].of[c], points_of(protocol) * sizeof(float));
        }
    }
}

void eval_image_drop_results(struct eval_image *image, size_t method_count) {
    for (size_t m = 0; image->methods != NULL && m < method_count; m++) {
        mem_free(image->methods[m].curves);
        mem_free(image->methods[m].patches);
    }
    mem_free(image->methods);
    image->methods = NULL;
}

void eval_image_free(struct eval_image *image, size_t method_count) {
    eval_image_drop_results(image, method_count);
    mem_free(image->message);
    mem_free(image->id);
    *image = (struct eval_image){0};
}

size_t evaluation_units(const struct evaluation *evaluation, size_t place) {
    size_t all = (size_t) evaluation->unit_count;
    return eval_place_block(&evaluation->protocol, place) < 0
               ? all
               : all / (size_t) evaluation->protocol.block_count;
}

size_t evaluation_shard_images(const struct evaluation *evaluation) {
    size_t shards = (size_t) evaluation->shards;
    size_t rest = evaluation->manifest_count % shards;
    return evaluation->manifest_count / shards + (rest > (size_t) evaluation->shard ? 1 : 0);
}

size_t evaluation_find_method(const struct evaluation *evaluation, const char *name) {
    for (size_t i = 0; name != NULL && i < evaluation->method_count; i++) {
        if (strcmp(evaluation->methods[i], name) == 0) {
            return i;
        }
    }
    return evaluation->method_count;
}

static enum vitlrp_status visit_images(const struct evaluation *evaluation, size_t only,
                                       eval_visit *visit, void *user, struct vitlrp_error *err) {
    if (evaluation->store != NULL) {
        return evaluation->store->visit(evaluation->store, only, visit, user, err);
    }
    for (size_t i = 0; i < evaluation->image_count; i++) {
        const struct eval_image *image = &evaluation->images[i];
        if (only == EVAL_ALL_IMAGES || image->index == only) {
            TRY(visit(user, image, err));
        }
    }
    return VITLRP_OK;
}

enum vitlrp_status evaluation_visit(const struct evaluation *evaluation, eval_visit *visit,
                                    void *user, struct vitlrp_error *err) {
    return visit_images(evaluation, EVAL_ALL_IMAGES, visit, user, err);
}

enum vitlrp_status evaluation_visit_one(const struct evaluation *evaluation, size_t index,
                                        eval_visit *visit, void *user, struct vitlrp_error *err) {
    return visit_images(evaluation, index, visit, user, err);
}

void evaluation_free(struct evaluation *evaluation) {
    if (evaluation == NULL) {
        return;
    }
    for (size_t i = 0; evaluation->images != NULL && i < evaluation->image_count; i++) {
        eval_image_free(&evaluation->images[i], evaluation->method_count);
    }
    for (size_t m = 0; evaluation->methods != NULL && m < evaluation->method_count; m++) {
        mem_free(evaluation->methods[m]);
    }
    if (evaluation->store != NULL) {
        evaluation->store->close(evaluation->store);
    }
    mem_free(evaluation->images);
    mem_free(evaluation->methods);
    mem_free(evaluation->model_name);
    mem_free(evaluation->model_sha256);
    mem_free(evaluation->manifest_sha256);
    mem_free(evaluation->truth_sha256);
    mem_free(evaluation->content_sha256);
    mem_free(evaluation->settings);
    mem_free(evaluation->configuration);
    *evaluation = (struct evaluation){0};
}
