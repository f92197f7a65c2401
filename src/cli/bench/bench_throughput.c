#include "bench.h"

#include <string.h>

#include "base/checked.h"
#include "base/formats.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/words.h"
#include "bench_measure.h"
#include "cli/explanation.h"
#include "cli/machine.h"

#define REPORT_LIMIT ((size_t) 1 << 18)

/* Images that a session sees in a round: two, or more if they pass too fast to be timed. */
#define LEAST_IMAGES 2
#define MOST_IMAGES 10000
#define LEAST_MS 300.0

/* Counts of threads that are tried: powers of two up to those of the machine, and those. */
#define RUNGS 12

enum job { JOB_FORWARD, JOB_ATTRIBUTION, JOBS };

enum shape { SHAPE_IMAGE_A_THREAD, SHAPE_ONE_IMAGE, SHAPES };

/* Every job in every shape. */
enum { CELLS = JOBS * SHAPES };

static const char *const JOB_NAMES[JOBS] = {"forward", "attribution"};
static const char *const SHAPE_NAMES[SHAPES] = {"image_per_thread", "threads_in_image"};

/* A single-threaded session and what it writes to. */
struct seat {
    struct vitlrp_session *session; /* owned */
    float *logits;                  /* owned */
    float *pixels;                  /* owned */
    enum vitlrp_status status;      /* of its last images */
    struct vitlrp_error err;
};

struct rung {
    size_t threads;
    struct seat wide;              /* one session with so many threads; none for 1 */
    double *samples[JOBS][SHAPES]; /* owned: [runs] ms for an image */
    double images_per_second[JOBS][SHAPES];
    double per_one_thread[JOBS][SHAPES]; /* images per second, to those of one thread */
};

struct throughput {
    const struct settings *settings;
    struct vitlrp_model *model; /* owned */
    struct vitlrp_model_info info;
    struct vitlrp_session_info session; /* of one of them: all but the threads are alike */
    struct bench_method methods[BENCH_METHODS];
    float *input; /* owned */
    size_t pixels;
    struct seat *seats; /* owned: [threads] */
    size_t threads;
    struct pool *pool;  /* owned */
    struct rung *rungs; /* owned: [RUNGS], too large for a small stack */
    size_t rung_count;
    size_t images;
    double *scratch; /* owned: [runs] */
    char cpu[128];
};

/* ---- Opening ---- */

static enum vitlrp_status seat_open(struct throughput *all, size_t threads, struct seat *seat,
                                    struct vitlrp_error *err) {
    struct vitlrp_session_options options;
    TRY(bench_session_options(all->settings, all->model, &options, err));
    options.threads = (int32_t) threads;
    TRY(vitlrp_session_open(all->model, &options, &seat->session, err));
    vitlrp_session_info_init(&all->session);
    vitlrp_session_describe(seat->session, &all->session);
    all->pixels = 3 * (size_t) all->session.input_height * (size_t) all->session.input_width;
    seat->logits = mem_calloc((size_t) all->info.classes, sizeof *seat->logits);
    seat->pixels = mem_calloc(all->pixels, sizeof *seat->pixels);
    return seat->logits != NULL && seat->pixels != NULL
               ? VITLRP_OK
               : fail(err, VITLRP_NOMEM, "out of memory for the measurement");
}

static void seat_close(struct seat *seat) {
    vitlrp_session_close(seat->session);
    mem_free(seat->logits);
    mem_free(seat->pixels);
}

static enum vitlrp_status rung_open(struct throughput *all, struct rung *rung,
                                    struct vitlrp_error *err) {
    for (size_t i = 0; i < CELLS; i++) {
        double *samples = mem_calloc((size_t) all->settings->runs, sizeof *samples);
        rung->samples[i / SHAPES][i % SHAPES] = samples;
        if (samples == NULL) {
            return fail(err, VITLRP_NOMEM, "out of memory for the measurement");
        }
    }
    return rung->threads > 1 && rung->wide.session == NULL
               ? seat_open(all, rung->threads, &rung->wide, err)
               : VITLRP_OK;
}

/* The widest session shows how many threads there are; the other rungs and the seats follow. */
static enum vitlrp_status open_sessions(struct throughput *all, struct vitlrp_error *err) {
    struct seat widest = {0};
    all->rungs = mem_calloc(RUNGS, sizeof *all->rungs);
    if (all->rungs == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %d counts of threads", RUNGS);
    }
    enum vitlrp_status status = seat_open(all, (size_t) all->settings->threads, &widest, err);
    all->threads = status == VITLRP_OK ? (size_t) all->session.threads : 0;
    for (size_t n = 1; n < all->threads && all->rung_count + 1 < RUNGS; n *= 2) {
        all->rungs[all->rung_count++].threads = n;
    }
    all->rungs[all->rung_count].threads = all->threads;
    all->rungs[all->rung_count++].wide = widest;
    TRY(status);
    for (size_t i = 0; i < all->rung_count; i++) {
        TRY(rung_open(all, &all->rungs[i], err));
    }
    all->seats = mem_calloc(all->threads, sizeof *all->seats);
    if (all->seats == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu sessions", all->threads);
    }
    for (size_t i = 0; i < all->threads; i++) {
        TRY(seat_open(all, 1, &all->seats[i], err));
    }
    return VITLRP_OK;
}

