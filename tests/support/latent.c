#include "support/latent.h"

#include <stdio.h>

#include "base/mem.h"
#include "support/golden.h"

#include "support/unit.h"

#define LATENT TEST_DATA "/golden/latent"

static void open_latent(struct latent *latent, const char *folder, const char *methods,
                        bool all_tokens) {
    char path[512];
    struct vitlrp_session_options options;
    struct vitlrp_model_info info;
    struct vitlrp_error err = {0};
    *latent = (struct latent){.folder = folder};
    snprintf(path, sizeof path, LATENT "/%s/expected.json", folder);
    assert_int_equal(json_read_object(path, (size_t) 1 << 20, &latent->expected, &err), VITLRP_OK);
    snprintf(path, sizeof path, LATENT "/%s", folder);
    if (vitlrp_model_open(path, NULL, &latent->model, &err) != VITLRP_OK) {
        fail_msg("%s: %s", folder, err.message);
    }
    vitlrp_model_info_init(&info);
    vitlrp_model_describe(latent->model, &info);
    assert_true((size_t) info.classes <= sizeof latent->logits / sizeof *latent->logits);
    latent->depth = (size_t) info.depth;
    latent->pixels = (size_t) info.image_height * (size_t) info.image_width;
    vitlrp_session_options_init(&options);
    options.methods = methods;
    options.keep_all_tokens = all_tokens ? 1 : 0;
    if (vitlrp_session_open(latent->model, &options, &latent->session, &err) != VITLRP_OK) {
        fail_msg("%s: %s", folder, err.message);
    }
}

void latent_open(struct latent *latent, const char *folder, bool all_tokens) {
    open_latent(latent, folder, "attnlrp,attnlrp-eps,cp-lrp,input-x-gradient,rollout", all_tokens);
}

void latent_open_for(struct latent *latent, const char *folder, const char *methods) {
    open_latent(latent, folder, methods, false);
}

void latent_close(struct latent *latent) {
    vitlrp_session_close(latent->session);
    vitlrp_model_close(latent->model);
    json_decref(latent->expected);
}

float *latent_input(const struct latent *latent, const struct vitlrp_model *model, int image) {
    char path[512];
    struct vitlrp_image *photo = NULL;
    struct vitlrp_preprocess preprocess;
    struct vitlrp_geometry geometry;
    struct vitlrp_error err = {0};
    float *input = NULL;
    snprintf(path, sizeof path, LATENT "/%s/images/%02d.png", latent->folder, image);
    vitlrp_model_preprocess(model, &preprocess);
    assert_int_equal(vitlrp_image_open(path, NULL, &photo, &err), VITLRP_OK);
    assert_int_equal(vitlrp_image_prepare(photo, &preprocess, &input, &geometry, &err), VITLRP_OK);
    vitlrp_image_close(photo);
    return input;
}

void latent_see(struct latent *latent, int image) {
    struct vitlrp_error err = {0};
    float *input = latent_input(latent, latent->model, image);
    assert_int_equal(vitlrp_session_forward(latent->session, input, latent->logits, &err),
                     VITLRP_OK);
    vitlrp_free(input);
}

float *latent_read(const struct latent *latent, const char *name, size_t rank, size_t count) {
    char path[256];
    snprintf(path, sizeof path, "latent/%s/%s.npy", latent->folder, name);
    return golden_read(path, rank, count);
}

void latent_check(const struct latent *latent, const char *name, const float *found,
                  const float *wanted, size_t count) {
    double error = relative_error(found, wanted, count);
    if (!(error <= 1e-4)) {
        fail_msg("%s: %s: relative error %g", latent->folder, name, error);
    }
}
