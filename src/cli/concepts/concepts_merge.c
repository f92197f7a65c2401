#include "concepts_merge.h"

#include <stdlib.h>
#include <string.h>

#include "base/class_rows.h"
#include "base/mem.h"
#include "base/run_folder.h"
#include "base/unit_index.h"
#include "base/unit_index_run.h"
#include "cli/batch/batch_config.h"
#include "concepts_config.h"
#include "concepts_page.h"
#include "concepts_run.h"

#define RUN_LIMIT ((size_t) 1 << 24)

/* A shard, or a run that is not divided. */
struct part {
    struct run_folder folder;
    json_t *config; /* owned */
    int32_t shard, shards;
    struct unit_index index; /* without the images that units keep, once they are joined */
};

struct merging {
    struct part *parts; /* owned: [count], by shard */
    size_t count, images;
    const char *site;        /* its word */
    struct unit_index index; /* of all */
    char identity[SHA256_TEXT];
    struct concepts_files files;
    struct run_folder folder; /* that gets the run */
};

static enum vitlrp_status read_run(const char *path, struct part *part, struct vitlrp_error *err) {
    struct bytes bytes = {0};
    TRY(run_folder_look(path, &part->folder, err));
    TRY(run_folder_read(&part->folder, &bytes, err));
    enum vitlrp_status status =
        concepts_config_parse((const char *) bytes.data, bytes.size, &part->config, err);
    if (status == VITLRP_OK) {
        status = unit_index_run_shard(part->config, &part->shard, &part->shards, err);
    }
    bytes_free(&bytes);
    return run_folder_prefix(&part->folder, status, err);
}

bool concepts_merge_is_meant(const struct args *args) {
    struct part part = {.folder = run_folder_closed()};
    struct vitlrp_error unread;
    bool meant = read_run(args->operands[0], &part, &unread) == VITLRP_OK;
    json_decref(part.config);
    run_folder_close(&part.folder);
    return meant;
}

static int compare_parts(const void *left, const void *right) {
    const struct part *a = left;
    const struct part *b = right;
    return (a->shard > b->shard) - (a->shard < b->shard);
}

/* Each shard of one division, once, and all of one run. */
static enum vitlrp_status check_parts(const struct merging *merging, struct vitlrp_error *err) {
    const struct part *first = &merging->parts[0];
    for (size_t i = 0; i < merging->count; i++) {
        const struct part *part = &merging->parts[i];
        if (part->shards != first->shards || merging->count != (size_t) first->shards ||
            (size_t) part->shard != i) {
            return fail(err, VITLRP_MISMATCH,
                        "these are not the shards 0 to %d of one run, each once: %s is shard %d "
                        "of %d",
                        first->shards - 1, part->folder.path, part->shard, part->shards);
        }
        enum vitlrp_status status = batch_config_compare(
            first->config, part->config, first->folder.path, part->folder.path, err);
        if (status == VITLRP_OK) {
            status = batch_config_compare_content(first->config, part->config, err);
        }
        TRY(error_prefix(err, status, part->folder.path));
    }
    return VITLRP_OK;
}

static enum vitlrp_status open_results(const struct merging *merging, struct part *part,
                                       struct vitlrp_error *err) {
    size_t place = (size_t) part->shard;
    size_t of = (size_t) part->shards;
    size_t count = merging->images > place ? (merging->images - place - 1) / of + 1 : 0;
    const struct journal_shard images = {count, part->shard, part->shards, concepts_line_check};
    TRY(run_folder_look_results(&part->folder, &images, err));
    size_t left = journal_count(&part->folder.journal, JOURNAL_OPEN);
    enum vitlrp_status status =
        left == 0 ? VITLRP_OK
                  : fail(err, VITLRP_MISMATCH,
                         "has %zu of its %zu images still to do (run it again)", left, count);
    return error_prefix(err, status, part->folder.path);
}

/* Exactly the images whose lines say so. */
static enum vitlrp_status check_state(const struct merging *merging, const struct part *part,
                                      const struct unit_index *index, const char *settings,
                                      struct vitlrp_error *err) {
    const struct journal *journal = &part->folder.journal;
    bool same = strcmp(settings, merging->identity) == 0 &&
                index->shape.images == merging->images &&
                index->count == journal_count(journal, JOURNAL_DONE);
    for (size_t place = 0; same && place < journal->count; place++) {
        size_t image = (size_t) part->shard + place * (size_t) part->shards;
        same = unit_index_has(index, image) == (journal->entries[place].state == JOURNAL_DONE);
    }
    return same ? VITLRP_OK
                : fail(err, VITLRP_MISMATCH,
                       UNIT_INDEX_STATE " is not of the images of " RUN_FOLDER_RESULTS
                                        " (run it again)");
}

