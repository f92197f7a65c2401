/* What people see of an evaluation. Every report is a function of the record: the same record gives
 * the same bytes. */
#ifndef EVAL_REPORT_H
#define EVAL_REPORT_H

#include "base/status.h"
#include "base/text.h"
#include "eval/record.h"
#include "eval/summary.h"

/* A table for a terminal, best method first. */
void report_table(const struct record *record, const struct summary *summary, struct text *out);

/* One row for each image, method and replacement, one for an image that failed. Fields that a
 * spreadsheet would take for a formula begin with an apostrophe. A sink as in record_write. */
enum vitlrp_status report_csv(const struct record *record, const struct report_sink *sink,
                              struct text *out, struct vitlrp_error *err);

/* One page that needs nothing else: no script, no font, no picture from elsewhere. NOMEM, or FORMAT
 * for a picture of the record that is none. */
enum vitlrp_status report_html(const struct record *record, const struct summary *summary,
                               struct text *out, struct vitlrp_error *err);

#endif
