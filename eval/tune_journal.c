#include "eval/tune_journal.h"

#include <string.h>

#include "base/formats.h"
#include "base/json.h"
#include "eval/merge.h"

#define RUN_LIMIT ((size_t) 1 << 30)

static enum vitlrp_status head_write(const struct record *head, struct text *out,
                                     struct vitlrp_error *err) {
    text_append_string(out, "{\"format\": \"" FORMAT_TUNING "\",\n\"run\": ");
    TRY(record_write_head(head, out, err));
    text_append_string(out, "}\n");
    return text_check(out, "the journal's run.json", err);
}

/* The record in the text of run.json; *is_tuning is false for another format. */
static enum vitlrp_status head_read(const char *bytes, size_t size, bool *is_tuning,
                                    struct record *out, struct vitlrp_error *err) {
    json_t *object = NULL;
    struct text run = {.limit = RUN_LIMIT};
    TRY(json_parse_object(bytes, size, &object, err));
    const char *format = json_get_string(object, "format");
    const json_t *record = json_object_get(object, "run");
    enum vitlrp_status status = VITLRP_OK;
    *is_tuning = format != NULL && strcmp(format, FORMAT_TUNING) == 0 && record != NULL;
    if (*is_tuning) {
        json_append(&run, record, 0);
        status = text_check(&run, "the journal's run.json", err);
    }
    if (*is_tuning && status == VITLRP_OK) {
        status = record_read(run.data, run.length, out, err);
    }
    text_free(&run);
    json_decref(object);
    return status;
}

static enum vitlrp_status compare_run(void *user, const char *run, size_t size,
                                      struct text *difference, struct vitlrp_error *err) {
    const struct text *mine = user;
    struct record old = {0};
    struct record new = {0};
    bool is_tuning = false;
    enum vitlrp_status status = head_read(run, size, &is_tuning, &old, err);
    if (status == VITLRP_OK && !is_tuning) {
        text_append_string(difference, "it is no search of tune");
        return VITLRP_OK;
    }
    if (status == VITLRP_OK) {
        status = head_read(mine->data, mine->length, &is_tuning, &new, err);
    }
    if (status == VITLRP_OK) {
        status = record_difference(&old, &new, difference, err);
    }
    record_free(&old);
    record_free(&new);
    return status;
}

enum vitlrp_status tune_journal_open(const char *path, const struct record *head, size_t places,
                                     struct run_folder *journal, struct vitlrp_error *err) {
    struct text text = {.limit = RUN_LIMIT};
    const struct run_folder_run run = {.images = {.count = places, .shard = 0, .shards = 1},
                                       .text = &text,
                                       .compare = compare_run,
                                       .user = &text};
    *journal = run_folder_closed();
    enum vitlrp_status status = head_write(head, &text, err);
    if (status == VITLRP_OK) {
        status = run_folder_open(path, &run, journal, err);
    }
    text_free(&text);
    return status;
}
