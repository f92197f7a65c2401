/* Whether the record of a batch is one that a run writes, and what it says about the files of each
 * image. What it says of the model and the other settings is compared, not read. */
#include <string.h>

#include "base/json_members.h"
#include "batch_config.h"

#define COUNT(list) (sizeof(list) / sizeof(list)[0])

enum { SOME = 0, ALL = 1 };

static const struct json_member OF_RUN[] = {
    {"version", JSON_IS_TEXT, ALL},        {"model", JSON_IS_TEXT, ALL},
    {"weights_sha256", JSON_IS_HASH, ALL}, {"configuration", JSON_IS_OBJECT, ALL},
    {"dataset", JSON_IS_TEXT, ALL},        {"manifest", JSON_IS_OBJECT, ALL},
    {"run", JSON_IS_OBJECT, SOME},         {"shard", JSON_IS_OBJECT, SOME},
    {"settings", JSON_IS_OBJECT, ALL},     {"settings_sha256", JSON_IS_HASH, ALL},
};

static const struct json_member OF_MANIFEST[] = {
    {"count", JSON_IS_INDEX, ALL},
    {"skipped", JSON_IS_INDEX, ALL},
    {"sha256", JSON_IS_HASH, ALL},
    {"truth_sha256", JSON_IS_NO_HASH, SOME},
    {"content_sha256", JSON_IS_NO_HASH, SOME},
};

static const struct json_member OF_SHARD[] = {
    {"index", JSON_IS_INDEX, ALL},
    {"count", JSON_IS_INDEX, ALL},
};

static const struct json_member OF_SETTINGS[] = {
    {"target", JSON_IS_OBJECT, ALL},     {"method", JSON_IS_TEXT, ALL},
    {"parameters", JSON_IS_OBJECT, ALL}, {"preprocess", JSON_IS_OBJECT, ALL},
    {"picture", JSON_IS_OBJECT, ALL},    {"write", JSON_IS_NAMES, ALL},
    {"arithmetic", JSON_IS_OBJECT, ALL},
};

static enum vitlrp_status check_part(const json_t *config, const char *key,
                                     const struct json_member *members, size_t count,
                                     struct vitlrp_error *err) {
    const json_t *part = json_object_get(config, key);
    return part == NULL
               ? VITLRP_OK
               : error_prefix(err, json_check_members(part, members, count, ALL, err), key);
}

enum vitlrp_status batch_config_check(const json_t *config, struct vitlrp_error *err) {
    struct batch_choice choice;
    bool several = false;
    TRY(json_check_members(config, OF_RUN, COUNT(OF_RUN), ALL, err));
    TRY(check_part(config, "manifest", OF_MANIFEST, COUNT(OF_MANIFEST), err));
    TRY(check_part(config, "shard", OF_SHARD, COUNT(OF_SHARD), err));
    TRY(check_part(config, "settings", OF_SETTINGS, COUNT(OF_SETTINGS), err));
    return batch_config_choice(config, &choice, &several, err);
}

static bool read_word(const char *word, bool writes[BATCH_FILES]) {
    for (enum batch_file file = BATCH_PNG; file < BATCH_FILES; file++) {
        if (strcmp(word, batch_file_word(file)) == 0) {
            writes[file] = true;
            return true;
        }
    }
    return false;
}

static bool is_list(const char *class_text) {
    return class_text != NULL && class_text[class_list_length(class_text)] != '\0';
}

enum vitlrp_status batch_config_choice(const json_t *config, struct batch_choice *choice,
                                       bool *several, struct vitlrp_error *err) {
    const json_t *settings = json_object_get(config, "settings");
    const json_t *words = json_object_get(settings, "write");
    const json_t *shard = json_object_get(config, "shard");
    int64_t top = 0;
    int64_t index = 0;
    int64_t shards = 1;
    *choice = (struct batch_choice){0};
    for (size_t i = 0; i < json_array_size(words); i++) {
        if (!read_word(json_string_value(json_array_get(words, i)), choice->writes)) {
            return fail(err, VITLRP_FORMAT, "\"write\" has a word that is none of --write");
        }
    }
    TRY(json_get_int(json_object_get(settings, "target"), "top", 1, INT32_MAX, &top, err));
    TRY(json_get_int(shard, "count", 2, INT32_MAX, &shards, err));
    TRY(json_get_int(shard, "index", 0, shards - 1, &index, err));
    if (json_array_size(words) == 0 || top < 1) {
        return fail(err, VITLRP_FORMAT, "lacks \"write\" or \"top\" of its settings");
    }
    choice->shard = (int32_t) index;
    choice->shards = (int32_t) shards;
    *several = top > 1 || is_list(json_get_string(json_object_get(settings, "target"), "class"));
    return VITLRP_OK;
}
