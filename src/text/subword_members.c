/* Where things lie in a tokenizer.json. */
#include <string.h>

#include "base/text.h"
#include "text/subword_json.h"

/* Bytes of a key that a message shows. */
#define MAX_NAME 64

/* A key and where its value goes. */
struct place {
    const char *key;
    struct json_span *span;
};

static enum vitlrp_status fail_key(struct json_span key, struct vitlrp_error *err) {
    char bytes[MAX_NAME];
    char name[4 * MAX_NAME];
    size_t length = 0;
    bool is_short = json_span_string(key, bytes, sizeof bytes - 1, &length);
    bytes[is_short ? length : 0] = '\0';
    text_escape_name(name, sizeof name, bytes);
    return fail(err, VITLRP_UNSUPPORTED, "tokenizer.json: the key \"%s\" is not known", name);
}

static enum vitlrp_status find(struct json_span object, const struct place *places,
                               struct vitlrp_error *err) {
    struct json_walk walk = json_walk_over(object);
    struct json_span key;
    struct json_span value;
    bool is_sound = json_walk_enter(&walk, '{');
    while (is_sound && json_walk_item(&walk)) {
        size_t i = 0;
        is_sound = json_walk_key(&walk, &key) && json_walk_value(&walk, &value);
        while (is_sound && places[i].key != NULL && !json_span_is(key, places[i].key)) {
            i++;
        }
        if (is_sound && places[i].key == NULL) {
            return fail_key(key, err);
        }
        is_sound = is_sound && places[i].span->bytes == NULL;
        if (is_sound) {
            *places[i].span = value;
        }
    }
    return is_sound ? VITLRP_OK
                    : fail(err, VITLRP_FORMAT, "tokenizer.json: no object, or a key twice");
}

/* True for what tokenizers takes for a setting that is off. */
static bool is_off(struct json_span span) {
    static const char *const WORDS[] = {"null", "false", "\"\"", "0", "0.0"};
    for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++) {
        if (span.size == strlen(WORDS[i]) && memcmp(span.bytes, WORDS[i], span.size) == 0) {
            return true;
        }
    }
    return span.bytes == NULL;
}

static enum vitlrp_status find_in_model(struct subword_members *out, struct vitlrp_error *err) {
    struct json_span off[4] = {{0}};
    struct json_span unknown_token = {0}; /* what is unknown has an id, or bytes */
    struct json_span fuses = {0};
    const struct place places[] = {
        {"type", &out->type},
        {"vocab", &out->vocab},
        {"merges", &out->merges},
        {"unk_id", &out->unknown_id},
        {"byte_fallback", &out->has_bytes},
        {"unk_token", &unknown_token},
        {"fuse_unk", &fuses},
        {"dropout", &off[0]},
        {"continuing_subword_prefix", &off[1]},
        {"end_of_word_suffix", &off[2]},
        {"ignore_merges", &off[3]},
        {NULL, NULL},
    };
    TRY(find(out->model, places, err));
    for (size_t i = 0; places[i].key != NULL; i++) {
        if (places[i].span >= off && places[i].span < off + 4 && !is_off(*places[i].span)) {
            return fail(err, VITLRP_UNSUPPORTED, "tokenizer.json: the model's %s is not known",
                        places[i].key);
        }
    }
    return VITLRP_OK;
}

enum vitlrp_status subword_find_members(struct json_span file, struct subword_members *out,
                                        struct vitlrp_error *err) {
    struct json_span ignored[2] = {
        {0}}; /* of what ids do not depend on: the context is a model's */
    const struct place places[] = {
        {"added_tokens", &out->added_tokens},
        {"normalizer", &out->normalizer},
        {"pre_tokenizer", &out->pre_tokenizer},
        {"post_processor", &out->post_processor},
        {"padding", &out->padding},
        {"model", &out->model},
        {"version", &ignored[0]},
        {"truncation", &out->truncation},
        {"decoder", &ignored[1]},
        {NULL, NULL},
    };
    *out = (struct subword_members){0};
    TRY(find(file, places, err));
    return find_in_model(out, err);
}
