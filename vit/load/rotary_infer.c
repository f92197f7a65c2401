#include "vit/load/rotary_infer.h"

#include "vit/model/weights.h"

/* EVA's own files hold the tables of their grid; all of EVA-02 counts in a grid of 16 x 16. */
static void show_eva(struct model_facts *facts) {
    fact_show(&facts->rope, FACT_ROPE_AXIAL);
    fact_show(&facts->rope_theta, 10000);
    fact_show(&facts->rope_reference_height, 16);
    fact_show(&facts->rope_reference_width, 16);
    fact_show(&facts->rope_offset, 0);
    fact_show(&facts->rope_order, FACT_ROPE_ROWS_FIRST);
    fact_show(&facts->rope_pairing, FACT_ROPE_INTERLEAVED);
}

/* What files without a statement show. */
static void show_tensors(const struct layout_binding *binding, struct model_facts *facts) {
    if (layout_has(binding, SLOT_ROPE_FREQUENCIES)) {
        fact_show(&facts->rope, FACT_ROPE_MIXED);
    } else if (layout_has(binding, SLOT_ROPE_PERIODS)) {
        fact_show(&facts->rope, FACT_ROPE_DINOV3);
    } else if (binding->has_rope_tables) {
        show_eva(facts);
    }
}

/* Tensors of one form beside a statement of another, or a form that needs tensors without them. */
static enum vitlrp_status check_tensors(const struct layout_binding *binding,
                                        const struct model_facts *facts, struct vitlrp_error *err) {
    int32_t form = fact_whole(&facts->rope, FACT_ROPE_NONE);
    bool frequencies = layout_has(binding, SLOT_ROPE_FREQUENCIES);
    if (frequencies != (form == FACT_ROPE_MIXED)) {
        return fail(err, VITLRP_MISMATCH,
                    frequencies ? "the file has learned RoPE frequencies, but the model is stated "
                                  "to do without"
                                : "the model is stated to have learned RoPE frequencies, but the "
                                  "file has none");
    }
    if (layout_has(binding, SLOT_ROPE_PERIODS) && form != FACT_ROPE_DINOV3) {
        return fail(err, VITLRP_MISMATCH,
                    "the file has DINOv3's RoPE periods, but the model is stated to have another "
                    "RoPE or none");
    }
    return VITLRP_OK;
}

static enum vitlrp_status check_pairs(const size_t sizes[DIMENSION_COUNT],
                                      const struct vit_config *config, struct vitlrp_error *err) {
    size_t size = (size_t) config->dim / (size_t) config->heads;
    size_t grain = config->rope.form == VIT_ROPE_MIXED ? 2 : 4;
    bool pairs = sizes[DIMENSION_HEAD_PAIRS] == 0 || sizes[DIMENSION_HEAD_PAIRS] == size / 2;
    bool axes = sizes[DIMENSION_AXIS_PAIRS] == 0 || sizes[DIMENSION_AXIS_PAIRS] == size / 4;
    if (size % grain != 0 || !pairs || !axes) {
        return fail(err, VITLRP_MISMATCH,
                    "attention heads of size %zu (%d of dim %d) do not suit the model's RoPE", size,
                    config->heads, config->dim);
    }
    return VITLRP_OK;
}

enum vitlrp_status rotary_infer(const struct layout_binding *binding,
                                const size_t sizes[DIMENSION_COUNT], struct model_facts *facts,
                                struct vit_config *config, struct vitlrp_error *err) {
    static const enum vit_rope_form FORMS[] = {[FACT_ROPE_NONE] = VIT_ROPE_NONE,
                                               [FACT_ROPE_AXIAL] = VIT_ROPE_AXIAL,
                                               [FACT_ROPE_MIXED] = VIT_ROPE_MIXED,
                                               [FACT_ROPE_DINOV3] = VIT_ROPE_CENTRED};
    show_tensors(binding, facts);
    TRY(check_tensors(binding, facts, err));
    int32_t form = fact_whole(&facts->rope, FACT_ROPE_NONE);
    bool centred = form == FACT_ROPE_DINOV3;
    int32_t pairing = centred ? FACT_ROPE_HALVES : FACT_ROPE_INTERLEAVED;
    int32_t order = form == FACT_ROPE_MIXED ? FACT_ROPE_COLUMNS_FIRST : FACT_ROPE_ROWS_FIRST;
    if (form == FACT_ROPE_NONE) {
        return VITLRP_OK;
    }
    config->rope = (struct vit_rope){
        .form = FORMS[form],
        .columns_first = fact_whole(&facts->rope_order, order) == FACT_ROPE_COLUMNS_FIRST,
        .halves = fact_whole(&facts->rope_pairing, pairing) == FACT_ROPE_HALVES,
        .theta = (float) fact_number(&facts->rope_theta, centred ? 100 : 10000),
        .offset = (float) fact_number(&facts->rope_offset, 0),
        .reference_rows = (float) fact_number(&facts->rope_reference_height, 0),
        .reference_columns = (float) fact_number(&facts->rope_reference_width, 0)};
    return check_pairs(sizes, config, err);
}
