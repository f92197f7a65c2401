/* What the model says of the image without patches: without each of them, and without or with
 * nothing but a set of them. */
#include <string.h>

#include "base/mem.h"
#include "base/work_rate.h"
#include "cli/machine.h"
#include "image_page.h"

/* Tries to leave a patch out of a set again. */
#define PRUNINGS 32

/* About what finding a set takes, beside these: the doubling and the halving of a length. */
#define SEARCH_PASSES 16

/* ---- Which sets ---- */

/* Of the classes that were named and the predicted one: patches that suffice for them. Of those
 * that the model decides for: patches without which it does not. */
static void plan_sets(struct image_page *page) {
    int32_t predicted = page->state->prediction.order[0];
    for (size_t i = 0; i < page->target_count; i++) {
        const struct page_target *target = &page->targets[i];
        const struct page_class *class = &page->classes[target->class];
        bool is_wanted =
            i < page->kept || (!target->has_versus && class->found.output == predicted);
        for (int goal = VITLRP_GOAL_SUFFICES; goal <= VITLRP_GOAL_FLIPS && is_wanted; goal++) {
            struct page_set *set = &page->sets[page->set_count];
            set->target = i;
            set->goal = (enum vitlrp_patch_goal) goal;
            set->patches = page->set_patches + page->set_count * page->patches;
            page->set_count++;
        }
    }
}

/* Where outputs are no probabilities, the model decides between two of them only. */
static bool decides(const struct image_page *page, const struct page_set *set) {
    struct vitlrp_model_info info;
    vitlrp_model_info_init(&info);
    vitlrp_model_describe(page->state->model, &info);
    return page->targets[set->target].has_versus || info.probability != VITLRP_PROBABILITY_NONE;
}

static void drop_undecided_sets(struct image_page *page) {
    size_t kept = 0;
    for (size_t i = 0; i < page->set_count; i++) {
        if (decides(page, &page->sets[i])) {
            page->sets[kept++] = page->sets[i];
        }
    }
    page->set_count = kept;
}

/* About how many passes will be run. */
static size_t passes_to_come(const struct image_page *page) {
    return page->patches + page->set_count * (PRUNINGS + SEARCH_PASSES);
}

/* Says what the passes will take, by the time of the first ones, where it is long. */
static void announce(const struct image_page *page, const struct explain_session *state,
                     size_t done, double seconds) {
    char time[DURATION_LIMIT];
    size_t passes = passes_to_come(page);
    double whole = seconds * (double) passes / (double) done;
    if (whole > TOLD_SECONDS) {
        duration_text(whole, time);
        console_tell(state->console,
                     "the page takes about %zu forward passes without patches: about %s "
                     "(--no-drops leaves them out)",
                     passes, time);
    }
}

/* ---- Passes ---- */

static int32_t largest(const float *logits, size_t count) {
    size_t place = 0;
    for (size_t i = 1; i < count; i++) {
        place = logits[i] > logits[place] ? i : place;
    }
    return (int32_t) place;
}

/* Room for one call, and what it computes. */
struct passes {
    struct vitlrp_removal *removal;
    size_t classes, at_once;
    uint8_t *masks;        /* [at_once, patches] */
    float *logits;         /* [at_once, classes] */
    double *probabilities; /* [classes] */
    struct pass_watch *watch;
};

/* Says how far the passes are. */
static void tell_done(const struct image_page *page, const struct passes *passes, size_t done) {
    const struct vitlrp_session_observer observer = pass_watch_observer(passes->watch);
    observer.progress(observer.user, done, passes_to_come(page));
    if (observer.cancelled != NULL) {
        observer.cancelled(observer.user);
    }
}

static enum vitlrp_status keep_version(struct image_page *page, const struct passes *passes,
                                       size_t patch, const float *logits,
                                       struct vitlrp_error *err) {
    TRY(vitlrp_model_probabilities(page->state->model, logits, passes->probabilities, err));
    page->drops.top[patch] = largest(logits, passes->classes);
    for (size_t c = 0; c < page->class_count; c++) {
        size_t output = (size_t) page->classes[c].found.output;
        page->drops.logits[c * page->patches + patch] = logits[output];
        page->drops.probabilities[c * page->patches + patch] = passes->probabilities[output];
    }
    return VITLRP_OK;
}

static enum vitlrp_status drop_patches(struct image_page *page, const struct passes *passes,
                                       struct vitlrp_error *err) {
    for (size_t first = 0; first < page->patches; first += passes->at_once) {
        size_t left = page->patches - first;
        size_t count = left < passes->at_once ? left : passes->at_once;
        memset(passes->masks, 0, count * page->patches);
        for (size_t i = 0; i < count; i++) {
            passes->masks[i * page->patches + first + i] = 1;
        }
        TRY(vitlrp_removal_logits(passes->removal, passes->masks, count, passes->logits, err));
        for (size_t i = 0; i < count; i++) {
            TRY(keep_version(page, passes, first + i, passes->logits + i * passes->classes, err));
        }
        tell_done(page, passes, first + count);
        if (first == 0) {
            announce(page, page->state, count, (clock_ms() - passes->watch->start_ms) * 1e-3);
        }
    }
    return VITLRP_OK;
}

