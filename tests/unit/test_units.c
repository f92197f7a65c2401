/* Hidden units through the public interface: names, values, flow through blocks and conditional
 * maps, against those of a program in float64 over the library's own modules (golden/latent). */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/words.h"
#include "support/golden.h"
#include "support/latent.h"

#include "support/unit.h"

enum { MOST_UNITS = 600, IMAGES = 2 };

static const char *const FOLDERS[] = {"latent-vit", "latent-registers"};
static const int SEEN[IMAGES] = {0, 5};

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
    struct latent latent;
    latent_open(&latent, "latent-vit", false);
    const struct vitlrp_model *model = latent.model;
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
    latent_close(&latent);
}

/* ---- Values ---- */

static const char *site_word(enum vitlrp_site site) {
    return word_of(WORDS_SITE, site);
}

static const json_t *values_of(const struct latent *latent, int image) {
    char key[16];
    snprintf(key, sizeof key, "%d", image);
    return json_object_get(json_object_get(latent->expected, "values"), key);
}

static int32_t output_of(const struct latent *latent, int image, const char *key) {
    return (int32_t) json_integer_value(json_object_get(values_of(latent, image), key));
}

static struct vitlrp_method_options method_of(const char *name) {
    struct vitlrp_method_options method;
    assert_int_equal(vitlrp_method_options_init(&method, name, NULL), VITLRP_OK);
    return method;
}

/* Every value of a site, by one method. */
struct found_units {
    float relevance[MOST_UNITS], relevance_max[MOST_UNITS];
    float activation[MOST_UNITS], activation_max[MOST_UNITS];
    int32_t relevance_token[MOST_UNITS], activation_token[MOST_UNITS];
};

static void find_units(struct latent *latent, int image, const char *preset,
                       struct vitlrp_unit_values *values, struct found_units *found) {
    bool versus = strcmp(preset, "versus") == 0;
    const char *name = versus                            ? "attnlrp"
                       : strcmp(preset, "gradient") == 0 ? "input-x-gradient"
                                                         : preset;
    struct vitlrp_method_options method = method_of(name);
    struct vitlrp_error err = {0};
    const struct vitlrp_target targets[] = {{output_of(latent, image, "class_"), 1.0F},
                                            {output_of(latent, image, "versus"), -1.0F}};
    struct vitlrp_inside inside = {.units = values, .unit_sites = 1};
    values->relevance = found->relevance;
    values->relevance_max = found->relevance_max;
    values->relevance_token = found->relevance_token;
    values->activation = found->activation;
    values->activation_max = found->activation_max;
    values->activation_token = found->activation_token;
    if (vitlrp_session_inside(latent->session, targets, versus ? 2 : 1, &method, &inside, &err) !=
        VITLRP_OK) {
        fail_msg("%s: %s: %s", latent->folder, preset, err.message);
    }
}

static void check_floats(const struct latent *latent, const char *name, const float *found,
                         size_t count) {
    float *wanted = latent_read(latent, name, 2, count);
    latent_check(latent, name, found, wanted, count);
    mem_free(wanted);
}

static void check_tokens(const struct latent *latent, const char *name, const int32_t *found,
                         size_t count) {
    float *wanted = latent_read(latent, name, 2, count);
    for (size_t i = 0; i < count; i++) {
        if (found[i] != (int32_t) wanted[i]) {
            fail_msg("%s: %s: token %d, not %g", latent->folder, name, found[i],
                     (double) wanted[i]);
        }
    }
    mem_free(wanted);
}

