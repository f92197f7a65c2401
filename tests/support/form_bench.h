/* Models that differ in one form from a plain one, on a bench: small, of random weights, with a
 * session and an input that has gone through it. What holds for every form is checked here. */
#ifndef TESTS_FORM_BENCH_H
#define TESTS_FORM_BENCH_H

#include <stdbool.h>

#include "vit/model/model.h"
#include "vit/program/session.h"

/* Two blocks, 2 x 3 patches of 4 x 4 pixels, an input of 8 x 12. */
enum { FORM_DEPTH = 2, FORM_CLASSES = 5, FORM_PATCHES = 6, FORM_INPUT = 3 * 8 * 12 };

/* A plain model with a CLS token, 10 hidden neurons and LayerNorm; width and heads are the caller's
 * to set. */
struct vit_config form_config(void);

/* What the model and its session are made with; the rest are the defaults. */
struct form {
    const char *name; /* for messages */
    struct vit_config config;
    float strength;        /* of vectors: those of random models are so faint that a forgotten one
                              would not show */
    bool all_tokens, maps; /* of the session: all tokens to the end, attention matrices */
    const struct vitlrp_edit *edits; /* [edit_count]: of its units; NULL: none */
    size_t edit_count;
};

struct form_bench {
    const struct form *form;
    struct vit_model *model;
    struct vit_session *session;
    float *input; /* [FORM_INPUT], owned as all of it: form_bench_close */
    float logits[FORM_CLASSES];
};

struct vit_model *form_model(const struct form *form);
struct form_bench form_bench_open(const struct form *form);
void form_bench_close(struct form_bench *bench);

/* The relevance of output 1, explained by a plain gradient and whatever `out` asks for. */
void form_relevance(const struct form_bench *bench, const struct vitlrp_rules *rules,
                    struct vit_relevance *out);

/* A logit of the float64 twin. */
double form_twin_logit(const struct form_bench *bench, const float *input, size_t output);

void form_check_slope(const struct form_bench *bench, double slope, double expected);

/* Logits and slopes are those of the twin. */
void form_check_twin(const struct form *form);

/* Sees the lines of a ledger, which form_check_ledger has added up. */
typedef void form_ledger_visit(const struct form_bench *bench, const struct vitlrp_rules *rules,
                               const struct vitlrp_ledger_entry *ledger, size_t lines);

/* The ledger closes under five sets of rules. */
void form_check_ledger(const struct form *form, form_ledger_visit *visit);

/* Batches of inputs, whole or mixed, give what sessions give, and those of an input less a token
 * what the twin gives. */
void form_check_batches(const struct form *form);

#endif
