#define _GNU_SOURCE
#include "batch_shards.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "batch_config.h"
#include "batch_names.h"
#include "cli/names.h"

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
    shards->parts[shards->count++] =
        (struct batch_part){folder, shard, of, NULL, {.descriptor = -1}};
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
                        "there are shards of %d and shards of %d: give those of one run", of,
                        part->shards);
        }
        if (i > 0 && part->shard == shards->parts[i - 1].shard) {
            return fail(err, VITLRP_MISMATCH, "shard %d of %d is there twice: in %s and in %s",
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

static enum vitlrp_status read_config(struct batch_part *part, struct vitlrp_error *err) {
    struct text path = {.limit = 2 * NAME_LIMIT};
    batch_append_name(&path, part->folder, "run", ".json", part->shard, part->shards);
    enum vitlrp_status status = path.failed ? fail(err, VITLRP_LIMIT, "a folder's name is too long")
                                            : batch_config_read(path.data, &part->config, err);
    text_free(&path);
    return status;
}

static enum vitlrp_status check_complete(const struct batch_part *part, struct vitlrp_error *err) {
    size_t left = batch_journal_count(&part->journal, BATCH_OPEN);
    if (left > 0) {
        return fail(err, VITLRP_MISMATCH,
                    "shard %d of %d has %zu of its %zu images still to do (run it again)",
                    part->shard, part->shards, left, part->journal.count);
    }
    if (part->journal.repeated > 0) {
        return fail(err, VITLRP_MISMATCH, "shard %d of %d has %zu images twice (run it again)",
                    part->shard, part->shards, part->journal.repeated);
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
    enum vitlrp_status status = path.failed
                                    ? fail(err, VITLRP_LIMIT, "a folder's name is too long")
                                    : batch_journal_open(path.data, count, part->shard,
                                                         part->shards, false, &part->journal, err);
    text_free(&path);
    return status == VITLRP_OK ? error_prefix(err, check_complete(part, err), part->folder)
                               : status;
}

static enum vitlrp_status check_config(const struct batch_shards *shards,
                                       const struct batch_part *part, struct vitlrp_error *err) {
    char first[40];
    char second[40];
    snprintf(first, sizeof first, "shard %d", shards->parts[0].shard);
    snprintf(second, sizeof second, "shard %d", part->shard);
    return batch_config_compare(shards->parts[0].config, part->config, first, second, err);
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
    }
    return VITLRP_OK;
}

void batch_shards_close(struct batch_shards *shards) {
    for (size_t i = 0; i < shards->count; i++) {
        json_decref(shards->parts[i].config);
        batch_journal_close(&shards->parts[i].journal);
    }
    mem_free(shards->parts);
    *shards = (struct batch_shards){0};
}
