/* Relevance of hidden units: R = sum over tokens of a * G (Achtibat et al. 2024, section 4.3, which
 * has it for neurons of language models; vit/RULES.md has G). */
#include "vit/program/units.h"

#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "vit/model/weights.h"

/* Which block's units of the site the value is; the depth if it is none's. */
static size_t block_of(const struct program *program, enum vitlrp_site site, size_t value) {
    size_t block = 0;
    while (block < program->depth && program->units[site][block] != value) {
        block++;
    }
    return block;
}

static size_t site_width(const struct program *program, enum vitlrp_site site) {
    return program->values[program->units[site][0]].width;
}

size_t unit_count(const struct program *program, enum vitlrp_site site) {
    return site == VITLRP_SITE_HEAD ? (size_t) program->model->config.heads
                                    : site_width(program, site);
}

size_t vit_site_width(const struct vit_model *model, enum vitlrp_site site) {
    return (size_t) (site == VITLRP_SITE_FC1 ? model->config.mlp_dim : model->config.dim);
}

size_t unit_columns(const struct program *program, enum vitlrp_site site) {
    return site_width(program, site) / unit_count(program, site);
}

/* ---- Units ---- */

/* Some neighbouring units at a time: rows are read as they lie. */
enum { UNITS_AT_ONCE = 16 };

struct unit_rows {
    const struct op_array *array;
    const float *baseline; /* [width, 2] of the value; NULL: 0 */
    bool has_cls;
    size_t first, count; /* units */
    size_t columns;      /* of each */
};

/* What an array says of tokens: a value for each unit. */
struct unit_reading {
    void (*at_token)(const struct unit_rows *units, size_t token, double *values);
    size_t tokens; /* those beyond the array's rows have 0 */
};

static void relevance_at(const struct unit_rows *units, size_t token, double *values) {
    size_t begin = units->first * units->columns;
    const float *a = units->array->x + token * units->array->width + begin;
    const float *g = units->array->g + token * units->array->width + begin;
    size_t kind = units->has_cls && token == 0 ? 0 : 1;
    if (units->columns == 1 && units->baseline == NULL) { /* most are such: a third of the time */
        for (size_t u = 0; u < units->count; u++) {
            values[u] = (double) a[u] * (double) g[u];
        }
        return;
    }
    for (size_t u = 0; u < units->count; u++) {
        values[u] = 0.0;
        for (size_t c = u * units->columns; c < (u + 1) * units->columns; c++) {
            double base = units->baseline == NULL ? 0.0 : units->baseline[2 * (begin + c) + kind];
            values[u] += ((double) a[c] - base) * (double) g[c];
        }
    }
}

/* Of a unit of several columns their norm. */
static void activation_at(const struct unit_rows *units, size_t token, double *values) {
    const float *a = units->array->x + token * units->array->width + units->first * units->columns;
    for (size_t u = 0; u < units->count; u++) {
        double square = 0.0;
        for (size_t c = u * units->columns; c < (u + 1) * units->columns; c++) {
            square += (double) a[c] * a[c];
        }
        values[u] = units->columns == 1 ? a[u] : sqrt(square);
    }
}

/* Where sums and maxima go; NULL: nobody asks. */
struct unit_results {
    float *sums, *largest;
    int32_t *tokens;
};

/* The sums alone, as take_tokens has them. */
static void take_sums(const struct unit_rows *units, const struct unit_reading *reading,
                      float *sums) {
    double sum[UNITS_AT_ONCE] = {0};
    double values[UNITS_AT_ONCE];
    for (size_t t = 0; t < units->array->rows; t++) {
        reading->at_token(units, t, values);
        for (size_t u = 0; u < units->count; u++) {
            sum[u] += values[u];
        }
    }
    for (size_t u = 0; u < units->count; u++) {
        sums[u] = (float) sum[u];
    }
}

static void take_tokens(const struct unit_rows *units, const struct unit_reading *reading,
                        const struct unit_results *results, size_t at) {
    double sum[UNITS_AT_ONCE] = {0};
    double most[UNITS_AT_ONCE] = {0};
    double values[UNITS_AT_ONCE] = {0};
    int32_t where[UNITS_AT_ONCE] = {0};
    size_t rows = units->array->rows;
    if (results->largest == NULL && results->tokens == NULL) {
        if (results->sums != NULL) {
            take_sums(units, reading, results->sums + at);
        }
        return;
    }
    for (size_t t = 0; t < size_min(rows + 1, reading->tokens); t++) {
        if (t < rows) {
            reading->at_token(units, t, values);
        } else {
            memset(values, 0, sizeof values);
        }
        for (size_t u = 0; u < units->count; u++) {
            bool larger = t == 0 || values[u] > most[u];
            sum[u] += values[u];
            where[u] = larger ? (int32_t) t : where[u];
            most[u] = larger ? values[u] : most[u];
        }
    }
    for (size_t u = 0; u < units->count; u++) {
        if (results->sums != NULL) {
            results->sums[at + u] = (float) sum[u];
        }
        if (results->largest != NULL) {
            results->largest[at + u] = (float) most[u];
        }
        if (results->tokens != NULL) {
            results->tokens[at + u] = where[u];
        }
    }
}

