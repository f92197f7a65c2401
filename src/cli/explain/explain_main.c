#include "cli/verbs.h"

#include <math.h>
#include <string.h>

#include "base/left_out.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "cli/explain_session.h"
#include "cli/explanation.h"
#include "cli/machine.h"
#include "cli/model_facts.h"
#include "cli/model_input.h"
#include "cli/operands.h"
#include "cli/photo.h"
#include "cli/run_watch.h"
#include "image_page.h"
#include "own_pictures.h"

#define REPORT_LIMIT ((size_t) 1 << 24)
#define PAGE_LIMIT ((size_t) 1 << 28)

/* How one image went. */
struct outcome {
    enum exit_code code;
    bool stop; /* the failure would meet every other image too */
};

/* Turns a step's status into the image's outcome, and reports it; true if the step worked. */
static bool outcome_check(struct outcome *outcome, enum vitlrp_status status, enum exit_code stage,
                          const struct vitlrp_error *err) {
    outcome->code = run_watch_check(status, stage, err);
    outcome->stop = status != VITLRP_OK && (stage == CODE_OUTPUT || status == VITLRP_CANCELLED ||
                                            error_is_systemic(status, err));
    return status == VITLRP_OK;
}

/* Of an output, which was reported already. */
static void outcome_add(struct outcome *outcome, enum exit_code code) {
    outcome->code = exit_code_first(outcome->code, code);
    outcome->stop = outcome->stop || code != CODE_DONE;
}

/* A failure is reported once: later reports stay away. */
static enum vitlrp_status report_print(const struct explain_session *state,
                                       const struct text *report, struct vitlrp_error *err) {
    bool silent = state->console->verbosity == 0 || state->console->stdout_taken;
    enum vitlrp_status status = silent ? VITLRP_OK : console_write(report, err);
    state->console->stdout_taken |= status != VITLRP_OK;
    return status;
}

/* The class at place `rank` among those to explain, and its contrast. One that is its own contrast
 * is an error, or *skip among several. */
static enum vitlrp_status choose_target(const struct explain_session *state, int32_t rank,
                                        struct explanation *explanation, bool *skip,
                                        struct vitlrp_error *err) {
    const struct class_choice *choice = &state->choice;
    int32_t label = explanation->has_label ? explanation->label.output : -1;
    const struct class_image image = explain_class_image(state, label);
    struct class_taken taken;
    TRY(class_choice_take(choice, &image, rank, &taken, err));
    explanation->target = taken.target;
    explanation->versus = taken.versus;
    explanation->has_versus = choice->has_versus;
    *skip = taken.again;
    if (!choice->has_versus || explanation->target.output != explanation->versus.output) {
        return VITLRP_OK;
    }
    if (choice->count == 1 && choice->versus.kind != CLASS_GIVEN) {
        return fail(err, VITLRP_MISMATCH, "%s is class %d too: there is no difference to explain",
                    state->settings->versus_text, explanation->target.index);
    }
    if (choice->count == 1) {
        return fail(err, VITLRP_USAGE,
                    "the most likely class is %d, the one of --versus (name another with --class)",
                    explanation->versus.index);
    }
    if (!*skip) {
        console_warn(state->console, "class %d is skipped: it is the one of --versus",
                     explanation->versus.index);
    }
    *skip = true;
    return VITLRP_OK;
}

/* For those who asked for more. */
static void report_work(struct text *out, const struct explain_session *state,
                        const struct explanation *explanation, bool draws) {
    const struct timing *timing = &explanation->timing;
    text_printf(out, "took %.1f ms to decode, %.1f to prepare, %.1f forward, %.1f backward",
                timing->decode, timing->preprocess, timing->forward, timing->backward);
    if (draws) {
        text_printf(out, ", %.1f to draw", timing->render);
    }
    text_printf(out, " (%s, %s, %s kernels, %d threads)\n",
                vitlrp_word("precision", (int32_t) state->info.precision), state->info.backend,
                state->info.instruction_set, state->info.threads);
}

