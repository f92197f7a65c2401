#define _GNU_SOURCE
#include "batch_merge.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/folder.h"
#include "base/mem.h"
#include "batch_config.h"
#include "batch_line.h"
#include "batch_plan.h"
#include "batch_store.h"
#include "cli/names.h"

/* ---- The shards ---- */

static enum vitlrp_status add_part(struct batch_shards *shards, const char *folder, int32_t shard,
                                   int32_t of, struct vitlrp_error *err) {
    if (shards->count == shards->capacity) {
        size_t capacity = shards->capacity == 0 ? 16 : 2 * shards->capacity;
        struct batch_part *grown = mem_resize(shards->parts, capacity, sizeof *grown);
        if (grown == NULL) {
            return fail(err, VITLRP_NOMEM, "out of memory for %zu shards", capacity);
        }
        shards->parts = grown;
        shards->capacity = capacity;
    }
    shards->parts[shards->count++] = (struct batch_part){
        .folder = folder, .shard = shard, .shards = of, .journal = {.descriptor = -1}};
    return VITLRP_OK;
}

/* A merged run lies beside its shards: of a folder with both, the shards count. */
static enum vitlrp_status find_parts(struct batch_shards *shards, const char *folder,
                                     struct vitlrp_error *err) {
    DIR *stream = opendir(folder);
    const struct dirent *entry;
    enum vitlrp_status status = VITLRP_OK;
    size_t before = shards->count;
    bool whole = false;
    if (stream == NULL) {
        return fail_errno(err, errno, "cannot read this folder");
    }
    while (status == VITLRP_OK && (entry = readdir(stream)) != NULL) {
        int32_t shard;
        int32_t of;
        if (!batch_parse_run_name(entry->d_name, &shard, &of)) {
            continue;
        }
        if (of == 1) {
            whole = true;
        } else {
            status = add_part(shards, folder, shard, of, err);
        }
    }
    closedir(stream);
    if (status == VITLRP_OK && shards->count == before) {
        status = whole ? add_part(shards, folder, 0, 1, err)
                       : fail(err, VITLRP_MISMATCH, "holds no shard of a batch (run.I-of-N.json)");
    }
    return status;
}

static int compare_parts(const void *left, const void *right) {
    const struct batch_part *a = left;
    const struct batch_part *b = right;
    return a->shard != b->shard ? (a->shard < b->shard ? -1 : 1) : strcmp(a->folder, b->folder);
}

/* Each shard of one division, once. */
static enum vitlrp_status check_division(const struct batch_shards *shards,
                                         struct vitlrp_error *err) {
    int32_t of = shards->parts[0].shards;
    for (size_t i = 0; i < shards->count; i++) {
        const struct batch_part *part = &shards->parts[i];
        if (part->shards != of) {
            return fail(err, VITLRP_MISMATCH,
                        "some shards are of %d and some are of %d: give the shards of one run", of,
                        part->shards);
        }
        if (i > 0 && part->shard == shards->parts[i - 1].shard) {
            return fail(err, VITLRP_MISMATCH, "shard %d of %d occurs twice: in %s and in %s",
                        part->shard, of, shards->parts[i - 1].folder, part->folder);
        }
        if ((size_t) part->shard > i) {
            return fail(err, VITLRP_MISMATCH,
                        "shard %zu of %d is missing (run it with --shard "
                        "%zu/%d)",
                        i, of, i, of);
        }
    }
    if (shards->count < (size_t) of) {
        return fail(err, VITLRP_MISMATCH, "shard %zu of %d is missing (run it with --shard %zu/%d)",
                    shards->count, of, shards->count, of);
    }
    return VITLRP_OK;
}

/* What the file says of itself, and what its name says. */
static enum vitlrp_status check_place(struct batch_part *part, struct vitlrp_error *err) {
    TRY(batch_config_choice(part->config, &part->choice, &part->several, err));
    return part->choice.shard == part->shard && part->choice.shards == part->shards
               ? VITLRP_OK
               : fail(err, VITLRP_MISMATCH, "is the record of shard %d of %d", part->choice.shard,
                      part->choice.shards);
}

