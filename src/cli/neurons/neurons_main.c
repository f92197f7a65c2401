#include <stdio.h>
#include <string.h>

#include "cli/class_names.h"
#include "cli/explain_session.h"
#include "cli/figure_format.h"
#include "cli/model_facts.h"
#include "cli/model_input.h"
#include "cli/operands.h"
#include "cli/run_watch.h"
#include "cli/unit_indexes.h"
#include "cli/verbs.h"
#include "neurons_choice.h"
#include "neurons_figure.h"
#include "neurons_page.h"
#include "neurons_references.h"
#include "neurons_report.h"
#include "neurons_result.h"

#define PAGE_LIMIT ((size_t) 1 << 28)
#define REPORT_LIMIT ((size_t) 1 << 24)

/* Whose relevance there is inside the model. */
static const char *const METHODS[] = {"attnlrp", "attnlrp-eps", "cp-lrp", "libra"};

/* More than the names of the methods that a session is opened for. */
#define NAMES_LIMIT 96

/* The verb from its options to its files. */
struct neurons {
    struct settings settings;
    struct neurons_choice choice;
    struct neurons_maps maps;
    struct explain_session state;
    struct model_record record;
    struct unit_indexes indexes;         /* --concepts */
    const struct vitlrp_concepts *index; /* of the site; NULL: none */
    enum figure_format format;           /* of the panel */
    char methods[NAMES_LIMIT];           /* of the session */
};

/* ---- Options ---- */

/* The session is opened for the method, for the first-order drops and, where heads are drawn, for
 * their attention. */
static enum vitlrp_status choose_methods(struct neurons *neurons, struct vitlrp_error *err) {
    struct settings *settings = &neurons->settings;
    const char *name = settings->method_info.name;
    bool is_known = false;
    for (size_t i = 0; i < sizeof METHODS / sizeof METHODS[0]; i++) {
        is_known = is_known || strcmp(name, METHODS[i]) == 0;
    }
    snprintf(neurons->methods, sizeof neurons->methods, "%s," NEURONS_FIRST_ORDER "%s", name,
             neurons->choice.site == VITLRP_SITE_HEAD ? "," NEURONS_ATTENTION : "");
    settings->method_names = neurons->methods;
    return is_known ? VITLRP_OK
                    : fail(err, VITLRP_USAGE,
                           "--method %s: relevance of hidden units is that of attnlrp, "
                           "attnlrp-eps, cp-lrp or libra",
                           name);
}

static enum vitlrp_status check_panel(struct neurons *neurons, struct vitlrp_error *err) {
    const char *pattern = neurons->state.outputs.pattern[OUTPUT_PICTURE];
    if (pattern == NULL) {
        return VITLRP_OK;
    }
    neurons->format = figure_format_of(pattern);
    if (neurons->format == FIGURE_NONE || neurons->format == FIGURE_APNG) {
        return error_prefix(
            err,
            fail(err, VITLRP_USAGE,
                 "a figure's name must end in .png, .jpg, .svg or .pdf, and a page's in .html"),
            pattern);
    }
    return error_prefix(err, figure_check(neurons->format, err), pattern);
}

/* A panel or a page of maps. */
static bool wants_pictures(const struct neurons *neurons) {
    char *const *pattern = neurons->state.outputs.pattern;
    return pattern[OUTPUT_PICTURE] != NULL || pattern[OUTPUT_PAGE] != NULL;
}

static enum vitlrp_status read_options(const struct args *args, struct neurons *neurons,
                                       struct vitlrp_error *err) {
    struct settings *settings = &neurons->settings;
    if (args->operand_count == 0) {
        return fail(err, VITLRP_USAGE,
                    "no image is given (vitlrp neurons IMAGE..., see vitlrp neurons --help)");
    }
    TRY(settings_read(args, settings, err));
    TRY(neurons_choice_read(args, &neurons->choice, err));
    TRY(choose_methods(neurons, err));
    return settings_classes(settings) > 1
               ? fail(err, VITLRP_USAGE, "--class: neurons explains one class of an image")
               : VITLRP_OK;
}

static enum vitlrp_status plan(const struct args *args, struct neurons *neurons,
                               struct vitlrp_error *err) {
    struct outputs *outputs = &neurons->state.outputs;
    TRY(outputs_plan(args, &neurons->settings, outputs, err));
    TRY(check_panel(neurons, err));
    bool has_raw = outputs->pattern[OUTPUT_RAW] != NULL;
    neurons->maps.pixels = has_raw && neurons->settings.level == LEVEL_PIXEL;
    neurons->maps.patches = wants_pictures(neurons) || (has_raw && !neurons->maps.pixels);
    neurons->settings.many_maps = neurons->maps.pixels || neurons->maps.patches;
    neurons->maps.attention = neurons->choice.site == VITLRP_SITE_HEAD &&
                              (neurons->maps.patches || outputs->pattern[OUTPUT_ATTENTION] != NULL);
    if (outputs->pattern[OUTPUT_ATTENTION] != NULL && neurons->choice.site != VITLRP_SITE_HEAD) {
        return fail(err, VITLRP_USAGE, "--attention is of heads: add --site head");
    }
    if (args->value[OPTION_NO_MAPS] != NULL && (neurons->maps.patches || neurons->maps.pixels)) {
        return fail(err, VITLRP_USAGE, "--no-maps: -o and --raw are made of maps");
    }
    return VITLRP_OK;
}

