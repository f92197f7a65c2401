#include "figure_format.h"

#include <strings.h>

#include "figure/figure_svg.h"
#include "figure_cairo.h"
#include "names.h"

enum figure_format figure_format_of(const char *name) {
    static const struct {
        const char *extension;
        enum figure_format format;
    } FORMATS[] = {{".png", FIGURE_PNG}, {".jpg", FIGURE_JPEG}, {".jpeg", FIGURE_JPEG},
                   {".svg", FIGURE_SVG}, {".pdf", FIGURE_PDF},  {".apng", FIGURE_APNG}};
    const char *extension = name_extension(name);
    for (size_t i = 0; i < sizeof FORMATS / sizeof FORMATS[0]; i++) {
        if (strcasecmp(extension, FORMATS[i].extension) == 0) {
            return FORMATS[i].format;
        }
    }
    return FIGURE_NONE;
}

enum vitlrp_status figure_check(enum figure_format format, struct vitlrp_error *err) {
    return format == FIGURE_SVG ? VITLRP_OK : figure_cairo_check(err);
}

enum vitlrp_status figure_encode(const struct figure *figure, enum figure_format format,
                                 const char *comment, struct bytes *out, struct vitlrp_error *err) {
    TRY(figure_check_complete(figure, err));
    return format == FIGURE_SVG ? figure_svg(figure, comment, out, err)
                                : figure_cairo(figure, format, comment, out, err);
}
