#include "eval/unit_order.h"

static const size_t PER_CENT[UNIT_POINTS] = {0,  1,  2,  5,  10, 20, 35, 50,
                                             65, 80, 90, 95, 98, 99, 100};

size_t unit_order_count(size_t point, size_t units) {
    /* In integers: a share in floating point can fall on the wrong side of a half. */
    return (2 * PER_CENT[point] * units + 100) / 200;
}

double unit_order_share(size_t point, size_t units) {
    return (double) unit_order_count(point, units) / (double) units;
}

/* Up to a point, over the counts. */
static double sum_to(const float *curve, size_t point, size_t units) {
    double sum = 0.0;
    for (size_t k = 1; k <= point; k++) {
        double more = (double) (unit_order_count(k, units) - unit_order_count(k - 1, units));
        sum += more * 0.5 * ((double) curve[k - 1] + (double) curve[k]);
    }
    return sum;
}

double unit_order_area(const float *curve, size_t units) {
    return sum_to(curve, UNIT_POINTS - 1, units) / (double) units;
}

double unit_order_mean_to(const float *curve, size_t point, size_t units) {
    size_t off = unit_order_count(point, units);
    return off == 0 ? (double) curve[0] : sum_to(curve, point, units) / (double) off;
}

size_t unit_order_early(size_t place, size_t units) {
    static const size_t STEPS[] = {1, 2, 5};
    size_t count = STEPS[place % 3];
    for (size_t decade = 0; decade < place / 3 && count < units; decade++) {
        count *= 10;
    }
    return count < unit_order_count(UNIT_POINT_1, units) ? count : 0;
}