static enum vitlrp_status read_config(struct batch_part *part, struct vitlrp_error *err) {
    struct text path = {.limit = 2 * NAME_LIMIT};
    batch_append_name(&path, part->folder, "run", ".json", part->shard, part->shards);
    enum vitlrp_status status = text_check(&path, "the name of a shard's record", err);
    if (status == VITLRP_OK) {
        status = batch_config_read(path.data, &part->config, err);
    }
    if (status == VITLRP_OK) {
        status = error_prefix(err, check_place(part, err), path.data);
    }
    text_free(&path);
    return status;
}

static enum vitlrp_status check_complete(const struct batch_part *part, struct vitlrp_error *err) {
    size_t left = journal_count(&part->journal, JOURNAL_OPEN);
    if (left > 0) {
        return fail(err, VITLRP_MISMATCH,
                    "shard %d of %d has %zu of its %zu images still to do (run it again)",
                    part->shard, part->shards, left, part->journal.count);
    }
    if (part->journal.repeated > 0) {
        return fail(err, VITLRP_MISMATCH, "shard %d of %d has %zu image%s twice (run it again)",
                    part->shard, part->shards, part->journal.repeated,
                    part->journal.repeated == 1 ? "" : "s");
    }
    return VITLRP_OK;
}

static enum vitlrp_status open_journal(const struct batch_shards *shards, struct batch_part *part,
                                       struct vitlrp_error *err) {
    struct text path = {.limit = 2 * NAME_LIMIT};
    size_t place = (size_t) part->shard;
    size_t of = (size_t) part->shards;
    size_t count = shards->images > place ? (shards->images - place - 1) / of + 1 : 0;
    batch_append_name(&path, part->folder, "results", ".jsonl", part->shard, part->shards);
    enum vitlrp_status status = text_check(&path, "the name of a shard's results", err);
    if (status == VITLRP_OK) {
        status = journal_open(
            path.data, &(struct journal_shard){count, part->shard, part->shards, batch_line_check},
            false, &part->journal, err);
    }
    text_free(&path);
    return status == VITLRP_OK ? error_prefix(err, check_complete(part, err), part->folder)
                               : status;
}

/* The files of an image that is done are those that its run writes. */
static enum vitlrp_status check_set(const struct batch_part *part, size_t place,
                                    const struct batch_line *line, struct vitlrp_error *err) {
    bool complete = true;
    if (part->journal.entries[place].state != JOURNAL_DONE) {
        return VITLRP_OK;
    }
    TRY(batch_line_is_complete(line, &part->choice, part->several, &complete, err));
    return complete ? VITLRP_OK
                    : fail(err, VITLRP_MISMATCH,
                           "%s: the files of image %zu are not those that the run writes (run "
                           "shard %d of %d again)",
                           part->journal.path, place * (size_t) part->shards + (size_t) part->shard,
                           part->shard, part->shards);
}

/* Results may come from anywhere: what a line names must be a file of the run, and whole. */
static enum vitlrp_status check_files_of(const struct batch_part *part, size_t place, int root,
                                         struct vitlrp_error *err) {
    struct batch_line line;
    enum vitlrp_status status = batch_line_read(&part->journal, place, &line, err);
    if (status == VITLRP_OK) {
        status = batch_line_check_names(&line, err);
    }
    if (status == VITLRP_OK) {
        status = check_set(part, place, &line, err);
    }
    for (size_t i = 0; i < line.file_count && status == VITLRP_OK; i++) {
        bool whole = false;
        status = folder_find_file(root, line.files[i].path, line.files[i].size, &whole, err);
        if (status == VITLRP_OK && !whole) {
            status =
                fail(err, VITLRP_MISMATCH,
                     "is not a file of the run, or is no longer whole (run shard %d of %d again)",
                     part->shard, part->shards);
            error_prefix(err, status, line.files[i].path);
        }
    }
    batch_line_free(&line);
    return status;
}

static enum vitlrp_status check_files(const struct batch_part *part, struct vitlrp_error *err) {
    int root = -1;
    enum vitlrp_status status = VITLRP_OK;
    TRY(folder_open(part->folder, &root, err));
    for (size_t i = 0; i < part->journal.count && status == VITLRP_OK; i++) {
        status = check_files_of(part, i, root, err);
    }
    close(root);
    return error_prefix(err, status, part->folder);
}

