#include "imgio/colorbar.h"

#include <string.h>

#include "base/print_plain.h"

#define DIGITS_MIN 2
#define DIGITS_MAX 7
#define ZERO_ROOM 0.08F /* closer to an end, zero has no label of its own */

static const char minus_sign[] = "\xE2\x88\x92";

/* "+0.012" with a proper minus sign. */
static void label_write(char *out, size_t size, float value, int digits, bool with_sign) {
    char plain[24];
    size_t used = 0;
    print_plain(plain, sizeof plain, with_sign ? "%+.*g" : "%.*g", digits, (double) value);
    for (const char *p = plain; *p != '\0' && used + sizeof minus_sign < size; p++) {
        if (*p == '-') {
            memcpy(out + used, minus_sign, sizeof minus_sign - 1);
            used += sizeof minus_sign - 1;
        } else {
            out[used++] = *p;
        }
    }
    out[used] = '\0';
}

struct colorbar colorbar_make(const struct colormap *colors, const struct render_scale *scale) {
    struct colorbar bar = {.colors = colors, .scale = *scale};
    float low = scale->range.low;
    float high = scale->range.high;
    char *upper = bar.labels[0].text;
    char *lower = bar.labels[2].text;
    bool with_sign = scale->around_zero;
    bar.labels[2].position = 1.0F;
    if (!(high > low)) {
        bar.labels[0].position = 0.5F;
        label_write(upper, sizeof bar.labels[0].text, high, DIGITS_MIN, with_sign && high != 0.0F);
        return bar;
    }
    for (int digits = DIGITS_MIN; digits <= DIGITS_MAX; digits++) {
        label_write(upper, sizeof bar.labels[0].text, high, digits, with_sign && high != 0.0F);
        label_write(lower, sizeof bar.labels[2].text, low, digits, with_sign && low != 0.0F);
        if (strcmp(upper, lower) != 0) {
            break;
        }
    }
    float zero = high / (high - low);
    if (zero > ZERO_ROOM && zero < 1.0F - ZERO_ROOM) {
        bar.labels[1] = (struct colorbar_label){"0", zero};
    }
    return bar;
}

const uint8_t *colorbar_color(const struct colorbar *bar, float position) {
    const struct heatmap_range *range = &bar->scale.range;
    float value = range->high + position * (range->low - range->high);
    return bar->colors->rgb[render_entry(&bar->scale, value)];
}
