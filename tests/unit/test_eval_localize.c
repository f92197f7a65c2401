/* Boxes through the preprocessing onto patches, and what maps make of them. */
#include <math.h>

#include "eval/localize.h"
#include "support/golden.h"

#include "support/unit.h"

enum { ROWS = 4, COLUMNS = 4, PATCHES = ROWS * COLUMNS, SIDE = 8 };

static const struct localize_grid GRID = {
    .rows = ROWS, .columns = COLUMNS, .patch_height = SIDE, .patch_width = SIDE};

/* A photograph of this size, its short side resized to `size` and 32 x 32 pixels cut from the
 * middle. */
static struct preprocess_plan plan_for(int32_t width, int32_t height, int32_t size) {
    struct vitlrp_preprocess preprocess = {.resize = VITLRP_RESIZE_SHORT,
                                           .resize_to = size,
                                           .interpolation = VITLRP_BILINEAR,
                                           .crop_height = ROWS * SIDE,
                                           .crop_width = COLUMNS * SIDE};
    struct preprocess_plan plan;
    struct vitlrp_error err = {0};
    assert_int_equal(preprocess_plan_make(&preprocess, width, height, &plan, &err), VITLRP_OK);
    return plan;
}

static void cover(const struct preprocess_plan *plan, const struct eval_box *boxes, size_t count,
                  double *coverage) {
    struct localize_boxes given = {.boxes = boxes, .count = count, .plan = plan};
    struct vitlrp_error err = {0};
    assert_int_equal(localize_coverage(&given, &GRID, coverage, &err), VITLRP_OK);
}

static void assert_near(double found, double expected) {
    if (!(fabs(found - expected) < 1e-9)) {
        fail_msg("%.12g, expected %.12g", found, expected);
    }
}

static double total(const double *coverage) {
    double sum = 0.0;
    for (size_t p = 0; p < PATCHES; p++) {
        sum += coverage[p];
    }
    return sum;
}

static void test_coverage_without_resizing(void **unused) {
    const struct eval_box box = {.left = 4.0, .top = 8.0, .right = 16.0, .bottom = 20.0};
    struct preprocess_plan plan = plan_for(32, 32, 32);
    double coverage[PATCHES];
    (void) unused;
    cover(&plan, &box, 1, coverage);
    assert_near(coverage[4], 0.5);
    assert_near(coverage[5], 1.0);
    assert_near(coverage[8], 0.25);
    assert_near(coverage[9], 0.5);
    assert_near(total(coverage), 2.25);
}

/* A photograph of 128 x 64 becomes 64 x 32, of which the middle is seen: photograph pixels 32 to
 * 96. */
static void test_coverage_follows_resize_and_crop(void **unused) {
    const struct eval_box left_half = {.left = 0.0, .top = 0.0, .right = 64.0, .bottom = 64.0};
    const struct eval_box unseen = {.left = 0.0, .top = 0.0, .right = 32.0, .bottom = 64.0};
    const struct eval_box beyond = {.left = 88.0, .top = 56.0, .right = 500.0, .bottom = 500.0};
    struct preprocess_plan plan = plan_for(128, 64, 32);
    double coverage[PATCHES];
    (void) unused;
    cover(&plan, &left_half, 1, coverage);
    for (size_t p = 0; p < PATCHES; p++) {
        assert_near(coverage[p], p % COLUMNS < 2 ? 1.0 : 0.0);
    }
    cover(&plan, &unseen, 1, coverage);
    assert_near(total(coverage), 0.0);
    cover(&plan, &beyond, 1, coverage);
    assert_near(total(coverage), 0.25);
    assert_near(coverage[PATCHES - 1], 0.25);
}

/* Resized to 48 and cropped to 32: the input begins 8 input pixels in. */
static void test_coverage_of_a_central_crop(void **unused) {
    const struct eval_box corner = {.left = 0.0, .top = 0.0, .right = 32.0, .bottom = 32.0};
    struct preprocess_plan plan = plan_for(96, 96, 48);
    double coverage[PATCHES];
    (void) unused;
    cover(&plan, &corner, 1, coverage);
    assert_near(coverage[0], 1.0);
    assert_near(total(coverage), 1.0);
}

/* The union, counted on a fine lattice of points. */
static void test_union_of_random_boxes(void **unused) {
    enum { BOXES = 6, POINTS = 32 * 4 };
    struct test_random random = {17};
    struct preprocess_plan plan = plan_for(32, 32, 32);
    (void) unused;
    for (size_t trial = 0; trial < 50; trial++) {
        struct eval_box boxes[BOXES];
        double coverage[PATCHES];
        double expected[PATCHES] = {0};
        for (size_t i = 0; i < BOXES; i++) {
            double left = (double) test_below(&random, POINTS) / 4.0;
            double top = (double) test_below(&random, POINTS) / 4.0;
            boxes[i] = (struct eval_box){.left = left,
                                         .top = top,
                                         .right = left + (double) test_below(&random, 60) / 4.0,
                                         .bottom = top + (double) test_below(&random, 60) / 4.0};
        }
        for (size_t i = 0; i < (size_t) POINTS * POINTS; i++) {
            double x = ((double) (i % POINTS) + 0.5) / 4.0;
            double y = ((double) (i / POINTS) + 0.5) / 4.0;
            int inside = 0;
            for (size_t b = 0; b < BOXES; b++) {
                inside |= x > boxes[b].left && x < boxes[b].right && y > boxes[b].top &&
                          y < boxes[b].bottom;
            }
            expected[(size_t) (y / SIDE) * COLUMNS + (size_t) (x / SIDE)] +=
                inside / (16.0 * SIDE * SIDE);
        }
        cover(&plan, boxes, BOXES, coverage);
        for (size_t p = 0; p < PATCHES; p++) {
            assert_near(coverage[p], expected[p]);
        }
    }
}

