/* Products with weights, tile by tile: the tiles cover an output once, and every backend, format
 * and direction gives the product that a plain loop gives. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "support/arrays.h"
#include "support/golden.h"
#include "vit/math/operand.h"
#include "vit/math/packs.h"

#include "support/unit.h"

static const size_t SIDES[] = {1, 3, 64, 65, 130, 200, 385, 1000, 3072};
enum { SIDE_COUNT = sizeof SIDES / sizeof SIDES[0] };

static void test_tiles_cover_an_output_once(void **unused) {
    (void) unused;
    for (size_t i = 0; i < SIDE_COUNT * SIDE_COUNT; i++) {
        size_t rows = SIDES[i / SIDE_COUNT];
        size_t columns = SIDES[i % SIDE_COUNT];
        struct gemm_grid grid = gemm_grid_of(rows, columns);
        size_t area = 0;
        size_t column = 0;
        size_t row = 0;
        for (size_t t = 0; t < gemm_grid_tiles(&grid); t++) {
            struct gemm_place place = gemm_grid_place(&grid, t);
            assert_true(place.rows >= 1 && place.rows <= GEMM_TILE_ROWS);
            assert_true(place.columns >= 1 && place.columns <= GEMM_TILE_COLUMNS);
            assert_true(place.column % 64 == 0);
            assert_int_equal(place.row, row);
            assert_int_equal(place.column, column);
            row = place.row + place.rows == rows ? 0 : place.row + place.rows;
            column = row == 0 ? place.column + place.columns : place.column;
            area += place.rows * place.columns;
        }
        assert_int_equal(area, rows * columns);
        assert_int_equal(column, columns);
    }
}

/* A product a B with B from random weights of which one column is 0. */
struct product_case {
    struct engine engine;
    struct gemm_weights weights;
    size_t rows;
    bool absolute;
    double tolerance;
    float *a;
    float *values;
};

static double weight_at(const struct product_case *c, size_t k, size_t n) {
    const struct gemm_weights *w = &c->weights;
    double value = (double) (w->transposed ? w->values[n * w->k + k] : w->values[k * w->n + n]);
    return c->absolute ? fabs(value) : value;
}

/* One element in double, and the sum of the sizes of its terms, against which rounding counts. */
static double expected_at(const struct product_case *c, size_t row, size_t column, double *size) {
    double sum = 0.0;
    *size = 1e-30;
    for (size_t k = 0; k < c->weights.k; k++) {
        double a = (double) c->a[row * c->weights.k + k];
        double term =
            (c->absolute && c->weights.transposed ? fabs(a) : a) * weight_at(c, k, column);
        sum += term;
        *size += fabs(term);
    }
    return sum;
}

static double value_at(const struct product_case *c, const struct operand *operand,
                       const struct gemm_place *place, const float *tile, size_t r, size_t j) {
    if (operand->scales == NULL) {
        return (double) tile[r * place->columns + j];
    }
    const int32_t *sums = (const int32_t *) (const void *) tile;
    return (double) sums[r * place->columns + j] * (double) operand->scales[place->row + r] *
           (double) c->weights.pack->scales[place->column + j];
}

static void check_product(const struct product_case *c, const char *what) {
    struct gemm_grid grid = gemm_grid_of(c->rows, c->weights.n);
    float *tile = mem_calloc(GEMM_TILE_FLOATS, sizeof *tile);
    void *buffer = mem_calloc(1, operand_bytes(c->rows, c->weights.k, sizeof(float)));
    bool absolute = c->absolute && c->weights.transposed;
    struct operand operand =
        operand_prepare(&c->engine, &c->weights,
                        &(struct operand_rows){c->rows, c->a, c->weights.k, absolute}, buffer);
    for (size_t t = 0; t < gemm_grid_tiles(&grid); t++) {
        struct gemm_place place = gemm_grid_place(&grid, t);
        operand_tile(&c->engine, 0, &operand, &c->weights, &place, tile);
        for (size_t i = 0; i < place.rows * place.columns; i += 1 + i % 7) {
            size_t r = i / place.columns;
            size_t j = i % place.columns;
            double size;
            double wanted = expected_at(c, place.row + r, place.column + j, &size);
            double got = value_at(c, &operand, &place, tile, r, j);
            if (!(fabs(got - wanted) <= c->tolerance * size)) {
                fail_msg("%s, [%zu, %zu] x [%zu, %zu]: %g instead of %g", what, c->rows,
                         c->weights.k, c->weights.k, c->weights.n, got, wanted);
            }
        }
    }
    struct vitlrp_error err;
    assert_int_equal(engine_check(&c->engine, &err), VITLRP_OK);
    mem_free(buffer);
    mem_free(tile);
}

/* The case with weights as they are stored and, where the backend has them, arranged. */
static void check_format(struct product_case *c, enum gemm_format format, const char *what) {
    struct gemm_pack *pack = NULL;
    struct vitlrp_error err;
    const struct gemm_packing *packing = c->engine.backend->packing;
    struct gemm_context *context = c->engine.threads[0].context;
    struct gemm_pack_request request = {c->engine.backend, &c->weights, format, c->absolute};
    size_t bytes = 0;
    enum vitlrp_status status = gemm_pack_bytes(&request, context, &bytes, &err);
    if (packing == NULL || !packing->supports(format)) {
        assert_int_equal(status, VITLRP_UNSUPPORTED);
        return;
    }
    void *block = mem_alloc_aligned(bytes, 1);
    if (status != VITLRP_OK || gemm_pack_open(&request, context, block, &pack, &err) != VITLRP_OK) {
        fail_msg("%s: %s", what, err.message);
    }
    c->weights.pack = pack;
    check_product(c, what);
    c->weights.pack = NULL;
    gemm_pack_close(pack);
    mem_free(block);
}