static enum vitlrp_status check_config(const struct batch_shards *shards,
                                       const struct batch_part *part, struct vitlrp_error *err) {
    char first[40];
    char second[40];
    snprintf(first, sizeof first, "shard %d", shards->parts[0].shard);
    snprintf(second, sizeof second, "shard %d", part->shard);
    enum vitlrp_status status =
        batch_config_compare(shards->parts[0].config, part->config, first, second, err);
    if (status == VITLRP_OK) {
        status = batch_config_compare_content(shards->parts[0].config, part->config, err);
    }
    return error_prefix(err, status, second);
}

enum vitlrp_status batch_shards_open(const char *const *folders, size_t count,
                                     struct batch_shards *shards, struct vitlrp_error *err) {
    *shards = (struct batch_shards){0};
    for (size_t i = 0; i < count; i++) {
        TRY(error_prefix(err, find_parts(shards, folders[i], err), folders[i]));
    }
    qsort(shards->parts, shards->count, sizeof *shards->parts, compare_parts);
    TRY(check_division(shards, err));
    for (size_t i = 0; i < shards->count; i++) {
        TRY(read_config(&shards->parts[i], err));
        TRY(check_config(shards, &shards->parts[i], err));
    }
    TRY(batch_config_images(shards->parts[0].config, &shards->images, err));
    for (size_t i = 0; i < shards->count; i++) {
        TRY(open_journal(shards, &shards->parts[i], err));
        TRY(check_files(&shards->parts[i], err));
    }
    return VITLRP_OK;
}

void batch_shards_close(struct batch_shards *shards) {
    for (size_t i = 0; i < shards->count; i++) {
        json_decref(shards->parts[i].config);
        journal_close(&shards->parts[i].journal);
    }
    mem_free(shards->parts);
    *shards = (struct batch_shards){0};
}

/* ---- One run of them ---- */

#define COPY_LIMIT ((size_t) 1 << 32)

bool batch_merge_is_meant(const struct args *args) {
    return folder_is(args->operands[0]);
}

static enum vitlrp_status merge_check_args(const struct args *args, const char **folder,
                                           struct vitlrp_error *err) {
    static const enum option_id UNREAD[] = {OPTION_REFERENCE,  OPTION_CSV,     OPTION_HTML,
                                            OPTION_JSON,       OPTION_GALLERY, OPTION_NO_PICTURES,
                                            OPTION_TEST_IMAGES};
    for (size_t i = 0; i < sizeof UNREAD / sizeof UNREAD[0]; i++) {
        if (args->value[UNREAD[i]] != NULL) {
            return fail(err, VITLRP_USAGE, "--%s: a batch has none",
                        option_table()[UNREAD[i]].name);
        }
    }
    for (size_t i = 0; i < args->operand_count; i++) {
        if (!folder_is(args->operands[i])) {
            return error_prefix(err,
                                fail(err, VITLRP_USAGE,
                                     "is not a folder (the shards of a batch are folders, those of "
                                     "an evaluation files)"),
                                args->operands[i]);
        }
    }
    *folder = args->value[OPTION_OUTPUT];
    if (*folder == NULL && args->operand_count > 1) {
        return fail(
            err, VITLRP_USAGE,
            "several folders need another folder, which receives the joined run (-o FOLDER)");
    }
    *folder = *folder == NULL ? args->operands[0] : *folder;
    return (*folder)[0] == '\0' ? fail(err, VITLRP_USAGE, "-o needs a folder") : VITLRP_OK;
}

/* ---- Files of other folders ---- */

static bool same_folder(const char *a, const char *b) {
    struct stat first;
    struct stat second;
    return stat(a, &first) == 0 && stat(b, &second) == 0 && first.st_dev == second.st_dev &&
           first.st_ino == second.st_ino;
}

/* What is merged: from where, to where, and whether there is a run already. */
struct merging {
    const struct batch_store *store;
    bool resumes; /* the folder's files are those of an earlier merge */
    int from;     /* descriptor of the shard's folder */
};

/* A folder without a run may hold what a merge that was stopped has copied, and nothing else under
 * these names. */
