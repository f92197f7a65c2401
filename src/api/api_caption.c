/* What a picture says of itself, for everybody who draws one. */
#include <math.h>
#include <stdio.h>

#include "api/api.h"
#include "api/growable.h"
#include "base/naming.h"

/* "koala (105)  36.5 %". */
static void append_likely(struct text *out, const struct vitlrp_likely *likely) {
    class_name_append(out, likely->found.label == NULL ? "" : likely->found.label,
                      likely->found.index);
    if (isnan(likely->probability)) {
        text_printf(out, "  %.4g", likely->logit);
    } else {
        text_printf(out, "  %.1f %%", 100.0 * likely->probability);
    }
}

/* The class; method and model; how much of the logit the map holds. */
static void append_caption(struct text *out, const struct vitlrp_caption *caption) {
    char name[80];
    char method[80];
    char whole[40];
    text_escape_name(name, sizeof name, model_short_name(caption->model));
    text_escape_name(method, sizeof method, caption->method);
    text_escape_name(whole, sizeof whole, caption->has_versus != 0 ? "difference" : caption->unit);
    append_likely(out, &caption->target);
    if (caption->has_versus != 0) {
        text_append_string(out, "  versus ");
        append_likely(out, &caption->versus);
    }
    text_printf(out, "\n%s, %s", method, name);
    if (caption->top_percent > 0.0) {
        text_printf(out, "\nthe largest %g %% of the map's values", caption->top_percent);
    } else if (caption->has_sums != 0) {
        text_printf(out, "\nthe map holds %.4g of the %s %.4g", caption->sum, whole,
                    caption->explained);
    }
}

enum vitlrp_status vitlrp_caption_compose(const struct vitlrp_caption *caption, char *text,
                                          size_t size, struct vitlrp_error *error) {
    struct vitlrp_caption known;
    struct text words = {.limit = VITLRP_CAPTION_SIZE};
    API_NEEDS(caption != NULL && text != NULL && size > 0, error);
    TRY(caption_read(caption, &known, error));
    API_NEEDS(known.model != NULL && known.method != NULL && known.unit != NULL, error);
    append_caption(&words, &known);
    enum vitlrp_status status = text_check(&words, "a caption", error);
    if (status == VITLRP_OK) {
        snprintf(text, size, "%s", words.data);
    }
    text_free(&words);
    return status;
}