/* ---- Files ---- */

static enum vitlrp_status write_panel(const struct neurons *neurons,
                                      const struct neurons_result *result,
                                      const struct explanation *explanation,
                                      const struct output_place *place, struct vitlrp_error *err) {
    struct figure figure;
    struct bytes bytes = {0};
    struct text comment = {.limit = 256};
    text_printf(&comment, "vitlrp %s; neurons; class %d", vitlrp_version(),
                explanation->target.index);
    enum vitlrp_status status = neurons_figure_draw(result, explanation, &figure, err);
    if (status == VITLRP_OK) {
        status = figure_encode(&figure, neurons->format, comment.data, &bytes, err);
    }
    figure_free(&figure);
    text_free(&comment);
    if (status == VITLRP_OK) {
        status = explain_write_bytes(&neurons->state, OUTPUT_PICTURE, place, &bytes, err);
    }
    bytes_free(&bytes);
    return status;
}

static enum vitlrp_status write_page(const struct neurons *neurons,
                                     const struct neurons_result *result,
                                     const struct explanation *explanation,
                                     const struct output_place *place, struct vitlrp_error *err) {
    struct text html = {.limit = PAGE_LIMIT};
    struct text path = {.limit = NAME_LIMIT};
    const struct output_place of_image = {place->image_path, NULL, place->report};
    enum vitlrp_status status =
        outputs_path(&neurons->state.outputs, OUTPUT_PAGE, place->image_path, NULL, &path, err);
    if (status == VITLRP_OK) {
        status = neurons_page_write(result, explanation, path.data, &html, err);
    }
    if (status == VITLRP_OK) {
        status = explain_write_page(&neurons->state, &of_image, &html, err);
    }
    text_free(&path);
    text_free(&html);
    return status;
}

static enum vitlrp_status write_record(struct neurons *neurons, const struct neurons_result *result,
                                       const struct explanation *explanation,
                                       const struct output_place *place, struct vitlrp_error *err) {
    json_t *record = NULL;
    TRY(neurons_record(result, explanation, &record, err));
    enum vitlrp_status status =
        explain_add_record(&neurons->state, explanation->image_path, place->of_class, record, err);
    json_decref(record);
    return status;
}

static enum vitlrp_status write_maps(const struct neurons *neurons,
                                     const struct neurons_result *result,
                                     const struct output_place *place, struct vitlrp_error *err) {
    bool pixels = neurons->maps.pixels;
    const size_t shape[3] = {result->item_count,
                             (size_t) (pixels ? result->input_height : result->grid_height),
                             (size_t) (pixels ? result->input_width : result->grid_width)};
    const struct npy_view maps = {pixels ? result->pixels : result->patches, 3, shape};
    return explain_write_array(&neurons->state, OUTPUT_RAW, place, &maps, err);
}

/* Arrays of numbers that are no maps; `before` is what came of the files before them. */
static enum exit_code write_arrays(const struct neurons *neurons,
                                   const struct neurons_result *result,
                                   const struct output_place *place, enum exit_code before) {
    const size_t depth = (size_t) result->depth;
    const size_t tokens = neurons_token_count(result);
    const size_t units[3] = {depth, (size_t) result->width, tokens};
    const size_t streams[2] = {depth + 1, tokens};
    const struct {
        enum output_kind kind;
        struct npy_view values;
    } arrays[] = {{OUTPUT_SCORES, {result->values.relevance, 2, units}},
                  {OUTPUT_ATTENTION, {result->attention, 3, units}},
                  {OUTPUT_TOKENS, {result->tokens, 2, streams}}};
    enum exit_code code = before;
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) {
        struct vitlrp_error err;
        enum vitlrp_status status =
            explain_write_array(&neurons->state, arrays[i].kind, place, &arrays[i].values, &err);
        code = console_check_also(code, status, CODE_OUTPUT, &err);
    }
    return code;
}