static enum vitlrp_status add_state(struct merging *merging, struct part *part,
                                    struct vitlrp_error *err) {
    char settings[SHA256_TEXT];
    struct unit_index index;
    enum vitlrp_status status =
        unit_index_read(part->folder.folder, UNIT_INDEX_STATE, settings, &index, err);
    if (status == VITLRP_OK) {
        status = check_state(merging, part, &index, settings, err);
    }
    if (status == VITLRP_OK && merging->index.sums == NULL) {
        status = unit_index_open(&index.shape, &merging->index, err);
    }
    if (status == VITLRP_OK) {
        status = unit_index_merge(&merging->index, &index, err);
    }
    part->index = (struct unit_index){.shape = index.shape,
                                      .class_images = index.class_images,
                                      .class_digests = index.class_digests};
    index.class_images = NULL;
    index.class_digests = NULL;
    unit_index_close(&index);
    return error_prefix(err, status, part->folder.path);
}

static enum vitlrp_status open_parts(const struct args *args, struct merging *merging,
                                     struct vitlrp_error *err) {
    merging->parts = mem_calloc(args->operand_count, sizeof *merging->parts);
    if (merging->parts == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu shards", args->operand_count);
    }
    for (; merging->count < args->operand_count; merging->count++) {
        merging->parts[merging->count].folder = run_folder_closed();
    }
    for (size_t i = 0; i < merging->count; i++) {
        TRY(read_run(args->operands[i], &merging->parts[i], err));
    }
    qsort(merging->parts, merging->count, sizeof *merging->parts, compare_parts);
    TRY(check_parts(merging, err));
    merging->site = concepts_config_site(merging->parts[0].config);
    if (merging->site == NULL) {
        return fail(err, VITLRP_FORMAT, "%s/run.json states no site",
                    merging->parts[0].folder.path);
    }
    TRY(batch_config_images(merging->parts[0].config, &merging->images, err));
    TRY(unit_index_run_identity(merging->parts[0].config, merging->identity, err));
    for (size_t i = 0; i < merging->count; i++) {
        TRY(open_results(merging, &merging->parts[i], err));
        TRY(add_state(merging, &merging->parts[i], err));
    }
    return VITLRP_OK;
}

/* As run_folder_compare: the folder holds the same run, from an earlier merge. */
static enum vitlrp_status compare_texts(void *user, const char *bytes, size_t size,
                                        struct text *difference, struct vitlrp_error *err) {
    const struct text *own = user;
    (void) err;
    if (own->length != size || memcmp(own->data, bytes, size) != 0) {
        text_append_string(difference, "its run.json is another one");
    }
    return VITLRP_OK;
}

static enum vitlrp_status open_target(const char *path, struct merging *merging,
                                      struct vitlrp_error *err) {
    struct text text = {.limit = RUN_LIMIT};
    json_t *config = json_copy(merging->parts[0].config);
    if (config == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for the run's settings");
    }
    json_object_del(config, "shard");
    concepts_files(merging->site, &merging->files);
    const struct run_folder_run run = {.images = {merging->images, 0, 1, concepts_line_check},
                                       .made = merging->files.names,
                                       .text = &text,
                                       .compare = compare_texts,
                                       .user = &text};
    enum vitlrp_status status = batch_config_write(config, &text, err);
    if (status == VITLRP_OK) {
        status = run_folder_open(path, &run, &merging->folder, err);
    }
    json_decref(config);
    text_free(&text);
    return status;
}

static enum vitlrp_status write_results(const struct merging *merging, struct vitlrp_error *err) {
    const struct draft_place place = {
        .folder = merging->folder.folder, .name = RUN_FOLDER_RESULTS, .staging = -1};
    const struct journal **journals = mem_calloc(merging->count, sizeof *journals);
    if (journals == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu shards", merging->count);
    }
    for (size_t i = 0; i < merging->count; i++) {
        journals[i] = &merging->parts[i].folder.journal;
    }
    enum vitlrp_status status =
        journal_write(journals, merging->count, merging->images, &place, err);
    mem_free((void *) journals);
    return status;
}

