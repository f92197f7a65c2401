/* What a prompt of 77 tokens costs in the text tower of CLIP's ViT-B/16, against its operations at
 * the rate of the matrix product of its widest layer, which is measured in turn with it; and a
 * hundred prompts of 10 tokens in one pass. usage: text_cost [THREADS [RUNS]] */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/order.h"
#include "base/parse.h"
#include "vit/math/gemm_rate.h"
#include "vit/model/weights.h"
#include "vit/program/program.h"
#include "vit/program/runner.h"
#include "vit/program/text_tower.h"

enum { CONTEXT = 77, WIDTH = 512, VOCABULARY = 49408, TEXTS = 100, SHORT = 10, MOST_RUNS = 1000 };

struct bench {
    struct vit_model *model;
    struct vit_text *text;
    struct runner runner; /* of a text of CONTEXT tokens: for its operations and its engine */
    size_t threads, runs;
    float embeddings[TEXTS * WIDTH];
};

static struct vit_config tower(void) {
    return (struct vit_config){
        .image_height = 1,
        .image_width = CONTEXT,
        .patch_height = 1,
        .patch_width = 1,
        .grid_height = 1,
        .grid_width = CONTEXT,
        .dim = WIDTH,
        .depth = 12,
        .heads = WIDTH / 64,
        .mlp_dim = 4 * WIDTH,
        .classes = WIDTH,
        .layer_norm_eps = 1e-5F,
        .activation = VIT_GELU_QUICK,
        .pool = VIT_POOL_END,
        .vocabulary = VOCABULARY,
        .causal = true,
        .text_end = VIT_END_LARGEST_ID,
        .unusual = slot_unusual(SLOT_TOKEN_TABLE, true) | slot_unusual(SLOT_PATCH_WEIGHT, false) |
                   slot_unusual(SLOT_PATCH_BIAS, false) | slot_unusual(SLOT_CLS_TOKEN, false) |
                   slot_unusual(SLOT_HEAD_BIAS, false)};
}

static enum vitlrp_status bench_open(struct bench *bench, struct vitlrp_error *err) {
    const struct vit_config config = tower();
    const struct vit_text_options options = {.threads = bench->threads, .backend = "auto"};
    const struct runner_request request = {.program = {.input_height = 1, .input_width = CONTEXT},
                                           .images = 1,
                                           .threads = bench->threads,
                                           .backend = "auto",
                                           .what = "a text"};
    TRY(vit_model_random(&config, 1, &bench->model, err));
    TRY(vit_text_open(bench->model, &options, &bench->text, err));
    TRY(runner_plan(&bench->runner, bench->model, &request, err));
    return runner_open(&bench->runner, &request, err);
}

static void bench_close(struct bench *bench) {
    runner_close(&bench->runner);
    vit_text_close(bench->text);
    vit_model_free(bench->model);
}

/* Of the products that a text of CONTEXT tokens asks for. */
static double operations(const struct bench *bench) {
    const struct program *program = bench->runner.program;
    double flops = 0.0;
    for (size_t i = 0; i < program->op_count; i++) {
        const struct op_kind *kind = program->ops[i].kind;
        flops += kind->flops == NULL ? 0.0 : kind->flops(runner_call(&bench->runner, i, false));
    }
    return flops;
}

/* GFLOP/s of the widest layer, over as many rows. */
static double matrix_rate(const struct bench *bench, size_t rows) {
    const struct program *program = bench->runner.program;
    size_t wide = 0;
    while (program->ops[wide].role != VITLRP_ROLE_FC1) {
        wide++;
    }
    const struct op *op = &program->ops[wide];
    const struct linear layer = {.weight = op->weights[0],
                                 .bias = op->weights[1],
                                 .outputs = program->values[op->out].width,
                                 .inputs = program->values[op->in[0]].width,
                                 .packs = op->packs};
    return gemm_rate(&bench->runner.engine, &layer, rows, bench->model->weights.token_table);
}

/* Prints the medians of `runs` passes over `count` texts of `length` tokens, each beside the rate
 * at that moment. */
static enum vitlrp_status measure(struct bench *bench, size_t count, size_t length,
                                  struct vitlrp_error *err) {
    static int32_t ids[CONTEXT];
    struct vit_ids texts[TEXTS];
    double seconds[MOST_RUNS];
    double ratios[MOST_RUNS];
    double flops =
        operations(bench) * (double) (count * length) / (double) CONTEXT; /* nearly: attention */
    for (size_t i = 0; i < CONTEXT; i++) {
        ids[i] = (int32_t) (i * 631 % (VOCABULARY - 1));
    }
    ids[length - 1] = VOCABULARY - 1;
    for (size_t i = 0; i < count; i++) {
        texts[i] = (struct vit_ids){ids, length};
    }
    TRY(vit_text_forward(bench->text, texts, count, bench->embeddings, err));
    for (size_t i = 0; i < bench->runs; i++) {
        double rate = matrix_rate(bench, count * length);
        double start = clock_seconds();
        TRY(vit_text_forward(bench->text, texts, count, bench->embeddings, err));
        seconds[i] = clock_seconds() - start;
        ratios[i] = seconds[i] * rate * 1e9 / flops;
    }
    qsort(seconds, bench->runs, sizeof *seconds, order_doubles);
    qsort(ratios, bench->runs, sizeof *ratios, order_doubles);
    printf("%3zu texts of %2zu tokens: %7.2f ms, %6.2f GFLOP, %.3f of the matrix rate's time\n",
           count, length, seconds[bench->runs / 2] * 1e3, flops * 1e-9, ratios[bench->runs / 2]);
    return VITLRP_OK;
}

/* A number from 1 on, or the fallback where there is none. */
static size_t argument(int argc, char **argv, int index, size_t fallback, size_t most) {
    int64_t value;
    return argc > index && parse_int64(argv[index], 1, (int64_t) most, &value) ? (size_t) value
                                                                               : fallback;
}

int main(int argc, char **argv) {
    static struct bench bench;
    struct vitlrp_error err = {0};
    bench.threads = argument(argc, argv, 1, 1, 64);
    bench.runs = argument(argc, argv, 2, 25, MOST_RUNS);
    enum vitlrp_status status = bench_open(&bench, &err);
    if (status == VITLRP_OK) {
        status = measure(&bench, 1, CONTEXT, &err);
    }
    if (status == VITLRP_OK) {
        status = measure(&bench, TEXTS, SHORT, &err);
    }
    if (status != VITLRP_OK) {
        fprintf(stderr, "%s\n", err.message);
    }
    bench_close(&bench);
    return status == VITLRP_OK ? 0 : 1;
}
