#include "eval/road.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"

#define SIDE_WEIGHT (1.0 / 6.0)
#define CORNER_WEIGHT (1.0 / 12.0)

/* Norm of the residual, as a share of the right-hand side's, at which a solution is good enough:
 * far below the noise. */
#define TOLERANCE 1e-6

/* A grid with a border of one cell on every side, so that the neighbours of every cell exist; the
 * border holds 0 everywhere. */
struct lattice {
    size_t height, width, stride; /* stride: width + 2 */
    double *removed;              /* 1 where the value is to be found, else 0 */
    double *diagonal;             /* sum of the weights of the neighbours that exist */
    double *value;                /* known values, and first guesses and results at removed cells */
    double *right, *direction, *product;
};

struct road {
    struct road_shape shape;
    size_t rows, columns;   /* patches */
    struct lattice pixels;  /* one cell a pixel */
    struct lattice patches; /* one cell a patch: for first guesses */
    void *block;
};

static size_t cell(const struct lattice *grid, size_t y, size_t x) {
    return (y + 1) * grid->stride + x + 1;
}

/* ---- The linear system ---- */

/* out = sum of the weighted neighbours of x, on one row of cells. */
static void sum_neighbours(const double *restrict x, size_t stride, size_t count,
                           double *restrict out) {
    const double *row = x - 1; /* each begins with the neighbour on the left */
    const double *above = row - stride;
    const double *below = row + stride;
    for (size_t i = 0; i < count; i++) {
        double sides = above[i + 1] + below[i + 1] + row[i] + row[i + 2];
        double corners = above[i] + above[i + 2] + below[i] + below[i + 2];
        out[i] = SIDE_WEIGHT * sides + CORNER_WEIGHT * corners;
    }
}

/* The products are added in lanes: one chain of additions would wait for each of them. */
static double dot(const double *restrict a, const double *restrict b, size_t count) {
    enum { LANES = 8 };
    double lanes[LANES] = {0};
    double sum = 0.0;
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        for (size_t k = 0; k < LANES; k++) {
            lanes[k] += a[i + k] * b[i + k];
        }
    }
    for (; i < count; i++) {
        sum += a[i] * b[i];
    }
    for (size_t k = 0; k < LANES; k++) {
        sum += lanes[k];
    }
    return sum;
}

static size_t cells(const struct lattice *grid) {
    return (grid->height + 2) * grid->stride;
}

/* product = A direction; direction is 0 at known cells. */
static void lattice_multiply(const struct lattice *grid) {
    for (size_t y = 0; y < grid->height; y++) {
        size_t row = cell(grid, y, 0);
        const double *restrict removed = grid->removed + row;
        const double *restrict diagonal = grid->diagonal + row;
        const double *restrict direction = grid->direction + row;
        double *restrict product = grid->product + row;
        sum_neighbours(direction, grid->stride, grid->width, product);
        for (size_t x = 0; x < grid->width; x++) {
            product[x] = removed[x] * (diagonal[x] * direction[x] - product[x]);
        }
    }
}

/* right = residual of the first guess; returns the squared norm of the right-hand side proper. */
static double start_residual(const struct lattice *grid) {
    double norm = 0.0;
    for (size_t i = 0; i < cells(grid); i++) {
        grid->direction[i] = (1.0 - grid->removed[i]) * grid->value[i];
    }
    for (size_t y = 0; y < grid->height; y++) {
        size_t row = cell(grid, y, 0);
        sum_neighbours(grid->direction + row, grid->stride, grid->width, grid->right + row);
        for (size_t x = 0; x < grid->width; x++) {
            grid->right[row + x] *= grid->removed[row + x];
            norm += grid->right[row + x] * grid->right[row + x];
        }
    }
    for (size_t i = 0; i < cells(grid); i++) {
        grid->direction[i] = grid->removed[i] * grid->value[i];
    }
    lattice_multiply(grid);
    for (size_t i = 0; i < cells(grid); i++) {
        grid->right[i] -= grid->product[i];
        grid->direction[i] = grid->right[i];
    }
    return norm;
}

/* Conjugate gradients (Hestenes, Stiefel 1952). The matrix is symmetric, and positive definite as
 * soon as one cell is known, because every removed cell is linked to it. At most as many steps as
 * exact arithmetic needs. */
static void lattice_solve(const struct lattice *grid) {
    size_t count = cells(grid);
    double limit = start_residual(grid) * TOLERANCE * TOLERANCE;
    double squared = dot(grid->right, grid->right, count);
    for (size_t step = 0; step < count && squared > limit; step++) {
        lattice_multiply(grid);
        double length = squared / dot(grid->direction, grid->product, count);
        double *restrict value = grid->value;
        double *restrict right = grid->right;
        double *restrict direction = grid->direction;
        const double *restrict product = grid->product;
        for (size_t i = 0; i < count; i++) {
            value[i] += length * direction[i];
            right[i] -= length * product[i];
        }
        double next = dot(right, right, count);
        double ratio = next / squared;
        for (size_t i = 0; i < count; i++) {
            direction[i] = right[i] + ratio * direction[i];
        }
        squared = next;
    }
}

/* ---- Memory ---- */

static void lay_out_lattice(struct lattice *grid, size_t height, size_t width,
                            struct arena *arena) {
    size_t count = (height + 2) * (width + 2);
    grid->height = height;
    grid->width = width;
    grid->stride = width + 2;
    grid->removed = arena_take(arena, count, sizeof(double));
    grid->diagonal = arena_take(arena, count, sizeof(double));
    grid->value = arena_take(arena, count, sizeof(double));
    grid->right = arena_take(arena, count, sizeof(double));
    grid->direction = arena_take(arena, count, sizeof(double));
    grid->product = arena_take(arena, count, sizeof(double));
}

