#include "image_page.h"

#include <string.h>

#include "base/mem.h"
#include "cli/names.h"

#define WORDS_LIMIT ((size_t) 1 << 22)

const struct page_part PAGE_PARTS[PAGE_PART_COUNT] = {{"whole", "the whole model"}};

static size_t method_count(const struct image_page *page) {
    return page->state->settings->methods->count;
}

const char *image_page_name(const struct image_page *page) {
    return name_base(page->explanation->image_path);
}

struct page_map *image_page_map(const struct image_page *page, size_t method, size_t target,
                                size_t part) {
    return &page->maps[(method * PAGE_TARGETS + target) * PAGE_PART_COUNT + part];
}

bool image_page_predicts(const struct image_page *page, int32_t output) {
    const struct explain_session *state = page->state;
    return state->settings->word_text == NULL && output == state->prediction.order[0];
}

/* ---- Which classes ---- */

/* The place of a class in the page's list, which it joins if it is new. */
static size_t add_class(struct image_page *page, const struct vitlrp_class *found, bool is_named) {
    for (size_t i = 0; i < page->class_count; i++) {
        if (page->classes[i].found.output == found->output) {
            page->classes[i].is_named |= is_named;
            return i;
        }
    }
    page->classes[page->class_count] = (struct page_class){*found, is_named};
    return page->class_count++;
}

static bool has_target(const struct image_page *page, const struct page_target *target) {
    for (size_t i = 0; i < page->target_count; i++) {
        const struct page_target *known = &page->targets[i];
        if (known->class == target->class && known->has_versus == target->has_versus &&
            (!known->has_versus || known->versus == target->versus)) {
            return true;
        }
    }
    return false;
}

static void add_target(struct image_page *page, const struct page_target *target) {
    if (page->target_count < PAGE_TARGETS && !has_target(page, target)) {
        page->targets[page->target_count++] = *target;
    }
}

/* The class of a rank of the model's outputs. */
static enum vitlrp_status class_of_rank(const struct image_page *page, int32_t rank,
                                        struct vitlrp_class *out, struct vitlrp_error *err) {
    const struct prediction *prediction = &page->state->prediction;
    return vitlrp_model_class(page->state->model, prediction->order[rank], out, err);
}

/* Beside the classes that were asked for stands the predicted one, or beside that alone the second
 * most likely one where it costs a single pass more; and the difference of the first two. Where a
 * map is the same for every class, or outputs are no classes but numbers or words, nothing stands
 * beside it. */
static enum vitlrp_status add_targets(struct image_page *page, struct vitlrp_error *err) {
    const struct settings *settings = page->state->settings;
    struct vitlrp_model_info info;
    struct vitlrp_class found;
    vitlrp_model_info_init(&info);
    vitlrp_model_describe(page->state->model, &info);
    bool alone = settings->class_text == NULL && settings->top <= 1;
    bool is_plain = info.outputs == VITLRP_OUTPUTS_CLASSES && info.classes > 1 &&
                    settings->word_text == NULL && settings->method_info.ignores_class == 0 &&
                    settings->versus_text == NULL;
    if (!is_plain || (alone && settings->method_info.has_ledger == 0)) {
        return VITLRP_OK;
    }
    TRY(class_of_rank(page, 0, &found, err));
    struct page_target predicted = {.class = add_class(page, &found, false)};
    add_target(page, &predicted);
    if (alone) {
        TRY(class_of_rank(page, 1, &found, err));
        add_target(page, &(struct page_target){.class = add_class(page, &found, false)});
    }
    for (size_t i = 0; i < page->target_count; i++) {
        const struct page_target *other = &page->targets[i];
        if (!other->has_versus && other->class != predicted.class) {
            predicted.versus = other->class;
            predicted.has_versus = true;
            add_target(page, &predicted);
            break;
        }
    }
    return VITLRP_OK;
}

/* ---- Collecting ---- */

