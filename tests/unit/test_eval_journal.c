/* Evaluations whose images are in files: journals, records and their shards, against the same in
 * memory. */
#define _POSIX_C_SOURCE 200809L
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json_split.h"
#include "base/mem.h"
#include "base/run_folder.h"
#include "eval/eval_journal.h"
#include "eval/join.h"
#include "eval/merge.h"
#include "support/sample_record.h"
#include "support/scratch.h"

#include "support/unit.h"

static const struct sample_shape SMALL = {.images = 31,
                                          .methods = 4,
                                          .steps = 4,
                                          .grid = 3,
                                          .shards = 1,
                                          .precision = VITLRP_PRECISION_BF16};

static const struct eval_journal_images IMAGES = {.count = 31};

/* The record as a run knows it before its images. */
static struct record head_of(struct sample_shape shape) {
    struct record head = sample_record(&shape);
    head.evaluation.cancelled = true;
    return head;
}

/* Every image whose place leaves this rest is added, from the last to the first. */
static void add_images(struct eval_journal *journal, const struct record *record, size_t modulus,
                       size_t rest) {
    struct vitlrp_error err = {0};
    for (size_t i = record->evaluation.image_count; i-- > 0;) {
        if (i % modulus == rest) {
            assert_int_equal(eval_journal_add(journal, &record->evaluation.images[i], &err),
                             VITLRP_OK);
        }
    }
}

static void drop_images(struct record *record) {
    for (size_t i = 0; i < record->evaluation.image_count; i++) {
        eval_image_free(&record->evaluation.images[i], record->evaluation.method_count);
    }
    mem_free(record->evaluation.images);
    record->evaluation.images = NULL;
    record->evaluation.image_count = 0;
}

/* run.json has no images, and the sample's are in memory. */
static struct eval_journal *begin(const char *path, const struct record *with_images,
                                  struct record *head) {
    size_t count = with_images->evaluation.image_count;
    struct eval_journal *journal = NULL;
    struct vitlrp_error err = {0};
    drop_images(head);
    assert_int_equal(eval_journal_open(path, head, &(struct eval_journal_images){.count = count},
                                       &journal, &err),
                     VITLRP_OK);
    return journal;
}

static void assert_same_text(struct text a, struct text b) {
    assert_int_equal(a.length, b.length);
    assert_memory_equal(a.data, b.data, a.length);
    text_free(&a);
    text_free(&b);
}

/* A run that is ended twice, the second time within a line, has the record of one that was not. */
static void test_resumed(void **unused) {
    struct scratch scratch = scratch_open();
    struct record record = sample_record(&SMALL);
    struct record head = head_of(SMALL);
    struct vitlrp_error err = {0};
    char path[256];
    char results[300];
    (void) unused;
    scratch_path(&scratch, "j", path, sizeof path);
    snprintf(results, sizeof results, "%s/results.jsonl", path);
    struct eval_journal *journal = begin(path, &record, &head);
    add_images(journal, &record, 3, 0);
    eval_journal_close(journal);
    int torn = open(results, O_WRONLY | O_APPEND);
    assert_int_equal(write(torn, "{\"id\":\"a\",\"ind", 14), 14);
    close(torn);
    assert_int_equal(eval_journal_open(path, &head, &IMAGES, &journal, &err), VITLRP_OK);
    assert_int_equal(eval_journal_done(journal), 11);
    assert_true(eval_journal_has(journal, 3));
    assert_false(eval_journal_has(journal, 4));
    assert_int_equal(eval_journal_failed(journal), 1);
    add_images(journal, &record, 3, 2);
    add_images(journal, &record, 3, 1);

    struct record kept = sample_record(&SMALL);
    drop_images(&kept);
    assert_int_equal(
        eval_journal_store(journal, &kept.evaluation.store, &kept.evaluation.image_count, &err),
        VITLRP_OK);
    assert_int_equal(kept.evaluation.image_count, 31);
    assert_same_text(sample_json(&kept), sample_json(&record));
    eval_journal_close(journal);
    record_free(&kept);
    record_free(&head);
    record_free(&record);
    scratch_close(&scratch);
}

static void expect_refusal(const char *path, const struct record *head, const char *word) {
    struct eval_journal *journal = NULL;
    struct vitlrp_error err = {0};
    assert_int_equal(eval_journal_open(path, head, &IMAGES, &journal, &err), VITLRP_USAGE);
    assert_non_null(strstr(err.message, word));
    assert_null(journal);
}