/* A map without any value is no explanation; most often the head was never trained. */
static void warn_of_empty_map(const struct explain_session *state, const char *path) {
    const struct prediction *prediction = &state->prediction;
    size_t count = (size_t) state->map_height * (size_t) state->map_width;
    char name[240];
    for (size_t i = 0; i < count; i++) {
        if (state->map[i] != 0.0F) {
            return;
        }
    }
    bool is_same = prediction->classes > 1;
    for (int32_t i = 1; i < prediction->classes; i++) {
        is_same = is_same && prediction->logits[i] == prediction->logits[0];
    }
    text_escape_name(name, sizeof name, path);
    console_warn(state->console, "%s: the map is empty: all of its values are 0%s", name,
                 is_same ? ", and so are the differences of the logits: the head of the model may "
                           "hold zeros only, and be untrained"
                         : "");
}

static void explain_one_class(struct explain_session *state, struct explanation *explanation,
                              struct outcome *outcome) {
    struct vitlrp_error err;
    struct text report = {.limit = REPORT_LIMIT};
    unsigned char *picture = NULL;
    size_t size = 0;
    bool draws = state->outputs.pattern[OUTPUT_PICTURE] != NULL && !state->outputs.picture_is_map;
    enum vitlrp_status status = explain_relevance(state, explanation, &err);
    error_prefix(&err, status, explanation->image_path);
    if (!outcome_check(outcome, status, CODE_INPUT, &err)) {
        goto cleanup;
    }
    warn_of_empty_map(state, explanation->image_path);
    if (state->page != NULL) {
        image_page_keep(state->page, explanation);
    }
    report_class(&report, explanation);
    if (state->settings->ledger) {
        report_ledger(&report, explanation);
    }
    if (explanation->words != NULL) {
        text_words_report(&report, explanation->words);
    }
    if (draws) {
        status = explain_render(state, explanation, &picture, &size, &err);
        error_prefix(&err, status, explanation->image_path);
        if (!outcome_check(outcome, status, CODE_INPUT, &err)) {
            goto cleanup;
        }
    }
    if (state->console->verbosity > 1) {
        report_work(&report, state, explanation, draws);
    }
    outcome_add(outcome, explain_write(state, explanation, picture, size, &report));
    status = report_print(state, &report, &err);
    outcome_add(outcome, console_check_also(outcome->code, status, CODE_OUTPUT, &err));

cleanup:
    vitlrp_free(picture);
    text_free(&report);
}

/* The outputs that do not depend on the class; all are tried. */
static enum exit_code write_image_outputs(struct explain_session *state,
                                          const struct explanation *explanation) {
    struct vitlrp_error err;
    struct text report = {.limit = REPORT_LIMIT};
    const size_t classes = (size_t) state->prediction.classes;
    const size_t shape[3] = {photo_channels(&state->preprocess), (size_t) state->info.input_height,
                             (size_t) state->info.input_width};
    const struct output_place place = {explanation->image_path, NULL, &report};
    const struct npy_view logits = {state->prediction.logits, 1, &classes};
    const struct npy_view input = {explanation->photo->input, 3, shape};
    if (!state->told_model) { /* whose word the rest is */
        model_line_append(&report, state->model, state->settings->model_path == NULL);
        state->told_model = true;
    }
    report_prediction(&report, explanation);
    enum vitlrp_status status = explain_write_array(state, OUTPUT_LOGITS, &place, &logits, &err);
    enum exit_code code = console_check(status, CODE_OUTPUT, &err);
    status = explain_write_array(state, OUTPUT_INPUT, &place, &input, &err);
    code = console_check_also(code, status, CODE_OUTPUT, &err);
    status = report_print(state, &report, &err);
    code = console_check_also(code, status, CODE_OUTPUT, &err);
    text_free(&report);
    return code;
}

static enum vitlrp_status run_forward(struct explain_session *state, const struct photo *photo,
                                      struct timing *timing, struct vitlrp_error *err) {
    TRY(explain_session_fit(state, photo->geometry.input_height, photo->geometry.input_width, err));
    TRY(explain_forward(state, photo->input, err));
    timing->forward = 1e3 * state->forward_s;
    timing->decode = photo->decode_ms;
    timing->preprocess = photo->preprocess_ms;
    return prediction_rank(&state->prediction, state->model, err);
}

/* What belongs to all classes of a list together. */
static void end_list(struct explain_session *state, const struct explanation *explanation,
                     struct outcome *outcome) {
    struct vitlrp_error err;
    struct text report = {.limit = REPORT_LIMIT};
    enum vitlrp_status status = explain_end_list(state, explanation, &report, &err);
    if (outcome_check(outcome, status, CODE_OUTPUT, &err)) {
        outcome_add(outcome, console_check(report_print(state, &report, &err), CODE_OUTPUT, &err));
    }
    text_free(&report);
}

