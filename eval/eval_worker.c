/* What a thread of a run holds: an attributor, the batches of the curves, and room for an image. */
#include "base/mem.h"
#include "eval/agreement.h"
#include "eval/eval_units.h"
#include "eval/protocol_table.h"

/* Asks the observer, until it has said no once. */
bool eval_run_goes_on(struct run *run) {
    const struct vitlrp_eval_observer *observer = &run->options->observer;
    if (atomic_load(&run->stop)) {
        return false;
    }
    pthread_mutex_lock(&run->mutex);
    if (observer->cancelled != NULL && !run->cancelled &&
        observer->cancelled(observer->user) != 0) {
        run->cancelled = true;
        atomic_store(&run->stop, true);
    }
    pthread_mutex_unlock(&run->mutex);
    return !atomic_load(&run->stop);
}

/* What sessions and batches ask between their operations. */
static int32_t run_is_over(void *run) {
    return eval_run_goes_on(run) ? 0 : 1;
}

/* True if several methods with rules attribute the same forward pass. */
static bool shares_forward(const struct eval_run_options *options) {
    size_t count = 0;
    for (size_t m = 0; m < options->method_count; m++) {
        const struct vit_method *method = options->methods[m].method;
        bool has_rules = ((unsigned) method->reads & VITLRP_READS_RULES) != 0;
        count += has_rules && !method->moves_forward ? 1 : 0;
    }
    return count > 1;
}

/* The options of a worker's attributor. Its list of methods is owned: mem_free. */
enum vitlrp_status eval_worker_attributor(struct run *run, struct vit_attributor_options *out,
                                          struct vitlrp_error *err) {
    const struct eval_run_options *options = run->options;
    size_t count = options->method_count;
    const struct vit_method **methods = mem_calloc(count + 3, sizeof *methods);
    if (methods == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a list of methods");
    }
    for (size_t m = 0; m < options->method_count; m++) {
        methods[m] = options->methods[m].method;
    }
    if (eval_units_are_wanted(options)) { /* activation is read in its pass */
        methods[count++] = vit_method_find("input-x-gradient");
    }
    for (size_t i = 0; agreement_is_wanted(options) && agreement_method_at(i) != NULL; i++) {
        methods[count++] = agreement_method_at(i);
    }
    *out = (struct vit_attributor_options){.threads = 1,
                                           .in_pool = true,
                                           .input_height = run->source.height,
                                           .input_width = run->source.width,
                                           .backend = options->backend,
                                           .methods = methods,
                                           .method_count = count,
                                           .observer = {.cancelled = run_is_over, .user = run},
                                           .keep_totals = shares_forward(options),
                                           .precision = run->precision == VITLRP_PRECISION_BF16
                                                            ? VITLRP_PRECISION_FP32
                                                            : run->precision};
    return VITLRP_OK;
}

struct vit_batch_options eval_worker_batch(const struct run *run, enum vitlrp_precision precision) {
    return (struct vit_batch_options){.threads = 1,
                                      .in_pool = true,
                                      .input_height = run->source.height,
                                      .input_width = run->source.width,
                                      .backend = run->options->backend,
                                      .precision = precision,
                                      .units = eval_units_are_wanted(run->options)};
}

static enum vitlrp_status worker_open_attributors(struct run *run, struct worker *worker,
                                                  struct vitlrp_error *err) {
    struct vit_attributor_options wanted;
    TRY(eval_worker_attributor(run, &wanted, err));
    enum vitlrp_status status =
        vit_attributor_open(run->options->model, &wanted, &worker->attributor, err);
    if (status == VITLRP_OK && run->randomized != NULL) {
        status = vit_attributor_open(run->randomized, &wanted, &worker->randomized, err);
    }
    mem_free((void *) wanted.methods);
    return status;
}

/* That of curves: attributions alone are mixed. */
static enum vitlrp_precision curve_precision(const struct run *run) {
    return run->precision == VITLRP_PRECISION_MIXED ? VITLRP_PRECISION_FP32 : run->precision;
}

/* The attributor's batch where it has one, unless curves alone are in bf16; else one of the
 * worker's own. */
static enum vitlrp_status choose_batch(const struct run *run, struct worker *worker,
                                       enum vitlrp_precision precision, struct vit_batch **own,
                                       struct vit_batch **out, struct vitlrp_error *err) {
    struct vit_batch_options options = eval_worker_batch(run, precision);
    options.watch = &worker->watch;
    *out = precision == VITLRP_PRECISION_BF16 || options.units
               ? NULL
               : vit_attributor_batch(worker->attributor);
    if (*out == NULL) {
        TRY(vit_batch_open(run->options->model, &options, own, err));
        *out = *own;
    }
    return VITLRP_OK;
}

static enum vitlrp_status worker_open_curves(const struct run *run, struct worker *worker,
                                             struct vitlrp_error *err) {
    const struct eval_run_options *options = run->options;
    struct curve_options curves = {.model = options->model,
                                   .input_height = run->source.height,
                                   .input_width = run->source.width,
                                   .preprocess = options->preprocess,
                                   .protocol = options->protocol,
                                   .method_count = options->method_count};
    TRY(choose_batch(run, worker, curve_precision(run), &worker->curve_batch, &curves.batch, err));
    if (run->precision == VITLRP_PRECISION_BF16) {
        TRY(choose_batch(run, worker, VITLRP_PRECISION_FP32, &worker->audit_batch, &curves.audit,
                         err));
    }
    return eval_units_are_wanted(options) ? eval_units_open(run, worker, err)
                                          : curve_evaluator_open(&curves, &worker->curves, err);
}

bool eval_run_has_donors(const struct run *run) {
    return eval_replacement_has(&run->options->protocol, VITLRP_REPLACE_DONOR);
}

static enum vitlrp_status worker_open_donor(const struct run *run, struct worker *worker,
                                            struct vitlrp_error *err) {
    size_t area = (size_t) run->source.height * (size_t) run->source.width;
    if (!eval_run_has_donors(run)) {
        return VITLRP_OK;
    }
    worker->donor =
        mem_calloc(area, preprocess_channels(run->options->preprocess) * sizeof *worker->donor);
    return worker->donor == NULL ? fail(err, VITLRP_NOMEM, "out of memory for a model input")
                                 : VITLRP_OK;
}

enum vitlrp_status eval_worker_open(struct run *run, struct worker *worker,
                                    struct vitlrp_error *err) {
    worker->watch = (struct engine_watch){.cancelled = run_is_over, .user = run};
    TRY(worker_open_attributors(run, worker, err));
    TRY(worker_open_curves(run, worker, err));
    size_t area = (size_t) run->source.height * (size_t) run->source.width;
    worker->input =
        mem_calloc(area, preprocess_channels(run->options->preprocess) * sizeof *worker->input);
    worker->logits =
        mem_calloc((size_t) run->options->model->config.classes, sizeof *worker->logits);
    worker->coverage = mem_calloc(run->grid.rows * run->grid.columns, sizeof *worker->coverage);
    if (worker->input == NULL || worker->logits == NULL || worker->coverage == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a model input");
    }
    return worker_open_donor(run, worker, err);
}

void eval_worker_close(struct worker *worker) {
    curve_evaluator_close(worker->curves);
    eval_units_close(worker);
    vit_batch_close(worker->curve_batch);
    vit_batch_close(worker->audit_batch);
    vit_attributor_close(worker->randomized);
    vit_attributor_close(worker->attributor);
    mem_free(worker->coverage);
    mem_free(worker->logits);
    mem_free(worker->donor);
    mem_free(worker->input);
}
