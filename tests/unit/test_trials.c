/* Files whose configuration states what their tensors do not show: the logits are the library's
 * (golden/trials). */
#include <math.h>
#include <stdio.h>

#include "base/mem.h"
#include "support/golden.h"
#include "vit/program/session.h"

#include "support/unit.h"

#define CLASSES 5

static const struct trial {
    const char *row, *folder, *input;
    int32_t heads; /* that no file states; 0: a file does */
    int32_t height, width;
    double logits[CLASSES];
} TRIALS[] = {
    {"t01",
     "timm-heads",
     "input.npy",
     0,
     32,
     32,
     {-0.031292, 2.621798, -1.794155, -1.767196, -0.374669}},
    {"t03",
     "timm-rectangle",
     "rectangle.npy",
     2,
     48,
     64,
     {1.674275, 0.973506, 0.744843, 2.707343, 0.057556}},
    {"t04",
     "timm-mean",
     "input.npy",
     2,
     32,
     32,
     {2.703563, 1.063556, 0.073523, -0.544117, -0.636976}},
};

static struct vit_session *open_trial(const struct trial *trial, struct vit_model **model) {
    char path[512];
    struct vitlrp_error err = {0};
    struct vit_session *session = NULL;
    const struct vit_load_options load = {.heads = trial->heads};
    const struct vit_session_options options = {.threads = 1, .backend = "auto"};
    snprintf(path, sizeof path, TEST_DATA "/golden/trials/%s", trial->folder);
    if (vit_model_load(path, &load, model, &err) != VITLRP_OK ||
        vit_session_open(*model, &options, &session, &err) != VITLRP_OK) {
        fail_msg("%s: %s", trial->row, err.message);
    }
    return session;
}

static void check_trial(const struct trial *trial) {
    char path[512];
    float logits[CLASSES];
    struct vitlrp_error err = {0};
    struct vit_model *model = NULL;
    struct vit_session *session = open_trial(trial, &model);
    snprintf(path, sizeof path, "trials/%s", trial->input);
    float *input = golden_read(path, 3, (size_t) (3 * trial->height * trial->width));
    assert_int_equal(vit_forward(session, input, logits, &err), VITLRP_OK);
    for (size_t i = 0; i < CLASSES; i++) {
        if (!(fabs((double) logits[i] - trial->logits[i]) <= 1e-4)) {
            fail_msg("%s: logit %zu is %g instead of %g", trial->row, i, (double) logits[i],
                     trial->logits[i]);
        }
    }
    mem_free(input);
    vit_session_close(session);
    vit_model_free(model);
}

static void test_t01_t03_t04_facts(void **unused) {
    (void) unused;
    for (size_t i = 0; i < sizeof TRIALS / sizeof TRIALS[0]; i++) {
        check_trial(&TRIALS[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_t01_t03_t04_facts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
