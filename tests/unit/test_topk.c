/* What units keep of images is that of a program which sorts all of them, however the images are
 * divided, ordered and merged. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/topk.h"
#include "support/golden.h"

#include "support/unit.h"

#define UNITS ((size_t) 5)
#define MOST_IMAGES ((size_t) 40)
#define MOST_PARTS ((size_t) 4)

struct images {
    size_t count;
    struct topk_entry entries[UNITS][MOST_IMAGES];
};

/* Few different scores, so that there are ties; zeros of either sign are equal too. */
static void make_images(struct test_random *random, size_t count, struct images *out) {
    out->count = count;
    for (size_t unit = 0; unit < UNITS; unit++) {
        for (size_t i = 0; i < count; i++) {
            float score = (float) test_below(random, 5) * 0.25F - 0.5F;
            out->entries[unit][i] = (struct topk_entry){
                .score = score == 0.0F && i % 2 == 0 ? -0.0F : score,
                .image = (uint32_t) i,
                .target = (uint32_t) test_below(random, 1 << 20),
                .token = (uint16_t) test_below(random, TOPK_MOST_TOKENS),
            };
        }
    }
}

static int compare(const void *a, const void *b) {
    const struct topk_entry *left = a;
    const struct topk_entry *right = b;
    if (left->score > right->score || left->score < right->score) {
        return left->score > right->score ? -1 : 1;
    }
    return left->image < right->image ? -1 : 1;
}

static void assert_naive(const struct topk *topk, const struct images *images) {
    for (size_t unit = 0; unit < UNITS; unit++) {
        struct topk_entry sorted[MOST_IMAGES];
        memcpy(sorted, images->entries[unit], sizeof sorted);
        qsort(sorted, images->count, sizeof *sorted, compare);
        for (size_t i = 0; i < topk->keep; i++) {
            size_t place = unit * topk->keep + i;
            struct topk_entry wanted =
                i < images->count ? sorted[i] : (struct topk_entry){-INFINITY, TOPK_NO_IMAGE, 0, 0};
            assert_memory_equal(&topk->score[place], &wanted.score, sizeof wanted.score);
            assert_int_equal(topk->image[place], wanted.image);
            assert_int_equal(topk->target[place], wanted.target);
            assert_int_equal(topk->token[place], wanted.token);
        }
        size_t filled = images->count < topk->keep ? images->count : topk->keep;
        assert_true(topk_is_sound(topk, unit, filled, images->count));
    }
}

/* Order of the images, at random. */
static void shuffle(struct test_random *random, size_t count, size_t *order) {
    for (size_t i = 0; i < count; i++) {
        size_t other = test_below(random, i + 1);
        order[i] = order[other];
        order[other] = i;
    }
}

/* Every image into one of the tables, in an order of its own for each. */
static void divide(struct test_random *random, const struct images *images, size_t parts,
                   struct topk *tables) {
    size_t order[MOST_IMAGES];
    shuffle(random, images->count, order);
    for (size_t i = 0; i < images->count; i++) {
        struct topk *table = &tables[test_below(random, parts)];
        for (size_t unit = 0; unit < UNITS; unit++) {
            assert_true(topk_add(table, unit, &images->entries[unit][order[i]]));
        }
    }
}

static void check_division(struct test_random *random, size_t count, size_t keep) {
    struct images images;
    struct topk tables[MOST_PARTS];
    size_t parts = 1 + test_below(random, MOST_PARTS);
    make_images(random, count, &images);
    for (size_t i = 0; i < parts; i++) {
        assert_int_equal(topk_open(UNITS, keep, &tables[i], NULL), VITLRP_OK);
    }
    divide(random, &images, parts, tables);
    size_t whole = test_below(random, parts);
    for (size_t i = 1; i < parts; i++) {
        topk_merge(&tables[whole], &tables[(whole + i) % parts]);
    }
    assert_naive(&tables[whole], &images);
    for (size_t i = 0; i < parts; i++) {
        topk_close(&tables[i]);
    }
}

static void test_divisions(void **unused) {
    struct test_random random = {1};
    (void) unused;
    for (int run = 0; run < 400; run++) {
        check_division(&random, test_below(&random, MOST_IMAGES + 1), 1 + test_below(&random, 12));
    }
}

static void test_refused_scores(void **unused) {
    static const float BAD[] = {NAN, INFINITY, -INFINITY};
    struct topk topk;
    (void) unused;
    assert_int_equal(topk_open(1, 2, &topk, NULL), VITLRP_OK);
    assert_true(topk_add(&topk, 0, &(struct topk_entry){.score = 1.0F, .image = 3}));
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        assert_false(topk_add(&topk, 0, &(struct topk_entry){.score = BAD[i], .image = 1}));
    }
    assert_true(topk_is_sound(&topk, 0, 1, 4));
    topk_close(&topk);
}

/* What no images leave behind. */
static void test_unsound(void **unused) {
    struct topk topk;
    (void) unused;
    assert_int_equal(topk_open(1, 3, &topk, NULL), VITLRP_OK);
    for (uint32_t i = 0; i < 2; i++) {
        topk_add(&topk, 0, &(struct topk_entry){.score = 0.5F, .image = i});
    }
    assert_true(topk_is_sound(&topk, 0, 2, 2));
    assert_false(topk_is_sound(&topk, 0, 2, 1)); /* an image that is not there */
    assert_false(topk_is_sound(&topk, 0, 1, 2)); /* more than there can be */
    assert_false(topk_is_sound(&topk, 0, 3, 3)); /* less */
    topk.image[1] = 0;
    assert_false(topk_is_sound(&topk, 0, 2, 2)); /* an image twice */
    topk.image[1] = 1;
    topk.score[1] = 0.75F;
    assert_false(topk_is_sound(&topk, 0, 2, 2)); /* out of order */
    topk.score[1] = NAN;
    assert_false(topk_is_sound(&topk, 0, 2, 2));
    topk_close(&topk);
}

static void test_sizes(void **unused) {
    struct topk topk;
    struct vitlrp_error error;
    (void) unused;
    assert_int_equal(topk_open(SIZE_MAX, 2, &topk, &error), VITLRP_LIMIT);
    assert_int_equal(topk_open(SIZE_MAX / 4, 2, &topk, &error), VITLRP_NOMEM);
    topk_close(&topk);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_divisions),
        cmocka_unit_test(test_refused_scores),
        cmocka_unit_test(test_unsound),
        cmocka_unit_test(test_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
