/* What the parts of the page share. */
#ifndef EVAL_REPORT_PRIVATE_H
#define EVAL_REPORT_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"
#include "eval/record.h"
#include "eval/report.h"
#include "eval/summary.h"

/* Hues of the style. The first have solid lines; methods beyond all of them get the same ones with
 * other dashes. */
#define REPORT_HUES 8
#define REPORT_SOLID 4

/* An interval of fewer images is not shown, and nothing is said that rests on it. */
#define REPORT_INTERVAL_LEAST ((int) STANDING_LEAST)

struct report_page {
    const struct record *record;
    const struct summary *summary;
    struct text *out;
};

/* The style sheet. */
extern const char *const REPORT_STYLE;

/* Text for HTML, in an attribute too: markup is escaped, control characters and bytes that are not
 * UTF-8 become \xNN. */
void report_escape(struct text *out, const char *text);

#define REPORT_EDITS_LIMIT ((size_t) 4096)

/* Appends the names of the edits of the model's hidden units, the first of many; false: it has
 * none. */
bool report_edits(const struct evaluation *evaluation, struct text *out);

/* A number with a real minus sign, an en dash for NaN. */
void report_number(struct text *out, double value, int decimals);
void report_signed_number(struct text *out, double value, int decimals);

/* Class attributes of a method: "k3" names it, "h1" is its hue, "dash1" its dashes, "control" for
 * random and centre, which compete with nobody. */
void report_method_classes(const struct report_page *page, size_t method);

/* The first of a class's names: "tabby" of "tabby, tabby cat"; its WordNet id or index without one.
 */
void report_class_name(struct text *out, const struct record *record, int32_t output);

/* "patches", or of hidden units "units". */
const char *report_removed(const struct report_page *page);

/* What stands in the place of a patch, after "replaced by"; to be escaped. */
const char *report_replacement(enum vitlrp_replacement replacement);

bool report_has_interval(const struct vitlrp_statistic *statistic);

/* "3.80 (3.61 to 3.98)"; of too few images the mean alone. */
void report_mean(struct text *out, const struct vitlrp_statistic *statistic, int decimals);

/* The interval by itself, below a mean, with signs if asked; nothing of too few images. */
void report_interval(struct text *out, const struct vitlrp_statistic *statistic, int decimals,
                     bool is_signed);

/* The class of a paired difference: "ahead" or "behind" where its interval leaves out 0, else
 * "level". */
const char *report_verdict(const struct vitlrp_statistic *pair);

/* True if the leader is better than every other method under every replacement (eval/standing.h).
 */
bool report_leader_is_best(const struct report_page *page);

/* A sample of the method's line, for beside its name. */
void report_key(const struct report_page *page, size_t method);

/* "p = 0.012", for HTML. */
void report_p(struct text *out, double p);

/* Under several replacements: a choice of one for the section that it stands in, by radio buttons
 * of a name of its own. Nothing where there is one. */
void report_under_choice(const struct report_page *page, const char *section);

/* Class attributes, each behind a blank, of what is shown if that one is chosen. */
void report_under_classes(const struct report_page *page, size_t place);

/* The part of the style that shows what is chosen. A method that is the best on an image under
 * replacement 1 has the class "best1" there. */
void report_under_style(const struct report_page *page, struct text *out);

/* The leader's tests, and of several replacements the rankings under each. */
void report_standing(const struct report_page *page);

/* The tables of means. */
void report_results(const struct report_page *page);

/* Nothing where all curves are float32's. */
void report_audit(const struct report_page *page);
void report_forest(const struct report_page *page);
/* The part of the style that depends on the methods. */
void report_legend_style(const struct report_page *page, struct text *out);
enum vitlrp_status report_curves(const struct report_page *page, struct vitlrp_error *err);
/* Nothing where no image stands out by what the record has. */
enum vitlrp_status report_odd(const struct report_page *page, struct vitlrp_error *err);
enum vitlrp_status report_gallery(const struct report_page *page, struct vitlrp_error *err);

#endif