static enum vitlrp_status join_classes(struct merging *merging, struct class_rows *rows,
                                       struct class_rows *out, struct vitlrp_error *err) {
    for (size_t i = 0; i < merging->count; i++) {
        struct part *part = &merging->parts[i];
        enum vitlrp_status status =
            class_rows_open(&part->index, part->folder.folder, merging->site, &rows[i], err);
        TRY(error_prefix(err, status, part->folder.path));
        rows[i].path = part->folder.path;
    }
    TRY(class_rows_open(&merging->index, merging->folder.folder, merging->site, out, err));
    return class_rows_join(rows, merging->count, out, err);
}

/* Their sums by class, whose hashes the state has. */
static enum vitlrp_status write_classes(struct merging *merging, struct vitlrp_error *err) {
    struct class_rows out = {0};
    struct class_rows *rows = mem_calloc(merging->count, sizeof *rows);
    if (rows == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu shards", merging->count);
    }
    enum vitlrp_status status = join_classes(merging, rows, &out, err);
    for (size_t i = 0; i < merging->count; i++) {
        class_rows_close(&rows[i]);
    }
    class_rows_close(&out);
    mem_free(rows);
    return status;
}

/* The lines come last: with them the folder is a run that is complete. */
static enum vitlrp_status write_run(struct merging *merging, struct vitlrp_error *err) {
    int folder = merging->folder.folder;
    if (merging->index.shape.classes > 0) {
        TRY(write_classes(merging, err));
    }
    TRY(unit_index_write(&merging->index, merging->identity, folder, UNIT_INDEX_STATE, err));
    TRY(unit_index_write_arrays(&merging->index, merging->site, folder, err));
    return write_results(merging, err);
}

static enum vitlrp_status report(const struct merging *merging, size_t failed,
                                 const struct console *console, struct vitlrp_error *err) {
    struct text out = {.limit = 1024};
    char shown[200];
    text_escape_name(shown, sizeof shown, merging->folder.path);
    text_printf(&out, "%s: %zu images of %zu shard%s, %zu failed\n", shown, merging->images,
                merging->count, merging->count == 1 ? "" : "s", failed);
    enum vitlrp_status status = console->verbosity > 0 ? console_write(&out, err) : VITLRP_OK;
    text_free(&out);
    return status;
}

static enum vitlrp_status check_args(const struct args *args, struct vitlrp_error *err) {
    static const enum option_id UNREAD[] = {OPTION_REFERENCE, OPTION_CSV, OPTION_HTML, OPTION_JSON};
    for (size_t i = 0; i < sizeof UNREAD / sizeof UNREAD[0]; i++) {
        if (args->value[UNREAD[i]] != NULL) {
            return fail(err, VITLRP_USAGE, "--%s: an index of hidden units has none",
                        option_table()[UNREAD[i]].name);
        }
    }
    const char *folder = args->value[OPTION_OUTPUT];
    return folder == NULL || folder[0] == '\0'
               ? fail(err, VITLRP_USAGE, "the joined run needs another folder (-o FOLDER)")
               : VITLRP_OK;
}

static enum exit_code merge(const struct args *args, struct merging *merging,
                            const struct console *console) {
    struct vitlrp_error err;
    enum exit_code code = console_check(check_args(args, &err), CODE_INPUT, &err);
    if (code == CODE_DONE) {
        code = console_check(open_parts(args, merging, &err), CODE_INPUT, &err);
    }
    if (code == CODE_DONE) {
        code = console_check(open_target(args->value[OPTION_OUTPUT], merging, &err), CODE_OUTPUT,
                             &err);
    }
    if (code == CODE_DONE) {
        code = console_check(write_run(merging, &err), CODE_OUTPUT, &err);
    }
    if (code != CODE_DONE) {
        return code;
    }
    size_t failed = merging->images - merging->index.count;
    code = console_check(report(merging, failed, console, &err), CODE_OUTPUT, &err);
    return code == CODE_DONE && failed > 0 ? CODE_ITEMS : code;
}

enum exit_code concepts_merge_main(const struct args *args, struct console *console) {
    struct merging merging = {.folder = run_folder_closed()};
    enum exit_code code = merge(args, &merging, console);
    for (size_t i = 0; i < merging.count; i++) {
        json_decref(merging.parts[i].config);
        unit_index_close(&merging.parts[i].index);
        run_folder_close(&merging.parts[i].folder);
    }
    mem_free(merging.parts);
    unit_index_close(&merging.index);
    run_folder_close(&merging.folder);
    if (code == CODE_DONE || code == CODE_ITEMS) {
        enum exit_code made = concepts_page(args, args->value[OPTION_OUTPUT], console);
        code = made == CODE_DONE ? code : made;
    }
    return code;
}