static void lay_out(struct road *road, struct arena *arena) {
    lay_out_lattice(&road->pixels, road->shape.height, road->shape.width, arena);
    lay_out_lattice(&road->patches, road->rows, road->columns, arena);
}

/* The weights of the neighbours that exist: those of a grid of ones. */
static void set_diagonal(const struct lattice *grid) {
    for (size_t y = 0; y < grid->height; y++) {
        for (size_t x = 0; x < grid->width; x++) {
            grid->direction[cell(grid, y, x)] = 1.0;
        }
    }
    for (size_t y = 0; y < grid->height; y++) {
        size_t row = cell(grid, y, 0);
        sum_neighbours(grid->direction + row, grid->stride, grid->width, grid->diagonal + row);
    }
}

enum vitlrp_status road_open(const struct road_shape *shape, struct road **out,
                             struct vitlrp_error *err) {
    struct road *road = mem_calloc(1, sizeof *road);
    if (road == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for imputation");
    }
    road->shape = *shape;
    road->rows = shape->height / shape->patch_height;
    road->columns = shape->width / shape->patch_width;
    struct arena arena = arena_measuring();
    lay_out(road, &arena);
    road->block = arena.overflow ? NULL : mem_alloc_aligned(arena.used, 1);
    if (road->block == NULL) {
        mem_free(road);
        return fail(err, VITLRP_NOMEM, "out of memory for imputation");
    }
    memset(road->block, 0, arena.used);
    arena = arena_over(road->block, arena.used);
    lay_out(road, &arena);
    set_diagonal(&road->pixels);
    set_diagonal(&road->patches);
    *out = road;
    return VITLRP_OK;
}

void road_close(struct road *road) {
    if (road != NULL) {
        mem_free(road->block);
        mem_free(road);
    }
}

/* ---- Imputation ---- */

static void mark_removed(struct road *road, const uint8_t *mask) {
    const struct road_shape *shape = &road->shape;
    for (size_t y = 0; y < shape->height; y++) {
        for (size_t x = 0; x < shape->width; x++) {
            size_t patch = y / shape->patch_height * road->columns + x / shape->patch_width;
            road->pixels.removed[cell(&road->pixels, y, x)] = mask[patch] != 0 ? 1.0 : 0.0;
        }
    }
    for (size_t p = 0; p < road->rows * road->columns; p++) {
        size_t at = cell(&road->patches, p / road->columns, p % road->columns);
        road->patches.removed[at] = mask[p] != 0 ? 1.0 : 0.0;
    }
}

/* Solves the same problem on the means of the patches: conjugate gradients carry a value by one
 * cell a step, so they had better not begin at 0 in the middle of a large hole. */
static void road_guess(struct road *road, const float *plane) {
    const struct road_shape *shape = &road->shape;
    struct lattice *patches = &road->patches;
    double area = (double) (shape->patch_height * shape->patch_width);
    for (size_t p = 0; p < road->rows * road->columns; p++) {
        patches->value[cell(patches, p / road->columns, p % road->columns)] = 0.0;
    }
    for (size_t y = 0; y < shape->height; y++) {
        for (size_t x = 0; x < shape->width; x++) {
            size_t at = cell(patches, y / shape->patch_height, x / shape->patch_width);
            /* Removed ones too: their own mean would show what was there. */
            patches->value[at] +=
                (1.0 - patches->removed[at]) * (double) plane[y * shape->width + x] / area;
        }
    }
    lattice_solve(patches);
}

/* The mean of the plane, for want of any known pixel. */
static void fill_mean(struct road *road, const float *plane) {
    size_t count = road->shape.height * road->shape.width;
    double sum = 0.0;
    for (size_t i = 0; i < count; i++) {
        sum += (double) plane[i];
    }
    for (size_t i = 0; i < cells(&road->pixels); i++) {
        road->pixels.value[i] = sum / (double) count;
    }
}

static void impute_plane(struct road *road, const float *plane, bool anything_known) {
    const struct road_shape *shape = &road->shape;
    struct lattice *pixels = &road->pixels;
    if (!anything_known) {
        fill_mean(road, plane);
        return;
    }
    road_guess(road, plane);
    memset(pixels->value, 0, cells(pixels) * sizeof(double));
    for (size_t y = 0; y < shape->height; y++) {
        for (size_t x = 0; x < shape->width; x++) {
            size_t at = cell(pixels, y, x);
            size_t patch = cell(&road->patches, y / shape->patch_height, x / shape->patch_width);
            pixels->value[at] = pixels->removed[at] != 0.0 ? road->patches.value[patch]
                                                           : (double) plane[y * shape->width + x];
        }
    }
    lattice_solve(pixels);
}

void road_impute(struct road *road, const float *input, const uint8_t *mask, const float *noise,
                 float *out) {
    const struct road_shape *shape = &road->shape;
    size_t area = shape->height * shape->width;
    size_t channels = shape->grey ? 1 : 3;
    size_t removed = 0;
    for (size_t p = 0; p < road->rows * road->columns; p++) {
        removed += mask[p] != 0;
    }
    memcpy(out, input, channels * area * sizeof *out);
    if (removed == 0) {
        return;
    }
    mark_removed(road, mask);
    for (size_t c = 0; c < channels; c++) {
        impute_plane(road, input + c * area, removed < road->rows * road->columns);
        for (size_t i = 0; i < area; i++) {
            size_t at = cell(&road->pixels, i / shape->width, i % shape->width);
            if (road->pixels.removed[at] != 0.0) {
                out[c * area + i] = (float) road->pixels.value[at] + noise[c * area + i];
            }
        }
    }
}
