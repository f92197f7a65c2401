/* The table of methods. Formulas, options and costs: vit/METHODS.md. */
#include <string.h>

#include "vit/methods/method_private.h"

/* The composite of Achtibat et al. 2024 for ViT-B/16. */
#define COMPOSITE(kind)                                                                            \
    {                                                                                              \
        .attention = (kind), .gamma = {                                                            \
            [VITLRP_ROLE_CONV] = 0.25F,                                                            \
            [VITLRP_ROLE_FC1] = 0.05F,                                                             \
            [VITLRP_ROLE_FC2] = 0.05F,                                                             \
            [VITLRP_ROLE_HEAD] = 0.05F                                                             \
        }                                                                                          \
    }

static const struct vit_method METHODS[] = {
    {.name = "attnlrp",
     .summary = "LRP through attention, gamma rule (Achtibat et al., ICML 2024)",
     .has_pixels = true,
     .has_ledger = true,
     .needs_forward = true,
     .reads = VITLRP_READS_RULES,
     .defaults = {.rules = COMPOSITE(VITLRP_ATTENTION_ATTNLRP)},
     .in_logits = true,
     .attribute = method_lrp},
    {.name = "cp-lrp",
     .summary = "LRP with constant attention weights (Ali et al., ICML 2022)",
     .has_pixels = true,
     .has_ledger = true,
     .needs_forward = true,
     .reads = VITLRP_READS_RULES,
     .defaults = {.rules = COMPOSITE(VITLRP_ATTENTION_CP)},
     .in_logits = true,
     .attribute = method_lrp},
    {.name = "attnlrp-eps",
     .summary = "attnlrp without gamma (Achtibat et al., ICML 2024)",
     .has_pixels = true,
     .has_ledger = true,
     .needs_forward = true,
     .reads = VITLRP_READS_RULES,
     .defaults = {.rules = {.attention = VITLRP_ATTENTION_ATTNLRP}},
     .in_logits = true,
     .attribute = method_lrp},
    {.name = "attnlrp-rollout",
     .summary = "gradient times relevance of attention, chained over blocks",
     .needs_attention = true,
     .needs_forward = true,
     .scratch = SCRATCH_CHAIN | SCRATCH_GRADIENTS,
     .reads = VITLRP_READS_RULES,
     .defaults = {.rules = COMPOSITE(VITLRP_ATTENTION_ATTNLRP)},
     .is_unsigned = true,
     .attribute = method_lrp_rollout},
    {.name = "attnlrp-masked",
     .summary = "attnlrp averaged over the image and half-masked copies of it",
     .has_pixels = true,
     .needs_forward = true,
     .moves_forward = true,
     .scratch = SCRATCH_PIXELS | SCRATCH_PATCHES,
     .reads = VITLRP_READS_RULES | VITLRP_READS_SAMPLES | VITLRP_READS_SEED,
     .defaults = {.rules = COMPOSITE(VITLRP_ATTENTION_ATTNLRP), .samples = 8},
     .in_logits = true,
     .attribute = method_masked},
    {.name = "rollout",
     .summary = "attention matrices multiplied over blocks (Abnar, Zuidema, ACL 2020)",
     .needs_attention = true,
     .needs_forward = true,
     .ignores_class = true,
     .scratch = SCRATCH_CHAIN | SCRATCH_FUSED,
     .reads = VITLRP_READS_HEAD_FUSION,
     .is_unsigned = true,
     .attribute = method_rollout},
    {.name = "raw-attention",
     .summary = "what the last block's CLS attends to, mean over heads",
     .needs_attention = true,
     .needs_forward = true,
     .ignores_class = true,
     .scratch = SCRATCH_CHAIN,
     .is_unsigned = true,
     .attribute = method_raw_attention},
    {.name = "grad-rollout",
     .summary = "rollout of attention times its gradient",
     .needs_attention = true,
     .needs_forward = true,
     .scratch = SCRATCH_CHAIN,
     .is_unsigned = true,
     .attribute = method_grad_rollout},
    {.name = "chefer",
     .summary = "generic attention explainability (Chefer et al., ICCV 2021)",
     .needs_attention = true,
     .needs_forward = true,
     .scratch = SCRATCH_CHAIN,
     .is_unsigned = true,
     .attribute = method_chefer},
    {.name = "attn-gradcam",
     .summary = "Grad-CAM over the last block's attention heads",
     .needs_attention = true,
     .needs_forward = true,
     .scratch = SCRATCH_CHAIN,
     .is_unsigned = true,
     .attribute = method_attention_gradcam},
    {.name = "gradcam",
     .summary = "Grad-CAM over the last block's tokens (Selvaraju et al., ICCV 2017)",
     .needs_forward = true,
     .scratch = SCRATCH_NORM1,
     .is_unsigned = true,
     .attribute = method_gradcam},
    {.name = "legrad",
     .summary = "gradient of every block's attention (Bousselham et al., 2024)",
     .needs_attention = true,
     .needs_forward = true,
     .scratch = SCRATCH_CHAIN,
     .is_unsigned = true,
     .attribute = method_legrad},
    {.name = "input-x-gradient",
     .summary = "input times gradient (Shrikumar et al., 2016)",
     .has_pixels = true,
     .needs_forward = true,
     .in_logits = true,
     .attribute = method_input_x_gradient},
    {.name = "integrated-gradients",
     .summary = "gradient averaged on the way from 0 (Sundararajan et al., ICML 2017)",
     .has_pixels = true,
     .moves_forward = true,
     .scratch = SCRATCH_PIXELS,
     .reads = VITLRP_READS_SAMPLES,
     .defaults = {.samples = 32},
     .in_logits = true,
     .attribute = method_integrated_gradients},
    {.name = "smoothgrad",
     .summary = "gradient averaged over noisy copies (Smilkov et al., 2017)",
     .has_pixels = true,
     .moves_forward = true,
     .scratch = SCRATCH_PIXELS,
     .reads = VITLRP_READS_SAMPLES | VITLRP_READS_NOISE | VITLRP_READS_SEED,
     .defaults = {.samples = 25, .noise = 0.15},
     .is_unsigned = true,
     .attribute = method_smoothgrad},
    {.name = "occlusion",
     .summary = "what the logit loses without each patch (Zeiler, Fergus, ECCV 2014)",
     .needs_batch = true,
     .each_patch = true,
     .scratch = SCRATCH_MIXED,
     .in_logits = true,
     .attribute = method_occlusion},
    {.name = "rise",
     .summary = "probability under random masks (Petsiuk et al., BMVC 2018)",
     .has_pixels = true,
     .needs_batch = true,
     .scratch = SCRATCH_PIXELS | SCRATCH_BATCH,
     .reads = VITLRP_READS_SAMPLES | VITLRP_READS_SEED,
     .defaults = {.samples = 1000},
     .is_unsigned = true,
     .attribute = method_rise},
    {.name = "random",
     .summary = "control: seeded random scores",
     .ignores_class = true,
     .reads = VITLRP_READS_SEED,
     .is_unsigned = true,
     .attribute = method_random},
    {.name = "centre",
     .summary = "control: the nearer to the centre, the higher",
     .ignores_class = true,
     .is_unsigned = true,
     .attribute = method_centre},
};

size_t vit_method_count(void) {
    return sizeof METHODS / sizeof METHODS[0];
}

const struct vit_method *vit_method_at(size_t index) {
    return &METHODS[index];
}

const struct vit_method *vit_method_find(const char *name) {
    for (size_t i = 0; i < vit_method_count(); i++) {
        if (strcmp(METHODS[i].name, name) == 0) {
            return &METHODS[i];
        }
    }
    return NULL;
}

void vit_method_defaults(const struct vit_method *method, struct vitlrp_method_options *options) {
    *options = method->defaults;
}
