/* The protocol's order, counts and areas. */
#include <math.h>
#include <string.h>

#include "eval/protocol.h"
#include "eval/protocol_table.h"
#include "eval/regions.h"
#include "support/golden.h"

#include "support/unit.h"

static void test_order_breaks_ties_by_index(void **unused) {
    const float scores[] = {1.0F, 3.0F, -0.0F, 3.0F, 0.0F, -INFINITY, 1.0F};
    const uint32_t expected[] = {1, 3, 0, 6, 2, 4, 5};
    struct ranked_patch order[7];
    (void) unused;
    protocol_rank(scores, 7, order);
    for (size_t i = 0; i < 7; i++) {
        assert_int_equal(order[i].patch, expected[i]);
    }
}

static void test_order_of_equal_scores_is_the_index(void **unused) {
    float scores[100] = {0};
    struct ranked_patch order[100];
    (void) unused;
    protocol_rank(scores, 100, order);
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(order[i].patch, i);
    }
}

/* Row b37 of the table of bad inputs. */
static void test_b37_ties_are_turned_around(void **unused) {
    const float scores[] = {1.0F, 3.0F, -0.0F, 3.0F, 0.0F, 2.0F, 1.0F, 1.0F};
    const uint32_t expected[] = {3, 1, 5, 7, 6, 0, 4, 2};
    const float distinct[] = {1.0F, 3.0F, 2.0F};
    struct ranked_patch order[8];
    (void) unused;
    protocol_rank(scores, 8, order);
    protocol_reverse_ties(order, 8);
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(order[i].patch, expected[i]);
    }
    protocol_rank(distinct, 3, order);
    protocol_reverse_ties(order, 3);
    assert_int_equal(order[0].patch, 1);
}

/* Every patch is in one region, and no region is larger than its square. */
static void test_regions_share_the_grid(void **unused) {
    enum { MOST = 9 };
    (void) unused;
    for (size_t trial = 0; trial < (size_t) MOST * MOST * MOST; trial++) {
        struct regions regions = {1 + trial % MOST, 1 + trial / MOST % MOST,
                                  1 + trial / MOST / MOST};
        int met[MOST * MOST] = {0};
        for (size_t i = 0; i < regions_count(&regions); i++) {
            struct region_bounds bounds = regions_bounds(&regions, i);
            assert_in_range(bounds.bottom - bounds.top, 1, regions.side);
            assert_in_range(bounds.right - bounds.left, 1, regions.side);
            for (size_t row = bounds.top; row < bounds.bottom; row++) {
                for (size_t column = bounds.left; column < bounds.right; column++) {
                    assert_true(column < regions.columns);
                    met[row * regions.columns + column]++;
                }
            }
        }
        for (size_t p = 0; p < regions.rows * regions.columns; p++) {
            assert_int_equal(met[p], 1);
        }
    }
}

/* floor(k T / K + 1/2) by rational arithmetic done otherwise: the largest n with n - 1/2 <= k T /
 * K, that is (2 n - 1) K <= 2 k T. */
static size_t replaced_by_search(size_t point, size_t steps, size_t patches) {
    size_t n = 0;
    while ((2 * (n + 1) - 1) * steps <= 2 * point * patches) {
        n++;
    }
    return n;
}

static void test_replaced_counts(void **unused) {
    (void) unused;
    assert_int_equal(protocol_replaced(1, 28, 196), 7);
    assert_int_equal(protocol_replaced(1, 28, 64), 2);  /* 2.29 */
    assert_int_equal(protocol_replaced(1, 2, 5), 3);    /* 2.5 goes up */
    assert_int_equal(protocol_replaced(3, 10, 5), 2);   /* 1.5 goes up */
    assert_int_equal(protocol_replaced(49, 100, 1), 0); /* 0.49 */
    for (size_t patches = 1; patches < 40; patches++) {
        for (size_t steps = 1; steps < 70; steps++) {
            assert_int_equal(protocol_replaced(0, steps, patches), 0);
            assert_int_equal(protocol_replaced(steps, steps, patches), patches);
            for (size_t k = 0; k <= steps; k++) {
                assert_int_equal(protocol_replaced(k, steps, patches),
                                 replaced_by_search(k, steps, patches));
            }
        }
    }
}

static void test_area_is_the_trapezoid_rule(void **unused) {
    const float two[] = {1.0F, 3.0F};
    const float five[] = {4.0F, 0.0F, 2.0F, 1.0F, -2.0F};
    const float flat[] = {2.5F, 2.5F, 2.5F, 2.5F};
    (void) unused;
    assert_true(protocol_area(two, 1) == 2.0);
    assert_true(protocol_area(five, 4) == (2.0 + 1.0 + 1.5 - 0.5) / 4.0);
    assert_true(protocol_area(flat, 3) == 2.5);
}

static void test_check_and_names(void **unused) {
    struct eval_protocol protocol = eval_protocol_default();
    struct vitlrp_error err = {0};
    (void) unused;
    assert_int_equal(protocol.steps, 28);
    assert_int_equal(protocol.replacements, VITLRP_REPLACEMENT_BIT(VITLRP_REPLACE_ZERO));
    assert_int_equal(eval_protocol_check(&protocol, &err), VITLRP_OK);
    protocol.steps = 0;
    assert_int_equal(eval_protocol_check(&protocol, &err), VITLRP_USAGE);
    protocol.steps = 100001;
    assert_int_equal(eval_protocol_check(&protocol, &err), VITLRP_USAGE);
    protocol = eval_protocol_default();
    protocol.replacements = 0;
    assert_int_equal(eval_protocol_check(&protocol, &err), VITLRP_USAGE);
    assert_non_null(word_of(WORDS_REPLACEMENT, VITLRP_REPLACE_ROAD));
    for (int i = 0; word_of(WORDS_REPLACEMENT, i) != NULL; i++) {
        assert_int_equal(word_find(WORDS_REPLACEMENT, word_of(WORDS_REPLACEMENT, i)), i);
    }
    assert_int_equal(word_find(WORDS_REPLACEMENT, "grey"), -1);
    assert_null(word_of(WORDS_REPLACEMENT, 99));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_b37_ties_are_turned_around),
        cmocka_unit_test(test_regions_share_the_grid),
        cmocka_unit_test(test_order_breaks_ties_by_index),
        cmocka_unit_test(test_order_of_equal_scores_is_the_index),
        cmocka_unit_test(test_replaced_counts),
        cmocka_unit_test(test_area_is_the_trapezoid_rule),
        cmocka_unit_test(test_check_and_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