static void check_preset(struct latent *latent, int image, const char *preset,
                         enum vitlrp_site site) {
    char name[64];
    struct found_units found;
    struct vitlrp_unit_values values = {.site = site};
    size_t count = latent->depth * (size_t) vitlrp_model_site_width(latent->model, site);
    assert_true(count <= MOST_UNITS);
    find_units(latent, image, preset, &values, &found);
    snprintf(name, sizeof name, "%d_%s_%s_relevance", image, preset, site_word(site));
    check_floats(latent, name, found.relevance, count);
    if (strcmp(preset, "attnlrp") != 0) {
        return;
    }
    snprintf(name, sizeof name, "%d_attnlrp_%s_relevance_max", image, site_word(site));
    check_floats(latent, name, found.relevance_max, count);
    snprintf(name, sizeof name, "%d_attnlrp_%s_relevance_token", image, site_word(site));
    check_tokens(latent, name, found.relevance_token, count);
    snprintf(name, sizeof name, "%d_%s_activation", image, site_word(site));
    check_floats(latent, name, found.activation, count);
    snprintf(name, sizeof name, "%d_%s_activation_max", image, site_word(site));
    check_floats(latent, name, found.activation_max, count);
    snprintf(name, sizeof name, "%d_%s_activation_token", image, site_word(site));
    check_tokens(latent, name, found.activation_token, count);
}

static void values_are_those_of_the_library(void **state) {
    (void) state;
    static const char *const PRESETS[] = {"attnlrp", "attnlrp-eps", "cp-lrp", "gradient", "versus"};
    for (size_t f = 0; f < sizeof FOLDERS / sizeof FOLDERS[0]; f++) {
        struct latent latent;
        latent_open(&latent, FOLDERS[f], false);
        for (size_t i = 0; i < IMAGES; i++) {
            latent_see(&latent, SEEN[i]);
            for (size_t p = 0; p < sizeof PRESETS / sizeof PRESETS[0]; p++) {
                for (int site = VITLRP_SITE_FC1; site <= VITLRP_SITE_STREAM; site++) {
                    check_preset(&latent, SEEN[i], PRESETS[p], (enum vitlrp_site) site);
                }
            }
        }
        latent_close(&latent);
    }
}

/* Of a session that keeps them, the tokens of the last block count too; relevance is the same. */
static void all_tokens_count_where_they_are_kept(void **state) {
    (void) state;
    for (size_t f = 0; f < sizeof FOLDERS / sizeof FOLDERS[0]; f++) {
        struct latent latent;
        latent_open(&latent, FOLDERS[f], true);
        latent_see(&latent, SEEN[0]);
        for (int site = VITLRP_SITE_FC1; site <= VITLRP_SITE_STREAM; site++) {
            char name[64];
            struct found_units found;
            struct vitlrp_unit_values values = {.site = (enum vitlrp_site) site};
            size_t count =
                latent.depth * (size_t) vitlrp_model_site_width(latent.model, values.site);
            find_units(&latent, SEEN[0], "attnlrp", &values, &found);
            snprintf(name, sizeof name, "0_attnlrp_%s_relevance", site_word(values.site));
            check_floats(&latent, name, found.relevance, count);
            snprintf(name, sizeof name, "0_%s_activation_all_tokens", site_word(values.site));
            check_floats(&latent, name, found.activation, count);
        }
        latent_close(&latent);
    }
}

/* Bit for bit, though a pass for units alone ends at those of block 0. */
static void units_alone_are_those_of_a_whole_pass(void **state) {
    (void) state;
    static const char *const NAMES[] = {"attnlrp", "cp-lrp", "input-x-gradient"};
    for (size_t f = 0; f < sizeof FOLDERS / sizeof FOLDERS[0]; f++) {
        struct latent latent;
        struct vitlrp_block_flow flow[4];
        latent_open(&latent, FOLDERS[f], false);
        latent_see(&latent, SEEN[0]);
        const struct vitlrp_target target = {output_of(&latent, SEEN[0], "class_"), 1.0F};
        for (size_t i = 0; i < 3 * sizeof NAMES / sizeof NAMES[0]; i++) {
            float whole[MOST_UNITS] = {0};
            float alone[MOST_UNITS] = {0};
            const struct vitlrp_method_options method = method_of(NAMES[i / 3]);
            struct vitlrp_unit_values values = {.site = (enum vitlrp_site)(i % 3),
                                                .relevance = whole};
            struct vitlrp_inside inside = {.units = &values, .unit_sites = 1, .flow = flow};
            assert_int_equal(
                vitlrp_session_inside(latent.session, &target, 1, &method, &inside, NULL),
                VITLRP_OK);
            values.relevance = alone;
            inside.flow = NULL;
            assert_int_equal(
                vitlrp_session_inside(latent.session, &target, 1, &method, &inside, NULL),
                VITLRP_OK);
            assert_memory_equal(alone, whole, sizeof whole);
            assert_true(alone[0] != 0.0F);
        }
        latent_close(&latent);
    }
}

