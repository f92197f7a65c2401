/* The passes of a gallery, on several threads: each image is read once, for all units that have it
 * in a row and, if it is one of the test, for all units. */
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/draft.h"
#include "base/file.h"
#include "base/folder.h"
#include "base/mem.h"
#include "base/thread.h"
#include "gallery.h"
#include "gallery_crop.h"

/* Maps of one call, and units that are taken away in one: their memory. */
#define MAPS_AT_ONCE ((size_t) 16)
#define UNITS_AT_ONCE ((size_t) 64)

/* An image in a row of a unit. */
struct use {
    struct gallery_unit *unit;
    struct gallery_entry *entry;
    enum unit_index_kind kind;
};

/* An image: uses [first, first + count). */
struct task {
    uint32_t image;
    size_t first, count;
    bool is_test;
};

struct work {
    struct gallery *gallery;
    int crops; /* the pictures' folder; -1 */
    struct use *uses;
    size_t use_count;
    struct task *tasks;
    size_t task_count;

    pthread_mutex_t mutex; /* over everything below, and the sums of units */
    size_t next, done;
    enum vitlrp_status status; /* of the first failure */
    struct vitlrp_error err;
};

struct worker {
    struct work *work;
    struct explain_session state;
    struct console console; /* silent: the run's first session has said everything */
    pthread_t thread;

    /* Of the image at hand. */
    const struct task *task;
    struct photo photo;
    struct vitlrp_image *view; /* the input as a picture */
    float *maps;               /* [MAPS_AT_ONCE, channels, height, width] */
    float *logits;             /* [UNITS_AT_ONCE, outputs] */
};

/* ---- Which images ---- */

static int compare_uses(const void *left, const void *right) {
    const struct use *a = left;
    const struct use *b = right;
    uint32_t one = a->entry->of.image;
    uint32_t other = b->entry->of.image;
    return (one > other) - (one < other);
}

static bool is_wanted(const struct gallery *gallery, const struct use *use) {
    return use->entry->wants_crop || (use->unit->known == NULL && gallery->has_drops);
}

static enum vitlrp_status list_uses(struct work *work, struct vitlrp_error *err) {
    struct gallery *gallery = work->gallery;
    size_t most = gallery->unit_count * UNIT_INDEX_KINDS * GALLERY_ROW;
    work->uses = mem_calloc(most, sizeof *work->uses);
    if (most > 0 && work->uses == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for the images of %zu units",
                    gallery->unit_count);
    }
    for (size_t i = 0; i < most; i++) {
        struct gallery_unit *unit = &gallery->units[i / GALLERY_ROW / UNIT_INDEX_KINDS];
        enum unit_index_kind kind = (enum unit_index_kind)(i / GALLERY_ROW % UNIT_INDEX_KINDS);
        struct use use = {unit, &unit->rows[kind].entries[i % GALLERY_ROW], kind};
        if (i % GALLERY_ROW < unit->rows[kind].count && is_wanted(gallery, &use)) {
            work->uses[work->use_count++] = use;
        }
    }
    if (work->use_count > 0) {
        qsort(work->uses, work->use_count, sizeof *work->uses, compare_uses);
    }
    return VITLRP_OK;
}

static bool tests_anything(const struct gallery *gallery) {
    for (size_t i = 0; i < gallery->unit_count; i++) {
        if (gallery->units[i].known == NULL) {
            return gallery->test_count > 0;
        }
    }
    return false;
}

