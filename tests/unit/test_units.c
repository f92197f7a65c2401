/* Hidden units through the public interface. */
#include <string.h>

#include "support/golden.h"
#include "vitlrp_units.h"

#include "support/unit.h"

#define LATENT TEST_DATA "/golden/latent"

static struct vitlrp_model *open_model(const char *path) {
    struct vitlrp_model *model = NULL;
    struct vitlrp_error err = {0};
    if (vitlrp_model_open(path, NULL, &model, &err) != VITLRP_OK) {
        fail_msg("%s", err.message);
    }
    return model;
}

static void names_are_read_and_written(void **state) {
    (void) state;
    static const char *const NAMES[] = {"0:fc1:0", "11:head:3", "4:fc1:367", "2:stream:47",
                                        "2147483647:stream:2147483647"};
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        struct vitlrp_unit unit;
        char name[VITLRP_UNIT_NAME];
        assert_int_equal(vitlrp_unit_parse(NAMES[i], &unit, NULL), VITLRP_OK);
        vitlrp_unit_name(&unit, name);
        assert_string_equal(name, NAMES[i]);
    }
}

static void other_texts_are_refused(void **state) {
    (void) state;
    static const char *const TEXTS[] = {
        "",           "4",         "4:fc1",    "4:fc1:",           ":fc1:3",   "4::3",
        "4:fc2:3",    "4:fc1:3:2", "-1:fc1:3", "4:fc1:3.5",        "4:fc1:-1", "4:fc1: 3",
        "4:FC1:3",    "4:fc:3",    "x:fc1:3",  "4:fc1:2147483648", "4:fc12:3", "+4:fc1:3",
        "4:stream:3 "};
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        struct vitlrp_unit unit = {.block = -7};
        struct vitlrp_error err = {0};
        assert_int_equal(vitlrp_unit_parse(TEXTS[i], &unit, &err), VITLRP_USAGE);
        assert_non_null(strstr(err.message, "BLOCK:SITE:INDEX"));
        assert_int_equal(unit.block, -7);
    }
}

static void a_model_knows_its_units(void **state) {
    (void) state;
    struct vitlrp_model *model = open_model(LATENT "/latent-vit");
    const struct vitlrp_unit last[] = {
        {VITLRP_SITE_FC1, 2, 191}, {VITLRP_SITE_HEAD, 2, 3}, {VITLRP_SITE_STREAM, 2, 47}};
    for (size_t i = 0; i < sizeof last / sizeof last[0]; i++) {
        struct vitlrp_unit beyond = last[i];
        struct vitlrp_error err = {0};
        assert_int_equal(vitlrp_model_site_width(model, last[i].site), last[i].index + 1);
        assert_int_equal(vitlrp_model_check_unit(model, &last[i], &err), VITLRP_OK);
        beyond.index++;
        assert_int_equal(vitlrp_model_check_unit(model, &beyond, &err), VITLRP_USAGE);
        beyond = last[i];
        beyond.block++;
        assert_int_equal(vitlrp_model_check_unit(model, &beyond, &err), VITLRP_USAGE);
        assert_non_null(strstr(err.message, "blocks 0 to 2"));
    }
    assert_int_equal(vitlrp_model_site_width(model, (enum vitlrp_site) 3), 0);
    vitlrp_model_close(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_read_and_written),
        cmocka_unit_test(other_texts_are_refused),
        cmocka_unit_test(a_model_knows_its_units),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
