#include "vit/model/arranged.h"

#include "base/mem.h"

static bool is_arranged(enum slot slot) {
    return slot_scope(slot) == SCOPE_BLOCK &&
           (slot_start(slot) == START_MATRIX || slot_start(slot) == START_BRANCH);
}

/* Arranged slots before this one. */
static size_t rank_of(enum slot slot) {
    size_t rank = 0;
    for (enum slot earlier = 0; earlier < slot; earlier++) {
        rank += is_arranged(earlier) ? 1 : 0;
    }
    return rank;
}

size_t arranged_count(const struct vit_config *config) {
    return (size_t) config->depth * rank_of(SLOT_COUNT);
}

size_t arranged_index(enum slot slot, size_t block) {
    return block * rank_of(SLOT_COUNT) + rank_of(slot);
}

enum vitlrp_status arranged_choose(const struct vit_model *model, const struct engine *engine,
                                   const struct packs_request *request, struct linear_packs *packs,
                                   struct vitlrp_error *err) {
    size_t count = arranged_count(&model->config);
    struct packed_layer *layers = mem_calloc(count, sizeof *layers);
    if (layers == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a table of %zu layers", count);
    }
    for (size_t i = 0; i < (size_t) model->config.depth * SLOT_COUNT; i++) {
        enum slot slot = (enum slot)(i % SLOT_COUNT);
        size_t block = i / SLOT_COUNT;
        struct slot_size size = slot_size(&model->config, slot);
        if (is_arranged(slot)) {
            layers[arranged_index(slot, block)] = (struct packed_layer){
                .layer = {.weight = slot_data(model, slot, block),
                          .outputs = size.rows,
                          .inputs = size.columns},
                .absolute = slot == SLOT_FC1_WEIGHT || slot == SLOT_FC2_WEIGHT};
        }
    }
    enum vitlrp_status status = packs_choose(model->packs, layers, engine, request, packs, err);
    mem_free(layers);
    return status;
}
