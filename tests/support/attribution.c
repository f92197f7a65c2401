#include "support/attribution.h"

#include "base/mem.h"
#include "support/golden.h"
#include "support/load_checks.h"

#include "support/unit.h"

enum { MOST_METHODS = 32 };

struct vit_model *parity_model(void) {
    return expect_parity("timm.safetensors");
}

float *parity_input(void) {
    return golden_read("parity/input.npy", 3, PARITY_INPUT);
}

struct vit_attributor *attributor_for(const struct vit_model *model,
                                      const struct vit_method *method, size_t threads) {
    const struct vit_method *methods[MOST_METHODS] = {method};
    struct vit_attributor *attributor = NULL;
    struct vitlrp_error err = {0};
    assert_true(vit_method_count() <= MOST_METHODS);
    for (size_t i = 0; method == NULL && i < vit_method_count(); i++) {
        methods[i] = vit_method_at(i);
    }
    struct vit_attributor_options options = {.threads = threads,
                                             .backend = "auto",
                                             .methods = methods,
                                             .method_count =
                                                 method == NULL ? vit_method_count() : 1};
    if (vit_attributor_open(model, &options, &attributor, &err) != VITLRP_OK) {
        fail_msg("%s", err.message);
    }
    return attributor;
}

void attributor_see(struct vit_attributor *attributor, const struct vit_model *model,
                    const float *input) {
    struct vitlrp_error err = {0};
    float *logits = mem_calloc((size_t) model->config.classes, sizeof *logits);
    if (vit_attributor_forward(attributor, input, logits, &err) != VITLRP_OK) {
        fail_msg("%s", err.message);
    }
    mem_free(logits);
}

struct attribution attribution_open(const struct vit_method *method, size_t threads) {
    struct attribution attribution = {.model = parity_model(), .input = parity_input()};
    attribution.attributor = attributor_for(attribution.model, method, threads);
    attributor_see(attribution.attributor, attribution.model, attribution.input);
    return attribution;
}

void attribution_close(struct attribution *attribution) {
    vit_attributor_close(attribution->attributor);
    mem_free(attribution->input);
    vit_model_free(attribution->model);
}

struct vitlrp_method_options defaults_of(const char *method) {
    struct vitlrp_method_options options;
    vit_method_defaults(vit_method_find(method), &options);
    return options;
}

void attribute_class(struct vit_attributor *attributor, const char *method, const float *input,
                     int32_t output, const struct vitlrp_method_options *options, float *patches,
                     float *pixels) {
    struct vitlrp_error err = {0};
    struct vitlrp_target target = {output, 1.0F};
    struct vitlrp_method_options defaults = defaults_of(method);
    struct vit_method_request request = {.input = input,
                                         .targets = &target,
                                         .target_count = 1,
                                         .options = options == NULL ? &defaults : options,
                                         .patches = patches,
                                         .pixels = pixels};
    if (vit_attributor_run(attributor, vit_method_find(method), &request, &err) != VITLRP_OK) {
        fail_msg("%s: %s", method, err.message);
    }
}

void attribute_alone(const struct vit_model *model, const char *method, const float *input,
                     int32_t output, const struct vitlrp_method_options *options, float *patches,
                     float *pixels) {
    struct vit_attributor *attributor = attributor_for(model, vit_method_find(method), 1);
    attributor_see(attributor, model, input);
    attribute_class(attributor, method, input, output, options, patches, pixels);
    vit_attributor_close(attributor);
}
