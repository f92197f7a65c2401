/* Maps against what patches are worth: Shapley values against all permutations of a small game, and
 * the correlations of a run. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "eval/eval_run.h"
#include "eval/load_input.h"
#include "eval/statistics.h"
#include "support/attribution.h"
#include "support/form_bench.h"
#include "support/naive_vit.h"
#include "support/photo_set.h"
#include "vit/methods/shapley.h"

#include "support/unit.h"

enum { OUTPUT = 1, SETS = 1 << FORM_PATCHES };

/* A linear game would hide an error of weights: parts of this model act on each other strongly. */
static struct form game_form(void) {
    struct form form = {.name = "shapley", .config = form_config(), .strength = 1.0F};
    form.config.dim = 8;
    form.config.heads = 2;
    return form;
}

/* The logit of every set of patches by the twin; of the empty one, the mean of the sets of one. */
static void play_game(const struct form_bench *bench, double values[SETS]) {
    values[0] = 0.0;
    for (size_t set = 1; set < SETS; set++) {
        double logits[FORM_CLASSES];
        uint8_t absent[FORM_PATCHES + 1] = {0};
        for (size_t p = 0; p < FORM_PATCHES; p++) {
            absent[1 + p] = (set >> p & 1) == 0;
        }
        const struct naive_nudge gone = {.block = -1, .absent = absent};
        naive_vit(bench->model, bench->input, gone, FORM_DEPTH - 1, logits);
        values[set] = logits[OUTPUT];
        values[0] += (set & (set - 1)) == 0 ? logits[OUTPUT] / FORM_PATCHES : 0.0;
    }
}

/* Adds what each patch gains in all orders that go on from a set. Returns how many there are. */
static size_t visit_orders(const double values[SETS], size_t set, double sums[FORM_PATCHES]) {
    size_t orders = set == SETS - 1 ? 1 : 0;
    for (size_t p = 0; p < FORM_PATCHES; p++) {
        size_t with = set | (size_t) 1 << p;
        if (with != set) {
            size_t behind = visit_orders(values, with, sums);
            sums[p] += (double) behind * (values[with] - values[set]);
            orders += behind;
        }
    }
    return orders;
}

static struct vit_attributor *open_shapley(const struct vit_model *model) {
    const struct vit_method *methods[] = {&SHAPLEY_VALUES};
    const struct vit_attributor_options options = {
        .threads = 1, .backend = "auto", .methods = methods, .method_count = 1};
    struct vit_attributor *attributor = NULL;
    struct vitlrp_error err = {0};
    assert_int_equal(vit_attributor_open(model, &options, &attributor, &err), VITLRP_OK);
    return attributor;
}

static struct shapley_result sample(struct vit_attributor *attributor,
                                    const struct form_bench *bench, int32_t samples, uint64_t seed,
                                    float patches[FORM_PATCHES], float halves[2 * FORM_PATCHES]) {
    struct vitlrp_error err = {0};
    struct vitlrp_method_options options = {.samples = samples, .seed = seed};
    struct vitlrp_target target = {.output = OUTPUT, .weight = 1.0F};
    struct shapley_result found = {.halves = halves};
    const struct vit_method_request request = {.input = bench->input,
                                               .targets = &target,
                                               .target_count = 1,
                                               .options = &options,
                                               .patches = patches,
                                               .shapley = &found};
    assert_int_equal(vit_attributor_forward(attributor, bench->input, NULL, &err), VITLRP_OK);
    assert_int_equal(vit_attributor_run(attributor, &SHAPLEY_VALUES, &request, &err), VITLRP_OK);
    return found;
}

/* The estimate is within its error of the mean over all 720 orders, its error is what many
 * estimates show, and the halves are two estimates. */
