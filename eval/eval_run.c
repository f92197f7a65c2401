#include "eval/eval_run.h"

#include <string.h>

#include "base/checked.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/text.h"
#include "base/work_rate.h"
#include "eval/agreement.h"
#include "eval/eval_run_private.h"
#include "eval/eval_units.h"
#include "eval/protocol_table.h"
#include "eval/sanity.h"
#include "vit/math/packs.h"

struct eval_run_options eval_run_options_default(void) {
    return (struct eval_run_options){.limits = image_limits_default(),
                                     .protocol = eval_protocol_default(),
                                     .threads = 1,
                                     .backend = "auto"};
}

/* ---- All images ---- */

static void run_show_progress(const struct run *run) {
    const struct vitlrp_eval_observer *observer = &run->options->observer;
    if (observer->progress != NULL) {
        observer->progress(observer->user, run->done, run->count + run->options->done_before,
                           run->failed);
    }
}

/* An image that a cancelled run left in the middle is none of its images. */
static void run_record_image(struct run *run, size_t index, enum vitlrp_status status,
                             bool has_failed, const struct vitlrp_error *err) {
    pthread_mutex_lock(&run->mutex);
    if (status != VITLRP_OK) {
        if (run->status == VITLRP_OK && status != VITLRP_CANCELLED) {
            run->status = status;
            run->err = *err;
        }
        atomic_store(&run->stop, true);
    } else {
        run->states[index].finished = true;
        run->done++;
        run->failed += has_failed ? 1 : 0;
        run_show_progress(run);
    }
    pthread_mutex_unlock(&run->mutex);
}

/* Hands the image over to whoever keeps it. */
static enum vitlrp_status run_keep_image(const struct run *run, struct eval_image *image,
                                         struct vitlrp_error *err) {
    const struct eval_run_options *options = run->options;
    enum vitlrp_status status = options->keep(options->keep_user, image, err);
    eval_image_free(image, options->method_count);
    return status;
}

static void image_task(void *context, size_t index, size_t thread) {
    struct run *run = context;
    struct vitlrp_error err = {0};
    struct eval_image passing = {0};
    struct eval_image *image = run->options->keep == NULL ? &run->out->images[index] : &passing;
    if (!eval_run_goes_on(run)) {
        return;
    }
    enum vitlrp_status status =
        eval_run_image(run, &run->workers[thread], &run->items[index], image, &err);
    bool has_failed = image->status != VITLRP_OK;
    if (status == VITLRP_OK && run->options->keep != NULL) {
        status = run_keep_image(run, image, &err);
    }
    eval_image_free(&passing, run->options->method_count);
    run_record_image(run, index, status, has_failed, &err);
}

/* A log belongs to the thread that called the library, so workers leave their words for it. */
static void say_warnings(const struct run *run) {
    for (size_t i = 0; i < run->count; i++) {
        char name[240];
        if (run->states[i].warning != NULL) {
            text_escape_name(name, sizeof name, run->items[i].id);
            log_message(&run->options->log, LOG_LEVEL_WARNING, "%s: %s", name,
                        run->states[i].warning);
        }
        if (run->states[i].passed_donors > 0) {
            text_escape_name(name, sizeof name, run->items[i].id);
            log_message(&run->options->log, LOG_LEVEL_WARNING,
                        "%s: %zu image%s that it was to get patches from cannot be read: the next "
                        "one was taken",
                        name, run->states[i].passed_donors,
                        run->states[i].passed_donors == 1 ? "" : "s");
        }
    }
}

/* Leaves only finished images, in their order. */
static void keep_finished(struct run *run) {
    size_t kept = 0;
    for (size_t i = 0; i < run->count; i++) {
        if (run->states[i].finished) {
            run->out->images[kept++] = run->out->images[i];
        } else {
            eval_image_free(&run->out->images[i], run->out->method_count);
        }
    }
    run->out->image_count = kept;
}

static enum vitlrp_status check_options(const struct eval_run_options *options,
                                        struct vitlrp_error *err) {
    TRY(eval_protocol_check(&options->protocol, err));
    TRY(agreement_check(&options->protocol, err));
    TRY(eval_units_check(options, err));
    if (options->method_count == 0) {
        return fail(err, VITLRP_USAGE, "an evaluation needs a method");
    }
    return VITLRP_OK;
}

static enum vitlrp_status check_donors(const struct run *run, struct vitlrp_error *err) {
    return !eval_run_has_donors(run) || run->count == 0 || eval_run_donor_count(run) > 1
               ? VITLRP_OK
               : fail(err, VITLRP_MISMATCH,
                      "donor replaces patches by those of another image, and the set has only one");
}

