/* What stands where patches were: constant colours, blur and noise against their definitions, ROAD
 * against a dense solution. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "eval/replace.h"
#include "eval/road.h"
#include "support/golden.h"

#include "support/unit.h"

enum { HEIGHT = 12, WIDTH = 16, AREA = HEIGHT * WIDTH, INPUT = 3 * AREA, PATCH = 4 };
enum { COLUMNS = WIDTH / PATCH, PATCHES = AREA / (PATCH * PATCH) };

static const struct vitlrp_preprocess PREPROCESS = {.mean = {0.4F, 0.5F, 0.3F},
                                                    .std = {0.2F, 0.1F, 0.5F}};

static void replace(enum vitlrp_replacement replacement, uint64_t seed, const float *input,
                    float *out) {
    struct replacement_request request = {.replacement = replacement,
                                          .preprocess = &PREPROCESS,
                                          .height = HEIGHT,
                                          .width = WIDTH,
                                          .patch_height = PATCH,
                                          .patch_width = PATCH,
                                          .seed = seed};
    struct vitlrp_error err = {0};
    assert_int_equal(replacement_make(&request, input, out, &err), VITLRP_OK);
}

static void test_colours(void **unused) {
    float input[INPUT];
    float out[INPUT];
    struct test_random random = {2};
    (void) unused;
    test_fill(&random, input, INPUT, 2.0);
    replace(VITLRP_REPLACE_ZERO, 0, input, out);
    for (size_t i = 0; i < INPUT; i++) {
        assert_true(out[i] == 0.0F);
    }
    replace(VITLRP_REPLACE_BLACK, 0, input, out);
    for (size_t i = 0; i < INPUT; i++) {
        size_t c = i / AREA;
        assert_true(fabsf(out[i] * PREPROCESS.std[c] + PREPROCESS.mean[c]) < 1e-6F);
    }
    replace(VITLRP_REPLACE_MEAN, 0, input, out);
    for (size_t c = 0; c < 3; c++) {
        double sum = 0.0;
        for (size_t i = 0; i < AREA; i++) {
            sum += (double) input[c * AREA + i] / AREA;
            assert_true(out[c * AREA + i] == out[c * AREA]);
        }
        assert_true(fabs((double) out[c * AREA] - sum) < 1e-6);
    }
}

static void test_donor(void **unused) {
    float input[INPUT];
    float donor[INPUT];
    float out[INPUT];
    struct test_random random = {5};
    struct vitlrp_error err = {0};
    struct replacement_request request = {.replacement = VITLRP_REPLACE_DONOR,
                                          .preprocess = &PREPROCESS,
                                          .height = HEIGHT,
                                          .width = WIDTH,
                                          .patch_height = PATCH,
                                          .patch_width = PATCH,
                                          .donor = donor};
    (void) unused;
    test_fill(&random, input, INPUT, 2.0);
    test_fill(&random, donor, INPUT, 2.0);
    assert_int_equal(replacement_make(&request, input, out, &err), VITLRP_OK);
    assert_memory_equal(out, donor, sizeof out);
    request.donor = NULL;
    assert_int_equal(replacement_make(&request, input, out, &err), VITLRP_USAGE);
}

/* The two-dimensional sum, not separated. Patches of 4: sigma 2, cut at 6. */
static double blurred_pixel(const float *plane, int y, int x) {
    double sum = 0.0;
    double weights = 0.0;
    for (int v = 0; v < HEIGHT; v++) {
        for (int u = 0; u < WIDTH; u++) {
            if (v - y <= 6 && y - v <= 6 && u - x <= 6 && x - u <= 6) {
                double weight = exp(-((v - y) * (v - y) + (u - x) * (u - x)) / 8.0);
                sum += weight * (double) plane[v * WIDTH + u];
                weights += weight;
            }
        }
    }
    return sum / weights;
}

static void test_blur(void **unused) {
    float input[INPUT];
    float out[INPUT];
    struct test_random random = {3};
    (void) unused;
    test_fill(&random, input, INPUT, 2.0);
    replace(VITLRP_REPLACE_BLUR, 0, input, out);
    for (int i = 0; i < INPUT; i++) {
        double expected = blurred_pixel(input + i / AREA * AREA, i % AREA / WIDTH, i % WIDTH);
        assert_true(fabs((double) out[i] - expected) < 1e-6);
    }
}

static void test_noise_is_seeded_and_in_range(void **unused) {
    float input[INPUT] = {0};
    float out[INPUT];
    float again[INPUT];
    double sum = 0.0;
    (void) unused;
    replace(VITLRP_REPLACE_NOISE, 7, input, out);
    replace(VITLRP_REPLACE_NOISE, 7, input, again);
    assert_memory_equal(out, again, sizeof out);
    replace(VITLRP_REPLACE_NOISE, 8, input, again);
    assert_true(memcmp(out, again, sizeof out) != 0);
    for (size_t i = 0; i < INPUT; i++) {
        size_t c = i / AREA;
        double colour = (double) (out[i] * PREPROCESS.std[c] + PREPROCESS.mean[c]);
        assert_true(colour > -1e-6 && colour < 1.0 + 1e-6);
        sum += colour / INPUT;
    }
    assert_true(fabs(sum - 0.5) < 0.05);
}

/* ---- ROAD ---- */