/* Both lists are in order: they become one. */
static enum vitlrp_status list_tasks(struct work *work, struct vitlrp_error *err) {
    const struct gallery *gallery = work->gallery;
    size_t tests = tests_anything(gallery) ? gallery->test_count : 0;
    size_t use = 0;
    size_t test = 0;
    work->tasks = mem_calloc(work->use_count + tests, sizeof *work->tasks);
    if (work->use_count + tests > 0 && work->tasks == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a list of %zu images",
                    work->use_count + tests);
    }
    while (use < work->use_count || test < tests) {
        bool is_use = use < work->use_count &&
                      (test == tests || work->uses[use].entry->of.image <= gallery->test[test]);
        struct task *task = &work->tasks[work->task_count++];
        *task = (struct task){
            .image = is_use ? work->uses[use].entry->of.image : gallery->test[test], .first = use};
        while (use < work->use_count && work->uses[use].entry->of.image == task->image) {
            use++;
        }
        task->count = use - task->first;
        task->is_test = test < tests && gallery->test[test] == task->image;
        test += task->is_test ? 1 : 0;
    }
    return VITLRP_OK;
}

/* ---- An image ---- */

/* As it was when it was indexed: its line has the hash of its bytes. */
static enum vitlrp_status read_bytes(const struct worker *worker,
                                     const struct vitlrp_dataset_image *image, struct bytes *bytes,
                                     struct vitlrp_error *err) {
    char found[SHA256_TEXT];
    json_t *line = NULL;
    const struct gallery_source *of = &worker->work->gallery->of;
    TRY(file_read(image->path, worker->state.settings->image.limits.max_file_bytes, bytes, err));
    TRY(sha256_bytes(bytes->data, bytes->size, found, err));
    TRY(journal_read(of->journal, worker->task->image, &line, err));
    const char *indexed = json_get_string(line, "sha256");
    bool same = indexed != NULL && strcmp(indexed, found) == 0;
    json_decref(line);
    return same ? VITLRP_OK
                : fail(err, VITLRP_MISMATCH, "%s is another image than the one that was indexed",
                       image->path);
}

static enum vitlrp_status open_photo(struct worker *worker, struct vitlrp_error *err) {
    struct explain_session *state = &worker->state;
    const struct vitlrp_dataset_image image =
        batch_plan_image(worker->work->gallery->of.plan, worker->task->image);
    struct bytes bytes = {0};
    enum vitlrp_status status = read_bytes(worker, &image, &bytes, err);
    if (status == VITLRP_OK) {
        status = error_prefix(err,
                              photo_decode(bytes.data, bytes.size, &state->preprocess,
                                           &state->settings->image, &worker->photo, err),
                              image.path);
    }
    bytes_free(&bytes);
    TRY(status);
    const struct vitlrp_geometry *geometry = &worker->photo.geometry;
    TRY(explain_session_fit(state, geometry->input_height, geometry->input_width, err));
    TRY(explain_forward(state, worker->photo.input, err));
    return vitlrp_image_from_input(worker->photo.input, geometry->input_height,
                                   geometry->input_width, &state->preprocess, &worker->view, err);
}

/* ---- Its pictures ---- */

static enum vitlrp_status write_crop(const struct worker *worker, const struct use *use,
                                     const unsigned char *data, size_t size,
                                     struct vitlrp_error *err) {
    struct text name = {.limit = 256};
    gallery_crop_name(use->unit->name, use->kind, use->entry->of.image, &name);
    enum vitlrp_status status = text_check(&name, "the name of a picture", err);
    if (status == VITLRP_OK) {
        const struct draft_place place = {worker->work->crops, name.data, -1};
        status = draft_put(&place, data, size, err);
    }
    text_free(&name);
    return error_prefix(err, status, GALLERY_CROPS);
}

static void sum_channels(float *channels, size_t channel_count, size_t count) {
    for (size_t c = 1; c < channel_count; c++) {
        for (size_t i = 0; i < count; i++) {
            channels[i] += channels[c * count + i];
        }
    }
}

static enum vitlrp_status draw(struct worker *worker, const struct use *use, float *map,
                               struct vitlrp_error *err) {
    struct vitlrp_image_info info;
    struct vitlrp_model_info model;
    unsigned char *data = NULL;
    size_t size = 0;
    vitlrp_image_describe(worker->view, &info);
    vitlrp_model_info_init(&model);
    vitlrp_model_describe(worker->state.model, &model);
    int32_t patch = model.patch_height > model.patch_width ? model.patch_height : model.patch_width;
    const struct gallery_view view = {info.rgb, info.height, info.width, patch};
    TRY(gallery_crop(&view, map, &data, &size, err));
    enum vitlrp_status status = write_crop(worker, use, data, size, err);
    vitlrp_free(data);
    return status;
}