static void explain_classes(struct explain_session *state, struct explanation *explanation,
                            struct outcome *outcome) {
    int32_t classes = class_choice_ranks(&state->choice);
    for (int32_t rank = 0; rank < classes && outcome->code == CODE_DONE; rank++) {
        struct vitlrp_error err;
        bool skip = false;
        enum vitlrp_status status = choose_target(state, rank, explanation, &skip, &err);
        error_prefix(&err, status, explanation->image_path);
        if (outcome_check(outcome, status, CODE_INPUT, &err) && !skip) {
            explain_one_class(state, explanation, outcome);
        }
    }
    if (state->choice.count > 1 && outcome->code == CODE_DONE) {
        end_list(state, explanation, outcome);
    }
    json_decref(state->record_of_list);
    state->record_of_list = NULL;
}

static enum vitlrp_status write_page(struct explain_session *state,
                                     const struct explanation *explanation, struct text *report,
                                     struct vitlrp_error *err) {
    struct text html = {.limit = PAGE_LIMIT};
    const struct output_place place = {explanation->image_path, NULL, report};
    enum vitlrp_status status = image_page_html(state->page, &html, err);
    if (status == VITLRP_OK) {
        if (state->page->has_removal) {
            text_printf(report, "the page took %zu forward passes without patches\n",
                        state->page->forwards);
        }
        status = explain_write_page(state, &place, &html, err);
    }
    text_free(&html);
    return status;
}

/* All classes of the image, on one page. */
static void explain_on_page(struct explain_session *state, struct explanation *explanation,
                            struct outcome *outcome) {
    struct vitlrp_error err;
    struct image_page page;
    struct text report = {.limit = REPORT_LIMIT};
    enum vitlrp_status status = image_page_open(state, explanation, &page, &err);
    state->page = &page;
    if (outcome_check(outcome, status, CODE_INPUT, &err)) {
        explain_classes(state, explanation, outcome);
    }
    if (outcome->code == CODE_DONE) {
        status = image_page_complete(&page, state, &err);
        error_prefix(&err, status, explanation->image_path);
        outcome_check(outcome, status, CODE_INPUT, &err);
    }
    if (outcome->code == CODE_DONE) {
        status = write_page(state, explanation, &report, &err);
        outcome_check(outcome, status, CODE_OUTPUT, &err);
    }
    if (outcome->code == CODE_DONE) {
        outcome_check(outcome, report_print(state, &report, &err), CODE_OUTPUT, &err);
    }
    state->page = NULL;
    image_page_free(&page);
    text_free(&report);
}

/* What the user should know of a photograph before its map is believed. */
static void warn_of_photo(struct explain_session *state, const struct photo *photo,
                          const char *path) {
    explain_warn(state, photo, path);
    if (!photo->is_input && !state->told_input) {
        model_input_warn(state->settings, state->model, &state->preprocess, state->console);
        state->told_input = true;
    }
    if (photo->is_input && preprocess_is_changed(&state->settings->preprocess)) {
        console_warn(state->console, "preprocessing options have no effect on a ready model input");
    }
}

/* Of an image, where a class is its label. */
static enum vitlrp_status choose_label(const struct explain_session *state,
                                       struct explanation *explanation, struct vitlrp_error *err) {
    explanation->has_label = state->settings->wants_label;
    return explanation->has_label
               ? class_of_folder(state->model, explanation->image_path, &explanation->label, err)
               : VITLRP_OK;
}

static struct outcome explain_image(struct explain_session *state, const char *path) {
    struct vitlrp_error err;
    struct outcome outcome = {0};
    struct photo photo = {0};
    char sha256[SHA256_TEXT] = "";
    struct explanation explanation = explain_begin(state, path, &photo, sha256);
    enum vitlrp_status status = operand_check_image(path, &err);
    if (status == VITLRP_OK) {
        status = photo_open(path, &state->preprocess, &state->settings->image,
                            state->record == NULL ? NULL : sha256, &photo, &err);
    }
    if (!outcome_check(&outcome, status, CODE_INPUT, &err)) {
        return outcome;
    }
    warn_of_photo(state, &photo, path);
    status = choose_label(state, &explanation, &err);
    error_prefix(&err, status, path);
    if (!outcome_check(&outcome, status, CODE_INPUT, &err)) {
        photo_close(&photo);
        return outcome;
    }
    status = run_forward(state, &photo, &explanation.timing, &err);
    error_prefix(&err, status, path);
    if (outcome_check(&outcome, status, CODE_INPUT, &err)) {
        enum exit_code code = write_image_outputs(state, &explanation);
        if (code != CODE_LIMIT) { /* a shortage would meet the classes too */
            if (state->outputs.pattern[OUTPUT_PAGE] != NULL) {
                explain_on_page(state, &explanation, &outcome);
            } else {
                explain_classes(state, &explanation, &outcome);
            }
        }
        outcome_add(&outcome, code);
    }
    photo_close(&photo);
    return outcome;
}

