/* NumPy's arrays of bytes as photographs: (height, width, 3), (height, width, 1) or (height,
 * width). Any other array is refused: a model input is no photograph, and its reader is not here.
 */
#include <string.h>

#include "base/npy.h"
#include "imgio/decode.h"

enum vitlrp_status decode_npy(const struct decode_input *input, struct decoded *out,
                              struct vitlrp_error *err) {
    struct npy_header header;
    TRY(npy_parse_header(input->source.memory, input->source.size, input->source.size, &header,
                         err));
    if (!npy_is_picture(&header)) {
        return fail(err, VITLRP_UNSUPPORTED,
                    "an .npy file is read as a photograph if it is uint8 in C order of shape "
                    "(height, width, 3), (height, width, 1) or (height, width)");
    }
    TRY(image_check_whole(input->limits, header.shape[1], header.shape[0], err));
    TRY(image_alloc((int32_t) header.shape[1], (int32_t) header.shape[0], &out->image, err));
    const uint8_t *values = input->source.memory + header.data_offset;
    if (header.rank == 3 && header.shape[2] == 3) {
        memcpy(out->image.rgb, values, header.count);
        return VITLRP_OK;
    }
    for (size_t i = 0; i < header.count; i++) {
        memset(out->image.rgb + 3 * i, values[i], 3);
    }
    return VITLRP_OK;
}
