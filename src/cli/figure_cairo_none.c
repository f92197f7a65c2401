/* Of a build without cairo's headers. */
#include "figure_cairo.h"

enum vitlrp_status figure_cairo_check(struct vitlrp_error *err) {
    return fail(
        err, VITLRP_UNSUPPORTED,
        "this vitlrp was built without cairo, which PDF, PNG and JPEG figures need (build it "
        "with libpango1.0-dev installed, or write .svg)");
}

enum vitlrp_status figure_cairo(const struct figure *figure, enum figure_format format,
                                const char *comment, struct bytes *out, struct vitlrp_error *err) {
    (void) figure, (void) format, (void) comment, (void) out;
    return figure_cairo_check(err);
}

enum vitlrp_status figure_cairo_png(const struct figure *figure, double scale, struct bytes *out,
                                    struct vitlrp_error *err) {
    (void) figure, (void) scale, (void) out;
    return figure_cairo_check(err);
}
