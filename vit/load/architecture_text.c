/* The architecture of a text tower: blocks as any other's, what stands before and behind them. */
#include "vit/load/architecture.h"

#include "vit/model/weights.h"

#define MAX_VOCABULARY ((size_t) 1 << 24)

/* Whatever else is stated about these must agree with the tensors. */
static enum vitlrp_status join_tensors(const struct layout_binding *binding, const size_t *sizes,
                                       struct model_facts *facts, struct vitlrp_error *err) {
    struct model_facts shown = {0};
    fact_show(&shown.width, (double) sizes[DIMENSION_WIDTH]);
    fact_show(&shown.depth, (double) binding->depth);
    fact_show(&shown.mlp_width, (double) sizes[DIMENSION_MLP]);
    fact_show(&shown.vocabulary, (double) sizes[DIMENSION_VOCABULARY]);
    fact_show(&shown.context, (double) sizes[DIMENSION_TOKENS]);
    return facts_join(facts, &shown, err);
}

/* A line of tokens, which are read by their ids. */
static enum vitlrp_status take_shape(const size_t *sizes, struct vit_config *config,
                                     struct vitlrp_error *err) {
    size_t context = sizes[DIMENSION_TOKENS];
    if (context < 2 || context > VIT_MAX_SIDE) {
        return fail(err, VITLRP_LIMIT, "%zu positions of a text are out of range: 2 to %d", context,
                    VIT_MAX_SIDE);
    }
    if (sizes[DIMENSION_VOCABULARY] > MAX_VOCABULARY) {
        return fail(err, VITLRP_LIMIT, "%zu tokens of a vocabulary are more than %zu",
                    sizes[DIMENSION_VOCABULARY], MAX_VOCABULARY);
    }
    config->vocabulary = (int32_t) sizes[DIMENSION_VOCABULARY];
    config->image_height = config->patch_height = config->patch_width = 1;
    config->grid_height = 1;
    config->image_width = config->grid_width = (int32_t) context;
    return VITLRP_OK;
}

/* Without a configuration, the user's word or a bias of the projection is what shows a SigLIP: what
 * its towers have, in the place of what is usual for the layout. */
static void guess_siglip(const struct layout_binding *binding, const struct facts_beside *beside,
                         struct model_facts *facts) {
    bool is_siglip = facts->causal.source == FACT_USER ? fact_whole(&facts->causal, 1) == 0
                                                       : layout_has(binding, SLOT_HEAD_BIAS);
    if (beside->config != NULL || beside->open_clip != NULL || !is_siglip) {
        return;
    }
    if (facts->norm_eps.source != FACT_USER) {
        facts->norm_eps = (struct fact){0};
    }
    fact_guess(&facts->norm_eps, 1e-6);
    fact_guess(&facts->causal, 0);
    fact_guess(&facts->text_end, FACT_TEXT_END_LAST);
}

/* What no tensor shows about attention and end: CLIP's, unless stated otherwise. */
static enum vitlrp_status infer_end(struct model_facts *facts, struct vit_config *config,
                                    struct vitlrp_error *err) {
    static const enum vit_text_end ENDS[] = {[FACT_TEXT_END_LARGEST_ID] = VIT_END_LARGEST_ID,
                                             [FACT_TEXT_END_FIRST_ID] = VIT_END_FIRST_ID,
                                             [FACT_TEXT_END_LAST] = VIT_END_LAST};
    fact_guess(&facts->causal, 1);
    fact_guess(&facts->text_end, FACT_TEXT_END_LARGEST_ID);
    config->pool = VIT_POOL_END;
    config->causal = fact_whole(&facts->causal, 1) != 0;
    config->text_end = ENDS[fact_whole(&facts->text_end, 0)];
    config->end_id = fact_whole(&facts->end_id, 0);
    if (config->text_end == VIT_END_FIRST_ID && config->end_id >= config->vocabulary) {
        return fail(err, VITLRP_MISMATCH,
                    "the token that ends a text has the id %d, and the vocabulary %d tokens",
                    config->end_id, config->vocabulary);
    }
    return VITLRP_OK;
}

/* The projection, which may be missing: then the norm's output is the embedding. */
static enum vitlrp_status infer_projection(const struct layout_binding *binding,
                                           const size_t *sizes, struct model_facts *facts,
                                           struct vit_config *config, struct vitlrp_error *err) {
    bool projects = layout_has(binding, SLOT_HEAD_WEIGHT);
    facts->head = (struct fact){0};
    fact_show(&facts->head, projects ? FACT_HEAD_PROJECTION : FACT_HEAD_NONE);
    if (!projects && layout_has(binding, SLOT_HEAD_BIAS)) {
        return layout_fail_missing(binding, SLOT_HEAD_WEIGHT, "but not its bias", err);
    }
    if (projects && sizes[DIMENSION_HEAD_INPUTS] != sizes[DIMENSION_WIDTH]) {
        return fail(err, VITLRP_MISMATCH,
                    "the projection has %zu inputs, but what it reads has %zu",
                    sizes[DIMENSION_HEAD_INPUTS], sizes[DIMENSION_WIDTH]);
    }
    config->classes = projects ? config->classes : config->dim;
    return VITLRP_OK;
}

/* What the class of an image tower states, too, and texts do not have. */
static void drop_of_images(struct model_facts *facts) {
    struct fact *const of_images[] = {
        &facts->class_token, &facts->distillation_token, &facts->registers, &facts->positions,
        &facts->resampling,  &facts->embed_norm,         &facts->pre_norm,  &facts->final_norm,
        &facts->pool,        &facts->pool_prefix};
    for (size_t i = 0; i < sizeof of_images / sizeof of_images[0]; i++) {
        *of_images[i] = (struct fact){0};
    }
    if (fact_whole(&facts->text_end, 0) != FACT_TEXT_END_FIRST_ID) {
        facts->end_id = (struct fact){0}; /* no text is searched for it */
    }
}

enum vitlrp_status architecture_infer_text(const struct layout_binding *binding,
                                           const struct facts_beside *beside,
                                           struct model_facts *facts, struct vit_config *config,
                                           struct vitlrp_error *err) {
    size_t sizes[DIMENSION_COUNT];
    struct facts_beside all = *beside;
    TRY(layout_sizes(binding, sizes, err));
    TRY(architecture_read_sizes(binding, sizes, config, err));
    all.layout = binding->layout->name;
    all.width = config->dim;
    all.depth = config->depth;
    TRY(facts_read_text(&all, facts, err));
    guess_siglip(binding, beside, facts);
    TRY(join_tensors(binding, sizes, facts, err));
    TRY(take_shape(sizes, config, err));
    TRY(architecture_infer_block(binding, sizes, facts, config, err));
    TRY(infer_end(facts, config, err));
    drop_of_images(facts);
    return infer_projection(binding, sizes, facts, config, err);
}
