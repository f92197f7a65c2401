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

double unit_order_area(const float *curve, size_t units) {
    double sum = 0.0;
    for (size_t k = 1; k < UNIT_POINTS; k++) {
        double more = (double) (unit_order_count(k, units) - unit_order_count(k - 1, units));
        sum += more * 0.5 * ((double) curve[k - 1] + (double) curve[k]);
    }
    return sum / (double) units;
}