static void a_baseline_is_taken_off(void **state) {
    (void) state;
    static const char *const PRESETS[] = {"attnlrp", "gradient"};
    for (size_t f = 0; f < sizeof FOLDERS / sizeof FOLDERS[0]; f++) {
        struct latent latent;
        latent_open(&latent, FOLDERS[f], false);
        size_t count =
            latent.depth * (size_t) vitlrp_model_site_width(latent.model, VITLRP_SITE_FC1);
        float *means = latent_read(&latent, "fc1_means", 3, 2 * count);
        for (size_t i = 0; i < IMAGES; i++) {
            latent_see(&latent, SEEN[i]);
            for (size_t p = 0; p < sizeof PRESETS / sizeof PRESETS[0]; p++) {
                char name[64];
                struct found_units found;
                struct vitlrp_unit_values values = {.site = VITLRP_SITE_FC1, .baseline = means};
                find_units(&latent, SEEN[i], PRESETS[p], &values, &found);
                snprintf(name, sizeof name, "%d_%s_fc1_relevance_from_mean", SEEN[i], PRESETS[p]);
                check_floats(&latent, name, found.relevance, count);
            }
        }
        mem_free(means);
        latent_close(&latent);
    }
}

/* ---- Flow ---- */

static void check_flow(const struct latent *latent, const json_t *block, const char *key,
                       double found) {
    double wanted = json_number_value(json_object_get(block, key));
    if (!(fabs(found - wanted) <= 1e-4 * fmax(0.1, fabs(wanted)))) {
        fail_msg("%s: %s: %.9g, not %.9g", latent->folder, key, found, wanted);
    }
}

static void blocks_divide_relevance(void **state) {
    (void) state;
    struct vitlrp_method_options method = method_of("attnlrp");
    for (size_t f = 0; f < sizeof FOLDERS / sizeof FOLDERS[0]; f++) {
        struct latent latent;
        struct vitlrp_block_flow flow[4];
        latent_open(&latent, FOLDERS[f], false);
        latent_see(&latent, SEEN[1]);
        const struct vitlrp_target target = {output_of(&latent, SEEN[1], "class_"), 1.0F};
        struct vitlrp_inside inside = {.flow = flow};
        assert_int_equal(vitlrp_session_inside(latent.session, &target, 1, &method, &inside, NULL),
                         VITLRP_OK);
        for (size_t b = 0; b < latent.depth; b++) {
            char key[24];
            snprintf(key, sizeof key, "%zu", b);
            const json_t *block =
                json_object_get(json_object_get(values_of(&latent, SEEN[1]), "blocks"), key);
            check_flow(&latent, block, "entering", flow[b].entering);
            check_flow(&latent, block, "heads", flow[b].heads);
            check_flow(&latent, block, "attention_branch", flow[b].attention_branch);
            check_flow(&latent, block, "attention_shortcut", flow[b].attention_shortcut);
            check_flow(&latent, block, "mlp_hidden", flow[b].mlp_hidden);
            check_flow(&latent, block, "mlp_branch", flow[b].mlp_branch);
            check_flow(&latent, block, "mlp_shortcut", flow[b].mlp_shortcut);
            check_flow(&latent, block, "leaving", flow[b].leaving);
        }
        latent_close(&latent);
    }
}