static enum vitlrp_status check_target(const struct merging *merging, const char *path,
                                       const struct bytes *wanted, bool *there,
                                       struct vitlrp_error *err) {
    struct bytes bytes = {0};
    struct vitlrp_error unread;
    enum vitlrp_status status =
        file_read_below(merging->store->root, path, COPY_LIMIT, &bytes, &unread);
    *there = status == VITLRP_OK && bytes.size == wanted->size &&
             (bytes.size == 0 || memcmp(bytes.data, wanted->data, bytes.size) == 0);
    bool differs = status == VITLRP_OK && !*there;
    bytes_free(&bytes);
    return differs && !merging->resumes
               ? fail(err, VITLRP_USAGE,
                      "%s/%s exists, and no merge of these shards made it (give another folder)",
                      merging->store->folder, path)
               : VITLRP_OK;
}

static enum vitlrp_status copy_file(const struct merging *merging, const char *path,
                                    struct vitlrp_error *err) {
    struct bytes bytes = {0};
    bool there = false;
    enum vitlrp_status status = file_read_below(merging->from, path, COPY_LIMIT, &bytes, err);
    error_prefix(err, status, path);
    if (status == VITLRP_OK) {
        status = check_target(merging, path, &bytes, &there, err);
    }
    if (status == VITLRP_OK && !there) {
        status = batch_store_write(merging->store, path, bytes.data, bytes.size, err);
    }
    bytes_free(&bytes);
    return status;
}

static enum vitlrp_status copy_part(struct merging *merging, const struct batch_part *part,
                                    struct vitlrp_error *err) {
    enum vitlrp_status status = folder_open(part->folder, &merging->from, err);
    for (size_t i = 0; i < part->journal.count && status == VITLRP_OK; i++) {
        struct batch_line line;
        status = batch_line_read(&part->journal, i, &line, err);
        for (size_t j = 0; j < line.file_count && status == VITLRP_OK; j++) {
            status = copy_file(merging, line.files[j].path, err);
        }
        batch_line_free(&line);
    }
    if (merging->from >= 0) {
        close(merging->from);
    }
    return status;
}

/* ---- One run ---- */

static enum vitlrp_status merge_write_results(const struct batch_shards *shards,
                                              const struct batch_store *store, const char *path,
                                              struct vitlrp_error *err) {
    const struct draft_place place = batch_journal_place(store, path);
    const struct journal **journals = mem_calloc(shards->count, sizeof *journals);
    if (journals == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu shards", shards->count);
    }
    for (size_t i = 0; i < shards->count; i++) {
        journals[i] = &shards->parts[i].journal;
    }
    enum vitlrp_status status = journal_write(journals, shards->count, shards->images, &place, err);
    mem_free((void *) journals);
    return status;
}

/* A folder that holds another run keeps it. */
static enum vitlrp_status merge_check_old_run(const struct batch_store *store, const json_t *config,
                                              bool *there, struct vitlrp_error *err) {
    struct text path = {.limit = 2 * NAME_LIMIT};
    struct stat info;
    json_t *old = NULL;
    batch_append_name(&path, store->folder, "run", ".json", 0, 1);
    enum vitlrp_status status = text_check(&path, "the name of the run's record", err);
    *there = status == VITLRP_OK && stat(path.data, &info) == 0;
    if (*there) {
        status = batch_config_read(path.data, &old, err);
        if (status == VITLRP_OK) {
            status = batch_config_compare(old, config, "the run that is there", "the shards", err);
        }
        error_prefix(err, status, path.data);
    } else if (status == VITLRP_OK) {
        status = batch_check_page(store, err);
    }
    json_decref(old);
    text_free(&path);
    return status;
}

static enum vitlrp_status merge_write_run(const struct batch_shards *shards,
                                          const struct batch_store *store, json_t **config,
                                          struct vitlrp_error *err) {
    struct text text = {.limit = (size_t) 1 << 24};
    *config = json_copy(shards->parts[0].config);
    json_object_del(*config, "shard");
    enum vitlrp_status status = batch_config_write(*config, &text, err);
    if (status == VITLRP_OK) {
        status = batch_store_write(store, "run.json", text.data, text.length, err);
    }
    text_free(&text);
    return status;
}

