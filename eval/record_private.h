/* What the writer and the reader of records share. */
#ifndef EVAL_RECORD_PRIVATE_H
#define EVAL_RECORD_PRIVATE_H

#define RECORD_FORMAT "vitlrp evaluation 1"

/* Names of enum status, ended by NULL. */
extern const char *const RECORD_STATUSES[];

#endif