static enum vitlrp_status find_set(struct image_page *page, const struct passes *passes,
                                   struct page_set *set, struct vitlrp_error *err) {
    const struct page_target *target = &page->targets[set->target];
    struct vitlrp_patch_search *search = &set->search;
    vitlrp_patch_search_init(search);
    search->scores = image_page_map(page, 0, set->target, 0)->values;
    search->output = page->classes[target->class].found.output;
    search->versus = target->has_versus ? page->classes[target->versus].found.output : -1;
    search->goal = set->goal;
    search->prunings = PRUNINGS;
    search->set = set->patches;
    search->logits = passes->logits;
    TRY(vitlrp_removal_search(passes->removal, search, err));
    TRY(vitlrp_model_probabilities(page->state->model, passes->logits, passes->probabilities, err));
    set->top = largest(passes->logits, passes->classes);
    set->logit = (double) passes->logits[search->output];
    set->probability = passes->probabilities[search->output];
    search->logits = NULL; /* of a call */
    return VITLRP_OK;
}

static enum vitlrp_status run(struct image_page *page, const struct passes *passes,
                              struct vitlrp_error *err) {
    struct vitlrp_removal_info info;
    TRY(drop_patches(page, passes, err));
    for (size_t i = 0; i < page->set_count; i++) {
        TRY(find_set(page, passes, &page->sets[i], err));
        tell_done(page, passes, page->patches + (i + 1) * (PRUNINGS + SEARCH_PASSES));
    }
    vitlrp_removal_info_init(&info);
    vitlrp_removal_describe(passes->removal, &info);
    page->forwards = info.forwards;
    page->has_removal = true;
    return VITLRP_OK;
}

static enum vitlrp_status open_passes(struct image_page *page, const struct explain_session *state,
                                      struct passes *passes, struct vitlrp_error *err) {
    const struct settings *settings = state->settings;
    struct vitlrp_removal_options options;
    struct vitlrp_removal_info info;
    vitlrp_removal_options_init(&options);
    options.input_height = state->info.input_height;
    options.input_width = state->info.input_width;
    options.threads = settings->threads;
    options.backend = settings->backend;
    options.max_bytes = limits_memory(&settings->limits, machine_room().with_swap);
    options.replacement = settings->replacement;
    options.preprocess = &state->preprocess;
    options.observer = pass_watch_observer(passes->watch);
    options.observer.progress = NULL; /* how far a call is says little: tell_done */
    TRY(vitlrp_removal_open(state->model, &options, page->explanation->photo->input,
                            &passes->removal, err));
    vitlrp_removal_info_init(&info);
    vitlrp_removal_describe(passes->removal, &info);
    passes->at_once = info.at_once;
    passes->classes = prediction_outputs(&state->prediction);
    passes->masks = mem_calloc(passes->at_once, page->patches);
    passes->logits = mem_calloc(passes->at_once * passes->classes, sizeof *passes->logits);
    passes->probabilities = mem_calloc(passes->classes, sizeof *passes->probabilities);
    size_t numbers = page->class_count * page->patches;
    page->drops.logits = mem_calloc(numbers, sizeof *page->drops.logits);
    page->drops.probabilities = mem_calloc(numbers, sizeof *page->drops.probabilities);
    page->drops.top = mem_calloc(page->patches, sizeof *page->drops.top);
    bool complete = passes->masks != NULL && passes->logits != NULL &&
                    passes->probabilities != NULL && page->drops.logits != NULL &&
                    page->drops.probabilities != NULL && page->drops.top != NULL;
    return complete ? VITLRP_OK : fail(err, VITLRP_NOMEM, "out of memory for a page");
}

enum vitlrp_status image_page_remove(struct image_page *page, struct explain_session *state,
                                     struct vitlrp_error *err) {
    struct passes passes = {.watch = &state->watch};
    plan_sets(page);
    drop_undecided_sets(page);
    state->watch.is_told = true; /* here, of the page as a whole */
    pass_watch_begin(&state->watch, "passes without patches", 0.0);
    enum vitlrp_status status = open_passes(page, state, &passes, err);
    if (status == VITLRP_OK) {
        status = run(page, &passes, err);
    }
    pass_watch_end(&state->watch);
    vitlrp_removal_close(passes.removal);
    mem_free(passes.masks);
    mem_free(passes.logits);
    mem_free(passes.probabilities);
    return status;
}
