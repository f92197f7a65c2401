/* Comparisons for qsort. */
#ifndef BASE_ORDER_H
#define BASE_ORDER_H

/* Ascending; none may be NaN. */
static inline int order_doubles(const void *left, const void *right) {
    double a = *(const double *) left;
    double b = *(const double *) right;
    return (a > b) - (a < b);
}

#endif
