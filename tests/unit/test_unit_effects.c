/* What single hidden units do to the logits, through the public header: against float64 programs
 * that set a unit to 0 in every token (golden/latent, N_SITE_exact_drop.npy). */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "support/golden.h"
#include "support/latent.h"
#include "vitlrp_units.h"

#include "support/unit.h"

enum { IMAGES = 12, MOST_UNITS = 600, MOST_CLASSES = 10 };

static const char *const FOLDERS[] = {"latent-vit", "latent-registers"};

/* A model and one of its images. */
struct bench {
    struct latent latent;
    struct vitlrp_model *model; /* latent's */
    float *input;
    float whole[MOST_CLASSES]; /* its logits, of float64 */
    size_t classes, predicted;
};

static void bench_open(struct bench *bench, const char *folder, size_t image) {
    struct vitlrp_model_info info;
    latent_open(&bench->latent, folder, false);
    bench->model = bench->latent.model;
    bench->input = latent_input(&bench->latent, bench->model, (int) image);
    vitlrp_model_info_init(&info);
    vitlrp_model_describe(bench->model, &info);
    bench->classes = (size_t) info.classes;
    float *logits = latent_read(&bench->latent, "logits", 2, IMAGES * bench->classes);
    memcpy(bench->whole, logits + image * bench->classes, bench->classes * sizeof *logits);
    mem_free(logits);
    bench->predicted = 0;
    for (size_t i = 1; i < bench->classes; i++) {
        bench->predicted = bench->whole[i] > bench->whole[bench->predicted] ? i : bench->predicted;
    }
}

static void bench_close(struct bench *bench) {
    vitlrp_free(bench->input);
    latent_close(&bench->latent);
}

/* Every unit of a site. */
static size_t all_units(const struct bench *bench, enum vitlrp_site site,
                        struct vitlrp_unit *units) {
    size_t width = (size_t) vitlrp_model_site_width(bench->model, site);
    assert_true(bench->latent.depth * width <= MOST_UNITS);
    for (size_t i = 0; i < bench->latent.depth * width; i++) {
        units[i] = (struct vitlrp_unit){site, (int32_t) (i / width), (int32_t) (i % width)};
    }
    return bench->latent.depth * width;
}

static void check_drops(const struct bench *bench, enum vitlrp_site site, const char *file) {
    struct vitlrp_unit units[MOST_UNITS];
    float drops[MOST_UNITS];
    struct vitlrp_session_options options;
    struct vitlrp_error err = {0};
    size_t count = all_units(bench, site, units);
    float *logits = mem_calloc(count * bench->classes, sizeof *logits);
    vitlrp_session_options_init(&options);
    options.threads = 2;
    if (vitlrp_unit_effects(bench->model, &options, bench->input,
                            &(struct vitlrp_unit_list){units, count}, logits, &err) != VITLRP_OK) {
        fail_msg("%s", err.message);
    }
    for (size_t i = 0; i < count; i++) {
        drops[i] = bench->whole[bench->predicted] - logits[i * bench->classes + bench->predicted];
    }
    float *wanted = latent_read(&bench->latent, file, 2, count);
    double error = relative_error(drops, wanted, count);
    if (!(error < 1e-4)) {
        fail_msg("%s: %s: off by %g", bench->latent.folder, file, error);
    }
    mem_free(wanted);
    mem_free(logits);
}

static void test_drops_of_every_unit(void **state) {
    static const struct {
        enum vitlrp_site site;
        size_t image;
        const char *file;
    } CASES[] = {{VITLRP_SITE_FC1, 0, "0_fc1_exact_drop"},
                 {VITLRP_SITE_HEAD, 0, "0_head_exact_drop"},
                 {VITLRP_SITE_FC1, 5, "5_fc1_exact_drop"},
                 {VITLRP_SITE_HEAD, 5, "5_head_exact_drop"}};
    struct bench bench;
    (void) state;
    for (size_t m = 0; m < 2; m++) {
        for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
            bench_open(&bench, FOLDERS[m], CASES[i].image);
            check_drops(&bench, CASES[i].site, CASES[i].file);
            bench_close(&bench);
        }
    }
}

static int32_t says_no(void *user) {
    ++*(int *) user;
    return 1;
}

static enum vitlrp_status effects_of(const struct bench *bench,
                                     const struct vitlrp_session_options *options,
                                     struct vitlrp_unit unit, struct vitlrp_error *err) {
    float logits[MOST_CLASSES];
    return vitlrp_unit_effects(bench->model, options, bench->input,
                               &(struct vitlrp_unit_list){&unit, 1}, logits, err);
}

static void test_refusals(void **state) {
    static const struct vitlrp_unit GOOD = {VITLRP_SITE_FC1, 1, 3};
    struct vitlrp_session_options options;
    struct vitlrp_error err = {0};
    struct bench bench;
    int asked = 0;
    (void) state;
    bench_open(&bench, FOLDERS[0], 0);
    assert_int_equal(effects_of(&bench, NULL, GOOD, &err), VITLRP_OK);
    assert_int_equal(effects_of(&bench, NULL, (struct vitlrp_unit){VITLRP_SITE_STREAM, 1, 3}, &err),
                     VITLRP_USAGE);
    assert_int_equal(effects_of(&bench, NULL, (struct vitlrp_unit){VITLRP_SITE_HEAD, 1, 4}, &err),
                     VITLRP_USAGE);
    assert_non_null(strstr(err.message, "1:head:4"));
    assert_int_equal(effects_of(&bench, NULL, (struct vitlrp_unit){VITLRP_SITE_FC1, 3, 0}, &err),
                     VITLRP_USAGE);
    vitlrp_session_options_init(&options);
    options.max_bytes = 1000;
    assert_int_equal(effects_of(&bench, &options, GOOD, &err), VITLRP_LIMIT);
    vitlrp_session_options_init(&options);
    options.observer.cancelled = says_no;
    options.observer.user = &asked;
    assert_int_equal(effects_of(&bench, &options, GOOD, &err), VITLRP_CANCELLED);
    assert_int_equal(asked, 1);
    options.threads = -1;
    assert_int_equal(effects_of(&bench, &options, GOOD, &err), VITLRP_USAGE);
    bench.input[7] = NAN;
    assert_int_equal(effects_of(&bench, NULL, GOOD, &err), VITLRP_NUMERIC);
    assert_non_null(strstr(err.message, "the input has"));
    bench_close(&bench);
}

/* Nothing is asked for, nothing is written. */
static void test_no_units(void **state) {
    struct bench bench;
    const struct vitlrp_unit_list none = {NULL, 0};
    float logits = 3.0F;
    (void) state;
    bench_open(&bench, FOLDERS[0], 0);
    assert_int_equal(vitlrp_unit_effects(bench.model, NULL, bench.input, &none, &logits, NULL),
                     VITLRP_OK);
    assert_true(logits == 3.0F);
    bench_close(&bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_drops_of_every_unit),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_no_units),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
