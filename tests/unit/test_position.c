/* Position embeddings at other grids than the trained one: bilinear ones against their definition,
 * and what every kernel keeps. Those of frameworks are held by the golden models of other sizes. */
#include <math.h>
#include <string.h>

#include "support/golden.h"
#include "vit/tokens/position.h"

#include "support/unit.h"

enum { PREFIX = 2, HEIGHT = 4, WIDTH = 5, DIM = 3, MOST = 12 };
enum { TRAINED = (PREFIX + HEIGHT * WIDTH) * DIM, OUT = (PREFIX + MOST * MOST) * DIM };

static struct vit_model model_of(float *position, enum vit_resampling resampling) {
    return (struct vit_model){.config = {.grid_height = HEIGHT,
                                         .grid_width = WIDTH,
                                         .prefix = PREFIX,
                                         .dim = DIM,
                                         .resampling = resampling},
                              .weights = {.position = position}};
}

static void resample(const struct vit_model *model, int32_t height, int32_t width, float *out) {
    struct vitlrp_error err = {0};
    assert_int_equal(position_resample(model, height, width, out, &err), VITLRP_OK);
    assert_memory_equal(out, model->weights.position, PREFIX * DIM * sizeof *out);
}

/* Of the pixel centres, beyond which the last one goes on. */
static double bilinear(const float *grid, double y, double x, size_t d) {
    double sum = 0.0;
    for (int row = -1; row <= HEIGHT; row++) {
        for (int column = -1; column <= WIDTH; column++) {
            double share = fmax(0.0, 1.0 - fabs(y - row)) * fmax(0.0, 1.0 - fabs(x - column));
            size_t r = (size_t) fmin(fmax(row, 0.0), HEIGHT - 1.0);
            size_t c = (size_t) fmin(fmax(column, 0.0), WIDTH - 1.0);
            sum += share * (double) grid[(r * WIDTH + c) * DIM + d];
        }
    }
    return sum;
}

static void test_linear(void **unused) {
    static const int32_t SIZES[][2] = {{7, 9}, {4, 12}, {2, 3}, {1, 1}, {12, 5}};
    struct test_random random = {6};
    float position[TRAINED];
    float out[OUT];
    (void) unused;
    test_fill(&random, position, TRAINED, 1.0);
    const struct vit_model model = model_of(position, VIT_RESAMPLE_LINEAR);
    for (size_t s = 0; s < sizeof SIZES / sizeof SIZES[0]; s++) {
        int32_t height = SIZES[s][0];
        int32_t width = SIZES[s][1];
        resample(&model, height, width, out);
        for (int32_t i = 0; i < height * width * DIM; i++) {
            double y = (i / DIM / width + 0.5) * HEIGHT / height - 0.5;
            double x = (i / DIM % width + 0.5) * WIDTH / width - 0.5;
            double wanted = bilinear(position + PREFIX * DIM, y, x, (size_t) (i % DIM));
            assert_true(fabs((double) out[PREFIX * DIM + i] - wanted) < 1e-6);
        }
    }
}

/* A level grid stays level, and the trained grid is copied. */
static void test_every_kernel(void **unused) {
    struct test_random random = {7};
    float position[TRAINED];
    float out[OUT];
    (void) unused;
    for (int kernel = VIT_RESAMPLE_ANTIALIASED; kernel <= VIT_RESAMPLE_LINEAR; kernel++) {
        const struct vit_model model = model_of(position, (enum vit_resampling) kernel);
        test_fill(&random, position, TRAINED, 1.0);
        resample(&model, HEIGHT, WIDTH, out);
        assert_memory_equal(out, position, sizeof position);
        for (size_t i = PREFIX * DIM; i < TRAINED; i++) {
            position[i] = 0.75F;
        }
        resample(&model, 3, MOST, out);
        for (size_t i = PREFIX * DIM; i < (PREFIX + 3 * MOST) * DIM; i++) {
            assert_true(fabsf(out[i] - 0.75F) < 1e-5F);
        }
    }
}

static void test_no_positions(void **unused) {
    float out[OUT];
    (void) unused;
    const struct vit_model model = model_of(NULL, VIT_RESAMPLE_LINEAR);
    struct vitlrp_error err = {0};
    memset(out, 0xFF, sizeof out);
    assert_int_equal(position_resample(&model, 2, 2, out, &err), VITLRP_OK);
    for (size_t i = 0; i < (PREFIX + 4) * DIM; i++) {
        assert_true(out[i] == 0.0F);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_linear),
        cmocka_unit_test(test_every_kernel),
        cmocka_unit_test(test_no_positions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
