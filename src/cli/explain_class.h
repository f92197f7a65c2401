/* One class of the image that the session's last forward saw: relevance, files and reports. */
#ifndef CLI_EXPLAIN_CLASS_H
#define CLI_EXPLAIN_CLASS_H

#include "base/status.h"
#include "explain_session.h"
#include "explanation.h"

/* Computes the relevance of explanation->target (against its versus) into the session's map and
 * ledger; fills what it finds out into *explanation. */
enum vitlrp_status explain_relevance(struct explain_session *state, struct explanation *explanation,
                                     struct vitlrp_error *err);

/* Draws the map. The bytes are released with vitlrp_free. */
enum vitlrp_status explain_render(const struct explain_session *state,
                                  struct explanation *explanation, unsigned char **data,
                                  size_t *size, struct vitlrp_error *err);

/* Writes the files of this class, the picture (`data`, NULL without one) among them, and says so in
 * *report. */
enum vitlrp_status explain_write(struct explain_session *state,
                                 const struct explanation *explanation, const unsigned char *data,
                                 size_t size, struct text *report, struct vitlrp_error *err);

/* Writes one array that belongs to the image or the class, if that kind of output is wanted. */
enum vitlrp_status explain_write_array(const struct explain_session *state, enum output_kind kind,
                                       const struct explanation *explanation,
                                       const char *class_name, const float *values, size_t rank,
                                       const size_t *shape, struct text *report,
                                       struct vitlrp_error *err);

#endif