/* What leaves and enters blocks is the sum over its tokens. */
static void tokens_add_up_to_the_streams(void **state) {
    (void) state;
    struct vitlrp_method_options method = method_of("attnlrp");
    for (size_t f = 0; f < sizeof FOLDERS / sizeof FOLDERS[0]; f++) {
        struct latent latent;
        struct vitlrp_block_flow flow[4];
        struct vitlrp_session_info info;
        latent_open(&latent, FOLDERS[f], false);
        latent_see(&latent, SEEN[0]);
        vitlrp_session_info_init(&info);
        vitlrp_session_describe(latent.session, &info);
        size_t tokens = (size_t) info.tokens;
        float *shown = mem_calloc((latent.depth + 1) * tokens, sizeof *shown);
        const struct vitlrp_target target = {output_of(&latent, SEEN[0], "class_"), 1.0F};
        struct vitlrp_inside inside = {.flow = flow, .tokens = shown};
        assert_int_equal(vitlrp_session_inside(latent.session, &target, 1, &method, &inside, NULL),
                         VITLRP_OK);
        for (size_t b = 0; b <= latent.depth; b++) {
            double sum = 0.0;
            for (size_t t = 0; t < tokens; t++) {
                sum += (double) shown[b * tokens + t];
            }
            double whole = b < latent.depth ? flow[b].entering : flow[b - 1].leaving;
            assert_true(fabs(sum - whole) <= 1e-5 * fmax(1.0, fabs(whole)));
        }
        assert_true(shown[latent.depth * tokens + 1] == 0.0F && shown[1] != 0.0F);
        mem_free(shown);
        latent_close(&latent);
    }
}

/* ---- Conditional maps ---- */

static float *map_of(size_t pixels) {
    float *map = mem_calloc(3 * pixels, sizeof *map);
    assert_non_null(map);
    return map;
}

/* [3, H, W] to its sum over channels, in its own first plane. */
static void add_channels(float *map, size_t pixels) {
    for (size_t i = 0; i < pixels; i++) {
        map[i] += map[pixels + i] + map[2 * pixels + i];
    }
}

static void find_maps(struct latent *latent, enum vitlrp_unit_seed seed,
                      struct vitlrp_unit_group *groups, size_t count) {
    struct vitlrp_method_options method = method_of("attnlrp");
    struct vitlrp_error err = {0};
    const struct vitlrp_target target = {output_of(latent, SEEN[0], "class_"), 1.0F};
    const struct vitlrp_conditional conditional = {
        .seed = seed, .groups = groups, .group_count = count};
    for (size_t i = 0; i < count; i++) {
        groups[i].pixels = map_of(latent->pixels);
    }
    if (vitlrp_session_conditional(latent->session, &target, 1, &method, &conditional, &err) !=
        VITLRP_OK) {
        fail_msg("%s: %s", latent->folder, err.message);
    }
    for (size_t i = 0; i < count; i++) {
        add_channels(groups[i].pixels, latent->pixels);
    }
}

static void check_map(const struct latent *latent, const char *name, size_t plane, size_t planes,
                      const struct vitlrp_unit_group *group) {
    float *wanted = latent_read(latent, name, planes == 1 ? 2 : 3, planes * latent->pixels);
    latent_check(latent, name, group->pixels, wanted + plane * latent->pixels, latent->pixels);
    mem_free(wanted);
}

static void check_number(const struct latent *latent, const char *name, double found,
                         double wanted) {
    if (!(fabs(found - wanted) <= 1e-4 * fmax(0.1, fabs(wanted)))) {
        fail_msg("%s: %s: %.9g, not %.9g", latent->folder, name, found, wanted);
    }
}

