/* Files that runs leave and later runs read: the journal of an evaluation, a record that is read
 * from a file, the folder of a batch, maps that others made. The last byte says as which the others
 * are read. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/batch/batch_merge.h"
#include "eval/eval_journal.h"
#include "eval/map_folder.h"
#include "fuzz/fuzz.h"
#include "support/sample_record.h"
#include "vitlrp_eval.h"

#define RUN "run.json"
#define RESULTS "results.jsonl"
#define MAP "a.npy"
#define IMAGES 4

static const struct sample_shape SHAPE = {
    .images = IMAGES, .methods = 3, .steps = 2, .grid = 2, .shards = 1};

static char folder[32];

static const char *path_of(const char *name) {
    static char path[64];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void remove_folder(void) {
    static const char *const NAMES[] = {RUN, RESULTS, MAP};
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        unlink(path_of(NAMES[i]));
    }
    rmdir(folder);
}

static void open_folder(void) {
    if (folder[0] == '\0') {
        snprintf(folder, sizeof folder, "/tmp/vitlrp-fuzz-XXXXXX");
        fuzz_check(mkdtemp(folder) != NULL, "no folder");
        atexit(remove_folder);
    }
    /* That of a run without any image goes when it is closed. */
    fuzz_check(mkdir(folder, 0700) == 0 || errno == EEXIST, "no folder");
}

/* A regular file: behind a link no journal is read. */
static void write_file(const char *name, const void *data, size_t size) {
    int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    fuzz_check(fd >= 0 && (size == 0 || write(fd, data, size) == (ssize_t) size), "no file");
    close(fd);
}

/* ---- The journal of an evaluation ---- */

static void drop_images(struct evaluation *evaluation) {
    for (size_t i = 0; i < evaluation->image_count; i++) {
        eval_image_free(&evaluation->images[i], evaluation->method_count);
    }
    mem_free(evaluation->images);
    evaluation->images = NULL;
    evaluation->image_count = 0;
    evaluation->cancelled = true;
}

/* The journal of SHAPE, with its run.json and no line. */
static const struct record *begin_journal(void) {
    static struct record head;
    static struct text run;
    if (run.data == NULL) {
        head = sample_record(&SHAPE);
        drop_images(&head.evaluation);
        run = sample_json(&head);
    }
    write_file(RUN, run.data, run.length);
    return &head;
}

static enum vitlrp_status look(struct vitlrp_error *err) {
    const char *path = folder;
    struct vitlrp_evaluation *evaluation = NULL;
    struct vitlrp_error error = {0};
    char *json = NULL;
    size_t size = 0;
    enum vitlrp_status status = vitlrp_evaluation_open(&path, 1, &evaluation, &error);
    if (status == VITLRP_OK) {
        status = vitlrp_evaluation_json(evaluation, &json, &size, &error);
    }
    if (status == VITLRP_OK) {
        fuzz_touch(json, size);
    }
    vitlrp_free(json);
    vitlrp_evaluation_close(evaluation);
    err->status = error.status;
    memcpy(err->message, error.message, sizeof err->message);
    return status;
}

/* What merge reads is what the run goes on from. */
static void read_journal(const struct fuzz_input *input) {
    const struct eval_journal_images images = {.count = IMAGES};
    const struct record *head = begin_journal();
    struct eval_journal *journal = NULL;
    struct vitlrp_error err = {0};
    write_file(RESULTS, input->data, input->size);
    enum vitlrp_status seen = look(&err);
    if (seen != VITLRP_OK) {
        fuzz_check_failure(seen, &err);
    }
    enum vitlrp_status status = eval_journal_open(folder, head, &images, &journal, &err);
    if (status != VITLRP_OK) {
        fuzz_check_failure(status, &err);
    }
    fuzz_check((seen == VITLRP_OK) == (status == VITLRP_OK), "merge and a run do not agree");
    if (status == VITLRP_OK) {
        fuzz_check(eval_journal_done(journal) <= IMAGES, "more images than there are");
    }
    eval_journal_close(journal);
}

/* ---- A record in a file ---- */

/* As a record in memory, to the byte. */
static void read_record(const struct fuzz_input *input) {
    const char *path = fuzz_file(input, 0);
    struct vitlrp_evaluation *both[2] = {NULL, NULL};
    struct vitlrp_error error;
    char *texts[2] = {NULL, NULL};
    size_t sizes[2] = {0, 0};
    enum vitlrp_status first = vitlrp_evaluation_open(&path, 1, &both[0], &error);
    enum vitlrp_status second = vitlrp_evaluation_read(input->data, input->size, &both[1], &error);
    if (first == VITLRP_OK) {
        first = vitlrp_evaluation_json(both[0], &texts[0], &sizes[0], &error);
    }
    if (second == VITLRP_OK) {
        second = vitlrp_evaluation_json(both[1], &texts[1], &sizes[1], &error);
    }
    if (first == VITLRP_OK && second == VITLRP_OK) {
        fuzz_check(sizes[0] == sizes[1] && memcmp(texts[0], texts[1], sizes[0]) == 0,
                   "another record in a file than in memory");
    }
    for (size_t i = 0; i < 2; i++) {
        vitlrp_free(texts[i]);
        vitlrp_evaluation_close(both[i]);
    }
}

/* ---- The folder of a batch, and maps ---- */

/* run.json, a zero byte, and the results. */
static void read_batch(const struct fuzz_input *input) {
    const char *path = folder;
    struct batch_shards shards = {0};
    struct vitlrp_error err = {0};
    const uint8_t *zero = input->size == 0 ? NULL : memchr(input->data, 0, input->size);
    size_t run = zero == NULL ? input->size : (size_t) (zero - input->data);
    size_t behind = zero == NULL ? input->size : run + 1;
    write_file(RUN, input->data, run);
    write_file(RESULTS, input->data + behind, input->size - behind);
    enum vitlrp_status status = batch_shards_open(&path, 1, &shards, &err);
    if (status != VITLRP_OK) {
        fuzz_check_failure(status, &err);
    }
    batch_shards_close(&shards);
}

static void read_map(struct fuzz_input *input) {
    uint8_t form = fuzz_byte(input);
    const struct map_folder maps = {
        .path = folder, .grid = {form % 4 + 1, form / 4 % 4 + 1, form / 16 % 4 + 1, form / 64 + 1}};
    float patches[16];
    char digest[SHA256_TEXT];
    struct vitlrp_error err = {0};
    write_file(MAP, input->data, input->size);
    enum vitlrp_status status = map_folder_read(&maps, "a.jpg", patches, digest, &err);
    if (status != VITLRP_OK) {
        fuzz_check_failure(status, &err);
        return;
    }
    fuzz_touch(patches, maps.grid.rows * maps.grid.columns * sizeof *patches);
    fuzz_touch(digest, sizeof digest);
}

/* As for record. */
const struct bounds FUZZ_BOUNDS = {.seconds_per_megabyte = 15, .bytes_per_byte = 88};

void fuzz_one(const uint8_t *data, size_t size) {
    struct fuzz_input input = {data, size};
    open_folder();
    switch (fuzz_byte(&input) % 4) {
    case 0:
        read_journal(&input);
        break;
    case 1:
        read_record(&input);
        break;
    case 2:
        read_batch(&input);
        break;
    default:
        read_map(&input);
        break;
    }
}