/* What differs is named, and the journal stays as it was. */
static void test_other_runs(void **unused) {
    struct scratch scratch = scratch_open();
    struct record record = sample_record(&SMALL);
    struct record head = head_of(SMALL);
    struct vitlrp_error err = {0};
    struct eval_journal *second = NULL;
    char path[256];
    (void) unused;
    scratch_path(&scratch, "j", path, sizeof path);
    struct eval_journal *journal = begin(path, &record, &head);
    assert_int_equal(eval_journal_open(path, &head, &IMAGES, &second, &err), VITLRP_IO);
    assert_non_null(strstr(err.message, "is locked by process"));
    add_images(journal, &record, 9, 0);
    eval_journal_close(journal);

    head.evaluation.protocol.seed++;
    expect_refusal(path, &head, "seed");
    head.evaluation.protocol.seed--;
    head.evaluation.shards = 2;
    expect_refusal(path, &head, "number of shards");
    head.evaluation.shards = 1;
    char first = head.evaluation.model_sha256[0];
    head.evaluation.model_sha256[0] = '0';
    expect_refusal(path, &head, "weights_sha256");
    head.evaluation.model_sha256[0] = first;
    scratch_text(&scratch, "other/results.jsonl", "{}\n");
    scratch_path(&scratch, "other", path, sizeof path);
    expect_refusal(path, &head, "without run.json");
    record_free(&head);
    record_free(&record);
    scratch_close(&scratch);
}

/* One that was ended before its first image leaves nothing, and hinders nobody if it was killed. */
static void test_without_images(void **unused) {
    struct scratch scratch = scratch_open();
    struct record record = sample_record(&SMALL);
    struct record head = head_of(SMALL);
    char path[256];
    (void) unused;
    scratch_path(&scratch, "j", path, sizeof path);
    eval_journal_close(begin(path, &record, &head));
    assert_int_not_equal(access(path, F_OK), 0);
    scratch_text(&scratch, "j/run.json", "{\"format\": \"vitlrp evaluation of another run\"}");
    scratch_text(&scratch, "j/results.jsonl", "");
    eval_journal_close(begin(path, &record, &head));
    scratch_text(&scratch, "j/run.json", "of somebody else");
    scratch_text(&scratch, "j/results.jsonl", "");
    expect_refusal(path, &head, "no run has written it");
    record_free(&head);
    record_free(&record);
    scratch_close(&scratch);
}

/* A line that is no image is found before the work. */
static void test_foreign_line(void **unused) {
    struct scratch scratch = scratch_open();
    struct record record = sample_record(&SMALL);
    struct record head = head_of(SMALL);
    struct eval_journal *journal = NULL;
    struct vitlrp_error err = {0};
    char path[256];
    (void) unused;
    scratch_path(&scratch, "j", path, sizeof path);
    journal = begin(path, &record, &head);
    add_images(journal, &record, 31, 0);
    eval_journal_close(journal);
    journal = begin(path, &record, &head);
    eval_journal_close(journal);
    scratch_text(&scratch, "j/results.jsonl", "{\"index\":4,\"status\":\"ok\"}\n");
    assert_int_equal(eval_journal_open(path, &head, &IMAGES, &journal, &err), VITLRP_FORMAT);
    assert_non_null(strstr(err.message, "images[4]: \"id\" is missing"));
    record_free(&head);
    record_free(&record);
    scratch_close(&scratch);
}

/* While a run goes on, somebody else reads what is done. */
static void test_looked_at(void **unused) {
    struct scratch scratch = scratch_open();
    struct record record = sample_record(&SMALL);
    struct record head = head_of(SMALL);
    struct record seen = {0};
    struct vitlrp_error err = {0};
    char path[256];
    const char *const paths[] = {path};
    (void) unused;
    scratch_path(&scratch, "j", path, sizeof path);
    struct eval_journal *journal = begin(path, &record, &head);
    add_images(journal, &record, 2, 1);
    assert_int_equal(record_join_paths(paths, 1, &seen, &err), VITLRP_OK);
    assert_int_equal(seen.evaluation.image_count, 15);
    assert_true(seen.evaluation.cancelled);
    record_free(&seen);
    add_images(journal, &record, 2, 0);
    assert_int_equal(record_join_paths(paths, 1, &seen, &err), VITLRP_OK);
    assert_int_equal(seen.evaluation.image_count, 31);
    assert_false(seen.evaluation.cancelled);
    record_free(&seen);
    assert_int_equal(run_folder_remove(path, &err), VITLRP_IO);
    eval_journal_close(journal);
    assert_int_equal(run_folder_remove(path, &err), VITLRP_OK);
    assert_int_not_equal(access(path, F_OK), 0);
    record_free(&head);
    record_free(&record);
    scratch_close(&scratch);
}

