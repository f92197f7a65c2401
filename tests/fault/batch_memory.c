/* A batch that finds no memory for a product says so, and does not blame the input for what the
 * missing product made of it. */
#include <math.h>

#include "fault/failing_memory.h"
#include "support/attribution.h"
#include "vit/model/model.h"
#include "vit/program/batch.h"

#include "support/unit.h"

enum { CLASSES = 10, INPUT = 3 * 32 * 32, COUNT = 3 };

/* The status of a batch with its n-th allocation failing (0: none); *count is how many there were.
 * The batch is opened anew, since it compiles the product of a shape once. */
static enum vitlrp_status forward(const struct vit_model *model, size_t nth, size_t *count) {
    static float inputs[COUNT * INPUT];
    float logits[COUNT * CLASSES];
    struct vit_batch *batch = NULL;
    struct vitlrp_error err = {0};
    struct vit_batch_options options = {.threads = 1, .capacity = COUNT, .backend = "auto"};
    assert_int_equal(vit_batch_open(model, &options, &batch, &err), VITLRP_OK);
    failing_memory_start(nth, false);
    enum vitlrp_status status = vit_batch_forward(batch, COUNT, inputs, logits, &err);
    *count = failing_memory_stop();
    vit_batch_close(batch);
    return status;
}

static void test_memory_is_blamed_first(void **unused) {
    size_t count = 0;
    (void) unused;
    struct vit_model *model = parity_model();
    ((float *) model->weights.head_bias)[0] = NAN;
    assert_int_equal(forward(model, 0, &count), VITLRP_NUMERIC);
    for (size_t nth = 1, steps = count; nth <= steps; nth++) {
        assert_int_equal(forward(model, nth, &count), VITLRP_NOMEM);
    }
    vit_model_free(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_is_blamed_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