static enum vitlrp_status describe_evaluation(const struct run *run, struct evaluation *out,
                                              struct vitlrp_error *err) {
    const struct eval_run_options *options = run->options;
    out->protocol = options->protocol;
    out->protocol.precision = run->precision;
    out->protocol.randomized = sanity_parts(options);
    out->grid_height = (int32_t) run->grid.rows;
    out->grid_width = (int32_t) run->grid.columns;
    out->unit_count = (int32_t) eval_units_count(options);
    out->manifest_count = options->manifest_count > 0 ? options->manifest_count : run->count;
    out->shards = 1;
    out->methods = mem_calloc(options->method_count, sizeof *out->methods);
    if (out->methods == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for the names of methods");
    }
    out->method_count = options->method_count;
    for (size_t m = 0; m < options->method_count; m++) {
        out->methods[m] = mem_strdup(options->methods[m].name);
        if (out->methods[m] == NULL) {
            return fail(err, VITLRP_NOMEM, "out of memory for the names of methods");
        }
    }
    return VITLRP_OK;
}

static enum vitlrp_status prepare_record(struct run *run, struct vitlrp_error *err) {
    struct evaluation *out = run->out;
    bool is_kept = run->options->keep != NULL;
    out->images = is_kept ? NULL : mem_calloc(run->count, sizeof *out->images);
    run->states = mem_calloc(run->count, sizeof *run->states);
    if ((out->images == NULL && !is_kept) || run->states == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu images", run->count);
    }
    return describe_evaluation(run, out, err);
}

static enum vitlrp_status open_workers(struct run *run, size_t wanted, struct vitlrp_error *err) {
    run->workers = mem_calloc(wanted, sizeof *run->workers);
    if (run->workers == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu workers", wanted);
    }
    while (run->worker_count < wanted) {
        TRY(eval_worker_open(run, &run->workers[run->worker_count++], err));
    }
    return VITLRP_OK;
}

/* How often the methods explain an image, or what is like it. */
static double eval_run_maps(const struct run *run) {
    const struct eval_protocol *protocol = &run->options->protocol;
    return 1.0 + (protocol->randomized > 0 ? 1.0 : 0.0) + (double) protocol->sensitivity;
}

/* Attributions and curves of an image: what a user would rather know before the work. */
static void say_work(const struct run *run) {
    const struct eval_run_options *options = run->options;
    struct vit_attributor *attributor = run->workers[0].attributor;
    double pass = vit_session_work(vit_attributor_session(attributor));
    double points = 2.0 * (options->protocol.steps - 1) * (double) options->method_count + 2.0;
    double curves = points * (double) eval_replacement_count(&options->protocol);
    double maps = pass;
    for (size_t m = 0; m < options->method_count; m++) {
        maps += vit_attributor_work(attributor, options->methods[m].method,
                                    &options->methods[m].options);
    }
    double operations = pass * curves + maps * eval_run_maps(run);
    for (size_t i = 0; agreement_is_wanted(options) && agreement_method_at(i) != NULL; i++) {
        struct vitlrp_method_options asked = agreement_options(run, agreement_method_at(i));
        operations += vit_attributor_work(attributor, agreement_method_at(i), &asked);
    }
    double rate = OPERATIONS_PER_SECOND * (run->precision == VITLRP_PRECISION_BF16 ? 2.0 : 1.0);
    if (operations > rate * TOLD_SECONDS) {
        log_message(&options->log, LOG_LEVEL_WARNING,
                    "attributions and curves of %zu method%s %.2g operations: %.0f s or more "
                    "for an image",
                    options->method_count, options->method_count == 1 ? " takes" : "s take",
                    operations, operations / rate);
    }
}

/* Before hours of work: a map that is missing, or of another model. */
static enum vitlrp_status check_maps(const struct run *run, struct vitlrp_error *err) {
    for (size_t m = 0; m < run->options->method_count; m++) {
        const struct eval_run_method *method = &run->options->methods[m];
        if (method->maps != NULL) {
            struct map_folder folder = eval_run_folder(run, method);
            TRY(map_folder_check(&folder, run->items, run->count, err));
        }
    }
    return VITLRP_OK;
}

static enum vitlrp_status check_masks(const struct run *run, struct vitlrp_error *err) {
    const struct mask_folder folder = eval_run_masks(run);
    return folder.path == NULL ? VITLRP_OK
                               : mask_folder_check(&folder, run->items, run->count, err);
}

enum vitlrp_status eval_run_find_files(const struct eval_run_options *options,
                                       const struct eval_item *items, size_t count,
                                       struct vitlrp_error *err) {
    struct run run = {.options = options, .items = items, .count = count};
    for (size_t m = 0; m < options->method_count; m++) {
        if (options->methods[m].maps != NULL) {
            struct map_folder folder = eval_run_folder(&run, &options->methods[m]);
            TRY(map_folder_find(&folder, items, count, err));
        }
    }
    return check_masks(&run, err);
}