/* All are tried. */
static enum exit_code write_files(struct neurons *neurons, const struct neurons_result *result,
                                  const struct explanation *explanation,
                                  const struct output_place *place) {
    struct vitlrp_error err;
    enum exit_code code = CODE_DONE;
    if (neurons->state.outputs.pattern[OUTPUT_PICTURE] != NULL) {
        code = console_check(write_panel(neurons, result, explanation, place, &err), CODE_OUTPUT,
                             &err);
    }
    if (neurons->state.outputs.pattern[OUTPUT_PAGE] != NULL) {
        code = console_check_also(code, write_page(neurons, result, explanation, place, &err),
                                  CODE_OUTPUT, &err);
    }
    code = console_check_also(code, write_maps(neurons, result, place, &err), CODE_OUTPUT, &err);
    code = write_arrays(neurons, result, place, code);
    if (neurons->state.outputs.pattern[OUTPUT_JSON] != NULL) {
        code = console_check_also(code, write_record(neurons, result, explanation, place, &err),
                                  CODE_OUTPUT, &err);
    }
    return code;
}

static enum exit_code write_all(struct neurons *neurons, const struct neurons_result *result,
                                const struct explanation *explanation, struct text *report) {
    struct vitlrp_error err;
    struct class_names names;
    const struct name_values of_class = class_names_open(explanation, &names);
    const struct output_place place = {explanation->image_path, &of_class, report};
    enum exit_code code =
        console_check(text_check(&names.label, "the name of a class", &err), CODE_OUTPUT, &err);
    if (code == CODE_DONE) {
        code = write_files(neurons, result, explanation, &place);
    }
    class_names_close(&names);
    return code;
}

/* ---- An image ---- */

static enum vitlrp_status choose_class(struct neurons *neurons, struct explanation *explanation,
                                       struct vitlrp_error *err) {
    const struct explain_session *state = &neurons->state;
    struct class_taken taken;
    explanation->has_label = neurons->settings.wants_label;
    if (explanation->has_label) {
        TRY(class_of_folder(state->model, explanation->image_path, &explanation->label, err));
    }
    const struct class_image image =
        explain_class_image(state, explanation->has_label ? explanation->label.output : -1);
    TRY(class_choice_take(&state->choice, &image, 0, &taken, err));
    explanation->target = taken.target;
    explanation->versus = taken.versus;
    explanation->has_versus = state->choice.has_versus;
    return explanation->has_versus && taken.target.output == taken.versus.output
               ? fail(err, VITLRP_MISMATCH,
                      "the class to explain is %d, the one of --versus: there is no difference",
                      taken.target.index)
               : VITLRP_OK;
}

/* The images of the index for the units that were found. */
static enum vitlrp_status add_references(const struct neurons *neurons,
                                         struct neurons_result *result,
                                         struct neurons_references *references,
                                         struct vitlrp_error *err) {
    if (neurons->index == NULL) {
        return VITLRP_OK;
    }
    TRY(neurons_references_open(&neurons->state, neurons->index, result, wants_pictures(neurons),
                                references, err));
    result->references = references;
    return VITLRP_OK;
}

static enum vitlrp_status explain_photo(struct neurons *neurons, struct explanation *explanation,
                                        struct neurons_result *result, struct vitlrp_error *err) {
    struct explain_session *state = &neurons->state;
    const struct photo *photo = explanation->photo;
    explain_warn(state, photo, explanation->image_path);
    if (!photo->is_input && !state->told_input) {
        model_input_warn(state->settings, state->model, &state->preprocess, state->console);
        state->told_input = true;
    }
    TRY(explain_session_fit(state, photo->geometry.input_height, photo->geometry.input_width, err));
    TRY(explain_forward(state, photo->input, err));
    TRY(prediction_rank(&state->prediction, state->model, err));
    TRY(choose_class(neurons, explanation, err));
    return neurons_compute(state, explanation, &neurons->choice, &neurons->maps, result, err);
}

static void append_report(struct neurons *neurons, const struct neurons_result *result,
                          const struct explanation *explanation, struct text *report) {
    struct explain_session *state = &neurons->state;
    if (!state->told_model) {
        model_line_append(report, state->model, neurons->settings.model_path == NULL);
        state->told_model = true;
    }
    report_prediction(report, explanation);
    report_class(report, explanation);
    neurons_report_append(result, explanation, report);
}

/* What was found, into files and onto the console. */
static enum exit_code tell(struct neurons *neurons, const struct neurons_result *result,
                           const struct explanation *explanation) {
    struct vitlrp_error err;
    const struct console *console = neurons->state.console;
    struct text report = {.limit = REPORT_LIMIT};
    append_report(neurons, result, explanation, &report);
    enum exit_code code = write_all(neurons, result, explanation, &report);
    if (console->verbosity > 0 && !console->stdout_taken) {
        code = console_check_also(code, console_write(&report, &err), CODE_OUTPUT, &err);
    }
    text_free(&report);
    return code;
}

