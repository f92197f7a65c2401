#include "eval/localize.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/order.h"
#include "eval/protocol.h"
#include "eval/sweep.h"

/* Up to here every patch is measured by itself, as photographs with a few objects were before there
 * was the sweep: it adds in another order, so the last bits would differ. */
#define FEW_BOXES 64

/* A box in pixels of the model input. It may reach beyond it. */
static struct eval_box on_input(const struct preprocess_plan *plan, const struct eval_box *box) {
    double scale_x = plan->resize.window_width / plan->geometry.width;
    double scale_y = plan->resize.window_height / plan->geometry.height;
    return (struct eval_box){.left = (box->left - plan->geometry.left) * scale_x,
                             .top = (box->top - plan->geometry.top) * scale_y,
                             .right = (box->right - plan->geometry.left) * scale_x,
                             .bottom = (box->bottom - plan->geometry.top) * scale_y};
}

/* The part of a box within another; right < left or bottom < top if there is none. */
static struct eval_box clipped(const struct eval_box *box, const struct eval_box *to) {
    return (struct eval_box){.left = fmax(box->left, to->left),
                             .top = fmax(box->top, to->top),
                             .right = fmin(box->right, to->right),
                             .bottom = fmin(box->bottom, to->bottom)};
}

static int compare_tops(const void *left, const void *right) {
    double a = ((const struct eval_box *) left)->top;
    double b = ((const struct eval_box *) right)->top;
    return (a > b) - (a < b);
}

/* Height of the union of the boxes, sorted by top, that span the strip [left, right]. */
static double covered_height(const struct eval_box *boxes, size_t count, double left,
                             double right) {
    double height = 0.0;
    double reached = -INFINITY;
    for (size_t i = 0; i < count; i++) {
        const struct eval_box *box = &boxes[i];
        if (box->left <= left && box->right >= right && box->bottom > reached) {
            height += box->bottom - fmax(box->top, reached);
            reached = box->bottom;
        }
    }
    return height;
}

/* Area of the union: between two neighbouring edges, every box spans all of the strip or nothing.
 * edges: scratch [2 count]. */
static double union_area(const struct eval_box *boxes, size_t count, double *edges) {
    double area = 0.0;
    for (size_t i = 0; i < count; i++) {
        edges[2 * i] = boxes[i].left;
        edges[2 * i + 1] = boxes[i].right;
    }
    qsort(edges, 2 * count, sizeof *edges, order_doubles);
    for (size_t i = 0; i + 1 < 2 * count; i++) {
        double width = edges[i + 1] - edges[i];
        if (width > 0.0) {
            area += width * covered_height(boxes, count, edges[i], edges[i + 1]);
        }
    }
    return area;
}

static struct eval_box patch_box(const struct localize_grid *grid, size_t patch) {
    size_t row = patch / grid->columns, column = patch % grid->columns;
    double left = (double) (column * grid->patch_width);
    double top = (double) (row * grid->patch_height);
    return (struct eval_box){.left = left,
                             .top = top,
                             .right = left + (double) grid->patch_width,
                             .bottom = top + (double) grid->patch_height};
}

/* The coverage by few boxes, each patch by itself: its time grows with the square of the boxes on a
 * patch. */
static enum vitlrp_status cover_by_few(const struct localize_boxes *boxes,
                                       const struct localize_grid *grid, double *coverage,
                                       struct vitlrp_error *err) {
    enum vitlrp_status status = VITLRP_OK;
    struct eval_box *inside = mem_calloc(boxes->count, sizeof *inside);
    double *edges = mem_calloc(boxes->count, 2 * sizeof *edges);
    if (inside == NULL || edges == NULL) {
        status = fail(err, VITLRP_NOMEM, "out of memory for %zu boxes", boxes->count);
        goto cleanup;
    }
    for (size_t p = 0; p < grid->rows * grid->columns; p++) {
        struct eval_box patch = patch_box(grid, p);
        size_t count = 0;
        for (size_t i = 0; i < boxes->count; i++) {
            struct eval_box box = on_input(boxes->plan, &boxes->boxes[i]);
            box = clipped(&box, &patch);
            if (box.right > box.left && box.bottom > box.top) {
                inside[count++] = box;
            }
        }
        qsort(inside, count, sizeof *inside, compare_tops);
        coverage[p] =
            union_area(inside, count, edges) / (double) (grid->patch_height * grid->patch_width);
    }
cleanup:
    mem_free(edges);
    mem_free(inside);
    return status;
}