static enum vitlrp_status merge_finish(const struct batch_shards *shards,
                                       const struct batch_store *store, const char *path,
                                       const json_t *config, struct vitlrp_error *err) {
    struct journal journal;
    enum vitlrp_status status =
        journal_open(path, &(struct journal_shard){shards->images, 0, 1, batch_line_check}, false,
                     &journal, err);
    if (status == VITLRP_OK) {
        status = batch_finish(store, &journal, config, true, err);
    }
    journal_close(&journal);
    return status;
}

static enum vitlrp_status merge_write(const struct batch_shards *shards,
                                      const struct batch_store *store, struct vitlrp_error *err) {
    struct text path = {.limit = 2 * NAME_LIMIT};
    struct merging merging = {.store = store, .from = -1};
    json_t *config = NULL;
    batch_append_name(&path, store->folder, "results", ".jsonl", 0, 1);
    enum vitlrp_status status = text_check(&path, "the name of the run's results", err);
    if (status == VITLRP_OK) {
        status = merge_check_old_run(store, shards->parts[0].config, &merging.resumes, err);
    }
    for (size_t i = 0; i < shards->count && status == VITLRP_OK; i++) {
        if (!same_folder(shards->parts[i].folder, store->folder)) {
            status = copy_part(&merging, &shards->parts[i], err);
        }
    }
    if (status == VITLRP_OK) {
        status = merge_write_run(shards, store, &config, err);
    }
    if (status == VITLRP_OK) {
        status = merge_write_results(shards, store, path.data, err);
    }
    if (status == VITLRP_OK) {
        status = merge_finish(shards, store, path.data, config, err);
    }
    json_decref(config);
    text_free(&path);
    return status;
}

static size_t count_failed(const struct batch_shards *shards) {
    size_t failed = 0;
    for (size_t i = 0; i < shards->count; i++) {
        failed += journal_count(&shards->parts[i].journal, JOURNAL_FAILED);
    }
    return failed;
}

static enum vitlrp_status merge_report(const struct batch_shards *shards, const char *folder,
                                       size_t failed, const struct console *console,
                                       struct vitlrp_error *err) {
    char shown[200];
    struct text out = {.limit = 1024};
    text_escape_name(shown, sizeof shown, folder);
    text_printf(&out,
                "%s: %zu image%s of %zu shard%s, %zu failed\nto look at them: %s/" BATCH_PAGE "\n",
                shown, shards->images, shards->images == 1 ? "" : "s", shards->count,
                shards->count == 1 ? "" : "s", failed, shown);
    enum vitlrp_status status = console->verbosity > 0 ? console_write(&out, err) : VITLRP_OK;
    text_free(&out);
    return status;
}

static enum exit_code merge_shards(const struct args *args, const char *folder,
                                   struct batch_shards *shards, struct batch_store *store,
                                   const struct console *console) {
    struct vitlrp_error err;
    enum exit_code code =
        console_check(batch_store_open(folder, 0, 1, console, store, &err), CODE_OUTPUT, &err);
    if (code == CODE_DONE) {
        code = console_check(batch_shards_open(args->operands, args->operand_count, shards, &err),
                             CODE_INPUT, &err);
    }
    if (code == CODE_DONE) {
        code = console_check(merge_write(shards, store, &err), CODE_OUTPUT, &err);
    }
    if (code == CODE_DONE) {
        size_t failed = count_failed(shards);
        code =
            console_check(merge_report(shards, folder, failed, console, &err), CODE_OUTPUT, &err);
        code = code == CODE_DONE && failed > 0 ? CODE_ITEMS : code;
    }
    return code;
}

enum exit_code batch_merge_main(const struct args *args, struct console *console) {
    struct vitlrp_error err;
    const char *folder = NULL;
    struct batch_shards shards = {0};
    struct batch_store store = BATCH_STORE_CLOSED;
    enum exit_code code = console_check(merge_check_args(args, &folder, &err), CODE_INPUT, &err);
    if (code == CODE_DONE) {
        code = merge_shards(args, folder, &shards, &store, console);
    }
    batch_shards_close(&shards);
    batch_store_close(&store);
    return code;
}