/* All images; a bad one among several is reported and skipped. */
static enum exit_code explain_images(const struct args *args, struct explain_session *state) {
    size_t failed = 0;
    size_t total = args->operand_count;
    struct progress_meter meter = progress_start(state->settings->progress, state->console, total);
    for (size_t i = 0; i < total; i++) {
        struct outcome outcome = explain_image(state, args->operands[i]);
        if (outcome.code != CODE_DONE) {
            failed++;
        }
        if (outcome.stop || (outcome.code != CODE_DONE && total == 1)) {
            return outcome.code;
        }
        if (run_watch_signal() != 0 && i + 1 < total) {
            return run_watch_code();
        }
        progress_show(&meter, i + 1, failed);
    }
    return failed > 0 ? CODE_ITEMS : CODE_DONE;
}

/* The range of the maps that all pictures will share. */
static void range_add(struct explain_session *state, struct vitlrp_render_options *render) {
    size_t count = (size_t) state->map_height * (size_t) state->map_width;
    for (size_t i = 0; i < count; i++) {
        render->range_low = fminf(render->range_low, state->map[i]);
        render->range_high = fmaxf(render->range_high, state->map[i]);
    }
}

/* What fails here fails again, and is reported, where the image is explained. */
static void measure_image(struct explain_session *state, const char *path,
                          struct vitlrp_render_options *render) {
    struct vitlrp_error err;
    struct photo photo = {0};
    struct explanation explanation = explain_begin(state, path, &photo, "");
    int32_t classes = class_choice_ranks(&state->choice);
    bool works = photo_open(path, &state->preprocess, &state->settings->image, NULL, &photo,
                            &err) == VITLRP_OK &&
                 choose_label(state, &explanation, &err) == VITLRP_OK &&
                 run_forward(state, &photo, &explanation.timing, &err) == VITLRP_OK;
    for (int32_t rank = 0; works && rank < classes; rank++) {
        bool skip = false;
        works = choose_target(state, rank, &explanation, &skip, &err) == VITLRP_OK;
        if (works && !skip) {
            works = explain_relevance(state, &explanation, &err) == VITLRP_OK;
        }
        if (works && !skip) {
            range_add(state, render);
        }
    }
    photo_close(&photo);
}

/* One range for all pictures: a pass over all images that writes and says nothing. */
static void share_scale(const struct args *args, struct settings *settings,
                        struct explain_session *state) {
    struct console silent = {.verbosity = 0, .stdout_taken = true};
    struct console *console = state->console;
    struct vitlrp_render_options *render = &settings->render;
    render->range_low = INFINITY;
    render->range_high = -INFINITY;
    state->console = &silent;
    for (size_t i = 0; i < args->operand_count && run_watch_signal() == 0; i++) {
        measure_image(state, args->operands[i], render);
    }
    state->console = console;
    bool found = render->range_low <= render->range_high;
    if (found && (render->kind == VITLRP_MAP_SIGNED || render->range_low < 0.0F)) {
        render->range_high = fmaxf(fabsf(render->range_low), fabsf(render->range_high));
        render->range_low = -render->range_high;
    }
    if (!found || render->range_low == render->range_high) {
        render->range_low = render->range_high = 0.0F; /* no map, or maps of one value */
    }
}