static void test_shapley_values(void **unused) {
    enum { SAMPLES = 1024, RUNS = 40 };
    const struct form form = game_form();
    struct form_bench bench = form_bench_open(&form);
    struct vit_attributor *attributor = open_shapley(bench.model);
    double values[SETS];
    double exact[FORM_PATCHES] = {0};
    double spread = 0.0;
    double told = 0.0;
    double bias[FORM_PATCHES] = {0};
    float patches[FORM_PATCHES], halves[2 * FORM_PATCHES];
    (void) unused;
    play_game(&bench, values);
    size_t orders = visit_orders(values, 0, exact);
    assert_int_equal(orders, 720);
    for (uint64_t seed = 0; seed < RUNS; seed++) {
        struct shapley_result found = sample(attributor, &bench, SAMPLES, seed, patches, halves);
        double sum = 0.0;
        told += found.standard_error * found.standard_error / RUNS;
        for (size_t p = 0; p < FORM_PATCHES; p++) {
            double off = (double) patches[p] - exact[p] / 720.0;
            spread += off * off / (FORM_PATCHES * RUNS);
            bias[p] += off / RUNS;
            sum += (double) patches[p];
            assert_true(fabsf(0.5F * (halves[p] + halves[FORM_PATCHES + p]) - patches[p]) < 1e-5F);
            assert_true(halves[p] != halves[FORM_PATCHES + p]);
        }
        assert_true(fabs(sum - values[SETS - 1] + values[0]) < 1e-4);
    }
    for (size_t p = 0; p < FORM_PATCHES; p++) {
        assert_true(fabs(bias[p]) < 4.0 * sqrt(spread / RUNS));
    }
    assert_true(spread > 0.0 && told / spread > 0.7 && told / spread < 1.4);
    vit_attributor_close(attributor);
    form_bench_close(&bench);
}

static void test_same_seed_same_values(void **unused) {
    const struct form form = game_form();
    struct form_bench bench = form_bench_open(&form);
    struct vit_attributor *attributor = open_shapley(bench.model);
    float one[FORM_PATCHES], two[FORM_PATCHES], halves[2 * FORM_PATCHES];
    (void) unused;
    sample(attributor, &bench, 100, 5, one, halves);
    sample(attributor, &bench, 100, 5, two, halves);
    assert_memory_equal(one, two, sizeof one);
    sample(attributor, &bench, 100, 6, two, halves);
    assert_true(memcmp(one, two, sizeof one) != 0);
    vit_attributor_close(attributor);
    form_bench_close(&bench);
}

/* At least so many coalitions, in an even number of pairs. */
static void test_numbers_of_coalitions(void **unused) {
    (void) unused;
    assert_int_equal(shapley_pairs(196, 1024), 4);
    assert_int_equal(shapley_coalitions(196, 1024), 196 + 4 * 388);
    assert_int_equal(shapley_coalitions(1370, 1024), 1370 + 2 * 2736);
    assert_int_equal(shapley_coalitions(2, 1024), 2);
    for (size_t players = 3; players < 300; players++) {
        size_t count = shapley_coalitions(players, 1024);
        assert_true(count >= 1024 && shapley_pairs(players, 1024) % 2 == 0);
        assert_int_equal(shapley_coalitions(players, count), count);
    }
}

/* ---- Runs ---- */

static struct evaluation run(const struct eval_run_options *options, const struct photo_set *set) {
    struct evaluation out;
    struct vitlrp_error err = {0};
    if (eval_run(options, set->items, set->count, &out, &err) != VITLRP_OK) {
        fail_msg("%s", err.message);
    }
    return out;
}

/* Of an image, the map of token-drop by itself. */
static void drop(const struct photo_set *set, size_t place, int32_t output,
                 float patches[PARITY_PATCHES]) {
    struct input_source source = {.preprocess = &set->preprocess, .limits = image_limits_default()};
    struct vit_attributor *attributor =
        attributor_for(set->model, vit_method_find("token-drop"), 1);
    struct loaded_input loaded = {0};
    struct vitlrp_error err = {0};
    float input[PARITY_INPUT];
    input_source_size(&source, set->model);
    assert_int_equal(load_input(&source, set->paths[place], input, &loaded, &err), VITLRP_OK);
    attributor_see(attributor, set->model, input);
    attribute_class(attributor, "token-drop", input, output, NULL, patches, NULL);
    vit_attributor_close(attributor);
}