/* For each unit its activation at CLS, and the mean over all other tokens. */
static void take_means(struct unit_rows units, size_t count, float *means) {
    for (units.first = 0; units.first < count; units.first += UNITS_AT_ONCE) {
        double sums[2][UNITS_AT_ONCE] = {{0}};
        double values[UNITS_AT_ONCE];
        size_t tokens[2] = {0, 0};
        units.count = size_min(UNITS_AT_ONCE, count - units.first);
        for (size_t t = 0; t < units.array->rows; t++) {
            size_t kind = units.has_cls && t == 0 ? 0 : 1;
            activation_at(&units, t, values);
            tokens[kind]++;
            for (size_t u = 0; u < units.count; u++) {
                sums[kind][u] += values[u];
            }
        }
        for (size_t u = 0; u < 2 * units.count; u++) {
            double of = tokens[u % 2] == 0 ? 1.0 : (double) tokens[u % 2];
            means[2 * units.first + u] = (float) (sums[u % 2][u / 2] / of);
        }
    }
}

/* Without G there is no relevance. */
static void take_units(const struct units_view *view, const struct vitlrp_unit_values *values,
                       size_t block, const struct op_array *array) {
    const struct unit_results none = {0};
    const struct unit_results relevance = {values->relevance, values->relevance_max,
                                           values->relevance_token};
    const struct unit_results activation = {values->activation, values->activation_max,
                                            values->activation_token};
    const struct unit_reading readings[] = {{relevance_at, view->program->tokens.count},
                                            {activation_at, array->rows}};
    struct unit_rows units = {.array = array,
                              .has_cls = vit_has_cls(&view->program->model->config),
                              .columns = unit_columns(view->program, values->site)};
    size_t count = array->width / units.columns;
    if (values->baseline != NULL) {
        units.baseline = values->baseline + 2 * block * array->width;
    }
    for (; units.first < count; units.first += UNITS_AT_ONCE) {
        units.count = size_min(UNITS_AT_ONCE, count - units.first);
        size_t at = block * count + units.first;
        take_tokens(&units, &readings[0], array->g == NULL ? &none : &relevance, at);
        take_tokens(&units, &readings[1], &activation, at);
    }
    if (values->activation_mean != NULL) {
        take_means(units, count, values->activation_mean + 2 * block * count);
    }
    if (values->column_mean != NULL) {
        units.columns = 1;
        take_means(units, array->width, values->column_mean + 2 * block * array->width);
    }
}

/* G of a value is whole when the first of its readers is through, which a backward pass meets last:
 * what others have left is written over. */
void observe_units(void *user, const struct op_call *call) {
    const struct units_view *view = user;
    for (size_t i = 0; call->backward && i < view->site_count; i++) {
        size_t block = block_of(view->program, view->sites[i].site, call->op->in[0]);
        if (block < view->program->depth) {
            take_units(view, &view->sites[i], block, &call->in[0]);
        }
    }
}

void observe_activations(void *user, const struct op_call *call) {
    const struct units_view *view = user;
    struct op_array made = call->out;
    made.g = NULL;
    for (size_t i = 0; i < view->site_count; i++) {
        size_t block = block_of(view->program, view->sites[i].site, call->op->out);
        if (block < view->program->depth) {
            take_units(view, &view->sites[i], block, &made);
        }
    }
}

/* ---- Along a path of inputs ---- */

/* Of several readers a backward pass meets the first one last, when G is whole. */
static bool is_first_reader(const struct program *program, const struct op *op) {
    for (const struct op *before = program->ops; before < op; before++) {
        if (before->in[0] == op->in[0]) {
            return false;
        }
    }
    return true;
}

