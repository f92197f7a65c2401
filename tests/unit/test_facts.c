/* What files state about a model, key by key: read, ignored because it cannot matter, or refused by
 * name; who decides where several speak. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "vit/load/facts.h"

#include "support/unit.h"

static json_t *parse(const char *text) {
    struct vitlrp_error err;
    json_t *object = NULL;
    assert_int_equal(json_parse_object(text, strlen(text), &object, &err), VITLRP_OK);
    return object;
}

/* The facts of the project's own metadata. */
static enum vitlrp_status read_metadata(const char *text, const struct model_facts *user,
                                        struct model_facts *facts, struct vitlrp_error *err) {
    json_t *object = parse(text);
    struct facts_beside beside = {.metadata = object, .user = user};
    enum vitlrp_status status = facts_read(&beside, facts, err);
    json_decref(object);
    return status;
}

static void test_metadata(void **state) {
    (void) state;
    struct vitlrp_error err;
    struct model_facts facts;
    assert_int_equal(read_metadata("{\"architecture\": \"vit\", \"image_size\": [64, 48], "
                                   "\"num_heads\": 3, \"layer_norm_eps\": 1e-5, \"activation\": "
                                   "\"quick_gelu\", \"pool\": \"cls\", \"patch_size\": null}",
                                   NULL, &facts, &err),
                     VITLRP_OK);
    assert_int_equal(fact_whole(&facts.image_height, 0), 64);
    assert_int_equal(fact_whole(&facts.image_width, 0), 48);
    assert_int_equal(fact_whole(&facts.heads, 0), 3);
    assert_true(fact_number(&facts.norm_eps, 0) == 1e-5);
    assert_int_equal(fact_whole(&facts.activation, -1), FACT_GELU_QUICK);
    assert_int_equal(fact_whole(&facts.pool, -1), FACT_POOL_TOKEN);
    assert_false(fact_known(&facts.patch_height));
    assert_int_equal(facts.heads.source, FACT_FILE);
    assert_string_equal(facts.heads.key, "num_heads");
}

static void test_metadata_refused(void **state) {
    (void) state;
    static const struct {
        const char *text;
        enum vitlrp_status status;
        const char *word;
    } CASES[] = {
        {"{\"softcap\": 30}", VITLRP_UNSUPPORTED, "\"softcap\""},
        {"{\"architecture\": \"swin\"}", VITLRP_UNSUPPORTED, "swin"},
        {"{\"activation\": \"mish\"}", VITLRP_UNSUPPORTED, "mish"},
        {"{\"activation\": 3}", VITLRP_UNSUPPORTED, "\"activation\""},
        {"{\"num_heads\": 2.5}", VITLRP_MISMATCH, "\"num_heads\""},
        {"{\"num_heads\": 0}", VITLRP_MISMATCH, "\"num_heads\""},
        {"{\"num_heads\": \"3\"}", VITLRP_MISMATCH, "\"num_heads\""},
        {"{\"layer_norm_eps\": 2}", VITLRP_MISMATCH, "\"layer_norm_eps\""},
        {"{\"image_size\": [64]}", VITLRP_MISMATCH, "\"image_size\""},
        {"{\"image_size\": [64, 64, 64]}", VITLRP_MISMATCH, "\"image_size\""},
        {"{\"image_size\": [64, -1]}", VITLRP_MISMATCH, "\"image_size\""},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct vitlrp_error err;
        struct model_facts facts;
        assert_int_equal(read_metadata(CASES[i].text, NULL, &facts, &err), CASES[i].status);
        assert_non_null(strstr(err.message, CASES[i].word));
    }
}

static void keep_message(void *user, int level, const char *message) {
    (void) level;
    snprintf(user, 256, "%s", message);
}

static void test_user(void **state) {
    (void) state;
    struct vitlrp_error err;
    struct model_facts facts;
    struct model_facts user = {0};
    char said[256] = "";
    const struct vitlrp_log log = {keep_message, said};
    json_t *object = parse("{\"num_heads\": 3, \"pool\": \"mean\"}");
    struct facts_beside beside = {.metadata = object, .user = &user, .log = &log};
    fact_state(&user.heads, 4, FACT_USER, NULL, NULL);
    fact_state(&user.pool, FACT_POOL_MEAN, FACT_USER, NULL, NULL);
    assert_int_equal(facts_read(&beside, &facts, &err), VITLRP_OK);
    json_decref(object);
    assert_int_equal(fact_whole(&facts.heads, 0), 4);
    assert_int_equal(facts.heads.source, FACT_USER);
    assert_string_equal(said, "attention heads: taking 4 as told, though it is 3 (\"vitlrp\" "
                              "metadata, num_heads)");
}

static void test_join(void **state) {
    (void) state;
    struct vitlrp_error err;
    struct model_facts facts = {0};
    struct model_facts tensors = {0};
    fact_state(&facts.depth, 12, FACT_FILE, "config.json", "num_hidden_layers");
    fact_state(&tensors.depth, 12, FACT_TENSORS, NULL, NULL);
    fact_state(&tensors.registers, 4, FACT_TENSORS, NULL, NULL);
    fact_guess(&facts.gate, FACT_GATE_NONE);
    assert_int_equal(facts_join(&facts, &tensors, &err), VITLRP_OK);
    assert_int_equal(fact_whole(&facts.registers, 0), 4);
    assert_int_equal(facts.depth.source, FACT_FILE);
    tensors.depth.value = 24;
    assert_int_equal(facts_join(&facts, &tensors, &err), VITLRP_MISMATCH);
    assert_string_equal(err.message,
                        "blocks: 12 (config.json, num_hidden_layers), but 24 (tensors)");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_metadata),
        cmocka_unit_test(test_metadata_refused),
        cmocka_unit_test(test_user),
        cmocka_unit_test(test_join),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
