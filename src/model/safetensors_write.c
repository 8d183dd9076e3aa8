/* safetensors_write.c - writes the safetensors container: length, JSON header padded to 8 bytes, tensors in the order
 * given. The same contents give the same bytes. */
#include "safetensors.h"

#include "file.h"
#include "size.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

static uint64_t element_count(const fg_tensor_out *tensor)
{
    uint64_t count = 1;
    for (uint64_t i = 0; i < tensor->rank; i++) count *= tensor->shape[i];
    return count;
}

static int add_number(cJSON *array, uint64_t value)
{
    return cJSON_AddItemToArray(array, cJSON_CreateNumber((double)value));
}

static int add_tensor(cJSON *header, const fg_tensor_out *tensor, uint64_t begin)
{
    cJSON *item = cJSON_AddObjectToObject(header, tensor->name);
    if (!item || !cJSON_AddStringToObject(item, "dtype", "F64")) return 0;
    cJSON *shape = cJSON_AddArrayToObject(item, "shape");
    for (uint64_t i = 0; i < tensor->rank; i++)
        if (!add_number(shape, tensor->shape[i])) return 0;
    cJSON *offsets = cJSON_AddArrayToObject(item, "data_offsets");
    return add_number(offsets, begin) && add_number(offsets, begin + element_count(tensor) * sizeof(double));
}

/* The JSON header as text, released with cJSON_free; NULL when memory ran out. */
static char *header_text(const fg_safetensors_out *contents)
{
    char *text = NULL;
    cJSON *header = cJSON_CreateObject();
    cJSON *metadata = cJSON_AddObjectToObject(header, "__metadata__");
    int is_complete = metadata != NULL;
    uint64_t begin = 0;
    for (size_t i = 0; is_complete && i < contents->metadata_count; i++)
        is_complete = cJSON_AddStringToObject(metadata, contents->metadata[i].key, contents->metadata[i].value) != NULL;
    for (size_t i = 0; is_complete && i < contents->tensor_count; i++) {
        is_complete = add_tensor(header, &contents->tensors[i], begin);
        begin += element_count(&contents->tensors[i]) * sizeof(double);
    }
    if (is_complete) text = cJSON_PrintUnformatted(header);
    cJSON_Delete(header);
    return text;
}

static void put_little_endian(unsigned char bytes[8], uint64_t value)
{
    for (int i = 0; i < 8; i++) bytes[i] = (unsigned char)(value >> 8 * i);
}

static fgmm_status write_tensor(fg_atomic_file *file, const fg_tensor_out *tensor)
{
    enum { CHUNK = 512 }; /* doubles written at once */
    unsigned char bytes[CHUNK * sizeof(double)];
    fgmm_status status = FGMM_OK;
    const uint64_t count = element_count(tensor);
    for (uint64_t i = 0; i < count; i += CHUNK) {
        const size_t present = (size_t)fg_min_u64(CHUNK, count - i);
        for (size_t j = 0; j < present; j++) {
            uint64_t bits;
            memcpy(&bits, &tensor->values[i + j], sizeof bits);
            put_little_endian(bytes + j * sizeof bits, bits);
        }
        FG_TRY(fg_atomic_write(file, bytes, present * sizeof(double)));
    }
done:
    return status;
}

fgmm_status fg_safetensors_write(const char *path, const fg_safetensors_out *contents)
{
    fgmm_status status = FGMM_OK;
    fg_atomic_file *file = NULL;
    unsigned char prefix[8];
    char *text = header_text(contents);
    FG_CHECK(text, FGMM_MEMORY, "%s: memory for the header ran out", path);
    const size_t length = strlen(text), padded = (size_t)fg_round_up(length, sizeof prefix);
    put_little_endian(prefix, padded);
    FG_TRY(fg_atomic_open(&file, path));
    FG_TRY(fg_atomic_write(file, prefix, sizeof prefix));
    FG_TRY(fg_atomic_write(file, text, length));
    FG_TRY(fg_atomic_write(file, "        ", padded - length));
    for (size_t i = 0; i < contents->tensor_count; i++) FG_TRY(write_tensor(file, &contents->tensors[i]));
    fg_atomic_file *finished = file;
    file = NULL; /* commit frees it in either case */
    FG_TRY(fg_atomic_commit(finished));
done:
    fg_atomic_abandon(file);
    cJSON_free(text);
    return status;
}