static enum exit_code explain_with(const struct args *args, struct settings *settings,
                                   struct explain_session *state, struct model_record *record) {
    struct vitlrp_error err;
    enum exit_code code = console_check(explain_session_open(settings, state->console, state, &err),
                                        CODE_INPUT, &err);
    if (code != CODE_DONE) {
        return code;
    }
    if (state->outputs.pattern[OUTPUT_JSON] != NULL) {
        code = console_check(model_record_take(state->model, record, &err), CODE_INPUT, &err);
        if (code != CODE_DONE) {
            return code;
        }
        state->record = record;
    }
    json_sink_init(&state->sink, args->operand_count > 1 || settings->top > 1);
    explain_listen(state, args->operand_count);
    if (settings->shares_scale) {
        share_scale(args, settings, state);
    }
    code = run_watch_signal() == 0 ? explain_images(args, state) : run_watch_code();
    run_watch_end();
    enum exit_code finished =
        console_check_also(code == CODE_LIMIT ? code : CODE_DONE,
                           json_sink_finish(&state->sink, &err), CODE_OUTPUT, &err);
    run_watch_tell(state->console, finished != CODE_DONE ? finished : code);
    return finished != CODE_DONE ? finished : code;
}

/* Standard input can be read once only. */
static enum vitlrp_status check_twice(const struct args *args, struct vitlrp_error *err) {
    for (size_t i = 0; i < args->operand_count; i++) {
        if (strcmp(args->operands[i], "-") == 0) {
            return fail(err, VITLRP_USAGE,
                        "--scale shared reads every image twice, standard input can be read once");
        }
    }
    return VITLRP_OK;
}

/* What the command line asks for, before any work. */
static enum exit_code explain_plan(const struct chosen_images *chosen, struct settings *settings,
                                   struct explain_session *state) {
    struct vitlrp_error err;
    const struct args *args = &chosen->args;
    enum exit_code code = console_check(settings_read(args, settings, &err), CODE_INPUT, &err);
    if (code == CODE_DONE && settings->shares_scale) {
        code = console_check(check_twice(args, &err), CODE_INPUT, &err);
    }
    if (code == CODE_DONE) {
        code =
            console_check(outputs_plan(args, settings, &state->outputs, &err), CODE_OUTPUT, &err);
    }
    if (code == CODE_DONE) {
        code = console_check(own_pictures_guard(chosen, &state->outputs.guard, &err), CODE_OUTPUT,
                             &err);
    }
    state->reads_ledger = settings->ledger || state->outputs.pattern[OUTPUT_JSON] != NULL;
    return code;
}

static enum vitlrp_status page_check(const struct settings *settings, struct vitlrp_error *err) {
    bool is_others =
        settings->versus_text != NULL && strcmp(settings->versus_text, CONTRAST_OTHERS) == 0;
    return is_others
               ? fail(err, VITLRP_USAGE, "--versus others: a page shows differences of two classes")
               : VITLRP_OK;
}

enum exit_code explain_main(const struct args *args, struct console *console) {
    struct vitlrp_error err;
    struct settings settings;
    struct method_list *methods = NULL;
    struct explain_session state = {.console = console, .tells_work = true};
    struct model_record record = {0};
    struct chosen_images chosen = {0};
    if (args->operand_count == 0) {
        console_error("no image is given (vitlrp IMAGE, see vitlrp --help)");
        return CODE_USAGE;
    }
    enum exit_code code = console_check(operands_check_verb(args, &err), CODE_INPUT, &err);
    if (code == CODE_DONE) {
        code = console_check(own_pictures_pass_over(args, &chosen, &err), CODE_INPUT, &err);
    }
    if (code == CODE_DONE) {
        code = explain_plan(&chosen, &settings, &state);
    }
    if (code == CODE_DONE && state.outputs.pattern[OUTPUT_PAGE] != NULL) {
        code = console_check(page_check(&settings, &err), CODE_INPUT, &err);
    }
    if (code == CODE_DONE && state.outputs.pattern[OUTPUT_PAGE] != NULL) {
        code = console_check(method_list_open(args, &methods, &err), CODE_INPUT, &err);
        for (size_t i = 0; methods != NULL && i < methods->count && code == CODE_DONE; i++) {
            code = console_check(settings_set_word_rules(&settings, &methods->options[i], &err),
                                 CODE_INPUT, &err);
        }
        settings.methods = methods;
    }
    if (code == CODE_DONE) {
        console->stdout_taken = state.outputs.stdout_taken;
        state.watch = pass_watch_open(settings.progress, console);
        settings.inputs = guard_inputs(&state.outputs.guard);
        left_out_warn(&(struct left_out){.own = chosen.passed_over_count},
                      &(struct vitlrp_log){console_log, console});
        code = explain_with(&chosen.args, &settings, &state, &record);
    }
    chosen_images_free(&chosen);
    explain_session_close(&state);
    mem_free(methods);
    model_record_free(&record);
    return code;
}
