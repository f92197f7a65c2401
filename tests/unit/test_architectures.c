/* Models of forms that the zoo does not hold (golden/architectures): their logits are those of the
 * library that wrote them, and every relevance is somewhere. */
#include <math.h>
#include <stdio.h>

#include "base/mem.h"
#include "support/golden.h"
#include "vit/model/model.h"
#include "vit/program/session.h"

#include "support/unit.h"

#define FOLDER "architectures"

static const struct vitlrp_rules ATTNLRP = {
    VITLRP_ATTENTION_ATTNLRP, {0.25F, 0.0F, 0.0F, 0.05F, 0.05F, 0.05F}, 0.0F, 0.0F};

static size_t input_count(const struct vit_config *config) {
    return (size_t) (config->grey ? 1 : 3) * (size_t) config->image_height *
           (size_t) config->image_width;
}

static float *read_array(const char *name, const char *file, size_t rank, size_t count) {
    char path[256];
    snprintf(path, sizeof path, FOLDER "/%s/%s", name, file);
    return golden_read(path, rank, count);
}

static void check_ledger(const char *name, const struct vit_model *model,
                         struct vit_session *session) {
    struct vitlrp_error err = {0};
    size_t lines = vit_ledger_length(model);
    const struct vitlrp_target target = {0, 1.0F};
    float *map = mem_calloc(input_count(&model->config), sizeof *map);
    struct vitlrp_ledger_entry *ledger = mem_calloc(lines, sizeof *ledger);
    struct vit_relevance relevance = {.pixels = map, .ledger = ledger};
    if (vit_relevance(session, &target, 1, &ATTNLRP, &relevance, &err) != VITLRP_OK) {
        fail_msg("%s: %s", name, err.message);
    }
    double total = relevance.sum;
    for (size_t i = 0; i < lines; i++) {
        total += ledger[i].absorbed;
    }
    if (!(fabs(total - relevance.explained) <= 1e-4 * fmax(1, fabs(relevance.explained)))) {
        fail_msg("%s: the ledger sums to %.9g, the output is %.9g", name, total,
                 relevance.explained);
    }
    mem_free(ledger);
    mem_free(map);
}

static void check_model(const char *name, const struct vit_model *model) {
    struct vit_session *session = NULL;
    struct vitlrp_error err = {0};
    const struct vit_config *config = &model->config;
    size_t outputs = (size_t) config->classes;
    float *input = read_array(name, "input.npy", 3, input_count(config));
    float *wanted = read_array(name, "logits.npy", 1, outputs);
    float *logits = mem_calloc(outputs, sizeof *logits);
    const struct vit_session_options options = {.threads = 1,
                                                .input_height = config->image_height,
                                                .input_width = config->image_width,
                                                .backend = "openblas"};
    if (vit_session_open(model, &options, &session, &err) != VITLRP_OK ||
        vit_forward(session, input, logits, &err) != VITLRP_OK) {
        fail_msg("%s: %s", name, err.message);
    }
    double difference = largest_difference(logits, wanted, outputs);
    if (!(difference <= 1e-4)) {
        fail_msg("%s: logits off by %g", name, difference);
    }
    check_ledger(name, model, session);
    vit_session_close(session);
    mem_free(logits);
    mem_free(wanted);
    mem_free(input);
}

static void check_case(const char *name) {
    char path[512];
    struct vit_model *model = NULL;
    struct vitlrp_error err = {0};
    const struct vit_load_options options = {0};
    snprintf(path, sizeof path, TEST_DATA "/golden/" FOLDER "/%s/model", name);
    if (vit_model_load(path, &options, &model, &err) != VITLRP_OK) {
        fail_msg("%s: %s", name, err.message);
    }
    check_model(name, model);
    vit_model_free(model);
}

static void test_every_case(void **unused) {
    (void) unused;
    assert_int_equal(golden_each(FOLDER, check_case), 13);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
