/* The parts of vitlrp batch that can be tried alone: names, the journal, the queue and limits. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/folder.h"
#include "base/journal.h"
#include "cli/batch/batch_line.h"
#include "cli/batch/batch_plan.h"
#include "cli/batch/batch_run.h"
#include "support/scratch.h"

#include "support/unit.h"

#define LIMIT ((size_t) 8192)

/* ---- Names ---- */

static void assert_stem(const char *id, const char *wanted) {
    struct text stem = {.limit = LIMIT};
    enum vitlrp_status status = batch_stem(id, &stem, NULL);
    assert_int_equal(status, wanted == NULL ? VITLRP_USAGE : VITLRP_OK);
    if (wanted != NULL) {
        assert_string_equal(stem.data, wanted);
    }
    text_free(&stem);
}

static void test_stems(void **unused) {
    (void) unused;
    assert_stem("a/b/x.JPEG", "a/b/x");
    assert_stem("x.y.jpg", "x.y");
    assert_stem("/root/x.png", "root/x");
    assert_stem("./a//b/./x.png", "a/b/x");
    assert_stem("a/..b/x..png", "a/..b/x.");
    assert_stem("a.b/x", "a.b/x");
    assert_stem("../x.png", NULL);
    assert_stem("a/../../x.png", NULL);
    assert_stem("a/...png", NULL);
}

static void assert_suffix(enum batch_file file, int32_t class_index, const char *wanted) {
    struct text out = {.limit = LIMIT};
    batch_append_suffix(&out, file, class_index);
    assert_string_equal(out.data, wanted);
    text_free(&out);
}

/* Shares of cells are summed, and the largest is 100 percent. */
static void test_coarse(void **unused) {
    float map[28 * 21];
    const struct {
        int32_t height, width, rows, columns;
    } CASES[] = {{28, 21, 14, 14}, {2, 3, 2, 3}, {20, 1, 14, 1}};
    (void) unused;
    for (size_t i = 0; i < sizeof map / sizeof map[0]; i++) {
        map[i] = 0.5F;
    }
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        json_t *coarse = batch_line_coarse(map, CASES[i].height, CASES[i].width);
        const json_t *percent = json_object_get(coarse, "percent");
        size_t count = json_array_size(percent);
        assert_int_equal(json_integer_value(json_object_get(coarse, "rows")), CASES[i].rows);
        assert_int_equal(json_integer_value(json_object_get(coarse, "columns")), CASES[i].columns);
        assert_int_equal(count, CASES[i].rows * CASES[i].columns);
        for (size_t k = 0; k < count; k++) {
            assert_int_equal(json_integer_value(json_array_get(percent, k)), 100);
        }
        json_decref(coarse);
    }
    map[0] = -1.0F;
    json_t *coarse = batch_line_coarse(map, 2, 2);
    const json_t *percent = json_object_get(coarse, "percent");
    assert_int_equal(json_integer_value(json_array_get(percent, 0)), -100);
    assert_int_equal(json_integer_value(json_array_get(percent, 3)), 50);
    json_decref(coarse);
}

static void test_suffixes(void **unused) {
    char stem[300];
    (void) unused;
    assert_suffix(BATCH_PNG, -1, ".heat.png");
    assert_suffix(BATCH_JPG, 281, ".heat.281.jpg");
    assert_suffix(BATCH_RAW, 0, ".raw.0.npy");
    assert_suffix(BATCH_LOGITS, 5, ".logits.npy");
    assert_suffix(BATCH_JSON, 5, ".heat.json");
    memset(stem, 'x', sizeof stem);
    memcpy(stem, "folder/", 7);
    stem[7 + 238] = '\0';
    assert_false(batch_stem_is_long(stem));
    stem[7 + 238] = 'x';
    stem[7 + 239] = '\0';
    assert_true(batch_stem_is_long(stem));
}

