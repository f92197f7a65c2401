/* Maps as segmentations: by hand where that can be, by slow definitions elsewhere; masks where the
 * photograph lies; and a run. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "eval/eval_run.h"
#include "eval/mask_folder.h"
#include "eval/segmentation.h"
#include "eval/summary.h"
#include "support/arrays.h"
#include "support/attribution.h"
#include "support/photo_set.h"

#include "support/unit.h"

enum { ROWS = 2, COLUMNS = 3, PATCH = 4, HEIGHT = ROWS * PATCH, WIDTH = COLUMNS * PATCH };
enum { PIXELS = HEIGHT * WIDTH };

static const struct localize_grid GRID = {
    .rows = ROWS, .columns = COLUMNS, .patch_height = PATCH, .patch_width = PATCH};

static struct segmentation segment(const float *patches, const uint8_t *mask) {
    struct segmentation found;
    assert_int_equal(segmentation_of(&GRID, patches, mask, &found, NULL), VITLRP_OK);
    return found;
}

/* The map between the middles of the patches, as a sum over all of them of tents. */
static double value_at(const float *patches, size_t y, size_t x) {
    double sum = 0.0;
    double down = fmin(fmax(((double) y + 0.5) / PATCH - 0.5, 0.0), ROWS - 1.0);
    double across = fmin(fmax(((double) x + 0.5) / PATCH - 0.5, 0.0), COLUMNS - 1.0);
    for (size_t p = 0; p < (size_t) ROWS * COLUMNS; p++) {
        double tent = fmax(0.0, 1.0 - fabs(down - (double) (p / COLUMNS))) *
                      fmax(0.0, 1.0 - fabs(across - (double) (p % COLUMNS)));
        sum += tent * (double) patches[p];
    }
    return sum;
}

/* Average precision by its definition: for each right pixel the precision at its score. */
static double precision_of(const double *values, const uint8_t *mask) {
    double sum = 0.0;
    double pixels = 0.0;
    for (size_t i = 0; i < 2 * (size_t) PIXELS; i++) {
        if (mask[i % PIXELS] == SEGMENT_NONE ||
            (mask[i % PIXELS] == SEGMENT_OBJECT) != (i < PIXELS)) {
            continue;
        }
        float own = (float) (i < PIXELS ? values[i] : 1.0 - values[i - PIXELS]);
        double right = 0.0;
        double above = 0.0;
        for (size_t k = 0; k < 2 * (size_t) PIXELS; k++) {
            float other = (float) (k < PIXELS ? values[k] : 1.0 - values[k - PIXELS]);
            if (mask[k % PIXELS] != SEGMENT_NONE && other >= own) {
                above += 1.0;
                right += (mask[k % PIXELS] == SEGMENT_OBJECT) == (k < PIXELS) ? 1.0 : 0.0;
            }
        }
        pixels += 1.0;
        sum += right / above;
    }
    return sum / pixels;
}

static void check_random(struct test_random *random) {
    float patches[ROWS * COLUMNS];
    uint8_t mask[PIXELS];
    double values[PIXELS], mean = 0.0, least = INFINITY, most = -INFINITY;
    double right = 0.0, seen = 0.0, both[2] = {0}, either[2] = {0};
    test_fill(random, patches, (size_t) ROWS * COLUMNS, 1.0);
    for (size_t i = 0; i < PIXELS; i++) {
        mask[i] = (uint8_t) test_below(random, 3);
        values[i] = value_at(patches, i / WIDTH, i % WIDTH);
        least = fmin(least, values[i]);
        most = fmax(most, values[i]);
    }
    for (size_t i = 0; i < PIXELS; i++) {
        values[i] = (values[i] - least) / (most - least);
        mean += values[i] / PIXELS;
    }
    for (size_t i = 0; i < PIXELS; i++) {
        for (size_t c = 0; c < 2 && mask[i] != SEGMENT_NONE; c++) {
            bool found = (values[i] > mean) == (c == 1);
            bool wanted = mask[i] == c;
            both[c] += found && wanted ? 1.0 : 0.0;
            either[c] += found || wanted ? 1.0 : 0.0;
            right += found && wanted ? 1.0 : 0.0;
        }
        seen += mask[i] != SEGMENT_NONE ? 1.0 : 0.0;
    }
    struct segmentation found = segment(patches, mask);
    assert_true(fabs(found.accuracy - right / seen) < 1e-12);
    assert_memory_equal(found.both, both, sizeof both);
    assert_memory_equal(found.either, either, sizeof either);
    assert_true(fabs(found.average_precision - precision_of(values, mask)) < 1e-9);
}

static void test_definitions(void **unused) {
    struct test_random random = {3};
    (void) unused;
    for (size_t i = 0; i < 20; i++) {
        check_random(&random);
    }
}

/* A map that is right, one that is wrong, one of one value, and no pixel at all. */
static void test_ends(void **unused) {
    static const float LEFT[] = {1.0F, 0.5F, 0.0F, 1.0F, 0.5F, 0.0F};
    static const float RIGHT[] = {0.0F, 0.5F, 1.0F, 0.0F, 0.5F, 1.0F};
    static const float FLAT[] = {2.0F, 2.0F, 2.0F, 2.0F, 2.0F, 2.0F};
    uint8_t mask[PIXELS];
    (void) unused;
    for (size_t i = 0; i < PIXELS; i++) {
        mask[i] = i % WIDTH < WIDTH / 2 ? SEGMENT_OBJECT : SEGMENT_BACKGROUND;
    }
    struct segmentation found = segment(LEFT, mask);
    assert_true(found.accuracy == 1.0 && fabs(found.average_precision - 1.0) < 1e-12);
    assert_true(segmentation_mean_iou(found.both, found.either) == 1.0);
    found = segment(RIGHT, mask);
    assert_true(found.accuracy == 0.0 && found.average_precision < 0.51);
    assert_true(segmentation_mean_iou(found.both, found.either) == 0.0);
    assert_true(isnan(segment(FLAT, mask).accuracy));
    memset(mask, SEGMENT_NONE, sizeof mask);
    assert_true(isnan(segment(LEFT, mask).accuracy) && isnan(segment(LEFT, mask).both[0]));
}