/* Gaussian elimination with partial pivoting on [n, n + 1]. */
static void solve_dense(double *system, size_t n) {
    size_t stride = n + 1;
    for (size_t i = 0; i < n; i++) {
        size_t pivot = i;
        for (size_t r = i + 1; r < n; r++) {
            pivot = fabs(system[r * stride + i]) > fabs(system[pivot * stride + i]) ? r : pivot;
        }
        for (size_t k = 0; k < stride; k++) {
            double swapped = system[i * stride + k];
            system[i * stride + k] = system[pivot * stride + k];
            system[pivot * stride + k] = swapped;
        }
        for (size_t r = 0; r < n; r++) {
            double factor = r == i ? 0.0 : system[r * stride + i] / system[i * stride + i];
            for (size_t k = i; factor != 0.0 && k < stride; k++) {
                system[r * stride + k] -= factor * system[i * stride + k];
            }
        }
    }
    for (size_t i = 0; i < n; i++) {
        system[i * stride + n] /= system[i * stride + i];
    }
}

static int is_removed(const uint8_t *mask, int y, int x) {
    return mask[y / PATCH * COLUMNS + x / PATCH] != 0;
}

/* One equation per pixel: a known one keeps its value, a removed one is the weighted mean of its
 * neighbours within the picture. */
static void impute_dense(const float *plane, const uint8_t *mask, double *out) {
    double *system = mem_calloc(AREA, (AREA + 1) * sizeof *system);
    assert_non_null(system);
    for (int i = 0; i < AREA; i++) {
        double *row = system + i * (AREA + 1);
        int y = i / WIDTH;
        int x = i % WIDTH;
        row[i] = 1.0;
        if (!is_removed(mask, y, x)) {
            row[AREA] = (double) plane[i];
            continue;
        }
        double weights = 0.0;
        for (int k = 0; k < 9; k++) {
            int v = y + k / 3 - 1;
            int u = x + k % 3 - 1;
            if (k != 4 && v >= 0 && v < HEIGHT && u >= 0 && u < WIDTH) {
                double weight = k % 2 == 1 ? 1.0 / 6.0 : 1.0 / 12.0;
                row[v * WIDTH + u] = -weight;
                weights += weight;
            }
        }
        row[i] = weights;
    }
    solve_dense(system, AREA);
    for (int i = 0; i < AREA; i++) {
        out[i] = system[i * (AREA + 1) + AREA];
    }
    mem_free(system);
}

static struct road *open_road(void) {
    struct road_shape shape = {
        .height = HEIGHT, .width = WIDTH, .patch_height = PATCH, .patch_width = PATCH};
    struct road *road = NULL;
    struct vitlrp_error err = {0};
    assert_int_equal(road_open(&shape, &road, &err), VITLRP_OK);
    return road;
}

static void test_road_is_the_dense_solution(void **unused) {
    float input[INPUT];
    float noise[INPUT];
    float out[INPUT];
    double dense[AREA];
    struct test_random random = {4};
    struct road *road = open_road();
    (void) unused;
    for (size_t trial = 0; trial < 6; trial++) {
        uint8_t mask[PATCHES];
        test_fill(&random, input, INPUT, 2.0);
        test_fill(&random, noise, INPUT, 0.01);
        /* From one patch removed to all but one. */
        for (size_t p = 0; p < PATCHES; p++) {
            mask[p] = p < 1 + trial * 2;
        }
        road_impute(road, input, mask, noise, out);
        for (size_t c = 0; c < 3; c++) {
            impute_dense(input + c * AREA, mask, dense);
            for (int i = 0; i < AREA; i++) {
                size_t at = c * AREA + (size_t) i;
                int removed = is_removed(mask, i / WIDTH, i % WIDTH);
                double expected = dense[i] + (removed ? (double) noise[at] : 0.0);
                assert_true(fabs((double) out[at] - expected) < 2e-5);
                assert_true(removed || out[at] == input[at]);
            }
        }
    }
    road_close(road);
}

static void test_road_without_any_or_every_patch(void **unused) {
    float input[INPUT];
    float noise[INPUT] = {0};
    float out[INPUT];
    float mean[INPUT];
    uint8_t mask[PATCHES] = {0};
    struct test_random random = {5};
    struct road *road = open_road();
    (void) unused;
    test_fill(&random, input, INPUT, 2.0);
    road_impute(road, input, mask, noise, out);
    assert_memory_equal(out, input, sizeof out);
    memset(mask, 1, sizeof mask);
    road_impute(road, input, mask, noise, out);
    replace(VITLRP_REPLACE_MEAN, 0, input, mean);
    assert_true(largest_difference(out, mean, INPUT) < 1e-6);
    /* Nothing of that is left for the next one. */
    mask[3] = 0;
    road_impute(road, input, mask, noise, out);
    float fresh[INPUT];
    struct road *other = open_road();
    road_impute(other, input, mask, noise, fresh);
    assert_memory_equal(out, fresh, sizeof out);
    road_close(other);
    road_close(road);
}

static void test_normal_noise(void **unused) {
    enum { COUNT = 20000 };
    float *values = mem_calloc(COUNT, sizeof *values);
    double squares = 0.0;
    (void) unused;
    assert_non_null(values);
    replacement_noise(9, 0.01, COUNT, values);
    for (size_t i = 0; i < COUNT; i++) {
        squares += (double) values[i] * (double) values[i];
    }
    assert_true(fabs(sqrt(squares / COUNT) - 0.01) < 2e-4);
    mem_free(values);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_colours),
        cmocka_unit_test(test_donor),
        cmocka_unit_test(test_blur),
        cmocka_unit_test(test_noise_is_seeded_and_in_range),
        cmocka_unit_test(test_road_is_the_dense_solution),
        cmocka_unit_test(test_road_without_any_or_every_patch),
        cmocka_unit_test(test_normal_noise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
