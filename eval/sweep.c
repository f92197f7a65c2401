/* A line moves over the boxes from left to right and stops at every edge, of boxes and of columns
 * of the grid. Which heights it meets is held by a segment tree over the boxes' tops and bottoms
 * (Bentley, "Algorithms for Klee's rectangle problems", 1977), so n boxes take n log n. */
#include "eval/sweep.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/order.h"

/* Where the line stops: a box begins or ends, or only a column does. */
struct edge {
    double x;
    size_t top, bottom; /* places of the box in heights */
    int change;         /* 1, -1; 0 for a column */
};

/* Node 1 spans all intervals between neighbouring heights, nodes 2 i and 2 i + 1 the halves of
 * node i. */
struct node {
    size_t boxes;   /* that span the node and not all of its parent */
    double covered; /* height of the node that is in any box */
};

struct sweep {
    struct edge *edges; /* owned, as the others */
    double *heights;    /* sorted, with the rows' edges among them */
    size_t *rows;       /* [rows + 1]: places of the rows' edges in heights */
    struct node *nodes;
    size_t edge_count, height_count;
};

static int compare_edges(const void *left, const void *right) {
    const struct edge *a = left;
    const struct edge *b = right;
    return (a->x > b->x) - (a->x < b->x);
}

/* The place of the first height that is not below y. */
static size_t place_of(const struct sweep *sweep, double y) {
    size_t begin = 0;
    size_t end = sweep->height_count;
    while (begin < end) {
        size_t middle = begin + (end - begin) / 2;
        if (sweep->heights[middle] < y) {
            begin = middle + 1;
        } else {
            end = middle;
        }
    }
    return begin;
}

/* Adds or removes a box from first to last at the node, which spans [begin, end]: places of
 * heights. As deep as the tree. */
static void node_change(struct sweep *sweep, size_t node, size_t begin, size_t end,
                        const struct edge *edge) {
    struct node *here = &sweep->nodes[node];
    size_t middle = begin + (end - begin) / 2;
    if (edge->bottom <= begin || edge->top >= end) {
        return;
    }
    if (edge->top <= begin && edge->bottom >= end) {
        here->boxes += (size_t) edge->change;
    } else {
        node_change(sweep, 2 * node, begin, middle, edge);
        node_change(sweep, 2 * node + 1, middle, end, edge);
    }
    bool leaf = end - begin == 1;
    here->covered = here->boxes > 0 ? sweep->heights[end] - sweep->heights[begin]
                    : leaf          ? 0.0
                           : sweep->nodes[2 * node].covered + sweep->nodes[2 * node + 1].covered;
}

/* The covered height between two places. */
static double node_covered(const struct sweep *sweep, size_t node, size_t begin, size_t end,
                           size_t first, size_t last) {
    const struct node *here = &sweep->nodes[node];
    size_t middle = begin + (end - begin) / 2;
    if (last <= begin || first >= end || (here->boxes == 0 && !(here->covered > 0.0))) {
        return 0.0;
    }
    if (first <= begin && last >= end) {
        return here->covered;
    }
    if (here->boxes > 0) {
        return sweep->heights[last < end ? last : end] -
               sweep->heights[first > begin ? first : begin];
    }
    return node_covered(sweep, 2 * node, begin, middle, first, last) +
           node_covered(sweep, 2 * node + 1, middle, end, first, last);
}

static bool is_box(const struct eval_box *box) {
    return box->right > box->left && box->bottom > box->top;
}

static enum vitlrp_status sweep_open(struct sweep *sweep, size_t count,
                                     const struct localize_grid *grid, struct vitlrp_error *err) {
    size_t heights = 2 * count + grid->rows + 1;
    size_t nodes = 1;
    while (nodes < heights) {
        nodes *= 2;
    }
    *sweep = (struct sweep){
        .edges = mem_calloc(2 * count + grid->columns + 1, sizeof *sweep->edges),
        .heights = mem_calloc(heights, sizeof *sweep->heights),
        .rows = mem_calloc(grid->rows + 1, sizeof *sweep->rows),
        .nodes = mem_calloc(nodes, 2 * sizeof *sweep->nodes),
    };
    if (sweep->edges == NULL || sweep->heights == NULL || sweep->rows == NULL ||
        sweep->nodes == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu boxes", count);
    }
    return VITLRP_OK;
}

static void sweep_close(struct sweep *sweep) {
    mem_free(sweep->edges);
    mem_free(sweep->heights);
    mem_free(sweep->rows);
    mem_free(sweep->nodes);
}

static void add_heights(struct sweep *sweep, const struct eval_box *boxes, size_t count,
                        const struct localize_grid *grid) {
    for (size_t i = 0; i < count; i++) {
        if (is_box(&boxes[i])) {
            sweep->heights[sweep->height_count++] = boxes[i].top;
            sweep->heights[sweep->height_count++] = boxes[i].bottom;
        }
    }
    for (size_t row = 0; row <= grid->rows; row++) {
        sweep->heights[sweep->height_count++] = (double) (row * grid->patch_height);
    }
    qsort(sweep->heights, sweep->height_count, sizeof *sweep->heights, order_doubles);
    for (size_t row = 0; row <= grid->rows; row++) {
        sweep->rows[row] = place_of(sweep, (double) (row * grid->patch_height));
    }
}

static void add_edges(struct sweep *sweep, const struct eval_box *boxes, size_t count,
                      const struct localize_grid *grid) {
    for (size_t i = 0; i < count; i++) {
        const struct eval_box *box = &boxes[i];
        if (is_box(box)) {
            size_t top = place_of(sweep, box->top);
            size_t bottom = place_of(sweep, box->bottom);
            sweep->edges[sweep->edge_count++] = (struct edge){box->left, top, bottom, 1};
            sweep->edges[sweep->edge_count++] = (struct edge){box->right, top, bottom, -1};
        }
    }
    for (size_t column = 0; column <= grid->columns; column++) {
        double x = (double) (column * grid->patch_width);
        sweep->edges[sweep->edge_count++] = (struct edge){.x = x};
    }
    qsort(sweep->edges, sweep->edge_count, sizeof *sweep->edges, compare_edges);
}

static void measure(struct sweep *sweep, const struct localize_grid *grid, double *area) {
    size_t last = sweep->height_count - 1;
    size_t passed = 0; /* edges of columns */
    for (size_t i = 0; i + 1 < sweep->edge_count; i++) {
        const struct edge *edge = &sweep->edges[i];
        double width = edge[1].x - edge->x;
        if (edge->change != 0) {
            node_change(sweep, 1, 0, last, edge);
        } else {
            passed++;
        }
        bool inside = passed > 0 && passed <= grid->columns && width > 0.0;
        for (size_t row = 0; inside && row < grid->rows; row++) {
            area[row * grid->columns + passed - 1] +=
                width * node_covered(sweep, 1, 0, last, sweep->rows[row], sweep->rows[row + 1]);
        }
    }
}

enum vitlrp_status sweep_areas(const struct eval_box *boxes, size_t count,
                               const struct localize_grid *grid, double *area,
                               struct vitlrp_error *err) {
    struct sweep sweep = {0};
    enum vitlrp_status status = sweep_open(&sweep, count, grid, err);
    if (status == VITLRP_OK) {
        for (size_t i = 0; i < grid->rows * grid->columns; i++) {
            area[i] = 0.0;
        }
        add_heights(&sweep, boxes, count, grid);
        add_edges(&sweep, boxes, count, grid);
        measure(&sweep, grid, area);
    }
    sweep_close(&sweep);
    return status;
}
