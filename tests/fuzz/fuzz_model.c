/* fuzz_model.c - any bytes, read as a model, as a checkpoint, as centroids and as an archive: an error that names the
 * file, or parameters that pass every check of a new model. Never anything else. */
#define _DEFAULT_SOURCE /* mkstemps */
#include "fuzz.h"

#include "centroids.h"
#include "model.h"
#include "npz_model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REQUIRE(condition)                                                                                             \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: %s (last error: %s)\n", __FILE__, __LINE__, #condition, fgmm_last_error());        \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

static void check(fgmm_model *model, fgmm_status status, const char *path)
{
    if (status != FGMM_OK) {
        REQUIRE(status == FGMM_FORMAT || status == FGMM_DATA || status == FGMM_IO || status == FGMM_MEMORY ||
                status == FGMM_UNSUPPORTED);
        REQUIRE(model == NULL && strncmp(fgmm_last_error(), path, strlen(path)) == 0);
        return;
    }
    const fg_parameters p = fg_model_parameters(model);
    fgmm_model *again;
    REQUIRE(fgmm_model_create(&again, p.covariance, p.k, p.d, p.weights, p.means, p.covariances) == FGMM_OK);
    fgmm_model_free(again);
    fgmm_model_free(model);
}

static void read_as_everything(const char *path)
{
    fgmm_model *model;
    fg_checkpoint checkpoint;
    fgmm_status status = fg_model_file_read(&model, NULL, path);
    check(model, status, path);
    status = fg_model_file_read(&model, &checkpoint, path);
    REQUIRE(status == FGMM_OK || (checkpoint.history == NULL && checkpoint.history_count == 0));
    for (uint64_t i = 0; i < checkpoint.history_count; i++) REQUIRE(isfinite(checkpoint.history[i]));
    fg_checkpoint_clear(&checkpoint);
    check(model, status, path);
    status = fg_centroids_read(&model, path);
    check(model, status, path);
    status = fg_npz_model_read(&model, path);
    check(model, status, path);
}

/* The length that makes everything up to the last brace the header, so that changes of it reach the JSON behind. */
static void fix_length(uint8_t *bytes, size_t count)
{
    size_t end = count;
    while (end > 8 && bytes[end - 1] != '}') end--;
    for (size_t i = 0; i < 8 && count >= 8; i++) bytes[i] = (uint8_t)((uint64_t)(end - 8) >> 8 * i);
}

static void read_bytes(const uint8_t *bytes, size_t count, const char *ending)
{
    char path[] = "/tmp/flashgmm-fuzz-XXXXXX.safetensors";
    strcpy(strchr(path, '.'), ending);
    const int file = mkstemps(path, (int)strlen(ending));
    REQUIRE(file >= 0 && write(file, bytes, count) == (ssize_t)count);
    close(file);
    read_as_everything(path);
    unlink(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    uint8_t *fixed = malloc(count ? count : 1);
    REQUIRE(fixed);
    if (count) memcpy(fixed, bytes, count);
    fix_length(fixed, count);
    read_bytes(bytes, count, ".npy");
    read_bytes(bytes, count, ".fvecs");
    read_bytes(bytes, count, ".npz");
    read_bytes(fixed, count, ".safetensors");
    free(fixed);
    return 0;
}

/* ---- seeds ---- */

/* Appends text or doubles; returns the new size. */
static size_t append(uint8_t *bytes, size_t count, const void *part, size_t length)
{
    memcpy(bytes + count, part, length);
    return count + length;
}

/* K = 2, D = 3, and one element more: 15 doubles. */
static const double payload[] = {0.5, 0.5, 1, 2, 3, 4, 5, 6, 1, 1, 1, 2, 2, 2, -3};
#define TENSORS                                                                                                        \
    "\"weights\":{\"dtype\":\"F64\",\"shape\":[2],\"data_offsets\":[0,16]},"                                           \
    "\"means\":{\"dtype\":\"F64\",\"shape\":[2,3],\"data_offsets\":[16,64]},"                                          \
    "\"covariances\":{\"dtype\":\"F64\",\"shape\":[2,3],\"data_offsets\":[64,112]}"

/* K = 2, D = 3, diag, as fgmm_model_export writes it: its directory and its checksums are what gets damaged. */
static size_t archive_seed(uint8_t *bytes, size_t capacity)
{
    char path[] = "/tmp/flashgmm-fuzz-XXXXXX.npz";
    fgmm_model *model;
    const int file = mkstemps(path, 4);
    REQUIRE(file >= 0);
    REQUIRE(fgmm_model_create(&model, FGMM_DIAG, 2, 3, payload, payload + 2, payload + 8) == FGMM_OK);
    REQUIRE(fg_npz_model_write(model, path) == FGMM_OK);
    fgmm_model_free(model);
    close(file);
    FILE *written = fopen(path, "rb"); /* not the file of the first name: it has been replaced */
    REQUIRE(written);
    const size_t count = fread(bytes, 1, capacity, written);
    fclose(written);
    unlink(path);
    return count;
}

size_t fuzz_seed(size_t index, uint8_t *bytes, size_t capacity)
{
    static const char *const headers[] = {
        "{" TENSORS ",\"x\":{\"dtype\":\"U8\",\"shape\":[2,2,1,1,2],\"data_offsets\":[112,120]}}   ",
        "{\"__metadata__\":{\"format_version\":\"1\",\"covariance_type\":\"diag\",\"rows\":\"9\",\"iterations\":\"3\","
        "\"log_likelihood\":\"-1.5\",\"seed\":\"0\",\"checkpoint.phase\":\"em\",\"checkpoint.kmeans_iterations\":"
        "\"10\","
        "\"checkpoint.iterations\":\"3\",\"checkpoint.repaired\":\"0\",\"checkpoint.batch_rows\":\"8\","
        "\"checkpoint.is_dense\":\"1\",\"checkpoint.inertia\":\"1e5\",\"checkpoint.tile\":\"T=1\"}," TENSORS
        ",\"checkpoint.history\":{\"dtype\":\"F64\",\"shape\":[1],\"data_offsets\":[112,120]}}",
    };
    static const char npy[] = "\x93NUMPY\x01\x00\x45\x00{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"
                              "         \nabc?efg?ijk?mno?qrs?uvw?";
    static const char fvecs[] = "\2\0\0\0abc?efg?\2\0\0\0ijk?mno?";
    enum { HEADERS = sizeof headers / sizeof headers[0] };
    if (capacity < 4096) return 0;
    if (index == HEADERS) return append(bytes, 0, npy, sizeof npy - 1);
    if (index == HEADERS + 1) return append(bytes, 0, fvecs, sizeof fvecs - 1);
    if (index == HEADERS + 2) return archive_seed(bytes, capacity);
    if (index > HEADERS) return 0;
    const uint8_t prefix[8] = {0};
    size_t count = append(bytes, 0, prefix, sizeof prefix);
    count = append(bytes, count, headers[index], strlen(headers[index]));
    count = append(bytes, count, payload, sizeof payload);
    for (int i = 0; i < 2; i++) bytes[i] = (uint8_t)(strlen(headers[index]) >> 8 * i);
    return count;
}