static void check_image(const struct photo_set *set, const struct evaluation *with,
                        const struct evaluation *without, size_t i) {
    const struct eval_image *image = &with->images[i];
    const struct eval_method_result *attnlrp = &image->methods[0];
    float drops[PARITY_PATCHES];
    double rho = 0.0;
    drop(set, i, image->output, drops);
    assert_int_equal(statistics_spearman(attnlrp->patches, drops, PARITY_PATCHES, &rho, NULL),
                     VITLRP_OK);
    assert_true(attnlrp->rho_drop == rho && rho < 1.0);
    assert_true(image->methods[1].rho_drop == 1.0);
    assert_true(image->methods[1].rho_shapley > -1.0 && image->methods[1].rho_shapley < 1.0);
    assert_true(image->shapley_error > 0.0 && fabs(image->shapley_split_half) <= 1.0);
    /* Whether token-drop is a method of the run, and which others are, changes nothing. */
    assert_true(without->images[i].methods[0].rho_drop == rho);
    assert_true(without->images[i].methods[0].rho_shapley == attnlrp->rho_shapley);
    assert_true(without->images[i].shapley_error == image->shapley_error);
}

static void test_agreement_of_a_run(void **unused) {
    const char *const two[] = {"attnlrp", "token-drop", NULL};
    const char *const one[] = {"attnlrp", NULL};
    struct photo_set set;
    (void) unused;
    photo_set_open(&set, 3);
    struct eval_run_options options = photo_set_options(&set, two);
    options.protocol.coalitions = 1024;
    struct evaluation with = run(&options, &set);
    options = photo_set_options(&set, one);
    options.protocol.coalitions = 1024;
    options.threads = 3;
    struct evaluation without = run(&options, &set);
    for (size_t i = 0; i < set.count; i++) {
        check_image(&set, &with, &without, i);
    }
    options.protocol.coalitions = 0;
    struct evaluation plain = run(&options, &set);
    assert_true(isnan(plain.images[0].methods[0].rho_drop) && isnan(plain.images[0].shapley_error));
    options.protocol.coalitions = 1023;
    struct evaluation none;
    assert_int_equal(eval_run(&options, set.items, 1, &none, NULL), VITLRP_USAGE);
    evaluation_free(&plain);
    evaluation_free(&without);
    evaluation_free(&with);
    photo_set_close(&set);
}

/* Of a single patch there is nothing to share or to drop: the image keeps what else is known of it,
 * and has no correlations. */
static void test_one_patch_has_no_agreement(void **unused) {
    const char *const methods[] = {"attnlrp", NULL};
    struct vit_config config = {.image_height = 32,
                                .image_width = 32,
                                .patch_height = 32,
                                .patch_width = 32,
                                .grid_height = 1,
                                .grid_width = 1,
                                .prefix = 1,
                                .dim = 8,
                                .heads = 2,
                                .depth = 1,
                                .mlp_dim = 8,
                                .classes = PARITY_CLASSES,
                                .layer_norm_eps = 1e-6F};
    struct photo_set set;
    struct vitlrp_error err = {0};
    (void) unused;
    photo_set_open(&set, 1);
    vit_model_free(set.model);
    assert_int_equal(vit_model_random(&config, 3, &set.model, &err), VITLRP_OK);
    struct eval_run_options options = photo_set_options(&set, methods);
    options.protocol.coalitions = 1024;
    struct evaluation found = run(&options, &set);
    const struct eval_image *image = &found.images[0];
    assert_non_null(image->methods);
    assert_true(image->methods[0].valid);
    assert_true(isnan(image->methods[0].rho_drop) && isnan(image->methods[0].rho_shapley));
    assert_true(isnan(image->shapley_error));
    evaluation_free(&found);
    photo_set_close(&set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapley_values),
        cmocka_unit_test(test_same_seed_same_values),
        cmocka_unit_test(test_numbers_of_coalitions),
        cmocka_unit_test(test_agreement_of_a_run),
        cmocka_unit_test(test_one_patch_has_no_agreement),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