/* A site of a block: the whole, its thirds and one unit in one call, in mixed order. */
static void check_site(struct latent *latent, const char *key, const json_t *entry) {
    char name[64];
    int32_t thirds[3][MOST_UNITS];
    struct vitlrp_unit_group groups[5];
    const struct vitlrp_unit_group *all = &groups[0];
    struct vitlrp_unit unit;
    int32_t top = (int32_t) json_integer_value(json_object_get(entry, "top"));
    snprintf(name, sizeof name, "%s:%d", key, top);
    assert_int_equal(vitlrp_unit_parse(name, &unit, NULL), VITLRP_OK);
    const char *site = site_word(unit.site);
    int32_t width = vitlrp_model_site_width(latent->model, unit.site);
    for (size_t i = 0; i < 5; i++) {
        groups[i] = (struct vitlrp_unit_group){.site = unit.site, .block = unit.block};
    }
    for (int32_t u = 0; u < width; u++) {
        struct vitlrp_unit_group *third = &groups[1 + u % 3];
        third->indices = thirds[u % 3];
        thirds[u % 3][third->count++] = u;
    }
    groups[4].indices = &top;
    groups[4].count = 1;
    find_maps(latent, VITLRP_SEED_CLASS, groups, 5);
    snprintf(name, sizeof name, "map_%s_%d_all", site, unit.block);
    check_map(latent, name, 0, 1, all);
    check_number(latent, name, all->sum, json_number_value(json_object_get(entry, "sum_all")));
    check_number(latent, name, all->relevance, json_number_value(json_object_get(entry, "R_all")));
    snprintf(name, sizeof name, "map_%s_%d_thirds", site, unit.block);
    for (size_t i = 0; i < 3; i++) {
        check_map(latent, name, i, 3, &groups[1 + i]);
        check_number(latent, name, groups[1 + i].relevance,
                     json_number_value(json_array_get(json_object_get(entry, "R_thirds"), i)));
    }
    snprintf(name, sizeof name, "map_%s_%d_%d", site, unit.block, top);
    check_map(latent, name, 0, 1, &groups[4]);
    check_number(latent, name, groups[4].sum, json_number_value(json_object_get(entry, "sum_top")));
    for (size_t p = 0; p < latent->pixels; p++) {
        double sum = (double) groups[1].pixels[p] + groups[2].pixels[p] + groups[3].pixels[p];
        assert_true(fabs(sum - (double) all->pixels[p]) <= 1e-5 * fmax(1.0, fabs(all->sum)));
    }
    for (size_t i = 0; i < 5; i++) {
        mem_free(groups[i].pixels);
    }
}

static void check_activation(struct latent *latent, const char *key, const json_t *entry) {
    char name[64];
    struct vitlrp_unit unit;
    int32_t top = (int32_t) json_integer_value(json_object_get(entry, "top"));
    snprintf(name, sizeof name, "%s:%d", key, top);
    assert_int_equal(vitlrp_unit_parse(name, &unit, NULL), VITLRP_OK);
    struct vitlrp_unit_group group = {
        .site = unit.site, .block = unit.block, .indices = &top, .count = 1};
    find_maps(latent, VITLRP_SEED_ACTIVATION, &group, 1);
    snprintf(name, sizeof name, "map_%s_%d_%d_activation", site_word(unit.site), unit.block, top);
    check_map(latent, name, 0, 1, &group);
    check_number(latent, name, group.relevance,
                 json_number_value(json_object_get(entry, "activation_explained")));
    check_number(latent, name, group.sum,
                 json_number_value(json_object_get(entry, "activation_sum")));
    mem_free(group.pixels);
}

static void conditional_maps_are_those_of_the_library(void **state) {
    (void) state;
    for (size_t f = 0; f < sizeof FOLDERS / sizeof FOLDERS[0]; f++) {
        struct latent latent;
        const char *key;
        json_t *entry;
        latent_open(&latent, FOLDERS[f], false);
        latent_see(&latent, SEEN[0]);
        json_object_foreach(json_object_get(latent.expected, "conditional"), key, entry) {
            check_activation(&latent, key, entry);
            check_site(&latent, key, entry);
        }
        latent_close(&latent);
    }
}

/* Units of every block in one call give what they give one by one, and the whole map before and
 * after has the same bits: the pass above is shared, and nothing of a group is left to the next. */
static void groups_do_not_disturb_each_other(void **state) {
    (void) state;
    static const int32_t UNITS[] = {0, 1, 2};
    struct latent latent;
    struct vitlrp_unit_group together[9];
    struct vitlrp_method_options method = method_of("attnlrp");
    latent_open(&latent, "latent-registers", false);
    latent_see(&latent, SEEN[0]);
    const struct vitlrp_target target = {output_of(&latent, SEEN[0], "class_"), 1.0F};
    struct vitlrp_relevance whole;
    vitlrp_relevance_init(&whole);
    whole.pixels = map_of(latent.pixels);
    assert_int_equal(vitlrp_session_attribute(latent.session, &target, 1, &method, &whole, NULL),
                     VITLRP_OK);
    for (size_t i = 0; i < 9; i++) {
        together[i] = (struct vitlrp_unit_group){.site = (enum vitlrp_site)(i / 3),
                                                 .block = (int32_t) (i % 3),
                                                 .indices = UNITS,
                                                 .count = 3};
    }
    find_maps(&latent, VITLRP_SEED_CLASS, together, 9);
    for (size_t i = 0; i < 9; i++) {
        struct vitlrp_unit_group alone = together[i];
        find_maps(&latent, VITLRP_SEED_CLASS, &alone, 1);
        assert_memory_equal(alone.pixels, together[i].pixels, latent.pixels * sizeof *alone.pixels);
        assert_true(alone.sum == together[i].sum && alone.relevance == together[i].relevance);
        mem_free(alone.pixels);
        mem_free(together[i].pixels);
    }
    float *again = map_of(latent.pixels);
    float *before = whole.pixels;
    whole.pixels = again;
    assert_int_equal(vitlrp_session_attribute(latent.session, &target, 1, &method, &whole, NULL),
                     VITLRP_OK);
    assert_memory_equal(before, again, 3 * latent.pixels * sizeof *again);
    mem_free(before);
    mem_free(again);
    latent_close(&latent);
}

