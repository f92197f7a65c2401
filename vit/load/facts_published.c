/* The table of published architectures: published.def. */
#include <string.h>

#include "vit/load/facts_keys.h"

enum trait {
#define TRAIT(name) TRAIT_##name,
#include "vit/load/published.def"
    TRAIT_COUNT
};

/* Traits are bits of a family. */
_Static_assert(TRAIT_COUNT <= 64, "a family has 64 bits");

static const struct {
    enum trait trait;
    size_t fact;
    double value;
} STATEMENTS[] = {
#define STATES(name, member, value) {TRAIT_##name, FACT_AT(member), value},
#include "vit/load/published.def"
};

#define T(name) ((uint64_t) 1 << TRAIT_##name)
enum family {
#define FAMILY(name, ...) FAMILY_##name,
#include "vit/load/published.def"
};
static const uint64_t FAMILIES[] = {
#define FAMILY(name, ...) __VA_ARGS__,
#include "vit/load/published.def"
};
#undef T

struct architecture {
    const char *name;
    enum family family;
    int32_t width, heads, size;
};

static const struct architecture ARCHITECTURES[] = {
#define ARCHITECTURE(name, family, width, heads, size) {name, FAMILY_##family, width, heads, size},
#include "vit/load/published.def"
};

static const struct architecture TORCHVISION_FILES[] = {
#define TORCHVISION(name, width, heads, size) {name, FAMILY_PLAIN, width, heads, size},
#include "vit/load/published.def"
};

/* What a model without traits has besides; final_norm stays open. */
static const struct fact_statement PLAIN[] = {
    {FACT_AT(norm_eps), 1e-6},
    {FACT_AT(rope_reference_height), 0},
    {FACT_AT(rope_reference_width), 0},
    {FACT_AT(rope_offset), 0},
    {FACT_AT(rope_order), FACT_ROPE_COLUMNS_FIRST},
    {FACT_AT(rope_pairing), FACT_ROPE_INTERLEAVED},
};

static const struct architecture *find_name(const struct architecture *rows, size_t count,
                                            const char *name, size_t length) {
    for (size_t i = 0; i < count; i++) {
        if (strlen(rows[i].name) == length && memcmp(rows[i].name, name, length) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

/* By the part of a name before its tag: "vit_base_patch16_224.augreg_in21k". */
static const struct architecture *find_timm(const char *name, size_t length) {
    return find_name(ARCHITECTURES, sizeof ARCHITECTURES / sizeof ARCHITECTURES[0], name, length);
}

static void state(struct model_facts *facts, size_t offset, double value, const char *name) {
    fact_state(fact_member(facts, offset), value, FACT_TABLE, NULL, name);
}

/* What a row states beside a pool of its own does not hold for another one. */
static uint64_t traits_of(const struct architecture *row, const struct model_facts *facts) {
    uint64_t traits = FAMILIES[row->family];
    bool attends = fact_whole(&facts->pool, FACT_POOL_MAP) == FACT_POOL_MAP;
    return attends ? traits : traits & ~((uint64_t) 1 << TRAIT_MAP_ALL);
}

/* Everything of a row that is still open. */
static void state_row(const struct architecture *row, struct model_facts *facts) {
    uint64_t traits = traits_of(row, facts);
    state(facts, FACT_AT(heads), row->heads, row->name);
    for (size_t i = 0; i < sizeof STATEMENTS / sizeof STATEMENTS[0]; i++) {
        if ((traits >> STATEMENTS[i].trait & 1) != 0) {
            state(facts, STATEMENTS[i].fact, STATEMENTS[i].value, row->name);
        }
    }
    facts_state_plain(facts, FACT_TABLE, row->name);
    facts_state_all(facts, PLAIN, sizeof PLAIN / sizeof PLAIN[0], FACT_TABLE, NULL, row->name);
    /* Positions tell the size of the inputs, and more surely; where there are none, the row does.
     */
    if (fact_whole(&facts->positions, -1) == FACT_POSITIONS_NONE &&
        !fact_known(&facts->image_height)) {
        state(facts, FACT_AT(image_height), row->size, row->name);
        state(facts, FACT_AT(image_width), row->size, row->name);
    }
    bool is_pooled = fact_whole(&facts->pool, -1) == FACT_POOL_MEAN;
    state(facts, FACT_AT(final_norm), is_pooled ? FACT_FINAL_NORM_POOLED : FACT_FINAL_NORM_TOKENS,
          row->name);
}

void published_apply(const struct named_architecture *named, const struct facts_beside *beside,
                     struct model_facts *facts) {
    const struct architecture *row = find_timm(named->name, strcspn(named->name, "."));
    if (row == NULL) {
        return;
    }
    if (!named->has_own_width && beside->width != row->width) {
        log_message(beside->log, LOG_LEVEL_WARNING,
                    "%s names %s, whose width is %d, but the tensors' is %d: nothing is taken from "
                    "the table of published models",
                    named->file, row->name, row->width, beside->width);
        return;
    }
    state_row(row, facts);
}

/* The published model that a file or a folder is called after: "vit_base_patch16_224.augreg_in21k",
 * "models--timm--vit_base_patch16_224.augreg_in21k", "deit_base_patch16_224-b5f2ef4d.pth". */
static const struct architecture *find_component(const char *name, size_t length,
                                                 const char *layout) {
    for (size_t i = length; i-- > 1;) {
        if (name[i] == '-' && name[i - 1] == '-') {
            name += i + 1;
            length -= i + 1;
            break;
        }
    }
    size_t end = 0;
    while (end < length && name[end] != '.' && name[end] != '-') {
        end++;
    }
    if (layout != NULL && strcmp(layout, "torchvision") == 0) {
        return find_name(TORCHVISION_FILES, sizeof TORCHVISION_FILES / sizeof TORCHVISION_FILES[0],
                         name, end);
    }
    return find_timm(name, end);
}

void published_apply_path(const struct facts_beside *beside, struct model_facts *facts) {
    size_t end = beside->path == NULL ? 0 : strlen(beside->path);
    while (end > 0) {
        size_t start = end;
        while (start > 0 && beside->path[start - 1] != '/') {
            start--;
        }
        const struct architecture *row =
            find_component(beside->path + start, end - start, beside->layout);
        if (row != NULL && row->width == beside->width) {
            state_row(row, facts);
            return;
        }
        end = start > 0 ? start - 1 : 0;
    }
}

int32_t torchvision_heads(int32_t width) {
    for (size_t i = 0; i < sizeof TORCHVISION_FILES / sizeof TORCHVISION_FILES[0]; i++) {
        if (TORCHVISION_FILES[i].width == width) {
            return TORCHVISION_FILES[i].heads;
        }
    }
    return 0;
}