/* Shards in files, in any order, against their merge in memory. */
static void test_joined(void **unused) {
    static const size_t ORDER[] = {2, 0, 3, 1};
    struct scratch scratch = scratch_open();
    struct record parts[4];
    const struct record *list[4];
    char paths[4][256];
    const char *names[4];
    struct record merged = {0};
    struct record joined = {0};
    struct vitlrp_error err = {0};
    (void) unused;
    for (size_t i = 0; i < 4; i++) {
        struct sample_shape shape = SMALL;
        shape.shards = 4;
        shape.shard = (int32_t) i;
        parts[i] = sample_record(&shape);
        list[i] = &parts[i];
        char name[16];
        struct text json = sample_json(&parts[i]);
        snprintf(name, sizeof name, "%zu.json", i);
        scratch_write(&scratch, name, json.data, json.length);
        scratch_path(&scratch, name, paths[i], sizeof paths[i]);
        text_free(&json);
    }
    for (size_t i = 0; i < 4; i++) {
        names[i] = paths[ORDER[i]];
    }
    assert_int_equal(record_merge(list, 4, &merged, &err), VITLRP_OK);
    assert_int_equal(record_join_paths(names, 4, &joined, &err), VITLRP_OK);
    assert_same_text(sample_json(&joined), sample_json(&merged));
    record_free(&joined);
    assert_int_equal(record_join_paths(names, 3, &joined, &err), VITLRP_MISMATCH);
    for (size_t i = 0; i < 4; i++) {
        record_free(&parts[i]);
    }
    record_free(&merged);
    scratch_close(&scratch);
}

/* However few methods are in memory at a time. */
static void test_summary_in_parts(void **unused) {
    struct record record = sample_record(&SMALL);
    struct summary whole;
    struct summary parts;
    struct vitlrp_error err = {0};
    (void) unused;
    assert_int_equal(summary_make(&record.evaluation, "rollout", 2, &whole, &err), VITLRP_OK);
    for (size_t memory = 0; memory < 20000; memory += 7000) {
        assert_int_equal(
            summary_make_within(&record.evaluation, "rollout", 2, memory, &parts, &err), VITLRP_OK);
        assert_memory_equal(parts.methods, whole.methods, 4 * sizeof *whole.methods);
        summary_free(&parts);
    }
    summary_free(&whole);
    record_free(&record);
}

static void test_split(void **unused) {
    static const struct {
        const char *text, *rest;
        size_t count;
        const char *first;
    } CASES[] = {
        {"{\"a\":[1],\"k\" : [ {\"x\":[1,2]} ,\"],[\\\"\" ],\"b\":2}",
         "{\"a\":[1],\"k\" : [],\"b\":2}", 2, "{\"x\":[1,2]}"},
        {"{\"k\":[]}", "{\"k\":[]}", 0, ""},
        {"{\"b\":{\"k\":[1,2]}}", "{\"b\":{\"k\":[1,2]}}", 0, ""},
        {"{\"a\\\"k\":[1]}", "{\"a\\\"k\":[1]}", 0, ""},
        {"{\"c\":\"k\",\"d\":[7]}", "{\"c\":\"k\",\"d\":[7]}", 0, ""},
        {"{\"k\":[1 2,3", "{\"k\":[", 1, "1 2"},
        {"", "", 0, ""},
    };
    static const char *const REFUSED[] = {"{\"k\":[,1]}", "{\"k\":[1,]}", "{\"k\":[1,,2]}"};
    struct json_split split;
    struct vitlrp_error err = {0};
    (void) unused;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        const struct source source = source_over(CASES[i].text, strlen(CASES[i].text));
        assert_int_equal(json_split(&source, "k", 1000, 10, &split, &err), VITLRP_OK);
        assert_int_equal(split.rest.length, strlen(CASES[i].rest));
        assert_memory_equal(split.rest.length == 0 ? "" : split.rest.data, CASES[i].rest,
                            split.rest.length);
        assert_int_equal(split.count, CASES[i].count);
        if (split.count > 0) {
            assert_int_equal(split.pieces[0].length, strlen(CASES[i].first));
            assert_memory_equal(CASES[i].text + split.pieces[0].offset, CASES[i].first,
                                strlen(CASES[i].first));
        }
        json_split_free(&split);
    }
    for (size_t i = 0; i < sizeof REFUSED / sizeof REFUSED[0]; i++) {
        const struct source source = source_over(REFUSED[i], strlen(REFUSED[i]));
        assert_int_equal(json_split(&source, "k", 1000, 10, &split, &err), VITLRP_FORMAT);
    }
    const struct source two = source_over("{\"k\":[1,2]}", 11);
    assert_int_equal(json_split(&two, "k", 1000, 1, &split, &err), VITLRP_LIMIT);
    assert_int_equal(json_split(&two, "k", 4, 10, &split, &err), VITLRP_LIMIT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resumed),          cmocka_unit_test(test_other_runs),
        cmocka_unit_test(test_foreign_line),     cmocka_unit_test(test_without_images),
        cmocka_unit_test(test_looked_at),        cmocka_unit_test(test_joined),
        cmocka_unit_test(test_summary_in_parts), cmocka_unit_test(test_split),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
