/* safetensors.c - reads the safetensors container; nothing in the header is believed before it is checked.
 * safetensors_write.c writes it. */
#define _POSIX_C_SOURCE 200809L
#include "safetensors.h"

#include "size.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Our headers are under a kilobyte; foreign files with 100,000 tensors fit as well. */
static const uint64_t MAX_HEADER_BYTES = 16u << 20;
/* A value of the header takes up to so many bytes as cJSON keeps it, names and tables included. A small file may not
 * claim many: docs/formats.md states a bound on memory. */
enum { BYTES_PER_VALUE = 192 };
static const uint64_t MIN_VALUE_BYTES = 48u << 20;
/* Whole numbers that a double, and so JSON, holds exactly. */
static const double MAX_WHOLE = 0x1p53;

typedef unsigned long long ull;

struct fg_safetensors {
    char *path;
    FILE *stream;
    uint64_t data_at, data_bytes; /* where tensors begin; how many bytes they have */
    char *header;
    cJSON *json;
    fg_tensor *tensors; /* (count) by begin */
    size_t count;
};

typedef struct tensor_type {
    const char *name;
    uint64_t bytes;
} tensor_type;

static const tensor_type TYPES[] = {
    {"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"F8_E5M2", 1}, {"F8_E4M3", 1}, {"U16", 2}, {"I16", 2}, {"F16", 2},
    {"BF16", 2}, {"U32", 4}, {"I32", 4}, {"F32", 4},     {"U64", 8},     {"I64", 8}, {"F64", 8},
};

static uint64_t type_bytes(const char *dtype)
{
    for (size_t i = 0; i < sizeof TYPES / sizeof TYPES[0]; i++)
        if (strcmp(TYPES[i].name, dtype) == 0) return TYPES[i].bytes;
    return 0;
}

static uint64_t little_endian(const unsigned char *bytes, unsigned count)
{
    uint64_t value = 0;
    for (unsigned i = count; i-- > 0;) value = value << 8 | bytes[i];
    return value;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* JSON lets a key appear twice, and readers disagree on which one counts: refused. */
static fgmm_status check_unique(const fg_safetensors *file, const cJSON *object, const char *what)
{
    fgmm_status status = FGMM_OK;
    const char **names = NULL;
    size_t count = 0;
    const cJSON *item;
    FG_TRY(FG_ALLOC(&names, (uint64_t)cJSON_GetArraySize(object), "names in a header"));
    cJSON_ArrayForEach(item, object) names[count++] = item->string;
    qsort(names, count, sizeof *names, by_text);
    for (size_t i = 1; i < count; i++)
        FG_CHECK(strcmp(names[i - 1], names[i]) != 0, FGMM_FORMAT, "%s: %s has the key \"%.64s\" twice", file->path,
                 what, names[i]);
done:
    free(names);
    return status;
}

static fgmm_status whole_number(const fg_safetensors *file, uint64_t *value, const cJSON *item, const char *tensor)
{
    fgmm_status status = FGMM_OK;
    FG_CHECK(cJSON_IsNumber(item), FGMM_FORMAT, "%s: tensor \"%.64s\": shape and data_offsets must be numbers",
             file->path, tensor);
    const double number = item->valuedouble;
    FG_CHECK(number >= 0 && number <= MAX_WHOLE && floor(number) == number, FGMM_FORMAT,
             "%s: tensor \"%.64s\": %g is not a whole number of 0..2^53", file->path, tensor, number);
    *value = (uint64_t)number;
done:
    return status;
}

static fgmm_status parse_shape(const fg_safetensors *file, fg_tensor *tensor, const cJSON *shape)
{
    fgmm_status status = FGMM_OK;
    const uint64_t element = type_bytes(tensor->dtype), bytes = tensor->end - tensor->begin;
    const uint64_t most = UINT64_C(1) << 60; /* the product stops here: no file is as large */
    uint64_t product = element;
    const cJSON *extent;
    cJSON_ArrayForEach(extent, shape)
    {
        uint64_t value = 0;
        FG_TRY(whole_number(file, &value, extent, tensor->name));
        if (tensor->rank < FG_TENSOR_RANK) tensor->shape[tensor->rank] = value;
        tensor->rank++;
        product = value != 0 && product > most / value ? most : product * value;
    }
    FG_CHECK(element == 0 || product == bytes, FGMM_FORMAT,
             "%s: tensor \"%.64s\": its shape and type %.16s do not make %llu bytes", file->path, tensor->name,
             tensor->dtype, (ull)bytes);
done:
    return status;
}

static fgmm_status parse_tensor(const fg_safetensors *file, fg_tensor *tensor, const cJSON *item)
{
    fgmm_status status = FGMM_OK;
    const char *name = item->string;
    FG_CHECK(cJSON_IsObject(item), FGMM_FORMAT, "%s: tensor \"%.64s\" is not an object", file->path, name);
    FG_TRY(check_unique(file, item, "a tensor"));
    const cJSON *dtype = cJSON_GetObjectItemCaseSensitive(item, "dtype");
    const cJSON *shape = cJSON_GetObjectItemCaseSensitive(item, "shape");
    const cJSON *offsets = cJSON_GetObjectItemCaseSensitive(item, "data_offsets");
    FG_CHECK(cJSON_IsString(dtype), FGMM_FORMAT, "%s: tensor \"%.64s\" has no dtype", file->path, name);
    FG_CHECK(cJSON_IsArray(shape), FGMM_FORMAT, "%s: tensor \"%.64s\" has no shape", file->path, name);
    FG_CHECK(cJSON_IsArray(offsets) && cJSON_GetArraySize(offsets) == 2, FGMM_FORMAT,
             "%s: tensor \"%.64s\" has no two data_offsets", file->path, name);
    *tensor = (fg_tensor){.name = name, .dtype = dtype->valuestring};
    FG_TRY(whole_number(file, &tensor->begin, offsets->child, name));
    FG_TRY(whole_number(file, &tensor->end, offsets->child->next, name));
    FG_CHECK(tensor->begin <= tensor->end && tensor->end <= file->data_bytes, FGMM_FORMAT,
             "%s: tensor \"%.64s\": data_offsets %llu, %llu; need begin <= end <= %llu", file->path, name,
             (ull)tensor->begin, (ull)tensor->end, (ull)file->data_bytes);
    FG_TRY(parse_shape(file, tensor, shape));
done:
    return status;
}

static fgmm_status check_metadata(const fg_safetensors *file, const cJSON *metadata)
{
    fgmm_status status = FGMM_OK;
    const cJSON *item;
    FG_CHECK(cJSON_IsObject(metadata), FGMM_FORMAT, "%s: __metadata__ is not an object", file->path);
    FG_TRY(check_unique(file, metadata, "__metadata__"));
    cJSON_ArrayForEach(item, metadata) FG_CHECK(cJSON_IsString(item), FGMM_FORMAT,
                                                "%s: __metadata__ \"%.64s\" is not a string", file->path, item->string);
done:
    return status;
}

static int by_begin(const void *left, const void *right)
{
    const fg_tensor *a = left, *b = right;
    if (a->begin != b->begin) return a->begin < b->begin ? -1 : 1;
    return a->end < b->end ? -1 : a->end > b->end;
}

/* Tensors follow each other without gap or overlap, to the end of the file. */
static fgmm_status check_cover(const fg_safetensors *file)
{
    fgmm_status status = FGMM_OK;
    uint64_t expected = 0;
    for (size_t i = 0; i < file->count; i++) {
        FG_CHECK(file->tensors[i].begin == expected, FGMM_FORMAT,
                 "%s: tensor \"%.64s\" begins at byte %llu, its predecessor ends at %llu; need no gap and no overlap",
                 file->path, file->tensors[i].name, (ull)file->tensors[i].begin, (ull)expected);
        expected = file->tensors[i].end;
    }
    FG_CHECK(expected == file->data_bytes, FGMM_FORMAT, "%s: tensors end at byte %llu of %llu", file->path,
             (ull)expected, (ull)file->data_bytes);
done:
    return status;
}

/* Every value but the first of a list follows one of these; those within strings do no harm. */
static fgmm_status check_values(const fg_safetensors *file, size_t length)
{
    fgmm_status status = FGMM_OK;
    const uint64_t most = (MIN_VALUE_BYTES + 8 * (file->data_at + file->data_bytes)) / BYTES_PER_VALUE;
    uint64_t values = 1;
    for (size_t i = 0; i < length; i++)
        values += file->header[i] == ',' || file->header[i] == '[' || file->header[i] == '{';
    FG_CHECK(values <= most, FGMM_FORMAT, "%s: its header holds %llu values; a file of %llu bytes may have %llu",
             file->path, (ull)values, (ull)(file->data_at + file->data_bytes), (ull)most);
done:
    return status;
}

static fgmm_status parse_header(fg_safetensors *file, size_t length)
{
    fgmm_status status = FGMM_OK;
    const char *end = NULL;
    FG_TRY(check_values(file, length));
    file->json = cJSON_ParseWithLengthOpts(file->header, length, &end, 0);
    FG_CHECK(file->json && cJSON_IsObject(file->json), FGMM_FORMAT, "%s: its header is not a JSON object", file->path);
    for (const char *at = end; at < file->header + length; at++)
        FG_CHECK(*at == ' ', FGMM_FORMAT, "%s: its header goes on after the JSON object", file->path);
    FG_TRY(check_unique(file, file->json, "the header"));
    FG_TRY(FG_ALLOC(&file->tensors, (uint64_t)cJSON_GetArraySize(file->json), "tensors of a header"));
    const cJSON *item;
    cJSON_ArrayForEach(item, file->json)
    {
        if (strcmp(item->string, "__metadata__") == 0)
            FG_TRY(check_metadata(file, item));
        else
            FG_TRY(parse_tensor(file, &file->tensors[file->count++], item));
    }
    qsort(file->tensors, file->count, sizeof *file->tensors, by_begin);
    FG_TRY(check_cover(file));
done:
    return status;
}

fgmm_status fg_safetensors_open(fg_safetensors **out, const char *path)
{
    fgmm_status status = FGMM_OK;
    fg_safetensors *file = NULL;
    unsigned char prefix[8];
    struct stat facts;
    *out = NULL;
    FG_TRY(FG_ALLOC(&file, 1, "model file"));
    FG_TRY(FG_ALLOC(&file->path, strlen(path) + 1, "file name"));
    strcpy(file->path, path);
    file->stream = fopen(path, "rb");
    FG_CHECK(file->stream, FGMM_IO, "%s: cannot be opened: %s", path, strerror(errno));
    FG_CHECK(fstat(fileno(file->stream), &facts) == 0, FGMM_IO, "%s: %s", path, strerror(errno));
    FG_CHECK(S_ISREG(facts.st_mode), FGMM_IO, "%s: is not a regular file", path);
    const uint64_t bytes = (uint64_t)facts.st_size;
    FG_CHECK(bytes >= sizeof prefix, FGMM_FORMAT, "%s: has %llu bytes; a safetensors file has more", path, (ull)bytes);
    FG_CHECK(fread(prefix, 1, sizeof prefix, file->stream) == sizeof prefix, FGMM_IO, "%s: reading failed", path);
    const uint64_t length = little_endian(prefix, sizeof prefix);
    FG_CHECK(
        length <= bytes - sizeof prefix && length <= MAX_HEADER_BYTES, FGMM_FORMAT,
        "%s: not a safetensors file (nor named as another model: .npz, .npy, .fvecs): header length %llu; need at most "
        "%llu",
        path, (ull)length, (ull)fg_min_u64(bytes - sizeof prefix, MAX_HEADER_BYTES));
    FG_TRY(FG_ALLOC(&file->header, length + 1, "model file header"));
    FG_CHECK(fread(file->header, 1, (size_t)length, file->stream) == length, FGMM_IO, "%s: reading failed", path);
    file->data_at = sizeof prefix + length;
    file->data_bytes = bytes - file->data_at;
    FG_TRY(parse_header(file, (size_t)length));
    *out = file;
    file = NULL;
done:
    fg_safetensors_close(file);
    return status;
}

void fg_safetensors_close(fg_safetensors *file)
{
    if (!file) return;
    free(file->tensors);
    cJSON_Delete(file->json);
    free(file->header);
    if (file->stream) fclose(file->stream);
    free(file->path);
    free(file);
}

const fg_tensor *fg_safetensors_tensor(const fg_safetensors *file, const char *name)
{
    for (size_t i = 0; i < file->count; i++)
        if (strcmp(file->tensors[i].name, name) == 0) return &file->tensors[i];
    return NULL;
}

const char *fg_safetensors_metadata(const fg_safetensors *file, const char *key)
{
    const cJSON *metadata = cJSON_GetObjectItemCaseSensitive(file->json, "__metadata__");
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(metadata, key));
}

static double as_double(const unsigned char *bytes, uint64_t width)
{
    const uint64_t bits = little_endian(bytes, (unsigned)width);
    const uint32_t low = (uint32_t)bits;
    double wide;
    float narrow;
    memcpy(&wide, &bits, sizeof wide);
    memcpy(&narrow, &low, sizeof narrow);
    return width == sizeof wide ? wide : (double)narrow;
}

fgmm_status fg_safetensors_read(double **values, fg_safetensors *file, const fg_tensor *tensor)
{
    fgmm_status status = FGMM_OK;
    double *array = NULL;
    unsigned char *bytes = NULL;
    *values = NULL;
    FG_CHECK(strcmp(tensor->dtype, "F64") == 0 || strcmp(tensor->dtype, "F32") == 0, FGMM_FORMAT,
             "tensor \"%s\" has type %.16s; need F64 or F32", tensor->name, tensor->dtype);
    const uint64_t width = type_bytes(tensor->dtype), count = (tensor->end - tensor->begin) / width;
    FG_TRY(FG_ALLOC(&array, count, tensor->name));
    FG_TRY(FG_ALLOC(&bytes, count * width, tensor->name));
    FG_CHECK(fseeko(file->stream, (off_t)(file->data_at + tensor->begin), SEEK_SET) == 0, FGMM_IO, "reading failed: %s",
             strerror(errno));
    FG_CHECK(fread(bytes, (size_t)width, (size_t)count, file->stream) == count, FGMM_IO, "reading failed: %s",
             ferror(file->stream) ? strerror(errno) : "the file became shorter");
    for (uint64_t i = 0; i < count; i++) array[i] = as_double(bytes + i * width, width);
    *values = array;
    array = NULL;
done:
    free(bytes);
    free(array);
    return status;
}
