/* What the writer and the reader of records share. */
#ifndef EVAL_RECORD_PRIVATE_H
#define EVAL_RECORD_PRIVATE_H

#include "eval/eval_results.h"

/* Names of enum eval_curve. */
extern const char *const RECORD_CURVES[EVAL_CURVES];

#endif