static enum vitlrp_status open_all(struct throughput *all, const struct args *args,
                                   const struct console *console, struct vitlrp_error *err) {
    size_t count;
    TRY(bench_choose_methods(args, all->settings, all->methods, &count, err));
    TRY(bench_open_model(all->settings, BENCH_RANDOM_MODEL, console, &all->model, err));
    vitlrp_model_info_init(&all->info);
    vitlrp_model_describe(all->model, &all->info);
    TRY(open_sessions(all, err));
    TRY(pool_open(all->threads, NULL, &all->pool, err));
    all->input = mem_calloc(all->pixels, sizeof *all->input);
    all->scratch = mem_calloc((size_t) all->settings->runs, sizeof *all->scratch);
    if (all->input == NULL || all->scratch == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for the measurement");
    }
    bench_fill_input(all->input, all->pixels);
    machine_cpu(all->cpu, sizeof all->cpu);
    return VITLRP_OK;
}

static void close_all(struct throughput *all) {
    for (size_t i = 0; i < all->rung_count; i++) {
        seat_close(&all->rungs[i].wide);
        for (size_t j = 0; j < CELLS; j++) {
            mem_free(all->rungs[i].samples[j / SHAPES][j % SHAPES]);
        }
    }
    for (size_t i = 0; all->seats != NULL && i < all->threads; i++) {
        seat_close(&all->seats[i]);
    }
    pool_close(all->pool);
    vitlrp_model_close(all->model);
    mem_free(all->rungs);
    mem_free(all->seats);
    mem_free(all->input);
    mem_free(all->scratch);
}

/* ---- Measuring ---- */

static enum vitlrp_status one_image(const struct throughput *all, struct seat *seat, enum job job,
                                    struct vitlrp_error *err) {
    static const struct vitlrp_target TARGET = {0, 1.0F};
    struct vitlrp_relevance relevance;
    TRY(vitlrp_session_forward(seat->session, all->input, seat->logits, err));
    if (job == JOB_FORWARD) {
        return VITLRP_OK;
    }
    vitlrp_relevance_init(&relevance);
    relevance.pixels = seat->pixels;
    return vitlrp_session_attribute(seat->session, &TARGET, 1, &all->methods[0].options, &relevance,
                                    err);
}

static enum vitlrp_status some_images(const struct throughput *all, struct seat *seat, enum job job,
                                      struct vitlrp_error *err) {
    for (size_t i = 0; i < all->images; i++) {
        TRY(one_image(all, seat, job, err));
    }
    return VITLRP_OK;
}

struct seat_job {
    const struct throughput *all;
    enum job job;
};

static void seat_task(void *context, size_t index, size_t thread) {
    const struct seat_job *task = context;
    struct seat *seat = &task->all->seats[index];
    (void) thread;
    seat->status = some_images(task->all, seat, task->job, &seat->err);
}

/* *ms for an image, of as many images at once as there are threads. */
static enum vitlrp_status measure_seats(struct throughput *all, size_t threads, enum job job,
                                        double *ms, struct vitlrp_error *err) {
    struct seat_job task = {all, job};
    double start = clock_ms();
    pool_run(all->pool, threads, seat_task, &task);
    *ms = (clock_ms() - start) / (double) (threads * all->images);
    for (size_t i = 0; i < threads; i++) {
        if (all->seats[i].status != VITLRP_OK) {
            return error_forward(err, &all->seats[i].err);
        }
    }
    return VITLRP_OK;
}

static enum vitlrp_status measure_round(struct throughput *all, size_t round,
                                        struct vitlrp_error *err) {
    for (size_t i = 0; i < all->rung_count; i++) {
        struct rung *rung = &all->rungs[i];
        for (enum job job = JOB_FORWARD; job < JOBS; job++) {
            double *seats = &rung->samples[job][SHAPE_IMAGE_A_THREAD][round];
            double *wide = &rung->samples[job][SHAPE_ONE_IMAGE][round];
            TRY(measure_seats(all, rung->threads, job, seats, err));
            *wide = *seats;
            if (rung->threads > 1) {
                double start = clock_ms();
                TRY(some_images(all, &rung->wide, job, err));
                *wide = (clock_ms() - start) / (double) all->images;
            }
        }
    }
    return VITLRP_OK;
}

static void rates_conclude(struct throughput *all) {
    size_t runs = (size_t) all->settings->runs;
    for (size_t i = 0; i < all->rung_count; i++) {
        struct rung *rung = &all->rungs[i];
        for (size_t j = 0; j < CELLS; j++) {
            size_t job = j / SHAPES;
            size_t shape = j % SHAPES;
            const double *one = all->rungs[0].samples[job][SHAPE_IMAGE_A_THREAD];
            const double *these = rung->samples[job][shape];
            rung->images_per_second[job][shape] =
                1e3 / samples_median(these, NULL, runs, all->scratch);
            rung->per_one_thread[job][shape] = samples_median(one, these, runs, all->scratch);
        }
    }
}

