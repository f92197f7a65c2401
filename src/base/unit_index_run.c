#include "base/unit_index_run.h"

#include <string.h>

#include "base/formats.h"
#include "base/json_members.h"
#include "base/unit_index.h"
#include "base/words.h"

#define RECORD_LIMIT ((size_t) 1 << 24)
#define MOST_SHARDS INT64_C(1000000)

static const struct json_member RECORD[] = {
    {"format", JSON_IS_NAME, 1},          {"model", JSON_IS_TEXT, 1},
    {"weights_sha256", JSON_IS_HASH, 1},  {"configuration", JSON_IS_OBJECT, 1},
    {"dataset", JSON_IS_NAME, 1},         {"settings", JSON_IS_OBJECT, 1},
    {"settings_sha256", JSON_IS_HASH, 1}, {"shard", JSON_IS_OBJECT, 0}};
static const struct json_member SETTINGS[] = {{"method", JSON_IS_NAME, 1},
                                              {"units", JSON_IS_OBJECT, 1}};
static const struct json_member UNITS[] = {
    {"site", JSON_IS_NAME, 1}, {"statistic", JSON_IS_NAME, 1}, {"keep", JSON_IS_INDEX, 1}};
/* and "kinds", a list of words, where an index has not all of them; "class_sums", true */

#define CHECK(object, members)                                                                     \
    json_check_members((object), (members), sizeof(members) / sizeof((members)[0]), 1, err)

enum vitlrp_status unit_index_run_identity(const json_t *record, char digest[SHA256_TEXT],
                                           struct vitlrp_error *err) {
    static const char *const LEFT_OUT[] = {"dataset", "model", "run", "shard"};
    struct text text = {.limit = RECORD_LIMIT};
    json_t *copy = json_copy((json_t *) record);
    if (copy == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for the run's settings");
    }
    for (size_t i = 0; i < sizeof LEFT_OUT / sizeof LEFT_OUT[0]; i++) {
        json_object_del(copy, LEFT_OUT[i]);
    }
    json_append(&text, copy, 0);
    enum vitlrp_status status = text_check(&text, "the run's settings", err);
    if (status == VITLRP_OK) {
        status = sha256_bytes(text.data, text.length, digest, err);
    }
    text_free(&text);
    json_decref(copy);
    return status;
}

enum vitlrp_status unit_index_run_shard(const json_t *record, int32_t *shard, int32_t *shards,
                                        struct vitlrp_error *err) {
    const json_t *object = json_object_get(record, "shard");
    int64_t index = 0;
    int64_t count = 1;
    TRY(json_get_int(object, "count", 1, MOST_SHARDS, &count, err));
    TRY(json_get_int(object, "index", 0, count - 1, &index, err));
    *shard = (int32_t) index;
    *shards = (int32_t) count;
    return VITLRP_OK;
}

static enum vitlrp_status take_kinds(const json_t *units, unsigned *out, struct vitlrp_error *err) {
    const json_t *list = json_object_get(units, "kinds");
    *out = list == NULL ? UNIT_INDEX_ALL_KINDS : 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *word = json_string_value(json_array_get(list, i));
        int kind = word == NULL ? -1 : word_find(WORDS_CONCEPT_KIND, word);
        if (kind < 0) {
            *out = 0;
            break;
        }
        *out |= 1U << kind;
    }
    return *out != 0
               ? VITLRP_OK
               : fail(err, VITLRP_FORMAT, "\"kinds\" must be a list of relevance and activation");
}

static enum vitlrp_status take_units(const json_t *units, struct unit_index_run *out,
                                     struct vitlrp_error *err) {
    TRY(CHECK(units, UNITS));
    int site = word_find(WORDS_SITE, json_get_string(units, "site"));
    if (site < 0) {
        return fail(err, VITLRP_FORMAT, "\"site\" must be fc1, head or stream");
    }
    out->site = (enum vitlrp_site) site;
    out->statistic = json_get_string(units, "statistic");
    TRY(take_kinds(units, &out->kinds, err));
    out->class_sums = json_is_true(json_object_get(units, "class_sums"));
    return json_get_int(units, "keep", 1, UNIT_INDEX_MOST_KEEP, &out->keep, err);
}

static enum vitlrp_status take(struct unit_index_run *out, struct vitlrp_error *err) {
    const json_t *settings = json_object_get(out->record, "settings");
    const char *format = json_get_string(out->record, "format");
    if (format == NULL || strcmp(format, FORMAT_CONCEPTS) != 0) {
        return fail(err, VITLRP_FORMAT,
                    "is not the record of an index of hidden units of this version");
    }
    TRY(CHECK(out->record, RECORD));
    TRY(CHECK(settings, SETTINGS));
    TRY(take_units(json_object_get(settings, "units"), out, err));
    TRY(unit_index_run_shard(out->record, &out->shard, &out->shards, err));
    out->method = json_get_string(settings, "method");
    out->model = json_get_string(out->record, "model");
    out->dataset = json_get_string(out->record, "dataset");
    out->weights_sha256 = json_get_string(out->record, "weights_sha256");
    return unit_index_run_identity(out->record, out->identity, err);
}

enum vitlrp_status unit_index_run_parse(const char *bytes, size_t size, struct unit_index_run *out,
                                        struct vitlrp_error *err) {
    *out = (struct unit_index_run){0};
    TRY(json_parse_object(bytes, size, &out->record, err));
    return take(out, err);
}

void unit_index_run_close(struct unit_index_run *run) {
    json_decref(run->record);
    *run = (struct unit_index_run){0};
}