static void test_names_of_runs(void **unused) {
    static const char *const WRONG[] = {
        "run.json.bak",        "run.4-of-4.json",  "run.-1-of-4.json",
        "run.1-of-1.json",     "run.1-of-4.jsonl", "run.x-of-4.json",
        "results.1-of-4.json", "run.1-of-4",       "run.-of-.json"};
    struct text out = {.limit = LIMIT};
    int32_t shard = -1;
    int32_t shards = -1;
    (void) unused;
    assert_true(batch_parse_run_name("run.json", &shard, &shards));
    assert_true(shard == 0 && shards == 1);
    assert_true(batch_parse_run_name("run.12-of-40.json", &shard, &shards));
    assert_true(shard == 12 && shards == 40);
    for (size_t i = 0; i < sizeof WRONG / sizeof WRONG[0]; i++) {
        if (batch_parse_run_name(WRONG[i], &shard, &shards)) {
            fail_msg("%s was taken", WRONG[i]);
        }
    }
    batch_append_name(&out, "f", "run", ".json", 12, 40);
    assert_string_equal(out.data, "f/run.12-of-40.json");
    text_free(&out);
}

static void assert_path(const char *path, bool escaped, const char *wanted) {
    struct text out = {.limit = LIMIT};
    batch_append_path(&out, path, escaped);
    assert_string_equal(out.data, wanted);
    text_free(&out);
}

static void test_escaped_paths(void **unused) {
    (void) unused;
    assert_path("a\\xFF.png", false, "a\\xFF.png");
    assert_path("a\\xFF\\x5Cb", true, "a\xff\\b");
    assert_path("a\\x", true, "a\\x");
    assert_path("a\\xF", true, "a\\xF");
    assert_path("a\\xG0", true, "a\\xG0");
}

/* ---- The journal ---- */

struct desk {
    struct scratch scratch;
    char path[128];
    struct journal journal;
};

static struct desk desk_open(const char *content) {
    struct desk desk = {.scratch = scratch_open(), .journal = {.descriptor = -1}};
    scratch_path(&desk.scratch, "results.jsonl", desk.path, sizeof desk.path);
    if (content != NULL) {
        scratch_text(&desk.scratch, "results.jsonl", content);
    }
    return desk;
}

static void desk_close(struct desk *desk) {
    journal_close(&desk->journal);
    scratch_close(&desk->scratch);
}

/* Puts the journal into order. */
static void finish(struct desk *desk) {
    char folder[256];
    struct draft_place place = {.staging = -1};
    snprintf(folder, sizeof folder, "%s", desk->path);
    char *slash = strrchr(folder, '/');
    assert_non_null(slash);
    *slash = '\0';
    place.name = slash + 1;
    assert_int_equal(folder_open(folder, &place.folder, NULL), VITLRP_OK);
    assert_int_equal(journal_finish(&desk->journal, &place, NULL), VITLRP_OK);
    close(place.folder);
}

static void add(struct desk *desk, size_t place, size_t index, const char *status) {
    char line[100];
    int length = snprintf(line, sizeof line, "{\"index\":%zu,\"status\":\"%s\"}\n", index, status);
    enum journal_state state = strcmp(status, "ok") == 0 ? JOURNAL_DONE : JOURNAL_FAILED;
    assert_int_equal(journal_add(&desk->journal, place, state, line, (size_t) length, NULL),
                     VITLRP_OK);
}

static void assert_file(const struct desk *desk, const char *wanted) {
    struct bytes bytes;
    assert_int_equal(file_read(desk->path, LIMIT, &bytes, NULL), VITLRP_OK);
    assert_int_equal(bytes.size, strlen(wanted));
    assert_memory_equal(bytes.data, wanted, bytes.size);
    bytes_free(&bytes);
}

#define LINE(index, status) "{\"index\":" index ",\"status\":\"" status "\"}\n"