static void choose_images(struct throughput *all) {
    double wanted = LEAST_MS / all->rungs[0].samples[JOB_FORWARD][SHAPE_IMAGE_A_THREAD][0];
    if (wanted > LEAST_IMAGES) {
        all->images = wanted < MOST_IMAGES ? (size_t) wanted : MOST_IMAGES;
    }
}

static enum vitlrp_status throughput_measure(struct throughput *all, const struct args *args,
                                             const struct console *console,
                                             struct vitlrp_error *err) {
    TRY(open_all(all, args, console, err));
    TRY(measure_round(all, 0, err)); /* thrown away: memory is touched, libraries wake up */
    choose_images(all);
    for (size_t round = 0; round < (size_t) all->settings->runs; round++) {
        TRY(measure_round(all, round, err));
    }
    rates_conclude(all);
    return VITLRP_OK;
}

/* ---- Reports ---- */

static void append_report(struct text *out, const struct throughput *all) {
    text_printf(out, "%s: input %dx%d, %d tokens, dim %d, %d block%s\n", all->info.name,
                all->session.input_width, all->session.input_height, all->session.tokens,
                all->info.dim, all->info.depth, all->info.depth == 1 ? "" : "s");
    text_printf(out, "%s; %s, %s, %s kernels\n",
                all->cpu[0] != '\0' ? all->cpu : "unknown processor", all->session.backend,
                word_of(WORDS_PRECISION, all->session.precision), all->session.instruction_set);
    text_printf(out,
                "%d interleaved round%s; images per second (medians), to those of one thread\n\n",
                all->settings->runs, all->settings->runs == 1 ? "" : "s");
    text_printf(out, "%13sforward%31sforward + %s\n", "", "", all->methods[0].name);
    text_printf(out, "%-10s%17s%17s%21s%17s\n", "threads", "an image each", "all on one",
                "an image each", "all on one");
    for (size_t i = 0; i < all->rung_count; i++) {
        const struct rung *rung = &all->rungs[i];
        text_printf(out, "%-10zu", rung->threads);
        for (size_t j = 0; j < CELLS; j++) {
            text_printf(out, "%*s%9.2f %6.2fx", j == SHAPES ? 4 : 0, "",
                        rung->images_per_second[j / SHAPES][j % SHAPES],
                        rung->per_one_thread[j / SHAPES][j % SHAPES]);
        }
        text_append_string(out, "\n");
    }
}

static json_t *json_rung(const struct rung *rung) {
    json_t *object = json_pack("{s:I}", "threads", (json_int_t) rung->threads);
    for (size_t job = 0; job < JOBS; job++) {
        json_t *shapes = json_object();
        for (size_t shape = 0; shape < SHAPES; shape++) {
            json_t *entry =
                json_pack("{s:f, s:f}", "images_per_second", rung->images_per_second[job][shape],
                          "per_one_thread", rung->per_one_thread[job][shape]);
            if (json_object_set_new(shapes, SHAPE_NAMES[shape], entry) != 0) {
                json_decref(shapes);
                shapes = NULL;
            }
        }
        if (json_object_set_new(object, JOB_NAMES[job], shapes) != 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

static json_t *json_result(const struct throughput *all) {
    json_t *rungs = json_array();
    for (size_t i = 0; i < all->rung_count; i++) {
        if (json_array_append_new(rungs, json_rung(&all->rungs[i])) != 0) {
            json_decref(rungs);
            return NULL;
        }
    }
    return json_pack("{s:s, s:o, s:[ii], s:i, s:i, s:s, s:s, s:s, s:s, s:i, s:s, s:s, s:o}",
                     "format", FORMAT_BENCH_THROUGHPUT, "model", json_text(all->info.name),
                     "input_size", all->session.input_width, all->session.input_height, "tokens",
                     all->session.tokens, "runs", all->settings->runs, "method",
                     all->methods[0].name, "backend", all->session.backend, "precision",
                     word_of(WORDS_PRECISION, all->session.precision), "instruction_set",
                     all->session.instruction_set, "threads", (int) all->threads, "cpu", all->cpu,
                     "version", vitlrp_version(), "throughput", rungs);
}

enum exit_code bench_throughput_main(const struct args *args, const struct settings *settings,
                                     const struct console *console) {
    struct vitlrp_error err;
    struct throughput all = {.settings = settings, .images = LEAST_IMAGES};
    enum exit_code code =
        console_check(throughput_measure(&all, args, console, &err), CODE_INPUT, &err);
    if (code == CODE_DONE) {
        struct text table = {.limit = REPORT_LIMIT};
        append_report(&table, &all);
        code = console_check(
            bench_write(json_result(&all), args->value[OPTION_JSON], &table, console, &err),
            CODE_OUTPUT, &err);
        text_free(&table);
    }
    close_all(&all);
    return code;
}