/* *stop: the failure would meet every other image too. */
static enum exit_code explain_image(struct neurons *neurons, const char *path, bool *stop) {
    struct vitlrp_error err;
    struct photo photo = {0};
    struct neurons_result result = {0};
    struct neurons_references references = {0};
    char sha256[SHA256_TEXT] = "";
    struct explain_session *state = &neurons->state;
    struct explanation explanation = explain_begin(state, path, &photo, sha256);
    enum vitlrp_status status = operand_check_image(path, &err);
    if (status == VITLRP_OK) {
        status = photo_open(path, &state->preprocess, &neurons->settings.image,
                            state->record == NULL ? NULL : sha256, &photo, &err);
    }
    if (status == VITLRP_OK) {
        status = error_prefix(&err, explain_photo(neurons, &explanation, &result, &err), path);
    }
    if (status == VITLRP_OK) {
        status = add_references(neurons, &result, &references, &err);
    }
    enum exit_code code = run_watch_check(status, CODE_INPUT, &err);
    *stop = status == VITLRP_CANCELLED || (status != VITLRP_OK && error_is_systemic(status, &err));
    if (status == VITLRP_OK) {
        code = tell(neurons, &result, &explanation);
        *stop = code != CODE_DONE;
    }
    neurons_result_free(&result);
    neurons_references_free(&references);
    photo_close(&photo);
    return code;
}

/* All images; a bad one among several is reported and skipped. */
static enum exit_code explain_images(const struct args *args, struct neurons *neurons) {
    struct explain_session *state = &neurons->state;
    size_t failed = 0;
    struct progress_meter meter =
        progress_start(neurons->settings.progress, state->console, args->operand_count);
    json_sink_init(&state->sink, args->operand_count > 1);
    explain_listen(state, args->operand_count);
    for (size_t i = 0; i < args->operand_count; i++) {
        bool stop = false;
        enum exit_code code = explain_image(neurons, args->operands[i], &stop);
        if (stop || (code != CODE_DONE && args->operand_count == 1)) {
            return code;
        }
        if (run_watch_signal() != 0 && i + 1 < args->operand_count) {
            return run_watch_code();
        }
        failed += code != CODE_DONE ? 1 : 0;
        progress_show(&meter, i + 1, failed);
    }
    return failed > 0 ? CODE_ITEMS : CODE_DONE;
}

/* An index of another site may be there for the means of --edit. */
static enum vitlrp_status open_index(struct neurons *neurons, struct vitlrp_error *err) {
    const struct settings *settings = &neurons->settings;
    enum vitlrp_site site = neurons->choice.site;
    TRY(unit_indexes_open(settings, neurons->state.console, &neurons->indexes, err));
    TRY(unit_indexes_find(&neurons->indexes, site, neurons->state.model, &neurons->index, err));
    return settings->concepts_count > 0 && neurons->index == NULL && settings->edit == NULL
               ? fail(err, VITLRP_USAGE, OPTION_CONCEPTS_NAME ": no index is of --site %s",
                      vitlrp_word("site", (int32_t) site))
               : VITLRP_OK;
}

static enum vitlrp_status open(struct neurons *neurons, struct vitlrp_error *err) {
    struct explain_session *state = &neurons->state;
    TRY(explain_session_open(&neurons->settings, state->console, state, err));
    TRY(neurons_choice_check(&neurons->choice, state->model, err));
    TRY(open_index(neurons, err));
    if (state->outputs.pattern[OUTPUT_JSON] != NULL) {
        TRY(model_record_take(state->model, &neurons->record, err));
        state->record = &neurons->record;
    }
    return VITLRP_OK;
}

enum exit_code neurons_main(const struct args *args, struct console *console) {
    struct vitlrp_error err;
    struct neurons neurons = {.state = {.console = console, .tells_work = true}};
    enum exit_code code = console_check(read_options(args, &neurons, &err), CODE_INPUT, &err);
    if (code == CODE_DONE) {
        code = console_check(plan(args, &neurons, &err), CODE_OUTPUT, &err);
    }
    if (code == CODE_DONE) {
        console->stdout_taken = neurons.state.outputs.stdout_taken;
        neurons.state.watch = pass_watch_open(neurons.settings.progress, console);
        neurons.settings.inputs = guard_inputs(&neurons.state.outputs.guard);
        code = console_check(open(&neurons, &err), CODE_INPUT, &err);
    }
    if (code == CODE_DONE) {
        code = explain_images(args, &neurons);
        run_watch_end();
        enum vitlrp_status status = json_sink_finish(&neurons.state.sink, &err);
        enum exit_code finished =
            console_check_also(code == CODE_LIMIT ? code : CODE_DONE, status, CODE_OUTPUT, &err);
        code = finished != CODE_DONE ? finished : code;
        run_watch_tell(console, code);
    }
    unit_indexes_close(&neurons.indexes);
    explain_session_close(&neurons.state);
    model_record_free(&neurons.record);
    neurons_choice_free(&neurons.choice);
    return code;
}
