#include "base/topk.h"

#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"

enum vitlrp_status topk_open(size_t units, size_t keep, struct topk *out,
                             struct vitlrp_error *err) {
    size_t count;
    *out = (struct topk){.units = units, .keep = keep};
    if (!checked_mul(&count, units, keep)) {
        return fail(err, VITLRP_LIMIT, "%zu units with %zu images each are too many", units, keep);
    }
    out->score = mem_calloc(count, sizeof *out->score);
    out->image = mem_calloc(count, sizeof *out->image);
    out->target = mem_calloc(count, sizeof *out->target);
    out->token = mem_calloc(count, sizeof *out->token);
    if (out->score == NULL || out->image == NULL || out->target == NULL || out->token == NULL) {
        topk_close(out);
        return fail(err, VITLRP_NOMEM, "out of memory for %zu images of each of %zu units", keep,
                    units);
    }
    for (size_t i = 0; i < count; i++) {
        out->score[i] = -INFINITY;
        out->image[i] = TOPK_NO_IMAGE;
    }
    return VITLRP_OK;
}

void topk_close(struct topk *topk) {
    mem_free(topk->score);
    mem_free(topk->image);
    mem_free(topk->target);
    mem_free(topk->token);
    *topk = (struct topk){0};
}

static bool precedes(float score, uint32_t image, const struct topk *topk, size_t place) {
    return score > topk->score[place] ||
           (score == topk->score[place] && image < topk->image[place]);
}

/* Frees a place; what is there and behind it moves on, the last of the unit is lost. */
static void make_room(struct topk *topk, size_t place, size_t end) {
    size_t moved = end - place - 1;
    memmove(topk->score + place + 1, topk->score + place, moved * sizeof *topk->score);
    memmove(topk->image + place + 1, topk->image + place, moved * sizeof *topk->image);
    memmove(topk->target + place + 1, topk->target + place, moved * sizeof *topk->target);
    memmove(topk->token + place + 1, topk->token + place, moved * sizeof *topk->token);
}

bool topk_add(struct topk *topk, size_t unit, const struct topk_entry *entry) {
    size_t first = unit * topk->keep;
    size_t end = first + topk->keep;
    size_t place = end;
    if (!isfinite(entry->score)) {
        return false;
    }
    while (place > first && precedes(entry->score, entry->image, topk, place - 1)) {
        place--;
    }
    if (place < end) {
        make_room(topk, place, end);
        topk->score[place] = entry->score;
        topk->image[place] = entry->image;
        topk->target[place] = entry->target;
        topk->token[place] = entry->token;
    }
    return true;
}

void topk_merge(struct topk *topk, const struct topk *other) {
    for (size_t i = 0; i < other->units * other->keep; i++) {
        if (other->image[i] != TOPK_NO_IMAGE) {
            topk_add(topk, i / other->keep,
                     &(struct topk_entry){other->score[i], other->image[i], other->target[i],
                                          other->token[i]});
        }
    }
}

bool topk_is_sound(const struct topk *topk, size_t unit, size_t filled, size_t images) {
    size_t first = unit * topk->keep;
    for (size_t i = 0; i < topk->keep; i++) {
        size_t place = first + i;
        bool is_empty = topk->image[place] == TOPK_NO_IMAGE && topk->score[place] == -INFINITY;
        bool is_entry = topk->image[place] < images && isfinite(topk->score[place]);
        bool in_order =
            i == 0 || precedes(topk->score[place - 1], topk->image[place - 1], topk, place);
        if (i < filled ? !is_entry || !in_order : !is_empty) {
            return false;
        }
    }
    return true;
}