/* Everything between the mutex's birth and its end. */
static enum vitlrp_status run_open_and_evaluate(struct run *run, struct vitlrp_error *err) {
    struct pool *pool = NULL;
    enum vitlrp_status status = VITLRP_OK;
    size_t threads = size_max(1, size_min(run->options->threads, run->count));
    TRY(sanity_model(run->options, &run->randomized, err));
    TRY_GOTO(status, engine_pool_open(run->backend, threads, &pool, err), cleanup);
    TRY_GOTO(status, open_workers(run, pool_threads(pool), err), cleanup);
    say_work(run);
    if (run->done > 0) {
        run_show_progress(run);
    }
    pool_run(pool, run->count, image_task, run);
    if (run->status != VITLRP_OK) {
        status = error_forward(err, &run->err);
    }
cleanup:
    for (size_t w = 0; w < run->worker_count; w++) {
        eval_worker_close(&run->workers[w]);
    }
    mem_free(run->workers);
    vit_model_free(run->randomized);
    pool_close(pool);
    return status;
}

/* Backend, precision, and the sizes of input and grid. */
static enum vitlrp_status run_set_shape(struct run *run, struct vitlrp_error *err) {
    const struct eval_run_options *options = run->options;
    const struct vit_config *config = &options->model->config;
    TRY(gemm_backend_find(options->backend, &run->backend, err));
    run->precision = packs_precision(run->backend, options->protocol.precision);
    run->source = (struct input_source){.preprocess = options->preprocess,
                                        .limits = options->limits,
                                        .ignore_exif = options->ignore_exif};
    input_source_size(&run->source, options->model);
    run->grid =
        (struct localize_grid){.rows = (size_t) (run->source.height / config->patch_height),
                               .columns = (size_t) (run->source.width / config->patch_width),
                               .patch_height = (size_t) config->patch_height,
                               .patch_width = (size_t) config->patch_width};
    return VITLRP_OK;
}

enum vitlrp_status eval_run_describe(const struct eval_run_options *options, struct evaluation *out,
                                     struct vitlrp_error *err) {
    struct run run = {.options = options};
    TRY(check_options(options, err));
    TRY(run_set_shape(&run, err));
    return describe_evaluation(&run, out, err);
}

enum vitlrp_status eval_run_thread_bytes(const struct eval_run_options *options, size_t *bytes,
                                         struct vitlrp_error *err) {
    struct run run = {.options = options};
    struct vit_attributor_options wanted;
    TRY(run_set_shape(&run, err));
    TRY(eval_worker_attributor(&run, &wanted, err));
    size_t total = MEM_OF_PHOTOGRAPH;
    size_t part = 0;
    enum vitlrp_status status = vit_attributor_bytes(options->model, &wanted, &part, err);
    mem_free((void *) wanted.methods);
    bool fits = checked_add(&total, total, part);
    if (options->protocol.randomized > 0) {
        fits = fits && checked_add(&total, total, part);
    }
    if (status == VITLRP_OK) {
        status = eval_units_bytes(&run, &part, err);
        fits = fits && checked_add(&total, total, part);
    }
    /* Curves, and where they have fewer bits their audit. */
    size_t batches = run.precision == VITLRP_PRECISION_BF16 ? 2 : 1;
    for (size_t i = 0; i < batches && status == VITLRP_OK; i++) {
        struct vit_batch_options batch =
            eval_worker_batch(&run, i == 1 ? VITLRP_PRECISION_FP32 : run.precision);
        status = vit_batch_bytes(options->model, &batch, &part, err);
        fits = fits && checked_add(&total, total, part);
    }
    TRY(status);
    if (!fits) {
        return fail(err, VITLRP_LIMIT, "the evaluation needs more memory than can be counted");
    }
    *bytes = total;
    return VITLRP_OK;
}

enum vitlrp_status eval_run(const struct eval_run_options *options, const struct eval_item *items,
                            size_t count, struct evaluation *out, struct vitlrp_error *err) {
    struct evaluation evaluation = {0};
    struct run run = {.options = options,
                      .items = items,
                      .count = count,
                      .out = &evaluation,
                      .done = options->done_before,
                      .failed = options->failed_before};
    TRY(check_options(options, err));
    TRY(run_set_shape(&run, err));
    TRY(check_donors(&run, err));
    TRY(check_maps(&run, err));
    TRY(check_masks(&run, err));
    pthread_mutex_init(&run.mutex, NULL);
    enum vitlrp_status status = prepare_record(&run, err);
    if (status == VITLRP_OK) {
        status = run_open_and_evaluate(&run, err);
    }
    pthread_mutex_destroy(&run.mutex);
    if (run.states != NULL) {
        say_warnings(&run);
    }
    if (evaluation.images != NULL && run.states != NULL) {
        keep_finished(&run);
    }
    mem_free(run.states);
    if (status != VITLRP_OK) {
        evaluation_free(&evaluation);
        return status;
    }
    evaluation.cancelled = run.cancelled;
    *out = evaluation;
    return VITLRP_OK;
}
