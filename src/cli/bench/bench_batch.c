#define _GNU_SOURCE
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/formats.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/words.h"
#include "bench_measure.h"
#include "cli/batch/batch_config.h"
#include "cli/batch/batch_run.h"
#include "cli/batch/batch_store.h"
#include "cli/explain_session.h"
#include "cli/explanation.h"
#include "cli/machine.h"
#include "cli/names.h"
#include "cli/photo.h"
#include "cli/scratch_folder.h"

#define REPORT_LIMIT ((size_t) 1 << 16)

/* A session of the attributions alone. */
struct seat {
    struct explain_session state;
    enum vitlrp_status status;
    struct vitlrp_error err;
};

struct batch_bench {
    struct settings settings;
    struct batch_choice choice;
    struct batch_plan plan;
    struct vitlrp_model *model;   /* owned */
    struct explain_session first; /* the batch's */
    struct seat *seats;           /* owned: [threads] */
    struct pool *pool;            /* owned */
    struct photo photo;           /* owned: the first image, which stands for all */
    size_t threads;
    struct console silent;
    enum exit_code stage;         /* the code of a failure of what is being done */
    struct scratch_folder folder; /* of the batch */
    double *alone;                /* owned: [runs] images per second */
    double *whole;                /* owned: likewise */
    double *scratch;              /* owned */
    char cpu[128];
};

/* ---- Attributions alone ---- */

static enum vitlrp_status seat_attribute(struct batch_bench *bench, struct seat *seat,
                                         struct vitlrp_error *err) {
    struct explain_session *state = &seat->state;
    struct explanation explanation = {.settings = state->settings,
                                      .prediction = &state->prediction};
    TRY(vitlrp_session_forward(state->session, bench->photo.input, state->prediction.logits, err));
    TRY(prediction_rank(&state->prediction, state->model, err));
    TRY(vitlrp_model_class(bench->model, state->prediction.order[0], &explanation.target, err));
    return explain_relevance(state, &explanation, err);
}

/* A thread's share of as many images as the batch has. */
static void attribute_share(void *context, size_t index, size_t thread) {
    struct batch_bench *bench = context;
    struct seat *seat = &bench->seats[index];
    (void) thread;
    seat->status = VITLRP_OK;
    for (size_t i = index; i < bench->plan.count && seat->status == VITLRP_OK;
         i += bench->threads) {
        seat->status = seat_attribute(bench, seat, &seat->err);
    }
}

static enum vitlrp_status measure_alone(struct batch_bench *bench, double *rate,
                                        struct vitlrp_error *err) {
    double start = clock_ms();
    pool_run(bench->pool, bench->threads, attribute_share, bench);
    *rate = (double) bench->plan.count * 1e3 / (clock_ms() - start);
    for (size_t i = 0; i < bench->threads; i++) {
        if (bench->seats[i].status != VITLRP_OK) {
            return error_forward(err, &bench->seats[i].err);
        }
    }
    return VITLRP_OK;
}

/* ---- The batch ---- */

static enum vitlrp_status run_whole(struct batch_bench *bench, const struct batch_store *store,
                                    struct journal *journal, struct vitlrp_error *err) {
    struct batch_run run = {.plan = &bench->plan,
                            .store = store,
                            .journal = journal,
                            .first = &bench->first,
                            .threads = bench->threads,
                            .console = &bench->silent};
    json_t *config = NULL;
    batch_run(&run);
    if (run.outcome.status != VITLRP_OK) {
        bench->stage = run.outcome.stage;
        *err = run.outcome.err;
        return run.outcome.status;
    }
    if (run.outcome.failed > 0) {
        bench->stage = CODE_INPUT;
        return fail(err, VITLRP_FORMAT, "%s: %s (a measurement needs images that can be read)",
                    run.outcome.failures[0].image, run.outcome.failures[0].message);
    }
    TRY(batch_config_make(&bench->plan, &bench->first, &config, err));
    enum vitlrp_status status = batch_finish(store, journal, config, true, err);
    json_decref(config);
    return status;
}