static void wrong_requests_are_refused(void **state) {
    (void) state;
    static const int32_t BEYOND = 1 << 20;
    struct latent latent;
    struct vitlrp_error err = {0};
    const struct vitlrp_target target = {.output = 0, .weight = 1.0F};
    struct vitlrp_method_options method = method_of("rollout");
    struct vitlrp_unit_group group = {.site = VITLRP_SITE_FC1};
    struct vitlrp_inside inside = {0};
    struct vitlrp_conditional conditional = {.groups = &group, .group_count = 1};
    latent_open(&latent, "latent-vit", false);
    latent_see(&latent, SEEN[0]);
    assert_int_equal(vitlrp_session_inside(latent.session, &target, 1, &method, &inside, &err),
                     VITLRP_USAGE);
    assert_non_null(strstr(err.message, "rollout shows no hidden units"));
    assert_int_equal(
        vitlrp_session_conditional(latent.session, &target, 1, &method, &conditional, &err),
        VITLRP_USAGE);
    method = method_of("attnlrp");
    group.block = 3;
    assert_int_equal(
        vitlrp_session_conditional(latent.session, &target, 1, &method, &conditional, &err),
        VITLRP_USAGE);
    assert_non_null(strstr(err.message, "0 to 2"));
    group = (struct vitlrp_unit_group){.site = VITLRP_SITE_HEAD, .indices = &BEYOND, .count = 1};
    assert_int_equal(
        vitlrp_session_conditional(latent.session, &target, 1, &method, &conditional, &err),
        VITLRP_USAGE);
    assert_non_null(strstr(err.message, "0 to 3"));
    group = (struct vitlrp_unit_group){.site = (enum vitlrp_site) 3};
    assert_int_equal(
        vitlrp_session_conditional(latent.session, &target, 1, &method, &conditional, &err),
        VITLRP_USAGE);
    struct vitlrp_unit_values values = {.site = (enum vitlrp_site) 7};
    inside = (struct vitlrp_inside){.units = &values, .unit_sites = 1};
    assert_int_equal(vitlrp_session_inside(latent.session, &target, 1, &method, &inside, &err),
                     VITLRP_USAGE);
    latent_close(&latent);
}

/* What a newer library may read is 0 until then. */
static void reserved_fields_are_zero(void **state) {
    (void) state;
    struct latent latent;
    struct vitlrp_error err = {0};
    const struct vitlrp_target target = {.output = 0, .weight = 1.0F};
    const struct vitlrp_method_options method = method_of("attnlrp");
    struct vitlrp_unit_group group = {.site = VITLRP_SITE_FC1, .reserved = {NULL, &latent}};
    struct vitlrp_unit_values values = {.site = VITLRP_SITE_FC1, .reserved = {&latent}};
    struct vitlrp_inside inside = {.units = &values, .unit_sites = 1};
    const struct vitlrp_conditional conditional = {.groups = &group, .group_count = 1};
    latent_open(&latent, "latent-vit", false);
    latent_see(&latent, SEEN[0]);
    float *input = map_of(latent.pixels);
    assert_int_equal(
        vitlrp_session_conditional(latent.session, &target, 1, &method, &conditional, &err),
        VITLRP_USAGE);
    assert_non_null(strstr(err.message, "a group of units"));
    assert_int_equal(vitlrp_session_inside(latent.session, &target, 1, &method, &inside, &err),
                     VITLRP_USAGE);
    assert_non_null(strstr(err.message, "values of units"));
    assert_int_equal(
        vitlrp_session_forward_units(latent.session, input, latent.logits, &values, 1, &err),
        VITLRP_USAGE);
    mem_free(input);
    latent_close(&latent);
}

