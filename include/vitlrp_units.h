/* vitlrp: the hidden units of a model. Conventions, objects and error handling are those of
 * vitlrp.h.
 */
#ifndef VITLRP_UNITS_H
#define VITLRP_UNITS_H

#include "vitlrp.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Room for the name of any unit, with its end. */
#define VITLRP_UNIT_NAME 40

/* The unit of a name, "4:fc1:367", whether a model has it or not. USAGE for what is no such name.
 * Any thread. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_unit_parse(const char *text, struct vitlrp_unit *unit, struct vitlrp_error *error);

/* The name of a unit, in name [VITLRP_UNIT_NAME]; empty if there is no such site. Any thread. */
VITLRP_API void vitlrp_unit_name(const struct vitlrp_unit *unit, char *name);

/* Units of that site in a block of the model: neurons of its MLP, heads, dimensions of the stream.
 * 0 if there is no such site. Any thread. */
VITLRP_API int32_t vitlrp_model_site_width(const struct vitlrp_model *model, enum vitlrp_site site);

/* Refuses a unit that the model does not have: USAGE, with the range. Any thread. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_model_check_unit(const struct vitlrp_model *model, const struct vitlrp_unit *unit,
                        struct vitlrp_error *error);

#ifdef __cplusplus
}
#endif

#endif