static enum vitlrp_status measure_whole(struct batch_bench *bench, double *rate,
                                        struct vitlrp_error *err) {
    struct batch_store store;
    struct journal journal = {.descriptor = -1};
    struct text path = {.limit = NAME_LIMIT};
    bench->stage = CODE_OUTPUT;
    TRY(scratch_folder_make(&bench->folder, err));
    double start = clock_ms();
    text_printf(&path, "%s/results.jsonl", bench->folder.path);
    enum vitlrp_status status =
        batch_store_open(bench->folder.path, 0, 1, &bench->silent, &store, err);
    if (status == VITLRP_OK) {
        status = text_check(&path, "the name of the results", err);
    }
    if (status == VITLRP_OK) {
        status = journal_open(path.data, &(struct journal_shard){bench->plan.count, 0, 1, NULL},
                              true, &journal, err);
    }
    if (status == VITLRP_OK) {
        status = run_whole(bench, &store, &journal, err);
    }
    *rate = (double) bench->plan.count * 1e3 / (clock_ms() - start);
    journal_close(&journal);
    batch_store_close(&store);
    text_free(&path);
    scratch_folder_remove(&bench->folder);
    return status;
}

/* ---- All of it ---- */

static enum vitlrp_status open_seats(struct batch_bench *bench, struct vitlrp_error *err) {
    TRY(vitlrp_prepare_threads(bench->settings.backend, (int32_t) bench->threads, err));
    bench->seats = mem_calloc(bench->threads, sizeof *bench->seats);
    if (bench->seats == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu sessions", bench->threads);
    }
    for (size_t i = 0; i < bench->threads; i++) {
        TRY(batch_session_open(&bench->settings, &bench->plan, bench->model, &bench->silent,
                               &bench->seats[i].state, err));
    }
    return pool_open(bench->threads, NULL, &bench->pool, err);
}

/* Attributions alone are of a real input: it costs what those of the batch cost. */
static enum vitlrp_status open_photo(struct batch_bench *bench, struct vitlrp_error *err) {
    const struct explain_session *state = &bench->first;
    const char *path = batch_plan_image(&bench->plan, 0).path;
    TRY(photo_open(path, &state->preprocess, &state->settings->image, NULL, &bench->photo, err));
    const struct vitlrp_geometry *geometry = &bench->photo.geometry;
    if (geometry->input_height != state->info.input_height ||
        geometry->input_width != state->info.input_width) {
        return error_prefix(
            err, fail(err, VITLRP_MISMATCH, "is not of the size that the model takes"), path);
    }
    return VITLRP_OK;
}

static enum vitlrp_status open_all(const struct args *args, struct batch_bench *bench,
                                   struct console *console, struct vitlrp_error *err) {
    size_t runs = (size_t) bench->settings.runs;
    bench->threads = batch_take_threads(&bench->settings);
    bench->choice =
        (struct batch_choice){.dataset = args->value[OPTION_BATCH], .shards = 1, .writes = {true}};
    TRY(bench_open_model(&bench->settings, BENCH_RANDOM_MODEL, console, &bench->model, err));
    TRY(batch_plan_open(&bench->choice, &bench->settings, bench->model, &bench->plan, err));
    TRY(batch_session_open(&bench->settings, &bench->plan, bench->model, console, &bench->first,
                           err));
    TRY(open_seats(bench, err));
    bench->alone = mem_calloc(runs, sizeof *bench->alone);
    bench->whole = mem_calloc(runs, sizeof *bench->whole);
    bench->scratch = mem_calloc(runs, sizeof *bench->scratch);
    if (bench->alone == NULL || bench->whole == NULL || bench->scratch == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for the measurement");
    }
    machine_cpu(bench->cpu, sizeof bench->cpu);
    return open_photo(bench, err);
}

static void close_all(struct batch_bench *bench) {
    for (size_t i = 0; bench->seats != NULL && i < bench->threads; i++) {
        explain_session_close(&bench->seats[i].state);
    }
    explain_session_close(&bench->first);
    pool_close(bench->pool);
    batch_plan_close(&bench->plan);
    vitlrp_model_close(bench->model);
    mem_free(bench->seats);
    photo_close(&bench->photo);
    mem_free(bench->alone);
    mem_free(bench->whole);
    mem_free(bench->scratch);
}

