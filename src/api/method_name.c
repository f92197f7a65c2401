#include "api/method_name.h"

#include <string.h>

#include "base/checked.h"
#include "base/suggest.h"
#include "base/text.h"

#define NAME_MAX_SHOWN 40

/* What methods are called in papers and by pytorch-grad-cam, Captum, Quantus, zennit, LXT and the
 * code of Chefer et al.; case, blanks, - and _ make no difference. */
static const struct other_name OTHER_METHODS[] = {
    {"grad-cam++", "gradcam"},
    {"layer-grad-cam", "gradcam"},
    {"attention-grad-cam", "attn-gradcam"},
    {"attention-rollout", "rollout"},
    {"attn-rollout", "rollout"},
    {"rollout-attention", "rollout"},
    {"gradient-attention-rollout", "grad-rollout"},
    {"attention-gradient-rollout", "grad-rollout"},
    {"attention", "raw-attention"},
    {"attention-map", "raw-attention"},
    {"last-attention", "raw-attention"},
    {"attn-last-layer", "raw-attention"},
    {"ig", "integrated-gradients"},
    {"int-grad", "integrated-gradients"},
    {"intgrad", "integrated-gradients"},
    {"noise-tunnel", "smoothgrad"},
    {"libragrad", "libra"},
    {"libra-genatt", "libra-chefer"},
    {"leave-one-out", "token-drop"},
    {"loo", "token-drop"},
    {"ablation", "occlusion"},
    {"feature-ablation", "occlusion"},
    {"perturbation", "occlusion"},
    {"saliency", "input-x-gradient"},
    {"gradient", "input-x-gradient"},
    {"gradients", "input-x-gradient"},
    {"vanilla-gradient", "input-x-gradient"},
    {"vanilla-gradients", "input-x-gradient"},
    {"gradient-x-input", "input-x-gradient"},
    {"grad-x-input", "input-x-gradient"},
    {"input-x-grad", "input-x-gradient"},
    {"ixg", "input-x-gradient"},
    {"gxi", "input-x-gradient"},
    {"lrp", "attnlrp"},
    {"attn-lrp", "attnlrp"},
    {"lrp-gamma", "attnlrp"},
    {"gamma-lrp", "attnlrp"},
    {"lrp-epsilon", "attnlrp-eps"},
    {"lrp-eps", "attnlrp-eps"},
    {"epsilon-lrp", "attnlrp-eps"},
    {"cp", "cp-lrp"},
    {"transformer-attribution", "chefer"},
    {"transformer-explainability", "chefer"},
    {"generic-attention", "chefer"},
    {"center", "centre"},
    {NULL, NULL},
};

static const struct vit_method *find_span(const char *name, size_t length) {
    for (size_t i = 0; i < vit_method_count(); i++) {
        const struct vit_method *method = vit_method_at(i);
        if (strlen(method->name) == length && strncmp(method->name, name, length) == 0) {
            return method;
        }
    }
    return NULL;
}

/* What was meant, or NULL. */
static const char *find_meant(const char *name, size_t length) {
    const char *known = suggest_known(OTHER_METHODS, name, length);
    struct suggestion suggestion = suggest_for(name, length);
    for (size_t i = 0; i < vit_method_count(); i++) {
        suggest_word(&suggestion, vit_method_at(i)->name);
    }
    return known != NULL ? known : suggestion.nearest;
}

static enum vitlrp_status fail_name(const char *name, size_t length, struct vitlrp_error *err) {
    char shown[4 * NAME_MAX_SHOWN + 1];
    char start[NAME_MAX_SHOWN + 1] = "";
    const char *meant = find_meant(name, length);
    struct text names = {.limit = 1024};
    memcpy(start, name, size_min(length, NAME_MAX_SHOWN));
    text_escape_name(shown, sizeof shown, start);
    if (meant != NULL) {
        return fail(err, VITLRP_USAGE, "no method '%s' (did you mean %s?)", shown, meant);
    }
    size_t count = vit_method_count();
    for (size_t i = 0; i < count; i++) {
        text_printf(&names, "%s%s",
                    i == 0           ? ""
                    : i + 1 == count ? " and "
                                     : ", ",
                    vit_method_at(i)->name);
    }
    enum vitlrp_status status = fail(err, VITLRP_USAGE, "no method '%s': there are %s", shown,
                                     names.failed ? "others" : names.data);
    text_free(&names);
    return status;
}

enum vitlrp_status method_named(const char *name, size_t length, const struct vit_method **out,
                                struct vitlrp_error *err) {
    *out = find_span(name, length);
    return *out == NULL ? fail_name(name, length, err) : VITLRP_OK;
}