/* Maps of some uses of one kind: relevance is seeded by the class, activation by the units. */
static enum vitlrp_status draw_some(struct worker *worker, const struct use *const *uses,
                                    size_t count, struct vitlrp_error *err) {
    struct explain_session *state = &worker->state;
    const struct vitlrp_geometry *geometry = &worker->photo.geometry;
    size_t channels = photo_channels(&state->preprocess);
    size_t pixels = (size_t) geometry->input_height * (size_t) geometry->input_width;
    struct vitlrp_unit_group groups[MAPS_AT_ONCE];
    memset(groups, 0, sizeof groups);
    for (size_t i = 0; i < count; i++) {
        const struct vitlrp_unit *unit = &uses[i]->unit->unit;
        groups[i].site = unit->site;
        groups[i].block = unit->block;
        groups[i].indices = &unit->index;
        groups[i].count = 1;
        groups[i].pixels = worker->maps + i * channels * pixels;
    }
    const struct vitlrp_target target = {uses[0]->entry->output, 1.0F};
    const struct vitlrp_conditional conditional = {
        .seed = uses[0]->kind == UNIT_INDEX_RELEVANCE ? VITLRP_SEED_CLASS : VITLRP_SEED_ACTIVATION,
        .groups = groups,
        .group_count = count};
    TRY(vitlrp_session_conditional(state->session, &target, 1, &state->settings->method,
                                   &conditional, err));
    for (size_t i = 0; i < count; i++) {
        sum_channels(groups[i].pixels, channels, pixels);
        TRY(draw(worker, uses[i], groups[i].pixels, err));
    }
    return VITLRP_OK;
}

static enum vitlrp_status draw_kind(struct worker *worker, enum unit_index_kind kind,
                                    struct vitlrp_error *err) {
    const struct task *task = worker->task;
    const struct use *some[MAPS_AT_ONCE];
    size_t count = 0;
    for (size_t i = task->first; i < task->first + task->count; i++) {
        const struct use *use = &worker->work->uses[i];
        if (use->kind == kind && use->entry->wants_crop) {
            some[count++] = use;
        }
        if (count == MAPS_AT_ONCE) {
            TRY(draw_some(worker, some, count, err));
            count = 0;
        }
    }
    return count > 0 ? draw_some(worker, some, count, err) : VITLRP_OK;
}

static enum vitlrp_status draw_all(struct worker *worker, struct vitlrp_error *err) {
    const struct vitlrp_geometry *geometry = &worker->photo.geometry;
    size_t image = photo_channels(&worker->state.preprocess) * (size_t) geometry->input_height *
                   (size_t) geometry->input_width;
    mem_free(worker->maps);
    worker->maps = mem_calloc(MAPS_AT_ONCE, image * sizeof *worker->maps);
    if (worker->maps == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu maps", MAPS_AT_ONCE);
    }
    TRY(draw_kind(worker, UNIT_INDEX_RELEVANCE, err));
    return draw_kind(worker, UNIT_INDEX_ACTIVATION, err);
}

/* ---- What falls without units ---- */

/* Whole numbers: their sum does not depend on the order of the images. */
static void add_test(struct worker *worker, struct gallery_unit *unit, const float *logits) {
    const float *before = worker->state.prediction.logits;
    const struct gallery *gallery = worker->work->gallery;
    pthread_mutex_lock(&worker->work->mutex);
    unit->tested++;
    for (size_t i = 0; i < gallery->class_count; i++) {
        unit->sums[i] += llrint(((double) before[i] - (double) logits[i]) * GALLERY_SCALE);
    }
    pthread_mutex_unlock(&worker->work->mutex);
}