/* One after the other, so that a machine that slows down slows both. */
static enum vitlrp_status batch_bench_measure(const struct args *args, struct batch_bench *bench,
                                              struct console *console, struct vitlrp_error *err) {
    TRY(open_all(args, bench, console, err));
    /* Thrown away: memory is touched, libraries wake up. */
    for (size_t i = 0; i < bench->threads; i++) {
        TRY(seat_attribute(bench, &bench->seats[i], err));
    }
    for (int32_t round = 0; round < bench->settings.runs; round++) {
        bench->stage = CODE_INPUT;
        TRY(measure_alone(bench, &bench->alone[round], err));
        TRY(measure_whole(bench, &bench->whole[round], err));
    }
    return VITLRP_OK;
}

struct figures {
    double alone, whole, ratio;
};

static struct figures figures_of(struct batch_bench *bench) {
    size_t runs = (size_t) bench->settings.runs;
    return (struct figures){.alone = samples_median(bench->alone, NULL, runs, bench->scratch),
                            .whole = samples_median(bench->whole, NULL, runs, bench->scratch),
                            .ratio =
                                samples_median(bench->whole, bench->alone, runs, bench->scratch)};
}

static void append_report(struct text *out, const struct batch_bench *bench,
                          const struct figures *figures) {
    const struct vitlrp_session_info *info = &bench->first.info;
    struct vitlrp_model_info model;
    vitlrp_model_info_init(&model);
    vitlrp_model_describe(bench->model, &model);
    text_printf(out, "%s: input %dx%d, %d tokens, dim %d, %d block%s\n", model.name,
                info->input_width, info->input_height, info->tokens, model.dim, model.depth,
                model.depth == 1 ? "" : "s");
    text_printf(out, "%s; %s, %s, %zu thread%s\n",
                bench->cpu[0] != '\0' ? bench->cpu : "unknown processor", info->backend,
                word_of(WORDS_PRECISION, info->precision), bench->threads,
                bench->threads == 1 ? "" : "s, an image on each");
    text_printf(out, "%zu images of %s, %d round%s\n\n", bench->plan.count, bench->choice.dataset,
                bench->settings.runs, bench->settings.runs == 1 ? "" : "s");
    text_printf(out, "%-24s%12s\n", "", "images/s");
    text_printf(out, "%-24s%12.2f\n", "attribution alone", figures->alone);
    text_printf(out, "%-24s%12.2f%9.1f %%\n", "batch, files and all", figures->whole,
                100.0 * figures->ratio);
}

static json_t *json_result(const struct batch_bench *bench, const struct figures *figures) {
    const struct vitlrp_session_info *info = &bench->first.info;
    struct vitlrp_model_info model;
    vitlrp_model_info_init(&model);
    vitlrp_model_describe(bench->model, &model);
    return json_pack("{s:s, s:o, s:[ii], s:i, s:i, s:I, s:s, s:f, s:f, s:f, s:s, s:s, s:i, s:s, "
                     "s:s}",
                     "format", FORMAT_BENCH_BATCH, "model", json_text(model.name), "input_size",
                     info->input_width, info->input_height, "tokens", info->tokens, "runs",
                     bench->settings.runs, "images", (json_int_t) bench->plan.count, "method",
                     bench->settings.method_info.name, "attribution_images_per_second",
                     figures->alone, "batch_images_per_second", figures->whole,
                     "batch_per_attribution", figures->ratio, "backend", info->backend, "precision",
                     word_of(WORDS_PRECISION, info->precision), "threads", (int) bench->threads,
                     "cpu", bench->cpu, "version", vitlrp_version());
}

enum exit_code bench_batch_main(const struct args *args, const struct settings *settings,
                                struct console *console) {
    struct vitlrp_error err;
    struct batch_bench bench = {.settings = *settings, .stage = CODE_INPUT};
    enum vitlrp_status status = batch_bench_measure(args, &bench, console, &err);
    enum exit_code code = console_check(status, bench.stage, &err);
    if (code == CODE_DONE) {
        struct figures figures = figures_of(&bench);
        struct text table = {.limit = REPORT_LIMIT};
        append_report(&table, &bench, &figures);
        code = console_check(bench_write(json_result(&bench, &figures), args->value[OPTION_JSON],
                                         &table, console, &err),
                             CODE_OUTPUT, &err);
        text_free(&table);
    }
    close_all(&bench);
    return code;
}