/* ---- A run ---- */

/* A mask of 40 x 36 pixels in the folder, the object in its left part; `name` below the folder. */
static void write_mask(struct photo_set *set, const char *name, int32_t width) {
    char text[16 + 3 * 40 * 36];
    int head = snprintf(text, sizeof text, "P6 %d 36 255\n", width);
    size_t size = (size_t) head + 3 * (size_t) width * 36;
    for (size_t i = (size_t) head; i < size; i++) {
        text[i] = (i - (size_t) head) / 3 % (size_t) width < 15 ? '\x7F' : '\0';
    }
    scratch_write(&set->scratch, name, text, size);
}

static struct evaluation run(const struct eval_run_options *options, const struct photo_set *set,
                             enum vitlrp_status wanted, const char *message) {
    struct evaluation out = {0};
    struct vitlrp_error err = {0};
    assert_int_equal(eval_run(options, set->items, set->count, &out, &err), wanted);
    assert_true(wanted == VITLRP_OK || strstr(err.message, message) != NULL);
    return out;
}

static void check_pool(const struct evaluation *found) {
    struct summary summary;
    double both[2] = {0};
    double either[2] = {0};
    assert_int_equal(summary_make(found, NULL, 1, &summary, NULL), VITLRP_OK);
    for (size_t i = 0; i < 2; i++) {
        for (size_t c = 0; c < 2; c++) {
            both[c] += found->images[i].methods[0].segmentation.both[c];
            either[c] += found->images[i].methods[0].segmentation.either[c];
        }
    }
    const struct vitlrp_statistic *iou = &summary_row(&summary, 0, 0)->metrics[EVAL_MEAN_IOU];
    assert_int_equal(iou->n, 2);
    assert_true(fabs(iou->mean - 0.5 * (both[0] / either[0] + both[1] / either[1])) < 1e-12);
    assert_true(iou->lo <= iou->mean && iou->mean <= iou->hi && iou->lo < iou->hi);
    assert_int_equal(summary_row(&summary, 0, 0)->metrics[EVAL_AVERAGE_PRECISION].n, 2);
    summary_free(&summary);
}

static void test_masks_of_a_run(void **unused) {
    const char *const methods[] = {"attnlrp", "random", NULL};
    struct photo_set set;
    char folder[160];
    (void) unused;
    photo_set_open(&set, 3);
    struct eval_run_options options = photo_set_options(&set, methods);
    snprintf(folder, sizeof folder, "%.*s", (int) (strrchr(set.paths[0], '/') - set.paths[0]),
             set.paths[0]);
    options.truth_masks = folder;
    write_mask(&set, "photo_00.png", 40);
    write_mask(&set, "photo_01.ppm.png", 40);
    (void) run(&options, &set, VITLRP_MISMATCH, "no mask of photo_02.ppm is there");
    write_mask(&set, "photo_02.png", 39);
    struct evaluation found = run(&options, &set, VITLRP_OK, "");
    assert_int_equal(found.images[0].status, VITLRP_OK);
    assert_int_equal(strlen(found.images[0].mask_sha256), 64);
    const struct segmentation *segments = &found.images[0].methods[0].segmentation;
    assert_true(segments->accuracy > 0.0 && segments->accuracy < 1.0);
    assert_int_equal(found.images[2].status, VITLRP_MISMATCH);
    assert_non_null(strstr(found.images[2].message,
                           "photo_02.png: a mask of 39 x 36 pixels, and its "
                           "photograph has 40 x 36"));
    check_pool(&found);
    evaluation_free(&found);
    options.truth_masks = set.paths[0];
    (void) run(&options, &set, VITLRP_USAGE, "is no folder, and masks are files of one");
    photo_set_close(&set);
}

/* Half a photograph of 40 x 36, squashed to 20 x 20: as Pillow's NEAREST. */
static void test_mask_follows_the_photograph(void **unused) {
    struct photo_set set;
    struct preprocess_plan plan;
    uint8_t mask[20 * 20];
    char digest[SHA256_TEXT];
    char folder[160];
    (void) unused;
    photo_set_open(&set, 1);
    write_mask(&set, "photo_00.png", 40);
    set.preprocess.resize = VITLRP_RESIZE_SQUASH;
    set.preprocess.resize_to = 20;
    set.preprocess.crop_height = set.preprocess.crop_width = 0;
    assert_int_equal(preprocess_plan_make(&set.preprocess, 40, 36, &plan, NULL), VITLRP_OK);
    snprintf(folder, sizeof folder, "%.*s", (int) (strrchr(set.paths[0], '/') - set.paths[0]),
             set.paths[0]);
    const struct mask_folder masks = {.path = folder, .limits = image_limits_default()};
    assert_int_equal(mask_folder_read(&masks, "photo_00.ppm", &plan, mask, digest, NULL),
                     VITLRP_OK);
    for (size_t i = 0; i < sizeof mask; i++) {
        /* Middle of input pixel x: 2 x + 1, in photograph pixel 2 x + 1; below 15 is the object. */
        assert_int_equal(mask[i], 2 * (i % 20) + 1 < 15 ? SEGMENT_OBJECT : SEGMENT_BACKGROUND);
    }
    photo_set_close(&set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_definitions),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_masks_of_a_run),
        cmocka_unit_test(test_mask_follows_the_photograph),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
