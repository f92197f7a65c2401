#include "api/text_journal.h"

#include <string.h>

#include "api/prompt_list.h"
#include "base/base64.h"
#include "base/json.h"
#include "base/json_compare.h"
#include "base/little_endian.h"
#include "base/mem.h"
#include "base/settings_json.h"

#define LINE_LIMIT ((size_t) 1 << 24)
/* The first line, and a row for each prompt that may be, for the contrast and the empty text. */
#define PLACES (PROMPT_LIST_MOST + 3)

/* ---- What the rows are of ---- */

/* Of all differences the first. */
static void note_difference(void *user, const char *path, const json_t *was, const json_t *is) {
    struct text *out = user;
    if (out->length == 0) {
        json_append_change(out, path, was, is);
    }
}

static enum vitlrp_status compare(json_t *was, json_t *is, struct vitlrp_error *err) {
    struct text difference = {.limit = 1024};
    const struct json_comparison comparison = {.note = note_difference, .user = &difference};
    enum vitlrp_status status = VITLRP_OK;
    if (!json_compare(&comparison, was, is)) {
        status = fail(err, VITLRP_NOMEM, "out of memory for the comparison of two runs");
    } else if (difference.length > 0) {
        status = fail(err, VITLRP_USAGE,
                      "has rows of other texts or of another model: %s; remove it to begin anew",
                      difference.failed ? "they differ" : difference.data);
    }
    text_free(&difference);
    return status;
}

/* Adds a line with that member. Takes the value over. */
static enum vitlrp_status add_line(struct journal *journal, size_t place, const char *member,
                                   json_t *value, struct vitlrp_error *err) {
    struct text line = {.limit = LINE_LIMIT};
    bool complete = true;
    json_t *object = json_pack("{s:I, s:s}", "index", (json_int_t) place, "status", "ok");
    json_set(object, member, value, &complete);
    enum vitlrp_status status = VITLRP_OK;
    if (complete) {
        json_append(&line, object, 0);
        text_append_string(&line, "\n");
        status = text_check(&line, "a row of texts", err);
    } else {
        status = fail(err, VITLRP_NOMEM, "out of memory for a row of texts");
    }
    json_decref(object);
    if (status == VITLRP_OK) {
        status = journal_add(journal, place, JOURNAL_DONE, line.data, line.length, err);
    }
    text_free(&line);
    return status;
}

static enum vitlrp_status check_of(struct text_journal *out, const json_t *of,
                                   struct vitlrp_error *err) {
    json_t *first = NULL;
    if (out->journal.end > 0 && out->journal.entries[0].length == 0) {
        enum vitlrp_status status =
            fail(err, VITLRP_FORMAT,
                 "has no line that says of which texts its rows are (remove it to begin anew)");
        return error_prefix(err, status, out->journal.path);
    }
    if (journal_count(&out->journal, JOURNAL_DONE) <= 1) { /* no row is lost */
        return add_line(&out->journal, 0, "of", json_deep_copy(of), err);
    }
    TRY(journal_read(&out->journal, 0, &first, err));
    enum vitlrp_status status = compare(json_object_get(first, "of"), (json_t *) of, err);
    json_decref(first);
    return error_prefix(err, status, out->journal.path);
}

/* ---- Rows ---- */

enum vitlrp_status text_journal_open(const char *path, const json_t *of, struct text_journal *out,
                                     struct vitlrp_error *err) {
    const struct journal_shard all = {.count = PLACES, .shards = 1};
    *out = (struct text_journal){.is_open = true};
    TRY(journal_open(path, &all, true, &out->journal, err));
    return check_of(out, of, err);
}

static enum vitlrp_status read_row(const struct text_journal *journal, size_t class, size_t width,
                                   float *row, struct vitlrp_error *err) {
    json_t *line = NULL;
    struct bytes bytes = {0};
    TRY(journal_read(&journal->journal, class + 1, &line, err));
    const char *text = json_get_string(line, "row");
    enum vitlrp_status status = text == NULL ? fail(err, VITLRP_FORMAT, "has no row")
                                             : base64_decode(text, strlen(text), &bytes, err);
    if (status == VITLRP_OK && bytes.size != width * sizeof *row) {
        status = fail(err, VITLRP_FORMAT, "has a row of another length");
    }
    if (status == VITLRP_OK) {
        little_endian_copy(row, bytes.data, sizeof *row, width);
    }
    bytes_free(&bytes);
    json_decref(line);
    return error_prefix(err, status, journal->journal.path);
}

enum vitlrp_status text_journal_read(const struct text_journal *journal, size_t width, float *rows,
                                     size_t count, size_t *done, struct vitlrp_error *err) {
    *done = 0;
    while (*done < count && journal->journal.entries[*done + 1].length > 0) {
        TRY(read_row(journal, *done, width, rows + *done * width, err));
        (*done)++;
    }
    return VITLRP_OK;
}

enum vitlrp_status text_journal_add(struct text_journal *journal, size_t class, const float *row,
                                    size_t width, struct vitlrp_error *err) {
    struct text text = {.limit = LINE_LIMIT};
    unsigned char *bytes = mem_calloc(width, sizeof *row);
    if (bytes == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a row of texts");
    }
    little_endian_copy(bytes, row, sizeof *row, width);
    base64_append(&text, bytes, width * sizeof *row);
    mem_free(bytes);
    enum vitlrp_status status = text_check(&text, "a row of texts", err);
    if (status == VITLRP_OK) {
        status = add_line(&journal->journal, class + 1, "row", json_string(text.data), err);
    }
    text_free(&text);
    return status;
}

void text_journal_close(struct text_journal *journal) {
    if (journal->is_open) {
        journal_close(&journal->journal);
    }
    *journal = (struct text_journal){0};
}