/* ---- Attention ---- */

enum { MOST_ATTENTION = 1 << 12 };

/* Of every head it adds up to 1; the mean over the heads of the last block is the map of
 * raw-attention. */
static void attention_is_what_methods_read(void **state) {
    (void) state;
    for (size_t f = 0; f < sizeof FOLDERS / sizeof FOLDERS[0]; f++) {
        struct latent latent;
        struct vitlrp_session_info info;
        struct vitlrp_relevance map;
        float attention[MOST_ATTENTION];
        float patches[MOST_ATTENTION];
        struct vitlrp_method_options method = method_of("raw-attention");
        const struct vitlrp_target target = {.output = 0, .weight = 1.0F};
        latent_open_for(&latent, FOLDERS[f], "raw-attention");
        assert_int_equal(vitlrp_session_attention(latent.session, attention, NULL), VITLRP_USAGE);
        latent_see(&latent, SEEN[0]);
        vitlrp_session_info_init(&info);
        vitlrp_session_describe(latent.session, &info);
        size_t tokens = (size_t) info.tokens;
        size_t count = (size_t) info.grid_height * (size_t) info.grid_width;
        size_t heads = (size_t) vitlrp_model_site_width(latent.model, VITLRP_SITE_HEAD);
        assert_true(latent.depth * heads * tokens <= MOST_ATTENTION);
        vitlrp_relevance_init(&map);
        map.patches = patches;
        assert_int_equal(vitlrp_session_attribute(latent.session, &target, 1, &method, &map, NULL),
                         VITLRP_OK);
        assert_int_equal(vitlrp_session_attention(latent.session, attention, NULL), VITLRP_OK);
        for (size_t row = 0; row < latent.depth * heads; row++) {
            double sum = 0.0;
            for (size_t t = 0; t < tokens; t++) {
                sum += (double) attention[row * tokens + t];
            }
            assert_true(fabs(sum - 1.0) < 1e-5);
        }
        for (size_t p = 0; p < count; p++) {
            double mean = 0.0;
            for (size_t h = 0; h < heads; h++) {
                size_t row = (latent.depth - 1) * heads + h;
                mean += (double) attention[(row + 1) * tokens - count + p] / (double) heads;
            }
            assert_true(fabs(mean - (double) patches[p]) < 1e-6);
        }
        latent_close(&latent);
    }
}

static void attention_needs_a_method_that_reads_it(void **state) {
    (void) state;
    struct latent latent;
    struct vitlrp_error err = {0};
    float attention[1];
    latent_open_for(&latent, "latent-vit", "attnlrp");
    latent_see(&latent, SEEN[0]);
    assert_int_equal(vitlrp_session_attention(latent.session, attention, &err), VITLRP_USAGE);
    assert_non_null(strstr(err.message, "raw-attention"));
    latent_close(&latent);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_read_and_written),
        cmocka_unit_test(other_texts_are_refused),
        cmocka_unit_test(a_model_knows_its_units),
        cmocka_unit_test(values_are_those_of_the_library),
        cmocka_unit_test(all_tokens_count_where_they_are_kept),
        cmocka_unit_test(units_alone_are_those_of_a_whole_pass),
        cmocka_unit_test(a_baseline_is_taken_off),
        cmocka_unit_test(blocks_divide_relevance),
        cmocka_unit_test(tokens_add_up_to_the_streams),
        cmocka_unit_test(conditional_maps_are_those_of_the_library),
        cmocka_unit_test(groups_do_not_disturb_each_other),
        cmocka_unit_test(wrong_requests_are_refused),
        cmocka_unit_test(reserved_fields_are_zero),
        cmocka_unit_test(attention_is_what_methods_read),
        cmocka_unit_test(attention_needs_a_method_that_reads_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