static struct localization locate(const struct eval_box *boxes, size_t count,
                                  const float *patches) {
    struct preprocess_plan plan = plan_for(32, 32, 32);
    struct localize_boxes given = {.boxes = boxes, .count = count, .plan = &plan};
    struct localization found;
    struct vitlrp_error err = {0};
    double coverage[PATCHES];
    cover(&plan, boxes, count, coverage);
    assert_int_equal(localize_map(&given, &GRID, coverage, patches, &found, &err), VITLRP_OK);
    return found;
}

static void test_metrics_of_a_map(void **unused) {
    const struct eval_box box = {.left = 0.0, .top = 0.0, .right = 16.0, .bottom = 12.0};
    float patches[PATCHES] = {[0] = 4.0F, [4] = 2.0F, [2] = 1.0F, [15] = 1.0F, [9] = -8.0F};
    (void) unused;
    /* Covered: 0 and 1 wholly, 4 and 5 by half; area 3. The three largest: 0, 4, then 2 before 15.
     */
    struct localization found = locate(&box, 1, patches);
    assert_near(found.pointing, 1.0);
    assert_near(found.mass, (4.0 + 1.0) / 8.0);
    assert_near(found.rank, (1.0 + 0.5 + 0.0) / 3.0);
    patches[15] = 9.0F;
    found = locate(&box, 1, patches);
    assert_near(found.pointing, 0.0);
    assert_near(found.rank, (0.0 + 1.0 + 0.5) / 3.0);
}

/* The middle of the best patch decides, not whether the box touches it. */
static void test_pointing_needs_the_middle(void **unused) {
    const struct eval_box small = {.left = 0.0, .top = 0.0, .right = 3.5, .bottom = 8.0};
    const struct eval_box two[] = {small, {.left = 3.5, .top = 0.0, .right = 4.5, .bottom = 8.0}};
    const float patches[PATCHES] = {1.0F};
    (void) unused;
    assert_near(locate(&small, 1, patches).pointing, 0.0);
    assert_near(locate(two, 2, patches).pointing, 1.0);
}

static void test_undefined_metrics(void **unused) {
    const struct eval_box outside = {.left = 40.0, .top = 0.0, .right = 50.0, .bottom = 9.0};
    const struct eval_box empty = {.left = 5.0, .top = 5.0, .right = 5.0, .bottom = 9.0};
    const struct eval_box all = {.left = 0.0, .top = 0.0, .right = 32.0, .bottom = 32.0};
    const float patches[PATCHES] = {1.0F};
    const float nothing[PATCHES] = {0};
    (void) unused;
    assert_true(isnan(locate(&outside, 1, patches).pointing));
    assert_true(isnan(locate(&empty, 1, patches).mass));
    assert_true(isnan(locate(NULL, 0, patches).rank));
    assert_true(isnan(locate(&all, 1, nothing).mass));
    assert_near(locate(&all, 1, nothing).pointing, 1.0);
    assert_near(locate(&all, 1, patches).rank, 1.0);
}

/* Row f09 of the table of bad inputs: many boxes are measured by another way, which gives the same
 * areas. Groups of few boxes, together the many, are the judges: no box of two groups meets. */
static void test_f09_many_boxes(void **unused) {
    enum { GROUPS = 4, EACH = 40 };
    struct preprocess_plan plan = plan_for(32, 32, 32);
    struct eval_box boxes[GROUPS * EACH];
    struct test_random random = {.state = 9};
    double parts[PATCHES] = {0};
    double coverage[PATCHES];
    (void) unused;
    for (size_t i = 0; i < GROUPS * EACH; i++) {
        /* Each group keeps to a band of 8 columns; some boxes reach beyond the picture above. */
        double low = 8.0 * (double) (i / EACH);
        double left = low + 0.25 * (double) test_below(&random, 24);
        double top = (double) test_below(&random, 40) - 8.0;
        boxes[i] = (struct eval_box){
            .left = left,
            .top = top,
            .right = fmin(left + 0.3 * (double) test_below(&random, 12), low + 8.0),
            .bottom = top + 0.7 * (double) test_below(&random, 20),
        };
    }
    for (size_t group = 0; group < GROUPS; group++) {
        cover(&plan, boxes + group * EACH, EACH, coverage);
        for (size_t p = 0; p < PATCHES; p++) {
            parts[p] += coverage[p];
        }
    }
    cover(&plan, boxes, GROUPS * EACH, coverage);
    for (size_t p = 0; p < PATCHES; p++) {
        assert_near(coverage[p], parts[p]);
    }
    assert_true(total(coverage) > 2.0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_coverage_without_resizing),
        cmocka_unit_test(test_coverage_follows_resize_and_crop),
        cmocka_unit_test(test_coverage_of_a_central_crop),
        cmocka_unit_test(test_union_of_random_boxes),
        cmocka_unit_test(test_f09_many_boxes),
        cmocka_unit_test(test_metrics_of_a_map),
        cmocka_unit_test(test_pointing_needs_the_middle),
        cmocka_unit_test(test_undefined_metrics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