enum vitlrp_status image_page_open(const struct explain_session *state,
                                   const struct explanation *explanation, struct image_page *page,
                                   struct vitlrp_error *err) {
    size_t maps = state->settings->methods->count * PAGE_TARGETS * PAGE_PART_COUNT;
    size_t sets = (size_t) 2 * PAGE_TARGETS; /* a class has one that suffices and one that flips */
    *page = (struct image_page){
        .state = state, .explanation = explanation, .words = {.limit = WORDS_LIMIT}};
    page->patches = (size_t) state->info.grid_height * (size_t) state->info.grid_width;
    page->maps = mem_calloc(maps, sizeof *page->maps);
    page->values = mem_calloc(maps, page->patches * sizeof *page->values);
    page->sets = mem_calloc(sets, sizeof *page->sets);
    page->set_patches = mem_calloc(sets, page->patches);
    if (page->maps == NULL || page->values == NULL || page->sets == NULL ||
        page->set_patches == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a page of %zu maps", maps);
    }
    for (size_t i = 0; i < maps; i++) {
        page->maps[i].values = page->values + i * page->patches;
    }
    return VITLRP_OK;
}

void image_page_free(struct image_page *page) {
    mem_free(page->maps);
    mem_free(page->values);
    mem_free(page->sets);
    mem_free(page->set_patches);
    mem_free(page->drops.logits);
    mem_free(page->drops.probabilities);
    mem_free(page->drops.top);
    text_free(&page->words);
    *page = (struct image_page){0};
}

void image_page_keep(struct image_page *page, const struct explanation *explanation) {
    struct page_target target = {.class = add_class(page, &explanation->target, true),
                                 .has_versus = explanation->has_versus};
    if (target.has_versus) {
        target.versus = add_class(page, &explanation->versus, true);
    }
    struct page_map *map = image_page_map(page, 0, page->target_count, 0);
    add_target(page, &target);
    memcpy(map->values, page->state->map, page->patches * sizeof *map->values);
    map->explained = explanation->explained;
    map->sum = explanation->sum;
    map->is_there = true;
    if (explanation->words != NULL) {
        image_page_keep_words(page, explanation);
    }
}

static enum vitlrp_status make_map(struct image_page *page, struct explain_session *state,
                                   size_t method, size_t target, struct vitlrp_error *err) {
    const struct page_target *wanted = &page->targets[target];
    const struct vitlrp_target targets[2] = {
        {page->classes[wanted->class].found.output, 1.0F},
        {page->classes[wanted->versus].found.output, -1.0F},
    };
    struct page_map *map = image_page_map(page, method, target, 0);
    struct vitlrp_relevance relevance;
    vitlrp_relevance_init(&relevance);
    relevance.patches = map->values;
    pass_watch_begin(&state->watch, state->settings->methods->info[method].name, 0.0);
    enum vitlrp_status status =
        vitlrp_session_attribute(state->session, targets, wanted->has_versus ? 2 : 1,
                                 &state->settings->methods->options[method], &relevance, err);
    pass_watch_end(&state->watch);
    TRY(status);
    map->explained = relevance.explained;
    map->sum = relevance.sum;
    map->is_there = true;
    return VITLRP_OK;
}

enum vitlrp_status image_page_complete(struct image_page *page, struct explain_session *state,
                                       struct vitlrp_error *err) {
    page->kept = page->target_count;
    if (page->kept == 0) {
        return fail(err, VITLRP_USAGE, "no class is left that a page could show");
    }
    TRY(add_targets(page, err));
    for (size_t method = 0; method < method_count(page); method++) {
        for (size_t target = 0; target < page->target_count; target++) {
            if (!image_page_map(page, method, target, 0)->is_there) {
                TRY(make_map(page, state, method, target, err));
            }
        }
    }
    return state->settings->without_drops ? VITLRP_OK : image_page_remove(page, state, err);
}
