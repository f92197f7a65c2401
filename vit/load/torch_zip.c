/* torch.save's container since PyTorch 1.6: a zip archive of one folder with a pickle, data.pkl,
 * and one record for each storage. TorchScript's archives are alike; of these the program (code/,
 * constants.pkl) is never read. Refuses big-endian archives. */
#include <string.h>

#include "vit/load/checkpoint.h"
#include "vit/load/pickle.h"
#include "vit/load/torch_state.h"
#include "vit/load/zip.h"

#define MAX_PATH ((size_t) 4096 + 64)

/* The archive and its folder's name. */
struct archive {
    const struct zip *zip;
    const char *folder;
    size_t folder_length; /* with its slash */
};

static const struct zip_entry *find_in(const struct archive *archive, const char *name,
                                       size_t length) {
    char path[MAX_PATH];
    if (archive->folder_length + length >= sizeof path) {
        return NULL;
    }
    memcpy(path, archive->folder, archive->folder_length);
    memcpy(path + archive->folder_length, name, length);
    path[archive->folder_length + length] = '\0';
    return zip_find(archive->zip, path);
}

static enum vitlrp_status find_storage(const void *context, const struct pickle_value *storage,
                                       struct extent *out, struct vitlrp_error *err) {
    char name[TENSOR_MAX_NAME];
    const struct zip_entry *entry = NULL;
    if (storage->length < sizeof name - 5 && memchr(storage->text, '\0', storage->length) == NULL) {
        memcpy(name, "data/", 5);
        memcpy(name + 5, storage->text, storage->length);
        entry = find_in(context, name, 5 + storage->length);
    }
    if (entry == NULL) {
        return fail(err, VITLRP_FORMAT, "its storage is missing in the archive");
    }
    *out = entry->extent;
    return VITLRP_OK;
}

static enum vitlrp_status check_byte_order(const struct archive *archive,
                                           struct vitlrp_error *err) {
    struct bytes order = {0};
    const struct zip_entry *entry = find_in(archive, "byteorder", strlen("byteorder"));
    if (entry == NULL) {
        return VITLRP_OK;
    }
    TRY(payload_read_all(archive->zip->source, &entry->extent, 64, &order, err));
    enum vitlrp_status status = VITLRP_OK;
    if (order.size != 6 || memcmp(order.data, "little", 6) != 0) {
        status = fail(err, VITLRP_UNSUPPORTED, "saved on a big-endian machine, which is not read");
    }
    bytes_free(&order);
    return status;
}

enum vitlrp_status torch_zip_read(const struct zip *zip, struct checkpoint *out,
                                  struct vitlrp_error *err) {
    static const char PICKLE[] = "/data.pkl";
    struct archive archive = {.zip = zip};
    const struct zip_entry *entry = NULL;
    struct bytes bytes = {0};
    struct pickle pickle = {0};
    size_t consumed = 0;
    enum vitlrp_status status = VITLRP_OK;
    for (size_t i = 0; i < zip->count && entry == NULL; i++) {
        const char *slash = strchr(zip->entries[i].name, '/');
        if (slash != NULL && strcmp(slash, PICKLE) == 0) {
            entry = &zip->entries[i];
            archive.folder = entry->name;
            archive.folder_length = (size_t) (slash - entry->name) + 1;
        }
    }
    if (entry == NULL) {
        return fail(err, VITLRP_UNSUPPORTED, "a zip archive without a data.pkl: not a checkpoint");
    }
    TRY(check_byte_order(&archive, err));
    TRY(payload_read_all(zip->source, &entry->extent, out->limits->max_table_bytes, &bytes, err));
    TRY_GOTO(status,
             pickle_parse(bytes.data, bytes.size, out->limits->max_pickle_opcodes, &consumed,
                          &pickle, err),
             cleanup);
    struct storage_finder finder = {find_storage, &archive};
    out->container = "pytorch zip";
    status = torch_state_read(&pickle, &finder, out, err);

cleanup:
    pickle_free(&pickle);
    bytes_free(&bytes);
    return status;
}
