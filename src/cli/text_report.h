/* The report for people on standard output. */
#ifndef CLI_TEXT_REPORT_H
#define CLI_TEXT_REPORT_H

#include "base/text.h"
#include "explanation.h"

/* The image and the model's most likely classes. */
void report_prediction(struct text *out, const struct explanation *explanation);

/* What was explained, and how much of it the map holds. */
void report_class(struct text *out, const struct explanation *explanation);

/* Where relevance was absorbed, one line a block, and whether the sums close. */
void report_ledger(struct text *out, const struct explanation *explanation);

#endif