static void test_journal(void **unused) {
    struct desk desk = desk_open(NULL);
    struct text line = {.limit = LIMIT};
    (void) unused;
    /* Images 1, 4, 7 and 10 of shard 1 of 3. */
    assert_int_equal(
        journal_open(desk.path, &(struct journal_shard){4, 1, 3, NULL}, true, &desk.journal, NULL),
        VITLRP_OK);
    assert_int_equal(journal_count(&desk.journal, JOURNAL_OPEN), 4);
    add(&desk, 2, 7, "ok");
    add(&desk, 0, 1, "format");
    add(&desk, 3, 10, "ok");
    journal_close(&desk.journal);
    scratch_text(&desk.scratch, "results.jsonl",
                 LINE("7", "ok") LINE("1", "format") LINE("10", "ok") "{\"index\":4,\"sta");

    assert_int_equal(
        journal_open(desk.path, &(struct journal_shard){4, 1, 3, NULL}, true, &desk.journal, NULL),
        VITLRP_OK);
    assert_file(&desk, LINE("7", "ok") LINE("1", "format") LINE("10", "ok"));
    assert_int_equal(journal_count(&desk.journal, JOURNAL_OPEN), 1);
    assert_int_equal(journal_count(&desk.journal, JOURNAL_FAILED), 1);
    assert_int_equal(desk.journal.entries[1].state, JOURNAL_OPEN);
    journal_reopen(&desk.journal, 0);
    add(&desk, 1, 4, "ok");
    add(&desk, 0, 1, "ok");
    assert_int_equal(desk.journal.repeated, 1);
    assert_int_equal(journal_line(&desk.journal, 0, &line, NULL), VITLRP_OK);
    assert_string_equal(line.data, "{\"index\":1,\"status\":\"ok\"}");
    finish(&desk);
    assert_file(&desk, LINE("1", "ok") LINE("4", "ok") LINE("7", "ok") LINE("10", "ok"));
    journal_close(&desk.journal);

    assert_int_equal(
        journal_open(desk.path, &(struct journal_shard){4, 1, 3, NULL}, false, &desk.journal, NULL),
        VITLRP_OK);
    assert_true(desk.journal.ordered);
    assert_int_equal(desk.journal.repeated, 0);
    text_free(&line);
    desk_close(&desk);
}

/* Lines across the borders of what is read at once. */
static void test_long_journal(void **unused) {
    enum { COUNT = 60000 };
    struct desk desk = desk_open(NULL);
    (void) unused;
    assert_int_equal(journal_open(desk.path, &(struct journal_shard){COUNT, 0, 1, NULL}, true,
                                  &desk.journal, NULL),
                     VITLRP_OK);
    for (size_t i = COUNT; i-- > 0;) {
        add(&desk, i, i, "ok");
    }
    finish(&desk);
    journal_close(&desk.journal);
    assert_int_equal(journal_open(desk.path, &(struct journal_shard){COUNT, 0, 1, NULL}, false,
                                  &desk.journal, NULL),
                     VITLRP_OK);
    assert_true(desk.journal.ordered);
    assert_int_equal(journal_count(&desk.journal, JOURNAL_DONE), COUNT);
    desk_close(&desk);
}

static void assert_bad_line(const char *content, const char *part) {
    struct desk desk = desk_open(content);
    struct vitlrp_error err;
    enum vitlrp_status status =
        journal_open(desk.path, &(struct journal_shard){2, 0, 2, NULL}, true, &desk.journal, &err);
    if (status != VITLRP_FORMAT && status != VITLRP_MISMATCH) {
        fail_msg("%s was taken", content);
    }
    if (strstr(err.message, part) == NULL) {
        fail_msg("'%s' is not in '%s'", part, err.message);
    }
    assert_file(&desk, content);
    desk_close(&desk);
}

static void test_bad_lines(void **unused) {
    (void) unused;
    assert_bad_line("garbage\n", "line 1: not valid JSON");
    assert_bad_line(LINE("0", "ok") "\n" LINE("2", "ok"), "line 2: not valid JSON");
    assert_bad_line(LINE("1", "ok"), "line 1: image 1 is not one of this list");
    assert_bad_line(LINE("4", "ok"), "line 1: image 4 is not one of this list");
    assert_bad_line(LINE("-2", "ok"), "line 1: ");
    assert_bad_line("{\"index\":0}\n", "line 1: has no index or status");
    assert_bad_line("{\"status\":\"ok\"}\n", "line 1: has no index or status");
}

/* ---- The queue ---- */

#define ITEMS ((size_t) 20000)

static void *push_all(void *context) {
    static int items[ITEMS];
    for (size_t i = 0; i < ITEMS; i++) {
        items[i] = (int) i;
        batch_queue_push(context, &items[i]);
    }
    batch_queue_end(context);
    return NULL;
}

static void test_queue(void **unused) {
    struct batch_queue *queue = NULL;
    pthread_t thread;
    (void) unused;
    assert_int_equal(batch_queue_open(3, &queue, NULL), VITLRP_OK);
    assert_int_equal(pthread_create(&thread, NULL, push_all, queue), 0);
    for (size_t i = 0; i < ITEMS; i++) {
        const int *item = batch_queue_pop(queue);
        assert_non_null(item);
        assert_int_equal(*item, i);
    }
    assert_null(batch_queue_pop(queue));
    assert_null(batch_queue_pop(queue));
    pthread_join(thread, NULL);
    batch_queue_close(queue);
}