static void keep_effect(struct worker *worker, struct gallery_unit *unit, const float *logits) {
    const struct task *task = worker->task;
    const float *before = worker->state.prediction.logits;
    for (size_t i = task->first; i < task->first + task->count; i++) {
        const struct use *use = &worker->work->uses[i];
        int32_t output = use->entry->output;
        if (use->unit == unit && output >= 0) {
            use->entry->drop = (double) before[output] - (double) logits[output];
        }
    }
    if (task->is_test && gallery_may_test(worker->work->gallery, unit, task->image)) {
        add_test(worker, unit, logits);
    }
}

static enum vitlrp_status take_away(struct worker *worker, struct gallery_unit *const *units,
                                    size_t count, struct vitlrp_error *err) {
    struct explain_session *state = &worker->state;
    const struct vitlrp_geometry *geometry = &worker->photo.geometry;
    size_t outputs = prediction_outputs(&state->prediction);
    struct vitlrp_unit list[UNITS_AT_ONCE];
    struct vitlrp_session_options options;
    for (size_t i = 0; i < count; i++) {
        list[i] = units[i]->unit;
    }
    TRY(session_choose(state->settings, state->model, geometry->input_height, geometry->input_width,
                       &options, err));
    options.observer = state->observer;
    const struct vitlrp_unit_list taken = {list, count};
    TRY(vitlrp_unit_effects(state->model, &options, worker->photo.input, &taken, worker->logits,
                            err));
    for (size_t i = 0; i < count; i++) {
        keep_effect(worker, units[i], worker->logits + i * outputs);
    }
    return VITLRP_OK;
}

/* In a test all units are taken away, otherwise those that have the image in a row. */
static bool is_taken(const struct worker *worker, const struct gallery_unit *unit) {
    const struct task *task = worker->task;
    bool found = task->is_test;
    for (size_t i = task->first; !found && i < task->first + task->count; i++) {
        found = worker->work->uses[i].unit == unit;
    }
    return found && unit->known == NULL;
}

static enum vitlrp_status take_all_away(struct worker *worker, struct vitlrp_error *err) {
    struct gallery *gallery = worker->work->gallery;
    struct gallery_unit *some[UNITS_AT_ONCE];
    size_t count = 0;
    for (size_t i = 0; i < gallery->unit_count; i++) {
        if (is_taken(worker, &gallery->units[i])) {
            some[count++] = &gallery->units[i];
        }
        if (count == UNITS_AT_ONCE) {
            TRY(take_away(worker, some, count, err));
            count = 0;
        }
    }
    return count > 0 ? take_away(worker, some, count, err) : VITLRP_OK;
}

static enum vitlrp_status do_task(struct worker *worker, struct vitlrp_error *err) {
    enum vitlrp_status status = open_photo(worker, err);
    if (status == VITLRP_OK && worker->work->crops >= 0) {
        status = draw_all(worker, err);
    }
    if (status == VITLRP_OK && worker->work->gallery->has_drops) {
        status = take_all_away(worker, err);
    }
    vitlrp_image_close(worker->view);
    worker->view = NULL;
    photo_close(&worker->photo);
    return status;
}

/* ---- Threads ---- */

static void stop(struct work *work, enum vitlrp_status status, const struct vitlrp_error *err) {
    pthread_mutex_lock(&work->mutex);
    if (work->status == VITLRP_OK) {
        work->status = status;
        work->err = *err;
    }
    pthread_mutex_unlock(&work->mutex);
}

static bool take_task(struct worker *worker) {
    struct work *work = worker->work;
    const struct vitlrp_eval_observer *observer = &work->gallery->of.observer;
    pthread_mutex_lock(&work->mutex);
    if (work->status == VITLRP_OK && observer->cancelled != NULL &&
        observer->cancelled(observer->user)) {
        work->status = fail(&work->err, VITLRP_CANCELLED, "the gallery was not finished");
    }
    bool found = work->status == VITLRP_OK && work->next < work->task_count;
    worker->task = found ? &work->tasks[work->next++] : NULL;
    pthread_mutex_unlock(&work->mutex);
    return found;
}

