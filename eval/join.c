#define _POSIX_C_SOURCE 200809L
#include "eval/join.h"

#include "base/folder.h"
#include "base/mem.h"
#include "eval/eval_journal.h"
#include "eval/merge.h"

/* Image i of the manifest is in shard i % shards. */
struct joined {
    struct eval_store store; /* first: a store is one of these */
    struct record *parts;    /* owned: [count] */
    size_t count;
    const struct record **shards; /* owned: [shard_count]; NULL: that one is missing */
    size_t shard_count;
    size_t manifest_count;
};

static enum vitlrp_status joined_visit(const struct eval_store *store, size_t only,
                                       eval_visit *visit, void *user, struct vitlrp_error *err) {
    const struct joined *joined = (const struct joined *) store;
    size_t begin = only == EVAL_ALL_IMAGES ? 0 : only;
    size_t end = only == EVAL_ALL_IMAGES ? joined->manifest_count : only + 1;
    for (size_t i = begin; i < end; i++) {
        const struct record *part = joined->shards[i % joined->shard_count];
        if (part != NULL) {
            TRY(evaluation_visit_one(&part->evaluation, i, visit, user, err));
        }
    }
    return VITLRP_OK;
}

static void joined_close(struct eval_store *store) {
    struct joined *joined = (struct joined *) store;
    for (size_t i = 0; i < joined->count; i++) {
        record_free(&joined->parts[i]);
    }
    mem_free(joined->parts);
    mem_free(joined->shards);
    mem_free(joined);
}

/* Takes the parts over. Without memory nothing is taken. */
static struct joined *joined_make(struct record *parts, size_t count) {
    const struct evaluation *first = &parts[0].evaluation;
    struct joined *joined = mem_calloc(1, sizeof *joined);
    struct record *taken = mem_calloc(count, sizeof *taken);
    const struct record **shards = mem_calloc((size_t) first->shards, sizeof *shards);
    if (joined == NULL || taken == NULL || shards == NULL) {
        mem_free(joined);
        mem_free(taken);
        mem_free(shards);
        return NULL;
    }
    *joined = (struct joined){.store = {.visit = joined_visit, .close = joined_close},
                              .parts = taken,
                              .count = count,
                              .shards = shards,
                              .shard_count = (size_t) first->shards,
                              .manifest_count = first->manifest_count};
    for (size_t i = 0; i < count; i++) {
        taken[i] = parts[i];
        parts[i] = (struct record){0};
        shards[taken[i].evaluation.shard] = &taken[i];
    }
    return joined;
}

/* Takes the parts over; those that it takes are zeroed. */
static enum vitlrp_status join(struct record *parts, size_t count, bool unfinished,
                               struct record *out, struct vitlrp_error *err) {
    struct record record = {0};
    size_t images = 0;
    const struct record **list = mem_calloc(count, sizeof *list);
    if (list == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu records", count);
    }
    for (size_t i = 0; i < count; i++) {
        list[i] = &parts[i];
        images += parts[i].evaluation.image_count;
    }
    enum vitlrp_status status = record_merge_head(list, count, unfinished, &record, err);
    mem_free(list);
    TRY(status);
    struct joined *joined = joined_make(parts, count);
    if (joined == NULL) {
        record_free(&record);
        return fail(err, VITLRP_NOMEM, "out of memory for %zu records", count);
    }
    record.evaluation.store = &joined->store;
    record.evaluation.image_count = images;
    record.evaluation.cancelled = images < record.evaluation.manifest_count;
    *out = record;
    return VITLRP_OK;
}

enum vitlrp_status record_join_paths(const char *const *paths, size_t count, struct record *out,
                                     struct vitlrp_error *err) {
    enum vitlrp_status status = VITLRP_OK;
    bool unfinished = false;
    size_t opened = 0;
    struct record *parts = mem_calloc(count, sizeof *parts);
    if (parts == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu records", count);
    }
    for (; opened < count && status == VITLRP_OK; opened++) {
        bool is_journal = folder_is(paths[opened]);
        unfinished = unfinished || is_journal;
        status = is_journal ? eval_journal_look(paths[opened], &parts[opened], err)
                            : record_open(paths[opened], &parts[opened], err);
    }
    if (status == VITLRP_OK) {
        status = join(parts, count, unfinished, out, err);
    }
    for (size_t i = 0; i < opened; i++) {
        record_free(&parts[i]);
    }
    mem_free(parts);
    return status;
}