static void check_shape(struct product_case *c) {
    c->absolute = false;
    c->tolerance = 2e-6;
    check_product(c, "stored");
    check_format(c, GEMM_FP32, "float32");
    c->tolerance = 1.5e-5; /* two roundings to 16 bits, and a product left out */
    check_format(c, GEMM_BF16X3, "bfloat16 in two pieces");
    c->tolerance = 0x1p-7; /* both operands rounded to 8 bits */
    check_format(c, GEMM_BF16, "bfloat16");
    c->absolute = true;
    c->tolerance = 1.5e-5;
    check_format(c, GEMM_BF16X3, "|W| in two pieces");
    c->tolerance = 0x1p-7;
    if (!c->weights.transposed) {
        check_format(c, GEMM_BF16, "|W| in bfloat16");
    } else {
        c->tolerance = 2e-2; /* half a step of 127 against values of half the largest */
        check_format(c, GEMM_INT8, "|W| in bytes");
    }
}

static void check_backend(const char *backend) {
    static const size_t SHAPES[][3] = {{1, 64, 32},   {3, 7, 5},     {65, 192, 192},
                                       {17, 130, 33}, {226, 70, 96}, {5, 1000, 129}};
    struct test_random random = {11};
    struct vitlrp_error err;
    for (size_t i = 0; i < 2 * sizeof SHAPES / sizeof SHAPES[0]; i++) {
        const size_t *shape = SHAPES[i / 2];
        struct product_case c = {
            .rows = shape[0], .weights = {.n = shape[1], .k = shape[2], .transposed = i % 2 == 0}};
        assert_int_equal(engine_open(&c.engine, backend, 1, &err), VITLRP_OK);
        c.a = mem_calloc(c.rows * c.weights.k, sizeof *c.a);
        c.values = mem_calloc(c.weights.n * c.weights.k, sizeof *c.values);
        test_fill(&random, c.a, c.rows * c.weights.k, 1.0);
        test_fill(&random, c.values, c.weights.n * c.weights.k, 0.1);
        for (size_t k = 0; k < c.weights.k; k++) {
            c.values[c.weights.transposed ? k : k * c.weights.n] = 0.0F;
        }
        c.weights.values = c.values;
        check_shape(&c);
        mem_free(c.values);
        mem_free(c.a);
        engine_close(&c.engine);
    }
}

static void test_products_with_openblas(void **unused) {
    (void) unused;
    check_backend("openblas");
}

static void test_products_with_the_default(void **unused) {
    (void) unused;
    check_backend("auto");
}

/* Bytes are for |W| in the forward direction alone. */
static void test_bytes_are_refused_elsewhere(void **unused) {
    static const float values[64 * 64];
    struct gemm_weights weights = {.n = 64, .k = 64, .values = values, .transposed = true};
    struct engine engine = {0};
    struct vitlrp_error err;
    size_t bytes = 0;
    (void) unused;
    assert_int_equal(engine_open(&engine, "auto", 1, &err), VITLRP_OK);
    struct gemm_pack_request request = {engine.backend, &weights, GEMM_INT8, false};
    assert_int_equal(gemm_pack_bytes(&request, engine.threads[0].context, &bytes, &err),
                     VITLRP_UNSUPPORTED);
    weights.transposed = false;
    request.absolute = true;
    assert_int_equal(gemm_pack_bytes(&request, engine.threads[0].context, &bytes, &err),
                     VITLRP_UNSUPPORTED);
    engine_close(&engine);
}

/* |W| is arranged of the layers that ask for it, and W itself of all. */
static void test_layers_that_are_arranged(void **unused) {
    enum { SIZE = 64 };
    const struct packs_request request = {.precision = VITLRP_PRECISION_BF16, .backward = true};
    struct test_random random = {5};
    struct packed_layer layers[2] = {{.absolute = true}, {.absolute = false}};
    struct linear_packs packs[2];
    struct engine engine = {0};
    struct vitlrp_error err;
    (void) unused;
    assert_int_equal(engine_open(&engine, "auto", 1, &err), VITLRP_OK);
    bool is_fast = packs_precision(engine.backend, VITLRP_PRECISION_BF16) == VITLRP_PRECISION_BF16;
    float *weight = random_floats(&random, (size_t) SIZE * SIZE, 1.0);
    struct pack_store *store = pack_store_open(2);
    assert_non_null(store);
    for (size_t i = 0; i < 2; i++) {
        layers[i].layer = (struct linear){.weight = weight, .outputs = SIZE, .inputs = SIZE};
    }
    assert_int_equal(packs_choose(store, layers, &engine, &request, packs, &err), VITLRP_OK);
    for (size_t i = 0; is_fast && i < 2; i++) {
        assert_non_null(packs[i].forward);
        assert_non_null(packs[i].backward);
        assert_int_equal(packs[i].absolute_forward != NULL, layers[i].absolute);
        assert_int_equal(packs[i].absolute_backward != NULL, layers[i].absolute);
    }
    pack_store_close(store);
    mem_free(weight);
    engine_close(&engine);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tiles_cover_an_output_once),
        cmocka_unit_test(test_products_with_openblas),
        cmocka_unit_test(test_products_with_the_default),
        cmocka_unit_test(test_bytes_are_refused_elsewhere),
        cmocka_unit_test(test_layers_that_are_arranged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