/* ---- Limits ---- */

static void assert_limit(const char *text, size_t failed, size_t done, bool passed) {
    struct batch_limit limit;
    assert_true(batch_limit_parse(text, &limit));
    if (batch_limit_is_passed(&limit, failed, done) != passed) {
        fail_msg("%s: %zu of %zu", text, failed, done);
    }
}

static void test_failures_allowed(void **unused) {
    static const char *const WRONG[] = {"",
                                        "%",
                                        "-1",
                                        "1.5",
                                        "5 %",
                                        "%5",
                                        "101%",
                                        "-1%",
                                        "x%",
                                        "nan%",
                                        "10000001",
                                        "5%%",
                                        "00000000000000000000000000000001%"};
    static const struct batch_limit NONE = {0};
    (void) unused;
    assert_limit("0", 0, 100, false);
    assert_limit("0", 1, 1, true);
    assert_limit("5", 5, 5, false);
    assert_limit("5", 6, 1000, true);
    assert_limit("10%", 19, 19, false);
    assert_limit("10%", 2, 20, false);
    assert_limit("10%", 3, 20, true);
    assert_limit("10%", 10, 100, false);
    assert_limit("0%", 1, 20, true);
    assert_limit("2.5%", 1, 40, false);
    assert_limit("2.5%", 1, 39, true);
    assert_limit("100%", 50, 50, false);
    assert_false(batch_limit_is_passed(&NONE, 1000, 1000));
    for (size_t i = 0; i < sizeof WRONG / sizeof WRONG[0]; i++) {
        struct batch_limit limit;
        if (batch_limit_parse(WRONG[i], &limit)) {
            fail_msg("%s was taken", WRONG[i]);
        }
    }
}

#define MIB ((uint64_t) 1 << 20)

static size_t workers(size_t wanted, uint64_t memory, uint64_t addresses) {
    struct machine_room room = {.memory = memory, .addresses = addresses};
    struct batch_workers within = batch_workers_within(wanted, 128 * MIB, &room);
    assert_true(within.count == wanted || within.left == memory || within.left == addresses);
    return within.count;
}

static void test_workers_within_memory(void **unused) {
    const uint64_t any = UINT64_MAX;
    (void) unused;
    assert_int_equal(workers(8, any, any), 8);
    assert_int_equal(workers(1024, any, any), 1024);
    assert_int_equal(workers(0, 0, 0), 0);
    assert_int_equal(workers(1, 0, 0), 1);
    assert_int_equal(workers(8, 0, any), 1);
    assert_int_equal(workers(8, any, 0), 1);
    /* 200 MiB each with a picture: the first one's, and of the next ones what is whole. */
    assert_int_equal(workers(8, 399 * MIB, any), 1);
    assert_int_equal(workers(8, 400 * MIB, any), 2);
    assert_int_equal(workers(8, 1599 * MIB, any), 7);
    assert_int_equal(workers(8, 1600 * MIB, any), 8);
    /* 410 MiB each with a thread and its products, behind 602 for five threads, products and a
     * picture. */
    assert_int_equal(workers(8, any, 1011 * MIB), 1);
    assert_int_equal(workers(8, any, 1012 * MIB), 2);
    assert_int_equal(workers(8, any, (602 + 7 * 410) * MIB), 8);
    assert_int_equal(workers(8, any, (602 + 7 * 410) * MIB - 1), 7);
    assert_int_equal(workers(8, 600 * MIB, (602 + 7 * 410) * MIB), 3);
    assert_int_equal(workers(8, 1600 * MIB, (602 + 3 * 410) * MIB), 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stems),
        cmocka_unit_test(test_suffixes),
        cmocka_unit_test(test_coarse),
        cmocka_unit_test(test_names_of_runs),
        cmocka_unit_test(test_escaped_paths),
        cmocka_unit_test(test_journal),
        cmocka_unit_test(test_long_journal),
        cmocka_unit_test(test_bad_lines),
        cmocka_unit_test(test_queue),
        cmocka_unit_test(test_failures_allowed),
        cmocka_unit_test(test_workers_within_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