static enum vitlrp_status cover_by_many(const struct localize_boxes *boxes,
                                        const struct localize_grid *grid, double *coverage,
                                        struct vitlrp_error *err) {
    double patch_area = (double) (grid->patch_height * grid->patch_width);
    struct eval_box *placed = mem_calloc(boxes->count, sizeof *placed);
    if (placed == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu boxes", boxes->count);
    }
    for (size_t i = 0; i < boxes->count; i++) {
        placed[i] = on_input(boxes->plan, &boxes->boxes[i]);
    }
    enum vitlrp_status status = sweep_areas(placed, boxes->count, grid, coverage, err);
    for (size_t p = 0; status == VITLRP_OK && p < grid->rows * grid->columns; p++) {
        coverage[p] /= patch_area;
    }
    mem_free(placed);
    return status;
}

enum vitlrp_status localize_coverage(const struct localize_boxes *boxes,
                                     const struct localize_grid *grid, double *coverage,
                                     struct vitlrp_error *err) {
    return boxes->count <= FEW_BOXES ? cover_by_few(boxes, grid, coverage, err)
                                     : cover_by_many(boxes, grid, coverage, err);
}

static bool middle_is_inside(const struct localize_boxes *boxes, const struct localize_grid *grid,
                             size_t patch) {
    struct eval_box area = patch_box(grid, patch);
    double x = 0.5 * (area.left + area.right);
    double y = 0.5 * (area.top + area.bottom);
    for (size_t i = 0; i < boxes->count; i++) {
        struct eval_box box = on_input(boxes->plan, &boxes->boxes[i]);
        if (x >= box.left && x < box.right && y >= box.top && y < box.bottom) {
            return true;
        }
    }
    return false;
}

static double mass_inside(const double *coverage, const float *patches, size_t count) {
    double inside = 0.0;
    double all = 0.0;
    for (size_t p = 0; p < count; p++) {
        double relevance = fmax((double) patches[p], 0.0);
        inside += coverage[p] * relevance;
        all += relevance;
    }
    return all > 0.0 ? inside / all : NAN;
}

/* Of a group of equal scores that is not taken whole, every patch counts alike. */
static double rank_inside(const double *coverage, const struct ranked_patch *order, size_t count,
                          double area) {
    double inside = 0.0;
    double left = area;
    for (size_t first = 0, end; first < count && left > 0.0; first = end) {
        end = protocol_group_end(order, count, first);
        double size = (double) (end - first);
        double share = fmin(left, size) / size;
        for (size_t i = first; i < end; i++) {
            inside += share * coverage[order[i].patch];
        }
        left -= fmin(left, size);
    }
    return inside / area;
}

/* The share of the patches with the largest score whose middle lies in a box. */
static double best_inside(const struct localize_boxes *boxes, const struct localize_grid *grid,
                          const struct ranked_patch *order, size_t count) {
    size_t inside = 0;
    size_t best = protocol_group_end(order, count, 0);
    for (size_t i = 0; i < best; i++) {
        inside += middle_is_inside(boxes, grid, order[i].patch) ? 1 : 0;
    }
    return (double) inside / (double) best;
}

enum vitlrp_status localize_map(const struct localize_boxes *boxes,
                                const struct localize_grid *grid, const double *coverage,
                                const float *patches, struct localization *out,
                                struct vitlrp_error *err) {
    size_t count = grid->rows * grid->columns;
    double area = 0.0;
    *out = (struct localization){.pointing = NAN, .mass = NAN, .rank = NAN};
    for (size_t p = 0; p < count; p++) {
        area += coverage[p];
    }
    if (!(area > 0.0)) {
        return VITLRP_OK;
    }
    struct ranked_patch *order = mem_calloc(count, sizeof *order);
    if (order == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for the order of %zu patches", count);
    }
    protocol_rank(patches, count, order);
    out->pointing = best_inside(boxes, grid, order, count);
    out->mass = mass_inside(coverage, patches, count);
    out->rank = rank_inside(coverage, order, count, area);
    mem_free(order);
    return VITLRP_OK;
}