static void tell_done(struct work *work) {
    const struct vitlrp_eval_observer *observer = &work->gallery->of.observer;
    pthread_mutex_lock(&work->mutex);
    work->done++;
    if (observer->progress != NULL) {
        observer->progress(observer->user, work->done, work->task_count, 0);
    }
    pthread_mutex_unlock(&work->mutex);
}

static enum vitlrp_status open_worker(struct worker *worker, struct vitlrp_error *err) {
    const struct explain_session *first = worker->work->gallery->of.first;
    const struct vitlrp_eval_observer *observer = &worker->work->gallery->of.observer;
    worker->state.passes = first->passes;
    worker->state.observer =
        (struct vitlrp_session_observer){.cancelled = observer->cancelled, .user = observer->user};
    TRY(explain_session_open_on(first->settings, &worker->console, first->model, &worker->state,
                                err));
    worker->logits = mem_calloc(UNITS_AT_ONCE, prediction_outputs(&worker->state.prediction) *
                                                   sizeof *worker->logits);
    return worker->logits != NULL
               ? VITLRP_OK
               : fail(err, VITLRP_NOMEM, "out of memory for the logits of %zu passes",
                      UNITS_AT_ONCE);
}

static void *run_worker(void *context) {
    struct worker *worker = context;
    struct vitlrp_error err;
    enum vitlrp_status status = open_worker(worker, &err);
    while (status == VITLRP_OK && take_task(worker)) {
        status = do_task(worker, &err);
        tell_done(worker->work);
    }
    if (status != VITLRP_OK) {
        stop(worker->work, status, &err);
    }
    return NULL;
}

static void run_threads(struct work *work, struct worker *workers, size_t wanted) {
    size_t started = 0;
    explain_session_release(work->gallery->of.first);
    while (started < wanted) {
        workers[started] = (struct worker){.work = work};
        if (!thread_start(&workers[started].thread, run_worker, &workers[started])) {
            break;
        }
        started++;
    }
    if (started == 0 && wanted > 0) {
        (void) run_worker(&workers[0]); /* the system gives no threads: in this one */
    }
    for (size_t i = 0; i < wanted; i++) {
        if (i < started) {
            pthread_join(workers[i].thread, NULL);
        }
        explain_session_close(&workers[i].state);
        mem_free(workers[i].maps);
        mem_free(workers[i].logits);
    }
}

static enum vitlrp_status run(struct work *work, struct vitlrp_error *err) {
    size_t threads = work->gallery->of.threads;
    size_t wanted = threads < work->task_count ? threads : work->task_count;
    struct worker *workers = mem_calloc(wanted, sizeof *workers);
    if (workers == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu threads", wanted);
    }
    run_threads(work, workers, wanted);
    mem_free(workers);
    return work->status == VITLRP_OK ? VITLRP_OK : error_forward(err, &work->err);
}

enum vitlrp_status gallery_work(struct gallery *gallery, struct vitlrp_error *err) {
    struct work work = {.gallery = gallery, .crops = -1, .mutex = PTHREAD_MUTEX_INITIALIZER};
    enum vitlrp_status status = VITLRP_OK;
    TRY_GOTO(status, list_uses(&work, err), cleanup);
    TRY_GOTO(status, list_tasks(&work, err), cleanup);
    if (work.task_count == 0) {
        goto cleanup;
    }
    if (gallery->of.choice->has_pictures) {
        TRY_GOTO(status, folder_enter(gallery->of.folder, GALLERY_CROPS, true, &work.crops, err),
                 cleanup);
    }
    status = run(&work, err);

cleanup:
    if (work.crops >= 0) {
        close(work.crops);
    }
    mem_free(work.uses);
    mem_free(work.tasks);
    return status;
}
