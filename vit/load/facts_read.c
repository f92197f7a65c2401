/* Who is asked for a model's facts, in which order; and the project's own metadata. */
#include <string.h>

#include "base/json.h"
#include "vit/load/facts_keys.h"

static const struct key_word POOL_WORDS[] = {
#define POOL_WORD(constant, word) {word, FACT_##constant},
    FACT_LIST_POOL(POOL_WORD)
#undef POOL_WORD
        {NULL, 0},
};

static const struct key_word ARCHITECTURE_WORDS[] = {{"vit", FACT_BLOCK_PRE_NORM}, {NULL, 0}};

/* data/FORMATS.md describes it. */
static const struct fact_key METADATA_KEYS[] = {
    {"architecture", KEY_WORD, FACT_AT(block), ARCHITECTURE_WORDS},
    {"image_size", KEY_PAIR, FACT_AT(image_height), NULL},
    {"num_heads", KEY_COUNT, FACT_AT(heads), NULL},
    {"layer_norm_eps", KEY_NUMBER, FACT_AT(norm_eps), NULL},
    {"activation", KEY_WORD, FACT_AT(activation), ACTIVATION_WORDS},
    {"pool", KEY_WORD, FACT_AT(pool), POOL_WORDS},
    {"patch_size", KEY_PAIR, FACT_AT(patch_height), NULL},
    {"preprocess", KEY_IGNORED, 0, NULL},
    {"class_index", KEY_IGNORED, 0, NULL},
    {"labels", KEY_IGNORED, 0, NULL},
};

enum vitlrp_status facts_metadata(const json_t *object, struct model_facts *facts,
                                  struct vitlrp_error *err) {
    const struct fact_keys list = {METADATA_KEYS, sizeof METADATA_KEYS / sizeof METADATA_KEYS[0]};
    const struct keys_read from = {object, "\"vitlrp\" metadata", &list, 1};
    return keys_read(&from, facts, err);
}

/* The user's word decides, and is said where a file says otherwise. */
static void take_user(const struct facts_beside *beside, struct model_facts *facts) {
    size_t count;
    const struct fact_row *rows = fact_rows(&count);
    for (size_t i = 0; i < count; i++) {
        struct fact *fact = fact_member(facts, rows[i].offset);
        const struct fact *told = fact_of(beside->user, &rows[i]);
        if (!fact_known(told)) {
            continue;
        }
        if (fact_known(fact) && fact->value != told->value) {
            struct text text = {.limit = 1 << 12};
            text_printf(&text, "%s: taking ", rows[i].title);
            fact_append_value(&text, &rows[i], told);
            text_append_string(&text, " as told, though it is ");
            fact_append_value(&text, &rows[i], fact);
            text_append_string(&text, " (");
            fact_append_origin(&text, fact);
            text_append_string(&text, ")");
            log_message(beside->log, LOG_LEVEL_WARNING, "%s", text.failed ? "" : text.data);
            text_free(&text);
        }
        *fact = *told;
    }
}

enum vitlrp_status facts_read(const struct facts_beside *beside, struct model_facts *out,
                              struct vitlrp_error *err) {
    *out = (struct model_facts){0};
    if (beside->metadata != NULL) {
        TRY(facts_metadata(beside->metadata, out, err));
    }
    if (beside->user != NULL) {
        take_user(beside, out);
    }
    return VITLRP_OK;
}