/* sums [units] of a block gain the step from what it was to the array's; both are kept. */
static void take_step(struct vit_conductance *path, const struct op_array *array, size_t columns,
                      size_t kept, double *sums) {
    float *a = path->values + kept;
    float *g = path->gradients + kept;
    size_t count = array->rows * array->width;
    for (size_t i = 0; path->passes > 0 && i < count; i++) {
        sums[i % array->width / columns] +=
            0.5 * ((double) array->g[i] + (double) g[i]) * ((double) array->x[i] - (double) a[i]);
    }
    memcpy(a, array->x, count * sizeof *a);
    memcpy(g, array->g, count * sizeof *g);
}

void observe_conductance(void *user, const struct op_call *call) {
    const struct conductance_view *view = user;
    const struct program *program = view->program;
    struct vit_conductance *path = view->conductance;
    size_t block = call->backward ? block_of(program, path->site, call->op->in[0]) : program->depth;
    if (block == program->depth || !is_first_reader(program, call->op)) {
        return;
    }
    size_t units = unit_count(program, path->site);
    double *sums = path->sums + block * units;
    if (path->passes == 0) {
        memset(sums, 0, units * sizeof *sums);
    }
    take_step(path, &call->in[0], unit_columns(program, path->site),
              block * program->tokens.count * site_width(program, path->site), sums);
}

/* ---- Blocks ---- */

static double relevance_of(const float *x, const float *g, size_t count) {
    double sum = 0.0;
    for (size_t i = 0; i < count; i++) {
        sum += (double) x[i] * (double) g[i];
    }
    return sum;
}

void flow_begin(const struct flow_view *view) {
    const struct vitlrp_block_flow unknown = {
        .attention_branch = NAN, .attention_shortcut = NAN, .mlp_branch = NAN, .mlp_shortcut = NAN};
    for (size_t b = 0; view->flow != NULL && b < view->program->depth; b++) {
        view->flow[b] = unknown;
    }
    if (view->tokens != NULL) {
        size_t count = (view->program->depth + 1) * view->program->tokens.count;
        memset(view->tokens, 0, count * sizeof *view->tokens);
    }
}

/* The stream that enters block `index`, or leaves the last one. */
static void take_stream(const struct flow_view *view, size_t index, const struct op_array *array) {
    double sum =
        view->flow == NULL ? 0.0 : relevance_of(array->x, array->g, array->rows * array->width);
    if (view->flow != NULL && index < view->program->depth) {
        view->flow[index].entering = sum;
    }
    if (view->flow != NULL && index > 0) {
        view->flow[index - 1].leaving = sum;
    }
    for (size_t t = 0; view->tokens != NULL && t < array->rows; t++) {
        view->tokens[index * view->program->tokens.count + t] = (float) relevance_of(
            array->x + t * array->width, array->g + t * array->width, array->width);
    }
}

/* Where a branch joins its shortcut. G of both is G of the sum, and lies where the shortcut's
 * begins; which of a block's two it is, the order tells. */
static void take_branch(const struct flow_view *view, const struct op_call *call) {
    const struct program *program = view->program;
    struct vitlrp_block_flow *flow = &view->flow[call->op->block];
    bool parallel = program->model->config.form == VIT_BLOCK_PARALLEL;
    bool last = call->op->out == program->streams[call->op->block + 1];
    bool reads_stream = call->op->residual == program->streams[call->op->block];
    size_t count = call->out.rows * call->out.width;
    if (parallel && (reads_stream == last)) {
        return; /* both at once */
    }
    double shortcut = relevance_of(call->residual.x, call->residual.g, count);
    double branch = relevance_of(call->out.x, call->residual.g, count) - shortcut;
    if (parallel == last) {
        flow->attention_branch = branch;
        flow->attention_shortcut = shortcut;
    } else {
        flow->mlp_branch = branch;
        flow->mlp_shortcut = shortcut;
    }
}

void observe_flow(void *user, const struct op_call *call) {
    const struct flow_view *view = user;
    const struct program *program = view->program;
    const struct op_array *in = &call->in[0];
    if (!call->backward) {
        return;
    }
    for (size_t i = 0; i <= program->depth; i++) {
        if (program->streams[i] == call->op->in[0]) {
            take_stream(view, i, in);
        }
    }
    if (view->flow == NULL || call->op->block < 0) {
        return;
    }
    size_t block = (size_t) call->op->block;
    if (call->op->in[0] == program->units[VITLRP_SITE_HEAD][block]) {
        view->flow[block].heads = relevance_of(in->x, in->g, in->rows * in->width);
    }
    if (call->op->in[0] == program->units[VITLRP_SITE_FC1][block]) {
        view->flow[block].mlp_hidden = relevance_of(in->x, in->g, in->rows * in->width);
    }
    if (call->op->residual != OP_NONE) {
        take_branch(view, call);
    }
}
